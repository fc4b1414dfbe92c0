"""Output of the commands: tables, progress, scores, paths."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich import box
from rich.console import Console, JustifyMethod
from rich.progress import BarColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bars
from rich.table import Column, Table

from asot.data import find_dataset
from asot.errors import AsotError
from asot.metrics import PUBLISHED, SCORE_TITLES, Evaluation
from asot.metrics.evaluate import SCORE_MEANINGS, matching_title, plain_title
from asot.progress import Job, Progress, about
from asot.runs.pictures import draw
from asot.runs.predictions import PredictionFolder, find_predictions
from asot.runs.run import find_training, told_scores
from asot.runs.scores import Scored, score
from asot.shards import ShardResult
from asot.strangers import require_inside
from asot.text import listing, plural, printable
from asot.timeline.segments import STEP_TABLE

# Wider than any table, so that files and pipes get lines that are not folded.
WIDE = 10_000
MOST_NAMED = 5  # recordings that are named in a sentence
TICK_S, QUIET_S = 0.25, 30.0  # between news on a terminal, and between lines elsewhere


def console() -> Console:
    """Return standard output, printing every text as it is: names may look like markup."""
    folded = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, markup=False, emoji=False, width=None if folded else WIDE)


def say(text: str = "", style: str | None = None) -> None:
    """Print a line as it is."""
    console().print(text, style=style, soft_wrap=True)


@contextmanager
def progress(plan: Sequence[str] = ()) -> Iterator[Progress]:
    """Tell of a job on standard error, in the main process only.

    ``plan`` names its stages in their order. On a terminal there is one bar for the whole job, with
    the stage and the time left beside it; elsewhere a line every half minute.
    """
    job, ended = Job(plan), threading.Event()
    if os.environ.get("LOCAL_RANK", "0") != "0":
        yield job
        return
    on_terminal = sys.stderr.isatty()
    news = TextColumn(
        "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
    )
    bars = Bars(
        *(BarColumn(20), TaskProgressColumn(), TextColumn("{task.fields[left]}"), news),
        console=Console(stderr=True),
        disable=not on_terminal,
        # What is printed meanwhile goes above the bar on a terminal, and else where it was sent.
        redirect_stdout=sys.stdout.isatty(),
    )
    task = bars.add_task("", total=1.0, left="")

    def show() -> None:
        left = job.left()
        said = "" if left is None else f"{about(left)} left"
        if on_terminal:
            bars.update(task, completed=job.share(), description=job.news, left=said)
        elif job.news:
            whole = f" ({job.share():.0%} of the whole, {said})" if said else ""
            sys.stderr.write(f"asot: {job.news}{whole}\n")

    def keep_showing() -> None:
        while not ended.wait(TICK_S if on_terminal else QUIET_S):
            show()

    teller = threading.Thread(target=keep_showing, daemon=True)
    with bars:
        teller.start()
        try:
            yield job
            bars.update(task, completed=1.0, description="", left=f"done in {job.elapsed:,.0f} s")
        finally:
            ended.set()
            teller.join()


def new_table(*headings: str, right: Sequence[str] = ()) -> Table:
    """Make a table of the commands' style; the columns in ``right`` are justified to the right."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        justify: JustifyMethod = "right" if heading in right else "left"
        table.add_column(heading, justify=justify, overflow="fold")
    return table


def score_table(
    rows: Mapping[str, Mapping[str, float]],
    keys: Sequence[str] = told_scores(None),
    down: bool = False,
) -> Table:
    """Make a table of scores in percent, with a row for each method, activity or recording.

    A single row is laid down, each score beside what it means; a few are, without, if ``down``.
    """
    if len(rows) == 1 or down:
        names = [printable(name) for name in rows]
        told = [] if down else [""]
        table = new_table("score", *names, *told, right=names)
        for key in keys:
            values = [f"{100 * one[key]:.1f}" if key in one else "-" for one in rows.values()]
            meaning = SCORE_MEANINGS.get(key, ("", ""))[1]
            table.add_row(plain_title(key), *values, *([meaning] if told else []))
        return table
    # Two short lines each, so that all fit 80 columns.
    headings = [SCORE_TITLES[key].replace(" ", "\n").replace("@", "\n@") for key in keys]
    table = new_table("", *headings, right=headings)
    for name, scores in rows.items():
        cells = [f"{100 * scores[key]:.1f}" if key in scores else "-" for key in keys]
        table.add_row(printable(name), *cells)
    return table


