from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asot.data import DatasetFolder, find_dataset
from asot.errors import ArgumentError, DataError


def _features(path: Path, frames: int = 2, width: int = 3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, np.ones((frames, width), dtype=np.float32))
    else:
        np.savetxt(path, np.ones((frames, width)))


def test_a_sound_folder(root: Path) -> None:
    data = DatasetFolder(root, frame_rate=15.0)
    assert data.class_names == {0: "reach", 1: "pour milk", 2: "stir"}
    assert data.activities == ()
    a, b = data.recordings()
    assert (a.name, a.n_frames, a.width, a.activity, a.frame_rate) == ("a", 6, 3, None, 15.0)
    np.testing.assert_array_equal(a.ground_truth, [0, 0, 1, 2, 2, 2])
    np.testing.assert_array_equal(b.ground_truth, [2, 2, 0, 0])
    np.testing.assert_allclose(a.features, np.loadtxt(root / "features" / "a.txt"), rtol=1e-6)


def test_activities_come_from_the_folders_of_features(tmp_path: Path) -> None:
    _features(tmp_path / "features" / "tea" / "two.txt")
    _features(tmp_path / "features" / "coffee" / "one.npy")
    _features(tmp_path / "features" / "loose.npy")
    data = DatasetFolder(tmp_path)
    assert data.activities == ("coffee", "tea")
    assert data.recordings().names == ("loose", "one", "two")
    assert data.recordings().activities == (None, "coffee", "tea")
    assert data.recordings("tea").names == ("two",)
    with pytest.raises(ArgumentError, match="'coffee', 'tea', but is 'milk'"):
        data.recordings("milk")


@pytest.mark.parametrize(
    ("pattern", "names", "activities"),
    [
        (r"_([^_]+)$", ["P03_cam01_P03_coffee", "P03_cam01_P03_tea"], ("coffee", "tea")),
        (r"^(.+)_[^_]+$", ["changing_tire_0001", "cpr_0002"], ("changing_tire", "cpr")),
    ],
)
def test_a_pattern_wins_over_the_folder(
    tmp_path: Path, pattern: str, names: list[str], activities: tuple[str, ...]
) -> None:
    for name in names:
        _features(tmp_path / "features" / "folder" / f"{name}.npy")
    assert DatasetFolder(tmp_path, activity_pattern=pattern).activities == activities
    assert DatasetFolder(tmp_path).activities == ("folder",)


def test_a_name_that_does_not_match_the_pattern_is_refused(tmp_path: Path) -> None:
    _features(tmp_path / "features" / "plain.npy")
    with pytest.raises(DataError, match=r"plain\.npy: name 'plain' does not match"):
        DatasetFolder(tmp_path, activity_pattern="_([^_]+)$")


@pytest.mark.parametrize("pattern", ["(", "abc", "(a)(b)"])
def test_bad_patterns_are_refused(root: Path, pattern: str) -> None:
    with pytest.raises(ArgumentError, match="activity_pattern must"):
        DatasetFolder(root, activity_pattern=pattern)


def test_a_pattern_without_an_end_is_refused(tmp_path: Path) -> None:
    _features(tmp_path / "features" / ("a" * 60 + "!.npy"))
    with pytest.raises(ArgumentError, match=r"more than 2 s .* without repetitions inside"):
        DatasetFolder(tmp_path, activity_pattern="^((?:a|aa)+)+$")


def test_names_with_spaces_dots_and_other_scripts(tmp_path: Path) -> None:
    names = ["my first recording", "take.2.final", "körnchen 茶", "100%", "x.txt"]
    for i, name in enumerate(names):
        suffix = ".npy" if i % 2 or name == "x.txt" else ".txt"
        _features(tmp_path / "features" / "green tea" / f"{name}{suffix}")
        (tmp_path / "groundTruth").mkdir(exist_ok=True)
        (tmp_path / "groundTruth" / name).write_text("наливать чай\nstir  well\n", "utf-8")
    (tmp_path / "mapping").mkdir()
    mapping = "7 наливать чай\n-1 stir  well\n"
    (tmp_path / "mapping" / "mapping.txt").write_text(mapping, "utf-8")
    data = DatasetFolder(tmp_path)
    assert sorted(data.recordings().names) == sorted(names)
    assert data.activities == ("green tea",)
    for recording in data.recordings():
        assert recording.n_frames == 2
        np.testing.assert_array_equal(recording.ground_truth, [7, -1])


def test_hidden_files_are_ignored_and_npy_is_preferred(root: Path) -> None:
    (root / "features" / ".DS_Store").write_bytes(b"\x00")
    (root / "features" / "._a.txt").write_bytes(b"\x00")
    _features(root / "features" / "a.npy", frames=6)
    first = DatasetFolder(root).recordings()[0]
    np.testing.assert_array_equal(first.features, np.ones((6, 3)))


