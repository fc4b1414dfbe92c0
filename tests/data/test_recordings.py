from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from asot.data import DatasetFolder, Recordings
from asot.data.recordings import transposed_hint
from asot.errors import ArgumentError, DataError


@pytest.fixture
def corpus() -> Recordings:
    return Recordings.from_arrays(
        [np.full((n, 2), n, dtype=np.float32) for n in (3, 4, 5)],
        names=["x", "y", "z"],
        ground_truth=[[0, 0, 1], None, [1, 1, 1, 2, 2]],
        activities=["tea", "tea", None],
        frame_rate=15.0,
    )


def test_a_recording_knows_its_size_labels_and_rate(corpus: Recordings) -> None:
    first = corpus[0]
    assert (first.name, first.activity, first.frame_rate) == ("x", "tea", 15.0)
    assert (first.n_frames, first.width, first.labelled) == (3, 2, True)
    assert first.ground_truth is not None
    assert first.ground_truth.dtype == np.int64
    assert corpus[1].ground_truth is None
    assert not corpus[1].labelled


def test_every_kind_of_index(corpus: Recordings) -> None:
    assert corpus[-1].name == "z"
    assert corpus[np.int64(1)].name == "y"
    assert corpus[1:].names == ("y", "z")
    assert corpus[[2, 0, 0]].names == ("z", "x", "x")
    assert corpus[np.array([1])].names == ("y",)
    assert corpus[np.array([True, False, True])].names == ("x", "z")
    assert corpus[[]].names == ()
    assert (corpus[:1] + corpus[2:]).names == ("x", "z")
    assert [recording.name for recording in corpus] == ["x", "y", "z"]
    with pytest.raises(IndexError):
        corpus[3]
    for wrong in ("x", 1.0, [True], [[0]]):
        with pytest.raises(ArgumentError, match="chosen by"):
            corpus[wrong]  # type: ignore[index]


def test_features_are_a_sequence_of_arrays(corpus: Recordings) -> None:
    features = corpus.features
    assert len(features) == 3
    assert features[1].shape == (4, 2)
    assert [len(array) for array in features] == [3, 4, 5]
    assert [len(array) for array in features[[2, 0]]] == [5, 3]
    assert [len(array) for array in features[:2]] == [3, 4]


def test_scikit_learn_splits_recordings_and_features(corpus: Recordings) -> None:
    from sklearn.model_selection import KFold
    from sklearn.utils import _safe_indexing, indexable

    for sequence in (corpus, corpus.features):
        indexable(sequence)
        train, test = next(KFold(3).split(sequence))
        assert len(_safe_indexing(sequence, train)) == 2
        assert len(_safe_indexing(sequence, test)) == 1


