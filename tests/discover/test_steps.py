"""Steps within actions: found where they are, not where they are not, and labelled alike."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from asot.data.frames import standardise
from asot.discover.steps import FEWEST_SEGMENTS, label_steps, learn_steps
from asot.simulation import make_recordings

PARTS = (2, 3, 1)  # steps of each action


def make_trees(seed: int, count: int = 8) -> tuple[list, list, list]:
    """Recordings of actions that come in steps: features, labels of actions, and of steps."""
    made = make_recordings(count, sum(PARTS), noise=0.5, random_state=seed)
    action = np.repeat(np.arange(len(PARTS)), PARTS)
    step = np.concatenate([np.arange(one) for one in PARTS])
    places = 2 * np.random.default_rng(seed).normal(size=(len(PARTS), 16))
    labels = [action[one.ground_truth] for one in made]
    pairs = zip(made.features, labels, strict=True)
    features = [standardise(rows + places[own]) for rows, own in pairs]
    return features, labels, [step[one.ground_truth] for one in made]


@pytest.mark.parametrize("made", [0, 1])
def test_steps_are_found_where_they_are_and_numbered_as_they_come(made: int) -> None:
    features, labels, truth = make_trees(made)
    found = learn_steps(features, labels, 3, 4, seed=made)
    assert found[2] is None
    assert found[0] is not None
    assert len(found[0].centres) == 2
    assert found[1] is not None
    steps = [label_steps(found, *pair) for pair in zip(features, labels, strict=True)]
    for action, least in ((0, 0.75), (1, 0.6)):  # two of three steps may be taken for one
        own, real = (
            np.concatenate([one[y == action] for one, y in zip(some, labels, strict=True)])
            for some in (steps, truth)
        )
        assert adjusted_rand_score(real, own) > least
    own, real = (
        np.concatenate([one[y == 0] for one, y in zip(some, labels, strict=True)])
        for some in (steps, truth)
    )
    assert (own == real).mean() > 0.9  # the first step has the number 0
    assert all((one[y == 2] == -1).all() for one, y in zip(steps, labels, strict=True))


def test_noise_and_single_actions_have_no_steps(seed: int) -> None:
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
    features, labels, _ = make_trees(0)
    found = learn_steps(features, labels, 3, 2)
    moved = labels[0].copy()
    moved[:5], moved[-5:] = -1, 7
    steps = label_steps(found, features[0], moved)
    assert (steps[[*range(5), *range(-5, 0)]] == -1).all()
