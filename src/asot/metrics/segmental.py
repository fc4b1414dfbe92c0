"""Scores that count segments: segmental F1, edit score and the distance of segment lengths.

All take the frames of :func:`asot.metrics.match`. A segment is a run of one label within one
recording; excluded frames end a run, so no segment reaches across them, and a ground-truth
segment of an excluded class is gone. Two clusters that both are unmatched remain two labels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError
from asot.metrics.paired import Frames

BIN_FRAMES = 20


def segment_starts(frames: Frames, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the first frame of each segment.

    Parameters
    ----------
    frames : Frames
        Says where recordings and holes are.
    labels : ndarray (N,)
        ``frames.predicted`` or ``frames.truth``.

    Returns
    -------
    ndarray (N,), bool
    """
    first = frames.breaks.copy()
    first[1:] |= labels[1:] != labels[:-1]
    return first


def segmental_f1(frames: Frames, overlap: float) -> float:
    """Segmental F1 at an overlap threshold.

    In order of time, each predicted segment claims the ground-truth segment of its own label
    with which it has the largest IoU among those not yet claimed, and is a hit if that IoU is at
    least ``overlap``. Hits are counted over all recordings together:
    ``F1 = 2 hits / (predicted segments + ground-truth segments)``.

    Parameters
    ----------
    frames : Frames
        Matched frames (N,), N >= 1.
    overlap : float
        Threshold on the IoU, in (0, 1].

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ArgumentError
        If ``overlap`` is outside (0, 1].

    References
    ----------
    Lea et al. 2017, "Temporal Convolutional Networks for Action Segmentation and Detection".
    Their code lets a predicted segment miss when its best partner is taken, even if another one
    that reaches the threshold is free; here it takes the free one.

    Examples
    --------
    >>> from asot.metrics import match
    >>> frames = match([[0, 0, 1, 0, 2, 2]], [["a", "a", "a", "a", "b", "b"]]).frames
    >>> round(segmental_f1(frames, overlap=0.5), 3)
    0.667
    """
    if not 0 < overlap <= 1:
        raise ArgumentError(f"overlap must be in (0, 1], but it is {overlap}.")
    predicted_first = segment_starts(frames, frames.predicted)
    true_first = segment_starts(frames, frames.truth)
    predicted_id, true_id = np.cumsum(predicted_first) - 1, np.cumsum(true_first) - 1
    predicted_length, true_length = np.bincount(predicted_id), np.bincount(true_id)

    # Where neither side changes, one predicted segment meets one true segment: with both cut
    # into runs, each pair that meets is exactly one piece, and its length is the intersection.
    pieces = np.flatnonzero(predicted_first | true_first)
    shared = np.diff(np.append(pieces, len(frames)))
    p, t = predicted_id[pieces], true_id[pieces]
    iou = shared / (predicted_length[p] + true_length[t] - shared)
    able = (frames.predicted[pieces] == frames.truth[pieces]) & (iou >= overlap)
    p, t, iou = p[able], t[able], iou[able]
    order = np.lexsort((t, -iou, p))
    hits: set[int] = set()
    claimed: set[int] = set()
    for own, other in zip(p[order].tolist(), t[order].tolist(), strict=True):
        if own not in hits and other not in claimed:
            hits.add(own)
            claimed.add(other)
    return 2 * len(hits) / (len(predicted_length) + len(true_length))


def edit(frames: Frames) -> float:
    """Edit score: how alike the orders of the segments are, whatever their lengths.

    ``1 - Levenshtein distance / length of the longer sequence`` of the two sequences of segment
    labels in a recording, averaged over the recordings that have frames.

    Parameters
    ----------
    frames : Frames
        Matched frames (N,), N >= 1. The label of an unmatched cluster equals no other label.

    Returns
    -------
    float
        In [0, 1].

    References
    ----------
    Lea et al. 2016, "Segmental Spatiotemporal CNNs for Fine-grained Action Segmentation".

    Examples
    --------
    >>> from asot.metrics import match
    >>> frames = match([[0, 0, 1, 0, 2, 2]], [["a", "a", "a", "a", "b", "b"]]).frames
    >>> edit(frames)
    0.5
    """
    scores = []
    sides = []
    for labels in (frames.predicted, frames.truth):
        starts = np.flatnonzero(segment_starts(frames, labels))
        new_recording = np.flatnonzero(np.diff(frames.recording[starts])) + 1
        sides.append(np.split(labels[starts], new_recording))
    for predicted, true in zip(*sides, strict=True):
        scores.append(1 - levenshtein(predicted, true) / max(len(predicted), len(true)))
    return float(np.mean(scores))


def levenshtein(first: ArrayLike, second: ArrayLike) -> int:
    """Count the insertions, deletions and substitutions that turn one sequence into another.

    Parameters
    ----------
    first, second : array-like (N,), (M,)
        Sequences of symbols that can be compared.

    Returns
    -------
    int
        The smallest number of edits.

    Examples
    --------
    >>> levenshtein([1, 2, 3], [1, 3, 4])
    2
    """
    short, long = sorted((np.asarray(first), np.asarray(second)), key=len)
    steps = np.arange(len(long) + 1)
    row = steps
    for i, symbol in enumerate(short):
        best = np.append(i + 1, np.minimum(row[1:] + 1, row[:-1] + (long != symbol)))
        # An insertion costs one more than the cell to the left: a running minimum, tilted.
        row = np.minimum.accumulate(best - steps) + steps
    return int(row[-1])


def jsd(frames: Frames) -> float:
    """Distance between the distributions of segment lengths, predicted and true.

    The Jensen-Shannon distance (the square root of the divergence, in base 2) between the two
    histograms of segment lengths over all recordings together. Bins are 20 frames wide:
    lengths 0 to 19, 20 to 39, and so on.

    Parameters
    ----------
    frames : Frames
        Matched frames (N,), N >= 1.

    Returns
    -------
    float
        In [0, 1]; lower is better.

    References
    ----------
    Lin 1991, "Divergence measures based on the Shannon entropy".

    Examples
    --------
    >>> from asot.metrics import match
    >>> jsd(match([[0] * 10 + [1] * 50], [["a"] * 30 + ["b"] * 30]).frames)
    1.0
    """
    histograms = []
    for labels in (frames.predicted, frames.truth):
        starts = np.flatnonzero(segment_starts(frames, labels))
        bins = np.diff(np.append(starts, len(frames))) // BIN_FRAMES
        histograms.append(np.bincount(bins, minlength=len(frames) // BIN_FRAMES + 1) / len(bins))
    p, q = histograms
    middle = (p + q) / 2
    divergence = 0.0
    for side in histograms:
        used = side > 0
        divergence += float(np.sum(side[used] * np.log2(side[used] / middle[used]))) / 2
    return float(np.sqrt(min(max(divergence, 0.0), 1.0)))