def show_scores(folder: PredictionFolder, scored: Scored, published: bool = False) -> None:
    """Print the scores of a prediction, in percent: those to read, and then other matchings."""
    keys = told_scores(find_training(folder))
    first, *others = scored.evaluations.values()
    say(_whose(folder, scored, first) + (" The first table is the one to read." if others else ""))
    alone = {matching_title(one): one.scores for one in others if _is_aside(one)}
    for evaluation in (first, *(one for one in others if not _is_aside(one))):
        sizes = (evaluation.n_recordings, "recording"), (evaluation.n_frames, "frame")
        count = ", ".join(plural(*one) for one in sizes)
        say(f"{matching_title(evaluation)} ({count}), in percent", style="bold")
        rows = _rows(evaluation)
        for names in (keys, PUBLISHED)[: 1 + published]:
            console().print(score_table(rows, names))
            say()
        if evaluation is first and len(rows) > 1:
            for key in keys:
                say(f"{SCORE_TITLES[key]}: {': '.join(SCORE_MEANINGS[key])}")
            say()
    if alone:
        say("To compare with papers that match otherwise", style="bold")
        for names in (keys, PUBLISHED)[: 1 + published]:
            console().print(score_table(alone, names, down=True))
            say()
    if published:
        say("Legacy F1 and CTE F1 count as their authors' releases do, and can exceed 100.")
        say()


def _is_aside(evaluation: Evaluation) -> bool:
    """Tell an evaluation that is a single row, and that nobody asked for."""
    return evaluation.scope != "name" and len(_rows(evaluation)) == 1


def _whose(folder: PredictionFolder, scored: Scored, evaluation: Evaluation) -> str:
    """Say which recordings are scored, and on how many of their frames."""
    names, total = scored.recordings.names, len(folder.models())
    some = f"{len(names):,} of {total:,} recordings: {listing(names, MOST_NAMED)}"
    said = f"Scores of {'all recordings' if len(names) == total else some}."
    n_frames = sum(one.n_frames for one in scored.recordings)
    if evaluation.n_frames < n_frames:
        said += f" {evaluation.n_frames:,} of their {n_frames:,} frames count."
    return said


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


def step_files(folder: PredictionFolder) -> list[tuple[Path, str]]:
    """List the table of steps for :func:`show_files`, where steps were looked for."""
    path = folder.root / STEP_TABLE
    return [(path, "the steps within the segments")] if path.is_file() else []


def show_share(shard: str | None, share: ShardResult) -> None:
    """Say what a shard was, and how much of the whole is left, and how it gets done."""
    done = f"Shard {shard} was {share.own:,} of {share.total:,} {share.what}"
    if not share.left:
        say(f"{done}, and all are done.")
        return
    again = "give it again, or the same command without --shard"
    say(f"{done}; {share.left:,} are not done yet. Where their shard has ended already, {again}.")


@contextmanager
def drawing() -> Iterator[None]:
    """Draw pictures; where that fails, say so and go on, as the results are written already."""
    try:
        yield
    except AsotError as error:
        say(f"No pictures: {error}")


def finish_results(folder: PredictionFolder, figures: int, progress: Progress) -> Scored | None:
    """Score a prediction where there is ground truth, and draw it."""
    scored = score(folder) if folder.open_data().labelled else None
    if figures > 0:
        with drawing():
            draw(folder, scored, figures, progress)
    return scored


def show_results(folder: PredictionFolder, scored: Scored | None, *files: tuple[Path, str]) -> None:
    """Print the scores of a prediction, and its files."""
    if scored is None:
        say("There is no ground truth, so there are no scores.")
    else:
        show_scores(folder, scored)
    show_files(
        (folder.root / "segments.csv", f"the segments of {len(folder.models())} recordings"),
        *step_files(folder),
        (folder.root / "labels", "an action number for each frame"),
        (folder.root / "assignments", "the soft assignments, (frames, actions)"),
        (folder.root / "scores.json", "all scores, and which action is which class"),
        (folder.root / "figures", "the pictures"),
        *files,
    )


def open_results(results: Path, data: Path | None) -> tuple[PredictionFolder, Path | None]:
    """Open a folder of results, and find its data set in ``data``, if it was moved there."""
    folder = find_predictions(results)
    require_inside(folder.root)
    require_inside(results, "predictions", "page", "exports", "stats")
    if data is None:
        return folder, None
    return folder, find_dataset(data, Path(folder.index().source.root).name)
