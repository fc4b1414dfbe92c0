"""asot predict: segment a folder of features with a trained run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asot.cli.parsing import Parser, out_folder
from asot.errors import ConfigurationError

USAGE = "RUN --data DIR [--out DIR]"
SUMMARY = (
    "Segment the recordings of a folder of features with a run of asot train. Ground truth is not "
    "needed; where there is some, the result is scored."
)


def run(words: Sequence[str]) -> None:
    """Run the command."""
    parser = Parser("predict", SUMMARY, USAGE)
    parser.add_argument("run", type=str, help="Folder of a run of asot train.")
    parser.add_argument("--data", type=str, required=True, help="Folder of the data set.")
    parser.add_argument(
        "--out", type=str, help="Where to write; RUN/predictions-NAME unless given."
    )
    parser.add_argument(
        "--model", type=str, help="Use this model (an activity) for every recording."
    )
    parser.add_argument("--figures", type=int, default=3, help="Recordings to draw; 0 for none.")
    values = parser.parse(words)
    from asot.cli.console import progress
    from asot.cli.results import show_results
    from asot.runs.predict import predict_run
    from asot.runs.run import Run

    data, trained = Path(values.data), Run(Path(values.run))
    out = out_folder(values.out or str(trained.root / f"predictions-{data.resolve().name}"))
    if out.resolve() in (trained.root.resolve(), trained.predictions.root.resolve()):
        raise ConfigurationError(f"--out must leave what {trained.root} holds alone, not be {out}.")
    with progress() as told:
        folder = predict_run(trained, data, out, model=values.model, progress=told)
    show_results(folder, values.figures)
