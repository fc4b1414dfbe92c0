"""asot evaluate: compare predictions with ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asot.cli.parsing import Parser

USAGE = "RUN [--data DIR] [--truth FILE ...]"
SUMMARY = (
    "Compare what a run (or a folder of asot segment or asot predict) predicted with the ground "
    "truth, and write scores.json beside it. Labels that were corrected in another tool become the "
    "ground truth with --truth. Clusters have no names, so a one-to-one matching to the classes "
    "comes first: one for each activity, one for each recording, and one for everything."
)


def run(words: Sequence[str]) -> None:
    """Run the command."""
    parser = Parser("evaluate", SUMMARY, USAGE)
    parser.add_argument("run", type=str, help="Folder of asot segment, train or predict.")
    parser.add_argument(
        "--data", type=str, help="Folder of the data set, where it is no longer where it was."
    )
    parser.add_argument(
        "--truth",
        type=str,
        nargs="+",
        help="Corrected labels, which become the ground truth: CSV, ELAN, Label Studio or text "
        "with a label a line and frame, as asot export writes them; or folders of these.",
    )
    parser.add_argument(
        "--frame_rate", type=float, help="Frames a second, where the recordings have no times."
    )
    parser.add_argument(
        "--from_zero",
        action="store_true",
        help="The times of --truth count from the first frame, as with asot export --from_zero.",
    )
    values = parser.parse(words)
    from asot.cli.console import say, show_files, show_scores
    from asot.data import find_dataset
    from asot.runs.predictions import find_predictions, score
    from asot.text import plural

    folder = find_predictions(Path(values.run))
    was = Path(folder.index().source.root)
    data = find_dataset(values.data, was.name) if values.data else None
    if values.truth:
        from asot.runs.corrections import take_truth

        names = take_truth(
            folder,
            [Path(one) for one in values.truth],
            data,
            values.frame_rate,
            values.from_zero,
        )
        say(f"The labels of {plural(len(names), 'recording')} were read as the ground truth.")
    scored = score(folder, data)
    show_scores(scored)
    show_files([(folder.root / "scores.json", "all scores, and which action is which class")])
