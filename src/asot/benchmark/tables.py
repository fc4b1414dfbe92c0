"""The tables of a benchmark: Markdown for people, LaTeX for papers, CSV and JSON for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from asot.benchmark.choice import CHOICES
from asot.benchmark.folder import BenchmarkFolder
from asot.benchmark.methods import find_method
from asot.benchmark.runner import Failure
from asot.benchmark.summary import FRAME_WEIGHTED, MEAN, Row, ordered, summarise
from asot.files import write_json, write_text
from asot.model.notes import Published, read_notes
from asot.model.recipe import load_recipe, shipped_recipes
from asot.runs.run import WHOLE

# What a score is called in a table; all are percentages there.
TITLES = {
    "mof": "MoF",
    "miou": "mIoU",
    "f1_macro": "F1 macro",
    "f1@10": "F1@10",
    "f1@25": "F1@25",
    "f1@50": "F1@50",
    "edit": "Edit",
    "boundary_f1": "Boundary F1",
    "jsd": "JSD",
    "legacy_f1": "Legacy F1",
}
LOWER_IS_BETTER = ("jsd",)
MATCHINGS = {
    "activity": "one matching of actions to classes for each activity",
    "video": "one matching for each recording",
}
_KEY = (
    "Percent; mean ± sample standard deviation over seeds. JSD: lower is better. Legacy F1 is the "
    '"F1" of published ASOT tables, which can exceed 100; compare it with those tables only.'
)


@dataclass(frozen=True)
class Table:
    """Rows that stand beside each other.

    Attributes
    ----------
    title : str
        What they are over: an activity, or a mean over activities.
    matching : str
        What shared a matching.
    rows : list of Row
        Measured here.
    published : list of Published
        Of others, for this mean and matching.
    incomplete : list of str
        Titles of methods whose cells are not all there.
    """

    title: str
    matching: str
    rows: list[Row]
    published: list[Published]
    incomplete: list[str]


@dataclass(frozen=True)
class Results:
    """A benchmark as it is now.

    Attributes
    ----------
    description : dict
        Data set, settings, versions.
    rows : list of Row
        Every method, matching and activity, and the means.
    published : list of Published
        Figures of others for the recipe.
    failures : list of Failure
        Cells that could not be run.
    """

    description: dict[str, Any]
    rows: list[Row]
    published: list[Published]
    failures: list[Failure]

    @property
    def activities(self) -> list[str]:
        """The activities that are compared."""
        return sorted(self.description["activities"])

    def table(self, activity: str, matching: str) -> Table:
        """The rows of an activity, or of a mean over activities."""
        own = [row for row in self.rows if row.matching == matching]
        rows = [row for row in own if row.activity == activity]
        shown = {row.method for row in rows}
        tried = {row.method for row in own} | {one.cell.method for one in self.failures}
        missing = [find_method(name).title for name in ordered(tried - shown)]
        published = [one for one in self.published if one.matching == matching]
        named = self.description["recipe"]["n_actions"]
        # Published figures are of all activities that the recipe names.
        all_there = not isinstance(named, dict) or set(named) <= set(self.activities)
        whole = all_there and (activity == MEAN or len(self.activities) < 2)
        return Table(activity, matching, rows, published if whole else [], missing)

    def tables(self) -> list[Table]:
        """All tables: the means first, then the activities."""
        activities = self.activities
        means = [MEAN, FRAME_WEIGHTED] if len(activities) > 1 else []
        found = [
            self.table(activity, matching)
            for activity in [*means, *activities]
            for matching in MATCHINGS
        ]
        return [table for table in found if table.rows]

    def main(self, matching: str) -> Table:
        """The table of everything: the unweighted mean over activities, or the only one."""
        several = len(self.activities) > 1
        return self.table(MEAN if several else next(iter(self.activities), MEAN), matching)


def collect(
    folder: BenchmarkFolder, choices: Sequence[str] = (), failures: Sequence[Failure] = ()
) -> Results:
    """What a benchmark's folder holds.

    Parameters
    ----------
    folder : BenchmarkFolder
        The folder.
    choices : sequence of str
        As for ``summarise``.
    failures : sequence of Failure
        Of the last run; the folder keeps them too, where it can be written.

    Raises
    ------
    DataError
        If the folder is no benchmark, or a cell cannot be read.
    """
    description = folder.description()
    failed = {cell: Failure(cell, reason) for cell, reason in folder.failures()}
    failed |= {one.cell: one for one in failures}
    return Results(
        description,
        summarise(folder, choices),
        _comparable(description),
        [failed[cell] for cell in sorted(failed)],
    )


def _comparable(description: Mapping[str, Any]) -> list[Published]:
    """Figures of others, where they are of this recipe and of data of this size, not simulated."""
    recipe = description["recipe"]
    name = str(recipe["name"])
    notes = read_notes(name)
    if notes is None or description.get("simulated") or name not in shipped_recipes():
        return []
    recordings = sum(one["recordings"] for one in description["activities"].values())
    if load_recipe(name).to_dict() != recipe or notes.recordings not in (None, recordings):
        return []
    return list(notes.published)


def write_results(results: Results, folder: BenchmarkFolder) -> None:
    """Write ``results.json``, ``results.csv``, ``table.md`` and ``table.tex``, each atomically."""
    write_json(folder.root / "results.json", _plain(results, folder))
    write_text(folder.root / "results.csv", to_csv(results.rows))
    write_text(folder.root / "table.md", to_markdown(results))
    write_text(folder.root / "table.tex", to_latex(results))


def _plain(results: Results, folder: BenchmarkFolder) -> dict[str, Any]:
    return {
        **results.description,
        "matchings": MATCHINGS,
        "rows": [asdict(row) for row in results.rows],
        "published": [asdict(one) for one in results.published],
        "failed": [{**asdict(one.cell), "reason": one.reason} for one in results.failures],
        "cells": [{**asdict(cell), **asdict(result)} for cell, result in folder.cells()],
    }


def to_csv(rows: Sequence[Row]) -> str:
    """One line for each row and seed, and one each for the mean and the deviation; in [0, 1].

    The columns are method, title, matching, activity, choice, seed (a number, "mean" or "sd") and
    the scores.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["method", "title", "matching", "activity", "choice", "seed", *TITLES])
    for row in rows:
        lines: list[tuple[Any, Mapping[str, float]]] = []
        if row.choice is None:
            lines += list(zip(row.seeds, row.values, strict=True))
        lines.append(("mean", row.scores))
        if row.deviations is not None:
            lines.append(("sd", row.deviations))
        for seed, scores in lines:
            figures = [f"{scores[name]:.6f}" for name in TITLES]
            place = [row.method, row.title, row.matching, row.activity, row.choice or "", seed]
            writer.writerow([*place, *figures])
    return stream.getvalue()


