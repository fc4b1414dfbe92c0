"""Segment tables as people keep them: CSV as asot writes it, and as spreadsheets save it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from asot.errors import DataError
from asot.export.csv import write_csv
from asot.export.texts import read_text
from asot.timeline.timelines import Interval, Timeline

# What a column may be called, in small letters; the first is what asot calls it.
_HEADINGS = {
    "recording": ("recording", "video", "file"),
    "action": ("action", "label"),
    "start_s": ("start_s", "start", "start_time"),
    "end_s": ("end_s", "end", "end_time"),
    "start_frame": ("start_frame",),
    "end_frame": ("end_frame",),
}


def write(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write ``segments.csv`` into the folder ``out``; see :func:`asot.export.export`."""
    path = out / "segments.csv"
    write_csv(path, (row for timeline in timelines for row in timeline.rows))
    return [path]


def read(path: str | Path, times: Mapping[str, ArrayLike] | None = None) -> list[Interval]:
    """Read intervals from a table that a spreadsheet saved.

    Parameters
    ----------
    path : path-like
        Text in UTF-8, or UTF-16 with its mark; commas, semicolons or tabs between the columns. The
        header says which column is which: ``action`` (or ``label``), and ``start_s`` and ``end_s``
        (or ``start`` and ``end``) in seconds, or ``start_frame`` and ``end_frame``. Without a
        column ``recording`` (or ``video``), all is of the recording that the file is named after.
        Other columns and empty lines do no harm; where there are semicolons or tabs, decimals may
        have a comma.
    times : mapping of str to (N + 1,) array-like, optional
        Seconds of each recording's frames, for rows with frames only.

    Returns
    -------
    list of Interval
        In the order of the file.

    Raises
    ------
    DataError
        If the file cannot be read, a column is missing, or a row breaks a rule. The sentence
        names the file and the line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tea.csv"
    >>> _ = path.write_text("Label,Notes,Start,End\\nboil,,0.5,2\\n")
    >>> read(path)
    [Interval(recording='tea', start_s=0.5, end_s=2.0, action='boil')]
    """
    path = Path(path)
    text = read_text(path)
    header, _, rest = text.partition("\n")
    skipped = 0
    if header.lower().startswith("sep="):  # how Excel is told the delimiter
        text, skipped = rest, 1
        header = rest.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    columns: dict[str, int] = {}
    intervals = []
    for line, cells in _records(path, text, delimiter, skipped):
        if not columns:
            columns = _columns(path, line, cells)
        elif any(cell.strip() for cell in cells):
            row = {
                name: cells[place] if place < len(cells) else "" for name, place in columns.items()
            }
            row.setdefault("recording", path.stem)
            try:
                intervals.append(_interval(row, delimiter != ",", times or {}))
            except ValueError as error:
                raise DataError(f"{path}, line {line}: {error}") from error
    return intervals


def _records(path: Path, text: str, delimiter: str, line: int) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line it starts on (a quoted name may span several)."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    start = line + 1
    try:
        for cells in reader:
            yield start, cells
            start = line + reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {start}: this is not CSV ({error}).") from error


def _columns(path: Path, line: int, cells: list[str]) -> dict[str, int]:
    headings = [cell.strip().lower() for cell in cells]
    columns = {}
    for name, known in _HEADINGS.items():
        for heading in known:
            if heading in headings:
                columns[name] = headings.index(heading)
                break
    timed = {"start_s", "end_s"} <= set(columns) or {"start_frame", "end_frame"} <= set(columns)
    if "action" not in columns or not timed:
        raise DataError(
            f"{path}, line {line}: the header must have the columns recording, start_s, end_s and "
            f"action (or start_frame and end_frame for the seconds), but it has {', '.join(cells)}."
        )
    return columns


def _interval(row: dict[str, str], decimal_comma: bool, times: Mapping[str, ArrayLike]) -> Interval:
    """Read one row; ValueError carries the rule that it breaks."""
    for name in ("recording", "action"):
        if not row[name].strip():
            raise ValueError(f"the {name} is empty.")
    recording, action = row["recording"], row["action"]
    if row.get("start_s", "").strip() and row.get("end_s", "").strip():
        start, end = (_number(name, row[name], decimal_comma) for name in ("start_s", "end_s"))
    else:
        edges = times.get(recording)
        if edges is None:
            raise ValueError(
                f"there are no seconds, and the times of the frames of {recording!r} are not known."
            )
        edges = np.asarray(edges, dtype=np.float64)
        places = [
            _frame(name, row.get(name, ""), len(edges)) for name in ("start_frame", "end_frame")
        ]
        start, end = (float(edges[place]) for place in places)
    # An ArgumentError, which is a ValueError, says so where the stretch is empty.
    return Interval(recording, start, end, action)


def _number(column: str, text: str, decimal_comma: bool) -> float:
    try:
        value = float(text.replace(",", ".") if decimal_comma else text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{column} must be a number of seconds, but it is '{text}'.")
    return value


def _frame(column: str, text: str, edges: int) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{column} must be a whole number of frames >= 0, but it is '{text}'.")
    if int(text) >= edges:
        raise ValueError(f"{column} is {text}, but the recording has {edges - 1} frames.")
    return int(text)
