"""Times of rows: which column holds them, and what they mean in seconds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.inputs.series.text import require_pandas

_BASES = {
    "clock",
    "date",
    "date_time",
    "datetime",
    "elapsed",
    "elapsed_time",
    "epoch",
    "relative_time",
    "sample_time",
    "t",
    "time",
    "time_elapsed",
    "time_stamp",
    "times",
    "timestamp",
    "timestamps",
    "unix",
    "unix_time",
    "unix_timestamp",
    "unixtime",
    "utc",
    "utc_time",
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


class ClockError(ValueError):
    """A column that cannot be times; ``row`` (from 0) is where, if it is one place."""

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


def time_unit(name: str) -> float | None:
    """Tell from a column's name whether it holds times, and in what unit.

    Returns
    -------
    float or None
        Seconds in the unit, 0 where the name does not say which; None where the name is not that
        of times.

    Examples
    --------
    >>> time_unit("Time [ms]"), time_unit("seconds_elapsed"), time_unit("timestamp")
    (0.001, 1.0, 0.0)
    >>> time_unit("ax") is None
    True
    """
    words = re.sub(r"[^\w]+|_+", "_", name.strip().lower()).strip("_")
    if words in _BASES:
        return 0.0
    if words in _LONE_UNITS:
        return _UNITS[words]
    first, _, last = words.rpartition("_")
    if first in _BASES and last in _UNITS:
        return _UNITS[last]
    unit, _, rest = words.partition("_")
    return _UNITS[unit] if unit in _UNITS and rest in ("elapsed", "since_start") else None


def find_time_column(names: Sequence[str]) -> int | None:
    """The column that holds times by its name; one that says its unit before one that does not.

    Examples
    --------
    >>> find_time_column(["timestamp", "ax", "time_ms"]), find_time_column(["ax", "ay"])
    (2, None)
    """
    units = [(position, time_unit(name)) for position, name in enumerate(names)]
    sure = [position for position, unit in units if unit]
    named = [position for position, unit in units if unit is not None]
    # A column "date" beside a column "time" holds the day alone.
    named.sort(key=lambda position: names[position].strip().lower() == "date")
    return next(iter(sure or named), None)


def moments(name: str, values: Any) -> tuple[NDArray[np.float64], str | None, list[str]]:
    """Turn a column into seconds.

    Numbers are in the unit that the name says, seconds otherwise; numbers as large as those of a
    clock that counts since 1970 are taken for that, in the unit that fits. Text is dates in ISO
    8601 or times of the day. Dates and clocks start at 0.

    Parameters
    ----------
    name : str
        Of the column.
    values : pandas.Series
        Its cells; N >= 1.

    Returns
    -------
    seconds : (N,) float64 array
        Ever later.
    start : str or None
        The date of second 0.
    remarks : list of str

    Raises
    ------
    ClockError
        If a time is missing, no time, or not after the one before.
    """
    pandas = require_pandas("Reading tables of signals")
    remarks: list[str] = []
    start: str | None = None
    numbers = pandas.to_numeric(values, errors="coerce") if _is_plain(pandas, values) else None
    if numbers is not None and (numbers.notna() | values.isna()).all():
        unit = time_unit(name) or 0.0
        exact = _large_integers(numbers)
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
            f"the time in column {name!r}, {_short(seconds[row])} s, is not after that of the row "
            f"before, {_short(seconds[row - 1])} s{count}: sort the rows, or give the rows a "
            "second (rate) if the clock is too coarse",
            row,
        )
    if not time_unit(name) and start is None and len(seconds) > 1:
        step = float(np.median(np.diff(seconds)))
        if step > 1:
            remarks.append(
                f"The times in column {name!r} were taken for seconds, which makes a row every "
                f"{_short(step)} s: if they are milliseconds, call the column time_ms."
            )
    return seconds, start, remarks


def close(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add the end of the last row, a median interval after its moment: (N,) to (N + 1,), N >= 2.

    Examples
    --------
    >>> close(np.array([0.0, 1.0, 2.0])).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    return np.append(moments, moments[-1] + np.median(np.diff(moments)))


def _parse(pandas: Any, name: str, values: Any) -> tuple[NDArray[np.float64], str | None]:
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
        # In a column of numbers it is the odd one out that is wrong, not the numbers.
        words = np.flatnonzero(
            (pandas.to_numeric(values, errors="coerce").isna() & there).to_numpy()
        )
        wrong = words if len(words) * 2 < len(values) else wrong
        cell = str(values.iloc[wrong[0]])[:40]
        raise ClockError(
            f"{cell!r} in column {name!r} is neither a number nor a date in ISO 8601, such as "
            "2024-05-31 12:00:00.5",
            int(wrong[0]),
        )
    elapsed = (dates - dates.iloc[0]).dt.total_seconds().to_numpy(dtype=np.float64)
    return elapsed, str(dates.iloc[0].isoformat())


def _is_plain(pandas: Any, values: Any) -> bool:
    types = pandas.api.types
    return not (types.is_datetime64_any_dtype(values) or types.is_timedelta64_dtype(values))


def _large_integers(numbers: Any) -> NDArray[np.int64] | None:
    """Nanoseconds since 1970 as integers: doubles would round them to a quarter microsecond."""
    if numbers.dtype.kind in "iu" and not numbers.isna().any():
        return numbers.to_numpy(dtype=np.int64)
    return None


def _date(pandas: Any, seconds: float) -> str | None:
    try:
        return str(pandas.Timestamp(seconds, unit="s", tz="UTC").isoformat())
    except (ValueError, OverflowError):
        return None


def _short(seconds: float) -> str:
    return f"{seconds:.9g}"
