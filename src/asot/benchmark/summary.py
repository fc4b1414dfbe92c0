"""From finished cells to rows of scores: means and deviations over seeds, and chosen seeds.

A seed, or an epoch, of a method on an activity can be chosen. "objective" and "agreement" never see
the ground truth; "oracle" is the best that any choice could do, to be shown beside them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from asot.benchmark.folder import MATCHINGS, BenchmarkFolder, Candidate, Cell, CellResult, Scores
from asot.benchmark.methods import find_method, ordered
from asot.metrics import SCORE_TITLES, evaluate

CHOICES = {
    "objective": "the seed (and epoch) of the lowest training objective",
    "agreement": "the seed whose labels agree best with the other seeds'",
    "oracle": "the seed (and epoch) of the highest MoF here, which only the ground truth can tell",
}
# The rows over all activities, each counting the same or by its frames.
MEAN = "(mean)"
FRAME_WEIGHTED = "(frame-weighted mean)"
MEANS = (MEAN, FRAME_WEIGHTED)
LOWER_IS_BETTER = ("jsd", "hvq_jsd")
ROUNDING = 1e-12
LEVEL = 0.05  # of the tests behind what is among the best: the rate of false discoveries
FEWEST = 3  # pairs that a test must have: two say nothing


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
    best: tuple[str, ...] = ()  # the scores in which it is among the best of its table, by a test
    leads: tuple[str, ...] = ()  # the scores in which its mean is the best of its table


@dataclass(frozen=True)
class Chosen:
    """A segmentation that was chosen: the seed of its cell, its scores, the frames scored."""

    seed: int
    candidate: Candidate
    n_frames: int


Cells = Sequence[tuple[Cell, CellResult]]
# The scores that a row is the mean of, by activity and seed.
Parts = Mapping[tuple[str, int], Scores]


def summarise(folder: BenchmarkFolder, choices: Sequence[str] = ()) -> list[Row]:
    """Make rows by matching, method and activity, the means last; and for each of ``choices``.

    A row over all activities holds the seeds that every activity of the benchmark has for the
    method, since an incomplete mean would be a mean of something else. A method without such a
    seed has no such row.
    """
    cells = list(folder.cells())
    activities = sorted(folder.description().activities)
    everything: list[Row] = []
    for matching in MATCHINGS:
        rows: list[Row] = []
        parts: dict[tuple[str, str], Parts] = {}
        for name in ordered({cell.method for cell, _ in cells}):
            own = [(cell, result) for cell, result in cells if cell.method == name]
            heading = Row(name, find_method(name).title, matching)
            values = {
                (cell.activity, cell.seed): (result.scores[matching], result.n_frames)
                for cell, result in own
                if matching in result.scores
            }
            for row, own_parts in _rows(heading, values, activities):
                rows.append(row)
                parts[name, row.activity] = own_parts
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
                    for row, _ in _rows(replace(heading, choice=kind), found, activities)
                ]
        everything += _marked(rows, parts)
    return everything


def _marked(rows: Sequence[Row], parts: Mapping[tuple[str, str], Parts]) -> list[Row]:
    """Return the rows of a matching with the scores in which each leads or is among the best."""
    best: dict[tuple[str, str], list[str]] = {}
    leads: dict[tuple[str, str], list[str]] = {}
    for activity in {row.activity for row in rows}:
        own = {method: one for (method, title), one in parts.items() if title == activity}
        seeds = {seed for one in own.values() for _, seed in one}
        for method, one in own.items():
            if not find_method(method).seeded:
                own[method] = {(name, at): one[name, seed] for name, seed in one for at in seeds}
        for name in SCORE_TITLES:
            sign = -1 if name in LOWER_IS_BETTER else 1
            values = {
                method: {place: sign * scores[name] for place, scores in one.items()}
                for method, one in own.items()
                if all(name in scores for scores in one.values())
            }
            for marks, methods in ((best, undominated(values)), (leads, leaders(values))):
                for method in methods:
                    marks.setdefault((method, activity), []).append(name)
    return [
        row
        if row.choice
        else replace(
            row,
            best=tuple(best.get((row.method, row.activity), ())),
            leads=tuple(leads.get((row.method, row.activity), ())),
        )
        for row in rows
    ]


# The values of each method, of which the higher is the better, by activity and seed.
Values = Mapping[str, Mapping[tuple[str, int], float]]


def leaders(values: Values) -> list[str]:
    """Choose the method of the highest mean, and those of an equal one; none of a single method."""
    means = {method: float(np.mean(list(one.values()))) for method, one in values.items()}
    highest = max(means.values(), default=0.0)
    return [method for method in means if highest - means[method] < ROUNDING and len(means) > 1]


def undominated(values: Values) -> set[str]:
    """Choose the methods that no other is significantly better than, of those that are tested.

    The method of the highest mean is compared with each other one by a paired t-test (two-sided)
    over the activities and seeds of both, at a false discovery rate of ``LEVEL`` (Benjamini and
    Hochberg 1995) among the tests of all pairs of methods, as the best is known from the same
    values. The t-test, as Wilcoxon's signed ranks cannot reach that level with five pairs. Two
    methods that share fewer than ``FEWEST`` activities and seeds are not tested.
    """
    from scipy.stats import false_discovery_control

    chances = {}
    for first, second in combinations(values, 2):
        both = [place for place in values[first] if place in values[second]]
        if len(both) >= FEWEST:
            differences = [values[first][place] - values[second][place] for place in both]
            chances[first, second] = _chance(np.array(differences))
    if not chances:
        return set()
    leader = leaders(values)[0]
    adjusted = dict(zip(chances, false_discovery_control(list(chances.values())), strict=True))
    beside = [pair for pair in chances if leader in pair]
    worse = {one for pair in beside if adjusted[pair] <= LEVEL for one in pair} - {leader}
    return {one for pair in beside for one in pair} - worse


def _chance(differences: NDArray[np.float64]) -> float:
    """Return the p-value of Student's t-test (two-sided) that differences (n,) have a mean of 0."""
    from scipy.stats import t as student

    n = len(differences)
    with np.errstate(over="ignore"):  # scores of altered files may be beyond all sense
        mean, error = abs(differences.mean()), differences.std(ddof=1) / math.sqrt(n)
    # Of methods that do not vary, any difference is certain; rounding is none.
    if error < ROUNDING:
        return 1.0 if mean < ROUNDING else 0.0
    return float(2 * student.sf(mean / error, n - 1))


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
) -> list[tuple[Row, Parts]]:
    """Make the rows of a method from its scores and frames by activity and seed, with their parts.

    The parts of a mean that is weighted by frames are weighted, so that the row is their mean too.
    """
    seeds = sorted({seed for _, seed in values})
    rows: list[tuple[Row, Parts]] = []
    for activity in activities:
        parts = {
            (activity, seed): values[activity, seed][0]
            for seed in seeds
            if (activity, seed) in values
        }
        rows.append((_row(heading, activity, parts), parts))
    common = [seed for seed in seeds if all((name, seed) in values for name in activities)]
    for name in MEANS if len(activities) > 1 else ():
        parts = {}
        for seed in common:
            cells = {activity: values[activity, seed] for activity in activities}
            frames = np.mean([n_frames for _, n_frames in cells.values()])
            for activity, (scores, n_frames) in cells.items():
                weight = n_frames / frames if name == FRAME_WEIGHTED else 1.0
                parts[activity, seed] = {one: weight * value for one, value in scores.items()}
        rows.append((_row(heading, name, parts), parts))
    return [(row, parts) for row, parts in rows if parts]


def _row(heading: Row, activity: str, parts: Parts) -> Row:
    """Make a row of the scores of its seeds."""
    seeds = sorted({seed for _, seed in parts})
    values = [_average([own for (_, one), own in parts.items() if one == seed]) for seed in seeds]
    row = replace(heading, activity=activity, seeds=tuple(seeds), values=values)
    if not values:
        return row
    spread = None
    if len(values) > 1:
        columns = _columns(values).items()
        spread = {name: float(np.std(column, ddof=1)) for name, column in columns}
    return replace(row, scores=_average(values), deviations=spread)


def _average(scores: Sequence[Scores]) -> Scores:
    """Average each score."""
    return {name: float(np.mean(column)) for name, column in _columns(scores).items()}


def _columns(scores: Sequence[Scores]) -> dict[str, list[float]]:
    """List the values of each score that all have."""
    common = [name for name in scores[0] if all(name in one for one in scores)]
    return {name: [one[name] for one in scores] for name in common}
