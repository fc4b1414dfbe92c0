"""Segment tables as CSV, one row a segment, as RFC 4180 has it (UTF-8, lines end in CR LF).

The columns are those of :class:`asot.timeline.segments.SegmentRow`. An empty field in ``start_s``,
``end_s`` or ``confidence`` means that the figure is not known. Numbers are written with as many
digits as it takes to read the same number back.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import astuple, fields
from pathlib import Path

from asot.errors import ArgumentError, DataError
from asot.files import atomic_path
from asot.timeline.segments import SegmentRow

COLUMNS = tuple(field.name for field in fields(SegmentRow))


def write_csv(path: str | os.PathLike[str], rows: Iterable[SegmentRow]) -> None:
    """Write a segment table to a CSV file.

    Parameters
    ----------
    path : path-like
        The file, replaced as a whole if it exists: a reader never sees half of it.
    rows : iterable of SegmentRow
        The rows, of one recording or of many.

    Raises
    ------
    ArgumentError
        If a name cannot be written as UTF-8.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "segments.csv"
    >>> write_csv(path, [SegmentRow("tea_1", 0, 30, 0.0, 2.0, "boil, stir", 0.75)])
    >>> print(path.read_text().strip())
    recording,start_frame,end_frame,start_s,end_s,action,confidence
    tea_1,0,30,0.0,2.0,"boil, stir",0.75
    """
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for number, row in enumerate(rows):
            try:
                writer.writerow(astuple(row))
            except UnicodeEncodeError as error:
                raise ArgumentError(
                    f"row {number} cannot be written to '{path}': recording {row.recording!r} or "
                    f"action {row.action!r} holds a character that UTF-8 has no code for."
                ) from error


def read_csv(path: str | os.PathLike[str]) -> list[SegmentRow]:
    """Read a segment table from a CSV file.

    Parameters
    ----------
    path : path-like
        A file as :func:`write_csv` writes it. A byte-order mark and other line ends do no harm.

    Returns
    -------
    list of SegmentRow
        In the order of the file.

    Raises
    ------
    DataError
        If the file cannot be read, its header is another, or a row breaks a rule of
        :class:`asot.timeline.segments.SegmentRow`. The sentence names the file and the line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "segments.csv"
    >>> row = SegmentRow("tea_1", 0, 30, None, None, "boil", None)
    >>> write_csv(path, [row])
    >>> read_csv(path) == [row]
    True
    """
    path = Path(path)
    rows = []
    for line, record in _records(path):
        if line == 1:
            if tuple(record) != COLUMNS:
                raise DataError(
                    f"{path}, line 1: the header must be '{','.join(COLUMNS)}', "
                    f"but it is '{','.join(record)}'."
                )
        elif record:
            try:
                rows.append(_row(record))
            except ValueError as error:
                raise DataError(f"{path}, line {line}: {error}") from error
    return rows


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the line it starts on (a quoted name may span several)."""
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            for record in reader:
                yield line, record
                line = reader.line_num + 1
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}, line {line} or later: the text is not UTF-8.") from error
    except csv.Error as error:
        raise DataError(f"{path}, line {line}: this is not CSV ({error}).") from error
    if line == 1:
        raise DataError(f"{path}, line 1: the file is empty, a header is expected.")


def _row(record: list[str]) -> SegmentRow:
    """Parse one record; ValueError carries the rule that it breaks."""
    if len(record) != len(COLUMNS):
        raise ValueError(f"{len(COLUMNS)} fields are expected, but there are {len(record)}.")
    recording, start_frame, end_frame, start_s, end_s, action, confidence = record
    row = SegmentRow(
        recording=recording,
        start_frame=_frame("start_frame", start_frame),
        end_frame=_frame("end_frame", end_frame),
        start_s=_number("start_s", start_s),
        end_s=_number("end_s", end_s),
        action=action,
        confidence=_number("confidence", confidence),
    )
    if row.end_frame <= row.start_frame:
        raise ValueError(
            f"end_frame must be greater than start_frame, but the segment starts at frame "
            f"{row.start_frame} and ends at frame {row.end_frame}."
        )
    return row


def _frame(column: str, text: str) -> int:
    # int() alone would also take signs, underscores and digits of other scripts.
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{column} must be a whole number of frames >= 0, but it is '{text}'.")
    return int(text)


def _number(column: str, text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{column} must be empty or a finite number, but it is '{text}'.")
    return value
