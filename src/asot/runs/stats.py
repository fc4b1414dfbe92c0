"""Numbers of a folder of results: tables a recording and a group, and the comparison of groups.

::

    recordings.csv                a row for each recording and action
    transitions_by_recording.csv  how often one action follows another in a recording
    by_group.csv                  a row for each group, action and measure: n, mean, sd, ...
    transitions.csv               counts and probabilities in each group
    tests.csv, pairs.csv          a test for each action and measure; of pairs of groups
    overall.csv                   permutation tests of all actions together
    stats.json                    all of it but single recordings, and what was done in sentences
    figures/                      pictures, as PDF and PNG
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.files import remove, write_json, write_rows
from asot.groups.comparison import ActionTest, Comparison, compare
from asot.groups.design import MEASURES, Design, Units, units_of
from asot.groups.measures import Bouts, RecordingBouts, mean_and_sd, measure
from asot.groups.words import how_different, how_tested, measure_words, what_differs
from asot.page.groups import GroupsView, GroupTest
from asot.runs.corrections import timelines
from asot.runs.predictions import PredictionFolder
from asot.text import as_cell, plural
from asot.timeline.segments import Timeline

Rows = list[dict[str, Any]]
# The columns of a table by the field of Bouts; {} is the unit, and the last two are of a rate.
COLUMNS = {
    "count": "count",
    "total": "total_{}",
    "share": "share",
    "mean": "mean_{}",
    "sd": "sd_{}",
    "median": "median_{}",
    "shortest": "min_{}",
    "longest": "max_{}",
    "latency": "latency_{}",
    "interval_mean": "interval_mean_{}",
    "interval_sd": "interval_sd_{}",
    "rate": "per_minute",
}
BY_GROUP = ("share", "count", "total", "rate", "mean", "latency", "interval_mean")
TABLES = {
    "recordings": "each recording and action: bouts, lengths, latency, intervals",
    "transitions_by_recording": "what follows what in each recording",
    "by_group": "each group and action: n, mean, sd of each measure",
    "transitions": "what follows what in each group",
    "tests": "a test for each action and measure",
    "pairs": "the same for each pair of groups",
    "overall": "tests of all actions together",
}


@dataclass(frozen=True, eq=False)
class ModelNumbers:
    """The recordings of one model, measured: its actions in use, their labels, and the groups."""

    actions: tuple[str, ...]
    labels: tuple[int, ...]
    timelines: tuple[Timeline, ...]
    measured: tuple[RecordingBouts, ...]
    groups: tuple[Units, ...]

    @property
    def by_time(self) -> list[int]:
        """The places of the actions, those that fill the most time first."""
        totals = [one.values["total"].sum(axis=0) for one in self.groups]
        return np.argsort(-np.sum(totals, axis=0), kind="stable").tolist() if totals else []

    def following(self, places: Sequence[int]) -> list[NDArray[np.float64]]:
        """Return how likely one action follows another (K, K) in each group, of some actions."""
        counts = [one.transitions.sum(axis=0) for one in self.groups]
        return [probabilities(one)[np.ix_(places, places)] for one in counts]

    def samples(self, measure: str, place: int) -> list[NDArray[np.float64]]:
        """Return the values (U,) of an action that groups are compared by, for each group."""
        return [one.values[MEASURES[measure][0]][:, place] for one in self.groups]


@dataclass(frozen=True, eq=False)
class Statistics:
    """What was measured of a folder of results, by model; ``unit`` is that of lengths."""

    unit: str
    models: Mapping[str, ModelNumbers]
    design: Design | None

    @cached_property
    def comparison(self) -> Comparison | None:
        """The comparison of the groups, if there are any."""
        if self.design is None:
            return None
        return compare(
            {name: (one.actions, one.groups) for name, one in self.models.items()}, self.design
        )

    @property
    def sentences(self) -> list[str]:
        """What was compared and found."""
        said = [groups_in_words(self)]
        if self.design is not None and self.comparison is not None:
            said += how_tested(self.design, self.comparison, self.unit)
            said += what_differs(self.comparison, len(self.models) > 1)
        return said

    def column(self, name: str) -> str:
        """Return the column of a table that holds a field of :class:`Bouts`."""
        return column_of(name, self.unit)

    def tables(self) -> dict[str, Rows]:
        """Return the rows of each table, by the stem of its file."""
        found = {
            "recordings": list(_recordings(self)),
            "transitions_by_recording": list(_transitions_by_recording(self)),
            "by_group": list(_by_group(self)),
            "transitions": list(_transitions(self)),
        }
        if self.comparison is not None:
            for name in ("tests", "pairs", "overall"):
                found[name] = [self._tested(one) for one in getattr(self.comparison, name)]
        return {name: rows for name, rows in found.items() if rows}

    def _tested(self, one: Any) -> dict[str, Any]:
        row = asdict(one)
        if "measure" in row:
            row["measure"] = self.column(MEASURES[one.measure][0])
        return row


def column_of(name: str, unit: str) -> str:
    """Return the column of a field of :class:`Bouts` for lengths in a unit.

    Examples
    --------
    >>> column_of("mean", "s"), column_of("rate", "frames")
    ('mean_s', 'per_1000_frames')
    """
    if name == "rate" and unit == "frames":
        return "per_1000_frames"
    return COLUMNS[name].format(unit)


def collect(
    folder: PredictionFolder,
    design: Design | None = None,
    data: Path | None = None,
    frame_rate: float | None = None,
) -> Statistics:
    """Measure the recordings of a prediction, corrected, under the names that actions have now.

    Lengths are in seconds where all recordings have times, else in frames. ``data`` and
    ``frame_rate`` are as for :func:`asot.runs.corrections.timelines`.
    """
    found = timelines(folder, data, frame_rate)
    in_seconds = all(one.times is not None for one in found)
    by_model: dict[str, list[Timeline]] = {}
    for one, model in zip(found, folder.models().values(), strict=True):
        by_model.setdefault(model, []).append(one)
    models = {}
    for model, own in by_model.items():
        used = {row.action for one in own for row in one.rows}
        known = {name: label for name, label in own[0].labels.items() if name in used}
        measured = [measure(one, list(known), in_seconds) for one in own]
        groups = units_of(measured, design)
        models[model] = ModelNumbers(
            tuple(known), tuple(known.values()), tuple(own), tuple(measured), tuple(groups)
        )
    return Statistics("s" if in_seconds else "frames", models, design)


def write_tables(statistics: Statistics, out: Path) -> list[Path]:
    """Write the tables as CSV, and ``stats.json``; those of an earlier comparison are removed."""
    tables = statistics.tables()
    for name in TABLES:
        if name not in tables:
            remove(out / f"{name}.csv")
    for name, rows in tables.items():
        write_rows(out / f"{name}.csv", [rows[0], *(map(_cell, row.values()) for row in rows)])
    design = None
    if statistics.design is not None:
        design = {k: v for k, v in asdict(statistics.design).items() if k != "columns"}
    values = {
        "unit": statistics.unit,
        "design": design,
        "sentences": statistics.sentences,
        "remarks": statistics.comparison.remarks if statistics.comparison else [],
        **{name: rows for name, rows in tables.items() if "recording" not in name},
    }
    write_json(out / "stats.json", _plain(values))
    return [*(out / f"{name}.csv" for name in tables), out / "stats.json"]


def group_view(statistics: Statistics, model: str) -> GroupsView:
    """Return what the page of a model shows of the groups, the actions of most time first."""
    numbers, design = statistics.models[model], statistics.design or Design({})
    order = numbers.by_time if numbers.actions else []
    labels = dict(zip(numbers.actions, numbers.labels, strict=True))

    def shown(tests: Sequence[ActionTest]) -> list[GroupTest]:
        return [
            GroupTest(
                *(labels[one.action], one.measure, one.p_adjusted, one.differs),
                *(how_different(one) if math.isfinite(one.size) else "", one.groups),
            )
            for one in tests
            if one.model == model
        ]

    comparison = statistics.comparison
    return GroupsView(
        groups={one.group: len(one.names) for one in numbers.groups},
        unit=design.unit,
        measures={one: measure_words(one, statistics.unit) for one in design.measures},
        values={
            one: {numbers.labels[k]: numbers.samples(one, k) for k in order}
            for one in design.measures
        },
        transitions=numbers.following(order),
        actions=[numbers.labels[k] for k in order],
        tests=shown(comparison.tests) if comparison else [],
        pairs=shown(comparison.pairs) if comparison else [],
        sentences=statistics.sentences,
        remarks=comparison.remarks if comparison else [],
    )


def probabilities(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return how likely each action (row) is followed by each other one; NaN where it never is."""
    leave = counts.sum(axis=1, keepdims=True).astype(np.float64)
    return np.divide(counts, leave, out=np.full(counts.shape, np.nan), where=leave > 0)


