"""Loggers by name, and pictures for those that take them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asot.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger
    from matplotlib.figure import Figure

LOGGERS = ("csv", "tensorboard", "wandb", "none")


def check_logger(name: str) -> None:
    """Refuse a logger that is unknown or whose library is missing, before a training starts.

    Raises
    ------
    ConfigurationError
        If the name is unknown.
    MissingExtraError
        If the logger's library is not installed.
    """
    if name not in LOGGERS:
        raise ConfigurationError(f"logger must be one of {', '.join(LOGGERS)}, but is {name!r}.")
    if name in ("tensorboard", "wandb") and find_spec(name) is None:
        raise MissingExtraError(name, name, f"--logger {name}")


def make_logger(name: str, folder: Path, run_name: str) -> Logger | None:
    """A logger that writes below ``folder``.

    Parameters
    ----------
    name : {"csv", "tensorboard", "wandb", "none"}
        W&B runs offline where the environment says so (``WANDB_MODE=offline``).
    folder : Path
        Where it writes.
    run_name : str
        What W&B calls the run.

    Raises
    ------
    ConfigurationError, MissingExtraError
        As for ``check_logger``.
    """
    check_logger(name)
    if name == "csv":
        from lightning.pytorch.loggers import CSVLogger

        return CSVLogger(save_dir=folder, name="", version=_csv_version(folder))
    if name == "tensorboard":
        from lightning.pytorch.loggers import TensorBoardLogger

        return TensorBoardLogger(save_dir=folder, name="", version="")
    if name == "wandb":
        from lightning.pytorch.loggers import WandbLogger

        folder.mkdir(parents=True, exist_ok=True)
        return WandbLogger(save_dir=folder, name=run_name, project="asot")
    return None


def _csv_version(folder: Path) -> str:
    """``folder`` itself, or one in it where that is used: Lightning would delete what is there."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return ""
    taken = sum(path.is_dir() for path in folder.glob("resumed-*"))
    return f"resumed-{taken + 1}"


def close_logger(logger: Logger | None) -> None:
    """End a W&B run, so that the next training in this process gets one of its own."""
    if type(logger).__name__ == "WandbLogger" and logger is not None:
        import wandb

        wandb.finish()


def takes_figures(logger: Any) -> bool:
    """Whether ``log_figure`` can hand pictures to this logger."""
    return type(logger).__name__ in ("TensorBoardLogger", "WandbLogger")


def log_figure(logger: Any, name: str, figure: Figure, step: int) -> None:
    """Hand a matplotlib figure to a logger that takes figures."""
    if type(logger).__name__ == "WandbLogger":
        import numpy as np
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        logger.log_image(key=name, images=[np.asarray(canvas.buffer_rgba())], step=step)
    else:
        logger.experiment.add_figure(name, figure, global_step=step, close=True)
