"""Origins and times of features: written last, read back, and refused where they do not fit."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from asot.cli import main
from asot.data import DatasetFolder, check_dataset
from asot.data.origin import (
    Origin,
    origin_path,
    read_origin,
    read_times,
    times_path,
    write_features,
)
from asot.errors import ArgumentError, DataError, FileError
from asot.export import read_csv
from asot.runs.predictions import DatasetSource, PredictionFolder

ORIGIN = Origin(
    "series",
    "/logs/tea.csv",
    "abc",
    {"name": "series", "settings": {"fps": 5.0, "columns": ["ax"]}},
    {"rate": 20.0},
    ["two rows had no value"],
)


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


# A header that claims eight terabytes, which must not be taken.
HUGE = _npy(np.zeros(21)).replace(b"(21,), }           ", b"(999999999999,), } ")
PICKLED = _npy(np.array([{}] * 21))


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Three recordings made in one way, with uneven times from 0.54 s."""
    for name in ("egg", "tea", "toast"):
        steps = rng.choice([0.2, 1 / 29.97, 0.04], size=20)
        times = 0.54 + np.concatenate([[0.0], np.cumsum(steps)])
        values = rng.normal(size=(20, 4)).astype(np.float32)
        write_features(tmp_path, name, values, times, ORIGIN)
    return tmp_path


def reset(folder: Path, name: str, **changed: object) -> None:
    """Give a recording another origin."""
    features = np.load(folder / "features" / f"{name}.npy")
    times = np.load(times_path(folder, name))
    write_features(folder, name, features, times, replace(ORIGIN, **changed))


def complaint(folder: Path) -> str:
    """What all that open the folder refuse it with."""
    with pytest.raises(DataError) as caught:
        DatasetFolder(folder)
    errors = [one for one in check_dataset(folder).problems if one.severity == "error"]
    assert len(errors) == 1
    assert errors[0].message in str(caught.value)
    return str(caught.value)


def test_what_is_written_is_read(folder: Path) -> None:
    for one in DatasetFolder(folder).recordings():
        assert one.origin == ORIGIN
        assert one.features.dtype == np.float32
        times = one.times
        assert times is not None
        np.testing.assert_array_equal(times, np.load(times_path(folder, one.name)))
    assert not [one for one in check_dataset(folder).problems if one.severity == "error"]


def test_times_go_before_a_frame_rate(folder: Path) -> None:
    times_path(folder, "egg").unlink()
    egg, tea, _ = DatasetFolder(folder, frame_rate=10).recordings()
    assert egg.times is not None
    assert egg.times[1] == 0.1
    assert tea.times is not None
    assert tea.times[0] == 0.54
    assert DatasetFolder(folder).recordings()[0].times is None


def test_features_without_times_leave_none_of_before(folder: Path) -> None:
    write_features(folder, "tea", np.zeros((3, 4), np.float32), None, ORIGIN)
    assert not times_path(folder, "tea").exists()
    assert DatasetFolder(folder).recordings()[1].times is None


def test_a_recording_whose_writing_fails_is_unfinished(folder: Path) -> None:
    with pytest.raises(ArgumentError, match="one more than the 20 frames"):
        write_features(folder, "tea", np.zeros((20, 4), np.float32), np.zeros(20), ORIGIN)
    assert read_origin(origin_path(folder, "tea")) is None
    assert "says nothing of 1 recording in features/ ('tea'), which are unfinished" in complaint(
        folder
    )


