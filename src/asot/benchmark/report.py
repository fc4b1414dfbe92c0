"""The report of a benchmark: Markdown, LaTeX, CSV and JSON, and pictures of recordings."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.benchmark.folder import MATCHINGS, BenchmarkFolder, Cell, CellResult, Description, Failure
from asot.benchmark.methods import find_method, ordered
from asot.benchmark.summary import CHOICES, FRAME_WEIGHTED, MEAN, MEANS, Row, summarise
from asot.data import Recording
from asot.errors import DataError
from asot.files import write_json, write_text
from asot.metrics import SCORE_TITLES, match
from asot.model.notes import Published, read_notes
from asot.model.recipe import load_recipe, shipped_recipes
from asot.runs.run import WHOLE, TrainingPlan
from asot.text import file_stems

LOWER_IS_BETTER = ("jsd", "hvq_jsd")
SYMBOLS = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
LATEX = str.maketrans({**SYMBOLS, **{one: "\\" + one for one in "&%$#_{}"}})
KEY = (
    "Percent; mean ± sample standard deviation over seeds. JSD: lower is better. Legacy F1 is the "
    '"F1" of published ASOT tables, which can exceed 100; compare it with those tables only, and '
    "so the scores that are named after CTE, TW-FINCH and HVQ with theirs."
)


@dataclass(frozen=True)
class ScoreTable:
    """The scores of several methods on the same data."""

    title: str  # an activity, or a mean over activities
    matching: str  # the recordings that shared a matching, of MATCHINGS
    rows: list[Row]
    published: list[Published]  # figures of others, for this mean and matching
    incomplete: list[str]  # titles of methods that lack cells


@dataclass(frozen=True)
class Results:
    """The results of a benchmark's finished cells."""

    description: Description
    rows: list[Row]  # every method, matching and activity, and the means
    published: list[Published]  # figures of others for the recipe
    failures: list[Failure]

    @property
    def activities(self) -> list[str]:
        """List the activities that are compared."""
        return sorted(self.description.activities)

    def table(self, activity: str, matching: str) -> ScoreTable:
        """Collect the rows of an activity, or of a mean over activities."""
        own = [row for row in self.rows if row.matching == matching]
        rows = [row for row in own if row.activity == activity]
        tried = {row.method for row in own} | {one.cell.method for one in self.failures}
        missing = [find_method(one).title for one in ordered(tried - {row.method for row in rows})]
        published = [one for one in self.published if one.matching == matching]
        named = self.description.recipe["n_actions"]
        # Published figures are of all activities that the recipe names.
        all_there = not isinstance(named, dict) or set(named) <= set(self.activities)
        whole = all_there and (activity == MEAN or len(self.activities) < 2)
        return ScoreTable(activity, matching, rows, published if whole else [], missing)

    def tables(self) -> list[ScoreTable]:
        """Return all tables that have rows: the means first, then the activities."""
        titles = [*(MEANS if len(self.activities) > 1 else ()), *self.activities]
        found = [self.table(title, matching) for title in titles for matching in MATCHINGS]
        return [table for table in found if table.rows]

    def main(self, matching: str) -> ScoreTable:
        """Return the unweighted mean over activities, or the only activity."""
        several = len(self.activities) > 1
        return self.table(MEAN if several else next(iter(self.activities), MEAN), matching)


def collect(
    folder: BenchmarkFolder, choices: Sequence[str] = (), failures: Sequence[Failure] = ()
) -> Results:
    """Collect the results in a folder, with rows for ``choices`` and the last run's failures."""
    # A folder that cannot be written to does not keep failures.
    by_cell = {one.cell: one for one in (*folder.failures(), *failures)}
    failed = [by_cell[cell] for cell in sorted(by_cell)]
    described = folder.description()
    return Results(described, summarise(folder, choices), _comparable(described), failed)


def _comparable(description: Description) -> list[Published]:
    """Return published figures for this recipe, if the data is of their size and not simulated."""
    name = str(description.recipe["name"])
    notes = read_notes(name)
    if notes is None or description.simulated or name not in shipped_recipes():
        return []
    recordings = sum(one.recordings for one in description.activities.values())
    same = load_recipe(name).to_dict() == description.recipe
    return list(notes.published) if same and notes.recordings in (None, recordings) else []


def write_results(results: Results, folder: BenchmarkFolder) -> None:
    """Write ``results.json``, ``results.csv``, ``table.md`` and ``table.tex``, each atomically."""
    everything = {
        **asdict(results.description),
        "matchings": MATCHINGS,
        "rows": [asdict(row) for row in results.rows],
        "published": [asdict(one) for one in results.published],
        "failed": [{**asdict(one.cell), "reason": one.reason} for one in results.failures],
        "cells": [{**asdict(cell), **asdict(result)} for cell, result in folder.cells()],
    }
    write_json(folder.root / "results.json", everything)
    write_text(folder.root / "results.csv", to_csv(results.rows))
    write_text(folder.root / "table.md", to_markdown(results))
    write_text(folder.root / "table.tex", to_latex(results))


