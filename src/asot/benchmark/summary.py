"""From finished cells to the rows of a table: means and deviations over seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from asot.benchmark.choice import Chosen, choose
from asot.benchmark.folder import BenchmarkFolder, Cell, CellResult
from asot.benchmark.methods import ABLATED, ABLATIONS, METHODS, find_method

# The rows over all activities, each counting the same or by its frames.
MEAN = "(mean)"
FRAME_WEIGHTED = "(frame-weighted mean)"
MATCHINGS = ("activity", "video")

Scores = dict[str, float]


@dataclass(frozen=True)
class Row:
    """A method's scores on an activity, or over all.

    Attributes
    ----------
    method : str
        Name of the method.
    title : str
        What it is called in tables.
    matching : {"activity", "video"}
        What shared a matching of actions to classes.
    activity : str
        An activity, ``MEAN`` or ``FRAME_WEIGHTED``.
    seeds : tuple of int
        The seeds behind it; for a row over all activities, those that every activity has.
    scores : dict of str to float
        Means over the seeds.
    deviations : dict of str to float or None
        Sample standard deviations over the seeds; None for a single one.
    values : list of dict of str to float
        The scores of each seed.
    choice : str or None
        How one seed and epoch was chosen, of ``CHOICES``; None for a row over all seeds.
    chosen : str
        Which they were.
    """

    method: str
    title: str
    matching: str
    activity: str = ""
    seeds: tuple[int, ...] = ()
    scores: Scores = field(default_factory=dict)
    deviations: Scores | None = None
    values: list[Scores] = field(default_factory=list)
    choice: str | None = None
    chosen: str = ""


def summarise(folder: BenchmarkFolder, choices: Sequence[str] = ()) -> list[Row]:
    """Rows for each method, matching and activity, and for the means over activities.

    A row over all activities holds the seeds that every activity of the benchmark has for the
    method: an incomplete mean would be of something else. For a method without any, it is missing.

    Parameters
    ----------
    folder : BenchmarkFolder
        Its finished cells.
    choices : sequence of str
        Of ``CHOICES``: adds a row for each, of the seed and epoch chosen for each activity.

    Returns
    -------
    list of Row
        By matching, method (in the order of ``METHODS``) and activity, the means last.
    """
    cells = list(folder.cells())
    activities = sorted(folder.description()["activities"])
    methods = {
        name: [(cell, result) for cell, result in cells if cell.method == name]
        for name in ordered({cell.method for cell, _ in cells})
    }
    chosen = {
        (name, kind, matching): _choices(kind, own, activities, folder, matching)
        for name, own in methods.items()
        for kind in choices
        for matching in MATCHINGS
    }
    rows = []
    for matching in MATCHINGS:
        for name, own in methods.items():
            title = find_method(name).title
            values = {
                (cell.activity, cell.seed): (
                    result.candidates[-1].scores[matching],
                    result.n_frames,
                )
                for cell, result in own
                if matching in result.candidates[-1].scores
            }
            rows += _rows(Row(name, title, matching), values, activities)
            for kind in choices:
                found = {
                    (activity, 0): (one.candidate.scores[matching], one.n_frames)
                    for activity, one in chosen[name, kind, matching].items()
                    if matching in one.candidate.scores
                }
                heading = Row(name, title, matching, choice=kind)
                rows += [
                    replace(row, seeds=(), chosen=_told(chosen[name, kind, matching], row.activity))
                    for row in _rows(heading, found, activities)
                ]
    return rows


def _choices(
    kind: str,
    cells: Sequence[tuple[Cell, CellResult]],
    activities: Sequence[str],
    folder: BenchmarkFolder,
    matching: str,
) -> dict[str, Chosen]:
    found = {}
    for activity in activities:
        own = [(cell, result) for cell, result in cells if cell.activity == activity]
        one = choose(kind, own, folder, matching)
        if one is not None:
            found[activity] = one
    return found


def _told(chosen: Mapping[str, Chosen], activity: str) -> str:
    """What was chosen for an activity, or for each."""
    return "; ".join(
        f"{'' if name == activity else f'{name}: '}seed {one.seed}"
        + ("" if one.candidate.epoch is None else f", epoch {one.candidate.epoch}")
        for name, one in chosen.items()
        if activity in (name, MEAN, FRAME_WEIGHTED)
    )


def _rows(
    heading: Row, values: Mapping[tuple[str, int], tuple[Scores, int]], activities: Sequence[str]
) -> list[Row]:
    """The rows of a method, from its scores and frames by activity and seed."""
    rows = []
    for activity in activities:
        seeds = sorted(seed for name, seed in values if name == activity)
        if seeds:
            rows.append(_row(heading, activity, seeds, [values[activity, s][0] for s in seeds]))
    common = [
        seed
        for seed in sorted({seed for _, seed in values})
        if all((name, seed) in values for name in activities)
    ]
    if not common or len(activities) < 2:
        return rows
    for name in (MEAN, FRAME_WEIGHTED):
        averages = []
        for seed in common:
            parts = [values[activity, seed] for activity in activities]
            weights = [frames if name == FRAME_WEIGHTED else 1 for _, frames in parts]
            averages.append(average([scores for scores, _ in parts], weights))
        rows.append(_row(heading, name, common, averages))
    return rows


def _row(heading: Row, activity: str, seeds: Sequence[int], values: list[Scores]) -> Row:
    deviations = None
    if len(values) > 1:
        deviations = {
            name: float(np.std([one[name] for one in values], ddof=1)) for name in values[0]
        }
    return replace(
        heading,
        activity=activity,
        seeds=tuple(seeds),
        scores=average(values),
        deviations=deviations,
        values=values,
    )


def average(scores: Sequence[Scores], weights: Sequence[float] | None = None) -> Scores:
    """The mean of each score.

    Examples
    --------
    >>> average([{"mof": 0.5}, {"mof": 1.0}], weights=[1, 3])
    {'mof': 0.875}
    """
    return {
        name: float(np.average([one[name] for one in scores], weights=weights))
        for name in scores[0]
    }


def ordered(methods: Iterable[str]) -> list[str]:
    """Names of methods in the order of tables.

    Examples
    --------
    >>> ordered(["kmeans", "asot-no-prior", "asot"])
    ['asot', 'asot-no-prior', 'kmeans']
    """
    order = ["asot", *(ABLATED + part for part in ABLATIONS), *METHODS]
    return sorted(methods, key=order.index)
