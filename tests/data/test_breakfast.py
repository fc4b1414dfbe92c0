"""Five real recordings of the Breakfast data set, in the benchmark's own layout."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from asot.data import DatasetFolder, check_dataset, find_dataset, standardise
from asot.data.features import FOLDER

FRAMES = {
    "P03_cam01_P03_coffee": 917,
    "P05_cam01_P05_coffee": 1119,
    "P06_cam01_P06_coffee": 472,
    "P08_webcam01_P08_coffee": 271,
    "P09_cam01_P09_coffee": 571,
}
PATTERN = "_([^_]+)$"


@pytest.fixture
def breakfast(shared: Path, tmp_path: Path) -> Path:
    root = tmp_path / "Breakfast"
    source = shared / "data" / "Breakfast"
    shutil.copytree(source, root, ignore=shutil.ignore_patterns(FOLDER))
    for folder in [root, *root.rglob("*/")]:
        folder.chmod(0o755)
    return root


def test_the_five_recordings(breakfast: Path) -> None:
    data = DatasetFolder(find_dataset(breakfast.parent), activity_pattern=PATTERN, frame_rate=15)
    recordings = data.recordings("coffee")
    assert {item.name: item.n_frames for item in recordings} == FRAMES
    assert data.activities == ("coffee",)
    assert data.class_names is not None
    assert len(data.class_names) == 48
    assert data.class_names[5] == "pour_coffee"
    for recording in recordings:
        assert recording.width == 64
        path = breakfast / "features" / "coffee" / f"{recording.name}.txt"
        np.testing.assert_array_equal(recording.features, np.loadtxt(path, dtype=np.float32))
        names = (breakfast / "groundTruth" / recording.name).read_text().split("\n")[:-1]
        assert [data.class_names[i] for i in recording.ground_truth] == names


def test_the_check_finds_no_error(breakfast: Path) -> None:
    report = check_dataset(breakfast, activity_pattern=PATTERN, frame_rate=15)
    assert report.ok
    (row,) = report.rows
    assert (row.activity, row.recordings, row.frames, row.width) == ("coffee", 5, 3350, 64)
    assert row.labelled == 5
    assert row.hours == pytest.approx(3350 / 15 / 3600)
    assert all("all zero" in problem.message for problem in report.warnings)


def test_frames_without_features_stay_zero(breakfast: Path) -> None:
    for recording in DatasetFolder(breakfast).recordings():
        absent = ~recording.features.any(axis=1)
        result = standardise(recording.features)
        np.testing.assert_array_equal(~result.any(axis=1), absent)
        np.testing.assert_allclose((result[~absent] ** 2).sum(axis=1).mean(), 1, rtol=1e-4)


def test_a_folder_that_nobody_may_write_is_read_through_the_cache(
    breakfast: Path, cache: Path
) -> None:
    (breakfast / "features" / "coffee").chmod(0o555)
    try:
        recordings = DatasetFolder(breakfast).recordings()
        assert all(isinstance(features, np.memmap) for features in recordings.features)
    finally:
        (breakfast / "features" / "coffee").chmod(0o755)
    assert not (breakfast / "features" / "coffee" / FOLDER).exists()
    assert len(list((cache / "features").iterdir())) == 10
