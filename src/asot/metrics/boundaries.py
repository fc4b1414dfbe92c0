"""Boundary F1: whether changes are found where they are, whatever the labels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from asot.errors import ArgumentError
from asot.metrics.paired import Frames
from asot.metrics.segmental import segment_starts

TOLERANCE = 0.05


def boundary_f1(frames: Frames, tolerance: float | None = None) -> float:
    """Class-agnostic F1 of the boundaries between segments.

    A boundary is the first frame of a segment that follows another one without a gap: the ends
    of a recording and of a hole that exclusion left are none. Predicted and true boundaries of a
    recording are matched one to one, at most ``tolerance`` apart, as many as possible. Matches
    are counted over all recordings together:
    ``F1 = 2 matches / (predicted boundaries + true boundaries)``, 1 if there are none at all.

    Parameters
    ----------
    frames : Frames
        Matched frames (N,), N >= 1.
    tolerance : float, optional
        Largest distance in frames, >= 0. By default 5 % of the mean length of the ground-truth
        segments in ``frames``, not rounded.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ArgumentError
        If ``tolerance`` is negative or not finite.

    Examples
    --------
    >>> from asot.metrics import match
    >>> frames = match([[0] * 42 + [1] * 38], [["a"] * 40 + ["b"] * 40]).frames
    >>> boundary_f1(frames), boundary_f1(frames, tolerance=1)
    (1.0, 0.0)
    """
    true_first = segment_starts(frames, frames.truth)
    if tolerance is None:
        tolerance = TOLERANCE * len(frames) / int(true_first.sum())
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise ArgumentError(f"tolerance must be frames >= 0, but it is {tolerance}.")
    longest = int(frames.position.max())
    tolerance = min(tolerance, longest)
    # On one axis, with recordings further apart than the tolerance reaches.
    place = frames.position + frames.recording * (2 * longest + 1)
    predicted = place[segment_starts(frames, frames.predicted) & ~frames.breaks]
    true = place[true_first & ~frames.breaks]
    if len(predicted) + len(true) == 0:
        return 1.0
    return 2 * count_matches(predicted, true, tolerance) / (len(predicted) + len(true))


def count_matches(first: ArrayLike, second: ArrayLike, tolerance: float) -> int:
    """Count the most pairs of points, each point in one pair, at most ``tolerance`` apart.

    Parameters
    ----------
    first, second : array-like (N,), (M,)
        Points on a line, in rising order.
    tolerance : float
        Largest distance of a pair.

    Returns
    -------
    int
        Size of the maximum matching. Pairing the two leftmost points that are near enough, and
        dropping the leftmost point when they are not, is optimal on a line.

    Examples
    --------
    >>> count_matches([10, 14], [12, 16, 40], tolerance=2)
    2
    """
    left: list[float] = np.asarray(first).tolist()
    right: list[float] = np.asarray(second).tolist()
    i = j = matches = 0
    while i < len(left) and j < len(right):
        if abs(left[i] - right[j]) <= tolerance:
            matches += 1
            i += 1
            j += 1
        elif left[i] < right[j]:
            i += 1
        else:
            j += 1
    return matches
