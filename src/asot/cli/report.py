"""asot report: the page to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asot.cli.parsing import Parser, out_folder

USAGE = "RESULTS [--out DIR] [--embed] [--open]"
SUMMARY = (
    "Write the page of a segmentation: every recording with its timeline, the actions with "
    "examples and boxes to name them, and an overview. It needs no network, and no program but a "
    "browser."
)


def run(words: Sequence[str]) -> None:
    """Run the command."""
    parser = Parser("report", SUMMARY, USAGE)
    parser.add_argument("results", type=str, help="Folder of asot segment, train or predict.")
    parser.add_argument("--out", type=str, help="Where to write; RESULTS/page unless given.")
    parser.add_argument(
        "--embed",
        action="store_true",
        help="One file with everything in it, videos too, to send to somebody.",
    )
    parser.add_argument("--open", action="store_true", help="Show the page in the browser.")
    parser.add_argument(
        "--data", type=str, help="Folder of the data set, where it is no longer where it was."
    )
    parser.add_argument(
        "--other",
        type=str,
        nargs="+",
        default=[],
        help="Other predictions of the same recordings to show beneath: NAME=FOLDER ...",
    )
    values = parser.parse(words)
    results = Path(values.results)
    out = out_folder(values.out or str(results / "page"))
    from asot.cli.console import progress, say
    from asot.data import find_dataset
    from asot.runs.page import named_predictions, write_page
    from asot.runs.predictions import find_predictions

    folder = find_predictions(results)
    others = named_predictions(values.other)
    data = find_dataset(values.data) if values.data else None
    with progress() as told:
        pages = write_page(folder, out, embed=values.embed, data=data, others=others, progress=told)
    for page in pages:
        say(str(page))
    if values.open:
        import webbrowser

        webbrowser.open(pages[0].resolve().as_uri())
