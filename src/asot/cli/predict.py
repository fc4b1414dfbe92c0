"""asot predict: segment a folder of features with a trained run."""

from __future__ import annotations

from pathlib import Path

from asot.cli.console import finish_results, progress, show_results
from asot.errors import ConfigurationError
from asot.files import sole_use
from asot.progress import DRAWING
from asot.runs.predict import predict_run
from asot.runs.run import Run
from asot.workers import Workers


def run(
    run: Path,
    *,
    data: Path,
    out: Path | None = None,
    model: str | None = None,
    figures: int = 3,
    workers: Workers,
) -> None:
    """Segment the recordings of a folder of features with a run of asot train.

    Ground truth is not needed; where there is some, the result is scored.

    run: Folder of a run of asot train.
    data: Folder of the data set.
    out: Where to write; RUN/predictions-NAME unless given.
    model: Use this model (an activity) for every recording.
    """
    trained = Run(run)
    out = out or run / f"predictions-{data.resolve().name}"
    if out.resolve() in (run.resolve(), trained.predictions.root.resolve()):
        raise ConfigurationError(f"--out must leave what {run} holds alone, not be {out}.")
    stages = "Checking the data", "Loading the libraries", "Segmenting", *DRAWING
    with sole_use(out), progress(stages) as bars:
        folder = predict_run(trained, data, out, model=model, progress=bars)
        scored = finish_results(folder, figures, bars)
    show_results(folder, scored)
