"""Forms of X, names of columns, weights: read, refused, and answered in the same form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asot import ActionSegmenter
from asot.baselines import KMeansSegmenter
from asot.data import Recordings
from asot.discover.views import fit_view
from asot.errors import ArgumentError
from asot.model.features import PreparedFeatures, ViewedFeatures
from asot.model.given import GivenRecordings, read_recordings, read_weights

pandas = pytest.importorskip("pandas")
Make = Callable[..., ActionSegmenter]
NAMES = ["hip", "knee", "foot", "hand", "head"]


def same(one: Any, two: Any) -> None:
    assert len(one) == len(two)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def long_table(X: list[np.ndarray]) -> Any:
    """All recordings in one table, whose rows are shuffled together, each recording's in order."""
    parts = [pandas.DataFrame(x, columns=NAMES).assign(recording=f"r{i}") for i, x in enumerate(X)]
    joined = pandas.concat(parts, ignore_index=True)
    order = np.argsort(np.concatenate([np.linspace(0, 1, len(x)) for x in X]), kind="stable")
    return joined.iloc[order]


def test_one_long_array_with_lengths(make: Make, X: list[np.ndarray], recordings: Any) -> None:
    expected = make().fit(X)
    joined, lengths = np.concatenate(X), [len(x) for x in X]
    one = make()
    labels = one.fit_predict(joined, lengths=lengths)
    same(one.labels_, expected.labels_)
    same(labels, np.concatenate(expected.labels_))
    for name in ("predict", "predict_proba", "transform"):
        found = getattr(one, name)(joined, lengths=lengths)
        same(found, np.concatenate(getattr(expected, name)(X)))
    truth = recordings.ground_truth
    found = one.score(joined, np.concatenate(truth), lengths=lengths)
    assert found == expected.score(X, truth)


@pytest.mark.parametrize("said", ["column", "index", "level"])
def test_one_long_table(make: Make, X: list[np.ndarray], recordings: Any, said: str) -> None:
    expected, table = make().fit(X), long_table(X)
    if said != "column":
        table = table.set_index("recording", append=said == "level")
    one = make()
    labels = one.fit_predict(table)
    assert labels.shape == (len(table),)
    assert one.feature_names_in_.tolist() == NAMES
    named = table["recording"] if said == "column" else table.index.get_level_values("recording")
    by_name = {f"r{i}": labels for i, labels in enumerate(expected.labels_)}
    for name in dict.fromkeys(named):
        rows = np.asarray(named == name)
        np.testing.assert_array_equal(labels[rows], by_name[name])
    truth = pandas.Series(np.concatenate(recordings.ground_truth))
    if said == "column":
        assert one.score(table, truth[table.index]) == expected.score(X, recordings.ground_truth)


def test_a_list_of_tables_is_one_of_recordings(make: Make, X: list[np.ndarray]) -> None:
    groups = [group for _, group in long_table(X).groupby("recording")]
    one = make()
    same(one.fit_predict(groups), make().fit_predict(X))
    assert (one.n_features_in_, one.feature_names_in_.tolist()) == (5, NAMES)


