"""What the commands show people: tables, progress, paths."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from asot.learning.predictions import Scored
    from asot.metrics import Evaluation

# What a score is called in print, in the order of the table.
SCORE_TITLES = {
    "mof": "MoF",
    "miou": "mIoU",
    "f1_macro": "F1 macro",
    "f1@10": "F1@10",
    "f1@25": "F1@25",
    "f1@50": "F1@50",
    "edit": "Edit",
    "boundary_f1": "Boundary F1",
    "jsd": "JSD (low is good)",
    "legacy_f1": "Legacy F1",
}


def console() -> Console:
    """Standard output; wide enough for the tables where it is no terminal."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, width=140)


def say(text: str = "") -> None:
    """Print a line as it is."""
    console().print(escape(text), soft_wrap=True)


@contextmanager
def progress() -> Iterator[Any]:
    """Progress bars on standard error where that is a terminal, and nothing elsewhere.

    Yields a function of the stage, the steps done, all steps and a note; a new stage starts a new
    bar.
    """
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    tasks: dict[str, Any] = {}

    def report(stage: str, done: int, total: int, note: str = "") -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(escape(stage), total=total, note="")
        bars.update(tasks[stage], completed=done, total=total, note=escape(note))

    with bars:
        yield report


def score_table(title: str, rows: Mapping[str, Mapping[str, float]]) -> Table:
    """Scores in percent, one row a method, activity or matching."""
    table = Table(title=escape(title), title_justify="left", title_style="bold")
    table.add_column("")
    for heading in SCORE_TITLES.values():
        table.add_column(heading, justify="right")
    for name, scores in rows.items():
        cells = [f"{100 * scores[key]:.1f}" if key in scores else "-" for key in SCORE_TITLES]
        table.add_row(escape(name), *cells)
    return table


def show_scores(scored: Scored) -> None:
    """Print the scores of a prediction at each matching, in percent."""
    for matching, evaluation in scored.evaluations.items():
        console().print(score_table(_title(matching, evaluation), _rows(evaluation)))


def _title(matching: str, evaluation: Evaluation) -> str:
    sharing = {
        "activity": "one matching for each activity",
        "video": "one matching for each recording",
        "corpus": "one matching for everything",
    }
    return (
        f"{matching}: {sharing[matching]}; {evaluation.n_recordings} recordings, "
        f"{evaluation.n_frames:,} frames; percent"
    )


def _rows(evaluation: Evaluation) -> dict[str, Mapping[str, float]]:
    activities = evaluation.per_activity or {}
    if len(activities) < 2:
        return {"all": evaluation.scores}
    rows: dict[str, Mapping[str, float]] = dict(activities)
    if evaluation.scope == "corpus":
        rows["all"] = evaluation.scores
    if evaluation.unweighted_mean is not None and evaluation.frame_weighted_mean is not None:
        rows["unweighted mean"] = evaluation.unweighted_mean
        rows["frame-weighted mean"] = evaluation.frame_weighted_mean
    return rows


def show_files(files: Sequence[tuple[Path, str]]) -> None:
    """Print where the results are, and what each is."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for path, meaning in files:
        table.add_row(escape(str(path)), f"[dim]{escape(meaning)}[/dim]")
    console().print(table, soft_wrap=True)
