"""asot benchmark: methods beside each other, on many seeds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from asot.cli.parsing import Parser, check_seed, out_folder, parse_recipe, recipe_parser
from asot.errors import AsotError, ConfigurationError, DataError
from asot.progress import Progress

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from asot.benchmark.folder import BenchmarkFolder
    from asot.benchmark.report import Results, ScoreTable
    from asot.runs.run import TrainingPlan

USAGE = "RECIPE --data DIR --out DIR [--seeds 5] [--methods ...] [--ablate ...] [settings]"
SUMMARY = (
    "Run every activity of a data set with several methods and seeds, compare with the ground "
    "truth, and write results.json, results.csv and the tables table.md and table.tex. Cells that "
    "are finished are never run again: an interrupted benchmark goes on when the same command is "
    "given again, and methods, seeds and activities can be added. asot benchmark --table DIR "
    "prints the tables again. RECIPE is the name of a recipe that comes with asot ({recipes}) or a "
    "YAML file; each setting below overrides it. "
    "Example: asot benchmark default --data DIR --out OUT"
)
# What is shown where the terminal is too narrow for every score.
NARROW = ("mof", "miou", "f1@25", "f1@50", "edit", "legacy_f1")
WIDE_ENOUGH = 150


class CellsFailedError(AsotError):
    """Some cells of a benchmark could not be run."""


def run(words: Sequence[str]) -> None:
    """Run the command."""
    if any(word.partition("=")[0] == "--table" for word in words):
        _show_again(words)
        return
    from asot.model.recipe import shipped_recipes

    parser = recipe_parser("benchmark", SUMMARY.format(recipes=", ".join(shipped_recipes())), USAGE)
    parser.add_argument("--data", type=str, help="Folder of the data set (required).")
    parser.add_argument("--out", type=str, help="Folder of the results (required).")
    parser.add_argument("--seeds", type=int, default=5, help="How many seeds.")
    parser.add_argument("--seed", type=int, default=0, help="The first of them.")
    parser.add_argument(
        "--methods",
        type=str,
        nargs="+",
        help="asot, sela, tot, kmeans_asot, kmeans, cte, hmm, twfinch, uniform, or all; all that "
        "are installed unless given, or asot alone with --ablate.",
    )
    parser.add_argument(
        "--ablate",
        type=str,
        nargs="+",
        help="ASOT without a part: temporal, prior, unbalanced, training, kmeans, or all.",
    )
    parser.add_argument(
        "--activities",
        type=str,
        nargs="+",
        help="These only; all of the recipe's otherwise. "
        "The word each: every activity of the data set by itself.",
    )
    _add_choices(parser)
    parser.add_argument(
        "--keep_epochs",
        action="store_true",
        help="Also segment every training.validate_every epochs, to choose an epoch from.",
    )
    parser.add_argument(
        "--figures", type=int, default=1, help="Recordings of each activity to draw; 0 for none."
    )
    parser.add_argument("--processes", type=int, help="Cells at once; as many as cores otherwise.")
    parser.add_argument("--table", type=str, help="Print the tables of this folder again.")
    values, recipe = parse_recipe(parser, words)
    if values.print_config:
        from asot.runs.run import recipe_yaml

        sys.stdout.write(recipe_yaml(recipe))
        return
    parser.require(values, "data", "out")
    check_seed(values.seed)
    for name, least in (("seeds", 1), ("processes", 1)):
        if values[name] is not None and values[name] < least:
            raise ConfigurationError(f"--{name} must be at least {least}, not {values[name]}.")
    check_seed(values.seed + values.seeds - 1)
    out = out_folder(values.out)
    from asot.benchmark.methods import choose_methods

    methods = choose_methods(values.methods, values.ablate)
    choices = _choices(values.choose, values.oracle)
    from asot.benchmark.folder import BenchmarkFolder
    from asot.benchmark.report import collect, write_results
    from asot.benchmark.runner import plan_cells, run_benchmark
    from asot.cli.console import progress, say
    from asot.runs.run import plan_run
    from asot.workers import available_cores

    folder = BenchmarkFolder(out)
    processes = values.processes or available_cores()
    with progress() as told:
        plan = plan_run(recipe, Path(values.data), values.activities, told, processes)
        cells = plan_cells(plan, methods, range(values.seed, values.seed + values.seeds))
        already = sum(folder.finished(cell) for cell in cells)
        failures = run_benchmark(
            recipe,
            plan,
            folder,
            cells,
            keep_epochs=values.keep_epochs,
            processes=processes,
            progress=partial(_tell, told),
        )
    results = collect(folder, choices, failures)
    write_results(results, folder)
    if already:
        say(f"{already} of {len(cells)} cells were finished before, and used as they are.")
    _draw(folder, plan, values.figures)
    show(results, folder)
    if failures:
        say("Failed:", style="bold")
        for one in failures:
            say(f"  {one.cell}: {one.reason}")
        raise CellsFailedError(
            f"{len(failures)} of {len(cells)} cells failed: give the same command again to run "
            "them once more."
        )


def _tell(progress: Progress, stage: str, done: int, total: int, note: str = "") -> None:
    """Show the progress; where there is no terminal to draw bars on, a line for each cell."""
    progress(stage, done, total, note)
    if not sys.stderr.isatty():
        sys.stderr.write(f"asot: cell {done} of {total}: {note}\n")


def _add_choices(parser: Parser) -> None:
    parser.add_argument(
        "--choose",
        type=str,
        nargs="+",
        default=[],
        help="Add rows of one seed (and epoch) chosen without ground truth: objective (the lowest "
        "training objective), agreement (of three seeds or more, the one most like the others).",
    )
    parser.add_argument(
        "--oracle",
        action="store_true",
        help="Add rows of the seed that the ground truth likes best.",
    )


def _choices(chosen: Sequence[str], oracle: bool) -> list[str]:
    from asot.benchmark.summary import CHOICES

    known = [name for name in CHOICES if name != "oracle"]
    for name in chosen:
        if name not in known:
            raise ConfigurationError(f"--choose must be of {', '.join(known)}, not {name!r}.")
    return [*dict.fromkeys(chosen), *(["oracle"] if oracle else [])]


def _draw(folder: BenchmarkFolder, plan: TrainingPlan, most: int) -> None:
    from asot.benchmark.report import draw_timelines
    from asot.cli.console import say

    if most < 1:
        return
    try:
        draw_timelines(folder, plan, most)
    except AsotError as error:
        # The tables are what was waited for.
        say(f"No pictures: {error}")


def _show_again(words: Sequence[str]) -> None:
    parser = Parser(
        "benchmark", "Print the tables of a benchmark again.", "--table DIR [--choose ...]"
    )
    parser.add_argument("--table", type=str, help="Folder of the results.")
    _add_choices(parser)
    values = parser.parse(words)
    choices = _choices(values.choose, values.oracle)
    from asot.benchmark.folder import BenchmarkFolder
    from asot.benchmark.report import collect

    folder = BenchmarkFolder(Path(values.table))
    folder.description()
    if not any(folder.cells()):
        raise DataError(f"{folder.root} holds no finished cell yet: run the benchmark first.")
    show(collect(folder, choices=choices), folder)


def show(results: Results, folder: BenchmarkFolder) -> None:
    """Print the main tables, what stands behind them, and where the rest is."""
    from asot.benchmark.report import heading, key, sources
    from asot.cli.console import console, say, show_files

    for matching in ("activity", "video"):
        table = results.main(matching)
        if not table.rows and not table.incomplete:
            continue
        say(heading(table, results), style="bold")
        if table.rows:
            console().print(_table(table))
        if table.published:
            say(sources(table))
        if table.incomplete:
            say(f"Not complete: {', '.join(table.incomplete)}.")
        say()
    say(key(results))
    files = [
        (folder.root / "table.md", "all tables, for each activity and every score"),
        (folder.root / "figures", "a recording of each activity, as every method segments it"),
        (folder.root / "table.tex", "the same for LaTeX"),
        (folder.root / "results.csv", "every figure of every seed"),
        (folder.root / "results.json", "the same with settings, versions and matchings"),
        (folder.root / "cells", "labels and scores of each cell"),
    ]
    show_files([(path, meaning) for path, meaning in files if path.exists()])


def _table(table: ScoreTable) -> RichTable:
    from asot.benchmark.report import figure, published_figures, seeds
    from asot.cli.console import console, new_table
    from asot.metrics import SCORE_TITLES
    from asot.text import printable

    names = tuple(SCORE_TITLES) if console().width >= WIDE_ENOUGH else NARROW
    if names is NARROW and any(row.choice for row in table.rows):
        names = tuple(name for name in NARROW if name != "edit")
    headings = [SCORE_TITLES[name] for name in names]
    shown = new_table("method", "seeds", *headings, right=("seeds", *headings))
    for row in table.rows:
        cells = [figure(row, name, "±").replace(" ± ", "±") for name in names]
        shown.add_row(printable(row.title), seeds(row), *cells)
    for number, one in enumerate(table.published, start=1):
        cells = published_figures(one, names)
        shown.add_row(printable(f"{one.method} [{number}]"), "", *cells, style="italic")
    return shown
