"""asot predict: segment a folder of features with a trained run."""

from __future__ import annotations

from pathlib import Path

from asot.cli.console import finish_results, progress, show_results, show_share
from asot.errors import ConfigurationError
from asot.folders import in_turn, sole_use
from asot.progress import DRAWING
from asot.runs.lone import open_run
from asot.runs.predict import predict_share
from asot.runs.predictions import PredictionFolder
from asot.shards import Shard
from asot.workers import Workers


def run(
    run: Path,
    *,
    data: Path,
    out: Path | None = None,
    model: str | None = None,
    figures: int = 3,
    shard: str | None = None,
    workers: Workers,
) -> None:
    """Segment the recordings of a folder of features with a run of asot train.

    Ground truth is not needed; where there is some, the result is scored.

    run: Folder of a run of asot train, or a model's file from ActionSegmenter.save.
    data: Folder of the data set.
    out: Where to write; RUN/predictions-NAME unless given, or beside a model's file.
    model: Use this model (an activity) for every recording.
    """
    trained = open_run(run)
    folder_of = run.parent if run.is_file() else run
    out = out or folder_of / f"predictions-{data.resolve().name}"
    if out.resolve() in (run.resolve(), trained.predictions.root.resolve()):
        raise ConfigurationError(f"--out must leave what {run} holds alone, not be {out}.")
    stages = "Checking the data", "Loading the libraries", "Segmenting", *DRAWING
    which = None if shard is None else Shard.of(shard)
    with sole_use(out, shard or ""), progress(stages) as bars:
        share = predict_share(trained, data, out, which, model=model, progress=bars)
        if shard is not None:
            show_share(shard, share)
        if share.left:
            return
        folder = PredictionFolder(out)
        # Shards that end together both find that all recordings are segmented.
        with in_turn(out / "scores.json"):
            scored = finish_results(folder, figures, bars)
    show_results(folder, scored)
