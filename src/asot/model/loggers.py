"""Loggers of the losses, scores and pictures of a training, imported when asked for by name."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asot.errors import ConfigurationError, require_extra
from asot.files import write_text
from asot.remote import fetch

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

LOGGERS = ("csv", "tensorboard", "wandb", "none")
SCORES = ("mof", "miou", "f1_macro", "f1@10", "f1@25", "f1@50", "edit")
COLUMNS = ("epoch", "train_loss", "val_loss", *(f"val_{name}" for name in SCORES))
# Draws pictures of a recording's probabilities (N, K), assignment (N, K) and embeddings (N, d).
Draw = Callable[["NDArray[Any]", "NDArray[Any]", "NDArray[Any]"], dict[str, "Figure"]]


class Logger:
    """A log of a training; ``draw`` makes the pictures for a logger that takes them."""

    draw: Draw | None = None

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        """Log the losses and scores after ``epoch`` epochs."""
        raise NotImplementedError

    def picture(self, name: str, figure: Figure, epoch: int) -> None:
        """Log a picture, where the logger takes pictures."""

    def close(self) -> None:
        """End the log of the training."""


class _CsvLogger(Logger):
    """A logger that writes ``metrics.csv``, one row an epoch."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "metrics.csv"

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        """Write a row, in place of an interrupted training's rows from this epoch on."""
        rows: list[Mapping[str, Any]] = []
        if self.path.is_file():
            fetch(self.path)
            with self.path.open(newline="", encoding="utf-8", errors="replace") as stream:
                lines = (line.replace("\0", "") for line in stream)  # Python 3.10 refuses them
                before = [row for row in csv.DictReader(lines) if str(row.get("epoch")).isdigit()]
            rows += [row for row in before if int(row["epoch"]) < epoch]
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, {"epoch": epoch, **values}])
        write_text(self.path, text.getvalue())


class _TensorBoardLogger(Logger):
    """A logger that writes the event files of TensorBoard."""

    def __init__(self, folder: Path, draw: Draw | None) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.draw = draw
        self._writer = SummaryWriter(str(folder))

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def picture(self, name: str, figure: Figure, epoch: int) -> None:
        self._writer.add_figure(name, figure, epoch, close=True)

    def close(self) -> None:
        self._writer.close()


class _WandbLogger(Logger):
    """A logger that writes a run of W&B, offline where ``WANDB_MODE`` asks for it."""

    def __init__(self, folder: Path, run_name: str, draw: Draw | None) -> None:
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        self.draw = draw
        self._picture = wandb.Image
        self._run = wandb.init(project="asot", name=run_name, dir=str(folder))

    def log(self, values: Mapping[str, float], epoch: int) -> None:
        self._run.log({**values, "epoch": epoch})

    def picture(self, name: str, figure: Figure, epoch: int) -> None:
        import numpy as np
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        self._run.log({name: self._picture(np.asarray(canvas.buffer_rgba())), "epoch": epoch})

    def close(self) -> None:
        # Otherwise the next training in this process would go on with the same run.
        self._run.finish()


def check_logger(name: str) -> None:
    """Refuse a logger that is unknown or whose library is missing, before a training starts."""
    if name not in LOGGERS:
        raise ConfigurationError(
            f"logger must be one of {', '.join(LOGGERS)}, but is {name!r}.", setting="logger"
        )
    if name in ("tensorboard", "wandb"):
        require_extra(name, f"--logger {name}", name)


def make_logger(name: str, folder: Path, run_name: str, draw: Draw | None = None) -> Logger | None:
    """Make a logger that writes below ``folder``; None for "none". W&B shows the run's name."""
    check_logger(name)
    if name == "csv":
        return _CsvLogger(folder)
    if name == "tensorboard":
        return _TensorBoardLogger(folder, draw)
    return _WandbLogger(folder, run_name, draw) if name == "wandb" else None
