"""What all methods to compare with have in common: scikit-learn's conventions, and errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError as SklearnNotFittedError
from sklearn.utils.validation import check_is_fitted

from asot import baselines
from asot.data import Recordings
from asot.errors import ArgumentError, AsotError
from asot.model.segmenter import NotFittedError

KINDS: list[Any] = [
    baselines.CTEDecodingSegmenter,
    baselines.CTESegmenter,
    baselines.HMMSegmenter,
    baselines.KMeansSegmenter,
    baselines.KMeansTransportSegmenter,
    baselines.TWFINCHSegmenter,
    baselines.UniformSegmenter,
]
CLUSTERING = KINDS[:5]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param is baselines.HMMSegmenter:
        pytest.importorskip("hmmlearn")
    # CTE's conventions do not hang on how long its network is trained.
    monkeypatch.setattr("asot.baselines.cte.LEAST_STEPS", 100)
    return request.param


class Lazy(Sequence[np.ndarray]):
    """Opens an array when it is indexed, as a file, which cannot be written to."""

    def __init__(self, arrays: list[np.ndarray]) -> None:
        self.arrays = arrays

    def __len__(self) -> int:
        return len(self.arrays)

    def __getitem__(self, index: Any) -> np.ndarray:
        opened = self.arrays[index].copy()
        opened.flags.writeable = False
        return opened


def same(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_fit_and_predict(kind: Any, X: list[np.ndarray]) -> None:
    segmenter = kind(3, random_state=0)
    assert not [name for name in vars(segmenter) if name.endswith("_")]
    with pytest.raises(NotFittedError, match=f"This {kind.__name__} is not fitted yet: call fit"):
        segmenter.predict(X)
    with pytest.raises(SklearnNotFittedError):
        check_is_fitted(segmenter)
    assert segmenter.fit(X) is segmenter
    check_is_fitted(segmenter)
    assert segmenter.n_features_in_ == 5
    assert [one.shape for one in segmenter.labels_] == [(len(x),) for x in X]
    assert all(one.dtype == np.int64 for one in segmenter.labels_)
    assert set(np.concatenate(segmenter.labels_).tolist()) <= {0, 1, 2}
    same(segmenter.predict(X), segmenter.labels_)
    same(clone(segmenter).fit_predict(X), segmenter.labels_)


def test_parameters(kind: Any, X: list[np.ndarray]) -> None:
    segmenter = kind(4, standardise=False, random_state=3)
    copy = clone(segmenter.fit(X))
    assert copy.get_params() == segmenter.get_params()
    assert not hasattr(copy, "labels_")
    assert copy.set_params(n_actions=2).n_actions == 2
    assert repr(kind(n_actions=4)) == f"{kind.__name__}(n_actions=4)"
    assert kind().n_actions == 8
    assert kind.shared is (kind is not baselines.TWFINCHSegmenter)


def test_one_array_in_one_array_out(kind: Any, X: list[np.ndarray]) -> None:
    segmenter = kind(3, random_state=0)
    labels = segmenter.fit_predict(X[0])
    assert labels.shape == (len(X[0]),)
    np.testing.assert_array_equal(segmenter.predict(X[0]), labels)
    same(kind(3, random_state=0).fit_predict([X[0]]), [labels])


@pytest.mark.parametrize("standardise", [True, False])
def test_forms_of_x(kind: Any, X: list[np.ndarray], standardise: bool) -> None:
    segmenter = kind(3, standardise=standardise, random_state=0)
    expected = segmenter.fit_predict(X)
    forms = [tuple(X), Lazy(X), [x.astype(np.float64) for x in X]]
    for form in forms:
        same(segmenter.fit_predict(form), expected)
        same(segmenter.predict(form), expected)


def test_a_recording_is_segmented_by_itself(kind: Any, X: list[np.ndarray]) -> None:
    segmenter = kind(3, random_state=0).fit(X)
    same(segmenter.predict(X[::-1])[::-1], segmenter.labels_)
    for x, labels in zip(X, segmenter.labels_, strict=True):
        np.testing.assert_array_equal(segmenter.predict(x), labels)


def plain(rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Four recordings of three far actions, each of which takes about a third."""
    truth = [np.repeat([0, 1, 2], rng.integers(24, 27, 3)) for _ in range(4)]
    actions = 3 * np.eye(3, 6) + 1
    return [actions[one] + 0.1 * rng.normal(size=(len(one), 6)) for one in truth], truth


def test_the_order_of_the_recordings_means_nothing(kind: Any, rng: np.random.Generator) -> None:
    """But for the actions' numbers, which k-means draws anew."""
    X, _ = plain(rng)
    labels = np.concatenate(kind(3, random_state=0).fit_predict(X))
    again = np.concatenate(kind(3, random_state=0).fit_predict(X[::-1])[::-1])
    assert len(set(zip(labels.tolist(), again.tolist(), strict=True))) == 3


def test_plain_actions_are_found(kind: Any, rng: np.random.Generator) -> None:
    X, truth = plain(rng)
    segmenter = kind(3, random_state=0).fit(X)
    least = 0.9 if kind is baselines.UniformSegmenter else 0.97
    scores = [segmenter.score(x, y) for x, y in zip(X, truth, strict=True)]
    if kind.shared:
        assert min(*scores, segmenter.score(X, truth)) > least
    else:
        # TW-FINCH numbers the actions of each recording anew. An action that is one cluster at some
        # level has to join a neighbour: that spoils about one such recording in 150.
        assert np.median(scores) > least


