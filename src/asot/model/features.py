"""Features as a training takes them: prepared, seen through a view, and cut into batches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.data import even_frames, standardise, stratified_frames
from asot.data.frames import without_spikes
from asot.discover.views import View
from asot.errors import ArgumentError, DataError
from asot.kept import Kept
from asot.model.recipe import Preparation

if TYPE_CHECKING:
    from torch import Tensor

AHEAD = 2**20  # numbers to sample at once
TOLD_APART_BY = 256  # frames


def prepare(features: ArrayLike, preparation: Preparation) -> NDArray[np.float32]:
    """Return one recording's features (N, D) in float32: standardised, without spikes, as they are.

    What is left once spikes are taken out is standardised again.
    """
    if not preparation:
        return np.asarray(features, dtype=np.float32)
    rows = standardise(features)
    if preparation == "despiked":
        smoother = without_spikes(rows)
        return rows if smoother is rows else standardise(smoother)
    return rows


def as_tensor(features: ArrayLike) -> Tensor:
    """Return prepared features as a tensor, copied only where torch cannot share their memory."""
    import torch

    return torch.from_numpy(np.require(features, np.float32, ["C", "W"]))


def content_order(recordings: Sequence[NDArray[Any]]) -> list[int]:
    """Return the indices of recordings, (N_i, D) arrays, in an order that is their content's.

    What is drawn for a recording in training hangs on its place. Learnt in this order, recordings
    have the same actions whatever they are called and in whatever order they were given.

    Examples
    --------
    >>> first, second = np.zeros((5, 2)), np.ones((3, 2))
    >>> [first, second][content_order([first, second])[0]] is [second, first][
    ...     content_order([second, first])[0]
    ... ]
    True
    """
    made = digests(recordings)
    return sorted(range(len(made)), key=made.__getitem__)


def digests(recordings: Sequence[NDArray[Any]]) -> list[bytes]:
    """Return a hash of each recording's content, of some of its frames."""
    return [_digest(recordings[index]) for index in range(len(recordings))]


def _digest(recording: NDArray[Any]) -> bytes:
    rows = np.asarray(recording[even_frames(len(recording), TOLD_APART_BY)], dtype=np.float32)
    return hashlib.sha256(repr(recording.shape).encode() + rows.tobytes()).digest()


class TrainingFeatures(Kept):
    """Recordings of one width, each made when it is first indexed and kept while there is room.

    What does not fit into memory lies in a temporary file in ``folder``. ``order`` has the place of
    each recording among those that were given, and ``given`` the other way round. ``weights`` tell
    how much each frame counts in a training, (N_i,) of mean 1; None where all count the same.
    """

    weights: Sequence[NDArray[np.float32]] | None = None

    def __init__(
        self,
        recordings: Sequence[NDArray[Any]],
        width: int,
        keeps: bool,
        folder: Path | None,
        order: Sequence[int] = (),
    ) -> None:
        super().__init__(len(recordings), keeps=keeps, in_file=True, folder=folder)
        self.width = width
        self.order = list(order) or list(range(len(recordings)))
        self.given = np.argsort(self.order).tolist()
        self._recordings = recordings


class PreparedFeatures(TrainingFeatures):
    """Prepared recordings over raw ones, (N_i, D) arrays that may be lazy, in an ``order``.

    Their ``digests``, where they are known, are not made again.
    """

    def __init__(
        self,
        features: Sequence[NDArray[Any]],
        preparation: Preparation,
        order: Sequence[int] = (),
        folder: Path | None = None,
        digests: Sequence[bytes] = (),
    ) -> None:
        # Standardising reads a whole recording, too much to repeat in every epoch. Raw recordings
        # may be mapped from files, of which a batch reads some frames only.
        super().__init__(features, int(features[0].shape[1]), bool(preparation), folder, order)
        self._preparation = preparation
        self._digests = digests

    @cached_property
    def identity(self) -> str:
        """Return a text that other recordings, or the same prepared otherwise, do not have."""
        whole = hashlib.sha256(repr(self._preparation).encode())
        made = self._digests or digests(self._recordings)
        for index in self.order:
            whole.update(made[index])
        return whole.hexdigest()

    def _make(self, index: int) -> NDArray[np.float32]:
        raw = self._recordings[self.order[index]]
        if raw.shape[1] != self.width:
            given, width = self.order[index], raw.shape[1]
            raise DataError(
                f"Recording {given} has {width} feature columns, but {self.width} are expected: "
                "features must come from the same extractor."
            )
        return prepare(raw, self._preparation)


