"""Small recordings and a small recipe that the tests of this room share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from asot.data import Recordings
from asot.model.recipe import Recipe
from asot.simulation import make_recordings

N_ACTIONS = 3


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own, so that no test writes to the user's."""
    monkeypatch.setenv("ASOT_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def make_recipe() -> Callable[..., Recipe]:
    """A single network that trains in a moment; each argument replaces one of its groups."""

    def make(**groups: Any) -> Recipe:
        small: dict[str, Any] = {
            **{"n_actions": N_ACTIONS, "team": 0, "order_prior": 0.15},
            **{"transport_train": {"radius": 0.04}, "transport_eval": {"radius": 0.04}},
            "encoder": {"hidden": [8], "width": 6},
            "training": {"epochs": 4, "frames_per_recording": 32, "kmeans_restarts": 2},
        }
        for name, value in groups.items():
            is_group = isinstance(value, dict) and name != "n_actions"
            small[name] = {**small.get(name, {}), **value} if is_group else value
        return Recipe.from_dict(small)

    return make


@pytest.fixture
def recipe(make_recipe: Callable[..., Recipe]) -> Recipe:
    return make_recipe()


@pytest.fixture
def recordings(rng: np.random.Generator) -> Recordings:
    """Five recordings of very different lengths, two of them shorter than a batch's frames."""
    parts = [
        make_recordings(1, N_ACTIONS, (length, length), width=5, random_state=rng)[0]
        for length in (200, 20, 90, 33, 5)
    ]
    return Recordings.from_arrays(
        [one.features for one in parts],
        names=[f"recording {i}" for i in range(len(parts))],
        ground_truth=[one.ground_truth for one in parts],
    )
