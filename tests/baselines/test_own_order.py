"""Own orders: the prior against its formula, and recordings whose orders differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from asot import solve
from asot.baselines import OwnOrderSegmenter
from asot.baselines.own_order import in_order
from asot.errors import ArgumentError
from asot.model.network import ActionModel
from asot.model.parts import ForwardPass
from asot.model.recipe import Recipe
from asot.model.segmenter import RecipeSegmenter
from asot.simulation import make_recordings

SMALL: dict[str, Any] = {
    "team": 0,
    "order_prior": 0.3,
    "training": {"epochs": 3, "frames_per_recording": 32},
    "transport_train": {"radius": 0.1},
    "transport_eval": {"radius": 0.1},
}


@pytest.fixture
def recipe() -> Recipe:
    return Recipe.from_dict(SMALL)


def test_each_recording_is_pulled_to_its_own_order(
    rng: np.random.Generator, recipe: Recipe
) -> None:
    lengths, n_actions = [20, 13], 4
    features = torch.from_numpy(rng.normal(size=(2, 20, 5)).astype(np.float32))
    given = ForwardPass.of(ActionModel(recipe, 5, n_actions), features, torch.tensor(lengths))
    orders = [rng.permutation(n_actions) for _ in lengths]
    found = in_order(given, orders)
    settings = vars(recipe.transport_train)
    for b, (n_frames, order) in enumerate(zip(lengths, orders, strict=True)):
        time = (np.arange(n_frames) + 0.5) / n_frames
        place = np.empty(n_actions)
        place[order] = (np.arange(n_actions) + 0.5) / n_actions
        prior = 0.3 * np.abs(time[:, None] - place)
        expected = solve(given.cost[b, :n_frames].numpy() + prior.astype(np.float32), **settings)
        np.testing.assert_allclose(found[b, :n_frames], expected.assignment, atol=1e-5)
        assert not found[b, n_frames:].any()
    canonical = in_order(given, [np.arange(n_actions)] * 2)
    assert torch.equal(canonical, given.solve().assignment)


def test_without_estimates_it_is_the_papers_network(seed: int, recipe: Recipe) -> None:
    X = make_recordings(4, 3, (30, 60), width=5, random_state=seed).features
    paper = RecipeSegmenter(recipe, 3, random_state=seed).fit(X)
    never = OwnOrderSegmenter(recipe, 3, every=0, random_state=seed).fit(X)
    np.testing.assert_array_equal(never.cluster_centers_, paper.cluster_centers_)
    for one, other in zip(never.labels_, paper.labels_, strict=True):
        np.testing.assert_array_equal(one, other)


def test_recordings_in_opposite_orders_get_their_own(
    rng: np.random.Generator, seed: int, recipe: Recipe
) -> None:
    points = np.eye(6)[:3] * 3
    truth = [np.repeat(order, (14, 20, 17)) for order in ([0, 1, 2], [2, 1, 0]) * 3]
    X = [points[labels] + 0.2 * rng.normal(size=(len(labels), 6)) for labels in truth]
    segmenter = OwnOrderSegmenter(recipe, 3, random_state=seed).fit(X)
    assert segmenter.score(X, truth) > 0.95
    forward, backward = segmenter.orders_[:2]
    np.testing.assert_array_equal(forward, backward[::-1])
    for labels, order, one in zip(segmenter.labels_, segmenter.orders_, X, strict=True):
        np.testing.assert_array_equal(labels[[0, 25, 50]], order)
        np.testing.assert_array_equal(segmenter.predict(one), labels)  # by itself
    again = OwnOrderSegmenter(recipe, 3, random_state=seed).fit(X)
    np.testing.assert_array_equal(again.cluster_centers_, segmenter.cluster_centers_)


def test_a_number_of_epochs_that_is_none() -> None:
    with pytest.raises(ArgumentError, match="every must be an integer of at least 0"):
        OwnOrderSegmenter(n_actions=2, every=-1).fit([np.ones((4, 2))])
