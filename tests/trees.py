"""Recordings of actions that consist of steps, all of them known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asot.simulation import make_recordings

PARTS = (2, 3, 1)  # steps of each action


@dataclass(frozen=True)
class Trees:
    """Features (N_i, D), and for each frame its action, and the step within that, (N_i,)."""

    features: list[np.ndarray]
    actions: list[np.ndarray]
    steps: list[np.ndarray]

    def of(self, action: int, found: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The true steps of an action's frames, and those that were found."""
        both = zip(self.actions, self.steps, found, strict=True)
        pairs = [(steps[own == action], some[own == action]) for own, steps, some in both]
        true, given = zip(*pairs, strict=True)
        return np.concatenate(true), np.concatenate(given)


def make_trees(seed: int, count: int = 8, apart: float = 2.0) -> Trees:
    """Draw recordings in a fixed order; actions are so many times as far apart as their steps."""
    made = make_recordings(count, sum(PARTS), noise=0.5, random_state=seed)
    action = np.repeat(np.arange(len(PARTS)), PARTS)
    step = np.concatenate([np.arange(one) for one in PARTS])
    places = apart * np.random.default_rng(seed).normal(size=(len(PARTS), 16))
    actions = [action[one.ground_truth] for one in made]
    features = [
        (rows + places[own]).astype(np.float32)
        for rows, own in zip(made.features, actions, strict=True)
    ]
    return Trees(features, actions, [step[one.ground_truth] for one in made])
