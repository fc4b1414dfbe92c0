"""The scikit-learn face: forms of X, answers, parameters, errors."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError as SklearnNotFittedError
from sklearn.utils.validation import check_is_fitted

from asot import ActionSegmenter, evaluate
from asot.baselines import KMeansSegmenter
from asot.data import Recordings
from asot.errors import ArgumentError, AsotError
from asot.model.segmenter import NotFittedError

# The paper's network.
SINGLE = {"team": 0, "order_prior": 0.15, "radius": 0.04}
# What is the default, smaller; and with the number of actions found, too.
TEAM = {"team": 1, "order_prior": "auto", "radius": "auto"}
FACES = [SINGLE, TEAM, {**TEAM, "n_actions": "auto"}]
Make = Callable[..., ActionSegmenter]


class PowerCutError(Exception):
    """What a test stops a training with."""


class Counted(Sequence[np.ndarray]):
    """A lazy sequence that knows how many of its arrays are alive."""

    def __init__(self, arrays: list[np.ndarray]) -> None:
        self.arrays = arrays
        self.alive: weakref.WeakSet[Any] = weakref.WeakSet()
        self.most = 0

    def __len__(self) -> int:
        return len(self.arrays)

    def __getitem__(self, index: Any) -> np.ndarray:
        class Array(np.ndarray):
            __hash__ = object.__hash__

        opened = self.arrays[index].copy().view(Array)
        if len(self.alive) > 3:
            gc.collect()
        self.alive.add(opened)
        self.most = max(self.most, len(self.alive))
        return opened


def test_answers_have_the_form_of_a_list(make: Make, X: list[np.ndarray]) -> None:
    segmenter = make()
    labels = segmenter.fit_predict(X)
    assert isinstance(labels, list)
    proba, embedded = segmenter.predict_proba(X), segmenter.transform(X)
    for i, x in enumerate(X):
        assert labels[i].shape == (len(x),)
        assert labels[i].dtype == np.int64
        assert proba[i].shape == (len(x), 3)
        assert proba[i].dtype == np.float32
        np.testing.assert_allclose(proba[i].sum(axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(proba[i].argmax(axis=1), labels[i])
        assert embedded[i].shape == (len(x), 6)
        assert embedded[i].dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(embedded[i], axis=1), 1, atol=1e-5)


def test_one_array_in_one_array_out(make: Make, X: list[np.ndarray], recordings: Any) -> None:
    segmenter = make()
    labels = segmenter.fit_predict(X[0])
    assert labels.shape == (len(X[0]),)
    as_list = make().fit([X[0]])
    for name in ("predict", "predict_proba", "transform"):
        one, (listed,) = getattr(segmenter, name)(X[0]), getattr(as_list, name)([X[0]])
        np.testing.assert_array_equal(one, listed)
    truth = recordings[0].ground_truth
    assert segmenter.score(X[0], truth) == as_list.score([X[0]], [truth])


def test_fitted_attributes(make: Make, X: list[np.ndarray]) -> None:
    segmenter = make()
    assert not [name for name in vars(segmenter) if name.endswith("_")]
    assert segmenter.fit(X) is segmenter
    check_is_fitted(segmenter)
    assert segmenter.n_features_in_ == 5
    assert segmenter.cluster_centers_.shape == (3, 6)
    np.testing.assert_allclose(np.linalg.norm(segmenter.cluster_centers_, axis=1), 1, atol=1e-6)
    for one, two in zip(segmenter.labels_, segmenter.predict(X), strict=True):
        np.testing.assert_array_equal(one, two)


def test_recordings_are_segmented_each_by_itself(make: Make, X: list[np.ndarray]) -> None:
    segmenter = make().fit(X)
    for i, labels in enumerate(segmenter.predict(X[::-1])[::-1]):
        np.testing.assert_array_equal(labels, segmenter.predict(X[i]))


@pytest.mark.parametrize("face", [FACES[0], FACES[2]])
def test_the_order_of_recordings_decides_nothing(
    make: Make, X: list[np.ndarray], face: dict[str, Any], rng: np.random.Generator
) -> None:
    expected, order = make(**face).fit_predict(X), rng.permutation(len(X))
    for place, labels in zip(order, make(**face).fit_predict([X[i] for i in order]), strict=True):
        np.testing.assert_array_equal(labels, expected[place])


def test_forms_of_x(make: Make, X: list[np.ndarray], recordings: Recordings) -> None:
    expected = make().fit_predict(X)
    ragged = np.empty(len(X), dtype=object)
    ragged[:] = X
    frozen = [x.copy() for x in X]
    for x in frozen:
        x.flags.writeable = False
    forms = [
        tuple(X), ragged, recordings.features, Counted(X), frozen,
        [np.asfortranarray(x) for x in X], [torch.from_numpy(x) for x in X],
        [x.astype(np.float64) for x in X],
    ]  # fmt: skip
    for form in forms:
        for one, two in zip(make().fit_predict(form), expected, strict=True):
            np.testing.assert_array_equal(one, two)
    stacked = np.stack([x[:20] for x in X])
    assert [len(one) for one in make().fit_predict(stacked)] == [20] * 4
    frame = pytest.importorskip("pandas").DataFrame(X[0])
    np.testing.assert_array_equal(make().fit_predict(frame), make().fit_predict(X[0]))


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32, bool])
@pytest.mark.parametrize("standardise", [True, False])
def test_types_of_numbers(make: Make, dtype: Any, standardise: bool, X: list[np.ndarray]) -> None:
    given = [(3 * x).astype(dtype) for x in X]
    labels = make(standardise=standardise).fit_predict(given)
    exact = make(standardise=standardise).fit_predict([x.astype(np.float32) for x in given])
    assert sum(map(len, labels)) == sum(map(len, X))
    same = np.concatenate(labels) == np.concatenate(exact)
    assert same.mean() > 0.95


@pytest.mark.parametrize("standardise", [True, False])
def test_a_lazy_sequence_stays_lazy(make: Make, X: list[np.ndarray], standardise: bool) -> None:
    lazy = Counted(X * 3)
    segmenter = make(standardise=standardise, epochs=1).fit(lazy)
    for name in ("predict", "predict_proba", "transform"):
        getattr(segmenter, name)(lazy)
    # A batch of two, and the one that is just being opened.
    assert 1 <= lazy.most <= 4


def test_score_is_the_mof_of_one_matching(make: Make, recordings: Recordings) -> None:
    X, y = recordings.features, recordings.ground_truth
    segmenter = make().fit(X)
    expected = evaluate(segmenter.predict(X), y)["mof"]
    found = segmenter.score(X, y)
    assert type(found) is float
    assert found == expected
    assert segmenter.score(X, [[f"action {k}" for k in one] for one in y]) == expected
    with pytest.raises(ArgumentError, match="score compares with ground truth, but y is None"):
        segmenter.score(X, None)


def test_random_state(make: Make, X: list[np.ndarray]) -> None:
    def centres(random_state: Any) -> np.ndarray:
        return make(random_state=random_state).fit(X).cluster_centers_

    np.testing.assert_array_equal(centres(5), centres(5))
    np.testing.assert_array_equal(centres(np.int64(5)), centres(5))
    assert not np.array_equal(centres(5), centres(6))
    first, second = (np.random.RandomState(5) for _ in range(2))
    np.testing.assert_array_equal(centres(first), centres(second))
    # A RandomState moves on, as everywhere in scikit-learn.
    assert not np.array_equal(centres(first), centres(np.random.RandomState(5)))
    assert not np.array_equal(centres(None), centres(None))
    for bad in ("five", -1):
        with pytest.raises(ValueError, match=r"RandomState|Seed|seed"):
            centres(bad)


@pytest.mark.parametrize("standardise", [True, False])
def test_the_command_line_trains_and_decodes_with_the_same(
    make: Make, X: list[np.ndarray], standardise: bool
) -> None:
    """With an int for a seed, to the last bit."""
    from asot.model.features import PreparedFeatures, content_order, prepare
    from asot.model.network import decode
    from asot.model.training import train

    segmenter = make(random_state=11, standardise=standardise).fit(X)
    prepared = PreparedFeatures(X, standardise, content_order(X))
    model = train(prepared, segmenter._recipe(), 3, 11, "cpu")
    np.testing.assert_array_equal(segmenter.cluster_centers_, model.actions.detach().numpy())
    decoded = [decode(model, prepare(x, standardise)) for x in X]
    for i, assignment in enumerate(segmenter.predict_proba(X)):
        np.testing.assert_array_equal(segmenter.predict(X)[i], decoded[i][0])
        np.testing.assert_array_equal(assignment, decoded[i][1])
    embedded = model.embed(torch.from_numpy(prepare(X[0], standardise))).detach().numpy()
    np.testing.assert_array_equal(segmenter.transform(X)[0], embedded)


def test_global_generators_are_left_alone(make: Make, X: list[np.ndarray]) -> None:
    before = torch.get_rng_state(), str(np.random.get_state())  # noqa: NPY002
    make().fit(X).predict(X)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert str(np.random.get_state()) == before[1]  # noqa: NPY002


def test_parameters_reach_the_recipe() -> None:
    from asot.model.recipe import Recipe, load_recipe

    paper = load_recipe("paper")
    assert ActionSegmenter(8, **SINGLE)._recipe() == replace(
        paper, name="default", title=Recipe().title, n_actions=8
    )
    assert ActionSegmenter()._recipe() == Recipe() == load_recipe("default")
    recipe = ActionSegmenter(
        np.int64(5), epochs=7, order_prior=0.3, radius=np.int32(9), standardise=False,
        hidden=[16, 8], embedding_width=4, epsilon_train=0.1, epsilon_eval=0.2, alpha_train=0.4,
        alpha_eval=0.5, lambda_actions_train=None, lambda_actions_eval=np.float32(0.5),
        batch_size=3, frames_per_recording=64, learning_rate=1, weight_decay=0, temperature=0.5,
        n_init=1, team=np.int64(4),
    )._recipe()  # fmt: skip
    recipe.check()
    train, decoding, training = recipe.transport_train, recipe.transport_eval, recipe.training
    assert (recipe.n_actions, recipe.order_prior, recipe.dataset.standardise) == (5, 0.3, False)
    assert (recipe.encoder.hidden, recipe.encoder.width) == ([16, 8], 4)
    assert (train.epsilon, train.alpha, train.lambda_actions) == (0.1, 0.4, None)
    assert (decoding.epsilon, decoding.alpha, decoding.lambda_actions) == (0.2, 0.5, 0.5)
    assert train.radius == decoding.radius == 9
    assert type(train.radius) is int
    assert (training.epochs, training.batch_size, training.frames_per_recording) == (7, 3, 64)
    assert (training.learning_rate, training.weight_decay, training.temperature) == (1, 0, 0.5)
    assert training.kmeans_restarts == 1
    assert (recipe.team, type(recipe.team)) == (4, int)
    half = ActionSegmenter(5, order_prior=np.float32(0.5), radius=np.float32(0.25))._recipe()
    assert (half.order_prior, half.transport_train.radius, half.transport_eval.radius) == (
        0.5,
        0.25,
        0.25,
    )


def test_fixed_actions_tell_their_number(make: Make, X: list[np.ndarray]) -> None:
    segmenter = make(n_actions="auto", actions=np.eye(3, 6))
    with pytest.raises(ArgumentError, match=r'but is "auto": give n_actions=3\.') as caught:
        segmenter.fit(X)
    assert caught.value.setting == "n_actions"
    assert segmenter.set_params(n_actions=3).fit(X).n_actions_ == 3


def test_get_set_clone(make: Make, X: list[np.ndarray]) -> None:
    segmenter = make(hidden=[4]).fit(X)
    copy = clone(segmenter)
    assert copy.get_params() == segmenter.get_params()
    assert not hasattr(copy, "labels_")
    copy.set_params(n_actions=2, epochs=0)
    assert (copy.n_actions, segmenter.n_actions) == (2, 3)
    assert copy.fit(X).predict_proba(X)[0].shape[1] == 2
    with pytest.raises(ValueError, match="Invalid parameter 'n_action'"):
        copy.set_params(n_action=3)
    assert repr(ActionSegmenter(n_actions=4)) == "ActionSegmenter(n_actions=4)"


BAD_PARAMETERS = [
    ({"n_actions": 0}, 'n_actions must be an integer of at least 1, or "auto", but is 0.'),
    ({"n_actions": "three"}, 'n_actions must be an integer of at least 1, or "auto", but is'),
    ({"radius": "wide"}, 'radius must be a finite number that is above 0, or "auto", but is'),
    ({"order_prior": "none"}, 'order_prior must be a finite number that is at least 0, or "auto"'),
    ({"n_actions": None}, 'n_actions must be an integer of at least 1, or "auto", but is None.'),
    ({"team": -1}, "team must be an integer from 0 to 10,000, but is -1."),
    ({"team": "auto"}, "team must be an integer from 0 to 10,000, but is 'auto'."),
    (
        {"learning_rate": "auto"},
        "learning_rate must be a finite number that is above 0, but is 'auto'.",
    ),
    ({"epochs": -1}, "epochs must be an integer from 0 to 1,000,000, but is -1."),
    ({"epochs": 2.5}, "epochs must be an integer from 0 to 1,000,000, but is 2.5."),
    ({"batch_size": 0}, "batch_size must be an integer from 1 to 10,000,000, but is 0."),
    ({"n_init": "auto"}, "n_init must be an integer from 0 to 10,000, but is 'auto'."),
    ({"hidden": 128}, "hidden must be a list of widths, such as [128], but is 128."),
    ({"hidden": (8, 0)}, "hidden[1] must be an integer from 1 to 100,000, but is 0."),
    ({"background": True}, "background must be false for a single network (team 0), but is True."),
    ({"standardise": "yes"}, "standardise must be true or false, but is 'yes'."),
    (
        {"epsilon_train": 0},
        "epsilon_train must be a finite number that is at least 1e-06, but is 0.",
    ),
    (
        {"alpha_eval": 1},
        "alpha_eval must be a finite number that is at least 0 and below 1, but is 1.",
    ),
    ({"radius": 0}, 'radius must be a finite number that is above 0, or "auto", but is 0.'),
    ({"order_prior": -1}, 'order_prior must be a finite number that is at least 0, or "auto", but'),
    (
        {"lambda_actions_eval": 0},
        "lambda_actions_eval must be a finite number that is above 0, but is 0.",
    ),
    (
        {"learning_rate": np.nan},
        "learning_rate must be a finite number that is above 0, but is nan.",
    ),
    ({"device": "abacus"}, "device 'abacus' cannot be used here: "),
]


@pytest.mark.parametrize("changes, sentence", BAD_PARAMETERS)
def test_a_parameter_out_of_range_is_named(
    make: Make, X: list[np.ndarray], changes: dict[str, Any], sentence: str
) -> None:
    segmenter = make(**changes)  # like all of scikit-learn, it complains at fit
    with pytest.raises(AsotError) as caught:
        segmenter.fit(X)
    assert str(caught.value).startswith(sentence)
    assert str(caught.value.setting).partition("[")[0] == next(iter(changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [ActionSegmenter, KMeansSegmenter])
def test_unknown_keywords_are_refused(kind: Any, X: list[np.ndarray]) -> None:
    for call in (kind(2).fit_predict, kind(2).fit):
        with pytest.raises(TypeError, match="foo"):
            call(X, foo=3)
    with pytest.raises(TypeError, match="foo"):
        kind(2, foo=3)


def bad(value: float) -> np.ndarray:
    array = np.ones((4, 5))
    array[2, 3] = value
    return array


BAD_X: list[tuple[Any, str]] = [
    (None, "X must be a list of (frames, columns) arrays, one such array, or a sequence or"),
    ("abc", "X must be a list of (frames, columns) arrays"),
    ({"a": np.ones(5)}, "X['a'] must be a (frames, columns) array of numbers, but has the shape"),
    ((x for x in [np.ones((4, 5))]), "X must be a list of (frames, columns) arrays"),
    ([], "X must hold at least one recording, but is empty."),
    (np.ones(5), "X[0] must be a (frames, columns) array of numbers, but has the shape ()"),
    ([np.ones(5)], "X[0] must be a (frames, columns) array of numbers, but has the shape (5,)"),
    ([np.ones((4, 5)), np.ones((0, 5))], "X[1] must be a (frames, columns) array of numbers,"),
    (np.ones((4, 0)), "X must be a (frames, columns) array of numbers, but has the shape (4, 0)"),
    ([np.full((4, 5), "a")], "X[0] must be a (frames, columns) array of numbers"),
    ([np.ones((4, 5), dtype=complex)], "X[0] must be a (frames, columns) array of numbers"),
    ([[[1, 2], [3]]], "X[0] must be a (frames, columns) array of numbers, but cannot be made one"),
    ([np.ones((4, 5)), bad(np.nan)], "X[1] must be finite in float32, but frame 2, column 3 is"),
    (bad(-np.inf), "X must be finite in float32, but frame 2, column 3 is -inf."),
    ([bad(np.inf).astype(np.float16)], "X[0] must be finite in float32, but frame 2, column 3 is"),
    (bad(1e300), "X must be finite in float32, but frame 2, column 3 is 1e+300."),
    ([np.ones((4, 5)), np.ones((4, 6))], "All recordings must have the same columns, but X[1]"),
]


@pytest.mark.parametrize("kind", [ActionSegmenter, KMeansSegmenter])
@pytest.mark.parametrize("X, sentence", BAD_X)
def test_bad_x_is_refused_with_a_sentence(kind: Any, X: Any, sentence: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        kind(2).fit(X)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [ActionSegmenter, KMeansSegmenter])
def test_another_width_at_prediction_is_named(kind: Any, make: Make, X: list[np.ndarray]) -> None:
    segmenter = (make() if kind is ActionSegmenter else kind(3, random_state=0)).fit(X)
    with pytest.raises(ArgumentError, match=r"same columns, but X\[0\] has 2, not 5"):
        segmenter.predict([x[:, :2] for x in X])


@pytest.mark.parametrize("name", ["predict", "predict_proba", "transform", "score"])
def test_what_is_not_fitted_says_so(make: Make, X: list[np.ndarray], name: str) -> None:
    segmenter = make()
    rest = ([x[:, 0] for x in X],) if name == "score" else ()
    with pytest.raises(NotFittedError, match="is not fitted yet: call fit first"):
        getattr(segmenter, name)(X, *rest)
    with pytest.raises(SklearnNotFittedError):
        check_is_fitted(segmenter)


@pytest.mark.parametrize("name", ["labels_", "evidence_", "n_features_in_"])
def test_what_fitting_leaves_is_asked_for_after_it(make: Make, name: str) -> None:
    segmenter = make()
    with pytest.raises(NotFittedError, match="is not fitted yet: call fit first"):
        getattr(segmenter, name)
    assert not hasattr(segmenter, name)
    assert not hasattr(copy.deepcopy(pickle.loads(pickle.dumps(segmenter))), name)


def test_a_failed_fit_leaves_the_earlier_one(make: Make, X: list[np.ndarray]) -> None:
    segmenter = make().fit(X)
    expected = segmenter.predict(X)
    with pytest.raises(ArgumentError):
        segmenter.fit([np.ones((4, 2)), np.ones((4, 3))])
    for one, two in zip(segmenter.predict(X), expected, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("face", [SINGLE, TEAM])
@pytest.mark.parametrize("place", ["training.find_devices", "training.share_out", "network.decode"])
def test_a_fit_that_breaks_off_leaves_the_earlier_one_whole(
    make: Make,
    X: list[np.ndarray],
    face: dict[str, Any],
    place: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    segmenter = make(**face).fit(X)
    before = {name: value for name, value in vars(segmenter).items() if name.endswith("_")}
    assert {"model_", "labels_", "n_actions_", "evidence_", "objective_"} <= set(before)

    def broken(*arguments: Any, **options: Any) -> Any:
        raise PowerCutError

    monkeypatch.setattr(f"asot.model.{place}", broken)
    segmenter.set_params(n_actions=2)
    with pytest.raises(PowerCutError):
        segmenter.fit([np.ascontiguousarray(one[:, :4]) for one in X])
    after = {name: value for name, value in vars(segmenter).items() if name.endswith("_")}
    assert set(after) == set(before)
    assert all(after[name] is value for name, value in before.items())


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("lengths", [[1], [2], [1, 2, 1], [3, 400]])
def test_odd_lengths(
    make: Make, lengths: list[int], face: dict[str, Any], rng: np.random.Generator
) -> None:
    X = [rng.normal(size=(n, 4)) for n in lengths]
    segmenter = make(**{"n_actions": 5, "epochs": 1, **face}).fit(X)
    assert [len(one) for one in segmenter.labels_] == lengths
    for one in segmenter.predict_proba(X):
        assert one.shape[1] == segmenter.n_actions_
        np.testing.assert_allclose(one.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("face", FACES)
def test_all_zero_and_one_action(make: Make, face: dict[str, Any]) -> None:
    X = [np.zeros((30, 4)), np.zeros((7, 4))]
    assert [len(one) for one in make(**face).fit_predict(X)] == [30, 7]
    alone = make(**{**face, "n_actions": 1}).fit_predict(X)
    assert set(np.concatenate(alone).tolist()) == {0}


@pytest.mark.parametrize("face", FACES)
def test_frames_that_are_all_the_same(make: Make, face: dict[str, Any]) -> None:
    X = [np.ones((20, 4))] * 2
    assert [len(one) for one in make(standardise=False, **face).fit_predict(X)] == [20, 20]


def test_a_team_does_not_see_spikes_but_the_papers_network_does(
    make: Make, X: list[np.ndarray], rng: np.random.Generator
) -> None:
    spiked = [one.copy() for one in X]
    for one in spiked:
        apart = 3 * rng.choice(len(one) // 3, 2, replace=False)
        one[apart, rng.integers(one.shape[1], size=2)] += 1e3
    for face, is_alike in ((TEAM, True), (SINGLE, False), ({**TEAM, "standardise": False}, False)):
        segmenter = make(**face).fit(X)
        rows = [np.concatenate(segmenter.transform(one)) for one in (X, spiked)]
        alike = (rows[0] * rows[1]).sum(axis=1)
        assert (np.median(alike) > 0.999) == is_alike


def test_a_fit_that_ends_with_one_label_says_so(
    make: Make,
    X: list[np.ndarray],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clear = make(**SINGLE).fit(X)
    assert "Every frame" not in caplog.text + clear._repr_mimebundle_()["text/html"]

    def collapsed(self: Any, model: Any, prepared: Any, known: Any = None) -> list[np.ndarray]:
        return [np.full(len(one), 2) for one in prepared]

    monkeypatch.setattr(ActionSegmenter, "_segmented", collapsed)
    said = "Every frame of {} has the same label, though there are 3 actions: try another random_"
    segmenter = make(**{**SINGLE, "n_actions": 3}).fit(X[:2])
    assert said.format("2 recordings") in caplog.text
    assert said.format("2 recordings") in segmenter._repr_mimebundle_()["text/html"]
    segmenter.partial_fit(X[:1])
    assert said.format("1 recording") in caplog.text


def test_more_actions_than_frames(make: Make, X: list[np.ndarray]) -> None:
    short = [one[:6] for one in X]
    for face in (SINGLE, TEAM):
        segmenter = make(**{**face, "n_actions": 40}).fit(short)
        assert [one.shape for one in segmenter.predict_proba(short)] == [(6, 40)] * len(X)


def test_kmeans_gives_answers_in_the_form_of_x(X: list[np.ndarray], recordings: Any) -> None:
    segmenter = KMeansSegmenter(3, random_state=0)
    with pytest.raises(NotFittedError, match="KMeansSegmenter is not fitted yet"):
        segmenter.predict(X)
    labels = segmenter.fit_predict(X)
    assert [one.shape for one in labels] == [(len(x),) for x in X]
    assert all(one.dtype == np.int64 for one in labels)
    for one, two in zip(labels, segmenter.predict(X), strict=True):
        np.testing.assert_array_equal(one, two)
    alone = KMeansSegmenter(3, random_state=0).fit_predict(X[0])
    assert alone.shape == (len(X[0]),)
    assert (
        segmenter.score(X, recordings.ground_truth)
        == (evaluate(labels, recordings.ground_truth)["mof"])
    )
    assert clone(segmenter).get_params() == segmenter.get_params()


def test_kmeans_is_that_of_scikit_learn(X: list[np.ndarray]) -> None:
    from sklearn.cluster import KMeans

    frames = np.concatenate([(x - x.mean(0)) / x.std(0) / np.sqrt(5) for x in X])
    expected = KMeans(3, n_init=10, random_state=0).fit(frames.astype(np.float32))
    found = KMeansSegmenter(3, random_state=0).fit(X)
    np.testing.assert_allclose(found.cluster_centers_, expected.cluster_centers_, atol=1e-4)
    assert (np.concatenate(found.labels_) == expected.labels_).mean() > 0.99
