"""The scores: each a function of matched frames.

All take ``Frames`` with one frame or more, such as ``match(predictions, ground_truth).frames``,
pooled over their recordings, and return a number in [0, 1] unless they say otherwise. A segment is
a run of one label within one recording. Excluded frames end a run, so that no segment reaches
across them, and ground-truth segments of an excluded class are left out. Two unmatched clusters
remain two labels.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError
from asot.metrics.matching import Frames

BIN_FRAMES = 20  # in a bin of the histograms of segment lengths
TOLERANCE = 0.05  # of the mean length of the ground-truth segments
DRAWS = 15  # frames that the reference draws in each segment


def mof(frames: Frames) -> float:
    """Compute the mean over frames: the fraction whose matched label is right.

    In [0, 1].

    Examples
    --------
    >>> from asot.metrics import match
    >>> mof(match([[0, 0, 1, 1]], [["a", "a", "a", "b"]]).frames)
    0.75
    """
    return int(frames.length[frames.predicted == frames.truth].sum()) / len(frames)


def miou(frames: Frames) -> float:
    """Average the intersection over union of the frames of each class.

    The mean, in [0, 1], is over the classes of the ground truth; a class without a match counts 0.

    Examples
    --------
    >>> from asot.metrics import match
    >>> round(miou(match([[0, 0, 1, 1]], [["a", "a", "a", "b"]]).frames), 3)
    0.583
    """
    right, predicted, true = _class_counts(frames)
    return float(np.mean(right / (predicted + true - right)))


def f1_macro(frames: Frames) -> float:
    """Average the frame-wise F1 of each class.

    The mean, in [0, 1], is over the classes of the ground truth; a class without a match counts 0.

    Examples
    --------
    >>> from asot.metrics import match
    >>> round(f1_macro(match([[0, 0, 1, 1]], [["a", "a", "a", "b"]]).frames), 3)
    0.733
    """
    right, predicted, true = _class_counts(frames)
    return float(np.mean(2 * right / (predicted + true)))


def _class_counts(frames: Frames) -> tuple[NDArray[np.int64], ...]:
    """Count the right, predicted and true frames of each class in the ground truth, (C,) each."""
    size = int(max(frames.predicted.max(), frames.truth.max())) + 1

    def count(labels: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.bincount(labels, lengths, minlength=size).astype(np.int64)

    true, predicted = count(frames.truth, frames.length), count(frames.predicted, frames.length)
    right = count(frames.truth, (frames.predicted == frames.truth) * frames.length)
    present = true > 0
    return right[present], predicted[present], true[present]


def segmental_f1(frames: Frames, overlap: float) -> float:
    """Compute the segmental F1 at an overlap threshold.

    In order of time, each predicted segment claims the ground-truth segment of its own label
    with which it has the largest IoU among those not yet claimed, and is a hit if that IoU is at
    least ``overlap``. Hits are counted over all recordings together:
    ``F1 = 2 hits / (predicted segments + ground-truth segments)``, in [0, 1].

    Parameters
    ----------
    frames : Frames
        Matched frames.
    overlap : float
        Threshold on the IoU, in (0, 1].

    Raises
    ------
    ArgumentError
        If ``overlap`` is outside (0, 1].

    References
    ----------
    Lea et al. 2017, "Temporal Convolutional Networks for Action Segmentation and Detection".
    Their code lets a predicted segment miss when its best partner is taken, even if another
    segment that reaches the threshold is free; here it takes that segment.

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
    predicted_length = np.bincount(predicted_id, frames.length)
    true_length = np.bincount(true_id, frames.length)

    # Cut where either side changes: each pair of a predicted and a true segment that meet is
    # exactly one piece, whose length is their intersection.
    pieces = np.flatnonzero(predicted_first | true_first)
    shared = frames.lengths(pieces)
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
    """Compare the orders of the segments, whatever their lengths: the edit score.

    ``1 - Levenshtein distance / length of the longer sequence`` of the two sequences of segment
    labels in a recording, averaged over the recordings that have frames. In [0, 1]; the label of
    an unmatched cluster equals no other label.

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
    sides = []
    for labels in (frames.predicted, frames.truth):
        starts = np.flatnonzero(segment_starts(frames, labels))
        new_recording = np.flatnonzero(np.diff(frames.recording[starts])) + 1
        sides.append(np.split(labels[starts], new_recording))
    pairs = zip(*sides, strict=True)
    return float(np.mean([1 - levenshtein(a, b) / max(len(a), len(b)) for a, b in pairs]))


def levenshtein(first: ArrayLike, second: ArrayLike) -> int:
    """Count the insertions, deletions and substitutions that turn one sequence into another.

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
    """Measure the distance between the distributions of segment lengths, predicted and true.

    The Jensen-Shannon distance (the square root of the divergence, in base 2) between the two
    histograms of segment lengths over all recordings together. Bins are 20 frames wide:
    lengths 0 to 19, 20 to 39, and so on. In [0, 1]; lower is better.

    References
    ----------
    Lin 1991, "Divergence measures based on the Shannon entropy".

    Examples
    --------
    >>> from asot.metrics import match
    >>> jsd(match([[0] * 10 + [1] * 50], [["a"] * 30 + ["b"] * 30]).frames)
    1.0
    """
    sides = []
    for labels in (frames.predicted, frames.truth):
        starts = np.flatnonzero(segment_starts(frames, labels))
        sides.append(frames.lengths(starts) // BIN_FRAMES)
    return _distance(*sides)


def _distance(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Compute the Jensen-Shannon distance of two samples of bin numbers."""
    n_bins = int(max(first.max(), second.max())) + 1
    sides = [np.bincount(bins, minlength=n_bins) / len(bins) for bins in (first, second)]
    middle = (sides[0] + sides[1]) / 2
    divergence = 0.0
    for side in sides:
        used = side > 0
        divergence += float(np.sum(side[used] * np.log2(side[used] / middle[used]))) / 2
    return float(np.sqrt(min(max(divergence, 0.0), 1.0)))


def segment_starts(frames: Frames, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark the first piece of each segment of ``frames.predicted`` or ``frames.truth``, (P,)."""
    first = frames.breaks.copy()
    first[1:] |= labels[1:] != labels[:-1]
    return first


def boundary_f1(frames: Frames, tolerance: float | None = None) -> float:
    """Compute the class-agnostic F1 of the boundaries between segments.

    A boundary is the first frame of a segment that follows another without a gap: the ends of a
    recording, or of a hole left by excluded frames, are not boundaries. Predicted and true
    boundaries of a recording are matched one to one, at most ``tolerance`` apart, as many as
    possible. Matches are counted over all recordings together:
    ``F1 = 2 matches / (predicted boundaries + true boundaries)``, in [0, 1], and 1 without any
    boundary.

    Parameters
    ----------
    frames : Frames
        Matched frames.
    tolerance : float, optional
        Largest distance in frames, >= 0. By default 5 % of the mean length of the ground-truth
        segments in ``frames``, not rounded.

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
    longest = int((frames.position + frames.length).max()) - 1
    tolerance = min(tolerance, longest)
    # On one axis, with recordings further apart than the tolerance reaches.
    place = frames.position + frames.recording * (2 * longest + 1)
    predicted = place[segment_starts(frames, frames.predicted) & ~frames.breaks]
    true = place[true_first & ~frames.breaks]
    if len(predicted) + len(true) == 0:
        return 1.0
    return 2 * count_matches(predicted, true, tolerance) / (len(predicted) + len(true))


def count_matches(first: ArrayLike, second: ArrayLike, tolerance: float) -> int:
    """Count the most pairs of points of two rising sequences at most ``tolerance`` apart.

    Each point is in one pair at most. Pairing the two leftmost points that are near enough, and
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


def legacy_f1(frames: Frames) -> float:
    """Compute the expectation of the F1 of published ASOT tables, as its authors' code draws it.

    The recordings are laid end to end, excluded frames left out, and only then cut into
    ground-truth segments. For each segment 15 frames are drawn uniformly, with replacement, from
    ``lo..hi`` inclusive, where ``hi`` is the first frame of the next segment (for the last
    segment: the last frame). The segment is a hit if more than half of them have the label
    matched to it. With ``precision = hits / (recordings x classes)`` and
    ``recall = hits / segments``, their harmonic mean is
    ``2 hits / (recordings x classes + segments)``: linear in the hits, so its expectation needs
    only each segment's binomial tail.

    It can exceed 1, and depends on the order of the recordings: compare it with those tables and
    with nothing else. Classes are those present in the ground truth; recordings are all, those
    without frames included.

    Examples
    --------
    >>> from asot.metrics import match
    >>> legacy_f1(match([[0] * 9 + [1] * 9], [["a"] * 9 + ["b"] * 9]).frames) > 0.99
    True
    """
    starts = np.flatnonzero(np.append(True, np.diff(frames.truth) != 0))
    following = starts[1:]
    right = np.add.reduceat((frames.predicted == frames.truth) * frames.length, starts)
    right[:-1] += frames.predicted[following] == frames.truth[starts[:-1]]
    drawn_from = frames.lengths(starts)
    drawn_from[:-1] += 1
    hits = float(np.sum(majority_probability(right / drawn_from)))
    n_classes = len(np.unique(frames.truth))
    return 2 * hits / (frames.n_recordings * n_classes + len(starts))


def majority_probability(fraction: ArrayLike, draws: int = DRAWS) -> NDArray[np.float64]:
    """Compute the probability (S,) that more than half of the draws are right: a binomial tail.

    ``fraction`` (S,) is the probability that one draw is right.

    Examples
    --------
    >>> majority_probability([0.0, 0.5, 1.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    fraction = np.asarray(fraction, dtype=np.float64)
    majorities = range(draws // 2 + 1, draws + 1)
    terms = [math.comb(draws, n) * fraction**n * (1 - fraction) ** (draws - n) for n in majorities]
    return np.sum(terms, axis=0)


def cte_f1(frames: Frames, n_actions: int | None = None) -> float:
    """Compute the expectation of the F1 of published CTE tables, as its authors' code draws it.

    The recordings are laid end to end, excluded frames left out, and only then cut into
    ground-truth segments, of which the last is forgotten. From each of the other S - 1, 15 of its
    frames are drawn, and the fraction that is right is its credit: there is no threshold, as
    :func:`legacy_f1` has one. With ``precision = credit / (recordings x K)`` and
    ``recall = credit / (S - 1)``, their harmonic mean is
    ``2 credit / (recordings x K + S - 1)``. It is linear in the credit, whose expectation is the
    fraction of a segment's frames that are right.

    It can exceed 1, and depends on the order of the recordings: compare it with the tables of CTE,
    TOT, UFSA and HVQ, whose code for it is the same, and with nothing else. They average it over
    activities, each counting the same. Their logs print another figure as "f1", whose recall is
    always 1; see ``docs/reproducing.md``.

    Parameters
    ----------
    frames : Frames
        Matched frames.
    n_actions : int, optional
        K. By default the number of classes in the ground truth, as it is in their code.

    References
    ----------
    Kukleva et al. 2019, "Unsupervised Learning of Action Classes with Continuous Temporal
    Embedding".

    Examples
    --------
    >>> from asot.metrics import match
    >>> round(cte_f1(match([[0, 0, 1, 1, 1]], [["a", "a", "a", "b", "b"]]).frames), 3)
    0.444
    """
    starts = np.flatnonzero(np.append(True, np.diff(frames.truth) != 0))
    right = np.add.reduceat((frames.predicted == frames.truth) * frames.length, starts)
    credit = float(np.sum((right / frames.lengths(starts))[:-1]))
    n_actions = len(np.unique(frames.truth)) if n_actions is None else n_actions
    return 2 * credit / (frames.n_recordings * n_actions + len(starts) - 1)


def finch_f1(frames: Frames, by_name: bool = False) -> float:
    """Average the frame-wise F1 of each label, as published TW-FINCH tables do.

    The sum of the classes' F1, as of :func:`f1_macro`, is divided by the number of labels that
    occur on either side. Their matching is square: clusters that are left over share a place with
    classes that are left over, so that there are as many labels as classes or predicted labels,
    whichever are more. In [0, 1]. "Unassigned" is a label too.

    Their tables match each recording by itself, and average over the recordings: matching
    "video".

    Parameters
    ----------
    frames : Frames
        Matched frames.
    by_name : bool, optional
        The labels were matched by name: each predicted label that is not a class of the ground
        truth is then a label more.

    References
    ----------
    Sarfraz et al. 2021, "Temporally-Weighted Hierarchical Clustering for Unsupervised Action
    Segmentation".

    Examples
    --------
    >>> from asot.metrics import match
    >>> frames = match([[0, 0, 1, 2]], [["a", "a", "a", "b"]]).frames
    >>> round(finch_f1(frames), 3), round(f1_macro(frames), 3)
    (0.6, 0.9)
    """
    right, predicted, true = _class_counts(frames)
    labels = np.unique(frames.predicted)
    n_labels = max(len(true), len(labels))
    if by_name:
        n_labels = len(np.union1d(labels, frames.truth))
    return float(np.sum(2 * right / (predicted + true))) / n_labels


def finch_iou(frames: Frames, n_actions: int | None = None) -> float:
    """Divide the sum of the classes' intersections over union by K, as TW-FINCH tables do.

    As :func:`miou`, but the sum over the classes is divided by the number of predicted labels
    instead of the number of classes. So 2 right actions where there are 8 classes score 1, and
    each cluster too many costs. Their tables match each recording by itself, and average over the
    recordings: matching "video".

    Parameters
    ----------
    frames : Frames
        Matched frames.
    n_actions : int, optional
        K. By default the number of labels that are predicted in ``frames``, "unassigned" among
        them, as in their MATLAB code, which keeps the score in [0, 1]. Their Python code takes the
        number that was asked for.

    References
    ----------
    Sarfraz et al. 2021, "Temporally-Weighted Hierarchical Clustering for Unsupervised Action
    Segmentation".

    Examples
    --------
    >>> from asot.metrics import match
    >>> frames = match([[0, 0, 0, 0]], [["a", "a", "a", "b"]]).frames
    >>> finch_iou(frames), miou(frames)
    (0.75, 0.375)
    """
    right, predicted, true = _class_counts(frames)
    n_actions = len(np.unique(frames.predicted)) if n_actions is None else n_actions
    return float(np.sum(right / (predicted + true - right))) / n_actions


def hvq_jsd(frames: Frames) -> float:
    """Average the distances between the segment lengths of each recording, as HVQ's tables do.

    As :func:`jsd`, but the histograms are those of single recordings, and the score is the mean
    over the recordings. Few segments have few bins in common, so it is larger by far. The last bin
    ends with the recording, and is closed: a segment that fills 40 frames of 40 is in the bin of
    20. Excluded frames are left out on both sides, and the rest is joined. In [0, 1]; lower is
    better. The matching plays no part.

    Their table weights the activities by their frames: see ``frame_weighted_mean``.

    References
    ----------
    Spurio et al. 2025, "Hierarchical Vector Quantization for Unsupervised Action Segmentation".

    Examples
    --------
    >>> from asot.metrics import match
    >>> frames = match([[0] * 50, [0] * 30], [["a"] * 30 + ["b"] * 20, ["a"] * 30]).frames
    >>> hvq_jsd(frames)
    0.5
    """
    firsts = np.flatnonzero(np.diff(frames.recording, prepend=-1))
    bounds = np.append(firsts, len(frames.length)).tolist()
    distances = []
    for low, high in itertools.pairwise(bounds):
        length = frames.length[low:high]
        sides = []
        for labels in (frames.predicted[low:high], frames.truth[low:high]):
            starts = np.flatnonzero(np.append(True, np.diff(labels) != 0))
            bins = np.add.reduceat(length, starts) // BIN_FRAMES
            sides.append(np.minimum(bins, (int(length.sum()) - 1) // BIN_FRAMES))
        distances.append(_distance(*sides))
    return float(np.mean(distances))
