"""The segmentations of a recording that obey some rules, and sums over them.

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

# Nats below the largest term from which a million terms together are lost in double precision.
NEGLIGIBLE = 50.0


@dataclass(frozen=True)
class Lattice:
    """Rules and scores, ready to be summed over."""

    scores: Floats  # (N, K), -inf where a frame cannot have the action
    total: Floats  # (N + 1, K), sums of scores over the frames before; impossible frames add 0
    since: NDArray[np.int64]  # (N + 1, K), the action is possible from this frame up to here
    minimum: NDArray[np.int64]  # (K,), frames of the shortest segment
    durations: Floats | None  # (D, K), of 1 to D frames, the longest; None: any length
    transitions: Floats  # (K, K), from the row's action to the column's, -inf on the diagonal
    start: Floats  # (K,), of the first action
    end: Floats  # (K,), of the last action

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
        """Reverse the time."""
        scores, transitions = self.scores[::-1], self.transitions.T
        return Lattice.of(scores, self.minimum, self.durations, transitions, self.end, self.start)

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
        """Fold all segmentations of the frames before each frame into ``enter`` and ``leave``.

        Both are (N + 1, K): the best score, or with ``log_sum`` the log of the sum of the
        exponentials of all scores. ``enter`` includes the transition to the action; ``leave`` takes
        segmentations whose last segment is of the action.
        """
        n_frames, n_actions = self.scores.shape
        fold: Callable[..., Any] = _log_sum if log_sum else np.max
        enter, leave = np.full((2, n_frames + 1, n_actions), -np.inf)
        enter[0] = self.start
        # The score of starting in a frame, up to any end, less the total there: (K, pad + N), as
        # runs of starts are read. The pad stands for starts before the first frame.
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
        """Return a function from an end to the fold (K,) of the offers of its possible starts."""
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
    """Return ``_log_sum`` of rows (K, S), with an exp for the few entries that count alone."""
    top = values.max(axis=1)
    top[np.isneginf(top)] = 0.0
    flat = np.flatnonzero(values > (top - NEGLIGIBLE)[:, None])
    rows = flat // values.shape[1]
    shares = np.exp(values.ravel()[flat] - top[rows])
    total: Floats = np.log(np.bincount(rows, shares, minlength=len(values))) + top
    return total
