"""Uncertain embeddings: loss and plans against plain sums, and what the uncertainty tells."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from asot import solve, temporal_prior
from asot.baselines import UncertainSegmenter
from asot.baselines.uncertain import draw, sampled_loss
from asot.data import standardise
from asot.errors import ArgumentError
from asot.model.network import ActionModel, own_draws
from asot.model.parts import ForwardPass
from asot.model.recipe import Recipe
from asot.model.segmenter import RecipeSegmenter
from tests.baselines.conftest import SMALL


def test_the_loss_is_the_mean_over_samples_towards_their_mean_plan(
    rng: np.random.Generator, seed: int, recipe: Recipe
) -> None:
    samples, beta, lengths, k = 3, 0.01, [14, 9], 4
    parts = UncertainSegmenter(recipe, k, samples=samples, beta=beta)._parts(recipe)
    model = ActionModel(recipe, 5, k, parts)
    with torch.no_grad():
        model.encoder.spread_weight.normal_()  # frames differ in their spreads
    features = torch.from_numpy(rng.normal(size=(2, 14, 5)).astype(np.float32))
    given = ForwardPass.of(model, features, torch.tensor(lengths))
    with own_draws(seed):
        found = float(sampled_loss(samples, beta, given).detach())
    with own_draws(seed), torch.no_grad():
        sampled, log_spread = (one.numpy() for one in draw(given, samples))
    total = 0.0
    for b, n in enumerate(lengths):
        z = sampled.reshape(samples, 2, 14, 6)[:, b, :n]
        cost = 1 - z @ model.actions.detach().numpy().T
        prior = temporal_prior(n, k, 0.1).astype(np.float32)
        plans = [solve(one + prior, **vars(recipe.transport_train)).assignment for one in cost]
        logs = log_softmax((1 - cost) / recipe.training.temperature, axis=2)
        total -= (np.mean(plans, axis=0) * logs.mean(axis=0)).sum()
        s = np.exp(log_spread[b, :n])
        total += beta * 3 * (s**2 - 2 * np.log(s)).sum()  # d / 2 = 3
    assert found == pytest.approx(total / sum(lengths), rel=1e-4)


def test_samples_are_about_their_means_as_far_as_the_spread(recipe: Recipe, seed: int) -> None:
    with own_draws(seed):
        parts = UncertainSegmenter(recipe, spread=0.1)._parts(recipe)
        model = ActionModel(recipe, 5, 3, parts)
        given = ForwardPass.of(model, torch.randn(1, 50, 5), torch.tensor([50]))
        sampled, log_spread = draw(given, 200)
    torch.testing.assert_close(log_spread.exp(), torch.full((1, 50), 0.1))
    # Of d directions, d - 1 turn a unit vector: s^2 (d - 1) / d is the mean squared distance.
    squares = (sampled - given.embeddings).square().sum(dim=-1).mean().detach()
    assert float(squares) == pytest.approx(0.1**2 * 5 / 6, rel=0.05)


def test_without_samples_it_is_the_papers_network(X: list[np.ndarray], recipe: Recipe) -> None:
    paper = RecipeSegmenter(recipe, 3, random_state=3).fit(X)
    none = UncertainSegmenter(recipe, 3, samples=0, random_state=3).fit(X)
    np.testing.assert_array_equal(none.cluster_centers_, paper.cluster_centers_)
    for one, other in zip(none.labels_, paper.labels_, strict=True):
        np.testing.assert_array_equal(one, other)


def test_samples_without_a_spread_are_the_papers_network_to_rounding(
    X: list[np.ndarray], recipe: Recipe
) -> None:
    paper = RecipeSegmenter(recipe, 3, random_state=3).fit(X)
    sure = UncertainSegmenter(recipe, 3, spread=1e-12, beta=0.0, random_state=3).fit(X)
    np.testing.assert_allclose(sure.cluster_centers_, paper.cluster_centers_, atol=1e-4)


def test_each_recording_by_itself_and_by_seed(X: list[np.ndarray], recipe: Recipe) -> None:
    state = torch.get_rng_state()
    segmenter = UncertainSegmenter(recipe, 3, random_state=3).fit(X)
    again = UncertainSegmenter(recipe, 3, random_state=3).fit(X)
    np.testing.assert_array_equal(again.cluster_centers_, segmenter.cluster_centers_)
    unsure = segmenter.uncertainty(X)
    for i, one in enumerate(X):
        np.testing.assert_array_equal(segmenter.predict(one), segmenter.labels_[i])
        np.testing.assert_array_equal(segmenter.uncertainty(one), segmenter.uncertainty_[i])
        np.testing.assert_array_equal(unsure[i], segmenter.uncertainty_[i])
        assert unsure[i].min() >= 0
        assert unsure[i].max() <= 1 + 1e-6
    assert torch.equal(torch.get_rng_state(), state)


def test_frames_between_two_actions_are_the_unsure_ones(seed: int) -> None:
    points = 3 * np.eye(6, dtype=np.float32)[:3]
    one = points[np.repeat([0, 1, 2], 20)]
    one[15:25] = points[:2].mean(axis=0)
    recipe = Recipe.from_dict({**SMALL, "order_prior": 0.0, "encoder": {"width": 40}})
    segmenter = UncertainSegmenter(recipe, 3, samples=16)
    with own_draws(seed), torch.no_grad():
        model = ActionModel(recipe, 6, 3, segmenter._parts(recipe))
        model.place_actions(model.embed(torch.from_numpy(points)))
    labels, unsure = segmenter._decoded(model, one)
    np.testing.assert_array_equal(labels[[5, 35, 55]], [0, 1, 2])
    assert unsure[15:25].mean() > unsure[:10].mean()
    assert unsure[15:25].mean() > unsure[30:38].mean()


@pytest.mark.parametrize("changes", [{"samples": -1}, {"spread": 0.0}, {"beta": math.nan}])
def test_settings_out_of_range_are_named(changes: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=f"{next(iter(changes))} must be"):
        UncertainSegmenter(n_actions=2, **changes).fit([np.ones((4, 2))])


def test_plans_at_decoding_are_means_over_the_same_draws(
    X: list[np.ndarray], recipe: Recipe
) -> None:
    segmenter = UncertainSegmenter(recipe, 3, samples=3, random_state=3).fit(X)
    model, ready = segmenter.model_, torch.from_numpy(standardise(X[0]))[None]
    with own_draws(0), torch.no_grad():
        z = draw(ForwardPass.of(model, ready, torch.tensor([len(X[0])])), 3)[0].numpy()
    prior = temporal_prior(len(X[0]), 3, 0.1).astype(np.float32)
    costs = 1 - z @ model.actions.detach().numpy().T + prior
    settings = vars(recipe.transport_eval)
    shares = np.mean([solve(one, **settings).assignment for one in costs], axis=0)
    np.testing.assert_array_equal(shares.argmax(axis=1), segmenter.labels_[0])
    entropy = -(shares * np.log(shares + 1e-30)).sum(axis=1) / np.log(3)
    np.testing.assert_allclose(segmenter.uncertainty_[0], entropy, atol=1e-4)
