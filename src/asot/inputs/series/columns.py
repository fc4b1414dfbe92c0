"""The columns of a table: its clock and its signals."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import FileError, MissingExtraError
from asot.text import listing, quote

# Names of columns of times.
_BASES = {
    *("clock", "date_time", "datetime", "elapsed", "elapsed_time", "epoch", "relative_time"),
    *("sample_time", "time", "time_elapsed", "time_stamp", "times", "timestamp", "timestamps"),
    *("unix", "unix_time", "unix_timestamp", "unixtime", "utc", "utc_time", "date", "t"),
}
_UNITS = {
    **dict.fromkeys(["s", "sec", "secs", "second", "seconds"], 1.0),
    **dict.fromkeys(["ms", "msec", "millis", "millisecond", "milliseconds"], 1e-3),
    **dict.fromkeys(["us", "usec", "micros", "microsecond", "microseconds", "µs", "μs"], 1e-6),
    **dict.fromkeys(["ns", "nsec", "nanos", "nanosecond", "nanoseconds"], 1e-9),
    **dict.fromkeys(["min", "mins", "minute", "minutes"], 60.0),
    **dict.fromkeys(["h", "hour", "hours"], 3600.0),
}
_LONE_UNITS = {"s", "sec", "secs", "seconds", "ms", "millis", "milliseconds", "microseconds"}
# Seconds since 1970 are between 1e8 and 1e10 from 1973 to 2286; so are, scaled, the other units.
_EPOCH = [(1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3)]
_EPOCH_SECONDS = 1e8
# Columns that people add to tables by hand: as features they would give the answer away.
_LABELS = {
    *("action", "activity", "annotation", "behavior", "behaviour", "class", "ground_truth"),
    *("label", "labels", "target"),
}


class ClockError(ValueError):
    """A column that does not hold times; ``row``, from 0, is the place if it is known."""

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


def require_pandas(purpose: str) -> Any:
    """Import pandas, or raise a MissingExtraError with the purpose."""
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise MissingExtraError("pandas", "series", purpose) from error
    return pandas


def time_unit(name: str) -> float | None:
    """Return the seconds of the unit that the name of a column of times gives.

    The result is 0 for times without a unit, and None for a name that does not stand for times.

    Examples
    --------
    >>> time_unit("Time [ms]"), time_unit("seconds_elapsed"), time_unit("timestamp")
    (0.001, 1.0, 0.0)
    >>> time_unit("ax") is None
    True
    """
    words = _words(name)
    if words in _BASES:
        return 0.0
    if words in _LONE_UNITS:
        return _UNITS[words]
    first, _, last = words.rpartition("_")
    if first in _BASES and last in _UNITS:
        return _UNITS[last]
    unit, _, rest = words.partition("_")
    return _UNITS[unit] if unit in _UNITS and rest in ("elapsed", "since_start") else None


def find_time_column(names: Sequence[str], frame: Any = None) -> int | None:
    """Find the column that holds times by its name.

    A name with a unit comes before a name without, and a word before a letter, as ``T`` may be a
    temperature. A ``date`` stands between, but comes last if the numbered columns of ``frame`` show
    that it holds the day alone.

    Examples
    --------
    >>> find_time_column(["timestamp", "ax", "time_ms"]), find_time_column(["T", "ax", "timestamp"])
    (2, 2)
    """

    def rank(position: int) -> int:
        words, unit = _words(names[position]), time_unit(names[position])
        if words == "date":
            days = frame is not None and (frame[position].iloc[:2].nunique() < 2)
            return 5 if days else 2
        if words in ("t", "s"):
            return 4
        return 3 if words == "ms" or words.startswith("t_") else 0 if unit else 1

    named = [position for position, name in enumerate(names) if time_unit(name) is not None]
    return min(named, key=rank, default=None)


def _words(name: str) -> str:
    return re.sub(r"[^\w]+|_+", "_", name.strip().lower()).strip("_")


def moments(name: str, values: Any) -> tuple[NDArray[np.float64], str | None, list[str]]:
    """Turn a column (N,) into rising seconds, the date of second 0 (or None), and remarks.

    Numbers are in the unit that the name gives, or else in seconds; numbers large enough to count
    from 1970 are taken for that, in the unit that fits. Text is dates in ISO 8601 or times of the
    day. Dates and clocks start at 0. A missing or malformed time is a ClockError, and so is a time
    that is not after that of the row before.
    """
    pandas = require_pandas("Reading tables of signals")
    remarks: list[str] = []
    start: str | None = None
    numbers = None if _dated(values) else pandas.to_numeric(values, errors="coerce")
    if numbers is not None and (numbers.notna() | values.isna()).all():
        unit = time_unit(name) or 0.0
        # Nanoseconds since 1970 as integers: doubles would round them to a quarter microsecond.
        whole = numbers.dtype.kind in "iu" and not numbers.isna().any()
        exact = numbers.to_numpy(dtype=np.int64) if whole else None
        seconds = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
        largest = float(np.nanmax(np.abs(seconds), initial=0.0))
        if not unit:
            unit = next((scale for limit, scale in _EPOCH if largest > limit), 1.0)
        if largest * unit > _EPOCH_SECONDS:
            start = _date(pandas, float(seconds[0]) * unit)
            seconds = seconds - seconds[0] if exact is None else (exact - exact[0]).astype(float)
        seconds = seconds * unit
    else:
        seconds, start = _parse(pandas, name, values)
    bad = np.flatnonzero(~np.isfinite(seconds))
    if len(bad):
        raise ClockError(f"the time in column {name!r} is missing", int(bad[0]))
    early = np.flatnonzero(np.diff(seconds) <= 0)
    if len(early):
        row = int(early[0]) + 1
        count = f"; {len(early):,} rows are like that" if len(early) > 1 else ""
        raise ClockError(
            f"the time in column {name!r}, {seconds[row]:.9g} s, is not after that of the row "
            f"before, {seconds[row - 1]:.9g} s{count}: sort the rows, or give the rows a "
            "second (rate) if the clock is too coarse",
            row,
        )
    if not time_unit(name) and start is None and len(seconds) > 1:
        step = float(np.median(np.diff(seconds)))
        if step > 1:
            remarks.append(
                f"The times in column {name!r} were taken for seconds, which makes a row every "
                f"{step:.9g} s: if they are milliseconds, call the column time_ms."
            )
    return seconds, start, remarks


def _parse(pandas: Any, name: str, values: Any) -> tuple[NDArray[np.float64], str | None]:
    """Turn dates, and times of the day, into seconds and the date of second 0."""
    there = values.notna()
    if pandas.api.types.is_timedelta64_dtype(values):
        return values.dt.total_seconds().to_numpy(dtype=np.float64), None
    dates = values
    if not pandas.api.types.is_datetime64_any_dtype(values):
        clocks = values.astype(str).str.fullmatch(r"\s*\d+:\d\d:\d\d(\.\d+)?\s*")
        if (clocks | ~there).all():
            elapsed = pandas.to_timedelta(values.where(clocks))
            return elapsed.dt.total_seconds().to_numpy(dtype=np.float64), None
        dates = pandas.to_datetime(values, errors="coerce", format="ISO8601", utc=True)
    wrong = np.flatnonzero((dates.isna() & there).to_numpy())
    if len(wrong):
        # In a column that is mostly numbers, the numbers are right.
        odd = pandas.to_numeric(values, errors="coerce").isna() & there
        words = np.flatnonzero(odd.to_numpy())
        wrong = words if len(words) * 2 < len(values) else wrong
        cell = str(values.iloc[wrong[0]])[:40]
        raise ClockError(
            f"{cell!r} in column {name!r} is neither a number nor a date in ISO 8601, such as "
            "2024-05-31 12:00:00.5",
            int(wrong[0]),
        )
    elapsed = (dates - dates.iloc[0]).dt.total_seconds().to_numpy(dtype=np.float64)
    return elapsed, str(dates.iloc[0].isoformat())


def _dated(values: Any) -> bool:
    """Tell columns of dates or times by their type."""
    types = require_pandas("Reading tables of signals").api.types
    return bool(types.is_datetime64_any_dtype(values) or types.is_timedelta64_dtype(values))


def _date(pandas: Any, seconds: float) -> str | None:
    try:
        return str(pandas.Timestamp(seconds, unit="s", tz="UTC").isoformat())
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True)
class SignalTable:
    """A table as it was read."""

    path: Path
    names: tuple[str, ...]  # of the columns, all different
    frame: Any  # a pandas.DataFrame with numbered columns
    line: Callable[[int], int | None]  # the line, from 1, of a row, from 0; None without lines


def signals_of(
    table: SignalTable, clock: int | None, columns: Sequence[str] | None
) -> tuple[list[str], NDArray[np.float64], list[str]]:
    """Choose the signals of a table: their names, values (N, D), and remarks on other columns.

    The signals are ``columns`` in their order, or else all columns of numbers but ``clock``, which
    holds the times, counters of rows, and labels. A missing value is NaN. It is a FileError if one
    of ``columns`` does not exist or is text, or if no column is a signal.
    """
    path, names, frame = table.path, table.names, table.frame
    if columns is not None:
        absent = [name for name in columns if name not in names]
        if absent:
            raise FileError.at(path, f"has no column {quote(absent[0])}, only {listing(names, 12)}")
    wanted = [names.index(name) for name in columns] if columns is not None else range(len(names))
    chosen: list[str] = []
    arrays: list[NDArray[np.float64]] = []
    text, counters, labels = "it is text", "it only counts the rows", "it seems to hold labels"
    left_out: dict[str, list[str]] = {text: [], counters: [], labels: []}
    remarks = []
    for position in wanted:
        name, asked = names[position], columns is not None
        if position == clock and not asked:
            continue
        numbers, row = _numbers(frame[position])
        if numbers is None:
            if asked:
                cell = frame[position].iloc[row or 0]
                message = f"{quote(str(cell))} in column {quote(name)} is not a number"
                raise FileError.at(path, message, table.line(row or 0))
            left_out[text].append(name)
        elif not asked and name.strip().lower().replace(" ", "_") in _LABELS:
            left_out[labels].append(name)
        elif not asked and len(numbers) > 2 and (np.diff(numbers) == 1).all():
            left_out[counters].append(name)
        else:
            chosen.append(name)
            arrays.append(numbers)
            if row is not None:
                line = table.line(row)
                place = f"line {line}" if line else f"row {row + 1}"
                text_of = f"Text in column {quote(name)} was taken for missing values"
                cell = quote(str(frame[position].iloc[row]))
                remarks.append(f"{text_of}, first {cell} in {place}.")
    if not chosen:
        raise FileError.at(path, f"has no column of numbers beside its times: {listing(names, 12)}")
    notes = []
    for why, left in left_out.items():
        if left:
            one = len(left) == 1
            each = why if one else why.replace("it ", "each ", 1)
            notes.append(f"Column{'' if one else 's'} {listing(left, 6)} left out: {each}.")
    return chosen, np.column_stack(arrays), notes + remarks


def _numbers(cells: Any) -> tuple[NDArray[np.float64] | None, int | None]:
    """Return a column as numbers, or None if it is mostly text, and the first row with text."""
    pandas = require_pandas("Reading tables of signals")
    types = pandas.api.types
    if _dated(cells):
        return None, None
    if types.is_numeric_dtype(cells) and not types.is_complex_dtype(cells):
        return cells.to_numpy(dtype=np.float64, na_value=np.nan), None
    try:
        numbers = pandas.to_numeric(cells, errors="coerce")
    except TypeError:  # cells that are lists
        return None, None
    lost = (numbers.isna() & cells.notna()).to_numpy()
    row = int(lost.argmax()) if lost.any() else None
    # Up to a cell in ten may be text, as of a sensor that sometimes says "error".
    if lost.sum() * 10 > cells.notna().sum():
        return None, row
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan), row
