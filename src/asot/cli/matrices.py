"""The matrices that asot decode takes, and their ground truth, checked before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.data.npyfiles import map_matrix
from asot.data.problems import FileError, plural
from asot.data.textfiles import read_lines

# Recordings can be shorter than their list of actions, but nobody looks for more actions than this.
MOST_ACTIONS = 64


def read_matrix(file: Path) -> NDArray[Any]:
    """A (frames, actions) matrix of finite float32 or float64 numbers, mapped where it can be.

    Raises
    ------
    FileError
        With a sentence that names the file and what is wrong with it.
    """
    matrix = map_matrix(file)
    if matrix.dtype not in (np.float32, np.float64) or not matrix.dtype.isnative:
        small = matrix.dtype.kind == "f" and matrix.dtype.itemsize <= 4
        matrix = matrix.astype(np.float32 if small else np.float64)
    n_frames, n_actions = matrix.shape
    if n_actions > max(n_frames, MOST_ACTIONS):
        shape = f"{plural(n_frames, 'row')} and {n_actions:,} columns"
        raise FileError.at(file, f"has {shape}, so it looks transposed: frames are the rows")
    wrong = ~np.isfinite(matrix)
    if wrong.any():
        frame, action = np.argwhere(wrong)[0].tolist()
        message = f"column {action} of frame {frame} (from 0) is {matrix[frame, action]}"
        count = int(wrong.sum())
        more = f", the first of {count:,} numbers that are not finite" if count > 1 else ""
        raise FileError.at(file, message + more)
    return np.asarray(matrix)


def read_truth(place: Path | None, file: Path, n_frames: int) -> list[str] | None:
    """The action names of a matrix's frames: of ``place``, or of the file in it named alike.

    Raises
    ------
    FileError
        With a sentence that names the file and what is wrong with it.
    """
    if place is None:
        return None
    if place.is_dir():
        names = (file.stem, f"{file.stem}.txt")
        place = next((place / name for name in names if (place / name).is_file()), place / names[0])
    truth = read_lines(place)
    if "" in truth:
        raise FileError.at(place, "is empty where an action name is needed", truth.index("") + 1)
    if len(truth) != n_frames:
        lengths = f"{plural(len(truth), 'label')} where {file} has {plural(n_frames, 'frame')}"
        raise FileError.at(place, f"has {lengths}")
    return truth
