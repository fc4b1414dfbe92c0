"""asot evaluate: compare predictions with ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asot.cli.parsing import Parser

USAGE = "RUN [--data DIR]"
SUMMARY = (
    "Compare what a run (or a folder of asot predict) predicted with the ground truth, and write "
    "scores.json beside it. Clusters have no names, so a one-to-one matching to the classes comes "
    "first: one for each activity, one for each recording, and one for everything."
)


def run(words: Sequence[str]) -> None:
    """Run the command."""
    parser = Parser("evaluate", SUMMARY, USAGE)
    parser.add_argument("run", type=str, help="Folder of asot train or of asot predict.")
    parser.add_argument(
        "--data", type=str, help="Folder of the data set, where it is no longer where it was."
    )
    values = parser.parse(words)
    from asot.cli.console import show_files, show_scores
    from asot.data import find_dataset
    from asot.errors import DataError
    from asot.learning.predictions import INDEX, PredictionFolder, score

    root = Path(values.run)
    if not root.is_dir():
        raise DataError(f"{root} is no folder: name one of asot train or asot predict.")
    folder = PredictionFolder(root if (root / INDEX).is_file() else root / "predictions")
    was = Path(folder.index()["source"]["root"])
    if not values.data and not was.is_dir():
        raise DataError(f"{was} is no longer there: say where the data set is now with --data.")
    scored = score(folder, find_dataset(values.data, was.name) if values.data else None)
    show_scores(scored)
    show_files([(folder.root / "scores.json", "all scores, and which action is which class")])
