"""What the commands show people: tables, progress, paths."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from asot.text import printable

if TYPE_CHECKING:
    from rich.console import JustifyMethod

    from asot.metrics import Evaluation
    from asot.runs.predictions import Scored

# Wider than any table: where there is no terminal, no line is folded.
WIDE = 10_000

# What a score is called in print, in the order of the table; two short lines fit 80 columns.
SCORE_TITLES = {
    "mof": "MoF",
    "miou": "mIoU",
    "f1_macro": "F1\nmacro",
    "f1@10": "F1\n@10",
    "f1@25": "F1\n@25",
    "f1@50": "F1\n@50",
    "edit": "Edit",
    "boundary_f1": "Bound.\nF1",
    "jsd": "JSD\n(low)",
    "legacy_f1": "Legacy\nF1",
}
MATCHINGS = {
    "activity": "One matching for each activity",
    "video": "One matching for each recording",
    "corpus": "One matching for all activities",
}


def console() -> Console:
    """Standard output, which takes every text as it is: names may look like markup."""
    folded = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, markup=False, emoji=False, width=None if folded else WIDE)


def say(text: str = "", style: str | None = None) -> None:
    """Print a line as it is."""
    console().print(text, style=style, soft_wrap=True)


@contextmanager
def progress() -> Iterator[Any]:
    """Progress bars on standard error where that is a terminal, and nothing elsewhere.

    Yields a function of the stage, the steps done, all steps and a note; a new stage starts a new
    bar. The helping processes of a training with several devices show none.
    """
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty() or os.environ.get("LOCAL_RANK", "0") != "0",
    )
    tasks: dict[str, Any] = {}

    def report(stage: str, done: int, total: int, note: str = "") -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total, note="")
        bars.update(tasks[stage], completed=done, total=total, note=note)

    with bars:
        yield report


def new_table(*headings: str, right: Sequence[str] = ()) -> Table:
    """A table of this house, with the columns in ``right`` justified to the right."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        justify: JustifyMethod = "right" if heading in right else "left"
        table.add_column(heading, justify=justify, overflow="fold")
    return table


def score_table(rows: Mapping[str, Mapping[str, float]]) -> Table:
    """Scores in percent, one row a method, activity or recording."""
    headings = SCORE_TITLES.values()
    table = new_table("", *headings, right=tuple(headings))
    for name, scores in rows.items():
        cells = [f"{100 * scores[key]:.1f}" if key in scores else "-" for key in SCORE_TITLES]
        table.add_row(printable(name), *cells)
    return table


def show_scores(scored: Scored) -> None:
    """Print the scores of a prediction at each matching, in percent."""
    for matching, evaluation in scored.evaluations.items():
        several = len(evaluation.per_activity or {}) > 1
        sharing = MATCHINGS[matching]
        if matching == "activity" and not several:
            sharing = "One matching for all recordings"
        count = f"{evaluation.n_recordings} recordings, {evaluation.n_frames:,} frames"
        say(f"{sharing} ({count}), in percent", style="bold")
        console().print(score_table(_rows(evaluation)))
        say()


def _rows(evaluation: Evaluation) -> dict[str, Mapping[str, float]]:
    activities = evaluation.per_activity or {}
    if len(activities) < 2:
        return {next(iter(activities), "all"): evaluation.scores}
    rows: dict[str, Mapping[str, float]] = dict(activities)
    if evaluation.scope == "corpus":
        rows["all"] = evaluation.scores
    if evaluation.scope == "video":
        rows["recordings' mean"] = evaluation.scores
    if evaluation.unweighted_mean is not None and evaluation.frame_weighted_mean is not None:
        rows["unweighted mean"] = evaluation.unweighted_mean
        rows["frame-weighted mean"] = evaluation.frame_weighted_mean
    return rows


def show_files(files: Sequence[tuple[Path, str]]) -> None:
    """Print where the results are, and what each is: beside it, or below it on a narrow screen."""
    paths = [str(path) for path, _ in files]
    longest = max(map(len, paths))
    fits = all(longest + 2 + len(meaning) <= console().width for _, meaning in files)
    for path, (_, meaning) in zip(paths, files, strict=True):
        say(f"{path:<{longest}}  {meaning}" if fits else f"{path}\n    {meaning}")