def groups_in_words(statistics: Statistics) -> str:
    """Count the groups, their units and recordings, over all models."""
    counts: dict[str, tuple[int, int]] = {}
    for one in statistics.models.values():
        for group in one.groups:
            units, recordings = counts.get(group.group, (0, 0))
            counts[group.group] = units + len(group.names), recordings + group.recordings
    design = statistics.design
    total = sum(len(one.measured) for one in statistics.models.values())
    if design is None:
        return f"{plural(total, 'recording')}, without groups."
    said = [
        f"{group} ({plural(units, design.unit)}"
        + (f", {plural(recordings, 'recording')})" if design.subject else ")")
        for group, (units, recordings) in counts.items()
    ]
    left = total - sum(recordings for _, recordings in counts.values())
    return f"Groups: {', '.join(said)}." + (
        f" Left out: {plural(left, 'recording')}." if left else ""
    )


def _recordings(statistics: Statistics) -> Iterator[dict[str, Any]]:
    design = statistics.design
    for model, numbers in statistics.models.items():
        for one in numbers.measured:
            said = design.columns.get(one.recording, {}) if design else {}
            first = {"model": model, "recording": one.recording, **said}
            for bouts in one.bouts:
                measures = {statistics.column(name): getattr(bouts, name) for name in COLUMNS}
                length = {f"length_{statistics.unit}": one.length}
                yield {**first, "action": bouts.action, **length, **measures}


