"""Ground truth and mappings as editors and other programs save them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asot.data import DatasetFolder, check_dataset
from asot.errors import DataError


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(
    root: Path, encoding: str, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    labels = ["reach", "gieße  Milch ", "gieße\tMilch", "stir"]
    (root / "groundTruth" / "b.txt").write_bytes(end.join([*labels, "", ""]).encode(encoding))
    mapping = end.join(["0 reach", "1 gieße Milch", "2 stir", "3 pour milk"])
    (root / "mapping" / "mapping.txt").write_bytes(mapping.encode(encoding))
    recording = DatasetFolder(root).recordings()[1]
    np.testing.assert_array_equal(recording.ground_truth, [0, 1, 1, 2])
    said = "read as Windows-1252, with 'gieße'"
    assert (said in caplog.text) == (encoding == "cp1252")


@pytest.mark.parametrize(
    "label", ["nan", "NA", "null", "7", "-1", "=A1", 'say "hi"', "a, b; c", "x" * 5000]
)
def test_labels_that_look_like_something_else(root: Path, label: str) -> None:
    (root / "mapping" / "mapping.txt").unlink()
    (root / "groundTruth" / "b.txt").write_text(f"{label}\n" * 4)
    data = DatasetFolder(root)
    assert data.class_names is not None
    assert {data.class_names[one] for one in data.recordings()[1].ground_truth} == {label}


def test_letters_composed_and_not_are_one_class(root: Path) -> None:
    (root / "mapping" / "mapping.txt").unlink()
    (root / "groundTruth" / "b.txt").write_text("u\u0308be\n\u00fcbe\n" * 2, "utf-8")
    data = DatasetFolder(root)
    assert len(set(data.recordings()[1].ground_truth.tolist())) == 1


@pytest.mark.parametrize("line", ["{} reach", "{}\treach", "{:.2f},reach"])
def test_numbers_before_labels_are_named(root: Path, line: str) -> None:
    path = root / "groundTruth" / "b.txt"
    path.write_text("".join(line.format(i) + "\n" for i in range(4)))
    with pytest.raises(DataError, match=r"b\.txt, line 1: has a number before each label"):
        _ = DatasetFolder(root).recordings()[1].ground_truth
    assert any("a number before each" in one.message for one in check_dataset(root).errors)


def test_labels_of_no_recording_are_said(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "groundTruth" / "b.txt").rename(root / "groundTruth" / "bb.txt")
    assert [one.labelled for one in DatasetFolder(root).recordings()] == [True, False]
    assert "belongs to no recording and is not read: 'bb.txt'." in caplog.text