@pytest.mark.parametrize(
    ("extractor", "difference"),
    [
        ({**ORIGIN.extractor, "name": "clip"}, "name ('series' and 'clip')"),
        (
            {"name": "series", "settings": {"fps": 10.0, "columns": ["ax"]}},
            "settings.fps (5.0 and 10.0)",
        ),
        ({"name": "series"}, "settings ({'fps': 5.0, 'columns': ['ax']} and None)"),
        ({**ORIGIN.extractor, "weights": "1"}, "weights (None and '1')"),
    ],
)
def test_mixed_extractors_are_refused(
    folder: Path, extractor: dict[str, object], difference: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reset(folder, "toast", extractor=extractor)
    sentence = (
        "features were made in different ways and cannot be used together: egg and toast differ "
        f"in {difference}; extract all of them the same way"
    )
    assert sentence in complaint(folder)
    trains = ["train", "default", "--n_actions", "2", "--data", str(folder)]
    for words in (["data", "check", str(folder)], [*trains, "--out", str(folder / "run")]):
        assert main(words) == 2
        captured = capsys.readouterr()
        assert sentence in " ".join((captured.out + captured.err).split())
    assert not (folder / "run").exists()


def test_other_files_and_remarks_go_together(folder: Path) -> None:
    reset(folder, "toast", path="/elsewhere", fingerprint="x", media={}, remarks=[], kind="pose")
    assert len(DatasetFolder(folder).recordings()) == 3


def test_features_beside_others_without_an_origin(folder: Path) -> None:
    np.save(folder / "features" / "cake.npy", np.zeros((3, 4), np.float32))
    origin_path(folder, "egg").unlink()
    assert "says nothing of 2 recordings in features/ ('cake', 'egg')" in complaint(folder)
    for name in ("tea", "toast"):
        origin_path(folder, name).unlink()
    assert len(DatasetFolder(folder).recordings()) == 4, "a folder that says nothing of any"


@pytest.mark.parametrize(
    "text",
    [
        *("{", "[]", "{}", json.dumps({"kind": "video", "path": "a", "fingerprint": "b"})),
        json.dumps({"kind": "pose", "path": "a", "fingerprint": "b", "extractor": {}, "new": 1}),
        json.dumps({"kind": "a", "path": "a", "fingerprint": "b", "extractor": {}}),
        json.dumps(
            {
                "kind": "pose",
                "path": "a",
                "fingerprint": "b",
                "extractor": {},
                "media": {"start_s": ""},
            }
        ),
    ],
)
def test_an_origin_that_is_none(folder: Path, text: str) -> None:
    origin_path(folder, "tea").write_text(text)
    with pytest.raises(FileError, match="extract the features again") as caught:
        read_origin(origin_path(folder, "tea"))
    assert caught.value.file == origin_path(folder, "tea")
    assert "tea.json" in complaint(folder)


@pytest.mark.parametrize(
    ("times", "part"),
    [
        (np.arange(20.0), "one more than the 20 frames, but their shape is (20,)"),
        (np.arange(22.0), "one more than the 20 frames, but their shape is (22,)"),
        (np.zeros(21), "must be finite, each later than the one before"),
        (np.array(["a"] * 21), "cannot be used"),
    ],
)
def test_times_that_do_not_fit(folder: Path, times: np.ndarray, part: str) -> None:
    path = times_path(folder, "tea")
    np.save(path, times)
    with pytest.raises(DataError) as caught:
        read_times(path, 20)
    assert str(path) in str(caught.value)
    assert part in str(caught.value)
    [error] = [one for one in check_dataset(folder).problems if one.severity == "error"]
    assert part in error.message
    with pytest.raises(DataError, match="cannot be used"):
        _ = DatasetFolder(folder).recordings()[1].times


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x93NUMPY\x01\x00", HUGE, PICKLED, b"PK\x03\x04"]
)
def test_times_that_are_damaged(folder: Path, content: bytes) -> None:
    times_path(folder, "tea").write_bytes(content)
    [error] = [one for one in check_dataset(folder).problems if one.severity == "error"]
    assert "cannot be used" in error.message
    assert "extract the features again" in error.message


def test_times_flow_into_the_segment_table(folder: Path, rng: np.random.Generator) -> None:
    predicted = PredictionFolder(folder / "out")
    recordings = DatasetFolder(folder).recordings()
    for one in recordings:
        assignment = rng.dirichlet(np.ones(3), size=20).astype(np.float32)
        predicted.write(one.name, assignment.argmax(axis=1), assignment)
    predicted.finish(DatasetSource(str(folder)), recordings, dict.fromkeys(recordings.names, "all"))
    rows = read_csv(predicted.root / "segments.csv")
    for one in recordings:
        times = one.times
        assert times is not None
        own = [row for row in rows if row.recording == one.name]
        assert own[0].start_s == 0.54
        for row in own:
            assert (row.start_s, row.end_s) == (times[row.start_frame], times[row.end_frame])
    assert [row for one in recordings for row in predicted.timeline(one, "all").rows] == rows


def test_a_prediction_knows_the_files_it_was_made_of(
    folder: Path, rng: np.random.Generator
) -> None:
    predicted = PredictionFolder(folder / "out")
    assert not predicted.covers(DatasetFolder(folder).recordings())
    recordings = DatasetFolder(folder).recordings()
    for one in recordings:
        predicted.write(one.name, np.zeros(20, dtype=np.int64), np.ones((20, 1), np.float32))
    predicted.finish(DatasetSource(str(folder)), recordings, dict.fromkeys(recordings.names, "all"))
    assert predicted.covers(recordings)
    assert not predicted.covers(recordings[1:])
    reset(folder, "tea", fingerprint="another")
    assert not predicted.covers(DatasetFolder(folder).recordings())
    write_features(folder, "tea", np.zeros((3, 4), np.float32), None, ORIGIN)
    with pytest.raises(DataError, match="has 20 labels for tea, which has 3 frames now"):
        predicted.timeline(DatasetFolder(folder).recordings()[1], "all")
