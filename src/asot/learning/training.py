"""Fitting a model to recordings: the k-means start, then Lightning's loop.

``fit`` reads from top to bottom; the command line and the scikit-learn face both call it.
"""

from __future__ import annotations

import logging
import os
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from asot.data import even_frames
from asot.errors import ConfigurationError, DataError
from asot.learning.configuration import Recipe
from asot.learning.datamodule import GroundTruth, RecordingsModule
from asot.learning.features import PreparedFeatures
from asot.learning.model import ActionModel, PseudoLabels
from asot.learning.module import ActionSegmentation

Progress = Callable[[int, int, float], None]

# Frames that choose the best restart of k-means.
RESTART_FRAMES = 10_000


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
    devices: int | str = 1,
    progress: Progress | None = None,
    callbacks: Sequence[L.Callback] = (),
    pseudo_labels: PseudoLabels | None = None,
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
    accelerator, devices : str, int or str
        As for ``lightning.Trainer``, but that "auto" is a CUDA GPU or the CPU. Several devices
        share each epoch's recordings; Lightning then starts the script again for each of them.
    progress : callable, optional
        Called after each epoch with the epochs done, all epochs, and the training loss.
    callbacks : sequence of lightning.Callback
        More of Lightning's callbacks.
    pseudo_labels : callable, optional
        Makes the pseudo-labels in place of the recipe's ``transport_train`` and order prior: from
        the cost (B, N, K), ``1 - cosine similarity``, and the lengths (B,), an assignment
        (B, N, K) whose rows sum to 1, and to 0 beyond each length. A checkpoint does not carry it.

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
    module.model.pseudo_labels = pseudo_labels
    resumed = checkpoint is not None and checkpoint.is_file()
    if checkpoint is not None and resumed:
        if _epochs_done(checkpoint, module) >= recipe.training.epochs:
            return load_model(checkpoint)
    else:
        start_at_kmeans(module.model, data.features, seed)
    with quiet_lightning(), keyboard_interrupts():
        trainer = _trainer(
            accelerator,
            devices,
            max_epochs=recipe.training.epochs,
            logger=logger if logger is not None else False,
            callbacks=[EveryEpoch(checkpoint, progress), *callbacks],
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


def load_model(checkpoint: Path) -> ActionModel:
    """The model of a checkpoint, on the CPU, in evaluation mode.

    Raises
    ------
    DataError
        If the file is no checkpoint of a training.
    """
    stored = _read_checkpoint(checkpoint)
    arguments = stored["hyper_parameters"]
    with torch.random.fork_rng(devices=[]):
        model = ActionModel(
            Recipe.from_dict(arguments["recipe"]), arguments["n_features"], arguments["n_actions"]
        )
    weights = {
        name.removeprefix("model."): value
        for name, value in stored["state_dict"].items()
        if name.startswith("model.")
    }
    model.load_state_dict(weights)
    return model.eval()


def _read_checkpoint(path: Path) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can lead the reader anywhere
        raise DataError(f"{path} is no checkpoint that can be read: train again.") from error
    parts = {"hyper_parameters", "state_dict", "epoch"}
    if not isinstance(stored, dict) or not parts <= set(stored):
        raise DataError(f"{path} is no checkpoint of asot: it lacks {', '.join(sorted(parts))}.")
    return stored


def _epochs_done(checkpoint: Path, module: ActionSegmentation) -> int:
    """Epochs that a checkpoint has behind it; refuses one of another training."""
    stored = _read_checkpoint(checkpoint)
    for name, value in module.hparams.items():
        old = stored["hyper_parameters"].get(name)
        if old != value:
            what = "another recipe" if name == "recipe" else f"{name} {old}, not {value}"
            raise ConfigurationError(
                f"{checkpoint} was trained with {what}: choose another file, or remove it."
            )
    # Written at the end of the epoch that it counts from 0.
    return int(stored["epoch"]) + 1


def _trainer(accelerator: str, devices: int | str, **options: Any) -> L.Trainer:
    if accelerator == "auto":
        # Lightning's choice would be Apple's GPUs too, on which nothing here has been tried.
        chosen = "cuda" if torch.cuda.is_available() else "cpu"
    else:
        chosen = accelerator
    try:
        return L.Trainer(accelerator=chosen, devices=devices, **options)
    except (MisconfigurationException, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(
            f"accelerator {accelerator!r} with devices {devices!r} cannot be used here: {reason}"
        ) from error


def start_at_kmeans(model: ActionModel, features: PreparedFeatures, seed: int) -> None:
    """Place the action embeddings at the k-means centres of the untrained embeddings.

    Only frames that exist take part: as many evenly spaced ones of each recording as training
    takes, so that the start depends on the seed by the weights and the restarts alone. Without
    restarts the actions keep their random places.
    """
    settings = model.recipe.training
    if settings.kmeans_restarts == 0:
        return
    frames = np.concatenate(
        [one[even_frames(len(one), settings.frames_per_recording)] for one in features]
    )
    if len(frames) < model.n_actions:
        # Too few for k-means: the actions keep their random places.
        return
    with torch.no_grad():
        embeddings = model.embed(torch.from_numpy(frames)).numpy()
    model.place_actions(
        torch.from_numpy(_centres(embeddings, model.n_actions, settings.kmeans_restarts, seed))
    )


def _centres(
    frames: NDArray[np.float32], n_centres: int, restarts: int, seed: int
) -> NDArray[np.float32]:
    """The k-means centres (K, d) of frames (M, d), the best of some restarts.

    Where there are many frames, evenly spaced ones choose the restart, and all of them its centres:
    four times as fast, with an inertia within a thousandth of that of all restarts on all frames.
    """
    step = len(frames) // RESTART_FRAMES if len(frames) > 2 * RESTART_FRAMES else 1
    kmeans = KMeans(n_centres, n_init=restarts, random_state=seed)
    # One thread: several add up their shares in the order in which they happen to end.
    with warnings.catch_warnings(), threadpool_limits(1):
        # Fewer distinct frames than actions is no fault of the user's.
        warnings.simplefilter("ignore", ConvergenceWarning)
        kmeans.fit(frames[::step])
        if step > 1:
            kmeans = KMeans(n_centres, init=kmeans.cluster_centers_, n_init=1).fit(frames)
    centres: NDArray[np.float32] = kmeans.cluster_centers_
    return centres


class EveryEpoch(L.Callback):
    """Saves the checkpoint and reports the progress after each epoch."""

    def __init__(self, checkpoint: Path | None, progress: Progress | None) -> None:
        self.checkpoint = checkpoint
        self.progress = progress

    def on_train_epoch_end(self, trainer: L.Trainer, module: Any) -> None:
        """Lightning calls this."""
        if self.checkpoint is not None:
            save_checkpoint(trainer, self.checkpoint)
        if self.progress is not None and trainer.is_global_zero:
            epochs = trainer.max_epochs or 0
            self.progress(trainer.current_epoch + 1, epochs, module.epoch_loss)


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


def is_main_process() -> bool:
    """Whether this process writes the results: all others only help it train."""
    return bool(rank_zero_only.rank == 0)


def decode(
    model: ActionModel, features: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Labels (N,) and assignment (N, K) of one recording's prepared features, (N, D) float32."""
    solution = model.decode(as_tensor(features))
    return solution.labels.numpy(), solution.assignment.numpy()


def as_tensor(features: ArrayLike) -> torch.Tensor:
    """Prepared features as a tensor, copied only where torch cannot share their memory."""
    return torch.from_numpy(np.require(features, np.float32, ["C", "W"]))
