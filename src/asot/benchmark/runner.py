"""Running the cells of a benchmark in parallel processes.

Each cell has one thread, so that its result does not depend on the number of processes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.benchmark.folder import DESCRIPTION, BenchmarkFolder, Candidate, Cell, CellResult, Failure
from asot.benchmark.methods import find_method
from asot.data import DatasetFolder, Recordings
from asot.errors import AsotError, DataError
from asot.folders import in_turn
from asot.metrics import evaluate
from asot.model.recipe import Recipe
from asot.progress import Progress, silent
from asot.runs.predictions import DatasetSource
from asot.runs.run import TrainingPlan
from asot.shards import Shard
from asot.workers import DEFAULT_WORKERS, Workers

LONGEST_REASON = 300


@dataclass(frozen=True)
class CellJob:
    """A cell and all that a process needs to run it."""

    cell: Cell
    activity: str | None  # None for all recordings, as an activity may have the name of all
    recipe: Recipe
    n_actions: int
    source: DatasetSource
    folder: BenchmarkFolder
    keep_epochs: bool


def plan_cells(plan: TrainingPlan, methods: Sequence[str], seeds: Iterable[int]) -> list[Cell]:
    """List the cells of a benchmark, those that take longest first.

    A method that draws nothing is run once, as seed 0. Raises DataError where an activity has no
    ground truth to compare with.
    """
    seeds = list(seeds)
    frames = {}
    for activity, recordings in plan.activities.items():
        if not any(one.labelled for one in recordings):
            raise DataError(
                f"{plan.dataset.root} has no ground truth for {activity}, and a benchmark compares "
                "with it: put one label a line into groundTruth/<recording>.",
                file=plan.dataset.root,
            )
        frames[activity] = sum(one.n_frames for one in recordings)
    return [
        Cell(method, activity, seed)
        for activity in sorted(frames, key=lambda name: -frames[name])
        for method in methods
        for seed in (seeds if find_method(method).seeded else [0])
    ]


def take_cells(cells: Sequence[Cell], plan: TrainingPlan, shard: Shard) -> list[Cell]:
    """Take the share of a shard, by the frames of the activities."""
    frames = {name: sum(one.n_frames for one in own) for name, own in plan.activities.items()}
    # Numbered, so that the cells of one method, which take as long, go to different shards.
    sizes = {f"{index:09}": frames[cell.activity] for index, cell in enumerate(cells)}
    own = shard.take(sizes)
    return [cell for name, cell in zip(sizes, cells, strict=True) if name in own]


def run_benchmark(
    recipe: Recipe,
    plan: TrainingPlan,
    folder: BenchmarkFolder,
    cells: Sequence[Cell],
    *,
    methods: Sequence[str] = (),
    keep_epochs: bool = False,
    workers: Workers = DEFAULT_WORKERS,
    progress: Progress = silent,
) -> list[Failure]:
    """Run the cells that are not finished yet, in new processes; return those that failed.

    ``methods`` are all that were asked for, where the cells are a share; theirs unless given.
    """
    methods = methods or sorted({cell.method for cell in cells})
    folder.root.mkdir(parents=True, exist_ok=True)
    with in_turn(folder.root / DESCRIPTION):
        folder.begin(recipe, plan, keep_epochs, methods)
    everything = len(plan.dataset.recordings())
    away = BenchmarkFolder(folder.root.absolute())
    jobs = []
    for cell in (cell for cell in cells if not folder.finished(cell)):
        whole = len(plan.activities[cell.activity]) == everything
        activity, n_actions = None if whole else cell.activity, plan.n_actions[cell.activity]
        jobs.append(CellJob(cell, activity, recipe, n_actions, plan.source, away, keep_epochs))
    failures: list[Failure] = []
    outcomes = workers.run(run_cell, jobs, apart=True)
    for done, (job, reason) in enumerate(outcomes, start=1):
        if reason is not None:
            failures.append(Failure(job.cell, str(reason)))
            folder.write_failure(job.cell, str(reason))
        progress("Cells", done, len(jobs), str(job.cell))
    return failures


def run_cell(job: CellJob) -> str | None:
    """Run a cell in a process of its own, and write it; return the reason if it fails."""
    import torch

    torch.set_num_threads(1)
    log = logging.getLogger("asot")
    level = log.level
    # Every cell would repeat the warnings that were given when the data was checked.
    log.setLevel(logging.ERROR)
    try:
        source = job.source
        layout = source.mapping, source.activity_pattern, source.frame_rate, source.transposed
        dataset = _dataset(source.root, *layout)
        recordings = dataset.recordings(job.activity)
        make = find_method(job.cell.method).make
        estimator = make(job.recipe, job.n_actions, job.cell.seed, job.keep_epochs)
        from asot.model import training  # noqa: F401 - importing it is not counted

        started = time.perf_counter()
        estimator.fit(recordings.features)
        seconds = time.perf_counter() - started
        result, labels = _scored(estimator, recordings, job, seconds)
        job.folder.write(job.cell, result, labels)
    except AsotError as error:
        return str(error)
    except Exception as error:  # a benchmark goes on with its other cells
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]} ..."
    finally:
        log.setLevel(level)
    return None


def _scored(
    estimator: Any, recordings: Recordings, job: CellJob, seconds: float
) -> tuple[CellResult, dict[str, NDArray[np.int64]]]:
    """Score a fitted estimator, and the epochs that it kept; return its labels by recording."""
    kept = [(one.labels, one.objective, one.epoch) for one in getattr(estimator, "snapshots_", [])]
    epochs = job.recipe.training.epochs if kept else None
    last = estimator.labels_, getattr(estimator, "objective_", None), epochs
    labelled = [i for i, one in enumerate(recordings) if one.labelled]
    truth = [recordings[i].ground_truth for i in labelled]
    result = CellResult(job.n_actions, len(labelled), 0, seconds, [])
    for labels, objective, epoch in [*kept, last]:
        own = [labels[i] for i in labelled]
        scores = {}
        for matching in ("activity", "video") if estimator.shared else ("video",):
            found = evaluate(
                own,
                truth,
                matching=matching,
                exclude=job.source.exclude or None,
                n_actions=job.n_actions,
            )
            scores[matching] = found.scores
            result.n_frames = found.n_frames
            if matching == "activity":
                result.matching = found.to_dict()["matching"]
        result.candidates.append(Candidate(scores, objective, epoch))
    return result, dict(zip(recordings.names, estimator.labels_, strict=True))


@lru_cache(maxsize=1)
def _dataset(root: str, *layout: Any) -> Any:
    """Open a data set once for all cells of a process."""
    return DatasetFolder(Path(root), *layout)
