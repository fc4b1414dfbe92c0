"""asot data: look at a folder of features, or make one."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from asot.cli.parsing import Parser
from asot.errors import DataError

if TYPE_CHECKING:
    from rich.table import Table

    from asot.data import DatasetReport

# The other commands of this group, each in a module of its own.
OTHERS = ("describe", "simulate")

USAGE = "check DIR [--mapping FILE] [--activity_pattern REGEX]"
SUMMARY = (
    "Read everything in a folder of features, ground truth and mapping, and report what is there "
    "and all that is wrong, with file and line. There are also: asot data simulate, which makes "
    "such a folder, and asot data describe, which measures its features; add --help to either."
)


def run(words: Sequence[str]) -> None:
    """Run the command."""
    if words and words[0] in OTHERS:
        import_module(f"asot.cli.{words[0]}").run(words[1:])
        return
    parser = Parser("data", SUMMARY, USAGE)
    parser.add_argument("what", type=str, help="The word check.")
    parser.add_argument("dir", type=str, help="The folder, or one that holds it.")
    parser.add_argument("--dataset", type=str, help="Folder below DIR, where DIR holds several.")
    parser.add_argument("--mapping", type=str, help="Mapping file in mapping/ to use.")
    parser.add_argument(
        "--activity_pattern",
        type=str,
        help="Regular expression whose one group is the activity in a recording's name.",
    )
    parser.add_argument("--frame_rate", type=float, help="Frames per second.")
    values = parser.parse(words)
    if values.what != "check":
        parser.error(
            f"There is no asot data {values.what}: the command is asot data check DIR. "
            f"The others are {' and '.join(OTHERS)}."
        )
    from asot.cli.console import progress
    from asot.data import check_dataset, find_dataset
    from asot.workers import available_cores

    root = find_dataset(values.dir, values.dataset)
    with progress() as told:
        found = check_dataset(
            root,
            values.mapping,
            values.activity_pattern,
            frame_rate=values.frame_rate,
            progress=told,
            processes=available_cores(),
        )
    show_report(found)
    if not found.ok:
        raise DataError(f"{root} cannot be used until its errors are mended.")


def show_report(found: DatasetReport) -> None:
    """Print what there is and all that is wrong."""
    from asot.cli.console import console, new_table, say
    from asot.text import plural, printable

    say(printable(found.root), style="bold")
    counts = ("recordings", "frames", "hours", "columns", "labelled", "classes")
    table = new_table("activity", *counts, right=counts)
    for row in found.rows:
        table.add_row(
            printable(row.activity or "-"),
            f"{row.recordings:,}",
            f"{row.frames:,}",
            "-" if row.hours is None else f"{row.hours:.2f}",
            "-" if row.width is None else str(row.width),
            f"{row.labelled:,}",
            f"{row.classes:,}",
        )
    console().print(table)
    if found.problems:
        say()
        console().print(_problem_table(found, console().width))
    say()
    say(f"{plural(len(found.errors), 'error')}, {plural(len(found.warnings), 'warning')}.")


def _problem_table(found: DatasetReport, width: int) -> Table:
    """The problems; on a narrow screen, what is wrong stands below its file."""
    from rich.text import Text

    from asot.cli.console import new_table
    from asot.text import printable

    files = [
        printable(path.relative_to(found.root) if path.is_relative_to(found.root) else path)
        for path in (problem.path for problem in found.problems)
    ]
    narrow = max(map(len, files)) > width // 3
    places = () if narrow else ("file", "line")
    table = new_table("problem", *places, "what is wrong", right=("line",))
    for problem, file in zip(found.problems, files, strict=True):
        severity = Text(problem.severity, "red" if problem.severity == "error" else "yellow")
        line = "" if problem.line is None else str(problem.line)
        place = f"{file}, line {line}" if line else file
        what = [f"{place}: {problem.message}"] if narrow else [file, line, problem.message]
        table.add_row(severity, *what)
    return table
