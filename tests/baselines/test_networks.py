"""What the methods that change the paper's network have in common: one network, and weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from asot import baselines
from asot.model.network import ActionModel, own_draws
from asot.model.parts import ForwardPass
from asot.model.recipe import Recipe
from asot.simulation import make_recordings

PLAIN: list[tuple[Any, dict[str, Any]]] = [
    (baselines.ClosedLoopSegmenter, {"weight": 0}),
    (baselines.HierarchySegmenter, {"alpha": 1}),
    (baselines.OwnOrderSegmenter, {"every": 0}),
    (baselines.PrototypeSegmenter, {"update": "descent"}),
    (baselines.UncertainSegmenter, {"samples": 0}),
    (baselines.VASOTSegmenter, {"weight": 0}),
    (baselines.ViewsSegmenter, {"views": 1}),
]
ADDED: list[tuple[Any, dict[str, Any]]] = [
    (baselines.ClosedLoopSegmenter, {"heads": 2}),
    (baselines.HierarchySegmenter, {}),
    (baselines.PrototypeSegmenter, {"smoothness": 1.0}),
    (baselines.UncertainSegmenter, {"beta": 0.1}),
    (baselines.VASOTSegmenter, {}),
    (baselines.ViewsSegmenter, {}),
]


@pytest.fixture
def recipe() -> Recipe:
    """A recipe for a team, that looks for background."""
    return Recipe.from_dict(
        {
            "team": 1,
            "background": True,
            "order_prior": 0.1,
            "encoder": {"hidden": [8], "width": 6},
            "training": {"epochs": 1, "frames_per_recording": 32, "kmeans_restarts": 1},
            "transport_train": {"radius": 0.1},
            "transport_eval": {"radius": 0.1},
        }
    )


@pytest.mark.parametrize("kind, settings", PLAIN)
def test_one_network_is_trained_for_a_teams_recipe_too(
    recipe: Recipe, seed: int, kind: Any, settings: dict[str, Any]
) -> None:
    X = make_recordings(8, 3, (20, 30), width=5, random_state=seed).features
    model = kind(recipe, 3, random_state=seed, **settings).fit(X).model_
    assert isinstance(model, ActionModel)
    assert (model.recipe.team, recipe.team) == (0, 1)  # the caller's recipe stays as it is


@pytest.mark.parametrize("kind, settings", ADDED)
def test_all_of_the_loss_is_weighed(
    recipe: Recipe, rng: np.random.Generator, seed: int, kind: Any, settings: dict[str, Any]
) -> None:
    """It is linear in the weights, and what weighs nothing is not learnt from."""
    segmenter = kind(recipe, 3, **settings)
    lengths = torch.tensor([12, 7, 10])
    features = torch.from_numpy(rng.normal(size=(3, 12, 5))).float()
    features[torch.arange(12) >= lengths[:, None]] = 0
    weights = torch.from_numpy(rng.uniform(0.5, 1.5, (3, 12))).float()
    weights[1] = 0
    with own_draws(seed):
        model = ActionModel(recipe, 5, 3, segmenter._parts(recipe))

    def loss(weights: torch.Tensor | None) -> torch.Tensor:
        given = ForwardPass.of(model, features, lengths)
        given.weights = weights
        with own_draws(seed):
            return model.loss_of(given)

    features.requires_grad_()
    found = loss(weights)
    assert loss(2 * weights).item() == pytest.approx(2 * found.item(), rel=1e-5)
    assert loss(torch.ones(3, 12)).item() == pytest.approx(loss(None).item(), rel=1e-5)
    gradient = torch.autograd.grad(found, features)[0]
    assert gradient[0].abs().max() > 1e-5
    assert gradient[1].abs().max() < 1e-7
