"""Each defect of a data folder, named with its file and where there is one its line."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asot.data import DatasetReport, check_dataset
from asot.errors import ArgumentError, DataError, Defect

Find = Callable[..., Defect]


def find(report: DatasetReport, file: str, part: str) -> Defect:
    """The one problem of a file whose message holds ``part``."""
    found = [p for p in report.problems if str(p.path).endswith(file) and part in p.message]
    assert len(found) == 1, [str(problem) for problem in report.problems]
    return found[0]


def only(report: DatasetReport, file: str, part: str) -> Defect:
    """The same, where nothing else may be wrong."""
    assert len(report.problems) == 1, [str(problem) for problem in report.problems]
    return find(report, file, part)


def test_a_sound_folder_has_no_problems(root: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    report = check_dataset(root, frame_rate=10.0, progress=lambda *step: steps.append(step))
    assert report.ok
    assert report.problems == ()
    (row,) = report.rows
    assert (row.activity, row.recordings, row.frames, row.width) == (None, 2, 10, 3)
    assert (row.labelled, row.classes) == (2, 3)
    assert row.hours == pytest.approx(10 / 10 / 3600)
    assert steps == [("Checking the data", 1, 2), ("Checking the data", 2, 2)]
    report.require_valid()


def test_one_row_for_each_activity(root: Path) -> None:
    report = check_dataset(root, activity_pattern="(.)")
    assert [(row.activity, row.frames, row.classes) for row in report.rows] == [
        ("a", 6, 3),
        ("b", 4, 2),
    ]
    assert report.rows[0].hours is None


def test_names_of_one_class_count_once(root: Path) -> None:
    (root / "mapping" / "mapping.txt").write_text("0 reach\n0 pour milk\n2 stir\n")
    report = check_dataset(root)
    assert report.ok
    assert report.rows[0].classes == 2


def test_a_folder_without_labels_and_mapping(make_root: Callable[..., Path]) -> None:
    report = check_dataset(make_root(labels=False, mapping=False))
    assert report.problems == ()
    assert report.rows[0].labelled == report.rows[0].classes == 0


def test_everything_wrong_at_once_is_reported(root: Path) -> None:
    features, labels = root / "features", root / "groundTruth"
    (features / "a.txt").write_text("1 2 3\n1 x 3\n1 2\n1 2 3\n1 nan inf\n")
    np.save(features / "b.npy", np.ones((4, 2), dtype=np.float32))
    (features / "c.txt").write_text("")
    np.savetxt(features / "d.txt", np.ones((3, 2)) * [[1], [2], [3]])
    (labels / "b.txt").write_text("stir\nswim\n\nswim\nrun\n")
    (labels / "c").write_bytes(b"\xff\xfe\x00")
    (root / "mapping" / "mapping.txt").write_text("0 reach\n1 pour milk\n2 stir\n3 reach\nx\n")
    report = check_dataset(root)
    assert not report.ok
    where = {
        (str(problem.path.relative_to(root)), problem.line)
        for problem in report.problems
        if problem.severity == "error"
    }
    assert {
        ("features/a.txt", 2),
        ("features/a.txt", 3),
        ("features/a.txt", 5),
        ("features/c.txt", None),
        ("groundTruth/b.txt", 3),
        ("groundTruth/b.txt", None),
        ("groundTruth/c", 1),
        ("mapping/mapping.txt", 4),
        ("mapping/mapping.txt", 5),
    } <= where
    errors = len(report.errors)
    with pytest.raises(DataError, match=rf"; and {errors - 1} more problems: run asot data check"):
        report.require_valid()


def test_lengths_that_differ(root: Path) -> None:
    (root / "groundTruth" / "a").write_text("reach\n" * 5)
    problem = only(check_dataset(root), "groundTruth/a", "has 5 labels where a.txt has 6 frames")
    assert problem.line is None
    with pytest.raises(DataError, match=r"a: has 5 labels where a\.txt has 6 frames\.$"):
        check_dataset(root).require_valid()


def test_columns_first_features(root: Path) -> None:
    np.save(root / "features" / "b.npy", np.random.default_rng(0).normal(size=(3, 4)))
    find(check_dataset(root), "groundTruth/b.txt", "turn it with --dataset.transposed true")


def test_labels_missing_from_the_mapping(root: Path) -> None:
    (root / "groundTruth" / "a").write_text("reach\nswim\nstir\nswim\nrun far\nswim\n")
    report = check_dataset(root)
    first = find(report, "groundTruth/a", "label 'swim' is not in mapping.txt")
    assert (first.line, "the first of 3 such lines" in first.message) == (2, True)
    assert find(report, "groundTruth/a", "'run far'").line == 5
    assert len(report.problems) == 2


def test_a_wholly_foreign_ground_truth_stays_short(root: Path) -> None:
    np.save(root / "features" / "b.npy", np.random.default_rng(0).normal(size=(500, 3)))
    (root / "groundTruth" / "b.txt").write_text("".join(f"label{i}\n" for i in range(500)))
    report = check_dataset(root)
    assert len(report.problems) == 6
    assert find(report, "b.txt", "495 more labels not in mapping.txt").line == 6


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ("1 nan 3", "'nan' in column 2 is not finite"),
        ("-inf 2 3", "'-inf' in column 1 is not finite"),
        ("1 2 1e39", "'1e39' in column 3 is too large for float32"),
        ("1 2 1e999", "'1e999' in column 3 is not finite"),
        ("1 2 " + "9" * 400, "in column 3 is not finite"),
        ("1 2", "has 2 columns where the other lines have 3"),
        ("1 2 3 4", "has 4 columns where the other lines have 3"),
        ("1 abc 3", "'abc' in column 2 is not a number"),
        ("1,2,3", "'1,2,3' in column 1 is not a number"),
        ("1_0 2 3", "'1_0' in column 1 is not a number"),
        ("1 2 ٣", "in column 3 is not a number"),
        ("", "is empty"),
        ("1 2 3\x00", "'3\\x00' in column 3 is not a number"),
    ],
)
def test_a_bad_row_of_text(root: Path, row: str, part: str) -> None:
    rows = ["1 2 3", "2 3 5", row, row, "3 4 9", "3 4 1"]
    (root / "features" / "a.txt").write_text("\n".join(rows), "utf-8")
    report = check_dataset(root)
    problem = next(problem for problem in report.problems if part in problem.message)
    assert (problem.path.name, problem.line, problem.severity) == ("a.txt", 3, "error")
    assert "the first of 2 such lines" in problem.message


@pytest.mark.parametrize(
    ("content", "line", "part"),
    [
        (b"", None, "is empty"),
        (b"\n \n\n", None, "is empty"),
        (b"1 2 3\n\xff\xfe\x80", 2, "is not UTF-8 text"),
        (b"1 2 3\n4 5 \x80", 2, "is not UTF-8 text"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00", 1, "is not UTF-8 text"),
        ("header\n" + "1 2 3\n" * 6, 1, "has 1 columns where the other lines have 3"),
    ],
)
def test_a_text_that_is_no_features(
    root: Path, content: bytes | str, line: int | None, part: str
) -> None:
    path = root / "features" / "a.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert find(check_dataset(root), "features/a.txt", part).line == line


def _npy(array: np.ndarray, allow_pickle: bool = False) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=allow_pickle)
    return stream.getvalue()


def _npz() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, x=np.ones((4, 3)))
    return stream.getvalue()


SOUND = _npy(np.random.default_rng(0).normal(size=(4, 3)))


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "is empty"),
        (b"not numpy at all", "is not an .npy file, or is damaged"),
        (SOUND[:7], "is not an .npy file, or is damaged"),
        (SOUND[:60], "is not an .npy file, or is damaged"),
        (SOUND[:-1], "is truncated: 223 bytes where its header announces 224"),
        (SOUND.replace(b"(4, 3)", b"(-4,3)"), "is not an .npy file, or is damaged"),
        (SOUND.replace(b"(4, 3)", b"(4,9**"), "is not an .npy file, or is damaged"),
        (SOUND.replace(b"(4, 3), }  ", b"(4, 300), }"), "is truncated"),
        (SOUND.replace(b"(4, 3), }            ", b"(4, 9999999999999), }"), "is truncated"),
        (_npz(), "is an .npz archive"),
        (_npy(np.array([[object()]]), allow_pickle=True), "holds Python objects"),
        (_npy(np.array([["a", "b"]])), "holds values of type <U1, not real numbers"),
        (_npy(np.ones((4, 3), dtype=complex)), "complex128, not real numbers"),
        (_npy(np.ones(4)), "has shape (4,) where (frames, columns) is needed"),
        (_npy(np.ones((1, 4, 3))), "has shape (1, 4, 3)"),
        (_npy(np.array(3.0)), "has shape ()"),
        (_npy(np.ones((0, 3))), "is empty: its shape is (0, 3)"),
        (_npy(np.ones((4, 0))), "is empty: its shape is (4, 0)"),
        (_npy(np.array([[1, 2], [3, np.nan]])), "column 1 of frame 1 (from 0) is NaN"),
        (_npy(np.array([[1, -np.inf], [3, 1]])), "column 1 of frame 0 (from 0) is infinite"),
        (
            _npy(np.array([[1, 1e39], [3, 1e39]])),
            "too large for float32; 2 frames have such values",
        ),
    ],
)
def test_a_bad_npy(root: Path, content: bytes, part: str) -> None:
    (root / "features" / "b.npy").write_bytes(content)
    assert find(check_dataset(root), "features/b.npy", part).severity == "error"


@pytest.mark.parametrize("dtype", [">f4", "<f8", "f2", "i8", "u1", "?", "g"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_of_any_real_type_is_read(root: Path, dtype: str, order: str) -> None:
    from asot.data import DatasetFolder

    values = np.asarray(np.arange(12).reshape(4, 3) % 2, dtype=dtype, order=order)
    np.save(root / "features" / "b.npy", values)
    assert check_dataset(root).ok
    features = DatasetFolder(root).recordings()[1].features
    assert features.dtype == np.float32
    assert features.dtype.isnative
    np.testing.assert_array_equal(features, values.astype(np.float32))


def test_nan_far_into_a_long_recording(root: Path) -> None:
    values = np.random.default_rng(0).normal(size=(20_000, 100)).astype(np.float32)
    values[15_000, 7] = np.nan
    values[19_999, 99] = np.inf
    np.save(root / "features" / "b.npy", values)
    find(check_dataset(root), "b.npy", "column 7 of frame 15000 (from 0) is NaN; 2 frames")


def test_a_width_that_differs(root: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(root / "features" / "c.npy", rng.normal(size=(4, 3)))
    np.save(root / "features" / "d.npy", rng.normal(size=(4, 5)))
    report = check_dataset(root)
    assert find(report, "d.npy", "has 5 columns where 3 of 4 recordings have 3").line is None
    report = check_dataset(root, width=5)
    assert [problem.path.name for problem in report.errors] == ["a.txt", "b.npy", "c.npy"]
    find(report, "a.txt", "has 3 columns where 5 are expected")
    with pytest.raises(ArgumentError) as caught:
        check_dataset(root, width=0)
    assert caught.value.setting == "width"


@pytest.mark.parametrize(
    ("content", "line", "part"),
    [
        (b"0 reach\n1 pour milk\n2 stir\n3 reach\n", 4, "'reach' is already on line 1"),
        (b"0 reach\n1 pour milk\n2 stir\n3\n", 4, "'3' is not '<id> <action name>'"),
        (b"0 reach\n1 pour milk\nthree take\n2 stir\n", 3, "'three take' is not '<id> <act"),
        (b"0 reach\n1 pour milk\n1.5 take\n2 stir\n", 3, "'1.5 take' is not"),
        (b"0 reach\n1 pour milk\n2 stir\n" + b"9" * 5000 + b" x", 4, "is not '<id> <action"),
        (b"0 reach\n1 pour milk\n2 stir\n9999999999999999999 x", 4, "is not '<id> <action"),
        (b"", None, "is empty"),
        (b"0 reach\n\x81 pour", 2, "is not UTF-8 text"),
    ],
)
def test_a_bad_mapping(root: Path, content: bytes, line: int | None, part: str) -> None:
    (root / "mapping" / "mapping.txt").write_bytes(content)
    assert only(check_dataset(root), "mapping.txt", part).line == line


def test_other_mapping_files(root: Path) -> None:
    only(check_dataset(root, mapping="none.txt"), "mapping/none.txt", "does not exist")
    (root / "mapping" / "mapping.txt").rename(root / "mapping" / "mappingeval.txt")
    warning = only(check_dataset(root), "mapping", "no mapping.txt; to use another file, name it")
    assert warning.severity == "warning"
    assert "'mappingeval.txt'" in warning.message
    assert check_dataset(root, mapping="mappingeval.txt").problems == ()


def test_ground_truth_and_features_without_each_other(root: Path) -> None:
    (root / "groundTruth" / "b.txt").rename(root / "groundTruth" / "z")
    (root / "groundTruth" / "a_idt").write_text("reach\n")
    (root / "groundTruth" / "folder").mkdir()
    report = check_dataset(root)
    assert report.ok
    extra = find(report, "groundTruth", "belongs to no recording and is not read")
    assert "'z', 'folder/'" in extra.message
    missing = find(report, "groundTruth", "has nothing for 1 recording: 'b'")
    assert extra.severity == missing.severity == "warning"
    assert len(report.problems) == 2


def test_a_recording_name_that_comes_twice(root: Path) -> None:
    (root / "features" / "tea").mkdir()
    np.save(root / "features" / "tea" / "a.npy", np.ones((6, 3)))
    problem = only(check_dataset(root), "tea/a.npy", "recording 'a' is also in")
    assert "features/a.txt" in problem.message
    assert problem.severity == "error"


def test_what_is_not_read_is_said(root: Path) -> None:
    np.save(root / "features" / "a.npy", np.random.default_rng(0).normal(size=(6, 3)))
    (root / "features" / "notes.md").write_text("")
    (root / "features" / "tea" / "deeper").mkdir(parents=True)
    report = check_dataset(root)
    assert report.ok
    find(report, "features/a.txt", "is not read, because a.npy is there too")
    find(report, "features", "1 file not ending in .npy or .txt, not read: 'notes.md'")
    find(report, "features/tea", "folders that are not read, 'deeper'")
    assert len(report.warnings) == 3


def test_frames_and_columns_that_say_nothing(root: Path) -> None:
    values = np.random.default_rng(0).normal(size=(4, 3))
    values[1:3] = 0
    np.save(root / "features" / "b.npy", values)
    warning = only(check_dataset(root), "b.npy", "2 of 4 frames are all zero")
    assert warning.severity == "warning"
    np.savetxt(root / "features" / "a.txt", [[1, 2, i] for i in range(6)])
    report = check_dataset(root)
    find(report, "a.txt", "2 of 3 columns never change")
    np.save(root / "features" / "b.npy", np.zeros((4, 3)))
    report = check_dataset(root)
    find(report, "b.npy", "3 of 3 columns never change, and 2 in 1 other recording")


def test_a_single_frame_is_no_constant(root: Path) -> None:
    np.save(root / "features" / "c.npy", np.ones((1, 3)))
    (root / "groundTruth" / "c").write_text("stir")
    assert check_dataset(root).problems == ()


def test_links_pipes_and_folders_in_the_place_of_files(root: Path) -> None:
    (root / "features" / "link.npy").symlink_to(root / "gone.npy")
    (root / "features" / "loop.npy").symlink_to(root / "features" / "loop.npy")
    os.mkfifo(root / "features" / "pipe.txt")
    (root / "groundTruth" / "b.txt").unlink()
    (root / "groundTruth" / "b").symlink_to("gone")
    (root / "mapping" / "mapping.txt").unlink()
    (root / "mapping" / "mapping.txt").mkdir()
    report = check_dataset(root)
    find(report, "link.npy", "is a broken symbolic link")
    find(report, "loop.npy", "cannot be read")
    find(report, "pipe.txt", "is not a regular file")
    find(report, "groundTruth/b", "is a broken symbolic link")
    find(report, "mapping.txt", "is a folder where a file is expected")


def test_files_that_may_not_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def refuse(path: Path, *args: object, **options: object) -> object:
        if path.parent.name in ("features", "groundTruth"):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *args, **options)  # type: ignore[arg-type]

    def read_bytes(path: Path) -> bytes:
        with refuse(path, "rb") as stream:  # type: ignore[attr-defined]
            return stream.read()

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    report = check_dataset(root)
    for file in ("features/a.txt", "features/b.npy", "groundTruth/a", "groundTruth/b.txt"):
        find(report, file, "cannot be read: Permission denied")
    assert len(report.problems) == 4
    assert report.rows[0].frames == 0
    assert report.rows[0].width is None


def test_folders_that_may_not_be_listed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = Path.iterdir

    def refuse(path: Path) -> object:
        if path.name == "features":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    report = check_dataset(root)
    find(report, "features", "cannot be read: Permission denied")
    assert report.rows == ()


@pytest.mark.parametrize("name", ["features", "groundTruth", "mapping"])
def test_files_in_the_place_of_folders(root: Path, name: str) -> None:
    (root / name).rename(root / f"{name}-away")
    (root / name).write_text("a file")
    report = check_dataset(root)
    if name == "mapping":
        find(report, "mapping", "is not a folder")
    else:
        find(report, name, "cannot be read: Not a directory")


def test_names_that_are_not_utf8(root: Path) -> None:
    try:
        (root / "features" / os.fsdecode(b"caf\xe9.txt")).write_text("1 2 3\n")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    problem = only(check_dataset(root), "features", "holds a name that is not UTF-8")
    assert str(problem).isascii()
    with pytest.raises(DataError, match="not UTF-8"):
        check_dataset(root).require_valid()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    report = check_dataset(tmp_path / "nowhere")
    only(report, "nowhere/features", "does not exist")
    assert report.rows == ()
    with pytest.raises(DataError, match=r"nowhere/features: does not exist\.$"):
        report.require_valid()


def test_the_command_in_the_error_can_be_pasted(make_root: Callable[..., Path]) -> None:
    root = make_root("with a space")
    (root / "features" / "a.txt").write_text("")
    (root / "features" / "b.npy").write_bytes(b"")
    with pytest.raises(DataError, match=r"; and 1 more problem: run asot data check '.*space'\.$"):
        check_dataset(root).require_valid()


def test_more_columns_than_frames_everywhere_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "features").mkdir()
    for name in ("a", "b"):
        values = np.random.default_rng(0).normal(size=(4, 30)).astype(np.float32)
        np.save(tmp_path / "features" / f"{name}.npy", values)
    report = check_dataset(tmp_path)
    assert report.ok
    find(report, "a.npy", "transpose them with --dataset.transposed true")
    np.save(tmp_path / "features" / "c.npy", np.random.default_rng(0).normal(size=(40, 30)))
    assert not any("transpose" in problem.message for problem in check_dataset(tmp_path).problems)
