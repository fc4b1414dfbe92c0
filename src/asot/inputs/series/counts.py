"""Clocks that count: in which unit, and from when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asot.inputs.series.dates import ClockError, Moments, require_pandas
from asot.inputs.settings import TIME_UNITS

DAY = 86400.0
# The units that people can name, in seconds.
UNITS = dict(zip(TIME_UNITS, (1e-9, 1e-7, 1e-6, 1e-3, 1.0, 60.0, 3600.0, DAY), strict=True))
_NAMES = {
    **{"ns": "nanoseconds", "100ns": "ticks of 100 ns", "us": "microseconds"},
    **{"ms": "milliseconds", "s": "seconds", "min": "minutes", "h": "hours", "d": "days"},
}


class _Epoch(NamedTuple):
    """A moment from which clocks count, in a unit."""

    unit: str
    since: str
    shift: float  # seconds from 1970 to the moment
    slowest: float  # rows a second; a slower clock of whole numbers is likelier to be another


# The first that gives a date within the window is taken.
_EPOCHS = [
    _Epoch("s", "1970", 0.0, 1 / 900),
    _Epoch("ms", "1970", 0.0, 1 / 900),
    _Epoch("us", "1970", 0.0, 0.5),
    _Epoch("ns", "1970", 0.0, 0.0),
    _Epoch("100ns", "the year 1, as .NET counts", -62135596800.0, 0.0),
    _Epoch("100ns", "1601, as Windows counts", -11644473600.0, 0.0),
    _Epoch("s", "2001, as Apple counts", 978307200.0, 0.1),
    _Epoch("s", "1904, as LabVIEW counts", -2082844800.0, 0.1),
    _Epoch("d", "1900, as spreadsheets count", -25569 * DAY, 0.0),
    _Epoch("d", "the year 0, as MATLAB counts", -719529 * DAY, 0.0),
    _Epoch("d", "-4713, as Julian days count", -2440587.5 * DAY, 0.0),
    _Epoch("d", "1858, as modified Julian days count", -40587 * DAY, 0.0),
]
_LIKELY = (946684800.0, 2208988800.0)  # 2000 to 2040
_POSSIBLE = (1e8, 4.2e9)  # 1973 to 2103
_GPS = 315964782.0  # seconds from 1970 to 1980-01-06, less the leap seconds since
_SLACK = 1e-4
# Dates in digits, by the number of these, with how many of them a second has in the last place.
_DIGITS = {
    8: [("%Y%m%d", 1)],
    10: [("%Y%m%d%H", 1)],
    12: [("%Y%m%d%H%M", 1), ("%y%m%d%H%M%S", 1)],
    14: [("%Y%m%d%H%M%S", 1)],
    17: [("%Y%m%d%H%M%S", 1000)],
}
_YEARS = {*range(1980, 2041)}


def read_counts(name: str, numbers: Any, named: float | None, asked: str | None) -> Moments:
    """Read a column of numbers (N,) as moments.

    The unit is ``asked``, a key of :data:`UNITS`; or ``named``, the seconds of the unit in the
    column's name; or else it is found by a plausible date and a plausible number of rows a second,
    and a remark says so where it is in doubt. It is a ClockError if no unit is plausible.
    """
    values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    there = values[np.isfinite(values)]
    written = _written_out(name, numbers, there)
    if written is not None and not asked:
        return written
    zero = float(there[0])
    whole = bool((there == np.round(there)).all())
    # Nanoseconds since 1970 as integers: doubles would round them to a quarter microsecond.
    if numbers.dtype.kind in "iu" and abs(zero) < 2**63:
        exact = numbers.to_numpy(dtype=np.int64)
        since = (exact - exact[0]).astype(np.float64)
    else:
        since = values - zero
    typical = float(np.median(there))
    step = usual_step(name, there)
    if asked or named:
        unit = UNITS[asked] if asked else float(named or 0)
        dated = [
            one for one in _EPOCHS if UNITS[one.unit] == unit and _date(one, typical, _POSSIBLE)
        ]
        if dated or asked or typical * unit < _POSSIBLE[1]:
            made = _moments(values, since, zero, unit, dated[0] if dated else None)
            rate = 1 / (step * unit)
            if asked or 1 / DAY <= rate <= 2e4:
                return made
            key = next(key for key, seconds in UNITS.items() if seconds == unit)
            return replace(made, remarks=(_said(name, key, rate, ""),))
    epoch = _epoch(name, typical, step, whole)
    if epoch is not None:
        made = _moments(values, since, zero, UNITS[epoch.unit], epoch)
        if "gps" in name.lower() and typical * UNITS[epoch.unit] < 1.6e9 and made.zero is not None:
            made = replace(made, zero=made.zero + require_pandas().Timedelta(_GPS, "s"))
        rate = 1 / (step * UNITS[epoch.unit])
        if not named and not epoch.shift and (rate >= 1 or _whole_minutes(epoch, there)):
            return made
        return replace(made, remarks=(_said(name, epoch.unit, rate, f" since {epoch.since}"),))
    unit_name = _since_start(name, zero, step, whole)
    rate = 1 / (step * UNITS[unit_name])
    made = _moments(values, since, zero, UNITS[unit_name], None)
    sure = unit_name == "s" and not whole and not named and 0.9 <= rate <= 1001
    return made if sure else replace(made, remarks=(_said(name, unit_name, rate, ""),))


def usual_step(name: str, values: NDArray[np.float64]) -> float:
    """Return the usual difference between neighbours (N,), also where several share a value."""
    steps = np.diff(values)
    falls = (steps < 0).mean()
    # Rows in disorder differ by more than those in order.
    steps = np.diff(np.sort(values)) if 0.05 < falls < 0.95 else np.abs(steps)
    moving = steps[steps > 0]
    if not len(moving):
        message = f"the time in column {name!r} never changes: give the rows a second (--rate)"
        raise ClockError(message, min(1, len(values) - 1))
    return float(np.median(steps)) or float(np.median(moving)) * len(moving) / len(steps)


def _said(name: str, unit: str, rate: float, since: str) -> str:
    rows = f"{rate:.4g} rows a second" if rate > 1 + _SLACK else f"a row every {1 / rate:.4g} s"
    return (
        f"The times in column {name!r} were taken for {_NAMES[unit]}{since}, which makes {rows}: "
        f"if they are not, name their unit (--time_unit {', '.join(UNITS)})."
    )


def _moments(
    values: NDArray[np.float64],
    since: NDArray[np.float64],
    zero: float,
    unit: float,
    epoch: _Epoch | None,
) -> Moments:
    if epoch is None:
        return Moments(values * unit, unit=unit)
    pandas = require_pandas()
    try:
        date = pandas.Timestamp(round((zero * unit + epoch.shift) * 1e6), unit="us", tz="UTC")
    except (ValueError, OverflowError):
        date = None
    return Moments(since * unit, date, unit=unit)


def _date(epoch: _Epoch, value: float, window: tuple[float, float]) -> bool:
    seconds = value * UNITS[epoch.unit]
    return seconds > _POSSIBLE[0] and window[0] < seconds + epoch.shift < window[1]


def _epoch(name: str, value: float, step: float, whole: bool) -> _Epoch | None:
    """Find from when a clock without a unit counts; None if from no date."""
    ticks = "tick" in name.lower()
    dated = any(word in name.lower() for word in ("date", "serial", "julian", "datenum", "excel"))
    for window in (_LIKELY, _POSSIBLE):
        for one in _EPOCHS:
            if not _date(one, value, window):
                continue
            rate = 1 / (step * UNITS[one.unit])
            minutes = round(step * UNITS[one.unit] / 60)
            regular = minutes > 0 and (1440 % minutes == 0 or minutes % 1440 == 0)
            regular &= abs(step * UNITS[one.unit] / 60 - minutes) < _SLACK * minutes
            if one.unit == "d":
                # As seconds, such days would be thousands of rows a second.
                fits = window == _LIKELY and (dated or (not whole and (regular or step < 1e-3)))
            elif one.unit == "100ns" or ticks:
                fits = one.unit == "100ns" and window == _LIKELY
            elif one.shift:
                fits = window == _LIKELY and not whole and rate >= one.slowest
            else:
                fits = regular or rate > (one.slowest - _SLACK**2 if window == _LIKELY else 1.01)
            if fits and rate < 1e7:
                return one
    return None


def _since_start(name: str, first: float, step: float, whole: bool) -> str:
    """Find the unit of a clock that counts from a start: the one that gives 1 to 1,000 rows.

    Seconds also go before if they give a row in up to ten seconds, or in quarters of a minute,
    unless the clock is a machine's own, which is late at the first row or called a stamp.
    """
    if "tick" in name.lower() and 0.1 <= 1 / (step * UNITS["100ns"]) <= 1e4:
        return "100ns"
    own = whole and ("stamp" in name.lower() or abs(first) > 1000 * step)
    if 1e-5 <= step <= 10 and not own:
        return "s"
    if whole and step % 15 == 0 and step <= 3600 and not own:
        return "s"
    for unit in ("s", "ms", "us", "ns"):
        if 1 - _SLACK <= 1 / (step * UNITS[unit]) <= 1000 + _SLACK:
            return unit
    rows = f"{1 / step:.4g} rows a second" if step < 1 else f"a row every {step:.4g} s"
    raise ClockError(
        f"the time in column {name!r} is in a unit that cannot be told, as seconds would make "
        f"{rows}: name it (--time_unit {', '.join(UNITS)}), or give the rows a second "
        "(--rate)"
    )


def _whole_minutes(epoch: _Epoch, values: NDArray[np.float64]) -> bool:
    minutes = np.diff(values) * UNITS[epoch.unit] / 60
    return bool((np.abs(minutes - np.round(minutes)) < _SLACK).all())


def _written_out(name: str, numbers: Any, there: NDArray[np.float64]) -> Moments | None:
    """Read dates and times of the day that are written as numbers: 20240531120000, 120000.5."""
    low, high = float(there.min()), float(there.max())
    whole = low > 0 and bool((there % 1 == 0).all())
    for form, parts in _DIGITS.get(len(str(int(low))), []) if whole else []:
        known = numbers.dropna().astype("int64")
        pandas = require_pandas()
        text = (known // parts).astype("string")
        dates = pandas.to_datetime(text, format=form, errors="coerce", utc=True)
        # A clock that only counts would soon show a 13th month, or a 60th minute.
        if dates.isna().any() or not {dates.min().year, dates.max().year} <= _YEARS:
            continue
        split = (known % parts).to_numpy(dtype=np.float64) / parts
        seconds = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
        since = (dates - dates.iloc[0]).dt.total_seconds().to_numpy(dtype=np.float64)
        seconds[np.isfinite(seconds)] = since + split - split[0]
        first = dates.iloc[0] + pandas.Timedelta(split[0], "s")
        remark = f"The times in column {name!r} were read as dates, such as {known.iloc[0]}."
        return Moments(seconds, first, local=True, remarks=() if low > 1e13 else (remark,))
    if low < 0 or high >= 240000 or high - low < 100:
        return None
    minutes, seconds = there // 100 % 100, there % 100
    # A clock that only counts would have used the numbers from 60 to 99 too.
    if minutes.max() < 60 and seconds.max() < 60 and len(np.unique(seconds // 1)) >= 5:
        values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
        # Times of which all are before 0:24 are likelier to have no seconds.
        short = high < 2400 and bool((there % 1 == 0).all())
        values = values * 100 if short else values
        of_day = (values // 10000 * 60 + values // 100 % 100) * 60 + values % 100
        taken = "hours and minutes (HHMM)" if short else "hours, minutes and seconds (HHMMSS)"
        remark = f"The times in column {name!r} were read as {taken}."
        return Moments(of_day, of_day=True, local=True, remarks=(remark,))
    return None