@pytest.mark.parametrize("lengths", [[1], [1, 2, 1], [3, 40]])
@pytest.mark.parametrize("standardise", [True, False])
def test_odd_lengths(
    kind: Any, lengths: list[int], standardise: bool, rng: np.random.Generator
) -> None:
    X = [rng.normal(size=(n, 4)) for n in lengths]
    segmenter = kind(5, standardise=standardise, random_state=0).fit(X)
    assert [len(one) for one in segmenter.labels_] == lengths
    assert np.isfinite(getattr(segmenter, "objective_", 0.0))


def test_equal_frames_and_one_action(kind: Any, rng: np.random.Generator) -> None:
    for X in ([np.zeros((30, 4)), np.zeros((7, 4))], [np.ones((30, 4))]):
        for standardise in (True, False):
            segmenter = kind(3, standardise=standardise, random_state=0).fit(X)
            assert [len(one) for one in segmenter.labels_] == [len(x) for x in X]
            assert np.isfinite(getattr(segmenter, "objective_", 0.0))
    labels = kind(1, random_state=0).fit_predict([rng.normal(size=(n, 4)) for n in (9, 30)])
    assert set(np.concatenate(labels).tolist()) == {0}


@pytest.mark.parametrize("kind", CLUSTERING, ids=lambda kind: kind.__name__)
def test_the_objective_is_one_figure_of_all_frames(kind: Any, X: list[np.ndarray]) -> None:
    if kind is baselines.HMMSegmenter:
        pytest.importorskip("hmmlearn")
    segmenter = kind(3, random_state=0).fit(X)
    assert type(segmenter.objective_) is float
    few = kind(3, frames_per_recording=10, random_state=0).fit(X)
    assert [len(one) for one in few.labels_] == [len(x) for x in X]
    assert np.isfinite(few.objective_)


def test_what_minimises_nothing_has_no_objective(X: list[np.ndarray]) -> None:
    for kind in (baselines.UniformSegmenter, baselines.TWFINCHSegmenter):
        assert not hasattr(kind(3).fit(X), "objective_")


def test_n_actions_out_of_range_is_named(kind: Any, X: list[np.ndarray]) -> None:
    with pytest.raises(ArgumentError) as caught:
        kind(0).fit(X)
    assert str(caught.value) == "n_actions must be an integer of at least 1, but is 0."


@pytest.mark.parametrize(
    "kind, changes, sentence",
    [
        *[(kind, {"n_init": 0}, "n_init must be an integer") for kind in CLUSTERING],
        *[
            (kind, {"frames_per_recording": 0}, "frames_per_recording must be an integer")
            for kind in CLUSTERING
        ],
        (baselines.HMMSegmenter, {"max_iterations": 0}, "max_iterations must be an integer"),
        (baselines.HMMSegmenter, {"tolerance": -1}, "tolerance must be a finite number"),
        (baselines.KMeansTransportSegmenter, {"alpha": 1.0}, "alpha must be a finite number"),
        (baselines.KMeansTransportSegmenter, {"epsilon": 0}, "epsilon must be a finite number"),
        (baselines.KMeansTransportSegmenter, {"radius": 0}, "radius must be a finite number"),
        (baselines.KMeansTransportSegmenter, {"order_prior": -1}, "order_prior must be a finite"),
        (
            baselines.KMeansTransportSegmenter,
            {"lambda_actions": 0},
            "lambda_actions must be a finite number",
        ),
    ],
)
def test_a_parameter_out_of_range_is_named(
    kind: Any, changes: dict[str, Any], sentence: str, X: list[np.ndarray]
) -> None:
    with pytest.raises(AsotError) as caught:
        kind(3, **changes).fit(X)
    assert str(caught.value).startswith(sentence)


def test_bad_x_is_refused(kind: Any, X: list[np.ndarray]) -> None:
    segmenter = kind(3, random_state=0).fit(X)
    before = segmenter.labels_
    for bad in (None, [], [np.ones(5)], [np.full((4, 5), np.nan)], [X[0], X[0][:, :2]]):
        with pytest.raises(ArgumentError):
            segmenter.fit(bad)
    with pytest.raises(ArgumentError, match=r"same columns, but X\[0\] has 2, not 5"):
        segmenter.predict([x[:, :2] for x in X])
    same(segmenter.predict(X), before)


def test_seeds(kind: Any, recordings: Recordings) -> None:
    X = recordings.features
    first, second = (kind(3, random_state=np.random.RandomState(7)).fit(X) for _ in range(2))
    same(first.labels_, second.labels_)
    same(kind(3, random_state=np.int64(7)).fit_predict(X), kind(3, random_state=7).fit_predict(X))


@pytest.mark.parametrize("n, k", [(7, 3), (3, 7), (12, 4), (1, 5)])
def test_equal_parts(n: int, k: int) -> None:
    labels = baselines.UniformSegmenter(k).fit_predict(np.zeros((n, 1)))
    assert (np.diff(labels) >= 0).all()
    assert labels.min() >= 0
    assert labels.max() < k
    counts = np.bincount(labels, minlength=k)
    assert counts.max() - counts.min() <= 1
