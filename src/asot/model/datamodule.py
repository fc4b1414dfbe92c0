"""Recordings as Lightning takes them: a DataModule over ``sampling``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning as L
import torch
from numpy.typing import NDArray

from asot.model.features import PreparedFeatures
from asot.model.recipe import Recipe
from asot.model.sampling import (
    ALL_FRAMES,
    EVEN_FRAMES,
    Batches,
    EpochSampler,
    FixedSampler,
    FrameSampling,
    GroundTruth,
)


class RecordingsModule(L.LightningDataModule):
    """Recordings as Lightning takes them.

    Batches are dicts: ``features`` (B, N, D) float32, ``lengths`` (B,) and ``index`` (B,) int64;
    for validation and test also ``ground_truth`` (B, N) int64, -1 on padding, and ``labelled``
    (B,) bool.

    The recordings are shared out over the devices here, so that a ``Trainer`` with several of them
    needs ``use_distributed_sampler=False``.

    Parameters
    ----------
    features : sequence of (N_i, D) arrays
        What to train on, validate on and test; may be lazy.
    recipe : Recipe
        Its dataset and training settings.
    seed : int
        Decides what each epoch draws.
    ground_truth : sequence of (N_i,) int64 arrays or None, optional
        For the scores of validation and test.
    """

    def __init__(
        self,
        features: Sequence[NDArray[Any]],
        recipe: Recipe,
        seed: int,
        ground_truth: GroundTruth | None = None,
    ) -> None:
        super().__init__()
        self.features = PreparedFeatures.of(features, recipe.dataset.standardise)
        self.ground_truth = ground_truth
        self.settings = recipe.training
        self.seed = seed

    def transfer_batch_to_device(self, batch: Any, device: torch.device, loader_index: int) -> Any:
        """Move a batch, where there is another place than the CPU to move it to."""
        if device.type == "cpu":
            # Lightning would look into every part of it for things to move, in each step.
            return batch
        return super().transfer_batch_to_device(batch, device, loader_index)

    @property
    def _place(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _sampling(self) -> FrameSampling:
        return FrameSampling(
            self.features, self.ground_truth, self.settings.frames_per_recording, self.seed
        )

    def train_dataloader(self) -> Batches:
        """Random strata of every recording, in random order."""
        sampler = EpochSampler(len(self.features), self.seed, *self._place)
        return Batches.of_samples(self._sampling(), sampler, self.settings.batch_size)

    def val_dataloader(self) -> Batches:
        """Evenly spaced frames of every recording."""
        sampler = FixedSampler(EVEN_FRAMES, len(self.features), *self._place)
        return Batches.of_samples(self._sampling(), sampler, self.settings.batch_size)

    def test_dataloader(self) -> Batches:
        """Every frame, one recording at a time."""
        sampler = FixedSampler(ALL_FRAMES, len(self.features), *self._place)
        return Batches(self._sampling(), sampler, 1)

    def predict_dataloader(self) -> Batches:
        """As for test."""
        return self.test_dataloader()
