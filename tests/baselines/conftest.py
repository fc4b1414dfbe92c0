"""Recordings for the methods to compare with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from asot.data import Recordings
from asot.model.recipe import Recipe
from asot.simulation import make_recordings

# A small network of the paper's.
SMALL: dict[str, Any] = {
    "team": 0,
    "order_prior": 0.1,
    "encoder": {"hidden": [8], "width": 6},
    "training": {"epochs": 2, "frames_per_recording": 32, "kmeans_restarts": 1},
    "transport_train": {"radius": 0.1},
    "transport_eval": {"radius": 0.1},
}


@pytest.fixture
def recordings(seed: int) -> Recordings:
    return make_recordings(4, 3, (20, 90), width=5, random_state=seed)


@pytest.fixture(name="X")
def arrays(recordings: Recordings) -> list[np.ndarray]:
    return [one.features for one in recordings]


@pytest.fixture
def recipe() -> Recipe:
    return Recipe.from_dict(SMALL)
