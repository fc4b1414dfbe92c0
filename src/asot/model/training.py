"""Training with Lightning: checkpoints, resuming, loggers, validation and several devices.

``loop.train`` is the same training on one device without any of these; a test holds the two to the
same weights, bit for bit.
"""

from __future__ import annotations

import logging
import os
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from numpy.typing import NDArray

from asot.errors import ConfigurationError
from asot.model.checkpoints import load_network, read_checkpoint
from asot.model.datamodule import RecordingsModule
from asot.model.module import ActionSegmentation
from asot.model.network import ActionModel
from asot.model.recipe import Recipe
from asot.model.sampling import GroundTruth
from asot.model.start import start_at_kmeans
from asot.progress import Progress, silent


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
    device: str = "auto",
    devices: int | str = 1,
    progress: Progress = silent,
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
        Decides the initial weights, k-means and every draw of frames, at least 0; the global
        generators are left alone.
    checkpoint : Path, optional
        Written after every epoch. If it exists, training goes on from it, exactly as it would
        have gone on.
    logger : Logger, optional
        Takes the losses and scores.
    validate : bool
        Whether to validate every ``recipe.training.validate_every`` epochs.
    device, devices : str, int or str
        As for ``lightning.Trainer``, but that "auto" is a CUDA GPU or the CPU. Several devices
        share each epoch's recordings; Lightning then starts the script again for each of them.
    progress : callable, optional
        Called after each epoch with the epochs done, all epochs, and the training loss.

    Returns
    -------
    ActionModel
        On the CPU, in evaluation mode.
    """
    data = RecordingsModule(features, recipe, seed, ground_truth)
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would seed the GPUs too.
        torch.default_generator.manual_seed(seed)
        module = ActionSegmentation(recipe.to_dict(), data.features.width, n_actions)
    resumed = checkpoint is not None and checkpoint.is_file()
    if checkpoint is not None and resumed:
        if _epochs_done(checkpoint, module) >= recipe.training.epochs:
            return load_network(checkpoint)
    else:
        start_at_kmeans(module.model, data.features, seed)
    with quiet_lightning(), keyboard_interrupts():
        trainer = _trainer(
            device,
            devices,
            max_epochs=recipe.training.epochs,
            logger=logger if logger is not None else False,
            callbacks=[EveryEpoch(checkpoint, progress)],
            check_val_every_n_epoch=recipe.training.validate_every,
            limit_val_batches=1.0 if validate else 0,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        if validate and not resumed and recipe.training.epochs > 0:
            trainer.validate(module, datamodule=data, verbose=False)
        trainer.fit(
            module,
            datamodule=data,
            ckpt_path=checkpoint if resumed else None,
            weights_only=True,
        )
        if checkpoint is not None and recipe.training.epochs == 0:
            save_checkpoint(trainer, checkpoint)
    return module.model.cpu().eval()


def _epochs_done(checkpoint: Path, module: ActionSegmentation) -> int:
    """Epochs that a checkpoint has behind it; refuses one of another training."""
    stored = read_checkpoint(checkpoint)
    for name, value in module.hparams.items():
        old = stored["hyper_parameters"].get(name)
        if name == "recipe" and isinstance(old, dict):
            # Settings that did not exist then have their defaults.
            old = Recipe.from_dict(old).to_dict()
        if old != value:
            what = "another recipe" if name == "recipe" else f"{name} {old}, not {value}"
            raise ConfigurationError(
                f"{checkpoint} was trained with {what}: choose another file, or remove it."
            )
    # Written at the end of the epoch that it counts from 0.
    return int(stored["epoch"]) + 1


def _trainer(device: str, devices: int | str, **options: Any) -> L.Trainer:
    # Lightning's choice would be Apple's GPUs too, on which nothing here has been tried.
    found = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = found if device == "auto" else device
    try:
        return L.Trainer(accelerator=chosen, devices=devices, **options)
    except (MisconfigurationException, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(
            f"device {device!r} with devices {devices!r} cannot be used here: {reason}"
        ) from error


class EveryEpoch(L.Callback):
    """Saves the checkpoint and reports the progress after each epoch."""

    def __init__(self, checkpoint: Path | None, progress: Progress) -> None:
        self.checkpoint = checkpoint
        self.progress = progress

    def on_train_epoch_end(self, trainer: L.Trainer, module: Any) -> None:
        """Lightning calls this."""
        if self.checkpoint is not None:
            save_checkpoint(trainer, self.checkpoint)
        if trainer.is_global_zero:
            epochs = trainer.max_epochs or 0
            note = f"loss {module.epoch_loss:.3f}"
            self.progress("Training", trainer.current_epoch + 1, epochs, note)


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


@contextmanager
def keyboard_interrupts() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt: Lightning would end the program, deaf to further ones."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        if signal.getsignal(signal.SIGINT) is not handler:
            signal.signal(signal.SIGINT, handler)


def leave_processes() -> None:
    """Part from the other processes of a training, after the last one of a run.

    Lightning leaves this to the end of the interpreter, where the threads of gloo now and then
    come too late and complain.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def is_main_process() -> bool:
    """Whether this process writes the results: all others only help it train."""
    return bool(rank_zero_only.rank == 0)
