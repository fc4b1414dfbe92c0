"""Output of the commands: tables, progress, scores, paths."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, JustifyMethod
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from asot.data import find_dataset
from asot.errors import AsotError
from asot.metrics import PUBLISHED, SCORE_TITLES, Evaluation
from asot.metrics.evaluate import MATCHING_TITLES, SCORE_MEANINGS, plain_title
from asot.progress import Progress
from asot.runs.pictures import draw
from asot.runs.predictions import PredictionFolder, Scored, find_predictions, score
from asot.runs.run import find_training, told_scores
from asot.text import printable

# Wider than any table, so that files and pipes get lines that are not folded.
WIDE = 10_000


def console() -> Console:
    """Return standard output, printing every text as it is: names may look like markup."""
    folded = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, markup=False, emoji=False, width=None if folded else WIDE)


def say(text: str = "", style: str | None = None) -> None:
    """Print a line as it is."""
    console().print(text, style=style, soft_wrap=True)


@contextmanager
def progress() -> Iterator[Progress]:
    """Draw a bar for each stage on standard error, in the main process and on a terminal only."""
    bars = Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty() or os.environ.get("LOCAL_RANK", "0") != "0",
        # What is printed meanwhile goes above the bars on a terminal, and else where it was sent.
        redirect_stdout=sys.stdout.isatty(),
    )
    tasks: dict[str, Any] = {}

    def report(stage: str, done: int, total: int, note: str = "") -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total, note="")
        bars.update(tasks[stage], completed=done, total=total, note=note)

    with bars:
        yield report


def new_table(*headings: str, right: Sequence[str] = ()) -> Table:
    """Make a table of the commands' style; the columns in ``right`` are justified to the right."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        justify: JustifyMethod = "right" if heading in right else "left"
        table.add_column(heading, justify=justify, overflow="fold")
    return table


def score_table(
    rows: Mapping[str, Mapping[str, float]], keys: Sequence[str] = told_scores(None)
) -> Table:
    """Make a table of scores in percent, with a row for each method, activity or recording.

    A single row is laid down, each score beside what it means.
    """
    if len(rows) == 1:
        ((name, scores),) = rows.items()
        table = new_table("score", printable(name), "", right=(printable(name),))
        for key in keys:
            meaning = SCORE_MEANINGS.get(key, ("", ""))[1]
            value = f"{100 * scores[key]:.1f}" if key in scores else "-"
            table.add_row(plain_title(key), value, meaning)
        return table
    # Two short lines each, so that all fit 80 columns.
    headings = [SCORE_TITLES[key].replace(" ", "\n").replace("@", "\n@") for key in keys]
    table = new_table("", *headings, right=headings)
    for name, scores in rows.items():
        cells = [f"{100 * scores[key]:.1f}" if key in scores else "-" for key in keys]
        table.add_row(printable(name), *cells)
    return table


def show_scores(folder: PredictionFolder, scored: Scored, published: bool = False) -> None:
    """Print the scores of a prediction at each matching, in percent."""
    keys = told_scores(find_training(folder))
    for matching, evaluation in scored.evaluations.items():
        several = len(evaluation.per_activity or {}) > 1
        alone = matching == "activity" and not several
        sharing = "One matching for all recordings" if alone else MATCHING_TITLES[matching]
        count = f"{evaluation.n_recordings} recordings, {evaluation.n_frames:,} frames"
        say(f"{sharing} ({count}), in percent", style="bold")
        for names in (keys, PUBLISHED)[: 1 + published]:
            console().print(score_table(_rows(evaluation), names))
            say()
    if any(len(_rows(one)) > 1 for one in scored.evaluations.values()):
        for key in keys:
            say(f"{SCORE_TITLES[key]}: {': '.join(SCORE_MEANINGS[key])}")
        say()


def _rows(evaluation: Evaluation) -> dict[str, Mapping[str, float]]:
    activities = evaluation.per_activity or {}
    if len(activities) < 2:
        return {next(iter(activities), "all"): evaluation.scores}
    rows: dict[str, Mapping[str, float]] = dict(activities)
    if evaluation.scope != "activity":
        title = "recordings' mean" if evaluation.scope == "video" else "all"
        rows[title] = evaluation.scores
    if evaluation.unweighted_mean is not None and evaluation.frame_weighted_mean is not None:
        rows["unweighted mean"] = evaluation.unweighted_mean
        rows["frame-weighted mean"] = evaluation.frame_weighted_mean
    return rows


def show_files(*files: tuple[Path, str]) -> None:
    """Print the files that exist, each with its meaning beside it, or below on a narrow screen."""
    files = tuple((path, meaning) for path, meaning in files if path.exists())
    longest = max(len(str(path)) for path, _ in files)
    fits = all(longest + 2 + len(meaning) <= console().width for _, meaning in files)
    for path, meaning in files:
        say(f"{path!s:<{longest}}  {meaning}" if fits else f"{path}\n    {meaning}")


@contextmanager
def drawing() -> Iterator[None]:
    """Draw pictures; where that fails, say so and go on, as the results are written already."""
    try:
        yield
    except AsotError as error:
        say(f"No pictures: {error}")


def show_results(folder: PredictionFolder, figures: int, *files: tuple[Path, str]) -> None:
    """Score and draw a prediction, and print the scores and the files."""
    opened = folder.open_data()
    scored = score(folder) if opened.labelled else None
    if scored is None:
        say("There is no ground truth, so there are no scores.")
    else:
        show_scores(folder, scored)
    if figures > 0:
        with drawing(), progress() as bars:
            draw(folder, scored, figures, bars)
    show_files(
        (folder.root / "segments.csv", f"the segments of {len(opened.recordings)} recordings"),
        (folder.root / "labels", "an action number for each frame"),
        (folder.root / "assignments", "the soft assignments, (frames, actions)"),
        (folder.root / "scores.json", "all scores, and which action is which class"),
        (folder.root / "figures", "the pictures"),
        *files,
    )


def open_results(results: Path, data: Path | None) -> tuple[PredictionFolder, Path | None]:
    """Open a folder of results, and find its data set in ``data``, if it was moved there."""
    folder = find_predictions(results)
    if data is None:
        return folder, None
    return folder, find_dataset(data, Path(folder.index().source.root).name)
