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
