"""asot data: check or describe a folder of features; ``asot.cli.simulate`` makes one."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table
from rich.text import Text

from asot.cli.console import console, new_table, progress, say
from asot.cli.simulate import simulate as simulate  # asot data simulate
from asot.data import DatasetFolder, DatasetReport, check_dataset, find_dataset
from asot.errors import DataError
from asot.metrics import evaluate
from asot.simulation import describe_features
from asot.text import plural, printable
from asot.workers import usable_threads

LAGS = (1, 2, 5, 10, 20, 50)
# The figures of a description as they are named in print.
TITLES = {
    "recordings": "recordings",
    "frames": "frames",
    "columns": "columns",
    "zero_frames": "share of frames that are all zero",
    "norm_mean": "length of a frame, mean",
    "norm_sd": "length of a frame, standard deviation",
    **{f"lag_{lag}": f"correlation at lag {lag}" for lag in LAGS},
    **{f"within_lag_{lag}": f"  within actions, at lag {lag}" for lag in LAGS},
    "between_recordings": "variance between recordings",
    "between_classes": "  between classes",
    "recording_and_class": "  of recording and class together",
    "within": "  within",
    **{f"axes_{n}": f"variance along the first axes, {n}" for n in (1, 5, 10, 20)},
    "ncm": "nearest class mean, all frames known",
    "ncm_left_out": "  recording left out",
    "ncm_standardised": "  standardised, all frames known",
    "ncm_left_out_standardised": "  standardised, recording left out",
    "kmeans_mof": "k-means, standardised, MoF",
    "kmeans_miou": "k-means, standardised, mIoU",
}


def check(
    dir: Path,
    *,
    dataset: str | None = None,
    mapping: str | None = None,
    activity_pattern: str | None = None,
    frame_rate: float | None = None,
    transposed: bool = False,
) -> None:
    """Read everything in a folder of features, ground truth and mapping.

    Report what is there and all that is wrong, with file and line.

    dir: The folder, or one that holds it.
    dataset: Folder below DIR, where DIR holds several.
    transposed: Features are stored as (columns, frames).
    """
    root = find_dataset(dir, dataset)
    with progress() as bars:
        report = check_dataset(
            root,
            mapping,
            activity_pattern,
            frame_rate=frame_rate,
            progress=bars,
            processes=usable_threads(),
            transposed=transposed,
        )
    show_report(report)
    if not report.ok:
        raise DataError(f"{root} cannot be used until its errors are mended.")


def describe(
    dir: Path,
    other: Path | None = None,
    *,
    mapping: str | None = None,
    activity: str | None = None,
    activity_pattern: str | None = None,
    kmeans: int | None = None,
    seed: int = 0,
) -> None:
    """Measure what makes the actions in the features of a labelled data set easy or hard to find.

    That is: lengths of frames, correlation in time, shares of the variance, accuracy of the nearest
    class mean. With OTHER, both side by side, such as real beside simulated.

    dir: A data-set folder with ground truth.
    other: Another data set, to show beside it.
    activity: Only the recordings of this activity.
    kmeans: Also cluster the frames, with this many centres.
    seed: Decides the k-means.
    """
    columns: list[dict[str, float]] = []
    roots = [find_dataset(one) for one in (dir, other) if one is not None]
    for root in roots:
        recordings = DatasetFolder(root, mapping, activity_pattern).recordings(activity)
        figures: dict[str, float] = {
            "recordings": len(recordings),
            "frames": sum(one.n_frames for one in recordings),
            "columns": recordings[0].width,
            **describe_features(recordings),
        }
        if kmeans is not None:
            from asot.baselines import KMeansSegmenter

            labels = KMeansSegmenter(kmeans, random_state=seed).fit_predict(recordings.features)
            scores = evaluate(labels, recordings.ground_truth)
            figures |= {"kmeans_mof": scores["mof"], "kmeans_miou": scores["miou"]}
        columns.append(figures)
    headings = [printable(root) for root in roots]
    table = new_table("", *headings, right=headings)
    for key, title in TITLES.items():
        if any(key in figures for figures in columns):
            table.add_row(title, *(_shown(figures.get(key)) for figures in columns))
    console().print(table)


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def show_report(report: DatasetReport) -> None:
    """Print the size of a data set and the problems in it."""
    say(printable(report.root), style="bold")
    counts = ("recordings", "frames", "hours", "columns", "labelled", "classes")
    table = new_table("activity", *counts, right=counts)
    for row in report.rows:
        hours = "-" if row.hours is None else f"{row.hours:.2f}"
        width = "-" if row.width is None else str(row.width)
        labelled = f"{row.labelled:,}", f"{row.classes:,}"
        cells = f"{row.recordings:,}", f"{row.frames:,}", hours, width, *labelled
        table.add_row(printable(row.activity or "-"), *cells)
    console().print(table)
    if report.problems:
        say()
        console().print(_problem_table(report, console().width))
    say()
    say(f"{plural(len(report.errors), 'error')}, {plural(len(report.warnings), 'warning')}.")


def _problem_table(report: DatasetReport, width: int) -> Table:
    """List the problems; on a narrow screen, file and line stand in the message."""
    files = [
        printable(path.relative_to(report.root) if path.is_relative_to(report.root) else path)
        for path in (problem.path for problem in report.problems)
    ]
    narrow = max(map(len, files)) > width // 3
    places = () if narrow else ("file", "line")
    table = new_table("problem", *places, "what is wrong", right=("line",))
    for problem, file in zip(report.problems, files, strict=True):
        severity = Text(problem.severity, "red" if problem.severity == "error" else "yellow")
        line = "" if problem.line is None else str(problem.line)
        place = f"{file}, line {line}" if line else file
        what = [f"{place}: {problem.message}"] if narrow else [file, line, problem.message]
        table.add_row(severity, *what)
    return table
