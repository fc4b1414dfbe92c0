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
from asot.benchmark.methods import default_team, find_method, ordered
from asot.benchmark.summary import (
    CHOICES,
    FEWEST,
    FRAME_WEIGHTED,
    LEVEL,
    MEAN,
    MEANS,
    Row,
    summarise,
)
from asot.data import Recording
from asot.errors import DataError
from asot.files import write_json, write_text
from asot.metrics import PUBLISHED, SCORE_TITLES, match
from asot.model.notes import Published, read_notes
from asot.model.recipe import Recipe, flat_settings, load_recipe, shipped_recipes
from asot.runs.run import WHOLE, TrainingPlan
from asot.text import file_stems

SYMBOLS = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
SYMBOLS |= {"±": r"$\pm$"}
LATEX = str.maketrans({**SYMBOLS, **{one: "\\" + one for one in "&%$#_{}"}})
KEY = (
    "Percent; mean ± sample standard deviation over seeds. JSD: lower is better. Legacy F1 is the "
    '"F1" of published ASOT tables, which can exceed 100; compare it with those tables only, and '
    "so the scores that are named after CTE, TW-FINCH and HVQ with theirs."
)
MARKS = (
    "{}: the best mean of a column. Bold: the best, and all that are not significantly worse: "
    "paired t-tests over activities and seeds, two-sided, at a false discovery rate of "
    f"{LEVEL:g} (Benjamini and Hochberg). Nothing is bold by a test of fewer than {FEWEST} pairs. "
    "The tests tell whether other seeds would give the same order on these recordings, not on "
    "others."
)
# The scores of each half of a table for LaTeX: all of them fit no page.
HALVES = (tuple(name for name in SCORE_TITLES if name not in PUBLISHED), PUBLISHED)


