"""asot train: train a recipe on a folder of features, and segment it."""

from __future__ import annotations

from pathlib import Path

from asot.cli.console import finish_results, progress, say, show_results
from asot.model.loggers import check_logger
from asot.model.recipe import Recipe
from asot.progress import DRAWING, LEARNING
from asot.runs.run import Run
from asot.runs.train import train_run
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
    workers: Workers,
) -> None:
    """Train a recipe on a folder of features without labels, and segment every recording of it.

    The result is scored where there is ground truth. Each setting below overrides the recipe's. A
    run that was interrupted goes on when the same command is given again.
    Example: asot train default --n_actions 8 --data DIR --out RUN

    data: Folder of the data set (required).
    out: Folder of the run (required).
    activities: Train these only; all of the recipe's otherwise.
    logger: csv, tensorboard, wandb (offline with WANDB_MODE=offline) or none.
    device: auto, cpu, gpu, or a device of torch.
    devices: How many, or auto for all.
    """
    check_logger(logger)
    before = Run(out)
    was_finished, was_begun = before.finished, (out / "models").is_dir()
    with progress((*LEARNING, *DRAWING)) as bars:
        trained = train_run(
            recipe,
            data,
            out,
            activities=activities,
            seed=seed,
            logger_name=logger,
            device=device,
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
    models = trained.root / "models", "the trained models, for asot predict"
    show_results(trained.predictions, scored, models)
