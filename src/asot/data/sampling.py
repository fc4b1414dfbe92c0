"""Which frames of a recording a batch holds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError


def stratified_frames(n_frames: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw one frame from each of ``count`` equal strata: the frames of a training batch.

    Stratum i holds the frames ``i * n_frames // count`` up to, not including,
    ``(i + 1) * n_frames // count``; their lengths differ by one frame at most. Every frame can be
    drawn, and no frame twice.

    Parameters
    ----------
    n_frames : int
        The recording's length in frames, N.
    count : int
        Frames to draw, at least 1.
    rng : numpy.random.Generator
        Draws.

    Returns
    -------
    (M,) int64 array
        Rising frame numbers, ``M = min(n_frames, count)``: a recording that is too short gives
        all its frames, for the caller to pad.

    Raises
    ------
    ArgumentError
        If a number is below 1.

    Examples
    --------
    >>> stratified_frames(1000, 4, np.random.default_rng(0)).tolist()
    [212, 409, 627, 817]
    """
    if _all_fit(n_frames, count):
        return np.arange(n_frames, dtype=np.int64)
    edges = np.arange(count + 1, dtype=np.int64) * n_frames // count
    return rng.integers(edges[:-1], edges[1:], dtype=np.int64)


def even_frames(n_frames: int, count: int) -> NDArray[np.int64]:
    """Choose ``count`` evenly spaced frames, the first and the last among them: for validation.

    Parameters
    ----------
    n_frames : int
        The recording's length in frames, N.
    count : int
        Frames to choose, at least 1; a single one is the middle frame.

    Returns
    -------
    (M,) int64 array
        Rising frame numbers, ``M = min(n_frames, count)``.

    Raises
    ------
    ArgumentError
        If a number is below 1.

    Examples
    --------
    >>> even_frames(1000, 4).tolist()
    [0, 333, 666, 999]
    """
    if _all_fit(n_frames, count):
        return np.arange(n_frames, dtype=np.int64)
    if count == 1:
        return np.array([(n_frames - 1) // 2], dtype=np.int64)
    steps = np.arange(count, dtype=np.int64)
    return (steps * (n_frames - 1) + (count - 1) // 2) // (count - 1)


def _all_fit(n_frames: int, count: int) -> bool:
    for name, value in [("n_frames", n_frames), ("count", count)]:
        if value < 1:
            raise ArgumentError(f"{name} must be at least 1, got {value}.")
    return n_frames <= count
