"""Tables of signals: CSV and the like, Parquet, and plain arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from asot.errors import FileError, MissingExtraError, unreadable
from asot.files import require_file
from asot.inputs.series.clock import ClockError, close, find_time_column, moments
from asot.inputs.series.columns import Table, signals_of
from asot.inputs.series.model import Series, fill_gaps
from asot.inputs.series.text import line_of, look_at, read_text_table, require_pandas
from asot.text import listing, quote
from asot.timeline.timelines import even_times

TEXT_SUFFIXES = (".csv", ".tsv", ".tab")
PARQUET_SUFFIXES = (".parquet", ".pq")


def read_series(
    path: str | os.PathLike[str],
    *,
    rate: float | None = None,
    time_column: str | None = None,
    columns: Sequence[str] | None = None,
) -> Series:
    """Read signals from a table: CSV, TSV, Parquet, or an array in a ``.npy`` file.

    The times come from ``time_column`` if the table has it, else from ``rate`` if it is given,
    else from a column that is called as such columns are: ``time``, ``timestamp``, ``t``,
    ``seconds``, ``time_ms``, ``Time (s)``, ... They may be numbers, dates in ISO 8601 or clock
    times. All other columns of numbers are signals, but those that count the rows, as indices do,
    and those that are called ``label``, ``activity`` or the like; name them in ``columns`` to
    have them. Missing values are filled in with straight lines.

    Parameters
    ----------
    path : path-like
        ``.csv``, ``.tsv``, ``.tab``, ``.parquet``, ``.pq``; or ``.npy`` with an (N, D) or (N,)
        array, whose columns are called ``1``, ``2``, ...
    rate : float, optional
        Rows a second, for tables without times.
    time_column : str, optional
        The column of the times.
    columns : sequence of str, optional
        The signals to read, in this order; all by default.

    Returns
    -------
    Series
        (N, D), N >= 2, D >= 1.

    Raises
    ------
    DataError
        If the file is no such table, has no times and no ``rate``, lacks a column that was asked
        for, holds text where numbers were asked for, or if its times are not ever later.
    MissingExtraError
        If pandas (or pyarrow, for Parquet) is not installed.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "log.csv"
    >>> _ = path.write_text("time_ms;ax;note\\n0;1,5;start\\n20;;\\n40;2,5;\\n")
    >>> series = read_series(path)
    >>> series.columns, series.values.ravel().tolist(), series.times.tolist()
    (('ax',), [1.5, 2.0, 2.5], [0.0, 0.02, 0.04, 0.06])
    """
    path = Path(path)
    require_file(path)
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return _read_array(path, rate, columns)
    if suffix in PARQUET_SUFFIXES:
        table = _open_parquet(path)
    elif suffix in TEXT_SUFFIXES:
        table = _open_text(path)
    else:
        known = ", ".join((*TEXT_SUFFIXES, *PARQUET_SUFFIXES, ".npy"))
        raise FileError.at(path, f"is no table of signals that asot reads ({known})")
    return _series_of(table, rate, time_column, columns)


def _open_text(path: Path) -> Table:
    dialect = look_at(path)
    frame = read_text_table(path, dialect)
    header = dialect.header or tuple(str(i + 1) for i in range(frame.shape[1]))
    return Table(path, _unique(header), frame, lambda row: line_of(path, dialect, row))


def _open_parquet(path: Path) -> Table:
    pandas = require_pandas("Reading Parquet")
    try:
        import pyarrow  # noqa: F401 - pandas says less clearly what it misses
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
    return Table(path, _unique(names), frame, lambda row: None)


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """Number the columns without a name, and tell those of one name apart."""
    result: list[str] = []
    for position, name in enumerate(names):
        name = name or f"column {position + 1}"
        twin, count = name, 1
        while twin in result:
            count += 1
            twin = f"{name} ({count})"
        result.append(twin)
    return tuple(result)


def _series_of(
    table: Table, rate: float | None, time_column: str | None, columns: Sequence[str] | None
) -> Series:
    path, names = table.path, table.names
    n_rows = len(table.frame)
    if n_rows < 2:
        raise FileError.at(path, f"holds {n_rows} rows of values; at least 2 are needed")
    clock: int | None
    if time_column is not None and time_column in names:
        clock, use_clock = names.index(time_column), True
    elif time_column is not None and rate is None:
        raise FileError.at(
            path, f"has no column {quote(time_column)} for the times, only {listing(names, 12)}"
        )
    else:
        clock = find_time_column(names)
        use_clock = rate is None
    remarks: list[str] = []
    start = None
    if clock is not None and use_clock:
        try:
            seconds, start, remarks = moments(names[clock], table.frame[clock])
        except ClockError as error:
            line = None if error.row is None else table.line(error.row)
            row = "" if error.row is None or line else f"in row {error.row + 1}, "
            raise FileError.at(path, f"{row}{error}", line) from error
        times = close(seconds)
        remarks += _pauses(times)
    elif rate is not None:
        times = even_times(n_rows, rate)
    else:
        raise FileError.at(
            path,
            "does not say when its rows were measured: give the rows a second (--rate) or the "
            f"column of the times (--time_column); its columns are {listing(names, 12)}",
        )
    chosen, values, notes = signals_of(table, clock, columns)
    remarks += notes
    filled, kept, notes = fill_gaps(values, chosen, times)
    _require_kept(path, columns, kept)
    return Series(filled, kept, times, start, tuple(remarks + notes))


def _require_kept(path: Path, asked: Sequence[str] | None, kept: Sequence[str]) -> None:
    empty = [name for name in asked or () if name not in kept]
    if empty:
        raise FileError.at(path, f"holds no value in column {quote(empty[0])}, which was asked for")
    if not kept:
        raise FileError.at(path, "holds no values: every cell of its columns is missing")


def _pauses(times: NDArray[np.float64]) -> list[str]:
    steps = np.diff(times[:-1])
    longest = int(steps.argmax())
    if steps[longest] <= max(1.0, 10 * float(np.median(steps))):
        return []
    return [
        f"No rows for {steps[longest]:.1f} s after {times[longest]:.1f} s, the longest pause: what "
        "was between was filled in with straight lines."
    ]


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
        raise FileError.at(
            path,
            f"holds an array of shape {array.shape} and type {array.dtype}: signals are real "
            "numbers, (rows, columns) or (rows,)",
        )
    values = array.reshape(len(array), -1).astype(np.float64)
    if len(values) < 2 or values.shape[1] == 0:
        raise FileError.at(path, f"has shape {array.shape}: at least 2 rows and 1 column needed")
    names = [str(i + 1) for i in range(values.shape[1])]
    times = even_times(len(values), rate)
    if columns is not None:
        absent = [name for name in columns if name not in names]
        if absent:
            raise FileError.at(
                path,
                f"has no column {quote(absent[0])}: the columns of an array are '1' to "
                f"{quote(names[-1])}",
            )
        values = values[:, [int(name) - 1 for name in columns]]
        names = list(columns)
    filled, kept, remarks = fill_gaps(values, names, times)
    _require_kept(path, columns, kept)
    return Series(filled, kept, times, None, tuple(remarks))
