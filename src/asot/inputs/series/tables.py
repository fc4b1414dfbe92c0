"""Tables of signals: text such as CSV, whose layout is recognised, Parquet, and plain arrays.

Of text, :mod:`asot.inputs.series.layout` finds the table and :mod:`asot.inputs.series.rows` reads
its cells.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from asot.errors import FileError, MissingExtraError, unreadable
from asot.files import require_file
from asot.inputs.kinds import ARRAYS, PARQUET, TEXTS, require_width
from asot.inputs.series.clocks import find_time_column, is_whose
from asot.inputs.series.columns import SignalTable, signals_of
from asot.inputs.series.dates import require_pandas
from asot.inputs.series.layout import look_at, with_unit
from asot.inputs.series.rows import read_rows
from asot.inputs.series.signals import Series, fill_gaps
from asot.strangers import require_likely
from asot.text import listing, quote
from asot.timeline.segments import even_times

if TYPE_CHECKING:
    import pandas


def read_series(
    path: Path,
    *,
    rate: float | None = None,
    time_column: str | None = None,
    time_unit: str | None = None,
    columns: Sequence[str] | None = None,
    skip_lines: int | None = None,
    transposed: bool = False,
) -> Series:
    """Read signals from a table, CSV, TSV or Parquet, or from an array (N, D) in a ``.npy`` file.

    The times come from ``time_column`` if the table has it, else from ``rate``, the rows a second,
    if it is given, else from a column with a usual name: ``time``, ``timestamp``, ``t``,
    ``seconds``, ``time_ms``, ``Time (s)``, ..., or one that rises and ends in such a name. They may
    be dates, times of the day, or numbers, in ``time_unit`` (``ms``) or a plausible unit. Remarks
    say what was doubtful, and which rows were sorted, spread or left out.

    The signals are ``columns``, in this order, or all other columns of numbers, but not other
    clocks, counters, and those with a name of labels, such as ``activity``. Missing values, and
    marks of these such as -999, are filled in with straight lines. The columns of an array, and of
    a table that does not name them, are called ``1``, ``2``, ...; with ``transposed`` an array is
    (D, N). The table of a text file begins after ``skip_lines`` lines, or where it is recognised. A
    file that does not fit is a DataError.

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
    if suffix in ARRAYS:
        return _read_array(path, rate, columns, transposed)
    remarks: list[str] = []
    if suffix in PARQUET:
        table = open_parquet(path)
    elif suffix in TEXTS:
        table, told_rate, remarks = _open_text(path, skip_lines)
        rate = rate or told_rate
    else:
        known = ", ".join(filter(None, (*TEXTS, *PARQUET, *ARRAYS)))
        raise FileError.at(path, f"is not a table of signals that asot reads ({known})")
    series = _series_of(table, rate, time_column, time_unit, columns)
    return replace(series, remarks=(*remarks, *series.remarks))


def _open_text(path: Path, skip_lines: int | None) -> tuple[SignalTable, float | None, list[str]]:
    """Read a table in text: with it come the rows a second that it states, and remarks."""
    dialect = look_at(path, skip_lines)
    read = read_rows(path, dialect)
    frame, remarks = read.frame, [*dialect.remarks, *read.remarks]
    names = list(dialect.names or (str(i + 1) for i in range(frame.shape[1])))
    for i, unit in read.units.items():
        names[i] = with_unit(names[i], unit)
    kept = [i for i in frame if (dialect.names and names[i]) or frame[i].notna().any()]
    frame = frame[kept]
    frame.columns = range(len(kept))
    table = SignalTable(path, _unique([names[i] for i in kept]), frame, read.lines)
    return table, dialect.rate, remarks + _kinds_of_rows(table.names, frame)


