"""asot predict: segment a folder of features with a trained run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asot.cli.parsing import Parser, first_word

USAGE = "RUN --data DIR [--out DIR]"
EXAMPLE = "asot predict RUN --data DIR"
SUMMARY = (
    "Segment the recordings of a folder of features with a run of asot train. Ground truth is not "
    "needed; where there is some, the result is scored."
)


def run(words: Sequence[str]) -> None:
    """Run the command."""
    parser = Parser("predict", SUMMARY, USAGE)
    parser.add_argument("--data", type=str, required=True, help="Folder of the data set.")
    parser.add_argument(
        "--out", type=str, help="Where to write; RUN/predictions-NAME unless given."
    )
    parser.add_argument(
        "--model", type=str, help="Use this model (an activity) for every recording."
    )
    parser.add_argument("--figures", type=int, default=3, help="Recordings to draw; 0 for none.")
    if not words or words[0] in ("-h", "--help"):
        parser.parse_args(["--help"])
    source, rest = first_word(words, "a run", EXAMPLE)
    values = parser.parse_args(rest)
    from asot.cli.console import progress
    from asot.cli.results import show_results
    from asot.learning.runs import Run, predict_run

    data, trained = Path(values.data), Run(Path(source))
    out = Path(values.out) if values.out else trained.root / f"predictions-{data.resolve().name}"
    with progress() as report:
        folder = predict_run(trained, data, out, model=values.model, report=report)
    show_results(folder, values.figures)