def to_csv(rows: Sequence[Row]) -> str:
    """Write a line for each row and seed (a number, "mean" or "sd"), with scores in [0, 1]."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["method", "title", "matching", "activity", "choice", "seed", *SCORE_TITLES])
    for row in rows:
        place = [row.method, row.title, row.matching, row.activity, row.choice or ""]
        each = zip(row.seeds, row.values, strict=True) if row.choice is None else ()
        lines: list[tuple[Any, Mapping[str, float]]] = [*each, ("mean", row.scores)]
        if row.deviations is not None:
            lines.append(("sd", row.deviations))
        for seed, scores in lines:
            writer.writerow([*place, seed, *(_exact(scores, name) for name in SCORE_TITLES)])
    return stream.getvalue()


def _exact(scores: Mapping[str, float], name: str) -> str:
    """Write a score, or nothing where it was not computed."""
    return f"{scores[name]:.6f}" if name in scores else ""


def to_markdown(results: Results) -> str:
    """Write all tables as Markdown, with the data and versions behind them."""
    name = results.description.recipe["name"]
    lines = [f"# Benchmark: {name}", "", _basis(results), "", key(results), ""]
    titles = ["method", "seeds", *SCORE_TITLES.values()]
    for table in results.tables():
        rows = []
        for row in table.rows:
            rows.append([row.title, seeds(row), *(figure(row, name, "±") for name in SCORE_TITLES)])
        for number, one in enumerate(table.published, start=1):
            method = one.method.replace("|", "\\|")
            rows.append([f"*{method}* [{number}]", "", *published_figures(one)])
        lines += [f"## {heading(table, results)}", "", f"| {' | '.join(titles)} |"]
        lines += ["|" + "---|" * len(titles), *(f"| {' | '.join(row)} |" for row in rows), ""]
        if table.published:
            lines += [sources(table), ""]
        if table.incomplete:
            lines += [f"Not complete: {', '.join(table.incomplete)}.", ""]
    chosen = [row for row in results.rows if row.chosen and row.activity not in MEANS]
    named = {f"- {row.title}, {row.activity}, by {row.choice}: {row.chosen}" for row in chosen}
    failed = [f"- {one.cell}: {one.reason}" for one in results.failures]
    for title, found in (("Chosen seeds", sorted(named)), ("Failed", failed)):
        if found:
            lines += [f"## {title}", "", *found, ""]
    return "\n".join(lines)


def to_latex(results: Results) -> str:
    r"""Write the tables as ``tabular`` of booktabs, the best of each column in bold."""
    parts = [
        f"% Benchmark: {results.description.recipe['name']}. {_basis(results)}",
        f"% {key(results)}",
        r"% Needs \usepackage{booktabs}.",
    ]
    for table in results.tables():
        best = {name: _best(table.rows, name) for name in SCORE_TITLES}
        rows = []
        for row in table.rows:
            cells = []
            for name in SCORE_TITLES:
                mean, sign, deviation = figure(row, name, r"\pm").partition(r" \pm")
                bold = row.choice is None and mean == best[name]
                mean = rf"\mathbf{{{mean}}}" if bold else mean
                cells.append(f"${mean}{sign}{deviation}$")
            title = row.title if row.choice is None else f"{row.title}, by {row.choice}"
            rows.append([title.translate(LATEX), *cells])
        others = [
            [f"{one.method.translate(LATEX)} [{number}]", *published_figures(one)]
            for number, one in enumerate(table.published, start=1)
        ]
        titles = ["Method", *(one.translate(LATEX) for one in SCORE_TITLES.values())]
        parts += ["", f"% {heading(table, results)}", rf"\begin{{tabular}}{{l{'r' * len(best)}}}"]
        for rule, group in ((r"\toprule", [titles]), (r"\midrule", rows), (r"\midrule", others)):
            parts += [rule, *(" & ".join(cells) + r" \\" for cells in group)] if group else []
        parts += [r"\bottomrule", r"\end{tabular}"]
        if table.published:
            parts.append(f"% {sources(table)}")
    return "\n".join(parts) + "\n"


def heading(table: ScoreTable, results: Results) -> str:
    """Name the activities that the rows of a table average, and the scope of a matching."""
    count = len(results.activities)
    over = {
        MEAN: f"Mean of {count} activities",
        FRAME_WEIGHTED: f"Mean of {count} activities, weighted by their frames",
        WHOLE: "All recordings",
    }
    matching = MATCHINGS[table.matching]
    simulated = " of simulated data" if results.description.simulated else ""
    if count < 2 and table.matching == "activity":
        matching = "one matching of actions to classes for all recordings"
    return f"{over.get(table.title, table.title)}{simulated}; {matching}"


def key(results: Results) -> str:
    """Explain how to read the figures."""
    kinds = [kind for kind in CHOICES if any(row.choice == kind for row in results.rows)]
    chosen = (f" {kind.capitalize()}: for each activity, {CHOICES[kind]}." for kind in kinds)
    return KEY + "".join(chosen)


def figure(row: Row, name: str, sign: str) -> str:
    """Write a score in percent, with its deviation where there are several seeds."""
    if name not in row.scores:
        return "-"
    mean = f"{100 * row.scores[name]:.1f}"
    return f"{mean} {sign} {100 * row.deviations[name]:.1f}" if row.deviations else mean


def published_figures(one: Published, names: Sequence[str] = tuple(SCORE_TITLES)) -> list[str]:
    """Write published scores in percent; nothing for scores that were not reported."""
    return [f"{100 * one.scores[name]:.1f}" if name in one.scores else "" for name in names]


def seeds(row: Row) -> str:
    """Return the number of seeds that a row is the mean of, or the way its seed was chosen."""
    return row.choice or str(len(row.seeds))


def sources(table: ScoreTable) -> str:
    """List the sources of others' figures in a table."""
    listed = (f"[{i}] {one.source}" for i, one in enumerate(table.published, start=1))
    return f"Not measured here: {'; '.join(listed)}."