def _by_group(statistics: Statistics) -> Iterator[dict[str, Any]]:
    for model, numbers in statistics.models.items():
        for group in numbers.groups:
            for place, action in enumerate(numbers.actions):
                for name in BY_GROUP:
                    values = group.values[name][:, place]
                    first = {"model": model, "group": group.group, "action": action}
                    yield {**first, "measure": statistics.column(name), **_summary(values)}


def _summary(values: NDArray[np.float64]) -> dict[str, float]:
    known = values[np.isfinite(values)]
    some, (mean, sd) = len(known) > 0, mean_and_sd(known)
    return {
        "n": len(known),
        "mean": mean,
        "sd": sd,
        "median": float(np.median(known)) if some else math.nan,
        "min": float(known.min()) if some else math.nan,
        "max": float(known.max()) if some else math.nan,
    }


def _transitions(statistics: Statistics) -> Iterator[dict[str, Any]]:
    for model, numbers in statistics.models.items():
        counts = [one.transitions.sum(axis=0) for one in numbers.groups]
        happen = np.argwhere(np.sum(counts, axis=0) > 0).tolist() if counts else []
        for group, own in zip(numbers.groups, counts, strict=True):
            first = {"model": model, "group": group.group}
            for row in _follow(numbers.actions, own, happen):
                yield {**first, **row}


def _transitions_by_recording(statistics: Statistics) -> Iterator[dict[str, Any]]:
    for model, numbers in statistics.models.items():
        for one in numbers.measured:
            happen = np.argwhere(one.transitions > 0).tolist()
            for row in _follow(numbers.actions, one.transitions, happen):
                yield {"model": model, "recording": one.recording, **row}


def _follow(
    actions: Sequence[str], counts: NDArray[np.int64], happen: Sequence[Sequence[int]]
) -> Iterator[dict[str, Any]]:
    """Yield the row of each transition: of all that leave the action, and of all there are."""
    leave, whole = counts.sum(axis=1), counts.sum()
    for start, end in happen:
        n = int(counts[start, end])
        probability = n / int(leave[start]) if leave[start] else math.nan
        share = n / int(whole) if whole else math.nan
        names = {"from": actions[start], "to": actions[end]}
        yield {**names, "count": n, "probability": probability, "share": share}


def _cell(value: Any) -> Any:
    """Return what a table of CSV holds for a value: nothing for NaN, and lists with semicolons."""
    if isinstance(value, float):
        return "" if math.isnan(value) else value
    if isinstance(value, tuple):
        return "; ".join(str(as_cell(one) if isinstance(one, str) else _cell(one)) for one in value)
    return str(value).lower() if isinstance(value, bool) else value


def _plain(value: Any) -> Any:
    """Return values as JSON has them, with null for NaN."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def taken_columns(unit: str) -> list[str]:
    """Return the names that columns of a table of groups cannot have."""
    known = (column_of(one.name, unit) for one in fields(Bouts) if one.name != "action")
    return ["model", "recording", "action", f"length_{unit}", *known]
