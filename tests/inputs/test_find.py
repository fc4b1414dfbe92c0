"""What people name on the command line, and which recordings it becomes."""

from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path

import pytest

from asot.errors import DataError
from asot.inputs.find import Input, find_inputs, take_shard
from asot.inputs.kinds import ASIDE, PLAIN, SERIES, VIDEOS, Kind
from asot.shards import Shard

LogCapture = pytest.LogCaptureFixture


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


def test_two_formats_of_one_recording_are_one(tmp_path: Path) -> None:
    touch(tmp_path / "a.csv", tmp_path / "a.parquet", tmp_path / "b.npy", tmp_path / "b.tsv")
    for named in ([tmp_path], sorted(tmp_path.iterdir())):
        first, second = find_inputs(named)
        assert (first.path.name, second.path.name) == ("a.parquet", "b.tsv")
        assert first.remarks == (
            "a.parquet was read, and not 'a.csv' of the same recording beside it.",
        )
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "c.mkv").write_bytes(b"\0" * 9)
    (tmp_path / "videos" / "c.mp4").write_bytes(b"\0" * 10)
    [one] = find_inputs([tmp_path / "videos"])
    assert one.path.name == "c.mp4"
    assert names(tmp_path / "a.csv", tmp_path / "a.csv") == ["a"], "the same file twice is one"


def test_names_that_are_the_same_get_their_folder_or_a_checksum(tmp_path: Path) -> None:
    touch(tmp_path / "b-c.csv", tmp_path / "b" / "c.csv")
    first, second = find_inputs([tmp_path])
    assert [first.name, second.name[:4]] == ["b-c", "b-c~"]
    assert {first.path, second.path} == {tmp_path / "b-c.csv", tmp_path / "b" / "c.csv"}
    assert second.remarks == (
        f"Its name was made of {second.path.name!r}, which is long, taken or not all visible.",
    )
    days = [tmp_path / day / "log.csv" for day in ("mon", "tue")]
    touch(*days)
    for named in (days, [one.parent for one in days]):
        assert names(*named) == ["mon-log", "tue-log"]
    touch(tmp_path / "A.csv", tmp_path / "a.csv")
    assert names(tmp_path / "A.csv", tmp_path / "a.csv") == ["A", "a"]


def test_a_name_that_is_only_an_addition(tmp_path: Path) -> None:
    touch(tmp_path / "_filtered.csv", tmp_path / "x.csv")
    assert names(tmp_path) == ["_filtered", "x"]


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
        "Videos ('a.mp4') and tables ('b.csv', 'c.npy') cannot be segmented together: choose one "
        "kind with --kind, of video, series, pose, array."
    )
    kinds: dict[Kind, str] = {"video": "a", "series": "b", "array": "c"}
    for kind, name in kinds.items():
        assert [one.name for one in find_inputs([tmp_path], kind)] == [name]
    # Whoever asks for poses knows better than a header.
    assert [one.name for one in find_inputs([tmp_path], "pose")] == ["b", "c"]
    (tmp_path / "c.npy").unlink()
    with pytest.raises(DataError, match="There are no arrays for --kind array"):
        find_inputs([tmp_path], "array")


def test_what_is_missing_or_empty(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: does not exist: name videos, tables or arrays"):
        find_inputs([tmp_path / "nowhere"])
    touch(tmp_path / "notes.txt")
    with pytest.raises(DataError, match=r"holds no recordings, but 1 \.txt: they are videos that"):
        find_inputs([tmp_path])


NFC, NFD = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("3.45.12\u202fPM", "3.45.12 PM"),
        ("day\u00a01", "day 1"),
        ("\u3000\u6771\u4eac\u3000", "\u6771\u4eac"),
        ("a\u200db", "ab"),
        ("a\u200cb", "ab"),
        ("\u200fx\u202e", "x"),
        ("\ufeffx", "x"),
        ("two\nlines", "two lines"),
        ("tab\there", "tab here"),
        ("bell\x07", "bell"),
        ("\x85", "recording"),
        ("\ue000", "_"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\U0001f469"),
        *(
            (one, one)
            for one in ("CON", "nul", "a.", "a ", " a", "a..b", "50% off", "a:b?", NFC, NFD)
        ),
        ("x" * 200, "x" * 200),
    ],
)
def test_names_that_nobody_can_read_or_type(tmp_path: Path, stem: str, name: str) -> None:
    touch(tmp_path / f"{stem}.csv", tmp_path / "other.csv")
    found = {one.name: one for one in find_inputs([tmp_path])}
    assert set(found) == {name, "other"}
    assert found[name].path == tmp_path / f"{stem}.csv"
    assert bool(found[name].remarks) == (stem != name)


