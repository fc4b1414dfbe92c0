"""Recordings for the methods to compare with."""

from __future__ import annotations

import numpy as np
import pytest

from asot.data import Recordings
from asot.simulation import make_recordings


@pytest.fixture
def recordings(seed: int) -> Recordings:
    return make_recordings(4, 3, (20, 90), width=5, random_state=seed)


@pytest.fixture(name="X")
def arrays(recordings: Recordings) -> list[np.ndarray]:
    return [one.features for one in recordings]
