"""Features of many recordings: what is finished is kept, what is broken is listed."""

from __future__ import annotations

import csv
import errno
import os
import zlib
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.data import DatasetFolder, check_dataset
from asot.data.origin import origin_path, read_origin
from asot.errors import ConfigurationError, DataError, UnfinishedError
from asot.files import file_hash
from asot.inputs import extract as room
from asot.inputs import faults
from asot.inputs.extract import Extraction, extract, survey
from asot.inputs.extractors import _look
from asot.inputs.find import Input, find_inputs
from asot.inputs.settings import SeriesSettings, VideoSettings
from asot.processes import Died
from asot.progress import silent
from asot.text import plural
from asot.workers import Workers
from tests.runs.regimes import snapshot, write_logs

Told = list[tuple[str, int, int, str]]


def run(
    folder: Path, root: Path, told: Told | None = None, keep: bool = False, **settings: object
) -> Extraction:
    def report(*words: object) -> None:
        if told is not None:
            told.append(words)  # type: ignore[arg-type]

    series = SeriesSettings(**settings)  # type: ignore[arg-type]
    return extract(find_inputs([folder]), root, VideoSettings(), series, report, keep=keep)


@pytest.fixture
def logs(tmp_path: Path, seed: int) -> Path:
    # So little that few rows lie within half a step: a tenth of all would be remarked on.
    write_logs(tmp_path / "logs", seed, "a", "sub/b", "c", start=0.54, jitter=0.6, seconds=(3, 6))
    return tmp_path / "logs"


def test_logs_become_a_data_set_with_true_times(logs: Path, tmp_path: Path) -> None:
    told: Told = []
    outcome = run(logs, tmp_path / "data", told)
    assert outcome.made == ["a", "c", "sub-b"]
    assert not outcome.kept
    assert not outcome.failed
    assert outcome.usable == 3
    for stage in ("Looking at the recordings", "Reading the recordings"):
        assert [one[1:3] for one in told if one[0] == stage] == [(1, 3), (2, 3), (3, 3)]
    recordings = DatasetFolder(tmp_path / "data").recordings()
    assert list(recordings.names) == ["a", "c", "sub-b"]
    for one in recordings:
        times, origin = one.times, one.origin
        assert times is not None
        assert origin is not None
        assert times[0] == pytest.approx(0.54)
        table = np.loadtxt(origin.path, delimiter=",", skiprows=1)
        assert times[-1] == pytest.approx(table[-1, 0] + 1 / 20, abs=0.21)
        assert origin.kind == "series"
        assert origin.media["columns"] == ["ax", "ay", "az"]
    report = check_dataset(tmp_path / "data")
    assert not [one for one in report.problems if one.severity == "error"]


