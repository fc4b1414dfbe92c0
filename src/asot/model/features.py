"""Features as a training takes them: prepared, seen through a view, and cut into batches.

The view that tells actions apart depends on the recordings: poses differ frame by frame, repeated
movements only in the extent and the speed of motion. So a team has learners on several views.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.data import even_frames, standardise, stratified_frames
from asot.discover.prototypes import window_mean
from asot.errors import DataError
from asot.schema import Positive

if TYPE_CHECKING:
    from torch import Tensor

ViewKind = Literal["frames", "smooth", "motion"]
CACHE_BYTES = 2 * 1024**3
AHEAD = 2**20  # numbers to sample at once


def prepare(features: ArrayLike, standardised: bool) -> NDArray[np.float32]:
    """Return one recording's features (N, D) in float32, standardised or as they are."""
    return standardise(features) if standardised else np.asarray(features, dtype=np.float32)


class TrainingFeatures(Sequence[NDArray[np.float32]]):
    """Recordings of one width, each made when it is first indexed and kept while there is room."""

    def __init__(self, recordings: Sequence[NDArray[Any]], width: int, keeps: bool) -> None:
        self.width = width
        self._recordings = recordings
        self._keeps = keeps
        self._kept: dict[int, NDArray[np.float32]] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._recordings)

    def __getitem__(self, index: Any) -> Any:
        if index in self._kept:
            return self._kept[index]
        made = self._make(index)
        if self._keeps and self._bytes + made.nbytes <= CACHE_BYTES:
            self._kept[index] = made
            self._bytes += made.nbytes
        return made

    def _make(self, index: int) -> NDArray[np.float32]:
        raise NotImplementedError


class PreparedFeatures(TrainingFeatures):
    """Prepared recordings over raw ones, (N_i, D) arrays that may be lazy."""

    def __init__(self, features: Sequence[NDArray[Any]], standardised: bool) -> None:
        # Standardising reads a whole recording, too much to repeat in every epoch. Raw recordings
        # may be mapped from files, of which a batch reads some frames only.
        super().__init__(features, int(features[0].shape[1]), keeps=standardised)
        self._standardised = standardised

    def _make(self, index: int) -> NDArray[np.float32]:
        raw = self._recordings[index]
        if raw.shape[1] != self.width:
            raise DataError(
                f"Recording {index} has {raw.shape[1]} feature columns, but {self.width} are "
                "expected: features must come from the same extractor."
            )
        return prepare(raw, self._standardised)


class ViewedFeatures(TrainingFeatures):
    """Prepared recordings through a view."""

    def __init__(self, view: View, recordings: Sequence[NDArray[np.float32]]) -> None:
        super().__init__(recordings, view.width(int(recordings[0].shape[1])), keeps=True)
        self.view = view

    def _make(self, index: int) -> NDArray[np.float32]:
        return self.view.apply(self._recordings[index])


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
        seen = (_statistics(self.kind, self.half, features) - self.centre) / self.spread
        return seen.astype(np.float32)


def fit_view(kind: ViewKind, radius: int, recordings: Sequence[NDArray[np.float32]]) -> View:
    """Fit a view to recordings, so that its blocks of columns have a mean squared norm of 1 each.

    The windows are half as wide as the temporal band, whose half-width in frames is ``radius``.
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
    # The floor keeps stretches at rest from lying infinitely far from all others.
    logs = [np.log(one + 0.1 * one.mean(axis=0) + 1e-6) for one in (deviation, speed)]
    return np.hstack([mean, *logs])


class Batch(NamedTuple):
    """Frames of some recordings, (B, N, D), zeros beyond the lengths (B,), and the indices."""

    features: Tensor
    lengths: Tensor
    indices: list[int]


@dataclass(eq=False)
class Batches:
    """Recordings cut down to ``n_frames`` of their frames and shared out over the devices.

    The draws of an epoch depend on the seed, the epoch and the recording alone, so that an
    interrupted training goes on, on as many devices, exactly as it would have gone on.
    """

    features: TrainingFeatures
    n_frames: int
    batch_size: int
    seed: int
    rank: int = 0
    n_devices: int = 1

    def __post_init__(self) -> None:
        # Sampling takes twice as long where it alternates with the other parts of each step.
        ahead = AHEAD // (self.n_frames * self.features.width)
        self.at_once = self.batch_size * max(1, ahead // self.batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Draw frames of every recording, in random order, equally many recordings a device."""
        order = np.random.default_rng([self.seed, number]).permutation(len(self.features))
        size = -(-len(order) // self.n_devices) * self.n_devices
        return self._batches(np.resize(order, size)[self.rank :: self.n_devices].tolist(), number)

    def even(self) -> Iterator[Batch]:
        """Take evenly spaced frames of every recording, in order.

        A device without recordings would leave the others waiting for its scores, so that with
        fewer recordings than devices some are taken twice.
        """
        n = len(self.features)
        own = list(range(self.rank, n, self.n_devices)) or [self.rank % n]
        return self._batches(own, None)

    def frames(self, index: int, length: int, epoch: int | None) -> NDArray[np.int64]:
        """Choose at most ``n_frames`` frames of a recording, evenly spaced without an epoch."""
        if epoch is None:
            return even_frames(length, self.n_frames)
        # Not index: NumPy drops a last 0, which would leave the seed of the epoch's order.
        rng = np.random.default_rng([self.seed, epoch, index + 1])
        return stratified_frames(length, self.n_frames, rng)

    def _batches(self, indices: list[int], epoch: int | None) -> Iterator[Batch]:
        import torch

        wanted = iter(indices)
        while chosen := list(islice(wanted, self.at_once)):
            shape = len(chosen), self.n_frames, self.features.width
            drawn, lengths = np.zeros(shape, np.float32), np.zeros(len(chosen), np.int64)
            for row, index in enumerate(chosen):
                recording = self.features[index]
                frames = self.frames(index, len(recording), epoch)
                drawn[row, : len(frames)] = recording[frames]
                lengths[row] = len(frames)
            parts = torch.from_numpy(drawn), torch.from_numpy(lengths)
            split = zip(*(one.split(self.batch_size) for one in parts), strict=True)
            starts = range(0, len(chosen), self.batch_size)
            for start, (features, own) in zip(starts, split, strict=True):
                yield Batch(features, own, chosen[start : start + self.batch_size])
