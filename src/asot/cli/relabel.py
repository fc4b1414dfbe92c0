"""asot relabel: give the actions their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asot.cli.parsing import Parser

USAGE = "RESULTS names.json [--model NAME]"
SUMMARY = (
    "Take the names, merges and backgrounds that were given in the page, and write the segment "
    "table and the page anew with them. The labels that were found stay as they are: relabel again "
    'to change names. A plain {"0": "pour", "1": "stir"} does as well.'
)


def run(words: Sequence[str]) -> None:
    """Run the command."""
    parser = Parser("relabel", SUMMARY, USAGE)
    parser.add_argument("results", type=str, help="Folder of asot segment, train or predict.")
    parser.add_argument("names", type=str, help="The file that the page downloads.")
    parser.add_argument(
        "--model", type=str, help="Whose actions, where there are several models (activities)."
    )
    parser.add_argument(
        "--data", type=str, help="Folder of the data set, where it is no longer where it was."
    )
    values = parser.parse(words)
    from asot.cli.console import progress, say, show_files
    from asot.cli.summary import show_actions
    from asot.data import find_dataset
    from asot.runs.corrections import relabel
    from asot.runs.page import rewrite_page
    from asot.runs.predictions import find_predictions

    folder = find_predictions(Path(values.results))
    data = find_dataset(values.data) if values.data else None
    names = relabel(folder, Path(values.names), values.model, data)
    files = [(folder.root / "segments.csv", "the segments, under these names")]
    with progress() as told:
        pages = rewrite_page(folder, Path(values.results), data, told)
    files += [(page, "the page") for page in pages]
    say(
        f"{len(names.names)} actions have names, {len(names.merged)} were merged into others, "
        f"{len(names.background)} are background."
    )
    show_actions(folder, data)
    show_files(files)
