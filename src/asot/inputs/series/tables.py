"""Tables of signals: text such as CSV, whose layout is recognised, Parquet, and plain arrays.

Text may have: UTF-8 (also with a byte-order mark), UTF-16 and Windows encodings; commas,
tabs or semicolons between cells; decimal commas where the separator is another; lines that begin
with ``#`` before the table, the last of which may be its header; Excel's ``sep=;`` line; no header.
"""

from __future__ import annotations

import csv
import itertools
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from asot.errors import FileError, MissingExtraError, unreadable
from asot.files import require_file
from asot.inputs.series.clocks import find_time_column, read_clock
from asot.inputs.series.columns import SignalTable, signals_of
from asot.inputs.series.dates import ClockError, require_pandas
from asot.inputs.series.signals import Series, fill_gaps
from asot.text import listing, plural, quote
from asot.timeline.segments import even_times

if TYPE_CHECKING:
    import pandas

TEXT_SUFFIXES = (".csv", ".tsv", ".tab")
PARQUET_SUFFIXES = (".parquet", ".pq")
_LOOK = 30  # lines by which the layout is recognised
# Cells that loggers write for missing values, beside those that pandas knows.
_MISSING = ["-", "--", "?", "none", "None", "NONE", "Nan", "inf", "-inf", "Inf", "-Inf"]