def to_markdown(results: Results) -> str:
    """All tables, with what they rest on."""
    recipe = results.description["recipe"]
    lines = [f"# Benchmark: {recipe['name']}", "", _told(results), "", key(results), ""]
    for table in results.tables():
        lines += [f"## {heading(table, results)}", ""]
        lines.append("| method | seeds | " + " | ".join(TITLES.values()) + " |")
        lines.append("|---|---|" + "---|" * len(TITLES))
        for row in table.rows:
            cells = [figure(row, name, "±") for name in TITLES]
            lines.append(f"| {_cell(row.title)} | {seeds(row)} | {' | '.join(cells)} |")
        for number, one in enumerate(table.published, start=1):
            cells = [published_figure(one, name) for name in TITLES]
            lines.append(f"| *{_cell(one.method)}* [{number}] | | {' | '.join(cells)} |")
        lines.append("")
        if table.published:
            lines += [sources(table), ""]
        if table.incomplete:
            lines += [f"Not complete: {', '.join(table.incomplete)}.", ""]
    chosen = [row for row in results.rows if row.chosen and row.activity not in _MEANS]
    if chosen:
        lines += ["## What was chosen", ""]
        lines += sorted(
            {f"- {row.title}, {row.activity}, by {row.choice}: {row.chosen}" for row in chosen}
        )
        lines.append("")
    if results.failures:
        lines += ["## Failed", ""]
        lines += [f"- {name_of(one)}: {one.reason}" for one in results.failures]
        lines.append("")
    return "\n".join(lines)


_MEANS = (MEAN, FRAME_WEIGHTED)


