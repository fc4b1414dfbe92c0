"""Views of features: what of a recording a learner sees.

The view that tells actions apart depends on the recordings: poses differ frame by frame, repeated
movements only in the extent and the speed of motion. So a team has learners on several views.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from asot.discover.prototypes import window_mean
from asot.schema import Positive

ViewKind = Literal["frames", "smooth", "motion"]


@dataclass(frozen=True)
class View:
    """A map from prepared features to the input of a learner.

    The input is the features themselves ("frames"), their means over windows ("smooth"), or the
    means, the logarithm of the deviation within the window and that of the steps ("motion").
    """

    kind: ViewKind
    half: Positive  # half-width of the windows, frames
    centre: NDArray[np.float64]  # (C,), of the columns of the recordings the view was fitted to
    spread: NDArray[np.float64]

    def width(self, n_features: int) -> int:
        """Return the number of columns of the input, for features of ``n_features`` columns."""
        return n_features * (3 if self.kind == "motion" else 1)

    def apply(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the input for a recording (N, D): (N, D), or (N, 3 D) for motion, float32."""
        if self.kind == "frames":
            return features
        return self._scaled(_statistics(self.kind, self.half, features))

    def is_same(self, other: View) -> bool:
        """Tell whether another view shows the same of every recording."""
        if (self.kind, self.half) != (other.kind, other.half):
            return False
        pairs = (self.centre, other.centre), (self.spread, other.spread)
        return all(np.array_equal(*pair) for pair in pairs)

    def _scaled(self, statistics: NDArray[np.float64]) -> NDArray[np.float32]:
        return ((statistics - self.centre) / self.spread).astype(np.float32)


def fit_view(kind: ViewKind, radius: int, recordings: Sequence[NDArray[np.float32]]) -> View:
    """Fit a view to recordings, so that its blocks of columns have a mean squared norm of 1 each.

    The windows are half as wide as the temporal band, whose half-width in frames is ``radius``.
    """
    width = int(recordings[0].shape[1])
    half = max(1, round(radius / 2))
    if kind == "frames":
        return View(kind, half, np.zeros(width), np.ones(width))
    return _fit(kind, half, width, (_statistics(kind, half, one) for one in recordings))


def view_all(
    kind: ViewKind, radius: int, recordings: Sequence[NDArray[np.float32]]
) -> list[NDArray[np.float32]]:
    """Return recordings (N_i, D) as a view that is fitted to them shows them, all in memory."""
    if kind == "frames":
        return list(recordings)
    half = max(1, round(radius / 2))
    statistics = [_statistics(kind, half, one) for one in recordings]
    view = _fit(kind, half, int(recordings[0].shape[1]), statistics)
    return [view._scaled(one) for one in statistics]


def _fit(kind: ViewKind, half: int, width: int, statistics: Iterable[NDArray[np.float64]]) -> View:
    count = 0
    total: Any = 0.0
    squares: Any = 0.0
    for part in statistics:
        count += len(part)
        total = total + part.sum(axis=0)
        squares = squares + np.einsum("ij,ij->j", part, part)
    centre = total / count
    spread = np.sqrt(np.maximum(squares / count - centre**2, 0.0))
    # Means keep their directions: they are neither centred nor scaled column by column.
    centre[:width] = 0.0
    spread[:width] = np.sqrt((squares[:width] / count).mean())
    spread[spread == 0] = 1.0
    return View(kind, half, centre, spread * np.sqrt(width))


def _statistics(kind: str, half: int, features: NDArray[np.float32]) -> NDArray[np.float64]:
    frames = features.astype(np.float64)
    mean = window_mean(frames, half)
    if kind == "smooth":
        return mean
    deviation = np.sqrt(np.maximum(window_mean(frames**2, half) - mean**2, 0.0))
    steps = np.diff(frames, axis=0, prepend=frames[:1])
    speed = np.sqrt(np.maximum(window_mean(steps**2, half), 0.0))
    # The floor keeps stretches at rest from lying infinitely far from all others.
    logs = [np.log(one + 0.1 * one.mean(axis=0) + 1e-6) for one in (deviation, speed)]
    return np.hstack([mean, *logs])