def test_windows_line_ends_byte_order_mark_and_trailing_lines(root: Path) -> None:
    bom = b"\xef\xbb\xbf"
    (root / "groundTruth" / "b.txt").write_bytes(bom + b"stir\r\nstir \r\nreach\r\nreach\r\n\r\n")
    mapping = bom + b"0\treach\r\n1 pour milk\r\n\r\n2 stir"
    (root / "mapping" / "mapping.txt").write_bytes(mapping)
    (root / "features" / "a.txt").write_bytes(bom + b"1 2 3 \r\n" * 1 + b"4\t5 6\r\n" * 5 + b"\n\n")
    data = DatasetFolder(root)
    np.testing.assert_array_equal(data.recordings()[1].ground_truth, [2, 2, 0, 0])
    assert data.recordings()[0].features.shape == (6, 3)


def test_another_mapping_file(root: Path) -> None:
    (root / "mapping" / "mappingeval.txt").write_text("5 reach\n6 pour milk\n9 stir\n")
    data = DatasetFolder(root, mapping="mappingeval.txt")
    assert data.class_names == {5: "reach", 6: "pour milk", 9: "stir"}
    np.testing.assert_array_equal(data.recordings()[1].ground_truth, [9, 9, 5, 5])
    with pytest.raises(DataError, match=r"mapping/none\.txt: does not exist"):
        DatasetFolder(root, mapping="none.txt")


def test_several_names_of_one_class(root: Path) -> None:
    (root / "mapping" / "mapping.txt").write_text("4 reach\n4 pour milk\n9 stir\n")
    data = DatasetFolder(root)
    assert data.class_names == {4: "reach +1", 9: "stir"}
    for recording in data.recordings():
        file = next((root / "groundTruth").glob(f"{recording.name}*"))
        lines = file.read_text("utf-8-sig").splitlines()
        assert recording.ground_truth is not None
        assert recording.ground_truth.tolist() == [9 if line == "stir" else 4 for line in lines]


def test_without_a_mapping_ids_follow_the_sorted_names(make_root: Callable[..., Path]) -> None:
    data = DatasetFolder(make_root(mapping=False))
    assert data.class_names == {0: "pour milk", 1: "reach", 2: "stir"}
    np.testing.assert_array_equal(data.recordings()[1].ground_truth, [2, 2, 1, 1])


def test_without_ground_truth(make_root: Callable[..., Path]) -> None:
    data = DatasetFolder(make_root(labels=False, mapping=False))
    assert data.class_names is None
    assert data.recordings().ground_truth == [None, None]


def test_some_recordings_without_ground_truth(root: Path) -> None:
    (root / "groundTruth" / "b.txt").unlink()
    labels = DatasetFolder(root).recordings().ground_truth
    assert labels[0] is not None
    assert labels[1] is None


def test_structural_defects_are_refused_when_the_folder_is_opened(root: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere/features: does not exist\.$"):
        DatasetFolder(root / "nowhere")
    with pytest.raises(DataError, match=r"groundTruth/features: does not exist"):
        DatasetFolder(root / "groundTruth")
    (root / "mapping" / "mapping.txt").write_text("0 reach\none pour milk\n2 reach\n")
    with pytest.raises(DataError, match=r"mapping\.txt, line 2: 'one pour milk' is not .* 1 more"):
        DatasetFolder(root)
    _features(root / "features" / "tea" / "a.npy")
    with pytest.raises(DataError, match=r"tea/a\.npy: recording 'a' is also in .*a\.txt"):
        DatasetFolder(root)
    empty = root / "empty"
    (empty / "features").mkdir(parents=True)
    with pytest.raises(DataError, match=r"features: holds no \.npy or \.txt file"):
        DatasetFolder(empty)
    with pytest.raises(ArgumentError) as caught:
        DatasetFolder(root, frame_rate=float("nan"))
    assert caught.value.setting == "frame_rate"


def test_an_unknown_label_is_named_with_its_line(root: Path) -> None:
    (root / "groundTruth" / "a").write_text("reach\nreach\npour tea\npour tea\nstir\nstir\n")
    recording = DatasetFolder(root).recordings()[0]
    expected = r"a, line 3: label 'pour tea' is not in mapping\.txt \(the first of 2 such lines\)"
    with pytest.raises(DataError, match=expected):
        _ = recording.ground_truth


def test_find_dataset(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(DataError, match="holds nothing"):
        find_dataset(tmp_path)
    with pytest.raises(DataError, match="cannot be read: No such file"):
        find_dataset(tmp_path / "missing")
    (tmp_path / "README").write_text("")
    with pytest.raises(DataError, match=r"no data set: .* it holds 'README'"):
        find_dataset(tmp_path, "Breakfast")
    (tmp_path / "Breakfast" / "features").mkdir(parents=True)
    assert find_dataset(tmp_path) == tmp_path / "Breakfast"
    assert find_dataset(tmp_path / "Breakfast", "Breakfast") == tmp_path / "Breakfast"
    with caplog.at_level(logging.WARNING):
        assert find_dataset(tmp_path, "YTI") == tmp_path / "Breakfast"
    assert "holds no YTI: using Breakfast" in caplog.text
    (tmp_path / "YTI" / "features").mkdir(parents=True)
    assert find_dataset(tmp_path, "YTI") == tmp_path / "YTI"
    with pytest.raises(DataError, match="several data sets, 'Breakfast', 'YTI'"):
        find_dataset(tmp_path)