def test_another_process_makes_the_same_of_each(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (logs / "bad.csv").write_text("time,ax,ay,az\n")
    outcome = run(logs, tmp_path / "data")
    # All in one process that is not this one.
    alone = partial(Workers(1).run, apart=True)
    monkeypatch.setattr(Workers, "run", lambda self, *jobs, **options: alone(*jobs))
    there = run(logs, tmp_path / "there")
    assert (there.made, there.failed, there.remarks) == (
        outcome.made,
        outcome.failed,
        outcome.remarks,
    )
    here, other = (snapshot(tmp_path / one) for one in ("data", "there"))
    assert {name: one for name, (_, one) in other.items()} == {
        name: one for name, (_, one) in here.items()
    }


def test_a_recording_whose_process_dies_twice_is_not_left_out(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(self: Workers, function: Any, jobs: Any, *rest: Any, **options: Any) -> Any:
        dying = [job for job in jobs if job == 1 or (function is _look and job[0].name == "c")]
        return ((job, Died(-9) if job in dying else function(job)) for job in jobs)

    with monkeypatch.context() as patch:
        patch.setattr(Workers, "run", die)
        with pytest.raises(UnfinishedError) as caught:
            run(logs, tmp_path / "data")
    reason = "its process was killed by signal 9, perhaps for lack of memory"
    said = f"1 of 3 recordings could not be extracted ({logs / 'c.csv'}: {reason}): give the same"
    assert str(caught.value).startswith(said)
    again = run(logs, tmp_path / "data")
    assert (again.made, again.kept) == (["c"], ["a", "sub-b"])


@pytest.mark.parametrize(
    ("raised", "passing"),
    [
        (RuntimeError("CUDA error: an illegal memory access was encountered"), True),
        (MemoryError("7 TiB"), False),
        (EOFError("no more"), False),
        (zlib.error("incorrect header"), False),
        (AttributeError("no such thing"), False),
        (OSError(errno.EIO, "Input/output error"), False),
    ],
)
def test_what_a_recording_raises_ends_no_work_and_faults_of_the_machine_leave_none_out(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception, passing: bool
) -> None:
    original = room._make

    def make(one: Input, *rest: Any) -> Any:
        if one.name == "c":
            raise raised
        return original(one, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(room, "_make", make)
        if passing:
            with pytest.raises(UnfinishedError, match="1 of 3 recordings could not be extracted"):
                run(logs, tmp_path / "data")
        else:
            assert list(run(logs, tmp_path / "data").failed) == ["c"]
    again = run(logs, tmp_path / "data")
    assert (again.made, again.kept) == (["c"], ["a", "sub-b"])


def test_a_full_disk_ends_the_work_and_a_line_of_ours_is_named(logs: Path) -> None:
    with pytest.raises(OSError, match="No space"), faults.blame(logs):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="denied"), faults.blame(logs):
        raise PermissionError(errno.EACCES, "Permission denied", "features/a.npy")
    said = r"asot cannot deal with it .* in text.py, line \d+"
    with pytest.raises(DataError, match=said), faults.blame(logs):
        plural(None, "row")  # type: ignore[arg-type]


def test_a_second_run_does_nothing_again(logs: Path, tmp_path: Path) -> None:
    run(logs, tmp_path / "data")
    before = snapshot(tmp_path / "data")
    outcome = run(logs, tmp_path / "data")
    assert outcome.kept == ["a", "c", "sub-b"]
    assert not outcome.made
    assert snapshot(tmp_path / "data") == before


def test_what_changed_is_made_anew_and_nothing_else(logs: Path, tmp_path: Path, seed: int) -> None:
    run(logs, tmp_path / "data")
    before = snapshot(tmp_path / "data")
    write_logs(logs, seed + 1, "c", seconds=(3, 6))
    outcome = run(logs, tmp_path / "data")
    assert (outcome.made, outcome.kept) == (["c"], ["a", "sub-b"])
    after = snapshot(tmp_path / "data")
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {
        f"{kind}/c.{'json' if kind == 'origins' else 'npy'}"
        for kind in ("features", "times", "signals", "origins")
    } | {"recordings.csv"}
    with pytest.raises(ConfigurationError, match=r"features of a .*rate was None, now 4\.0"):
        run(logs, tmp_path / "data", keep=True, frame_rate=4.0)
    assert snapshot(tmp_path / "data") == after
    assert run(logs, tmp_path / "data", frame_rate=4.0).made == ["a", "c", "sub-b"], (
        "other settings"
    )


@pytest.mark.parametrize("part", ["features", "times", "signals", "origins"])
@pytest.mark.parametrize("damage", ["remove", "origin"])
def test_what_is_half_there_is_made_again(
    logs: Path, tmp_path: Path, part: str, damage: str
) -> None:
    run(logs, tmp_path / "data")
    if damage == "remove":
        [path] = (tmp_path / "data" / part).glob("c.*")
        path.unlink()
    else:
        origin_path(tmp_path / "data", "c").write_text("{")
    outcome = run(logs, tmp_path / "data")
    assert (outcome.made, outcome.kept) == (["c"], ["a", "sub-b"])
    assert not outcome.failed


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01", b"time,ax\n", b"time,ax\n0,1\n", b"a\nx\ny\n"]
)
def test_what_is_broken_is_listed_and_taken_once_it_is_whole(
    logs: Path, tmp_path: Path, content: bytes
) -> None:
    whole = (logs / "c.csv").read_bytes()
    (logs / "c.csv").write_bytes(content)
    outcome = run(logs, tmp_path / "data")
    assert outcome.made == ["a", "sub-b"]
    assert list(outcome.failed) == ["c"]
    assert str(logs / "c.csv") in outcome.failed["c"]
    assert list(DatasetFolder(tmp_path / "data").recordings().names) == ["a", "sub-b"]
    (logs / "c.csv").write_bytes(whole)
    outcome = run(logs, tmp_path / "data")
    assert (outcome.made, outcome.kept) == (["c"], ["a", "sub-b"])
    assert len(DatasetFolder(tmp_path / "data").recordings()) == 3


def test_what_broke_later_is_no_longer_part_of_the_data(logs: Path, tmp_path: Path) -> None:
    run(logs, tmp_path / "data")
    (logs / "c.csv").write_bytes(b"")
    assert list(run(logs, tmp_path / "data").failed) == ["c"]
    assert not origin_path(tmp_path / "data", "c").exists()
    assert list(DatasetFolder(tmp_path / "data").recordings().names) == ["a", "sub-b"]


def test_a_folder_of_nothing_usable(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for name in "ab":
        (tmp_path / "logs" / f"{name}.csv").write_text("time,ax\n")
    with pytest.raises(DataError, match=r"None of the 2 recordings can be used; a: .*a\.csv"):
        run(tmp_path / "logs", tmp_path / "data")


def test_remarks_are_told_of_what_is_made_and_of_what_is_kept(logs: Path, tmp_path: Path) -> None:
    lines = (logs / "c.csv").read_text().splitlines()
    lines[7] = lines[7].split(",")[0] + ",,,"
    (logs / "c.csv").write_text("\n".join(lines))
    for _ in range(2):
        outcome = run(logs, tmp_path / "data")
        assert list(outcome.remarks) == ["c"]
        assert all(outcome.remarks["c"])


@pytest.mark.parametrize("suffix", [".npy", ".NPY"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_arrays_without_a_rate_are_features_as_they_are(
    tmp_path: Path, rng: np.random.Generator, suffix: str, dtype: str
) -> None:
    values = (10 * rng.normal(size=(30, 5))).astype(dtype)
    (tmp_path / "in").mkdir()
    for name in "ab":
        with (tmp_path / "in" / f"{name}{suffix}").open("wb") as stream:
            np.save(stream, values)
    outcome = run(tmp_path / "in", tmp_path / "data")
    assert outcome.made == ["a", "b"]
    for one in DatasetFolder(tmp_path / "data").recordings():
        np.testing.assert_array_equal(one.features, values.astype(np.float32))
        assert one.times is None
        assert one.origin is not None
        assert one.origin.kind == "features"
    before = snapshot(tmp_path / "data")
    assert run(tmp_path / "in", tmp_path / "data").kept == ["a", "b"]
    assert snapshot(tmp_path / "data") == before
    os.utime(tmp_path / "in" / f"a{suffix}", ns=(1, 1))
    (tmp_path / "data" / "features" / "b.npy").unlink()
    assert run(tmp_path / "in", tmp_path / "data").made == ["a", "b"]
    outcome = run(tmp_path / "in", tmp_path / "data", rate=10.0)
    assert outcome.made == ["a", "b"], "with a rate they are signals"
    origin = read_origin(origin_path(tmp_path / "data", "a"))
    assert origin is not None
    assert origin.kind == "series"


@pytest.mark.parametrize(
    ("values", "part"),
    [
        (np.zeros(3), "has shape (3,) where (frames, columns) is needed"),
        (np.zeros((3, 0)), "is empty"),
        (np.array([["a"]]), "not real numbers"),
        (np.array([[1.0, np.nan]]), "column 1 of frame 0 (from 0) is NaN"),
        (np.array([[1e300]]), "too large for float32"),
    ],
)
def test_arrays_that_are_no_features_are_listed(
    tmp_path: Path, values: np.ndarray, part: str
) -> None:
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in" / "a.npy", np.zeros((4, 2)))
    np.save(tmp_path / "in" / "b.npy", values)
    outcome = run(tmp_path / "in", tmp_path / "data")
    assert outcome.made == ["a"]
    assert part in outcome.failed["b"]
    assert str(tmp_path / "in" / "b.npy") in outcome.failed["b"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *(("frame_rate", value) for value in (0.0, -1, float("nan"), float("inf"), True, "10")),
        *(("batch_size", value) for value in (0, 1.5, True)),
        ("device", "tpu"),
    ],
)
def test_video_settings_that_cannot_be(setting: str, value: Any) -> None:
    VideoSettings(frame_rate=None, batch_size=1)
    with pytest.raises(ConfigurationError) as caught:
        VideoSettings(**{setting: value})
    assert caught.value.setting == setting
    assert repr(value) in str(caught.value)


def test_features_of_other_settings_are_never_taken_for_those_asked_for(
    logs: Path, tmp_path: Path
) -> None:
    run(logs, tmp_path / "data")
    outcome = run(logs, tmp_path / "data", frame_rate=2.0, columns=["ax"])
    assert outcome.made == ["a", "c", "sub-b"]
    (logs / "c.csv").write_text((logs / "c.csv").read_text().replace("ax", "other"))
    (logs / "a.csv").write_text((logs / "a.csv").read_text().replace("az", "other"))
    outcome = run(logs, tmp_path / "data", columns=["ax"])
    assert (outcome.made, list(outcome.failed)) == (["a", "sub-b"], ["c"])
    assert list(DatasetFolder(tmp_path / "data").recordings().names) == ["a", "sub-b"]


def test_a_disk_that_is_away_costs_nothing(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(logs, tmp_path / "data")
    before = snapshot(tmp_path / "data")

    def fail(path: Path) -> str:
        if path.name == "c.csv":
            raise OSError(5, "Input/output error")
        return file_hash(path)

    monkeypatch.setattr("asot.inputs.series.extraction.file_hash", fail)
    outcome = run(logs, tmp_path / "data")
    assert outcome.kept == ["a", "c", "sub-b"]
    assert "Input/output error" in outcome.remarks["c"][0]
    after = snapshot(tmp_path / "data")
    assert {name for name in after if after[name] != before[name]} == {"recordings.csv"}
    outcome = run(logs, tmp_path / "data", frame_rate=2.0)
    assert (outcome.made, list(outcome.failed)) == (["a", "sub-b"], ["c"])
    after = snapshot(tmp_path / "data")
    assert {name: after[name] for name in after if "/c." in name} == {
        name: before[name] for name in before if "/c." in name
    }


@pytest.mark.parametrize("content", ["{", "[]", "[" * 100_000, '{"kind": 1}'])
def test_an_origin_that_is_none_and_a_file_that_is_broken(
    logs: Path, tmp_path: Path, content: str
) -> None:
    run(logs, tmp_path / "data")
    origin_path(tmp_path / "data", "c").write_text(content)
    (logs / "c.csv").write_bytes(b"")
    assert list(run(logs, tmp_path / "data").failed) == ["c"]
    assert not origin_path(tmp_path / "data", "c").exists()


@pytest.mark.parametrize("rate", [None, 10.0])
def test_arrays_of_columns_and_rows_are_said_and_turned(
    tmp_path: Path, rng: np.random.Generator, caplog: pytest.LogCaptureFixture, rate: float | None
) -> None:
    (tmp_path / "in").mkdir()
    values = {name: rng.normal(size=(70, 200 + i)) for i, name in enumerate("ab")}
    for name, array in values.items():
        np.save(tmp_path / "in" / f"{name}.npy", array)
    settings = {"rate": rate, "frame_rate": 0.0, "window_s": 0.0}
    hint = "if they are (columns, frames), transpose them with --transposed true."
    outcome = run(tmp_path / "in", tmp_path / "data", transposed=True, **settings)
    assert hint not in caplog.text
    assert outcome.made == ["a", "b"]
    for one in DatasetFolder(tmp_path / "data").recordings():
        np.testing.assert_array_equal(one.features, values[one.name].T.astype(np.float32))
    with suppress(DataError):
        run(tmp_path / "in", tmp_path / "other", **settings)
    assert hint in caplog.text


def test_the_table_of_what_files_were_taken_for(logs: Path, tmp_path: Path) -> None:
    text = (logs / "c.csv").read_text().splitlines()
    more = [f"{line},{'note' if i == 0 else 'x'}" for i, line in enumerate(text)]
    (logs / "c.csv").write_text("\n".join(more))
    (logs / "d.csv").write_text("time,ax\n")
    outcome = run(logs, tmp_path / "data")
    with (tmp_path / "data" / "recordings.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["recording"]: row for row in csv.DictReader(stream)}
    assert list(rows) == ["a", "c", "d", "sub-b"]
    times = np.load(tmp_path / "data" / "times" / "c.npy")
    assert float(rows["c"]["duration_s"]) == pytest.approx(times[-1] - times[0])
    assert int(rows["c"]["rows"]) == len(times) - 1
    assert (rows["c"]["kind"], rows["c"]["columns"]) == ("sensor log", "ax; ay; az")
    assert rows["c"]["left_out"] == "note"
    assert rows["c"]["file"] == str(logs / "c.csv")
    assert rows["d"]["kind"] == "not used"
    assert "d.csv" in rows["d"]["remarks"]
    seen = survey(find_inputs([logs]), SeriesSettings(), silent)
    assert sorted(seen.taken, key=lambda one: one.recording) == outcome.taken
    assert list(seen.failed) == ["d"]


def test_shards_share_the_table(logs: Path, tmp_path: Path) -> None:
    inputs = find_inputs([logs])
    for number in range(3):
        settings = VideoSettings(), SeriesSettings(), silent
        extract(inputs[number::3], tmp_path / "data", *settings, shared_with=inputs)
    with (tmp_path / "data" / "recordings.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["recording"] for row in csv.DictReader(stream)] == ["a", "c", "sub-b"]


def test_a_table_that_cannot_be_read_back_is_written_anew(logs: Path, tmp_path: Path) -> None:
    run(logs, tmp_path / "data")
    table = tmp_path / "data" / "recordings.csv"
    before = table.read_text()
    table.write_text(before + "a," + "x" * 200_000 + "\n")  # longer than CSV is read
    assert run(logs, tmp_path / "data").kept == ["a", "c", "sub-b"]
    assert table.read_text() == before


def test_what_has_a_defect_is_listed_and_stops_nothing(logs: Path, tmp_path: Path) -> None:
    (logs / "broken.csv").symlink_to("nowhere.csv")
    outcome = run(logs, tmp_path / "data")
    assert outcome.made == ["a", "c", "sub-b"]
    assert "broken symbolic link" in outcome.failed["broken"]
    for name in ("a.csv", "c.csv", "sub/b.csv"):
        (logs / name).unlink()
    with pytest.raises(DataError, match=r"None of the 1 recordings can be used; broken: .*broken"):
        run(logs, tmp_path / "other")
