"""Dates and times of the day, as loggers, phones and spreadsheets write them, in seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import MissingExtraError

# Hours, minutes and seconds, or two of them; a fraction after a point, a comma, or three or six
# digits after a colon; the half of the day.
_OF_DAY = (
    r"(\d{1,4}):(\d\d)(?::(\d\d))?(?:[.,](\d+)|:(\d{3}|\d{6}))?"
    r"\s*(?:([AaPp])\.?\s?[Mm]\.?)?"
)
_ZONE = r"(Z|UTC|GMT|(?:UTC|GMT)?[+-]\d\d:?\d\d)"
_DATE = (
    r"(?:[^\W\d]{2,9}\.?,?\s+)?(\d{1,4})([./-])(\d{1,2})[./-](\d{1,4})"
    rf"(?:[\sT,;_-]+(\d.*?))??\s*{_ZONE}?"
)
_MONTHS = r"(?i).*(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec).*"
# The orders of year, month and day in a date, by the mark between them, the likeliest first.
_ORDERS = {"/": ("ymd", "mdy", "dmy"), ".": ("ymd", "dmy", "mdy"), "-": ("ymd", "dmy", "mdy")}
_WRITTEN = {"ymd": "year first", "dmy": "day first", "mdy": "month first"}


@dataclass(frozen=True)
class Moments:
    """Moments as the cells of a column give them, in seconds (N,); NaN where a cell gives none."""

    seconds: NDArray[np.float64]
    zero: Any = None  # the pandas.Timestamp of second 0, or None
    of_day: bool = False  # without a date: the seconds are since midnight
    local: bool = False  # without a time zone: the clocks may be changed in spring and in autumn
    unit: float = 0.0  # the seconds that a clock of numbers counts in
    remarks: tuple[str, ...] = ()

    @property
    def n_read(self) -> int:
        """Count the cells that give a moment."""
        return int(np.isfinite(self.seconds).sum())


class ClockError(ValueError):
    """A column that does not hold times; ``row``, from 0, is the place if it is known."""

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


def require_pandas(purpose: str = "Reading tables of signals") -> Any:
    """Import pandas, or raise a MissingExtraError with the purpose."""
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise MissingExtraError("pandas", "series", purpose) from error
    return pandas


def read_dates(name: str, values: Any) -> Moments | None:
    """Read a column (N,) of dates or times of the day; None if it holds neither.

    Dates are in ISO 8601, or in numbers with the day, the month or the year first, which is decided
    over the whole column, or with English names of months; times of the day have 24 hours, or AM
    and PM.
    """
    pandas = require_pandas()
    if pandas.api.types.is_timedelta64_dtype(values):
        return Moments(values.dt.total_seconds().to_numpy(dtype=np.float64))
    if pandas.api.types.is_datetime64_any_dtype(values):
        return _since_first(pandas.to_datetime(values, utc=True), local=values.dt.tz is None)
    text = values.astype(object).map(str, na_action="ignore").astype(object).str.strip()
    made = _read_text(name, text)
    # Milliseconds without their zeros: .100 after .50, or 12:00:00:100 after 12:00:00:50.
    shape = r"(\d:\d\d:\d\d[.,:])(\d{1,3})(?!\d)"
    parts = text[:1000].str.extract(shape)[1].dropna()
    if parts.str.len().nunique() > 1 and parts.astype(int).max() >= 250:
        padded = text.str.replace(shape, lambda one: one[1] + one[2].zfill(3), regex=True)
        other = _read_text(name, padded)
        if other is not None and (made is None or _worth(other) > _worth(made)):
            said = f"The fractions of seconds in column {name!r}, such as {parts.iloc[-1]}, were "
            return replace(other, remarks=(*other.remarks, f"{said}taken for milliseconds."))
    return made


def _worth(made: Moments) -> tuple[int, int]:
    """Count the cells that are read, and the steps that do not fall."""
    return made.n_read, int((np.diff(made.seconds) >= 0).sum())


def _read_text(name: str, text: Any) -> Moments | None:
    readers: list[Callable[[str, Any], Moments]] = [_of_day, _iso, _numbered, _worded, _elapsed]
    for read in readers:
        # The first cells tell whether the others are worth a try.
        if _fits(read(name, text[:50]), text[:50]) and _fits(made := read(name, text), text):
            return made
    return None


def _fits(made: Moments, text: Any) -> bool:
    there = int(text.notna().sum())
    return there > 0 and made.n_read >= 0.9 * there


def _of_day(name: str, text: Any) -> Moments:
    parts = text.str.extract(rf"^{_OF_DAY}$")
    first, second, third = (_whole(parts[i]) for i in range(3))
    # Not fillna, which makes numbers of empty texts before pandas 3.
    digits = parts[3].where(parts[3].notna(), parts[4])
    fraction = _whole(digits.str.ljust(9, "0").str[:9].fillna("0"))
    remarks: tuple[str, ...] = ()
    two = ~np.isnan(first) & np.isnan(third)
    if two.any():
        # 12:30.5 is minutes and seconds, and so is 59:30, as no day has 59 hours.
        minutes = parts[3].notna().to_numpy() | bool((first[two] > 23).any())
        first, second, third = (
            np.where(two & minutes, 0, first),
            np.where(two & minutes, first, second),
            np.where(two, np.where(minutes, second, 0), third),
        )
        taken = "minutes and seconds" if minutes[two].all() else "hours and minutes"
        remarks = (
            f"The times in column {name!r}, such as {text[two].iloc[0]}, were taken for {taken}; "
            "if they are not, give the rows a second (--rate).",
        )
    half = parts[5].str.lower().fillna("").to_numpy(dtype=object)
    hours = np.where(half != "", first % 12 + 12.0 * (half == "p"), first)
    whole = (hours * 60 + second) * 60 + third
    return Moments((whole * 1e9 + fraction) / 1e9, None, of_day=True, local=True, remarks=remarks)


def _whole(digits: Any) -> NDArray[np.float64]:
    numbers = require_pandas().to_numeric(digits, errors="coerce")
    return np.asarray(numbers.to_numpy(dtype=np.float64, na_value=np.nan))


def _since_first(dates: Any, local: bool) -> Moments:
    there = dates.dropna()
    if there.empty:
        return Moments(np.full(len(dates), np.nan))
    seconds = (dates - there.iloc[0]).dt.total_seconds().to_numpy(dtype=np.float64)
    return Moments(seconds, there.iloc[0], local=local)


def _without_zone(text: Any) -> bool:
    return not bool(text[:50].str.fullmatch(rf".*:\d\d.*{_ZONE}.*", na=False).any())


def _iso(name: str, text: Any) -> Moments:
    pandas = require_pandas()
    if text[:50].str.contains(",", regex=False, na=False).any():
        # A comma as the mark of decimals, as Python's logging writes it.
        text = text.str.replace(r"(:\d\d),(\d+)", r"\1.\2", regex=True)
    dates = pandas.to_datetime(text, errors="coerce", format="ISO8601", utc=True)
    return _since_first(dates, local=_without_zone(text))


def _numbered(name: str, text: Any) -> Moments:
    """Read dates such as 31.05.2024 12:00 and 5/31/24 1:00 PM, in the order that fits best."""
    pandas = require_pandas()
    parts = text.str.extract(rf"^{_DATE}$")
    known = parts[0].notna()
    nothing = Moments(np.full(len(text), np.nan))
    if not known.any():
        return nothing
    fields = [_whole(parts[i]) for i in (0, 2, 3)]
    within = parts[4]
    if not within[:50].str.contains(":", regex=False, na=True).all():
        colons = r"\1:\2:\3"
        within = within.str.replace(r"^(\d\d)[.h-](\d\d)[.m-](\d\d)", colons, regex=True)
    clock = _of_day(name, within.where(within.notna() | ~known, "0:00:00"))
    zones = parts[5].dropna()
    offset = parts[5].str.extract(r"([+-])(\d\d):?(\d\d)")
    shift = (_whole(offset[1]) * 60 + _whole(offset[2])) * 60 * np.where(offset[0] == "-", -1, 1)
    after_midnight = clock.seconds - np.nan_to_num(shift)
    fits: list[tuple[int, float, str, Any]] = []
    longest = [int(parts[i].str.len().max()) for i in (0, 3)]
    orders = _ORDERS[str(parts[1].dropna().iloc[0])]
    for order in orders if max(longest) > 2 else (*orders[1:], "ymd"):
        if longest[0 if order != "ymd" else 1] > 2:  # the year's digits are elsewhere
            continue
        part = dict(zip(order, fields, strict=True))
        year = np.where(part["y"] < 100, 2000 + part["y"], part["y"])
        table = pandas.DataFrame({"year": year, "month": part["m"], "day": part["d"]})
        dates = pandas.to_datetime(table, errors="coerce", utc=True)
        made = _since_first(dates, local=zones.empty)
        n_wrong = len(text) - made.n_read
        if made.n_read:
            made = replace(made, seconds=made.seconds + after_midnight)
            span = float(np.nanmax(made.seconds) - np.nanmin(made.seconds)) if made.n_read else 0
            fits.append((n_wrong, span, order, made))
    if not fits:
        return nothing
    fits.sort(key=lambda fit: fit[:2])  # stable: the likeliest first
    wrong, span, order, made = fits[0]
    remarks: tuple[str, ...] = ()
    if len(fits) > 1 and fits[1][:2] == (wrong, span):
        remarks = (
            f"The dates in column {name!r}, such as {text[known].iloc[0]}, may be written in more "
            f"than one order; they were taken for {_WRITTEN[order]}, which decides the date alone.",
        )
    return replace(made, remarks=remarks)


def _worded(name: str, text: Any) -> Moments:
    """Read dates with English names of months and four digits of the year."""
    pandas = require_pandas()
    named = text.where(
        text.str.fullmatch(_MONTHS, na=False) & text.str.contains(r"\d{4}", na=False)
    )
    named = named.str.replace(r"(?:GMT|UTC)(?=[+-]\d)", "", regex=True)
    dates = pandas.to_datetime(named, errors="coerce", format="mixed", utc=True)
    return _since_first(dates, local=_without_zone(text))


def _elapsed(name: str, text: Any) -> Moments:
    """Read lengths of time, such as 1 days 00:00:00.5."""
    pandas = require_pandas()
    lengths = pandas.to_timedelta(text.where(text.str.contains("day", na=False)), errors="coerce")
    return Moments(lengths.dt.total_seconds().to_numpy(dtype=np.float64))
