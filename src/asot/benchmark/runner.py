"""Running the cells of a benchmark in parallel processes, each on one thread.

One thread each, whatever the number of processes, so that a result does not depend on it.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.benchmark.folder import BenchmarkFolder, Candidate, Cell, CellResult
from asot.benchmark.methods import find_method
from asot.data import DatasetFolder, Recordings
from asot.errors import AsotError, DataError
from asot.metrics import evaluate
from asot.model.recipe import Recipe
from asot.progress import Progress, silent
from asot.runs.predictions import Source
from asot.runs.run import Plan
from asot.workers import available_cores, run_jobs

LONGEST_REASON = 300

# Called after each cell with the cells done, all cells to do, and the cell.


@dataclass(frozen=True)
class Job:
    """A cell and all that a process needs to run it."""

    cell: Cell
    activity: str | None  # None for all recordings, which may be called as an activity is
    recipe: dict[str, Any]
    n_actions: int
    source: Source
    out: str
    keep_epochs: bool


@dataclass(frozen=True)
class Failure:
    """A cell that could not be run, and why."""

    cell: Cell
    reason: str


def plan_cells(plan: Plan, methods: Sequence[str], seeds: Iterable[int]) -> list[Cell]:
    """The cells of a benchmark, those that take longest first.

    Parameters
    ----------
    plan : Plan
        The data set and its activities.
    methods : sequence of str
        Names of methods; one that draws nothing is run once, as seed 0.
    seeds : iterable of int
        The seeds.

    Raises
    ------
    DataError
        If an activity has no ground truth to compare with.
    """
    seeds = list(seeds)
    for activity, recordings in plan.activities.items():
        if not any(one.labelled for one in recordings):
            raise DataError(
                f"{plan.dataset.root} has no ground truth for {activity}, and a benchmark compares "
                "with it: put one label a line into groundTruth/<recording>."
            )
    frames = {
        activity: sum(one.n_frames for one in recordings)
        for activity, recordings in plan.activities.items()
    }
    return [
        Cell(method, activity, seed)
        for activity in sorted(plan.activities, key=lambda name: -frames[name])
        for method in methods
        for seed in (seeds if find_method(method).seeded else [0])
    ]


def run_benchmark(
    recipe: Recipe,
    plan: Plan,
    folder: BenchmarkFolder,
    cells: Sequence[Cell],
    *,
    keep_epochs: bool = False,
    processes: int | None = None,
    progress: Progress = silent,
) -> list[Failure]:
    """Run the cells that are not finished yet, in new processes.

    In a script it needs the usual ``if __name__ == "__main__":`` around the call.

    Parameters
    ----------
    recipe : Recipe
        The settings.
    plan : Plan
        The data set and its activities.
    folder : BenchmarkFolder
        Where the cells go.
    cells : sequence of Cell
        What ``plan_cells`` gives.
    keep_epochs : bool
        Whether methods that train also segment and score in the middle of their training.
    processes : int, optional
        How many at once; as many as there are cores unless given.
    progress : callable, optional
        Hears of each cell.

    Returns
    -------
    list of Failure
        Cells that could not be run. All others are finished.

    Raises
    ------
    ConfigurationError
        If the folder holds another benchmark.
    """
    folder.begin(recipe, plan, keep_epochs)
    everything = len(plan.dataset.recordings())
    jobs = [
        Job(
            cell,
            None if len(plan.activities[cell.activity]) == everything else cell.activity,
            recipe.to_dict(),
            plan.n_actions[cell.activity],
            plan.source,
            str(folder.root.absolute()),
            keep_epochs,
        )
        for cell in cells
        if not folder.finished(cell)
    ]
    if not jobs:
        return []
    failures: list[Failure] = []
    outcomes = run_jobs(run_cell, jobs, processes or available_cores())
    for done, (job, reason) in enumerate(outcomes, start=1):
        if reason is not None:
            failures.append(Failure(job.cell, str(reason)))
            folder.write_failure(job.cell, str(reason))
        progress("Cells", done, len(jobs), str(job.cell))
    return failures


def run_cell(job: Job) -> str | None:
    """Run a cell and write it; returns why it could not be, or None.

    Runs in a process of its own.
    """
    import torch

    torch.set_num_threads(1)
    folder = BenchmarkFolder(Path(job.out))
    log = logging.getLogger("asot")
    level = log.level
    # What the library warns of is of every cell, and was said when the data was checked.
    log.setLevel(logging.ERROR)
    try:
        recordings = _recordings(job.source, job.activity)
        recipe = Recipe.from_dict(job.recipe)
        estimator = find_method(job.cell.method).make(
            recipe, job.n_actions, job.cell.seed, job.keep_epochs
        )
        from asot.model import training  # noqa: F401 - what it imports is no part of the time

        started = time.perf_counter()
        estimator.fit(recordings.features)
        seconds = time.perf_counter() - started
        result, labels = _scored(estimator, recordings, job, seconds)
        folder.write(job.cell, result, labels)
    except AsotError as error:
        return str(error)
    except Exception as error:  # a benchmark goes on with its other cells
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return reason if len(reason) <= LONGEST_REASON else f"{reason[:LONGEST_REASON]} ..."
    finally:
        log.setLevel(level)
    return None


def _scored(
    estimator: Any, recordings: Recordings, job: Job, seconds: float
) -> tuple[CellResult, dict[str, NDArray[np.int64]]]:
    kept = [
        (snapshot.labels, snapshot.objective, snapshot.epoch)
        for snapshot in getattr(estimator, "snapshots_", [])
    ]
    objective = getattr(estimator, "objective_", None)
    epoch = Recipe.from_dict(job.recipe).training.epochs if kept else None
    labelled = [i for i, one in enumerate(recordings) if one.labelled]
    truth = [recordings[i].ground_truth for i in labelled]
    candidates = []
    matching: dict[str, Any] = {}
    counted = 0
    for labels, score, epochs in [*kept, (estimator.labels_, objective, epoch)]:
        scores = {}
        for scope in ("activity", "video") if estimator.shared else ("video",):
            found = evaluate(
                [labels[i] for i in labelled],
                truth,
                matching=scope,
                exclude=job.source.exclude or None,
            )
            scores[scope] = found.scores
            counted = found.n_frames
            if scope == "activity":
                matching = found.to_dict()["matching"]
        finite = score is not None and math.isfinite(score)
        candidates.append(Candidate(scores, score if finite else None, epochs))
    result = CellResult(job.n_actions, len(labelled), counted, seconds, candidates, matching)
    return result, dict(zip(recordings.names, estimator.labels_, strict=True))


@lru_cache(maxsize=1)
def _dataset(root: str, mapping: str | None, pattern: str | None, rate: float | None) -> Any:
    return DatasetFolder(Path(root), mapping, pattern, rate)


def _recordings(source: Source, activity: str | None) -> Recordings:
    dataset = _dataset(source.root, source.mapping, source.activity_pattern, source.frame_rate)
    found: Recordings = dataset.recordings(activity)
    return found
