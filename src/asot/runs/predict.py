"""Prediction: the recordings of a data folder, segmented with a trained run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import ConfigurationError, DataError, FileError
from asot.files import file_hash
from asot.folders import in_turn
from asot.progress import Progress, silent
from asot.runs.numbers import Order, read_order
from asot.runs.predictions import MADE, PredictionFolder
from asot.runs.run import RUN_FILE, Run, open_checked, refuse_to_fill
from asot.runs.segmenting import Segmenting, lacks_columns
from asot.schema import first_difference
from asot.shards import Shard, ShardResult
from asot.workers import DEFAULT_WORKERS, Workers

if TYPE_CHECKING:
    from asot.model.network import ActionModel
    from asot.model.team import TeamModel


def predict_run(
    run: Run,
    data_dir: Path,
    out: Path,
    *,
    model: str | None = None,
    keep_names: bool = False,
    known: Mapping[str, NDArray[np.int64]] | None = None,
    workers: Workers = DEFAULT_WORKERS,
    progress: Progress = silent,
) -> PredictionFolder:
    """Segment the recordings of a data folder with a trained run.

    A recording is segmented with its activity's model, or with the run's only model; ``model``
    names the model for every recording. Names that people gave the run's actions are copied; with
    ``keep_names``, names that ``out`` has already stay. Recordings that ``out`` holds already, of
    the same model, are not segmented again.
    """
    options: dict[str, Any] = {"model": model, "keep_names": keep_names, "known": known}
    predict_share(run, data_dir, out, None, **options, workers=workers, progress=progress)
    return PredictionFolder(out)


def predict_share(
    run: Run,
    data_dir: Path,
    out: Path,
    shard: Shard | None,
    *,
    model: str | None = None,
    keep_names: bool = False,
    known: Mapping[str, NDArray[np.int64]] | None = None,
    workers: Workers = DEFAULT_WORKERS,
    progress: Progress = silent,
) -> ShardResult:
    """Segment the share of a shard, or all; whoever sees all segmented finishes the prediction.

    The rest is as for :func:`predict_run`.
    """
    recipe = run.recipe()
    settings = recipe.dataset
    trained = run.models()
    if model is not None and model not in trained:
        raise ConfigurationError(
            f"{run.root} has no model {model!r}; it has: {', '.join(trained)}.", setting="model"
        )
    try:
        dataset, source = open_checked(data_dir, settings, progress)
    except DataError:
        if settings.activity_pattern is None or (model is None and len(trained) > 1):
            raise
        # Names that do not fit the recipe's pattern do not matter where one model serves all.
        dataset, source = open_checked(data_dir, replace(settings, activity_pattern=None), progress)
    recordings = dataset.recordings()
    chosen: dict[str, str] = {}
    for one in recordings:
        name = model or (trained[0] if len(trained) == 1 else one.activity)
        if name not in trained:
            raise DataError(
                f"{one.name} in {dataset.root} is of the activity {one.activity!r}, for which "
                f"{run.root} has no model; it has: {', '.join(trained)}. Choose one with --model.",
                setting="model",
            )
        chosen[one.name] = str(name)
    progress("Loading the libraries", 0, 1)
    refuse_to_fill(out)
    networks, orders = load_models(run, set(chosen.values()))
    progress("Loading the libraries", 1, 1)
    origin, extractor = recordings[0].origin, run.description().extractor
    difference = None
    if origin is not None and extractor is not None:
        difference = first_difference(extractor, origin.extractor)
    if difference is not None:
        raise FileError.at(
            dataset.root,
            f"holds features that were not made as those that {run.root} was trained on "
            f"({difference}): extract them the same way, or let asot segment RECORDINGS --model "
            f"{run.root} do so",
        )
    for name, network in networks.items():
        if recordings[0].width != network.n_features:
            raise FileError.at(
                dataset.root,
                f"has features of {recordings[0].width} columns, but the model {name!r} of "
                f"{run.root} was trained on {network.n_features}: extract them the same way",
            )
    for one in recordings:
        if not recipe.dataset.standardise and lacks_columns(one.origin):
            raise FileError.at(
                dataset.root,
                f"holds {one.name}, which lacks columns of the model, whose features are not "
                "standardised and have no usual value: leave that recording out",
            )
    folder = PredictionFolder(out)
    checkpoints = {name: run.checkpoint(name) for name in networks}
    hashes = {name: file_hash(path) for name, path in checkpoints.items()}
    segmenting = Segmenting(networks, folder, recipe.preparation, orders, hashes)
    out.mkdir(parents=True, exist_ok=True)
    with in_turn(out / MADE):
        marks = segmenting.marks(recordings, chosen, known)
        # Other shards may have finished it before this one began.
        if shard is None or not folder.finished or marks.items() - folder.made().items():
            if not keep_names:
                folder.forget_copies(run.predictions, trained)
            folder.begin(keep_names)
            for name in networks:
                names = run.predictions.names(name, networks[name].n_actions)
                if names and not folder.named(name):
                    folder.write_names(name, names)
            folder.resume(recordings, marks)
    own = None if shard is None else shard.take({one.name: one.n_frames for one in recordings})
    segmenting.write_all(recordings, chosen, known, workers, progress, own)
    left = [one.name for one in recordings if not folder.written(one.name)]
    if not left:
        with in_turn(out / MADE):
            if not folder.finished:
                folder.finish(source, recordings, chosen, checkpoints)
    share = len(recordings) if own is None else len(own)
    return ShardResult("recordings", share, len(left), len(recordings))


def load_models(
    run: Run, names: Iterable[str]
) -> tuple[dict[str, ActionModel | TeamModel], dict[str, Order | None]]:
    """Load models of a run, and the order of their actions; a FileError says what is wrong."""
    from asot.model.checkpoint import load_model

    counts = run.n_actions()
    models = {name: load_model(run.checkpoint(name)) for name in names}
    for name, model in models.items():
        if model.n_actions != counts[name]:
            raise FileError.at(
                run.checkpoint(name),
                f"knows {model.n_actions} actions, but {RUN_FILE} says {counts[name]}: train again",
            )
    return models, {name: read_order(run.root, name, counts[name]) for name in models}
