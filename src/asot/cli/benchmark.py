"""asot benchmark: methods beside each other, on many seeds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from rich.table import Table

from asot.benchmark import report
from asot.benchmark.folder import BenchmarkFolder
from asot.benchmark.methods import choose_methods
from asot.benchmark.report import draw_timelines
from asot.benchmark.runner import plan_cells, run_benchmark, take_cells
from asot.cli.console import console, drawing, new_table, progress, say, show_files, show_share
from asot.errors import DataError, UnfinishedError, require_integer
from asot.folders import in_turn
from asot.metrics import PUBLISHED, SCORE_TITLES
from asot.model.recipe import Recipe
from asot.progress import LEARNING
from asot.runs.run import plan_run
from asot.shards import Shard, ShardResult
from asot.text import printable
from asot.workers import Workers

Choice = Literal["objective", "agreement"]
# The scores that are shown, and those where the terminal is too narrow for all.
MAIN = tuple(name for name in SCORE_TITLES if name not in PUBLISHED or name == "legacy_f1")
NARROW = ("mof", "miou", "f1@25", "f1@50", "edit", "legacy_f1")
WIDE_ENOUGH = 150


def run(
    recipe: Recipe,
    *,
    data: Path,
    out: Path,
    seeds: int = 5,
    seed: int = 0,
    methods: list[str] | None = None,
    ablate: list[str] | None = None,
    activities: list[str] | None = None,
    choose: list[Choice] | None = None,
    oracle: bool = False,
    published: bool = False,
    keep_epochs: bool = False,
    figures: int = 1,
    workers: Workers,
    shard: str | None = None,
) -> None:
    """Run every activity of a data set with several methods and seeds.

    All are compared with the ground truth. Finished cells are never run again: the same command
    goes on where it was interrupted, and methods, seeds and activities can be added. asot benchmark
    --table DIR prints the tables again. Each setting below overrides the recipe's.
    Example: asot benchmark default --data DIR --out OUT

    data: Folder of the data set (required).
    out: Folder for the results (required).
    seeds: How many seeds.
    seed: The first seed.
    methods: paper (the paper's single network), default (the recipe, or default in place of the
        paper's), sela, tot, cte, cte_decoding, kmeans_asot, kmeans, hmm, twfinch, uniform; ASOT's
        descendants vasot, closed_loop, prototypes, prototypes_smooth, own_order, views, uncertain,
        hierarchy; or all. A row with other settings, as "own_order(every=2)"; a class of your
        own with fit_predict, as my_module:MySegmenter. Unless given, those that are installed
        without the descendants, or paper alone with --ablate.
    ablate: The paper's method without a part: temporal, prior, unbalanced, training, kmeans, or
        all.
    activities: Those to run; all of the recipe's unless given. The word each stands for every
        activity of the data set by itself.
    keep_epochs: Also segment every training.validate_every epochs, to choose an epoch from.
    """
    require_integer("--seed", seed, at_least=0, at_most=2**32 - seeds)
    chosen = choose_methods(methods, ablate)
    share = None if shard is None else Shard.of(shard)
    folder = BenchmarkFolder(out)
    with progress((*LEARNING[:4], "Cells")) as bars:
        plan = plan_run(recipe, data, activities, bars, workers.number)
        cells = plan_cells(plan, chosen, range(seed, seed + seeds))
        own = cells if share is None else take_cells(cells, plan, share)
        already = sum(folder.finished(cell) for cell in own)

        def tell(stage: str, done: int, total: int, note: str = "") -> None:
            bars(stage, done, total, note)
            if not sys.stderr.isatty():
                sys.stderr.write(f"asot: cell {done} of {total}: {note}\n")

        bars("Cells", 0, len(own) - already)
        failures = run_benchmark(
            recipe,
            plan,
            folder,
            own,
            methods=chosen,
            keep_epochs=keep_epochs,
            workers=workers,
            progress=tell,
        )
        ended = {one.cell for one in (*folder.failures(), *failures)}
        left = [one for one in cells if not folder.finished(one) and one not in ended]
        # Shards that end together both find that all cells are done.
        with in_turn(out / "results.json"):
            results = report.collect(folder, [*(choose or []), *["oracle"][:oracle]], failures)
            if not left:
                report.write_results(results, folder)
            if figures > 0 and not left:
                with drawing():
                    draw_timelines(folder, plan, figures)
    if already:
        say(f"{already} of {len(own)} cells were finished before, and used as they are.")
    if share is not None:
        show_share(shard, ShardResult("cells", len(own), len(left), len(cells)))
    if not left:
        show(results, folder, published)
    if failures:
        say("Failed:", style="bold")
        for failure in failures:
            say(f"  {failure.cell}: {failure.reason}")
        failed = f"{len(failures)} of {len(own)} cells failed"
        raise UnfinishedError(f"{failed}: give the same command again to run them once more.")


def show_again(
    *,
    table: Path,
    choose: list[Choice] | None = None,
    oracle: bool = False,
    published: bool = False,
) -> None:
    """Print the tables of a benchmark again.

    table: Folder of the results.
    """
    folder = BenchmarkFolder(table)
    folder.description()
    if not any(folder.cells()):
        raise DataError(f"{folder.root} holds no finished cell yet: run the benchmark first.")
    results = report.collect(folder, choices=[*(choose or []), *["oracle"][:oracle]])
    show(results, folder, published)


def show(results: report.Results, folder: BenchmarkFolder, published: bool) -> None:
    """Print the main tables, the key to their figures, and the files with the rest."""
    for matching in ("activity", "video"):
        table = results.main(matching)
        if not (table.rows or table.incomplete):
            continue
        say(report.heading(table, results), style="bold")
        if table.rows:
            say(report.settings(table, results))
        for place, names in enumerate(_shown(table, published) if table.rows else ()):
            if place:
                say()
            console().print(_table(table, names))
        if table.published:
            say(report.sources(table))
        if table.incomplete:
            say(f"Not complete: {', '.join(table.incomplete)}.")
        say()
    say(report.key(results))
    show_files(
        (folder.root / "table.md", "all tables: each activity, every score, what each method is"),
        (folder.root / "figures", "a recording of each activity, as every method segments it"),
        (folder.root / "table.tex", "the same for LaTeX"),
        (folder.root / "results.csv", "every figure of every seed"),
        (folder.root / "results.json", "the same with settings, versions and matchings"),
        (folder.root / "cells", "labels and scores of each cell"),
    )


def _shown(table: report.ScoreTable, published: bool) -> list[tuple[str, ...]]:
    """List the scores that fit the terminal, and those of published tables if asked for."""
    names = MAIN if console().width >= WIDE_ENOUGH else NARROW
    if names is NARROW and any(row.choice for row in table.rows):
        names = tuple(name for name in NARROW if name != "edit")
    return [names, PUBLISHED][: 1 + published]


def _table(table: report.ScoreTable, names: tuple[str, ...]) -> Table:
    headings = [SCORE_TITLES[name] for name in names]
    shown = new_table("method", "seeds", *headings, right=("seeds", *headings))
    for row in table.rows:
        cells = [report.figure(row, name, "{}±{}") for name in names]
        shown.add_row(printable(row.title), report.seeds(row), *cells)
    for number, one in enumerate(table.published, start=1):
        cells = report.published_figures(one, names)
        shown.add_row(printable(f"{one.method} [{number}]"), "", *cells, style="italic")
    return shown
