"""The F1 of published ASOT tables, as the expectation of what its authors' code draws."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.metrics.paired import Frames

DRAWS = 15


def legacy_f1(frames: Frames) -> float:
    """Expected value of the reference's F1; for comparison with published tables only.

    The recordings are laid end to end, excluded frames left out, and only then cut into
    ground-truth segments. For each segment 15 frames are drawn uniformly, with replacement, from
    ``lo..hi`` inclusive, where ``hi`` is the first frame of the next segment (for the last
    segment: the last frame). The segment is a hit if more than half of them have the label
    matched to it. With ``precision = hits / (recordings x classes)`` and
    ``recall = hits / segments``, their harmonic mean is
    ``2 hits / (recordings x classes + segments)``: linear in the hits, so its expectation needs
    only each segment's binomial tail.

    Parameters
    ----------
    frames : Frames
        Matched frames (N,), N >= 1. Classes are those present in the ground truth; recordings
        are all, those without frames included.

    Returns
    -------
    float
        >= 0; it can exceed 1. It depends on the order of the recordings.

    Examples
    --------
    >>> from asot.metrics import match
    >>> legacy_f1(match([[0] * 9 + [1] * 9], [["a"] * 9 + ["b"] * 9]).frames) > 0.99
    True
    """
    n_frames = len(frames)
    starts = np.flatnonzero(np.append(True, np.diff(frames.truth) != 0))
    right_before = np.append(0, np.cumsum(frames.predicted == frames.truth))
    following = starts[1:]
    right = np.diff(right_before[np.append(starts, n_frames)])
    right[:-1] += frames.predicted[following] == frames.truth[starts[:-1]]
    drawn_from = np.diff(np.append(starts, n_frames))
    drawn_from[:-1] += 1
    hits = float(np.sum(majority_probability(right / drawn_from)))
    n_classes = len(np.unique(frames.truth))
    return 2 * hits / (frames.n_recordings * n_classes + len(starts))


def majority_probability(fraction: ArrayLike, draws: int = DRAWS) -> NDArray[np.float64]:
    """Probability that more than half of some draws are right: a binomial tail.

    Parameters
    ----------
    fraction : array-like (S,)
        Probability that one draw is right, in [0, 1].
    draws : int
        Number of draws, with replacement.

    Returns
    -------
    ndarray (S,), float64

    Examples
    --------
    >>> majority_probability([0.0, 0.5, 1.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    fraction = np.asarray(fraction, dtype=np.float64)
    return np.sum(
        [
            math.comb(draws, right) * fraction**right * (1 - fraction) ** (draws - right)
            for right in range(draws // 2 + 1, draws + 1)
        ],
        axis=0,
    )
