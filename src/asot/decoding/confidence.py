"""How sure a segmentation is, under the model that it was decoded with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.decoding.durations import Durations
from asot.decoding.lattice import Floats
from asot.decoding.rules import Rules
from asot.decoding.semi_markov import no_segmentation
from asot.errors import ArgumentError
from asot.timeline.segments import run_lengths


@dataclass(frozen=True)
class Confidence:
    """Posterior probabilities, in [0, 1].

    Attributes
    ----------
    frames : ndarray (N, K), float64
        That a frame has an action; rows sum to 1.
    segments : ndarray (S,), float64
        That there is a segment with this action, this start and this end, both within the
        tolerance.
    boundaries : ndarray (S - 1,), float64
        That the action changes within the tolerance of where one segment ends and the next starts.
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

    All segmentations that obey the rules are weighed by the exponential of their score, which
    :func:`asot.decoding.decode_segments` has; so scores must be log-probabilities in earnest for
    these to be probabilities. Where neighbouring frames repeat each other, they say more together
    than they know: divide ``log_probabilities`` by about the number of frames that do.

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
        raise ArgumentError(no_segmentation(rules, log_probabilities))
    # Backwards, what is entered is what comes after a segment's end, and what is left is all from
    # its start on.
    after, onward = (values[::-1] for values in lattice.reversed().reach(log_sum=True))
    begun, ended = np.exp(enter + onward - evidence), np.exp(leave + after - evidence)
    changes = ended.sum(axis=1)

    def whole(first: int, last: int, end: int) -> Floats:
        """Probability (S, K) of a segment from each start in [first, last) to ``end``."""
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
        # Changes in the window, less those that another one in it comes before: each of these ends
        # a segment that starts in the window.
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