def test_names_of_recordings_stand_in_tables(make: Make, X: list[np.ndarray]) -> None:
    """Of a mapping, whose answers are dicts, and of a long table; a list has places."""
    names = [f"r{i}" for i in range(len(X))]
    named = dict(zip(names, X, strict=True))
    one, plain = make(), make().fit(X)
    labels = one.fit_predict(named)
    assert list(labels) == one.recording_names_ == names
    same(list(labels.values()), plain.labels_)
    turned = dict(reversed(named.items()))
    again = one.predict(turned)
    assert list(again) == names[::-1]
    same([again[name] for name in names], plain.labels_)
    assert one.score(turned, {name: plain.labels_[i] for i, name in enumerate(names)}) == 1.0
    expected = plain.segments()
    assert expected["recording"].unique().tolist() == list(range(len(X)))
    for given in (None, named, long_table(X)):
        table = one.segments(given)
        assert table["recording"].tolist() == [names[i] for i in expected["recording"]]
        assert table["start_frame"].tolist() == expected["start_frame"].tolist()
    assert make().fit(long_table(X)).recording_names_ == names
    frames = one.set_output(transform="pandas").transform(named)
    assert [len(frames[name]) for name in names] == [len(x) for x in X]
    weights = {name: 1.0 + i for i, name in enumerate(names)}
    same(make().fit(named, sample_weight=weights).labels_,
         make().fit(X, sample_weight=list(weights.values())).labels_)  # fmt: skip
    with pytest.raises(ArgumentError, match=r"X\['r1'\] must be a \(frames, columns\) array"):
        one.predict({"r0": X[0], "r1": X[1][0]})
    with pytest.raises(ArgumentError, match=r"y must have the names of X, but 'r9' is in one of"):
        one.score(named, {**named, "r9": X[0]})
    with pytest.raises(ArgumentError, match="X must hold at least one recording, but is empty"):
        one.fit({})


def test_a_mapping_is_opened_one_by_one(make: Make, X: list[np.ndarray], tmp_path: Path) -> None:
    np.savez(tmp_path / "all.npz", **{f"r{i}": x for i, x in enumerate(X)})
    with np.load(tmp_path / "all.npz") as stored:
        found = make().fit_predict(stored)
    same(list(found.values()), make().fit_predict(X))


def test_scalars_of_numpy_and_torch_are_parameters(make: Make, X: list[np.ndarray]) -> None:
    given = {"epsilon_train": torch.tensor(0.07, dtype=torch.float64), "epochs": np.array(2)}
    same(make(**given).fit(X).labels_, make(epsilon_train=0.07, epochs=2).fit(X).labels_)


def test_tables_that_do_not_say_whose_rows_they_hold(make: Make, X: list[np.ndarray]) -> None:
    table = long_table(X).set_index("recording", append=True)
    table.index.names = ["frame", "mouse"]
    with pytest.raises(ArgumentError, match=r"index of the levels \['frame', 'mouse'\], of which"):
        make().fit(table)
    holes = long_table(X)
    holes.loc[holes.index[7], "recording"] = None
    with pytest.raises(ArgumentError, match="must name the recording of each row, but row 7 has"):
        make().fit(holes)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_padded_arrays(make: Make, X: list[np.ndarray], recordings: Any, dtype: Any) -> None:
    expected, lengths = make().fit_predict(X), [len(x) for x in X]
    padded = np.full((len(X), max(lengths) + 3, 5), np.nan, dtype=dtype)
    for row, x in zip(padded, X, strict=True):
        row[: len(x)] = x
    same(make().fit_predict(padded), expected)
    padded[0, 2, 1] = np.nan
    with pytest.raises(ArgumentError, match=r"X\[0\] must be finite in float32, but frame 2, colu"):
        make().fit(padded)
    zeros = np.nan_to_num(padded)
    zeros[0, 2, 1] = X[0][2, 1]
    same(make().fit_predict(zeros, lengths=lengths), expected)
    truth = np.zeros(zeros.shape[:2], dtype=int)
    for row, one in zip(truth, recordings.ground_truth, strict=True):
        row[: len(one)] = one
    segmenter = make().fit(zeros, lengths=lengths)
    found = segmenter.score(zeros, truth, lengths=lengths)
    assert found == segmenter.score(X, recordings.ground_truth)


def test_tables_of_polars(make: Make, X: list[np.ndarray]) -> None:
    polars = pytest.importorskip("polars")
    expected = make().fit_predict(X)
    tables = [polars.DataFrame(x, schema=NAMES, orient="row") for x in X]
    one = make()
    same(one.fit_predict(tables), expected)
    assert one.feature_names_in_.tolist() == NAMES
    same([one.predict(tables[0])], expected[:1])
    names = [f"r{i}" for i, x in enumerate(X) for _ in x]
    joined = polars.concat(tables).with_columns(polars.Series("recording", names))
    np.testing.assert_array_equal(make().fit_predict(joined), np.concatenate(expected))
    assert one.set_output(transform="polars").transform(tables)[0].columns[0] == "actionsegmenter0"


