"""Which actions of a prediction are alike, and which hold two kinds, by their segments.

A segment is the mean of its frames' features, standardised over its recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from asot.page import Alike, Pair, Spot
from asot.runs.likeness import find_pairs, grow_tree, lay_out, main_axes, two_kinds

SAMPLE = 6_000  # segments of all actions
FEWEST = 60  # of an action that are sampled, where it has as many
DIRECTIONS = 32
MOST_SPOTS = 20_000  # on the map
MIDDLE = 2  # examples of each kind

Floats = NDArray[np.float64]


class Survey:
    """The segments of K actions, which are read twice, and of which a sample is held.

    The first reading tells how much there is of each action; in the second each segment finds its
    place. At most 6,000 means of D features are held, or 60 of each action.
    """

    def __init__(self, n_actions: int) -> None:
        self._rng = np.random.default_rng(0)
        self._each = max(FEWEST, SAMPLE // max(n_actions, 1))
        self._frames = np.zeros(n_actions)
        self._counts = np.zeros(n_actions, dtype=np.int64)
        self._shares = np.zeros((n_actions, n_actions))
        self._sample: dict[int, list[NDArray[np.float32]]] = {}
        self._axes = np.zeros((0, 0))
        self._segments: list[tuple[str, int, int, int]] = []
        self._rows: list[Floats] = []
        self.sums: dict[int, Floats] = {}  # of the means of frames, by action

    def add_shares(self, labels: NDArray[np.int64], assignment: NDArray[np.float32]) -> None:
        """Add the soft assignment (N, K) of a recording's frames with these labels (N,)."""
        for action in np.unique(labels[labels >= 0]).tolist():
            own = assignment[labels == action].sum(axis=0, dtype=np.float64)
            self._shares[action, : len(own)] += own

    def add(self, start: int, end: int, action: int, mean: Floats) -> None:
        """Add a segment of the first reading."""
        self.sums[action] = self.sums.get(action, 0) + (end - start) * mean
        self._frames[action] += end - start
        self._counts[action] += 1
        kept = self._sample.setdefault(action, [])
        if len(kept) < self._each:
            kept.append(mean.astype(np.float32))
        elif (at := int(self._rng.integers(self._counts[action]))) < self._each:
            kept[at] = mean.astype(np.float32)

    def place(self, recording: str, start: int, end: int, action: int, mean: Floats) -> None:
        """Add a segment of the second reading; of very many, a part."""
        if self._rng.random() * self._counts.sum() >= MOST_SPOTS:
            return
        if not self._segments:
            sample = np.array([row for kept in self._sample.values() for row in kept])
            self._axes = main_axes(sample.astype(np.float64), DIRECTIONS)
        self._segments.append((recording, start, end, action))
        self._rows.append(mean @ self._axes)

    def alike(self, described: Iterable[tuple[int, int]] = ()) -> Alike:
        """Tell what is alike; a model may have told pairs that are ``described`` better as one."""
        if not self._segments:
            return Alike()
        rng = np.random.default_rng(0)
        used = sorted(self._sample)
        places = {action: place for place, action in enumerate(used)}
        sampled = [np.array(self._sample[action]) @ self._axes for action in used]
        shares = self._shares[np.ix_(used, used)] / np.maximum(self._frames[used], 1)[:, None]
        centres = np.array([self.sums[action] / self._frames[action] for action in used])
        tree, apart = grow_tree(centres, shares)
        told = [(places[a], places[b]) for a, b in described if a in places and b in places]
        rows = np.array(self._rows)
        actions = np.array([segment[3] for segment in self._segments])
        second = np.zeros(len(rows), dtype=bool)
        for action, own in zip(used, sampled, strict=True):
            cut = two_kinds(own, rng)
            if cut is not None:
                second[actions == action] = cut.second(rows[actions == action])
        laid, method = lay_out(rows, rng)
        spots = [
            Spot(*segment, float(x), float(y), int(kind))
            for segment, (x, y), kind in zip(self._segments, laid, second, strict=True)
        ]
        parts = {
            action: [np.flatnonzero((actions == action) & (second == kind)) for kind in (0, 1)]
            for action in np.unique(actions[second]).tolist()
        }
        return Alike(
            leaves=used,
            joins=[(int(a), int(b), float(height)) for a, b, height, _ in tree],
            pairs=[
                self._as_actions(one, used) for one in find_pairs(sampled, apart, shares, told, rng)
            ],
            kinds={
                action: (middle(first, rows, spots), middle(other, rows, spots))
                for action, (first, other) in parts.items()
                if len(first)
            },
            spots=spots,
            n_segments=int(self._counts.sum()),
            method=method,
        )

    def _as_actions(self, pair: Pair, used: list[int]) -> Pair:
        """Name a pair of places by its actions, that which fills more frames first."""
        (a, b), shared = pair.actions, pair.shared
        if self._frames[used[a]] < self._frames[used[b]]:
            a, b, shared = b, a, shared[::-1]
        return replace(pair, actions=(used[a], used[b]), shared=shared)


def middle(members: NDArray[np.int64], rows: Floats, spots: Sequence[Spot]) -> list[Spot]:
    """Return the two segments nearest to the mean of these ``members`` of rows (S, D)."""
    own = rows[members]
    order = np.argsort(np.linalg.norm(own - own.mean(axis=0), axis=1), kind="stable")
    return [spots[i] for i in members[order[:MIDDLE]]]
