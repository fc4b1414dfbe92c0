"""The likeliest segmentation of a recording under rules, and the probability of its segments."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.decoding.lattice import Floats, Lattice
from asot.decoding.rules import Durations, Rules
from asot.errors import ArgumentError
from asot.timeline.segments import run_lengths


def decode_segments(
    log_probabilities: ArrayLike,
    *,
    minimum_duration: ArrayLike = 1,
    maximum_duration: ArrayLike | None = None,
    durations: Durations | ArrayLike | None = None,
    transitions: ArrayLike | None = None,
    start: ArrayLike | None = None,
    end: ArrayLike | None = None,
    switch_cost: float = 0.0,
) -> NDArray[np.int64]:
    """Find the best segmentation of a recording, exactly.

    Segments cover the recording, and neighbours differ in their action. Their score is

        sum over frames of log_probabilities
        + sum over segments of durations - (segments - 1) * switch_cost
        + start[first] + sum over neighbours of transitions[before, after] + end[last]

    Time is O(N K^2) where lengths have a minimum alone, else O(N K (K + D)) for segments of up to
    D frames.

    Parameters
    ----------
    log_probabilities : (N, K) array-like
        ``log p(action | frame)``, such as the log of a soft assignment, or ``log p(frame |
        action)``; -inf where a frame cannot have an action. A constant added to a frame's row
        changes nothing. Divided by a number above 1, frames count less against all the rest.
    minimum_duration : int or (K,) array-like of int
        Frames of the shortest segment, of any action or of each. A recording with fewer frames is
        one segment.
    maximum_duration : int or (K,) array-like of int, optional
        Frames of the longest segment.
    durations : Durations or (D,) or (D, K) array-like, optional
        Log-probability of each length: an object such as ``NegativeBinomial``, or a table whose
        rows are 1, 2, ... frames. Segments longer than the table are impossible.
    transitions : (K, K) array-like, optional
        From the row's action to the column's: booleans for what is allowed, or log-probabilities.
        The diagonal is ignored.
    start, end : (K,) array-like, optional
        The actions that may come first and last: booleans or log-probabilities.
    switch_cost : float
        Cost of each change of action, >= 0.

    Returns
    -------
    (N,) int64 array
        An action for each frame. Of equally good segmentations, always the same one.

    Raises
    ------
    ArgumentError
        If an argument breaks its rule, or no segmentation obeys all of them: the sentence names
        the rules that stand in the way.

    References
    ----------
    The Viterbi algorithm of hidden semi-Markov models: S.-Z. Yu, "Hidden semi-Markov models",
    Artificial Intelligence, 2010.

    Examples
    --------
    >>> likes = np.log([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]])
    >>> decode_segments(likes).tolist()
    [0, 0, 1, 0, 1, 1]
    >>> decode_segments(likes, minimum_duration=2).tolist()
    [0, 0, 0, 0, 1, 1]
    >>> decode_segments(likes, transitions=np.array([[True, False], [True, True]])).tolist()
    [0, 0, 0, 0, 0, 0]
    """
    rules = Rules(
        minimum_duration, maximum_duration, durations, transitions, start, end, switch_cost
    )
    lattice = rules.lattice(log_probabilities)
    enter, leave = lattice.reach(log_sum=False)
    final = leave[-1] + lattice.end
    if np.isneginf(final.max()):
        raise ArgumentError(_no_segmentation(rules, log_probabilities))
    labels = np.empty(len(lattice.scores), dtype=np.int64)
    reached, action = len(labels), int(final.argmax())
    while reached > 0:
        first = int(lattice.since[reached, action])
        if lattice.durations is not None:
            first = max(first, reached - len(lattice.durations))
        last = reached - int(lattice.minimum[action]) + 1
        spans = lattice.spans(first, last, reached, slice(action, action + 1))[:, 0]
        begun = first + int((enter[first:last, action] + spans).argmax())
        labels[begun:reached] = action
        reached, action = begun, int((leave[begun] + lattice.transitions[:, action]).argmax())
    return labels


def _no_segmentation(rules: Rules, log_probabilities: ArrayLike) -> str:
    """Name the rules that stand in the way where no segmentation obeys all of them."""
    scores = np.asarray(log_probabilities, dtype=np.float64)
    given: dict[str, Rules] = {}  # without each of the given rules
    for one in fields(Rules):
        value = getattr(rules, one.name)
        if one.name != "switch_cost" and (np.size(value) > 1 or value != one.default):
            default: dict[str, Any] = {one.name: one.default}
            given[one.name] = replace(rules, **default)
    culprits = [name for name, others in given.items() if _possible(others.lattice(scores))]
    if _possible(rules.lattice(np.maximum(scores, scores[np.isfinite(scores)].min()))):
        culprits.append("the -inf in log_probabilities")
    frames = "frame" if len(scores) == 1 else "frames"
    if culprits:
        which = " or ".join(culprits)
        return f"no segmentation of the {len(scores)} {frames} obeys all rules: loosen {which}."
    *others, last = [*given, "the -inf in log_probabilities"] if np.isinf(scores).any() else given
    return (
        f"no segmentation of the {len(scores)} {frames} obeys all rules, and to loosen one is not "
        f"enough: they are {', '.join(others)} and {last}."
    )


def _possible(lattice: Lattice) -> bool:
    _, leave = lattice.reach(log_sum=False)
    return bool(np.isfinite((leave[-1] + lattice.end).max()))


@dataclass(frozen=True)
class Confidence:
    """Posterior probabilities of frames, segments and boundaries, in [0, 1].

    Attributes
    ----------
    frames : ndarray (N, K), float64
        Probability that a frame has an action; rows sum to 1.
    segments : ndarray (S,), float64
        Probability of a segment with this action, this start and this end, both within the
        tolerance.
    boundaries : ndarray (S - 1,), float64
        Probability that the action changes within the tolerance of the boundary of two segments.
    """

    frames: NDArray[np.float64]
    segments: NDArray[np.float64]
    boundaries: NDArray[np.float64]


def segment_confidence(
    log_probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    tolerance: int = 0,
    minimum_duration: ArrayLike = 1,
    maximum_duration: ArrayLike | None = None,
    durations: Durations | ArrayLike | None = None,
    transitions: ArrayLike | None = None,
    start: ArrayLike | None = None,
    end: ArrayLike | None = None,
    switch_cost: float = 0.0,
) -> Confidence:
    """Find the probability of each segment and boundary of a labelling, exactly.

    All segmentations that obey the rules are weighed by the exponential of their score, that of
    :func:`asot.decoding.decode_segments`, so that the results are probabilities only where the
    scores are log-probabilities. Neighbouring frames that repeat each other make them too sure:
    divide ``log_probabilities`` by about the number of frames that are alike.

    Parameters
    ----------
    log_probabilities : (N, K) array-like
        As in :func:`asot.decoding.decode_segments`, with all arguments that are not named here.
    labels : (N,) array-like of int
        The labelling to judge, 0 to K - 1; decoded or not.
    tolerance : int
        Frames by which a start, an end or a boundary may lie elsewhere, >= 0. For a segment's ends
        at most half its length.

    Returns
    -------
    Confidence

    Raises
    ------
    ArgumentError
        If an argument breaks its rule, or no segmentation obeys all of them.

    References
    ----------
    The forward-backward algorithm of hidden semi-Markov models: S.-Z. Yu, "Hidden semi-Markov
    models", Artificial Intelligence, 2010.

    Examples
    --------
    >>> likes = np.log([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.1, 0.9], [0.1, 0.9]])
    >>> exact = segment_confidence(likes, [0, 0, 0, 1, 1], minimum_duration=2)
    >>> near = segment_confidence(likes, [0, 0, 0, 1, 1], minimum_duration=2, tolerance=1)
    >>> exact.boundaries.round(2).tolist(), near.boundaries.round(2).tolist()
    ([0.59], [0.99])
    >>> exact.frames[:, 1].round(2).tolist()
    [0.01, 0.01, 0.4, 0.99, 0.99]
    """
    rules = Rules(
        minimum_duration, maximum_duration, durations, transitions, start, end, switch_cost
    )
    lattice = rules.lattice(log_probabilities)
    n_frames, n_actions = lattice.scores.shape
    starts, ends, actions = run_lengths(_checked_labels(labels, n_frames, n_actions))
    if isinstance(tolerance, bool) or tolerance != int(tolerance) or tolerance < 0:
        raise ArgumentError(f"tolerance must be a whole number of frames >= 0, not {tolerance}.")
    enter, leave = lattice.reach(log_sum=True)
    evidence = float(np.logaddexp.reduce(leave[-1] + lattice.end))
    if np.isneginf(evidence):
        raise ArgumentError(_no_segmentation(rules, log_probabilities))
    # In reversed time, entering covers the frames after a segment's end, and leaving all frames
    # from its start on.
    after, onward = (values[::-1] for values in lattice.reversed().reach(log_sum=True))
    begun, ended = np.exp(enter + onward - evidence), np.exp(leave + after - evidence)
    changes = ended.sum(axis=1)

    def whole(first: int, last: int, end: int) -> Floats:
        """Return the probability (S, K) of a segment from each of [first, last) to ``end``."""
        spans = lattice.spans(first, last, end, slice(None))
        return np.exp(enter[first:last] + spans + after[end] - evidence)

    def segment(first: int, last: int, action: int) -> float:
        reach = min(tolerance, (last - first) // 2)
        window = range(max(last - reach, 1), min(last + reach, n_frames) + 1)
        return sum(
            float(whole(max(first - reach, 0), min(first + reach + 1, end), end)[:, action].sum())
            for end in window
        )

    def boundary(place: int) -> float:
        low, high = max(place - tolerance, 1), min(place + tolerance, n_frames - 1)
        # Changes in the window, less those that follow another change in it, which each end a
        # segment that starts in the window.
        return float(changes[low : high + 1].sum()) - sum(
            float(whole(low, end, end).sum()) for end in range(low + 1, high + 1)
        )

    runs = zip(starts.tolist(), ends.tolist(), actions.tolist(), strict=True)
    frames = np.clip(np.cumsum(begun - ended, axis=0)[:-1], 0.0, 1.0)
    return Confidence(
        frames=frames / frames.sum(axis=1, keepdims=True),
        segments=np.clip(np.array([segment(*run) for run in runs]), 0.0, 1.0),
        boundaries=np.clip(np.array([boundary(place) for place in ends[:-1].tolist()]), 0.0, 1.0),
    )


def _checked_labels(labels: ArrayLike, n_frames: int, n_actions: int) -> NDArray[np.int64]:
    array: NDArray[Any] = np.asarray(labels)
    if array.shape != (n_frames,) or array.dtype.kind not in "iu":
        raise ArgumentError(
            f"labels must be a whole number for each of the {n_frames} frames, but have the shape "
            f"{array.shape} and the type {array.dtype}."
        )
    wrong = array[(array < 0) | (array >= n_actions)]
    if len(wrong):
        raise ArgumentError(f"labels must be actions 0 to {n_actions - 1}, but hold {wrong[0]}.")
    return array.astype(np.int64)
