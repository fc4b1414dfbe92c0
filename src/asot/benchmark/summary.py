"""From finished cells to rows of scores: means and deviations over seeds, and chosen seeds.

A seed, or an epoch, of a method on an activity can be chosen. "objective" and "agreement" never see
the ground truth; "oracle" is the best that any choice could do, to be shown beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from asot.benchmark.folder import MATCHINGS, BenchmarkFolder, Candidate, Cell, CellResult, Scores
from asot.benchmark.methods import find_method, ordered
from asot.metrics import evaluate

CHOICES = {
    "objective": "the seed (and epoch) of the lowest training objective",
    "agreement": "the seed whose labels agree best with the other seeds'",
    "oracle": "the seed (and epoch) of the highest MoF here, which only the ground truth can tell",
}
# The rows over all activities, each counting the same or by its frames.
MEAN = "(mean)"
FRAME_WEIGHTED = "(frame-weighted mean)"
MEANS = (MEAN, FRAME_WEIGHTED)


@dataclass(frozen=True)
class Row:
    """A method's scores on an activity, or over all."""

    method: str
    title: str  # the method's name in tables
    matching: str  # the recordings that shared a matching, of MATCHINGS
    activity: str = ""  # or one of MEANS
    seeds: tuple[int, ...] = ()  # of a mean over activities, those that every activity has
    scores: Scores = field(default_factory=dict)  # means over the seeds
    deviations: Scores | None = None  # sample standard deviations; None for a single seed
    values: list[Scores] = field(default_factory=list)  # of each seed
    choice: str | None = None  # how a seed was chosen, of CHOICES; None for all seeds
    chosen: str = ""  # the seed and epoch, or those of each activity


@dataclass(frozen=True)
class Chosen:
    """A segmentation that was chosen: the seed of its cell, its scores, the frames scored."""

    seed: int
    candidate: Candidate
    n_frames: int


Cells = Sequence[tuple[Cell, CellResult]]


def summarise(folder: BenchmarkFolder, choices: Sequence[str] = ()) -> list[Row]:
    """Make rows by matching, method and activity, the means last; and for each of ``choices``.

    A row over all activities holds the seeds that every activity of the benchmark has for the
    method, since an incomplete mean would be a mean of something else. A method without such a
    seed has no such row.
    """
    cells = list(folder.cells())
    activities = sorted(folder.description().activities)
    rows = []
    for matching in MATCHINGS:
        for name in ordered({cell.method for cell, _ in cells}):
            own = [(cell, result) for cell, result in cells if cell.method == name]
            heading = Row(name, find_method(name).title, matching)
            values = {
                (cell.activity, cell.seed): (result.scores[matching], result.n_frames)
                for cell, result in own
                if matching in result.scores
            }
            rows += _rows(heading, values, activities)
            for kind in choices:
                chosen = {}
                for activity in activities:
                    there = [(cell, result) for cell, result in own if cell.activity == activity]
                    if (one := choose(kind, there, folder, matching)) is not None:
                        chosen[activity] = one
                found = {
                    (activity, 0): (one.candidate.scores[matching], one.n_frames)
                    for activity, one in chosen.items()
                    if matching in one.candidate.scores
                }
                rows += [
                    replace(row, seeds=(), chosen=_in_words(chosen, row.activity))
                    for row in _rows(replace(heading, choice=kind), found, activities)
                ]
    return rows


def choose(kind: str, cells: Cells, folder: BenchmarkFolder, matching: str) -> Chosen | None:
    """Choose a segmentation of a method on an activity; None where there are not several.

    ``cells`` are the seeds of the method on the activity. "objective" is the lowest, over seeds and
    epochs that were kept; "agreement" the seed whose labels agree with those of the other seeds in
    most frames, on average, once its actions are matched to theirs; "oracle" the highest MoF.
    """
    if kind == "agreement":
        return _most_typical(cells, folder)
    every = [
        Chosen(cell.seed, candidate, result.n_frames)
        for cell, result in cells
        for candidate in result.candidates
    ]
    if kind == "objective":
        costs = [(one.candidate.objective, one) for one in every]
    else:
        scored = [one for one in every if matching in one.candidate.scores]
        costs = [(-one.candidate.scores[matching]["mof"], one) for one in scored]
    known = [(cost, one) for cost, one in costs if cost is not None]
    return min(known, key=lambda pair: pair[0])[1] if len(known) > 1 else None


def _most_typical(cells: Cells, folder: BenchmarkFolder) -> Chosen | None:
    """Choose the seed whose labels agree best with those of the others."""
    # Two seeds agree equally with each other.
    if len(cells) < 3:
        return None
    labels = [list(folder.labels(cell).values()) for cell, _ in cells]
    matching = "activity" if "activity" in cells[0][1].scores else "video"
    agreement = [
        sum(evaluate(own, one, matching=matching)["mof"] for one in labels if one is not own)
        for own in labels
    ]
    cell, result = cells[max(range(len(cells)), key=agreement.__getitem__)]
    return Chosen(cell.seed, result.candidates[-1], result.n_frames)


def _in_words(chosen: Mapping[str, Chosen], activity: str) -> str:
    """Name the seed and epoch that were chosen for an activity, or for each of them."""
    return "; ".join(
        f"{'' if name == activity else f'{name}: '}seed {one.seed}"
        + ("" if one.candidate.epoch is None else f", epoch {one.candidate.epoch}")
        for name, one in chosen.items()
        if activity in (name, *MEANS)
    )


def _rows(
    heading: Row, values: Mapping[tuple[str, int], tuple[Scores, int]], activities: Sequence[str]
) -> list[Row]:
    """Make the rows of a method from its scores and frames by activity and seed."""
    seeds = sorted({seed for _, seed in values})
    groups = []
    for activity in activities:
        own = [seed for seed in seeds if (activity, seed) in values]
        groups.append((activity, own, [values[activity, seed][0] for seed in own]))
    common = [seed for seed in seeds if all((name, seed) in values for name in activities)]
    for name in MEANS if len(activities) > 1 else ():
        averages = []
        for seed in common:
            parts = [values[activity, seed] for activity in activities]
            weights = [frames if name == FRAME_WEIGHTED else 1 for _, frames in parts]
            averages.append(_average([scores for scores, _ in parts], weights))
        groups.append((name, common, averages))
    return [_row(heading, *group) for group in groups if group[1]]


def _row(heading: Row, activity: str, seeds: Sequence[int], values: list[Scores]) -> Row:
    """Make a row of the scores of its seeds."""
    row = replace(heading, activity=activity, seeds=tuple(seeds), values=values)
    spread = None
    if len(values) > 1:
        columns = _columns(values).items()
        spread = {name: float(np.std(column, ddof=1)) for name, column in columns}
    return replace(row, scores=_average(values), deviations=spread)


def _average(scores: Sequence[Scores], weights: Sequence[float] | None = None) -> Scores:
    """Average each score."""
    columns = _columns(scores).items()
    return {name: float(np.average(column, weights=weights)) for name, column in columns}


def _columns(scores: Sequence[Scores]) -> dict[str, list[float]]:
    """List the values of each score that all have."""
    common = [name for name in scores[0] if all(name in one for one in scores)]
    return {name: [one[name] for one in scores] for name in common}
