"""Steps within actions: found where they are, not where they are not, and labelled alike."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from asot.data.frames import standardise
from asot.discover.prototypes import window_mean
from asot.discover.steps import FEWEST_SEGMENTS, label_steps, learn_steps
from asot.simulation import make_recordings
from tests.trees import make_trees


@pytest.mark.parametrize("made", [0, 1])
def test_steps_are_found_where_they_are_and_numbered_as_they_come(made: int) -> None:
    trees = make_trees(made)
    features = [standardise(one) for one in trees.features]
    found = learn_steps(features, trees.actions, 3, 4, seed=made)
    assert [None if one is None else len(one.centres) for one in found[::2]] == [2, None]
    steps = [label_steps(found, *pair) for pair in zip(features, trees.actions, strict=True)]
    for action, least in ((0, 0.75), (1, 0.6)):  # two of three steps may be taken for one
        assert adjusted_rand_score(*trees.of(action, steps)) > least
    true, given = trees.of(0, steps)
    assert (true == given).mean() > 0.9  # the first step has the number 0
    assert (trees.of(2, steps)[1] == -1).all()


def test_actions_without_steps_are_mostly_not_divided(seed: int) -> None:
    made = make_recordings(12, 3, noise=1.0, random_state=seed)
    features = [standardise(one) for one in made.features]
    found = learn_steps(features, made.truths, 3, 4, seed=seed)
    assert sum(one is not None for one in found) <= 1


def test_what_cannot_be_borne_out_is_not_divided(rng: np.random.Generator) -> None:
    few = [rng.normal(size=(60, 4)).astype(np.float32) for _ in range(FEWEST_SEGMENTS - 1)]
    whole = [np.zeros(60, dtype=np.int64)] * len(few)
    assert learn_steps(few, whole, 2, 3) == (None, None)
    short = [rng.normal(size=(4, 4)).astype(np.float32) for _ in range(20)]
    assert learn_steps(short, [np.zeros(4, dtype=np.int64)] * 20, 1, 3) == (None,)


def test_frames_without_action_and_actions_that_came_later_have_no_step() -> None:
    trees = make_trees(0)
    found = learn_steps(trees.features, trees.actions, 3, 2)
    moved = trees.actions[0].copy()
    moved[:5], moved[-5:] = -1, 7
    steps = label_steps(found, trees.features[0], moved)
    assert (steps[[*range(5), *range(-5, 0)]] == -1).all()
    assert (steps >= 0).any()


def test_ends_that_windows_blur_are_no_steps(rng: np.random.Generator) -> None:
    order, half = np.tile(np.arange(3), 4), 7
    labels = np.repeat(order, 50)
    points = 4 * rng.normal(size=(3, 8))
    features = []
    for _ in range(3):
        exact = points[labels] + 0.3 * rng.normal(size=(len(labels), 8))
        features.append(standardise(window_mean(exact, half).astype(np.float32)))
    assert learn_steps(features, [labels] * 3, 3, 3, margin=half) == (None, None, None)


def test_different_actions_under_one_label_are_no_steps(rng: np.random.Generator) -> None:
    kinds = np.repeat(np.tile([0, 1, 2, 1], 4), 40)
    points = 4 * rng.normal(size=(3, 8))
    features = [
        standardise((points[kinds] + rng.normal(size=(len(kinds), 8))).astype(np.float32))
        for _ in range(3)
    ]
    labels = (kinds == 1).astype(np.int64)  # 0 and 2 under one label, never in one segment
    assert learn_steps(features, [labels] * 3, 2, 3)[0] is None


def test_margins_take_the_step_beside_them() -> None:
    trees = make_trees(0)
    found = learn_steps(trees.features, trees.actions, 3, 3, margin=5)
    assert found[0] is not None
    for rows, actions in zip(trees.features, trees.actions, strict=True):
        own = np.flatnonzero(actions == 0)
        steps = label_steps(found, rows, actions)[own]
        assert len(set(steps[:6])) == len(set(steps[-6:])) == 1
