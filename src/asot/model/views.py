"""Views: what a learner sees of a recording; its frames, their means, or how they move.

Which one tells actions apart depends on the recordings: poses differ frame by frame, repeated
movements only by how much and how fast they move. So there is a learner for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.discover.prototypes import window_mean
from asot.model.features import CACHE_BYTES, TrainingFeatures

KINDS = ("frames", "smooth", "motion")


@dataclass(frozen=True)
class View:
    """A map from prepared features to what a learner sees.

    Attributes
    ----------
    kind : {"frames", "smooth", "motion"}
        The features themselves; their means over windows; or these, the logarithm of their
        deviation within the window, and that of the size of their steps.
    half : int
        Half-width of the windows, frames.
    centre, spread : (C,) float64 arrays
        Of the columns, over the recordings that the view was fitted to.
    """

    kind: str
    half: int
    centre: NDArray[np.float64]
    spread: NDArray[np.float64]

    def apply(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is seen of a recording: (N, D) or, of its motion, (N, 3 D) float32."""
        if self.kind == "frames":
            return features
        seen = (_statistics(self.kind, self.half, features) - self.centre) / self.spread
        return seen.astype(np.float32)


def fit_view(kind: str, radius: int, recordings: Sequence[NDArray[np.float32]]) -> View:
    """A view of recordings whose blocks of columns have a mean squared norm of one each.

    Parameters
    ----------
    kind : {"frames", "smooth", "motion"}
        See ``View``.
    radius : int
        Half-width of the temporal band; the windows are half as wide.
    recordings : sequence of (N_i, D) float32 arrays
        Prepared features.
    """
    width = int(recordings[0].shape[1])
    half = max(1, round(radius / 2))
    if kind == "frames":
        return View(kind, half, np.zeros(width), np.ones(width))
    count = 0
    total: Any = 0.0
    squares: Any = 0.0
    for one in recordings:
        part = _statistics(kind, half, one)
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
    # A floor, so that stretches at rest do not lie infinitely far from all others.
    logs = [np.log(one + 0.1 * one.mean(axis=0) + 1e-6) for one in (deviation, speed)]
    return np.hstack([mean, *logs])


class ViewedFeatures(TrainingFeatures):
    """Recordings through a view, each made when it is first asked for and kept while there is room.

    Attributes
    ----------
    width : int
        Columns.
    """

    def __init__(self, view: View, recordings: Sequence[NDArray[np.float32]]) -> None:
        self.view = view
        self._recordings = recordings
        self._kept: dict[int, NDArray[np.float32]] = {}
        self._bytes = 0
        self.width = int(recordings[0].shape[1]) * (3 if view.kind == "motion" else 1)

    def __len__(self) -> int:
        return len(self._recordings)

    def __getitem__(self, index: Any) -> Any:
        if index not in self._kept:
            seen = self.view.apply(self._recordings[index])
            if self._bytes + seen.nbytes > CACHE_BYTES:
                return seen
            self._kept[index] = seen
            self._bytes += seen.nbytes
        return self._kept[index]
