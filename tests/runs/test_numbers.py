"""Numbers of actions: by the time they fill, which in uneven recordings is not that of frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from asot.data import Recording, Recordings
from asot.errors import FileError
from asot.export.common import colours
from asot.figures.style import class_style
from asot.runs.numbers import choose_order, keep_order, read_order, renumber
from asot.runs.predictions import PredictionFolder
from asot.timeline.segments import SegmentRow, Timeline


def one_hot(labels: np.ndarray, n_actions: int) -> np.ndarray:
    return np.eye(n_actions, dtype=np.float32)[np.maximum(labels, 0)]


def test_the_action_that_fills_most_seconds_comes_first(tmp_path: Path) -> None:
    folder, labels = PredictionFolder(tmp_path), np.array([2, 2, 2, 2, 0, -1, 3])
    # Four frames of action 2 last half a second each, the one of action 0 five seconds.
    times = np.array([0, 0.5, 1, 1.5, 2, 7, 8, 11])
    np.save(tmp_path / "times.npy", times)
    one = Recording("tea", np.zeros((7, 1), np.float32), times=tmp_path / "times.npy")
    folder.write("tea", labels, one_hot(labels, 4))
    order = choose_order(folder, Recordings([one]), 4)
    folder.write("tea", *renumber(labels, one_hot(labels, 4), order))
    assert order.tolist() == [0, 3, 2, 1]
    assert folder.labels("tea").tolist() == [2, 2, 2, 2, 0, -1, 1]
    assert folder.assignment("tea").argmax(axis=1)[[0, 4, 6]].tolist() == [2, 0, 1]
    # What the model says of another recording gets the same numbers.
    again, shares = renumber(np.array([3, 1]), one_hot(np.array([3, 1]), 4), order)
    assert again.tolist() == shares.argmax(axis=1).tolist() == [1, 3]


def test_frames_count_where_seconds_are_not_known(tmp_path: Path) -> None:
    folder, labels = PredictionFolder(tmp_path), np.array([1, 1, 0])
    folder.write("tea", labels, one_hot(labels, 2))
    recordings = Recordings.from_arrays([np.zeros((3, 1))], names=["tea"])
    assert choose_order(folder, recordings, 2).tolist() == [1, 0]


def test_an_order_is_kept_by_model_and_checked(tmp_path: Path) -> None:
    assert read_order(tmp_path, "tea", 3) is None
    keep_order(tmp_path, "tea", np.array([2, 0, 1]))
    keep_order(tmp_path, "cup", np.array([1, 0]))
    found = read_order(tmp_path, "tea", 3)
    assert found is not None
    assert found.tolist() == [2, 0, 1]
    assert read_order(tmp_path, "milk", 3) is None
    with pytest.raises(FileError, match="must hold each of 0 to 2 once for the model 'cup'"):
        read_order(tmp_path, "cup", 3)


def test_exports_colour_actions_as_the_page_does() -> None:
    names = ["stir", "action 12", "action 2", "by hand"]
    rows = tuple(
        SegmentRow("tea", i, i + 1, None, None, name, None) for i, name in enumerate(names)
    )
    known = {"action 12": 11, "action 2": 1, "stir": 3}
    found = colours([Timeline("tea", rows, 4, labels=known)])
    assert list(found) == ["action 2", "stir", "action 12", "by hand"]
    assert list(found.values()) == [class_style(place).colour for place in (1, 3, 11, 12)]