def _kinds_of_rows(names: Sequence[str], frame: pandas.DataFrame) -> list[str]:
    """Say where a column of words seems to tell what the others hold, as "acc" and "gyr" would."""
    said = []
    for name, (_, cells) in zip(names, frame.items(), strict=True):
        words = cells.dropna()
        if cells.dtype.kind in "iufbM" and not is_whose(name):
            words = cells[:0]
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
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise MissingExtraError("pyarrow", "series", "Reading Parquet") from error
    try:
        with pq.ParquetFile(path) as file:
            require_width(path, len(file.schema_arrow))
            require_likely(path, 8 * file.metadata.num_rows * len(file.schema_arrow))
            try:
                frame = pandas.read_parquet(path, engine="pyarrow")
            except MemoryError:
                raise
            except Exception:  # what others wrote about pandas in the file may raise anything
                frame = file.read().replace_schema_metadata().to_pandas()
    except (FileError, MemoryError):
        raise
    except Exception as error:
        raise FileError.at(path, "is not a Parquet file, or is damaged") from error
    if not isinstance(frame.index, pandas.RangeIndex):
        frame = frame.reset_index()
    names = [
        ".".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in frame.columns
    ]
    frame.columns = range(frame.shape[1])
    return SignalTable(path, _unique(names), frame)


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """Number the columns without a name and the columns of the same name."""
    result: dict[str, None] = {}
    counts: dict[str, Iterator[int]] = {}
    for position, name in enumerate(names, start=1):
        name = name or f"column {position}"
        following = counts.setdefault(name, itertools.count(2))
        twins = (f"{name} ({count})" for count in following)
        result[next(one for one in itertools.chain([name], twins) if one not in result)] = None
    return tuple(result)


def _series_of(
    table: SignalTable,
    rate: float | None,
    time_column: str | None,
    time_unit: str | None,
    columns: Sequence[str] | None,
) -> Series:
    path, names = table.path, table.names
    _require_rows(path, len(table.frame))
    if time_column is not None and time_column not in names:  # its unit was added to its name
        named = (name for name in names if name.rpartition(" (")[0] == time_column)
        time_column = next(named, time_column)
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
        there = table.frame.notna().any(axis=1)  # a row without time and value is none
        table = table if there.all() else table.take(np.flatnonzero(there))
        _require_rows(path, len(table.frame))
        twin = re.compile(re.escape(names[clock]) + r" \(\d+\)")
        for i, name in enumerate(names):
            if twin.fullmatch(name) and not table.frame[i].equals(table.frame[clock]):
                both = f"{quote(names[clock])} and {quote(name)}, that differ"
                raise FileError.at(path, f"has two clocks, {both}: write a file for each of them")
        read = table.clock(clock, time_unit)
        seconds, start, remarks, clocks = read.seconds, read.start, [*read.remarks], read.columns
        if time_column is None and find_time_column([names[clock]]) is None:
            remarks.insert(0, f"Column {quote(names[clock])} was taken for the times of the rows.")
        _require_rows(path, len(seconds))
        if not np.array_equal(read.rows, np.arange(len(table.frame))):
            table = table.take(read.rows)
        # The last row lasts a median interval.
        times = np.append(seconds, seconds[-1] + np.median(np.diff(seconds)))
        steps = np.diff(seconds)
        remarks += _pauses(times, steps)
    elif rate is not None:
        times = even_times(len(table.frame), rate)
        clocks = (clock,) if clock is not None and time_column is not None else ()
    else:
        raise FileError.at(
            path,
            "does not say when its rows were measured: give the rows a second (--rate) or the "
            "column of the times (--time_column, and its unit with --time_unit); its columns are "
            f"{listing(names, 12)}",
        )
    chosen, values, notes = signals_of(table, clocks, times[:-1], columns)
    series = _filled(path, values, chosen, times, columns)
    others = (one for i, one in enumerate(names) if i not in clocks and one not in series.columns)
    said = (*remarks, *notes, *series.remarks)
    return replace(series, start=start, remarks=said, left_out=tuple(others))


def _require_rows(path: Path, count: int) -> None:
    if count < 2:
        raise FileError.at(path, f"holds {count} rows of values; at least 2 are needed")


def _pauses(times: NDArray[np.float64], steps: NDArray[np.float64]) -> list[str]:
    """Say where rows are missing, and where they come unevenly."""
    longest, usual = int(steps.argmax()), float(np.median(steps))
    lost = float(steps[steps > 5 * usual].sum())
    filled = "what was between was filled in with straight lines."
    uneven = (steps < usual / 2) | (steps > 2 * usual)
    if len(steps) > 20 and uneven.mean() > 0.1:
        span = f"{steps.min():.3g} to {steps.max():.3g} s apart"
        longest_is = f"the longest pause after {times[longest]:.1f} s"
        return [f"The rows come unevenly, {span}, {longest_is}: {filled}"]
    if steps[longest] > max(1.0, 10 * usual) or lost > 0.01 * float(steps.sum()):
        since = (
            f"{steps[longest]:.{1 if steps[longest] >= 1 else 2}f} s after {times[longest]:.1f} s"
        )
        return [f"No rows for {since}, the longest pause: {filled}"]
    return []


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
    except MemoryError:
        raise
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
