"""Boundaries of segments, moved to the changes in the frames themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError
from asot.timeline.segments import run_lengths


def sharpen_boundaries(labels: ArrayLike, features: ArrayLike, reach: int) -> NDArray[np.int64]:
    """Move each boundary, by a few frames, to where the two segments part best.

    Boundaries that were decoded from windows are a little off. Each frame near a boundary is
    compared with the means of the two segments, over their frames that are not near; the boundary
    moves to the least sum of squared distances. No segment is shortened by more than a third on
    either side, and none disappears.

    Parameters
    ----------
    labels : (N,) array-like of int
        A label for each frame.
    features : (N, D) array-like
        Frames; only their directions count.
    reach : int
        Frames by which a boundary may move, at least 0.

    Returns
    -------
    (N,) int64 array

    Raises
    ------
    ArgumentError
        If there is not one row of features for each label, or ``reach`` is negative.

    Examples
    --------
    >>> features = [[1, 0]] * 6 + [[0, 1]] * 6
    >>> sharpen_boundaries([0] * 8 + [1] * 4, features, reach=2).tolist()
    [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1]
    """
    sharp = np.array(labels, dtype=np.int64)
    rows = np.asarray(features, dtype=np.float64)
    if rows.ndim != 2 or len(rows) != len(sharp):
        raise ArgumentError(
            f"features must be (N, D) with N = {len(sharp)}, the number of labels, but their "
            f"shape is {rows.shape}."
        )
    if reach < 0:
        raise ArgumentError(f"reach must be at least 0, but is {reach}.")
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    starts, ends, values = run_lengths(sharp)
    for left in range(len(starts) - 1):
        start, old, end = int(starts[left]), int(ends[left]), int(ends[left + 1])
        near = min(reach, (old - start) // 3, (end - old) // 3)
        if near == 0:
            continue
        low, high = old - near, old + near
        before, after = rows[start:low].mean(axis=0), rows[high:end].mean(axis=0)
        window = rows[low:high]
        rather_after = ((window - before) ** 2 - (window - after) ** 2).sum(axis=1)
        gained = np.concatenate([[0.0], np.cumsum(rather_after)])
        # Of equal sums, take the shortest move.
        best = np.flatnonzero(gained <= gained.min() + 1e-12)
        new = low + int(best[np.abs(best - near).argmin()])
        sharp[low:new], sharp[new:high] = values[left], values[left + 1]
    return sharp