@dataclass(frozen=True)
class ScoreTable:
    """The scores of several methods on the same data."""

    title: str  # an activity, or a mean over activities
    matching: str  # the recordings that shared a matching, of MATCHINGS
    rows: list[Row]
    published: list[Published]  # figures of others, for this mean and matching
    incomplete: list[str]  # titles of methods that were asked for last and lack cells


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
        lacking = filter(self.description.asks_for, tried - {row.method for row in rows})
        missing = [find_method(one).title for one in ordered(lacking)]
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
    described = folder.description()
    failed = [by_cell[cell] for cell in sorted(by_cell) if described.asks_for(cell.method)]
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
    lines += [marks(results, "†"), ""] if marks(results, "†") else []
    titles = ["method", "seeds", *SCORE_TITLES.values()]
    for table in results.tables():
        rows = []
        for row in table.rows:
            figures = (figure(row, name, "{} ± {}", "**{}**", "{}†") for name in SCORE_TITLES)
            rows.append([row.title, seeds(row), *figures])
        for number, one in enumerate(table.published, start=1):
            method = one.method.replace("|", "\\|")
            rows.append([f"*{method}* [{number}]", "", *published_figures(one)])
        lines += [f"## {heading(table, results)}", "", settings(table, results), ""]
        lines += [f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
        lines += [*(f"| {' | '.join(row)} |" for row in rows), ""]
        if table.published:
            lines += [sources(table), ""]
        if table.incomplete:
            lines += [f"Not complete: {', '.join(table.incomplete)}.", ""]
    described = [f"- **{title}**: {what}" for title, what in legend(results.rows)]
    chosen = [row for row in results.rows if row.chosen and row.activity not in MEANS]
    named = {
        f"- {row.title}, {row.activity}, {MATCHINGS[row.matching]}, by {row.choice}: {row.chosen}"
        for row in chosen
    }
    failed = [f"- {one.cell}: {one.reason}" for one in results.failures]
    parts = {"Methods": described, "Chosen seeds": sorted(named), "Failed": failed}
    for title, found in parts.items():
        if found:
            lines += [f"## {title}", "", *found, ""]
    return "\n".join(lines)


def to_latex(results: Results) -> str:
    """Write each table as LaTeX's, in two halves, and once how to read them and the methods."""
    parts = [
        f"% Benchmark: {results.description.recipe['name']}. {_basis(results)}",
        r"% Needs \usepackage{booktabs}. Tables are 300 to 550 pt wide: table* is for two columns.",
    ]
    methods = "; ".join(f"{title}: {what}" for title, what in legend(results.rows))
    reading = filter(None, [key(results), marks(results, "Underlined"), f"{methods}."])
    notes = ["", rf"\noindent {' '.join(reading).translate(LATEX)}"]
    for table in results.tables():
        listed = sources(table) if table.published else ""
        sentences = filter(None, [f"{heading(table, results)}.", settings(table, results), listed])
        parts += ["", r"\begin{table}", rf"\caption{{{' '.join(sentences).translate(LATEX)}}}"]
        parts += [r"\centering\footnotesize\setlength{\tabcolsep}{2pt}", *_half(table, HALVES[0])]
        parts += [r"\par\medskip", *_half(table, HALVES[1]), r"\end{table}", *notes]
        notes = []
    return "\n".join(parts) + "\n"


def _half(table: ScoreTable, names: Sequence[str]) -> list[str]:
    """Write some of the scores of a table as a tabular of LaTeX, with others' figures of them."""
    rows = []
    for row in table.rows:
        marked = (r"\mathbf{{{}}}", r"\underline{{{}}}")
        cells = (figure(row, name, r"{}_{{\pm {}}}", *marked) for name in names)
        title = row.title if row.choice is None else f"{row.title}, by {row.choice}"
        rows.append([title.translate(LATEX), *(f"${one}$" for one in cells)])
    others = [
        [f"{one.method.translate(LATEX)} [{number}]", *published_figures(one, names)]
        for number, one in enumerate(table.published, start=1)
        if any(name in one.scores for name in names)
    ]
    words = (SCORE_TITLES[name].translate(LATEX).replace(" ", r"\\") for name in names)
    titles = ["Method", *(rf"\shortstack[r]{{{one}}}" for one in words)]
    lines = [rf"\begin{{tabular}}{{l{'r' * len(names)}}}"]
    for rule, group in ((r"\toprule", [titles]), (r"\midrule", rows), (r"\midrule", others)):
        lines += [rule, *(" & ".join(cells) + r" \\" for cells in group)] if group else []
    return [*lines, r"\bottomrule", r"\end{tabular}"]


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


def settings(table: ScoreTable, results: Results) -> str:
    """Say with what recipe, K, epochs and seeds the rows of a table were made."""
    described = results.description
    recipe = Recipe.from_dict(described.recipe)
    named = results.activities if table.title in MEANS else [table.title]
    counts = {name: described.activities[name].n_actions for name in named}
    least, most = min(counts.values()), max(counts.values())
    k = f"K = {most}"
    if least < most:
        k = f"K = {least} to {most} ({', '.join(f'{name} {one}' for name, one in counts.items())})"
    epochs = f"{recipe.training.epochs} epochs"
    apart = default_team(recipe).training.epochs
    if apart != recipe.training.epochs and any(row.method == "default" for row in table.rows):
        epochs += f" ({find_method('default').title}: {apart})"
    seeded = [row for row in table.rows if find_method(row.method).seeded] or table.rows
    drawn = sorted({seed for row in seeded for seed in row.seeds})
    run = len(drawn) > 1 and drawn == list(range(drawn[0], drawn[-1] + 1))
    which = f"{drawn[0]} to {drawn[-1]}" if run else ", ".join(map(str, drawn))
    return f"{_recipe(recipe)}; {k}; {epochs}; seed{'s' if len(drawn) > 1 else ''} {which}."


def _recipe(recipe: Recipe) -> str:
    """Name a recipe, and the settings in which it differs from the shipped one of that name."""
    if recipe.name not in shipped_recipes():
        return f"Recipe {recipe.name} (recipe.yaml)"
    shipped = dict(flat_settings(load_recipe(recipe.name).to_dict()))
    now = dict(flat_settings(recipe.to_dict()))
    changes = [
        f"{place} {now[place]}"
        for place in now
        if place in shipped and now[place] != shipped[place] and place not in ("title", "n_actions")
    ]
    return f"Recipe {recipe.name}{' with ' * bool(changes)}{', '.join(changes)}"


def legend(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return the title of each method, and what it is."""
    methods = [find_method(name) for name in ordered({row.method for row in rows})]
    return [(one.title, one.what) for one in methods]


def marks(results: Results, best: str) -> str:
    """Say what is marked in tables, ``best`` being the mark of a column's best, and by which test.

    Nothing where no table has two methods.
    """
    return MARKS.format(best) if any(row.leads for row in results.rows) else ""


def key(results: Results) -> str:
    """Explain how to read the figures."""
    kinds = [kind for kind in CHOICES if any(row.choice == kind for row in results.rows)]
    chosen = (f" {kind.capitalize()}: for each activity, {CHOICES[kind]}." for kind in kinds)
    return KEY + "".join(chosen)


def figure(row: Row, name: str, spread: str, best: str = "{}", leads: str = "{}") -> str:
    """Write a score in percent, as ``best`` and ``leads`` if it does, with its deviation."""
    if name not in row.scores:
        return "-"
    mean = f"{100 * row.scores[name]:.1f}"
    mean = best.format(mean) if name in row.best else mean
    mean = leads.format(mean) if name in row.leads else mean
    return spread.format(mean, f"{100 * row.deviations[name]:.1f}") if row.deviations else mean


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


def draw_timelines(folder: BenchmarkFolder, plan: TrainingPlan, most: int) -> list[Path]:
    """Draw the first ``most`` labelled recordings of each activity, one track for each method.

    A method is drawn with its first seed, and its actions in the colours of the classes that they
    are matched to: for the activity, or for the recording where they are not shared. Returns the
    files, ``figures/<activity>-<recording>.png`` and ``.pdf``.
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
            for kind in ("png", "pdf"):
                paths.append(folder.root / "figures" / f"{stem}.{kind}")
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