class ViewedFeatures(TrainingFeatures):
    """Prepared recordings through a view."""

    def __init__(
        self, view: View, recordings: Sequence[NDArray[np.float32]], folder: Path | None = None
    ) -> None:
        # The frames themselves are kept as recordings, if at all.
        width = view.width(int(recordings[0].shape[1]))
        super().__init__(recordings, width, view.kind != "frames", folder)
        self.view = view
        self.weights = getattr(recordings, "weights", None)

    def _make(self, index: int) -> NDArray[np.float32]:
        return self.view.apply(self._recordings[index])


class Batch(NamedTuple):
    """Frames of some recordings, (B, N, D), zeros beyond the lengths (B,); which of which."""

    features: Tensor
    lengths: Tensor
    frames: Tensor  # (B, N)
    indices: list[int]


@dataclass(eq=False)
class Batches:
    """Recordings cut down to ``n_frames`` of their frames, and this device's part of them.

    The draws of an epoch depend on the seed, the epoch and the recording alone, so that an
    interrupted training goes on, on any number of devices, exactly as it would have gone on.
    """

    features: TrainingFeatures
    n_frames: int
    batch_size: int
    seed: int
    rank: int = 0
    n_devices: int = 1
    sample: Callable[[int, int, np.random.Generator], NDArray[np.int64]] = stratified_frames

    def __post_init__(self) -> None:
        # Sampling takes twice as long where it alternates with the other parts of each step.
        ahead = AHEAD // (self.n_frames * self.features.width)
        self.at_once = max(1, ahead // self.batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Draw frames of every recording, in random order: this device's share of each batch.

        Where a batch has fewer recordings than there are devices, some shares are empty.
        """
        order = np.random.default_rng([self.seed, number]).permutation(len(self.features))
        shares = [one[self.rank :: self.n_devices] for one in self._cut(order.tolist())]
        return self._batches(shares, number)

    def even(self) -> Iterator[Batch]:
        """Take evenly spaced frames of every recording, in order: this device's share of batches.

        The batches are those of one device, so that their loss is the same to the last bit; the
        first ones are those of the first device.
        """
        batches = self._cut(list(range(len(self.features))))
        share = -(-len(batches) // self.n_devices)
        return self._batches(batches[self.rank * share : (self.rank + 1) * share], None)

    def _cut(self, indices: list[int]) -> list[list[int]]:
        size = self.batch_size
        return [indices[start : start + size] for start in range(0, len(indices), size)]

    def frames(self, index: int, length: int, epoch: int | None) -> NDArray[np.int64]:
        """Choose at most ``n_frames`` frames of a recording, evenly spaced without an epoch."""
        if epoch is None:
            return even_frames(length, self.n_frames)
        # Not index: NumPy drops a last 0, which would leave the seed of the epoch's order.
        rng = np.random.default_rng([self.seed, epoch, index + 1])
        frames = self.sample(length, self.n_frames, rng)
        if self.sample is not stratified_frames:
            _require_places(frames, length, self.n_frames)
        return frames

    def _batches(self, batches: list[list[int]], epoch: int | None) -> Iterator[Batch]:
        import torch

        for start in range(0, len(batches), self.at_once):
            some = batches[start : start + self.at_once]
            chosen = [index for batch in some for index in batch]
            shape = len(chosen), self.n_frames, self.features.width
            drawn, lengths = np.zeros(shape, np.float32), np.zeros(len(chosen), np.int64)
            places = np.zeros(shape[:2], np.int64)
            for row, index in enumerate(chosen):
                recording = self.features[index]
                frames = self.frames(index, len(recording), epoch)
                drawn[row, : len(frames)] = recording[frames]
                lengths[row], places[row, : len(frames)] = len(frames), frames
            parts = map(torch.from_numpy, (drawn, lengths, places))
            sizes = [len(batch) for batch in some]
            yield from map(Batch, *[one.split(sizes) for one in parts], some)


def _require_places(frames: Any, length: int, most: int) -> None:
    """Refuse what a sampler of one's own returns unless frames of a recording rise."""
    places = np.asarray(frames)
    fits = places.ndim == 1 and places.dtype.kind in "iu" and 0 < len(places) <= most
    fits = fits and bool((np.diff(places) > 0).all()) and places[0] >= 0 and places[-1] < length
    if not fits:
        raise ArgumentError(
            f"sample must return the places of 1 to {min(most, length)} frames, rising, of a "
            f"recording of {length}, but returns {places.tolist()!r:.60}.",
            setting="sample",
        )
