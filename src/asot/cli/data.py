"""asot data: look at a folder of features."""

from __future__ import annotations

from collections.abc import Sequence

from asot.cli.parsing import Parser
from asot.errors import ConfigurationError, DataError

USAGE = "check DIR [--mapping FILE] [--activity_pattern REGEX]"
SUMMARY = (
    "Read everything in a folder of features, ground truth and mapping, and report what is there "
    "and all that is wrong, with file and line."
)


def run(words: Sequence[str]) -> None:
    """Run the command."""
    parser = Parser("data", SUMMARY, USAGE)
    parser.add_argument("--dataset", type=str, help="Folder below DIR, where DIR holds several.")
    parser.add_argument("--mapping", type=str, help="Mapping file in mapping/ to use.")
    parser.add_argument(
        "--activity_pattern",
        type=str,
        help="Regular expression whose one group is the activity in a recording's name.",
    )
    parser.add_argument("--frame_rate", type=float, help="Frames per second.")
    if not words or words[0] in ("-h", "--help"):
        parser.parse_args(["--help"])
    if words[0] != "check" or len(words) < 2 or words[1].startswith("-"):
        if list(words[1:]) in (["-h"], ["--help"]):
            parser.parse_args(["--help"])
        raise ConfigurationError("Name the folder, as in: asot data check DIR")
    values = parser.parse_args(list(words[2:]))
    from asot.cli.console import console, progress, say
    from asot.data import check_dataset, find_dataset

    root = find_dataset(words[1], values.dataset)
    with progress() as report:
        found = check_dataset(
            root,
            values.mapping,
            values.activity_pattern,
            frame_rate=values.frame_rate,
            progress=lambda done, total: report("Reading", done, total),
        )
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(str(root)), title_justify="left", title_style="bold")
    headings = ("activity", "recordings", "frames", "hours", "columns", "labelled", "classes")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "activity" else "right")
    for row in found.rows:
        table.add_row(
            escape(row.activity or "-"),
            f"{row.recordings:,}",
            f"{row.frames:,}",
            "-" if row.hours is None else f"{row.hours:.2f}",
            "-" if row.width is None else str(row.width),
            f"{row.labelled:,}",
            f"{row.classes:,}",
        )
    console().print(table)
    if found.problems:
        table = Table(title="Problems", title_justify="left", title_style="bold")
        for heading in ("", "file", "line", "what is wrong"):
            table.add_column(heading, overflow="fold")
        for problem in found.problems:
            style = "red" if problem.severity == "error" else "yellow"
            table.add_row(
                f"[{style}]{problem.severity}[/{style}]",
                escape(str(_below(problem.path, root))),
                "" if problem.line is None else str(problem.line),
                escape(problem.message),
            )
        console().print(table)
    say(f"{len(found.errors)} errors, {len(found.warnings)} warnings.")
    if not found.ok:
        raise DataError(f"{root} cannot be used before its {len(found.errors)} errors are mended.")


def _below(path: object, root: object) -> str:
    return str(path).removeprefix(f"{root}/")