def _basis(results: Results) -> str:
    """List the recordings, the versions and the machine behind the figures."""
    description = results.description
    groups = description.activities.values()
    recordings = sum(one.recordings for one in groups)
    labelled = sum(one.labelled for one in groups)
    versions = ", ".join(f"{name} {one}" for name, one in description.versions[-1].items())
    scored = "" if labelled == recordings else f" ({labelled:,} of them scored)"
    frames = f"{sum(one.frames for one in groups):,} frames"
    activities = f", {len(groups)} activities" if len(groups) > 1 else ""
    data = f"{recordings:,} recordings{scored}, {frames}{activities}"
    simulated = "Simulated data: " if description.simulated else ""
    return f"{simulated}{data}. {versions}. {description.machine}."


def _best(rows: Sequence[Row], name: str) -> str:
    """Write the best mean of a column as it is printed; nothing for a single row."""
    values = [row.scores[name] for row in rows if row.choice is None and name in row.scores]
    if len(values) < 2:
        return ""
    best = min(values) if name in LOWER_IS_BETTER else max(values)
    return f"{100 * best:.1f}"


def draw_timelines(folder: BenchmarkFolder, plan: TrainingPlan, most: int) -> list[Path]:
    """Draw the first ``most`` labelled recordings of each activity, one track for each method.

    A method is drawn with its first seed, and its actions in the colours of the classes that they
    are matched to: for the activity, or for the recording where they are not shared. Returns the
    PNG files, ``figures/<activity>-<recording>.png``.
    """
    from asot.figures import plot_segmentation, save_figure

    first: dict[str, dict[str, tuple[Cell, CellResult]]] = {}
    for cell, result in folder.cells():
        first.setdefault(cell.activity, {}).setdefault(cell.method, (cell, result))
    paths = []
    for activity, recordings in plan.activities.items():
        found = first.get(activity, {})
        cells = [(*found[name], folder.labels(found[name][0])) for name in ordered(found)]
        shown = [one for one in recordings if one.labelled][:most]
        for recording in shown if cells else []:
            tracks, matchings, names = _tracks(recording, cells, plan)
            figure = plot_segmentation(
                tracks,
                names=names,
                matching=matchings,
                frame_rate=recording.frame_rate,
                title=f"{recording.name}, first seed of each method",
            )
            (stem,) = file_stems([f"{activity}-{recording.name}"])
            paths.append(folder.root / "figures" / f"{stem}.png")
            save_figure(figure, paths[-1])
    return paths


def _tracks(
    recording: Recording,
    cells: Sequence[tuple[Cell, CellResult, Mapping[str, NDArray[np.int32]]]],
    plan: TrainingPlan,
) -> tuple[dict[str, NDArray[Any]], dict[str, dict[Any, int]], dict[int, str]]:
    """Return labels and the class of each action, by the methods' titles, and names of classes.

    Classes are numbered from 0, as few classes get plain colours and ids may be negative. Frames
    that are not scored become -1, which is left white.
    """
    truth, exclude = recording.ground_truth, plan.source.exclude
    assert truth is not None
    tracks: dict[str, NDArray[Any]] = {}
    matchings: dict[str, dict[Any, Any]] = {}
    for cell, result, labels in cells:
        own = labels.get(recording.name)
        if own is None or len(own) != len(truth):
            raise DataError(f"The labels of {cell} are not those of {recording.name}.")
        title = find_method(cell.method).title
        tracks[title] = own
        matchings[title] = {int(action): one for action, one in result.matching.items()}
        if "activity" not in result.scores:
            matchings[title] = dict(match([own], [truth], exclude=exclude or None).matching)
    held = set(np.unique(truth).tolist()) - set(exclude)
    held = held.union(*(one.values() for one in matchings.values()))
    number = {one: i for i, one in enumerate(sorted(held))}
    tracks["ground truth"] = np.array([number.get(one, -1) for one in truth.tolist()])
    for title, matching in matchings.items():
        matchings[title] = {action: number[one] for action, one in matching.items()}
    known = plan.dataset.class_names or {}
    return tracks, matchings, {i: known.get(one, str(one)) for one, i in number.items()}