def test_floating_arrays_are_kept_and_others_become_float32() -> None:
    double = np.zeros((2, 2))
    corpus = Recordings.from_arrays([double, np.zeros((2, 2), dtype=np.int16), [[1, 2]]])
    assert corpus[0].features is double
    assert corpus[1].features.dtype == corpus[2].features.dtype == np.float32
    assert corpus.names == ("recording-1", "recording-2", "recording-3")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"features": [np.zeros(3)]}, r"features\[0\] must be a two-dimensional"),
        ({"features": [[["a"]]]}, "two-dimensional"),
        ({"features": [np.zeros((0, 3))]}, r"at least one number, but has shape \(0, 3\)"),
        ({"features": [[[1, 2], [3, np.nan]]]}, "nan in frame 1, column 1"),
        ({"features": [[[1]], [[2]]], "names": ["a", "a"]}, "'a' comes twice"),
        ({"features": [[[1]]], "names": []}, "names must have one entry for each of the 1"),
        ({"features": [[[1]]], "ground_truth": [[1, 2]]}, "each of the 1 frames"),
        ({"features": [[[1]]], "ground_truth": [[0.5]]}, "one integer"),
        ({"features": [[[1]]], "activities": ["a", "b"]}, "activities must have one entry"),
        (
            {"features": [[[1]]], "frame_rate": 0.0},
            "frame_rate must be a finite number that is above 0",
        ),
    ],
)
def test_bad_arrays_are_refused(arguments: dict, sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        Recordings.from_arrays(**arguments)


def test_recordings_on_disk_pickle_small_and_open_elsewhere(root: Path) -> None:
    np.save(root / "features" / "b.npy", np.zeros((4, 50_000), dtype=np.float32))
    recordings = DatasetFolder(root).recordings()
    before = recordings[1].features
    data = pickle.dumps(recordings)
    assert len(data) < 5_000
    after = pickle.loads(data)
    np.testing.assert_array_equal(after[1].features, before)
    np.testing.assert_array_equal(after[0].features, recordings[0].features)
    np.testing.assert_array_equal(after[0].ground_truth, [0, 0, 1, 2, 2, 2])


def test_a_data_loader_reads_recordings_in_worker_processes(root: Path) -> None:
    from torch.utils.data import DataLoader

    features = DatasetFolder(root).recordings().features
    loader = DataLoader(
        features,  # type: ignore[arg-type]
        batch_size=None,
        num_workers=1,
        collate_fn=np.sum,
        multiprocessing_context="spawn",
    )
    assert list(loader) == [float(array.sum()) for array in features]


def test_files_are_mapped_read_only_and_opened_late(root: Path) -> None:
    data = DatasetFolder(root)
    recording = data.recordings()[1]
    assert isinstance(recording.features, np.memmap)
    assert not recording.features.flags.writeable
    assert isinstance(data.recordings()[0].features, np.memmap)
    (root / "features" / "a.txt").unlink()
    other = DatasetFolder(root, frame_rate=15.0).recordings()
    assert other.names == ("b",)


def test_a_size_does_not_read_the_values(root: Path) -> None:
    values = np.full((4, 3), np.nan, dtype=np.float32)
    np.save(root / "features" / "b.npy", values)
    recording = DatasetFolder(root).recordings()[1]
    assert (recording.n_frames, recording.width) == (4, 3)
    with pytest.raises(DataError, match=r"b\.npy: column 0 of frame 0 \(from 0\) is NaN; 4"):
        _ = recording.features


def test_labels_of_another_length_are_refused_when_read(root: Path) -> None:
    (root / "groundTruth" / "a").write_text("reach\n" * 5)
    recording = DatasetFolder(root).recordings()[0]
    with pytest.raises(DataError, match=r"groundTruth/a: has 5 labels where a\.txt has 6 frames"):
        _ = recording.ground_truth


def test_features_stored_columns_first_are_recognised_and_not_turned(root: Path) -> None:
    np.save(root / "features" / "b.npy", np.ones((2048, 4), dtype=np.float32))
    recording = DatasetFolder(root).recordings()[1]
    assert recording.features.shape == (2048, 4)
    with pytest.raises(DataError, match=r"\(columns, frames\), as MS-TCN does: turn it with"):
        _ = recording.ground_truth


@pytest.mark.parametrize("suffix", [".npy", ".txt"])
def test_features_stored_columns_first_are_turned_where_that_is_asked_for(
    tmp_path: Path, rng: np.random.Generator, suffix: str
) -> None:
    values = rng.normal(size=(3, 7)).astype(np.float32)
    (tmp_path / "features").mkdir()
    path = tmp_path / "features" / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, values)
    else:
        np.savetxt(path, values, fmt="%.9g")
    plain, turned = (
        DatasetFolder(tmp_path, transposed=one).recordings()[0] for one in (False, True)
    )
    assert (plain.n_frames, plain.width, turned.n_frames, turned.width) == (3, 7, 7, 3)
    np.testing.assert_array_equal(turned.features, plain.features.T)
    assert (turned.n_frames, turned.width) == (7, 3)


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ([(64, 300), (64, 250)], True),
        ([(64, 50), (64, 250)], True),  # as many frames everywhere, but other widths
        ([(64, 300)], True),
        ([(300, 64), (40, 64)], False),
        ([(64, 64), (64, 64)], False),
        ([(64, 10), (64, 10)], False),
        ([], False),
    ],
)
def test_shapes_that_look_transposed(shapes: list[tuple[int, int]], said: bool) -> None:
    assert (transposed_hint(shapes, "x") is not None) == said
