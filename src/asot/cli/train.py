"""asot train: train a recipe on a folder of features, and segment it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from asot.cli.parsing import check_seed, out_folder, parse_recipe, recipe_parser

USAGE = "RECIPE --data DIR --out RUN [--seed N] [settings]"
SUMMARY = (
    "Train a recipe on a folder of features without labels, segment every recording of it, and "
    "score the result where there is ground truth. RECIPE is the name of a recipe that comes with "
    "asot ({recipes}) or a YAML file; each setting below overrides it. A run that was interrupted "
    "goes on when the same command is given again. "
    "Example: asot train default --n_actions 8 --data DIR --out RUN"
)


def run(words: Sequence[str]) -> None:
    """Run the command."""
    from asot.model.recipe import shipped_recipes

    parser = recipe_parser("train", SUMMARY.format(recipes=", ".join(shipped_recipes())), USAGE)
    parser.add_argument("--data", type=str, help="Folder of the data set (required).")
    parser.add_argument("--out", type=str, help="Folder of the run (required).")
    parser.add_argument("--seed", type=int, default=0, help="Decides everything that is drawn.")
    parser.add_argument(
        "--activities", type=str, nargs="+", help="Train these only; all of the recipe's otherwise."
    )
    parser.add_argument(
        "--logger",
        type=str,
        default="csv",
        help="csv, tensorboard, wandb (offline with WANDB_MODE=offline) or none.",
    )
    parser.add_argument(
        "--device", type=str, default="auto", help="auto, cpu, gpu, or a device of torch."
    )
    parser.add_argument("--devices", type=str, default="1", help="How many, or auto for all.")
    parser.add_argument(
        "--figures", type=int, default=3, help="Recordings of each activity to draw; 0 for none."
    )
    values, recipe = parse_recipe(parser, words)
    from asot.runs.run import Run, recipe_yaml, train_run

    if values.print_config:
        sys.stdout.write(recipe_yaml(recipe))
        return
    parser.require(values, "data", "out")
    check_seed(values.seed)
    out = out_folder(values.out)
    from asot.model.loggers import check_logger

    check_logger(values.logger)
    from asot.cli.console import progress, say
    from asot.cli.results import show_results

    before = Run(out)
    was_finished, was_begun = before.finished, (out / "models").is_dir()
    with progress() as told:
        trained = train_run(
            recipe,
            Path(values.data),
            out,
            activities=values.activities,
            seed=values.seed,
            logger_name=values.logger,
            device=values.device,
            devices=int(values.devices) if values.devices.isdigit() else values.devices,
            progress=told,
        )
    if trained is not None:
        if was_finished:
            say("This run was trained before: its models were used as they are.")
        elif was_begun:
            say("This run was begun before: its training went on from there.")
        show_results(trained.predictions, values.figures, run=trained)
