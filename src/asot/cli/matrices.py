"""What asot decode takes, checked before any work: matrices, their ground truth, and rules."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.data import map_array
from asot.data.textfiles import read_lines
from asot.errors import ConfigurationError, FileError
from asot.text import plural, quote

# Recordings can be shorter than their list of actions, but nobody looks for more actions than this.
MOST_ACTIONS = 64


def read_matrix(file: Path) -> NDArray[Any]:
    """A (frames, actions) matrix of finite float32 or float64 numbers, mapped where it can be.

    Raises
    ------
    FileError
        With a sentence that names the file and what is wrong with it.
    """
    matrix = map_array(file)
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


def read_duration(text: str, frame_rate: float | None) -> int:
    """A number of frames, of ``25`` or of seconds such as ``2.5s``, which are rounded up.

    Raises
    ------
    ConfigurationError
        With a sentence that says what is wrong with it.
    """
    found = re.fullmatch(r"(\d+)|(\d+|\d*\.\d+) ?s", text)
    if found is None or not (found[1] or found[2]).strip("0."):
        raise ConfigurationError(
            "--minimum_duration must be a whole number of frames above 0 such as 25, or of seconds "
            f"such as 2.5s, but is {text!r}."
        )
    if found[1]:
        return int(found[1])
    if frame_rate is None:
        raise ConfigurationError("--minimum_duration in seconds needs --frame_rate.")
    # Rounded before it is rounded up: 0.1 s at 30 frames a second are three frames.
    return max(1, math.ceil(round(float(found[2]) * frame_rate, 6)))


def read_transitions(file: Path, matrix_file: Path, n_actions: int) -> NDArray[np.bool_]:
    """Which action (column) may follow which (row), (K, K), of a file of K = ``n_actions``.

    The file holds K lines of K zeros and ones, or a line ``FROM TO`` for each pair that is allowed;
    numbers are parted by blanks or commas.

    Raises
    ------
    FileError
        With a sentence that names the file, the line and what is wrong with it.
    """
    lines = [re.split(r"[,;\s]+", line.strip(" ,;")) for line in read_lines(file)]
    square = len(lines) == n_actions and all(len(words) == n_actions for words in lines)
    if square and all(word in ("0", "1") for words in lines for word in words):
        return np.array(lines) == "1"
    allowed = np.zeros((n_actions, n_actions), dtype=bool)
    for number, words in enumerate(lines, 1):
        if len(words) != 2 or not all(re.fullmatch(r"\d{1,9}", word) for word in words):
            size = f"the file is not {n_actions} lines of {n_actions} zeros and ones"
            message = f"{quote(' '.join(words))} is no pair FROM TO of actions, and {size}"
            raise FileError.at(file, message, number)
        pair = int(words[0]), int(words[1])
        if max(pair) >= n_actions:
            actions = f"{matrix_file} has actions 0 to {n_actions - 1}"
            raise FileError.at(file, f"names action {max(pair)}, but {actions}", number)
        allowed[pair] = True
    return allowed