@pytest.mark.parametrize("stem", ["y" * 201, "a" * 248, "\u6771" * 80, "-".join(["deep"] * 50)])
def test_long_names_are_cut_and_stay_apart(tmp_path: Path, stem: str) -> None:
    paths = [tmp_path / f"{stem}{end}.csv" for end in "ab"]
    touch(*paths)
    found = find_inputs([tmp_path])
    assert [one.path for one in found] == paths or [one.path for one in found] == paths[::-1]
    assert all(len(one.name.encode()) <= 200 and "~" in one.name for one in found)
    assert found[0].name != found[1].name
    assert [one.name for one in find_inputs([tmp_path])] == [one.name for one in found]


def test_deep_folders_make_a_name_that_fits(tmp_path: Path) -> None:
    place = tmp_path.joinpath(*["a folder of some thirty letters"] * 12)
    touch(place / "x.csv")
    [one] = find_inputs([tmp_path])
    assert len(one.name.encode()) <= 200
    assert one.path == place / "x.csv"


@pytest.mark.parametrize(
    "stems",
    [[NFC, NFD], ["ab", "a\u200db"], ["a b", "a\u00a0b", "a\u2009b"], ["x" * 240, "x" * 241]],
)
def test_names_that_look_alike_stay_apart(tmp_path: Path, stems: list[str]) -> None:
    touch(*(tmp_path / f"{stem}.csv" for stem in stems))
    found = find_inputs([tmp_path])
    assert len({unicodedata.normalize("NFC", one.name) for one in found}) == len(stems)
    assert len({one.path for one in found}) == len(stems)


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="names are text here")
def test_a_name_of_bytes_that_are_no_text_has_a_defect(tmp_path: Path) -> None:
    touch(tmp_path / os.fsdecode(b"\xff.csv"), tmp_path / "a.csv")
    wrong, other = sorted(find_inputs([tmp_path]), key=lambda one: not one.defect)
    assert "has a name that is no text: rename it" in wrong.defect
    assert (other.name, other.defect) == ("a", "")
    str(wrong.defect + wrong.name).encode()


def test_a_hidden_file_may_be_named(tmp_path: Path) -> None:
    touch(tmp_path / ".hidden.csv")
    assert names(tmp_path / ".hidden.csv") == ["hidden"]


def test_linked_folders_are_searched_once(tmp_path: Path, caplog: LogCapture) -> None:
    touch(tmp_path / "in" / "one.csv", tmp_path / "elsewhere" / "two.csv")
    (tmp_path / "in" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "again").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path / "in") == ["again-two", "one"]
    said = " ".join(one.getMessage() for one in caplog.records)
    assert "more leads to a folder that was searched" in said
    assert "back leads to a folder that was searched" in said


def test_a_folder_keeps_its_name_beside_a_link_to_it(tmp_path: Path) -> None:
    touch(tmp_path / "real" / "one.csv")
    (tmp_path / "a-link").symlink_to("real")
    assert names(tmp_path) == ["real-one"]


def test_links_to_files(tmp_path: Path, caplog: LogCapture) -> None:
    touch(tmp_path / "store" / "0123abc", tmp_path / "in" / "run5.csv")
    (tmp_path / "in" / "linked.mp4").symlink_to(tmp_path / "store" / "0123abc")
    (tmp_path / "in" / "latest.csv").symlink_to("run5.csv")
    (tmp_path / "in" / "broken.csv").symlink_to("nowhere.csv")
    [video] = find_inputs([tmp_path / "in"], "video")
    assert (video.name, video.is_video) == ("linked", True)
    assert video.path.name == "linked.mp4"
    (tmp_path / "in" / "linked.mp4").unlink()
    broken, log = find_inputs([tmp_path / "in"])
    assert (broken.name, log.name) == ("broken", "run5")
    assert "broken symbolic link" in broken.defect
    assert "'latest.csv': links to files that are recordings already" in caplog.text


