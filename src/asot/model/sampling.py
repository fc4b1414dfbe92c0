"""Which frames of which recordings a batch holds: strata for training, even frames for validation.

What an epoch draws depends on the seed, the epoch and the recording alone, so that a training that
was interrupted goes on, on as many devices, exactly as it would have gone on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from asot.data import even_frames, stratified_frames
from asot.errors import DataError
from asot.model.features import TrainingFeatures

GroundTruth = Sequence[NDArray[np.int64] | None]

# In place of an epoch.
EVEN_FRAMES = -1
ALL_FRAMES = -2
# Numbers to sample at once.
AHEAD = 2**20


class FrameSampling(Dataset[dict[str, Any]]):
    """Recordings cut down to some of their frames and padded to that many.

    An item is asked for by ``(epoch, index)``; epoch -1 takes evenly spaced frames, -2 all.
    """

    def __init__(
        self,
        features: TrainingFeatures,
        ground_truth: GroundTruth | None,
        n_frames: int,
        seed: int,
    ) -> None:
        self.features = features
        self.ground_truth = ground_truth
        self.n_frames = n_frames
        self.seed = seed

    def __len__(self) -> int:
        return len(self.features)

    def frames(self, epoch: int, index: int, length: int) -> NDArray[np.int64]:
        """The frames to take, shape (M,) with M <= ``n_frames`` unless all are."""
        if epoch == ALL_FRAMES:
            return np.arange(length)
        if epoch == EVEN_FRAMES:
            return even_frames(length, self.n_frames)
        # Not index: a seed that ends in 0 is the seed without it, the one of the epoch's order.
        rng = np.random.default_rng([self.seed, epoch, index + 1])
        return stratified_frames(length, self.n_frames, rng)

    def __getitem__(self, item: tuple[int, int]) -> dict[str, Any]:
        epoch, index = item
        features = self.features[index]
        frames = self.frames(epoch, index, len(features))
        padding = 0 if epoch == ALL_FRAMES else self.n_frames - len(frames)
        chosen = features[frames]
        batch = {
            "features": np.pad(chosen, ((0, padding), (0, 0))) if padding else chosen,
            "lengths": len(frames),
            "index": index,
        }
        if epoch < 0:
            labels = None if self.ground_truth is None else self.ground_truth[index]
            batch["labelled"] = labels is not None
            shown = np.full(len(features), -1) if labels is None else np.asarray(labels)
            if len(shown) != len(features):
                raise DataError(
                    f"Recording {index} has {len(features)} frames, but {len(shown)} labels: "
                    "ground truth needs one for each frame."
                )
            batch["ground_truth"] = np.pad(shown[frames], (0, padding), constant_values=-1)
        return batch


class EpochSampler(Sampler[tuple[int, int]]):
    """Recordings in an order drawn anew each epoch, shared out over the devices.

    Parameters
    ----------
    n_recordings : int
        How many recordings there are.
    seed : int
        Decides the orders.
    rank, n_devices : int
        This device and how many there are; each gets equally many recordings, some twice.
    """

    def __init__(self, n_recordings: int, seed: int, rank: int = 0, n_devices: int = 1) -> None:
        self.n_recordings = n_recordings
        self.seed = seed
        self.rank = rank
        self.n_devices = n_devices
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.n_recordings // self.n_devices)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.n_recordings)
        shares = np.resize(order, len(self) * self.n_devices)[self.rank :: self.n_devices]
        return ((self.epoch, int(index)) for index in shares)


class FixedSampler(Sampler[tuple[int, int]]):
    """Every recording once, in order, shared out over the devices.

    A device without any would leave the others waiting for its scores: where there are fewer
    recordings than devices, some come twice.
    """

    def __init__(self, kind: int, n_recordings: int, rank: int = 0, n_devices: int = 1) -> None:
        own = list(range(rank, n_recordings, n_devices)) or [rank % n_recordings]
        self.items = [(kind, index) for index in own]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self.items)


class Batches:
    """Batches of what a sampler asks for, to go over once an epoch.

    Parameters
    ----------
    sampling : FrameSampling
        The recordings.
    sampler : Sampler
        Which of them to take, in which order; Lightning looks for it under this name.
    batch_size : int
        Recordings in a batch.
    ahead : int
        How many recordings to sample at once, where all give equally many frames: between the
        other parts of a training step, each would take twice as long.
    """

    # Lightning asks for it where there is a sampler.
    batch_sampler = None

    def __init__(
        self,
        sampling: FrameSampling,
        sampler: Sampler[tuple[int, int]],
        batch_size: int,
        ahead: int = 1,
    ) -> None:
        self.sampling = sampling
        self.sampler = sampler
        self.batch_size = batch_size
        self.at_once = batch_size * max(1, ahead // batch_size)

    @classmethod
    def of_samples(
        cls, sampling: FrameSampling, sampler: Sampler[tuple[int, int]], batch_size: int
    ) -> Batches:
        """Batches of recordings cut down to some frames; a few megabytes are drawn at once."""
        width = sampling.features.width
        return cls(sampling, sampler, batch_size, AHEAD // (sampling.n_frames * width))

    def __len__(self) -> int:
        return -(-len(self.sampler) // self.batch_size)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        wanted = iter(self.sampler)
        while items := list(islice(wanted, self.at_once)):
            drawn = collate([self.sampling[item] for item in items])
            parts = [values.split(self.batch_size) for values in drawn.values()]
            for part in zip(*parts, strict=True):
                yield dict(zip(drawn, part, strict=True))


def collate(items: list[dict[str, Any]]) -> dict[str, Tensor]:
    """Stack the items of a batch."""
    batch = {}
    for key, first in items[0].items():
        values = [item[key] for item in items]
        is_array = isinstance(first, np.ndarray)
        batch[key] = torch.from_numpy(np.stack(values)) if is_array else torch.tensor(values)
    return batch
