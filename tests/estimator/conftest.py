"""A small segmenter, and recordings for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from asot import ActionSegmenter
from asot.data import Recordings
from asot.simulation import make_recordings

SMALL = {
    **{"n_actions": 3, "epochs": 2, "hidden": (8,), "embedding_width": 6},
    **{"frames_per_recording": 32, "n_init": 2, "device": "cpu"},
}
# The paper's network.
SINGLE = {"team": 0, "order_prior": 0.15, "radius": 0.04}


@pytest.fixture
def make(seed: int) -> Callable[..., ActionSegmenter]:
    return lambda **changes: ActionSegmenter(**{"random_state": seed, **SMALL, **SINGLE, **changes})


@pytest.fixture
def recordings(seed: int) -> Recordings:
    return make_recordings(4, 3, (20, 90), width=5, random_state=seed)


@pytest.fixture(name="X")
def arrays(recordings: Recordings) -> list[np.ndarray]:
    return [one.features for one in recordings]