def to_latex(results: Results) -> str:
    r"""The tables as ``tabular`` of the package booktabs, the best of each column in bold."""
    parts = [
        f"% Benchmark: {results.description['recipe']['name']}. {_told(results)}",
        f"% {key(results)}",
        r"% Needs \usepackage{booktabs}.",
    ]
    for table in results.tables():
        parts += [
            "",
            f"% {heading(table, results)}",
            r"\begin{tabular}{l" + "r" * len(TITLES) + "}",
            r"\toprule",
            "Method & " + " & ".join(_latex(title) for title in TITLES.values()) + r" \\",
            r"\midrule",
        ]
        best = {name: _best(table.rows, name) for name in TITLES}
        for row in table.rows:
            cells = []
            for name in TITLES:
                text = figure(row, name, r"\pm")
                bold = row.choice is None and text.split(r"\pm")[0].strip() == best[name]
                cells.append(f"${_bold(text)}$" if bold else f"${text}$")
            title = row.title if row.choice is None else f"{row.title}, by {row.choice}"
            parts.append(f"{_latex(title)} & " + " & ".join(cells) + r" \\")
        if table.published:
            parts.append(r"\midrule")
        for number, one in enumerate(table.published, start=1):
            cells = [published_figure(one, name) for name in TITLES]
            parts.append(f"{_latex(one.method)} [{number}] & " + " & ".join(cells) + r" \\")
        parts += [r"\bottomrule", r"\end{tabular}"]
        if table.published:
            parts.append(f"% {sources(table)}")
    return "\n".join(parts) + "\n"


def heading(table: Table, results: Results) -> str:
    """The heading of a table: what its rows are over, and what shared a matching."""
    over = {
        MEAN: f"Mean of {len(results.activities)} activities",
        FRAME_WEIGHTED: f"Mean of {len(results.activities)} activities, weighted by their frames",
        WHOLE: "All recordings",
    }
    matching = MATCHINGS[table.matching]
    simulated = " of simulated data" if results.description["simulated"] else ""
    if len(results.activities) < 2 and table.matching == "activity":
        matching = "one matching of actions to classes for all recordings"
    return f"{over.get(table.title, table.title)}{simulated}; {matching}"


def key(results: Results) -> str:
    """How to read the figures."""
    kinds = [kind for kind in CHOICES if any(row.choice == kind for row in results.rows)]
    chosen = (f" {kind.capitalize()}: for each activity, {CHOICES[kind]}." for kind in kinds)
    return _KEY + "".join(chosen)


def figure(row: Row, name: str, sign: str, digits: int = 1) -> str:
    """A score in percent, with its deviation where there are several seeds."""
    mean = f"{100 * row.scores[name]:.{digits}f}"
    if row.deviations is None:
        return mean
    return f"{mean} {sign} {100 * row.deviations[name]:.{digits}f}"


def sources(table: Table) -> str:
    """Where the figures of others in a table are from."""
    listed = (f"[{i}] {one.source}" for i, one in enumerate(table.published, start=1))
    return f"Not measured here: {'; '.join(listed)}."


def name_of(failure: Failure) -> str:
    """A failed cell in words."""
    cell = failure.cell
    return f"{cell.method}, {cell.activity}, seed {cell.seed}"


def _told(results: Results) -> str:
    description = results.description
    shapes = description["activities"].values()
    recordings = sum(one["recordings"] for one in shapes)
    frames = sum(one["frames"] for one in shapes)
    versions = ", ".join(f"{name} {one}" for name, one in description["versions"][-1].items())
    labelled = sum(one["labelled"] for one in shapes)
    scored = "" if labelled == recordings else f" ({labelled:,} of them scored)"
    activities = f", {len(shapes)} activities" if len(shapes) > 1 else ""
    simulated = "Simulated data: " if description["simulated"] else ""
    return (
        f"{simulated}{recordings:,} recordings{scored}, {frames:,} frames{activities}. {versions}. "
        f"{description['machine']}."
    )


def seeds(row: Row) -> str:
    """How many seeds a row is the mean of, or how its one was chosen."""
    return row.choice or str(len(row.seeds))


def published_figure(one: Published, name: str) -> str:
    """A score of somebody else in percent, where it was reported."""
    return f"{100 * one.scores[name]:.1f}" if name in one.scores else ""


def _best(rows: Sequence[Row], name: str) -> str:
    """The best mean of a column, as it is printed."""
    values = [row.scores[name] for row in rows if row.choice is None]
    if len(values) < 2:
        return ""
    best = min(values) if name in LOWER_IS_BETTER else max(values)
    return f"{100 * best:.1f}"


def _bold(text: str) -> str:
    mean, sign, deviation = text.partition(r"\pm")
    return rf"\mathbf{{{mean.strip()}}} {sign}{deviation}".rstrip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


_LATEX = str.maketrans(
    {
        **{character: "\\" + character for character in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)


def _latex(text: str) -> str:
    return text.translate(_LATEX)