def read_series(
    path: Path,
    *,
    rate: float | None = None,
    time_column: str | None = None,
    time_unit: str | None = None,
    columns: Sequence[str] | None = None,
    transposed: bool = False,
) -> Series:
    """Read signals from a table, CSV, TSV or Parquet, or from an array (N, D) in a ``.npy`` file.

    The times come from ``time_column`` if the table has it, else from ``rate``, the rows a second,
    if it is given, else from a column with a usual name: ``time``, ``timestamp``, ``t``,
    ``seconds``, ``time_ms``, ``Time (s)``, ... They may be dates, times of the day, or numbers, in
    ``time_unit`` (``ms``) or a plausible unit. Remarks say what was doubtful, and which rows were
    sorted, spread or left out.

    The signals are ``columns``, in this order, or all other columns of numbers, but not other
    clocks, counters, and those with a name of labels, such as ``activity``. Missing values are
    filled in with straight lines. The columns of an array are called ``1``, ``2``, ...; with
    ``transposed`` it is (D, N). A file that does not fit is a DataError.

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
        return _read_array(path, rate, columns, transposed)
    if suffix in PARQUET_SUFFIXES:
        table = open_parquet(path)
    elif suffix in TEXT_SUFFIXES:
        dialect = look_at(path)
        frame = read_text_table(path, dialect)
        header = dialect.header or tuple(str(i + 1) for i in range(frame.shape[1]))
        table = SignalTable(path, _unique(header), frame, lambda row: line_of(path, dialect, row))
    else:
        known = ", ".join((*TEXT_SUFFIXES, *PARQUET_SUFFIXES, ".npy"))
        raise FileError.at(path, f"is not a table of signals that asot reads ({known})")
    return _series_of(table, rate, time_column, time_unit, columns)


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
    others = (one for i, one in enumerate(names) if i not in clocks and one not in series.columns)
    said = (*remarks, *notes, *series.remarks)
    return replace(series, start=start, remarks=said, left_out=tuple(others))


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


def _read_array(
    path: Path, rate: float | None, columns: Sequence[str] | None, transposed: bool
) -> Series:
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
    values = values.T if transposed and array.ndim == 2 else values
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


@dataclass(frozen=True)
class Dialect:
    """The layout of a table in a text file."""

    encoding: str
    separator: str
    decimal: str
    header: tuple[str, ...] | None  # None if the first line holds numbers
    skip: int  # lines before the first row of values
    rows: tuple[tuple[str, ...], ...]  # the cells of the first few rows of values


def look_at(path: Path) -> Dialect:
    """Recognise the layout of the table in a text file."""
    encoding, lines = _first_lines(path)
    skip, comment, separator = 0, "", None
    while skip < len(lines) and (not lines[skip].strip() or lines[skip].startswith(("#", "sep="))):
        if lines[skip].startswith("#"):
            comment = lines[skip].lstrip("#").strip()
        elif lines[skip].startswith("sep="):
            separator = lines[skip][4:5]
        skip += 1
    body = [line for line in lines[skip:] if line.strip()]
    if not body:
        raise FileError.at(path, "is empty: it holds no row")
    separator = separator or _separator(body)
    rows = [tuple(cell.strip() for cell in row) for row in csv.reader(body, delimiter=separator)]
    decimal = _decimal(rows[1:] or rows, separator)
    header: tuple[str, ...] | None = None
    if not any(_is_number(cell, decimal) for cell in rows[0]):
        header, rows = rows[0], rows[1:]
        skip += 1
    elif comment:
        cells = next(csv.reader([comment], delimiter=separator))
        if len(cells) == len(rows[0]):
            header = tuple(cell.strip() for cell in cells)
    # A separator at the end of each line makes no column.
    while header and not header[-1] and not any("".join(row[len(header) - 1 :]) for row in rows):
        header = header[:-1]
    return Dialect(encoding, separator, decimal, header, skip, tuple(rows))


def read_text_table(path: Path, dialect: Dialect) -> pandas.DataFrame:
    """Read the rows of values, as pandas does; the columns are numbered."""
    pandas = require_pandas("Reading tables of signals")
    width = len(dialect.header or dialect.rows[0] if dialect.rows else dialect.header or ())
    surplus = f"has more than {plural(width, 'cell')}"
    options: dict[str, Any] = {
        "sep": dialect.separator,
        "decimal": dialect.decimal,
        "header": None,
        "names": list(range(width + 1)),  # a further column receives a surplus cell
        "index_col": False,
        "skiprows": dialect.skip,
        "skipinitialspace": True,
        "na_values": _MISSING,
        "low_memory": False,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            frame = pandas.read_csv(path, encoding=dialect.encoding, **options)
    except pandas.errors.EmptyDataError:
        return pandas.DataFrame({name: [] for name in range(width)})
    except pandas.errors.ParserWarning as error:
        raise FileError.at(path, surplus, line_of(path, dialect, 0)) from error
    except (pandas.errors.ParserError, OSError, ValueError) as error:
        found = re.search(r"Expected \d+ fields in line (\d+)", str(error))
        if found:
            raise FileError.at(path, surplus, int(found.group(1))) from error
        said = quote(str(error).splitlines()[0] if str(error) else type(error).__name__, 120)
        raise FileError.at(path, f"cannot be read as a table: {said}") from error
    beyond = frame.pop(width).notna().to_numpy()
    if beyond.any():
        raise FileError.at(path, surplus, line_of(path, dialect, int(beyond.argmax())))
    return frame


def line_of(path: Path, dialect: Dialect, row: int) -> int | None:
    """Return the line, from 1, of row ``row`` of the values, from 0; None past the end."""
    with path.open(encoding=dialect.encoding, errors="replace", newline="") as stream:
        full = (number for number, line in enumerate(stream, 1) if line.strip("\r\n"))
        after = (number for number in full if number > dialect.skip)
        return next(itertools.islice(after, row, None), None)


def _first_lines(path: Path) -> tuple[str, list[str]]:
    try:
        with path.open("rb") as stream:
            mark = stream.read(2)
        encodings = ["utf-16"] if mark in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "cp1252"]
        for encoding in [*encodings, "latin-1"]:
            try:
                with path.open(encoding=encoding) as stream:
                    lines = [line.rstrip("\n") for line in itertools.islice(stream, _LOOK)]
                    # An undecodable letter may come after a million lines.
                    while stream.read(1 << 20):
                        pass
            except UnicodeError:
                continue
            if any("\0" in line for line in lines):
                raise FileError.at(path, "is not a text file: save it as CSV")
            return encoding, lines
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    raise FileError.at(path, "is not a text file: save it as CSV")


def _separator(lines: list[str]) -> str:
    """Recognise the separator of cells; the comma comes last, as it may be a decimal mark."""
    counts = {}
    for separator in "\t;,":
        widths = [len(row) for row in csv.reader(lines, delimiter=separator)]
        if widths[0] > 1 and len(set(widths)) == 1:
            return separator
        counts[separator] = widths[0]
    return max(counts, key=lambda separator: counts[separator])


def _decimal(rows: list[tuple[str, ...]], separator: str) -> str:
    cells = [cell for row in rows for cell in row]
    commas = any(re.fullmatch(r"[-+]?\d*,\d+([eE][-+]?\d+)?", cell) for cell in cells)
    points = any(re.fullmatch(r"[-+]?\d*\.\d+([eE][-+]?\d+)?", cell) for cell in cells)
    return "," if commas and not points and separator != "," else "."


def _is_number(cell: str, decimal: str) -> bool:
    try:
        float(cell.replace(decimal, "."))
    except ValueError:
        return False
    return cell.strip().lower().lstrip("+-") not in ("nan", "inf", "infinity")
