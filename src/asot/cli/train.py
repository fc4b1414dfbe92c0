"""asot train: train a recipe on a folder of features, and segment it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asot.cli.console import finish_results, progress, say, show_results, show_share
from asot.cli.summary import show_verdicts
from asot.model.loggers import check_logger
from asot.model.recipe import Recipe
from asot.progress import DRAWING, LEARNING
from asot.runs.run import Run
from asot.runs.train import train_run, train_share
from asot.shards import Shard
from asot.workers import Workers


def run(
    recipe: Recipe,
    *,
    data: Path,
    out: Path,
    seed: int = 0,
    activities: list[str] | None = None,
    logger: str = "csv",
    device: str = "auto",
    devices: str = "1",
    figures: int = 3,
    shard: str | None = None,
    workers: Workers,
) -> None:
    """Train a recipe on a folder of features without labels, and segment every recording of it.

    How right the result is, is estimated, and it is scored where there is ground truth. Each
    setting below overrides the recipe's. A run that was interrupted goes on when the same command
    is given again.
    Example: asot train default --n_actions 8 --data DIR --out RUN

    data: Folder of the data set (required).
    out: Folder of the run (required).
    activities: Train these only; all of the recipe's otherwise.
    logger: csv, tensorboard, wandb (offline with WANDB_MODE=offline) or none.
    device: auto, cpu, gpu, or a device of torch.
    devices: How many, or auto for all. A small network gains nothing, and is trained on one.
    """
    check_logger(logger)
    options: dict[str, Any] = {"activities": activities, "seed": seed, "logger_name": logger}
    options["device"] = device
    if shard is not None:
        with progress(LEARNING) as bars:
            which = Shard.of(shard)
            share = train_share(recipe, data, out, which, **options, progress=bars)
        show_share(shard, share)
        say("The command without --shard does the rest, from there.")
        return
    before = Run(out)
    was_finished, was_begun = before.finished, (out / "models").is_dir()
    with progress((*LEARNING, *DRAWING)) as bars:
        trained = train_run(
            recipe,
            data,
            out,
            **options,
            devices=int(devices) if devices.isdigit() else devices,
            progress=bars,
        )
        # The helping processes of several devices have nothing to show.
        if trained is None:
            return
        scored = finish_results(trained.predictions, figures, bars)
    if was_finished:
        say("This run was trained before: its models were used as they are.")
    elif was_begun:
        say("This run was begun before: its training went on from there.")
    show_verdicts(trained.predictions, trained.root)
    models = trained.root / "models", "the trained models, for asot predict"
    show_results(trained.predictions, scored, models)
