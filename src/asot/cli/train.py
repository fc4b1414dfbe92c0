"""asot train: train a recipe on a folder of features, and segment it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asot.cli.parsing import first_word, recipe_of, recipe_parser

USAGE = "RECIPE --data DIR --out RUN [--seed N] [settings]"
EXAMPLE = "asot train default --n_actions 8 --data DIR --out RUN"
SUMMARY = (
    "Train a recipe on a folder of features without labels, segment every recording of it, and "
    "score the result where there is ground truth. RECIPE is the name of a recipe that comes with "
    "asot ({recipes}) or a YAML file; each setting below overrides it. A run that was interrupted "
    "goes on when the same command is given again."
)


def run(words: Sequence[str]) -> None:
    """Run the command."""
    from asot.learning.configuration import shipped_recipes

    asks_help = not words or words[0] in ("-h", "--help")
    recipe, rest = (None, ["--help"]) if asks_help else first_word(words, "a recipe", EXAMPLE)
    summary = SUMMARY.format(recipes=", ".join(shipped_recipes()))
    parser = recipe_parser("train", summary, USAGE, recipe)
    parser.add_argument("--data", type=str, required=True, help="Folder of the data set.")
    parser.add_argument("--out", type=str, required=True, help="Folder of the run.")
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
        "--accelerator", type=str, default="auto", help="auto, cpu, gpu, ... as for Lightning."
    )
    parser.add_argument("--devices", type=str, default="auto", help="auto, or how many.")
    parser.add_argument(
        "--figures", type=int, default=3, help="Recordings of each activity to draw; 0 for none."
    )
    values = parser.parse_args(rest)
    chosen = recipe_of(values)
    from asot.learning.loggers import check_logger

    check_logger(values.logger)
    from asot.cli.console import progress
    from asot.cli.results import show_results
    from asot.learning.runs import train_run

    with progress() as report:
        trained = train_run(
            chosen,
            Path(values.data),
            Path(values.out),
            activities=values.activities,
            seed=values.seed,
            logger_name=values.logger,
            accelerator=values.accelerator,
            devices=int(values.devices) if values.devices.isdigit() else values.devices,
            report=report,
        )
    if trained is not None:
        show_results(trained.predictions, values.figures, run=trained)
