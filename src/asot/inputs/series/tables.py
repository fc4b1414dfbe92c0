"""Tables of signals: text such as CSV, whose layout is recognised, Parquet, and plain arrays.

Of text, :mod:`asot.inputs.series.layout` finds the table, pandas reads the cells, and
:mod:`asot.inputs.series.numbers` those numbers that pandas does not know.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from asot.errors import FileError, MissingExtraError, unreadable
from asot.files import require_file
from asot.inputs.series.clocks import find_time_column, read_clock
from asot.inputs.series.clocks import time_unit as unit_of
from asot.inputs.series.columns import SignalTable, signals_of
from asot.inputs.series.dates import ClockError, require_pandas
from asot.inputs.series.layout import (
    COMMENTS,
    MISSING,
    TEXT_SUFFIXES,
    Dialect,
    fit,
    is_titled,
    look_at,
    with_unit,
)
from asot.inputs.series.lines import BLANKS, records, split
from asot.inputs.series.numbers import (
    Writing,
    is_suspicious,
    is_value,
    plain_numbers,
    quick_numbers,
    remarks_on,
)
from asot.inputs.series.signals import Series, fill_gaps
from asot.text import listing, plural, quote
from asot.timeline.segments import even_times

if TYPE_CHECKING:
    import pandas

PARQUET_SUFFIXES = (".parquet", ".pq")


def read_series(
    path: Path,
    *,
    rate: float | None = None,
    time_column: str | None = None,
    time_unit: str | None = None,
    columns: Sequence[str] | None = None,
    skip_lines: int | None = None,
) -> Series:
    """Read signals from a table, CSV, TSV or Parquet, or from an array (N, D) in a ``.npy`` file.

    The times come from ``time_column`` if the table has it, else from ``rate``, the rows a second,
    if it is given, else from a column with a usual name: ``time``, ``timestamp``, ``t``,
    ``seconds``, ``time_ms``, ``Time (s)``, ... They may be dates, times of the day, or numbers, in
    ``time_unit`` (``ms``) or a plausible unit. Remarks say what was doubtful, and which rows were
    sorted, spread or left out.

    The signals are ``columns``, in this order, or all other columns of numbers, but not other
    clocks, counters, and those with a name of labels, such as ``activity``. Missing values are
    filled in with straight lines. The columns of an array, and of a table that does not name them,
    are called ``1``, ``2``, ... The table of a text file begins after ``skip_lines`` lines, or
    where it is recognised. A file that does not fit is a DataError.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "log.csv"
    >>> _ = path.write_text("time_ms;ax;note\\n0;1,5;start\\n20;;\\n40;2,5;\\n")
    >>> series = read_series(path)
    >>> series.columns, series.values.ravel().tolist(), series.times.tolist()
    (('ax',), [1.5, 2.0, 2.5], [0.0, 0.02, 0.04, 0.06])
    """
    require_file(path)
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return _read_array(path, rate, columns)
    if suffix in PARQUET_SUFFIXES:
        table = open_parquet(path)
    elif suffix in TEXT_SUFFIXES:
        return _read_text(path, rate, time_column, time_unit, columns, skip_lines)
    else:
        known = ", ".join(filter(None, (*TEXT_SUFFIXES, *PARQUET_SUFFIXES, ".npy")))
        raise FileError.at(path, f"is not a table of signals that asot reads ({known})")
    return _series_of(table, rate, time_column, time_unit, columns)


def _read_text(
    path: Path,
    rate: float | None,
    time_column: str | None,
    time_unit: str | None,
    columns: Sequence[str] | None,
    skip_lines: int | None,
) -> Series:
    dialect = look_at(path, skip_lines).table()
    frame = read_text_table(path, dialect)
    remarks = [*dialect.remarks, *frame.attrs["remarks"]]
    names = list(dialect.header or (str(i + 1) for i in range(frame.shape[1])))
    for i, unit in frame.attrs["units"].items():
        names[i] = with_unit(names[i], unit)
    if time_column is not None and time_column not in names:  # its unit was added to its name
        named = (name for name in names if name.rpartition(" (")[0] == time_column)
        time_column = next(named, time_column)
    kept = [i for i in frame if (dialect.header and names[i]) or frame[i].notna().any()]
    frame = frame[kept]
    rows = np.arange(len(frame))
    if dialect.rate is None and (rate is None or time_column in names):
        rows = np.flatnonzero(frame.notna().any(axis=1))  # a row without time and value is none
        frame = frame.iloc[rows].reset_index(drop=True)
    frame.columns = range(len(kept))
    unique = _unique([names[i] for i in kept])
    remarks += _kinds_of_rows(unique, frame)
    table = SignalTable(path, unique, frame, lambda row: line_of(path, dialect, int(rows[row])))
    series = _series_of(table, rate or dialect.rate, time_column, time_unit, columns)
    return replace(series, remarks=(*remarks, *series.remarks))


def _kinds_of_rows(names: Sequence[str], frame: pandas.DataFrame) -> list[str]:
    """Say where a column of words seems to tell what the others hold, as "acc" and "gyr" would."""
    said = []
    for name, (_, cells) in zip(names, frame.items(), strict=True):
        words = cells.dropna() if cells.dtype.kind not in "iufbM" else cells[:0]
        kinds = [str(one) for one in words.unique()[:13]]
        if 1 < len(kinds) < 13 and len(words) > 20 and (words != words.shift()).mean() > 1 / 3:
            said.append(
                f"Column {quote(name)} changes from row to row between {listing(kinds)}: where it "
                "says what the other columns hold, make a file of each kind of row."
            )
    return said


def open_parquet(path: Path) -> SignalTable:
    """Read a Parquet file; its index is a column too, unless it only counts the rows."""
    pandas = require_pandas("Reading Parquet")
    try:
        import pyarrow  # noqa: F401 - the error of pandas is less clear
    except ModuleNotFoundError as error:
        raise MissingExtraError("pyarrow", "series", "Reading Parquet") from error
    try:
        frame = pandas.read_parquet(path, engine="pyarrow")
    except (OSError, ValueError) as error:
        raise FileError.at(path, "is not a Parquet file, or is damaged") from error
    if not isinstance(frame.index, pandas.RangeIndex):
        frame = frame.reset_index()
    names = [
        ".".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in frame.columns
    ]
    frame.columns = range(frame.shape[1])
    return SignalTable(path, _unique(names), frame, lambda row: None)


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """Number the columns without a name and the columns of the same name."""
    result: list[str] = []
    for position, name in enumerate(names, start=1):
        name = name or f"column {position}"
        twins = (f"{name} ({count})" for count in itertools.count(2))
        result.append(next(one for one in itertools.chain([name], twins) if one not in result))
    return tuple(result)


def _series_of(
    table: SignalTable,
    rate: float | None,
    time_column: str | None,
    time_unit: str | None,
    columns: Sequence[str] | None,
) -> Series:
    path, names = table.path, table.names
    n_rows = len(table.frame)
    if n_rows < 2:
        raise FileError.at(path, f"holds {n_rows} rows of values; at least 2 are needed")
    clock: int | None
    if time_column is not None and time_column in names:
        clock, use_clock = names.index(time_column), True
    elif time_column is not None and rate is None:
        message = f"has no column {quote(time_column)} for the times, only {listing(names, 12)}"
        raise FileError.at(path, message)
    else:
        clock, use_clock = find_time_column(names, table.frame), rate is None
    remarks: list[str] = []
    start = None
    clocks: tuple[int, ...] = ()
    if clock is not None and use_clock:

        def place(row: int) -> str:
            line = table.line(row)
            return f"row {row + 1}" if line is None else f"line {line}"

        try:
            read = read_clock(names, table.frame, clock, time_unit, place)
        except ClockError as error:
            line = None if error.row is None else table.line(error.row)
            row = "" if error.row is None or line else f"in row {error.row + 1}, "
            raise FileError.at(path, f"{row}{error}", line) from error
        seconds, start, remarks, clocks = read.seconds, read.start, [*read.remarks], read.columns
        if len(seconds) < 2:
            raise FileError.at(path, f"holds {len(seconds)} rows of values; at least 2 are needed")
        if not np.array_equal(read.rows, np.arange(n_rows)):
            kept = table.frame.iloc[read.rows].reset_index(drop=True)
            lines, rows = table.line, read.rows.tolist()
            table = replace(table, frame=kept, line=lambda row: lines(rows[row]))
        # The last row lasts a median interval.
        times = np.append(seconds, seconds[-1] + np.median(np.diff(seconds)))
        steps = np.diff(seconds)
        longest = int(steps.argmax())
        if steps[longest] > max(1.0, 10 * float(np.median(steps))):
            remarks.append(
                f"No rows for {steps[longest]:.1f} s after {times[longest]:.1f} s, the longest "
                "pause: what was between was filled in with straight lines."
            )
    elif rate is not None:
        times = even_times(n_rows, rate)
        clocks = (clock,) if clock is not None and time_column is not None else ()
    else:
        raise FileError.at(
            path,
            "does not say when its rows were measured: give the rows a second (--rate) or the "
            f"column of the times (--time_column); its columns are {listing(names, 12)}",
        )
    chosen, values, notes = signals_of(table, clocks, times[:-1], columns)
    series = _filled(path, values, chosen, times, columns)
    return replace(series, start=start, remarks=(*remarks, *notes, *series.remarks))


def _filled(
    path: Path,
    values: NDArray[np.float64],
    names: Sequence[str],
    times: NDArray[np.float64],
    asked: Sequence[str] | None,
) -> Series:
    """Fill the gaps; refuse a file without values, or without those of a column asked for."""
    filled, kept, remarks = fill_gaps(values, names, times)
    empty = [name for name in asked or () if name not in kept]
    if empty:
        raise FileError.at(path, f"holds no value in column {quote(empty[0])}, which was asked for")
    if not kept:
        raise FileError.at(path, "holds no values: every cell of its columns is missing")
    return Series(filled, kept, times, None, tuple(remarks))


def _read_array(path: Path, rate: float | None, columns: Sequence[str] | None) -> Series:
    if rate is None:
        raise FileError.at(path, "is an array, which has no times: give the rows a second (--rate)")
    try:
        with path.open("rb") as stream:
            npy_format.read_magic(stream)  # numpy.load also opens archives
        array = np.load(path, allow_pickle=False)
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    except Exception as error:  # NumPy evaluates the header as Python: anything can come out
        raise FileError.at(path, "is not an .npy file of numbers, or is damaged") from error
    if array.dtype.kind not in "fiub" or array.ndim not in (1, 2):
        shape = f"an array of shape {array.shape} and type {array.dtype}"
        rule = "signals are real numbers, (rows, columns) or (rows,)"
        raise FileError.at(path, f"holds {shape}: {rule}")
    values = array.reshape(len(array), -1).astype(np.float64)
    if len(values) < 2 or values.shape[1] == 0:
        raise FileError.at(path, f"has shape {array.shape}: at least 2 rows and 1 column needed")
    names = [str(i + 1) for i in range(values.shape[1])]
    times = even_times(len(values), rate)
    if columns is not None:
        absent = [name for name in columns if name not in names]
        if absent:
            known = f"the columns of an array are '1' to {quote(names[-1])}"
            raise FileError.at(path, f"has no column {quote(absent[0])}: {known}")
        values = values[:, [int(name) - 1 for name in columns]]
        names = list(columns)
    return _filled(path, values, names, times, columns)


class _Rows:
    """The rows of values in a text file, read once from top to bottom, and what was left out."""

    def __init__(self, path: Path, dialect: Dialect) -> None:
        self.path, self.dialect = path, dialect
        self.width = len(dialect.header or ()) or dialect.width
        self.left_out: list[tuple[int, str]] = []  # lines that are no rows
        self.short: list[int] = []  # lines of rows with fewer cells
        self.zeros: list[int] = []  # lines with zero bytes
        self.count = 0  # rows given to pandas
        # A line that is a row beyond doubt.
        mark = re.escape(dialect.separator)
        cell, between = rf'(?:[^"{mark}]*|\s*"[^"]*")', mark
        if dialect.separator == BLANKS:
            cell, between = r'(?:[^\s"]+|"[^"]*")', r"\s+"
        self.plain = re.compile(
            rf'(?=\s*"?[-+]?[.,]?\d)\s*{cell}(?:{between}{cell}){{{self.width - 1}}}\s*'
        ).fullmatch
        self.lines = self._read()

    def __iter__(self) -> Iterator[str]:
        return (f"{text}\n" for _, text in self.lines)

    def read(self, size: int = -1) -> str:
        """Return a few thousand rows, as pandas asks for them."""
        texts = [f"{text}\n" for _, text in itertools.islice(self.lines, 4096)]
        self.count += len(texts)
        return "".join(texts)

    def _read(self) -> Iterator[tuple[int, str]]:
        """Give the rows with their lines; what may be the foot of the table is kept back."""
        skip = self.dialect.skip
        waiting: list[tuple[int, str, str]] = []
        for number, text in records(self.path, self.dialect.encoding, self.zeros):
            if number <= skip:
                continue
            if self.plain(text):
                if not waiting:
                    yield number, text
                    continue
                kind = "row"
            else:
                kind, text = self._judge(number, text)
            if kind == "none":
                self.left_out.append((number, text))
                continue
            if kind in ("row", "short"):
                self.short += [line for line, _, other in waiting if other == "short"]
                yield from ((line, before) for line, before, _ in waiting)
                waiting = []
            if kind == "row":
                yield number, text
            else:
                waiting.append((number, text, kind))
        self.left_out += [(line, text) for line, text, kind in waiting if kind != "empty"]
        self.left_out.sort()

    def _judge(self, number: int, text: str) -> tuple[str, str]:
        """Tell a "row", a "short" one, an "empty" one, a "foot" and "none"; make it fit."""
        dialect, width, separator = self.dialect, self.width, self.dialect.separator
        cells = split(text, separator)
        if not any(cells):
            return "empty", separator * (width - 1)
        fitting, words = fit(cells, dialect.of_values)
        few = len(cells) < dialect.width
        comment = text.lstrip().startswith(COMMENTS) or not any(map(is_value, cells))
        titled = is_titled(cells, dialect.of_values)
        wordy = words > fitting and (titled or few)
        if cells == dialect.header or wordy or (few and (comment or not fitting)):
            return "none", text
        if any(cells[width:]):
            why = ", and numbers with commas stand between quotes" if separator == "," else ""
            surplus = f"has more than {plural(width, 'cell')}: a file holds one table{why}"
            raise FileError.at(self.path, surplus, number)
        if few and separator == BLANKS:
            rule = f"has {plural(len(cells), 'cell')}, fewer than the {dialect.width} of other rows"
            raise FileError.at(self.path, f"{rule}: between blanks it cannot be told which", number)
        if len(cells) > width:
            buffer = io.StringIO()
            csv.writer(buffer, delimiter=separator, lineterminator="").writerow(cells[:width])
            text = buffer.getvalue()
        if few:
            return "short", text
        return "foot" if titled else "row", text

    def remarks(self) -> list[str]:
        """Say what was left out, once all rows are read."""
        said = []
        if self.left_out:
            lines = [number for number, _ in self.left_out]
            text = quote(self.left_out[0][1], 60)
            repeats = self.dialect.header == split(self.left_out[0][1], self.dialect.separator)
            what = "which repeats the header" if repeats else text
            more = f" and {plural(len(lines) - 1, 'line')} after it" if len(lines) > 1 else ""
            verb = "are no rows and were" if more else "is no row and was"
            said.append(f"Line {lines[0]}, {what},{more} {verb} left out.")
        if self.short:
            count = f"{plural(len(self.short), 'row')} with fewer cells than others"
            said.append(
                f"{count}, first in line {self.short[0]}: the last cells were taken to be missing."
            )
        if self.zeros:
            said.append(f"Zero bytes in line {self.zeros[0]} and after it were left out.")
        return said


def read_text_table(path: Path, dialect: Dialect) -> pandas.DataFrame:
    """Read the rows of values; the columns are numbered.

    The numbers of a column are read however they are written; a column that holds words too is one
    of objects. The frame's ``attrs`` hold the ``units`` in cells, by column, and ``remarks``.
    """
    pandas = require_pandas("Reading tables of signals")
    rows = _Rows(path, dialect)
    frame = _parse(pandas, rows, {})
    said = rows.remarks()
    names = dialect.header or [str(i + 1) for i in range(rows.width)]
    texts, marks = {}, set[str]()
    for i in frame:
        if pandas.api.types.is_string_dtype(frame[i]):
            values, mark = quick_numbers(frame[i])
            if values is None:
                texts[i] = frame[i]
            else:
                frame[i] = values
                marks.add(mark)
    writings = {i: Writing.of(cells) for i, cells in texts.items()}
    marks |= {mark for one in writings.values() for mark in one.decimal}
    for i in frame:
        usual = dialect.separator == "," and dialect.decimal == "."
        if i not in texts and not usual and is_suspicious(frame[i], marks, dialect.decimal):
            again = _parse(pandas, _Rows(path, dialect), {"usecols": [i], "dtype": str})
            texts[i] = again[i]
            writings[i] = Writing.of(texts[i])
    parsed = [frame[i] for i in frame if i not in texts and frame[i].dtype.kind == "f"]
    if any((column.dropna() % 1 != 0).any() for column in parsed):
        marks.add(dialect.decimal)
    plain = {
        i: plain_numbers(
            cells, writings[i], marks, dialect.separator, unit_of(names[i]) is not None
        )
        for i, cells in texts.items()
    }
    for i, one in plain.items():
        frame[i] = one.cells
    said += remarks_on({names[i]: one for i, one in plain.items()})
    frame.attrs["units"] = {i: one.unit for i, one in plain.items() if one.unit}
    frame.attrs["remarks"] = said
    return frame


def _parse(pandas: Any, rows: _Rows, more: dict[str, Any]) -> pandas.DataFrame:
    """Let pandas read the cells; numbers that it does not know remain text."""
    blanks = rows.dialect.separator == BLANKS
    options: dict[str, Any] = {
        "sep": r"\s+" if blanks else rows.dialect.separator,
        "decimal": rows.dialect.decimal,
        "header": None,
        "names": list(range(rows.width)),
        "index_col": False,
        "skipinitialspace": True,
        "skip_blank_lines": False,
        "na_values": MISSING,
        "low_memory": False,
    }
    quotes = FileError.at(rows.path, "holds a quote that does not end in its cell")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            frame = pandas.read_csv(rows, **options, **more)
        if len(frame) != rows.count:
            raise quotes
        return frame
    except pandas.errors.ParserWarning as error:
        raise quotes from error
    except pandas.errors.EmptyDataError:
        return pandas.DataFrame({name: [] for name in range(rows.width)})
    except (pandas.errors.ParserError, OSError, ValueError) as error:
        said = quote(str(error).splitlines()[0] if str(error) else type(error).__name__, 120)
        raise FileError.at(rows.path, f"cannot be read as a table: {said}") from error


def line_of(path: Path, dialect: Dialect, row: int) -> int | None:
    """Return the line, from 1, of row ``row`` of the values, from 0; None past the end."""
    return next(itertools.islice((line for line, _ in _Rows(path, dialect).lines), row, None), None)
