"""What people name on the command line, and which recordings it becomes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.errors import ConfigurationError, DataError
from asot.inputs.find import SERIES, VIDEOS, Input, find_inputs, take_shard


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(*named: Path) -> list[str]:
    return [one.name for one in find_inputs(named)]


def test_files_are_called_as_they_are_and_in_folders_by_their_place(tmp_path: Path) -> None:
    touch(tmp_path / "b.v2.mp4", tmp_path / "cam1" / "day 1" / "a.MKV", tmp_path / "cam1" / "z.mov")
    assert names(tmp_path) == ["b.v2", "cam1-day 1-a", "cam1-z"]
    assert names(tmp_path / "cam1" / "z.mov", tmp_path / "b.v2.mp4") == ["b.v2", "z"]
    for one in find_inputs([os.path.relpath(tmp_path)]):
        assert one.path.is_absolute()
        assert one.path.is_file()
        assert one.is_video


def test_other_files_and_hidden_ones_are_left_out_of_folders(tmp_path: Path) -> None:
    touch(tmp_path / "a.csv", tmp_path / "notes.txt", tmp_path / "a.csv.bak", tmp_path / ".b.csv")
    touch(tmp_path / ".cache" / "c.csv", tmp_path / "sub" / "._d.csv")
    (tmp_path / "folder.csv").mkdir()
    assert names(tmp_path) == ["a"]
    hidden = tmp_path / ".home" / "here"
    touch(hidden / "e.csv")
    assert names(hidden) == ["e"]


def test_any_file_may_be_named(tmp_path: Path) -> None:
    touch(tmp_path / "poses.dat")
    assert names(tmp_path / "poses.dat") == ["poses"]


@pytest.mark.parametrize(
    "marks",
    [
        *(["segment.json"], ["page.json"], ["run.json"], ["predictions.json"]),
        ["features/x.npy", "origins/x.json"],
    ],
)
def test_what_asot_made_is_no_recording(tmp_path: Path, marks: list[str]) -> None:
    touch(tmp_path / "a.mp4")
    made = tmp_path / "deep" / "results"
    touch(*(made / mark for mark in marks), made / "media" / "clip.mp4", made / "segments.csv")
    assert names(tmp_path) == ["a"]


def test_recordings_of_one_name_are_refused(tmp_path: Path) -> None:
    touch(tmp_path / "a.csv", tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.csv and .*a\.parquet would both be called 'a': rena"):
        find_inputs([tmp_path])
    touch(tmp_path / "two" / "b-c.csv", tmp_path / "two" / "b" / "c.csv")
    with pytest.raises(DataError, match="would both be called 'b-c'"):
        find_inputs([tmp_path / "two"])
    assert names(tmp_path / "a.csv", tmp_path / "a.csv") == ["a"], "the same file twice is one"


TRACKED = "mDLC_resnet50_s1"


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        (["m.csv", "m_filtered.csv"], "m_filtered.csv"),
        (["m.csv", "m.h5"], "m.h5"),
        (["m.csv", "m.h5", "m_filtered.csv", "m_full.pickle", "m_meta.pickle"], "m_filtered.csv"),
        (["m.csv", "m.h5", "m_filtered.csv", "m_filtered.h5"], "m_filtered.h5"),
        (["m.H5", "m.CSV", "m_skeleton.csv", "m_filtered_skeleton.csv"], "m.H5"),
        (["m_el.h5", "m_el_filtered.h5", "m_el_filtered.csv"], "m_el_filtered.h5"),
    ],
)
def test_of_the_files_of_one_tracking_one_is_taken(
    tmp_path: Path, files: list[str], taken: str
) -> None:
    paths = [tmp_path / "in" / one.replace("m", TRACKED, 1) for one in files]
    touch(*paths, tmp_path / "in" / "other_filtered.csv")
    tables = [one for one in paths if one.suffix != ".pickle"]
    for named in ([tmp_path / "in"], [*tables, tmp_path / "in" / "other_filtered.csv"]):
        ours, other = find_inputs(named)
        assert ours.path.name == taken.replace("m", TRACKED, 1)
        assert not other.remarks
        [remark] = ours.remarks
        assert remark.startswith(f"{ours.path.name} was read, and not ")
        for left in tables[:3]:
            assert left.name in remark


def test_tracks_of_two_folders_are_two_recordings(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "m.csv", tmp_path / "b" / "m_filtered.csv")
    assert names(tmp_path) == ["a-m", "b-m_filtered"]


def test_videos_do_not_go_with_others(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp4", tmp_path / "b.csv", tmp_path / "c.npy")
    with pytest.raises(DataError) as caught:
        find_inputs([tmp_path])
    assert str(caught.value) == (
        "Videos ('a.mp4') and tables ('b.csv', 'c.npy') cannot be segmented together: name one "
        "kind."
    )


def test_what_is_missing_or_empty(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: does not exist: name videos, tables or arrays"):
        find_inputs([tmp_path / "nowhere"])
    touch(tmp_path / "notes.txt")
    with pytest.raises(DataError, match=r"holds no recordings: no file in it ends in one of \.3gp"):
        find_inputs([tmp_path])


@pytest.mark.parametrize("name", [b"two\nlines.csv", b"\xff.csv", b".hidden.csv"])
def test_names_that_no_recording_can_have(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.touch()
    with pytest.raises(DataError, match="has a name that no recording can have: rename it"):
        find_inputs([path])


def test_endings_mean_one_thing() -> None:
    assert not VIDEOS & SERIES
    assert all(one == one.lower() and one.startswith(".") for one in VIDEOS | SERIES)


@given(count=st.integers(1, 40), shards=st.integers(1, 12))
def test_shards_share_all_recordings_out(count: int, shards: int) -> None:
    inputs = [Input(f"{number:02}", Path("x")) for number in range(count)]
    shared: list[Input] = []
    for shard in range(1, min(shards, count) + 1):
        own = take_shard(inputs, f"{shard}/{shards}")
        assert abs(len(own) - count / shards) < 1
        shared += own
    assert sorted(shared, key=lambda one: one.name) == inputs
    assert take_shard(inputs, None) == inputs


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "1/", "/2", "a/b", "-1/2", "1.5/2", "1/2/3"])
def test_shards_that_are_none(shard: str) -> None:
    with pytest.raises(ConfigurationError, match="--shard must be i/n with i from 1 to n, not "):
        take_shard([Input("a", Path("a"))], shard)


def test_a_shard_without_a_recording() -> None:
    assert take_shard([Input("a", Path("a"))], "2/2") == []
