"""Small problems with all their segmentations, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

Run = tuple[int, int, int]  # start, end, action


@dataclass
class Problem:
    """Log-probabilities (N, K) and the rules, as the functions under test take them."""

    scores: np.ndarray
    rules: dict[str, Any] = field(default_factory=dict)

    def value(self, runs: list[Run]) -> float:
        """The score of a segmentation, -inf where a rule is broken."""
        value = -self.rules.get("switch_cost", 0.0) * (len(runs) - 1)
        for start, end, action in runs:
            value += sum(self.scores[i, action] for i in range(start, end))
            value += self._length(end - start, action)
        value += _log(self.rules.get("start"), runs[0][2])
        value += _log(self.rules.get("end"), runs[-1][2])
        for before, after in pairwise(runs):
            value += _log(self.rules.get("transitions"), (before[2], after[2]))
        return float(value)

    def _length(self, length: int, action: int) -> float:
        def own(name: str, default: int) -> int:
            value = np.asarray(self.rules.get(name, default))
            return int(value[action] if value.ndim else value)

        if length > own("maximum_duration", 10**6):
            return -np.inf
        if length < min(own("minimum_duration", 1), len(self.scores)):
            return -np.inf
        table = self.rules.get("durations")
        if table is None:
            return 0.0
        return float(table[length - 1, action]) if length <= len(table) else -np.inf

    def all(self) -> list[tuple[list[Run], float]]:
        """Every possible segmentation with its score."""
        n_frames, n_actions = self.scores.shape
        found = [(runs, self.value(runs)) for runs in _segmentations(0, n_frames, n_actions, -1)]
        return [(runs, value) for runs, value in found if value > -np.inf]


def _log(values: Any, place: Any) -> float:
    if values is None:
        return 0.0
    value = values[place]
    if values.dtype == bool:
        return 0.0 if value else -np.inf
    return float(value)


def _segmentations(start: int, n_frames: int, n_actions: int, last: int) -> Iterator[list[Run]]:
    if start == n_frames:
        yield []
        return
    for end in range(start + 1, n_frames + 1):
        for action in range(n_actions):
            if action != last:
                for rest in _segmentations(end, n_frames, n_actions, action):
                    yield [(start, end, action), *rest]


def runs_of(labels: Any) -> list[Run]:
    """The runs of equal labels."""
    labels = list(labels)
    edges = [0, *(i for i in range(1, len(labels)) if labels[i] != labels[i - 1]), len(labels)]
    return [(s, e, int(labels[s])) for s, e in pairwise(edges)]


@st.composite
def problems(draw: Any) -> Problem:
    """Problems of every kind of rule, a few of them without a segmentation."""
    n_frames, n_actions = draw(st.integers(1, 7)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = draw(st.sampled_from([0.1, 1.0, 5.0])) * rng.normal(size=(n_frames, n_actions))
    if draw(st.booleans()):
        hit = rng.random(scores.shape) < 0.2
        hit[np.arange(n_frames), rng.integers(0, n_actions, n_frames)] = False
        scores[hit] = -np.inf
    rules: dict[str, Any] = {}
    kinds = ("none", "one", "each")
    shortest = draw(st.sampled_from(kinds))
    if shortest != "none":
        size = None if shortest == "one" else n_actions
        rules["minimum_duration"] = rng.integers(1, 4, size)
    longest = draw(st.sampled_from(kinds))
    if longest != "none":
        size = None if longest == "one" else n_actions
        rules["maximum_duration"] = 2 + rng.integers(1, 4, size)
    if draw(st.booleans()):
        table = -rng.random((draw(st.integers(1, 8)), n_actions)) * 3
        table[rng.random(table.shape) < 0.1] = -np.inf
        rules["durations"] = table
    for name, shape in (
        ("transitions", (n_actions, n_actions)),
        ("start", (n_actions,)),
        ("end", (n_actions,)),
    ):
        kind = draw(st.sampled_from(["none", "allowed", "log"]))
        if kind == "allowed":
            rules[name] = rng.random(shape) < 0.8
        elif kind == "log":
            rules[name] = -2 * rng.random(shape)
            rules[name][rng.random(shape) < 0.2] = -np.inf
    if draw(st.booleans()):
        rules["switch_cost"] = float(rng.random() * 3)
    return Problem(scores, rules)
