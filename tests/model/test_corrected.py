"""Learning from corrected segments: they hold, others follow, numbers stay, files keep it all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asot import ActionSegmenter, evaluate
from asot.errors import ArgumentError, FileError
from asot.model.checkpoint import load_model, save
from asot.model.corrected import learn_corrected
from asot.model.features import prepare
from asot.model.lessons import learn_lessons
from asot.model.network import decode
from asot.simulation import make_recordings
from asot.timeline.segments import run_lengths


class Told:
    """A team of two actions on recordings of three, so that two of them are taken for one."""

    def __init__(self, seed: int) -> None:
        made = make_recordings(6, 3, (60, 90), width=6, noise=0.5, random_state=seed)
        self.features = [prepare(one, True) for one in made.features]
        self.truth = [np.asarray(one, dtype=np.int64) for one in made.ground_truth]
        settings: dict[str, Any] = {"epochs": 1, "team": 1, "radius": 5, "order_prior": 0.0}
        self.segmenter = ActionSegmenter(2, random_state=seed, n_init=2, **settings)
        self.labels = self.segmenter.fit_predict(list(made.features))
        self.raw = list(made.features)
        # Actions have the number of the class that most of their frames are of.
        matching = evaluate(self.labels, self.truth).matching
        free = ({0, 1, 2} - set(matching.values())).pop()
        self.numbers = np.array([matching[0], matching[1], free])

    def known(self, recordings: int) -> list[np.ndarray]:
        """What a person says who knows the classes of whole recordings, in the team's numbers."""
        told = [np.argsort(self.numbers)[one] for one in self.truth]
        return [one if i < recordings else np.full_like(one, -1) for i, one in enumerate(told)]


@pytest.fixture(scope="module")
def told() -> Told:
    return Told(0)


def mof(labels: list[np.ndarray], truth: list[np.ndarray]) -> float:
    return float(evaluate(labels, truth)["mof"])


def test_an_added_action_is_found_again_where_nobody_looked(told: Told) -> None:
    known = told.known(2)
    model = learn_corrected(told.segmenter.model_, told.features, known, 3)
    found = [decode(model, *pair)[0] for pair in zip(told.features, known, strict=True)]
    for labels, own in zip(found[:2], known[:2], strict=True):
        np.testing.assert_array_equal(labels, own)
    before, after = mof(told.labels[2:], told.truth[2:]), mof(found[2:], told.truth[2:])
    assert after > before + 0.1
    # Numbers mean what they meant, without any matching.
    told_again = [np.argsort(told.numbers)[one] for one in told.truth[2:]]
    assert np.mean(np.concatenate(found[2:]) == np.concatenate(told_again)) == pytest.approx(after)
    assert model.actions.shape == (3, model.embed(torch.from_numpy(told.features[0])).shape[1])
