"""Encoders that start from time: near frames alike, far ones not, and nothing else moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from asot.errors import SolverError
from asot.model.contrast import embed_contrasted, learn_contrast
from asot.model.features import PreparedFeatures
from asot.model.learners import TeamTraining
from asot.model.network import ActionModel
from asot.model.recipe import EncoderSettings, Recipe, TrainingSettings
from asot.model.team import KINDS
from asot.model.training import draw_model, no_logger
from asot.simulation import make_recordings

RADIUS = 4


@pytest.fixture
def features(seed: int) -> PreparedFeatures:
    return PreparedFeatures(
        make_recordings(4, 3, (60, 90), width=6, random_state=seed).features, True
    )


def learn(features: PreparedFeatures, seed: int) -> Any:
    made = learn_contrast(features, EncoderSettings([32], 12), TrainingSettings(), RADIUS, seed)
    return made.requires_grad_(False)


def told_apart(encoder: Any, features: PreparedFeatures) -> float:
    """Return by how much the cosine of near frames is above that of far ones."""
    gaps = []
    for one in features:
        rows = torch.nn.functional.normalize(encoder(torch.from_numpy(one)), dim=1)
        cosine, frames = (rows @ rows.T).numpy(), np.arange(len(one))
        apart = np.abs(frames[:, None] - frames)
        near = (apart > 0) & (apart <= RADIUS)
        gaps.append(cosine[near].mean() - cosine[apart > 2 * RADIUS].mean())
    return float(np.mean(gaps))


def test_near_frames_are_told_from_far_ones(features: PreparedFeatures, seed: int) -> None:
    recipe = Recipe(order_prior=0.0, encoder=EncoderSettings([32], 12))
    untrained = draw_model(recipe, features.width, 3, seed).encoder.requires_grad_(False)
    assert told_apart(learn(features, seed), features) > told_apart(untrained, features) + 0.2


def test_the_same_seed_gives_the_same_encoder(features: PreparedFeatures, seed: int) -> None:
    before = torch.get_rng_state()
    one, same, other = (learn(features, own)[0].weight for own in (seed, seed, seed + 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("lengths", [[1], [2, 1], [5, 300]])
def test_short_recordings_are_no_hindrance(lengths: list[int], rng: np.random.Generator) -> None:
    features = PreparedFeatures([rng.normal(size=(n, 3)) for n in lengths], False)
    assert all(torch.isfinite(one).all() for one in learn(features, 0).parameters())


@pytest.mark.parametrize("lengths", [[1], [2, 1], [5, 300]])
def test_recordings_are_embedded_as_unit_rows(
    lengths: list[int], rng: np.random.Generator, seed: int
) -> None:
    X = [rng.normal(size=(n, 3)).astype(np.float32) for n in lengths]
    first, again = (embed_contrasted(X, RADIUS, seed) for _ in range(2))
    assert list(map(len, first)) == lengths
    for one, same in zip(first, again, strict=True):
        assert np.array_equal(one, same)
        assert np.allclose(np.linalg.norm(one, axis=1), 1, atol=1e-4)


def test_weights_that_leave_all_bounds_are_refused(features: PreparedFeatures) -> None:
    training = TrainingSettings(learning_rate=1e20)
    with pytest.raises(SolverError, match="learning_rate is out of any use"):
        learn_contrast(features, EncoderSettings([8], 4), training, RADIUS, 0)


def test_frames_without_weight_teach_nothing(
    features: PreparedFeatures, rng: np.random.Generator
) -> None:
    weights = [rng.choice([0.0, 1.0], len(one)).astype(np.float32) for one in features]
    weights[0][:] = 0
    noise = [np.where(w[:, None], x, rng.normal(size=x.shape)).astype(np.float32)
             for x, w in zip(features, weights, strict=True)]  # fmt: skip
    made = []
    for given in (list(features), noise):
        prepared = PreparedFeatures(given, False)
        prepared.weights = weights
        made.append(learn(prepared, 0)[0].weight)
    assert torch.equal(*made)


def test_contrasted_learners_start_there(features: PreparedFeatures, seed: int) -> None:
    recipe = Recipe(order_prior=0.15, team=1)
    recipe.training.epochs = 0
    recipe.transport_train.radius, recipe.transport_eval.radius = 0.1, RADIUS
    team = TeamTraining(features, recipe, 3, seed, "cpu", None, no_logger)
    weights = []
    for place, kind in enumerate(KINDS):
        model = team.learn(place)[0].model
        if kind.contrasted:
            assert isinstance(model, ActionModel)
            weights.append(model.encoder.state_dict())
            assert all(torch.equal(one, team.contrasted[key]) for key, one in weights[-1].items())
    assert len(weights) == 2
