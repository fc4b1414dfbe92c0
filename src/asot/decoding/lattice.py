"""All the segmentations of a recording that obey some rules, and sums over them.

A segmentation is a sequence of segments that cover the recording, no two neighbours of the same
action. It scores the log-probabilities of its frames, plus for each segment that of its length,
plus those of the first action, of each transition and of the last action. The best score and the
sum over all segmentations come from the same pass over the frames: where a maximum stands in one,
a sum stands in the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Terms so far below the largest, in nats, are lost in the rounding of double precision, together
# even where there are a million.
NEGLIGIBLE = 50.0


@dataclass(frozen=True)
class Lattice:
    """Rules and scores, ready to be summed over.

    Attributes
    ----------
    scores : ndarray (N, K), float64
        Score of each frame; -inf where it cannot have the action.
    total : ndarray (N + 1, K), float64
        Their sum over the frames before each; impossible frames count nothing.
    since : ndarray (N + 1, K), int64
        The first frame from which the action is possible in every frame up to here.
    minimum : ndarray (K,), int64
        Frames of the shortest segment.
    durations : ndarray (D, K), float64, or None
        Score of 1 to D frames, longer ones being impossible; None where only ``minimum`` counts.
    transitions : ndarray (K, K), float64
        From the row's action to the column's, -inf on the diagonal.
    start, end : ndarray (K,), float64
        Of the first and of the last action.
    """

    scores: Floats
    total: Floats
    since: NDArray[np.int64]
    minimum: NDArray[np.int64]
    durations: Floats | None
    transitions: Floats
    start: Floats
    end: Floats

    @classmethod
    def of(
        cls,
        scores: Floats,
        minimum: NDArray[np.int64],
        durations: Floats | None,
        transitions: Floats,
        start: Floats,
        end: Floats,
    ) -> Lattice:
        """Make a lattice, with the sums that follow from the scores."""
        impossible = scores == -np.inf
        total = np.zeros((len(scores) + 1, scores.shape[1]))
        np.cumsum(np.where(impossible, 0.0, scores), axis=0, out=total[1:])
        since = np.zeros(total.shape, dtype=np.int64)
        after = np.where(impossible, np.arange(1, len(scores) + 1)[:, None], 0)
        np.maximum.accumulate(after, axis=0, out=since[1:])
        return cls(scores, total, since, minimum, durations, transitions, start, end)

    def reversed(self) -> Lattice:
        """Turn the time around."""
        return Lattice.of(
            self.scores[::-1],
            self.minimum,
            self.durations,
            self.transitions.T,
            self.end,
            self.start,
        )

    def spans(self, first: int, last: int, end: int, actions: slice) -> Floats:
        """Score (S, A) of a segment from each frame in [first, last) to ``end``, by action."""
        lengths = end - np.arange(first, last)[:, None]
        values = self.total[end, actions] - self.total[first:last, actions]
        allowed = (lengths >= self.minimum[actions]) & (end - lengths >= self.since[end, actions])
        if self.durations is not None:
            longest = len(self.durations)
            allowed &= lengths <= longest
            values += self.durations[np.clip(lengths[:, 0], 1, longest) - 1, actions]
        return np.where(allowed, values, -np.inf)

    def reach(self, log_sum: bool) -> tuple[Floats, Floats]:
        """Fold all segmentations of what comes before each frame, into ``enter`` and ``leave``.

        Both are (N + 1, K): the best score, or with ``log_sum`` the log of the sum of the
        exponentials of all scores. ``enter`` includes the transition to the action; ``leave`` is of
        those whose last segment is of the action.
        """
        n_frames, n_actions = self.scores.shape
        fold: Callable[..., Any] = _log_sum if log_sum else np.max
        enter, leave = np.full((2, n_frames + 1, n_actions), -np.inf)
        enter[0] = self.start
        # What starting in a frame is worth up to any end, but for the total there: (K, pad + N),
        # since runs of starts are looked at. The pad stands for starts before the first frame.
        pad = int(self.minimum.max())
        offers = np.full((n_actions, pad + n_frames), -np.inf)
        offers[:, pad] = self.start
        best = self._best_starts(offers, pad, log_sum)
        impossible = self.scores == -np.inf
        broken = impossible.any(axis=1).tolist()
        with np.errstate(divide="ignore"):
            for end in range(1, n_frames + 1):
                if broken[end - 1]:
                    for action in np.flatnonzero(impossible[end - 1]):
                        offers[action, pad + self.since[end - 1, action] : pad + end] = -np.inf
                leave[end] = best(end) + self.total[end]
                if end < n_frames:
                    enter[end] = fold(leave[end][:, None] + self.transitions, axis=0)
                    offers[:, pad + end] = enter[end] - self.total[end]
        return enter, leave

    def _best_starts(self, offers: Floats, pad: int, log_sum: bool) -> Callable[[int], Floats]:
        """Return the function of an end that folds the offers (K,) of its possible starts."""
        actions = np.arange(len(offers))
        if self.durations is None:
            merge: Callable[..., Floats] = np.logaddexp if log_sum else np.maximum
            impossible = self.scores == -np.inf
            newest = pad - self.minimum
            running = np.full(len(offers), -np.inf)

            def unlimited(end: int) -> Floats:
                running[impossible[end - 1]] = -np.inf
                merge(running, offers[actions, newest + end], out=running)
                return running

            return unlimited
        # Lengths from the longest to one frame, as their starts follow each other.
        longest, shortest = len(self.durations), int(self.minimum.min())
        table = np.ascontiguousarray(self.durations[::-1].T)
        room = np.empty(table.size)

        def limited(end: int) -> Floats:
            low, high = max(0, end - longest), end - shortest + 1
            if high <= low:
                return np.full(len(offers), -np.inf)
            shift = longest - end
            values = room[: len(offers) * (high - low)].reshape(len(offers), -1)
            np.add(offers[:, pad + low : pad + high], table[:, shift + low : shift + high], values)
            return _log_sum_of_rows(values) if log_sum else values.max(axis=1)

        return limited


def _log_sum(values: Floats, axis: int) -> Floats:
    """Return ``log(sum(exp(values)))`` along an axis, -inf where all are."""
    top = values.max(axis=axis, keepdims=True)
    top = np.where(np.isneginf(top), 0.0, top)
    total: Floats = np.log(np.exp(values - top).sum(axis=axis)) + top.squeeze(axis)
    return total


def _log_sum_of_rows(values: Floats) -> Floats:
    """Return ``_log_sum`` of rows (K, S) of which few entries count: only those cost an exp."""
    top = values.max(axis=1)
    top[np.isneginf(top)] = 0.0
    flat = np.flatnonzero(values > (top - NEGLIGIBLE)[:, None])
    rows = flat // values.shape[1]
    shares = np.exp(values.ravel()[flat] - top[rows])
    total: Floats = np.log(np.bincount(rows, shares, minlength=len(values))) + top
    return total