def test_tables_of_several_types(make: Make, X: list[np.ndarray]) -> None:
    flags = [x.copy() for x in X]
    for one in flags:
        one[:, 4] = one[:, 4] > 0
    tables = [pandas.DataFrame(x, columns=NAMES).astype({"head": bool}) for x in flags]
    mixed = [one.astype({"hip": "Float32"}) for one in tables]
    same(make().fit_predict(mixed), make().fit_predict(flags))
    with pytest.raises(ArgumentError, match=r"X\[0\] must be a \(frames, columns\) array of numb"):
        make().fit([one.assign(hip="left") for one in tables])


BAD_LENGTHS = [
    ([20, 20], "lengths must be whole numbers above 0 whose sum is 60, the rows of X, but is"),
    ([60.0], "lengths must be whole numbers above 0 whose sum is 60"),
    ([60, 0], "lengths must be whole numbers above 0 whose sum is 60"),
    ([], "lengths must be whole numbers above 0 whose sum is 60"),
]


@pytest.mark.parametrize("lengths, sentence", BAD_LENGTHS)
def test_lengths_that_do_not_fit(lengths: list[Any], sentence: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        GivenRecordings(np.ones((60, 3)), lengths)
    assert str(caught.value).startswith(sentence)
    with pytest.raises(ArgumentError, match="lengths must be 2 whole numbers from 1 to 30, one fo"):
        GivenRecordings(np.ones((2, 30, 3)), [31, 2])
    with pytest.raises(ArgumentError, match="lengths must be left out with a list of recordings"):
        GivenRecordings([np.ones((60, 3))], [60])


@pytest.mark.parametrize("kind", [ActionSegmenter, KMeansSegmenter])
def test_columns_are_those_that_were_fitted(kind: Any, make: Make, X: list[np.ndarray]) -> None:
    tables = [pandas.DataFrame(x, columns=NAMES) for x in X]
    segmenter = make() if kind is ActionSegmenter else kind(3, random_state=0)
    segmenter.fit(tables)
    assert segmenter.feature_names_in_.dtype == object
    same(segmenter.predict(X), segmenter.labels_)  # arrays have no names to compare
    turned = [one[NAMES[::-1]] for one in tables]
    sentence = (
        r"should match those that were passed during fit, but column 0 of X\[0\] is 'head', not "
        r"'hip': the order is another, give X\[segmenter.feature_names_in_\]"
    )
    with pytest.raises(ArgumentError, match=sentence):
        segmenter.predict(turned)
    same(segmenter.predict([one[segmenter.feature_names_in_] for one in turned]), segmenter.labels_)
    with pytest.raises(ArgumentError, match="column 4 of X is missing, not 'head'"):
        segmenter.predict(tables[0][NAMES[:4]])
    with pytest.raises(ArgumentError, match=r"column 1 of X\[2\] is 'arm', not 'knee'"):
        segmenter.fit([*tables[:2], tables[2].rename(columns={"knee": "arm"})])
    segmenter.fit(X)
    assert not hasattr(segmenter, "feature_names_in_")
    numbered = [pandas.DataFrame(x) for x in X]
    assert not hasattr(segmenter.fit(numbered), "feature_names_in_")


def test_weights_in_each_form(X: list[np.ndarray], rng: np.random.Generator) -> None:
    recordings = read_recordings(X)
    assert read_weights(None, recordings) is None
    assert read_weights([2, 2, 2, 2], recordings) is None
    found = read_weights([1, 2, 3, 0], recordings)
    assert found is not None
    assert np.concatenate(found).mean() == pytest.approx(1)
    assert found[1][0] == pytest.approx(2 * found[0][0])
    assert (found[3] == 0).all()
    own = [rng.random(len(x)) for x in X]
    by_frame = read_weights(own, recordings)
    assert by_frame is not None
    joined = read_recordings(np.concatenate(X), lengths=[len(x) for x in X])
    same(by_frame, read_weights(np.concatenate(own), joined))
    same(found, read_weights([1, 2, 3, 0], joined))
    alone = read_weights(own[0], read_recordings(X[0]))
    assert alone is not None
    np.testing.assert_allclose(alone[0], own[0] / own[0].mean(), rtol=1e-6)


BAD_WEIGHTS = [
    ([1, 2], "sample_weight must have weights for each of 4 recordings, but has them for 2."),
    ([1, 2, 3, -1], "sample_weight[3] must be a finite number of at least 0, or one for each of"),
    ([1, 2, np.nan, 1], "sample_weight[2] must be a finite number of at least 0"),
    ([[1, 2], 1, 1, 1], "sample_weight[0] must be a finite number of at least 0, or one for each"),
    ([0, 0, 0, 0], "sample_weight must be above zero somewhere, but is 0 in every frame."),
    (["a", 1, 1, 1], "sample_weight[0] must be a finite number of at least 0"),
]


@pytest.mark.parametrize("weights, sentence", BAD_WEIGHTS)
def test_weights_that_do_not_fit(
    make: Make, X: list[np.ndarray], weights: Any, sentence: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        make().fit(X, sample_weight=weights)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_equal_weights_are_none(make: Make, recordings: Recordings, X: list[np.ndarray]) -> None:
    weighted = make().fit(X, sample_weight=[0.5] * len(X))
    np.testing.assert_array_equal(weighted.cluster_centers_, make().fit(X).cluster_centers_)


def test_frames_without_weight_teach_nothing(
    make: Make, X: list[np.ndarray], rng: np.random.Generator
) -> None:
    """Noise in place of two recordings changes nothing where they weigh nothing."""
    weights = [1.0, 0.0, 1.0, 0.0]
    noise = [x if w else rng.normal(size=x.shape) for x, w in zip(X, weights, strict=True)]
    made = []
    for given in (X, noise):
        # In an order of its own, as what is drawn for a recording hangs on its place.
        segmenter = make()
        segmenter._prepare = unordered(segmenter)  # type: ignore[method-assign]
        made.append(segmenter.fit(given, sample_weight=weights).cluster_centers_)
    np.testing.assert_array_equal(*made)
    assert not np.array_equal(*[make().fit(given).cluster_centers_ for given in (X, noise)])


def test_learners_of_a_team_weigh_the_same(X: list[np.ndarray], rng: np.random.Generator) -> None:
    prepared = PreparedFeatures(X, True)
    prepared.weights = [rng.random(len(x)).astype(np.float32) for x in X]
    for kind in ("smooth", "motion"):
        seen = ViewedFeatures(fit_view(kind, 4, prepared), prepared)
        same(seen.weights, prepared.weights)


def unordered(segmenter: ActionSegmenter) -> Any:
    prepare = type(segmenter)._prepare

    def own(recordings: Any, recipe: Any, sample_weight: Any) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("asot.model.segmenter.content_order", lambda X: list(range(len(X))))
            return prepare(segmenter, recordings, recipe, sample_weight)

    return own


def test_tables_and_plots_take_lengths(make: Make, X: list[np.ndarray]) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("matplotlib")
    segmenter, lengths = make().fit(X), [len(x) for x in X]
    table = segmenter.segments(np.concatenate(X), lengths=lengths)
    assert table.equals(segmenter.segments(X))
    figure = segmenter.plot(np.concatenate(X), lengths=lengths)
    told = [one.get_text() for one in figure.axes[0].get_yticklabels()]
    assert sorted(told) == [str(index) for index in range(len(X))]
