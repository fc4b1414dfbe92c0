"""Fitting a model to recordings: the k-means start, then Lightning's loop.

``fit`` reads from top to bottom; the command line and the scikit-learn face both call it.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.loggers import Logger
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from asot.data import even_frames
from asot.learning.configuration import Recipe
from asot.learning.datamodule import GroundTruth, RecordingsModule
from asot.learning.features import PreparedFeatures
from asot.learning.model import ActionModel
from asot.learning.module import ActionSegmentation

Progress = Callable[[int, int, float], None]


def fit(
    features: Sequence[NDArray[Any]],
    recipe: Recipe,
    n_actions: int,
    *,
    ground_truth: GroundTruth | None = None,
    seed: int = 0,
    checkpoint: Path | None = None,
    logger: Logger | None = None,
    validate: bool = False,
    accelerator: str = "auto",
    devices: int | str = "auto",
    progress: Progress | None = None,
) -> ActionModel:
    """Fit a model to recordings.

    Parameters
    ----------
    features : sequence of (N_i, D) arrays
        The recordings' features; may be lazy.
    recipe : Recipe
        The settings.
    n_actions : int
        K.
    ground_truth : sequence of (N_i,) int64 arrays or None, optional
        For the scores that validation logs, and for nothing else.
    seed : int
        Decides the initial weights, k-means and every draw of frames; the global generators are
        left alone.
    checkpoint : Path, optional
        Written after every epoch. If it exists, training goes on from it, exactly as it would
        have gone on.
    logger : Logger, optional
        Takes the losses and scores.
    validate : bool
        Whether to validate every ``recipe.training.validate_every`` epochs.
    accelerator, devices : str, int or str
        As for ``lightning.Trainer``; with several devices they share each epoch's recordings.
    progress : callable, optional
        Called after each epoch with the epochs done, all epochs, and the training loss.

    Returns
    -------
    ActionModel
        On the CPU, in evaluation mode.
    """
    data = RecordingsModule(features, recipe, seed, ground_truth)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = ActionSegmentation(recipe.to_dict(), data.features.width, n_actions)
    resumable = checkpoint is not None and checkpoint.is_file()
    if not resumable:
        start_at_kmeans(module.model, data.features, seed)
    callbacks: list[L.Callback] = [EveryEpoch(checkpoint, progress)]
    with quiet_lightning():
        trainer = L.Trainer(
            max_epochs=recipe.training.epochs,
            accelerator=accelerator,
            devices=devices,
            logger=logger if logger is not None else False,
            callbacks=callbacks,
            check_val_every_n_epoch=recipe.training.validate_every,
            limit_val_batches=1.0 if validate else 0,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        if validate and not resumable and recipe.training.epochs > 0:
            trainer.validate(module, datamodule=data, verbose=False)
        trainer.fit(
            module,
            datamodule=data,
            ckpt_path=checkpoint if resumable else None,
            weights_only=True,
        )
        if checkpoint is not None and recipe.training.epochs == 0 and not resumable:
            save_checkpoint(trainer, checkpoint)
    model = module.model.cpu().eval()
    model.normalise_actions()
    return model


def load_model(checkpoint: Path) -> ActionModel:
    """The model of a checkpoint, on the CPU, in evaluation mode."""
    module = ActionSegmentation.load_from_checkpoint(
        checkpoint, map_location="cpu", weights_only=True
    )
    model = module.model.eval()
    model.normalise_actions()
    return model


def start_at_kmeans(model: ActionModel, features: PreparedFeatures, seed: int) -> None:
    """Place the action embeddings at the k-means centres of the untrained embeddings.

    Only frames that exist take part: as many evenly spaced ones of each recording as training
    takes, so that the start depends on the seed by the weights and the restarts alone.
    """
    settings = model.recipe.training
    frames = np.concatenate(
        [one[even_frames(len(one), settings.frames_per_recording)] for one in features]
    )
    with torch.no_grad():
        embeddings = model.embed(torch.from_numpy(frames)).numpy()
    kmeans = KMeans(model.n_actions, n_init=settings.kmeans_restarts, random_state=seed)
    if len(embeddings) < model.n_actions:
        # Fewer frames than actions: the surplus actions keep their random places.
        return
    with warnings.catch_warnings():
        # Fewer distinct frames than actions is no fault of the user's.
        warnings.simplefilter("ignore", ConvergenceWarning)
        kmeans.fit(embeddings)
    model.place_actions(torch.from_numpy(kmeans.cluster_centers_))


class EveryEpoch(L.Callback):
    """Saves the checkpoint and reports the progress after each epoch."""

    def __init__(self, checkpoint: Path | None, progress: Progress | None) -> None:
        self.checkpoint = checkpoint
        self.progress = progress

    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Lightning calls this."""
        if self.checkpoint is not None:
            save_checkpoint(trainer, self.checkpoint)
        if self.progress is not None and trainer.is_global_zero:
            loss = float(trainer.callback_metrics["train_loss"])
            self.progress(trainer.current_epoch + 1, trainer.max_epochs or 0, loss)


def save_checkpoint(trainer: L.Trainer, path: Path) -> None:
    """Write a checkpoint atomically; every device must call this."""
    partial = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    trainer.save_checkpoint(partial)
    if trainer.is_global_zero:
        os.replace(partial, path)  # noqa: PTH105 - the atomic rename is the point


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep back what Lightning says to everybody: advice on workers and on the hardware."""
    log = logging.getLogger("lightning.pytorch")
    fabric = logging.getLogger("lightning.fabric")
    levels = log.level, fabric.level
    log.setLevel(logging.ERROR)
    fabric.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for message in (
                ".*does not have many workers.*",
                ".*GPU available but not used.*",
                ".*`isinstance\\(treespec, LeafSpec\\)` is deprecated.*",
            ):
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        log.setLevel(levels[0])
        fabric.setLevel(levels[1])


def is_main_process() -> bool:
    """Whether this process writes the results: all others only help it train."""
    return int(os.environ.get("LOCAL_RANK", 0)) == 0 and int(os.environ.get("NODE_RANK", 0)) == 0


def decode(model: ActionModel, features: Any) -> tuple[Any, Any]:
    """Labels (N,) int64 and assignment (N, K) float32 of one recording's prepared features."""
    solution = model.decode(torch.from_numpy(np.ascontiguousarray(features)))
    return solution.labels.numpy(), solution.assignment.numpy()
