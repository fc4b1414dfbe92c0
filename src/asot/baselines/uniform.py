"""A split into equal parts: what can be had without looking at the recordings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.baselines.base import Baseline, Segmented


class UniformSegmenter(Baseline):
    """Cuts each recording into K parts of equal length, with the same actions in the same order.

    Frame i of N gets action ``i K // N``; lengths differ by one frame at most. A recording of
    fewer than K frames leaves actions out.

    Parameters
    ----------
    n_actions : int
        K.
    standardise, random_state : ignored
        Present so that all methods are made alike.

    Attributes
    ----------
    labels_ : list of (N_i,) int64 arrays
        Labels of the recordings that were fitted.
    n_features_in_ : int
        Columns of the features.

    Examples
    --------
    >>> UniformSegmenter(3).fit_predict(np.zeros((7, 1))).tolist()
    [0, 0, 0, 1, 1, 2, 2]
    """

    def __init__(
        self, n_actions: int = 8, *, standardise: bool = True, random_state: Any = None
    ) -> None:
        self.n_actions = n_actions
        self.standardise = standardise
        self.random_state = random_state

    def _segment(self, features: NDArray[np.float32]) -> Segmented:
        n_frames = len(features)
        return np.arange(n_frames, dtype=np.int64) * self.n_actions // n_frames, None