def test_what_is_no_file_has_a_defect(tmp_path: Path) -> None:
    touch(tmp_path / "a.csv")
    os.mkfifo(tmp_path / "b.csv")
    found = find_inputs([tmp_path])
    assert "is not a regular file" in found[1].defect


def test_a_folder_that_cannot_be_looked_into_is_said(
    tmp_path: Path, caplog: LogCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "a.csv", tmp_path / "closed" / "b.csv")
    scan = os.scandir

    def fail(path: str) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", fail)
    assert names(tmp_path) == ["a"]
    assert "closed cannot be read: Permission denied: left out" in caplog.text


def test_other_files_are_counted_by_their_endings(tmp_path: Path, caplog: LogCapture) -> None:
    touch(*(tmp_path / name for name in ("a.csv", "b.txt", "c.TXT", "d.jpg", "README", "e.zip")))
    assert names(tmp_path) == ["a"]
    said = f"{tmp_path}: 5 files left out, by ending: 1 .jpg, 2 .txt, 1 .zip, 1 without an ending."
    assert said in caplog.text


LABELS = [
    "start,end,label\n1,2,tea\n",
    "Recording;Start (s);Stop (s);Behavior\na;1;2;x\n",
    '"onset"\t"duration"\t"event"\n1\t2\tx\n',
    "recording,start_frame,end_frame,start_s,end_s,action,confidence\na,0,1,0,1,x,1\n",
]


@pytest.mark.parametrize("text", LABELS)
def test_annotations_are_no_recordings(tmp_path: Path, caplog: LogCapture, text: str) -> None:
    touch(tmp_path / "a.csv")
    (tmp_path / "labels.csv").write_text(text)
    assert names(tmp_path) == ["a"]
    assert "left out 'labels.csv', which hold annotations" in caplog.text
    assert names(tmp_path / "labels.csv") == ["labels"]
    (tmp_path / "a.csv").unlink()
    with pytest.raises(DataError, match=r"no recordings, but annotations in 'labels\.csv'"):
        find_inputs([tmp_path])


@pytest.mark.parametrize("text", ["time,ax,state\n0,1,2\n", "end_effector_x,start\n1,2\n", ""])
def test_logs_are_no_annotations(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert names(tmp_path) == ["a"]


NUMBERS = "".join(f"{i / 50:.3f} {i % 7}.5 -1e-3\n" for i in range(40))


@pytest.mark.parametrize("name", ["a.txt", "a.dat", "a.log", "a.ASC", "a"])
def test_texts_of_numbers_are_tables(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("time ax ay\n" + NUMBERS)
    (tmp_path / "notes.txt").write_text("Started at 9.\n" * 30)
    [one] = find_inputs([tmp_path])
    assert (one.path.name, one.name, one.is_video) == (name, "a", False)
    touch(tmp_path / "b.mp4")
    assert names(tmp_path) == ["b"], "beside recordings, texts may be notes or labels"
    assert [one.name for one in find_inputs([tmp_path], "series")] == ["a"]


def test_endings_mean_one_thing() -> None:
    kinds = (VIDEOS, ASIDE, frozenset(SERIES), frozenset(PLAIN))
    assert sum(map(len, kinds)) == len(frozenset[str]().union(*kinds))
    assert all(one == one.lower() and one.startswith(".") for one in {*VIDEOS, *SERIES, *ASIDE})


def test_shards_take_recordings_by_size(tmp_path: Path) -> None:
    sizes = {"a": 10, "b": 900, "c": 10, "d": 0}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(bytes(size))
    inputs = [Input(name, tmp_path / name) for name in sizes]
    inputs.append(Input("gone", tmp_path / "gone", defect="is a broken symbolic link"))
    shares = [[one.name for one in take_shard(inputs, Shard(i, 2))] for i in (1, 2)]
    assert shares == [["b"], ["a", "c", "d", "gone"]]
    assert take_shard(inputs, None) == inputs
