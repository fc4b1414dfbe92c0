"""Feature preprocessing, one recording at a time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError

BLOCK = 2**22  # numbers


def standardise(features: ArrayLike) -> NDArray[np.float32]:
    """Bring each column to zero mean and unit deviation over the recording, then divide by sqrt(D).

    Frames that are all zero mean "no feature here" in the Breakfast files: they count neither in
    the mean nor in the deviation, and stay zero. Columns that never change become zero.

    Parameters
    ----------
    features : (N, D) array-like
        One row a frame; finite.

    Returns
    -------
    (N, D) float32 array
        Frames that are not all zero have a mean squared norm of one (less, where columns never
        change).

    Raises
    ------
    ArgumentError
        If the array is not two-dimensional, holds no column, or is not finite.

    References
    ----------
    The preprocessing of the Breakfast recipe of Xu and Gould, CVPR 2024.

    Examples
    --------
    >>> standardise([[1, 5, 0, 5], [0, 0, 0, 0], [3, 5, 0, 5]]).tolist()
    [[-0.5, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.5, 0.0, 0.0, 0.0]]
    """
    array = np.asarray(features)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ArgumentError(
            f"features must be two-dimensional, (frames, columns), got shape {array.shape}."
        )
    result = np.zeros(array.shape, dtype=np.float32)
    blocks = [slice(i, i + _rows(array)) for i in range(0, len(array), _rows(array))]
    present = np.zeros(len(array), dtype=bool)
    lowest = np.full(array.shape[1], np.inf)
    highest = -lowest
    for rows in blocks:
        part = np.asarray(array[rows])
        if not np.isfinite(part).all():
            frame, column = np.argwhere(~np.isfinite(part))[0]
            raise ArgumentError(
                f"features must be finite, got {part[frame, column]} in frame "
                f"{rows.start + frame}, column {column}."
            )
        present[rows] = part.any(axis=1)
        if present[rows].any():
            lowest = np.minimum(lowest, part[present[rows]].min(axis=0))
            highest = np.maximum(highest, part[present[rows]].max(axis=0))
    if not present.any():
        return result
    varies = lowest != highest
    # Scaled first, so that the squares of neither tiny nor huge values leave the range of floats.
    largest = np.maximum(-lowest, highest)
    scale = np.where(largest > 0, largest, 1)
    all_present, all_vary = bool(present.all()), bool(varies.all())

    # Each is kept for the next pass where there is a single block.
    @lru_cache(maxsize=1)
    def scaled(start: int) -> NDArray[np.float64]:
        rows = slice(start, start + _rows(array))
        # float64: the mean of a long recording in float32 is wrong in the fourth digit.
        part = np.asarray(array[rows])
        values = part.astype(np.float64) if all_present else part[present[rows]].astype(np.float64)
        values /= scale
        return values if all_vary else values[:, varies]

    @lru_cache(maxsize=1)
    def centred(start: int) -> NDArray[np.float64]:
        return scaled(start) - mean

    count = int(present.sum())
    mean = sum(scaled(rows.start).sum(axis=0) for rows in blocks) / count
    squares = np.zeros(int(varies.sum()))
    for rows in blocks:
        values = centred(rows.start)
        squares += np.einsum("ij,ij->j", values, values)
    length = np.sqrt(squares / count) * np.sqrt(array.shape[1])
    for rows in blocks:
        values = centred(rows.start) / length
        if all_present and all_vary:
            result[rows] = values
        else:
            result[np.ix_(np.flatnonzero(present[rows]) + rows.start, varies)] = values
    return result


def _rows(array: NDArray[Any]) -> int:
    """Frames to work on at once: few enough that a recording of hours fits into memory."""
    return max(1, BLOCK // array.shape[1])
