"""The columns of a table that are signals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import FileError
from asot.inputs.series.clocks import Clock, read_clock, time_unit, words_of
from asot.inputs.series.dates import ClockError, require_pandas
from asot.text import listing, plural, quote

# Columns that people add to tables by hand: as features they would give the answer away.
_LABELS = {
    *("action", "activity", "annotation", "behavior", "behaviour", "class", "ground_truth"),
    *("gesture", "gt", "label", "labels", "target", "y_true"),
}
_LABEL_WORDS = re.compile(r"(^|_)(labels?|ground_truth)(_|$)")
# What loggers write for missing values, if it is far from all other values.
_NO_VALUE = (*(-(10.0**digits - 1) for digits in range(2, 6)), 9999.0, 99999.0, 32767.0, -32768.0)
_NO_VALUES = np.array([*_NO_VALUE, 65535.0, 2147483647.0, -2147483648.0, 4294967295.0, -99.99])
_OF_TIMES = re.compile(r"time|stamp|clock|epoch|date|datum|zeit")
_OF_DATES = {"year", "month", "day", "hour", "minute", "second", "hours", "minutes"}
_COUNTERS = re.compile(
    r"(^|_)(frames?|index|idx|samples?|rows?|packets?|seq|sequence|counter|no|nr|number)(_|$)"
)
_PARTS = {
    *("block", "id", "lap", "participant", "person", "run", "session", "subject", "trial", "user"),
}
_MANY = 20  # rows by which a course of values is told
_TEXT, _LABEL = "it is text", "it seems to hold labels"
_PART = "it numbers people or parts of the recording"
_COUNTS, _RAMP = "it only counts the rows", "it changes evenly, as a clock or counter does"
_CLOCK, _WRAPS = "it is another clock", "it counts up and starts over"


@dataclass(frozen=True)
class SignalTable:
    """A table as it was read."""

    path: Path
    names: tuple[str, ...]  # of the columns, all different
    frame: Any  # a pandas.DataFrame with numbered columns
    lines: Sequence[int] | NDArray[np.int64] = ()  # of the rows, from 1; none without lines

    def line(self, row: int) -> int | None:
        """Return the line of a row, from 0."""
        return int(self.lines[row]) if len(self.lines) else None

    def place(self, row: int) -> str:
        """Say where a row stands."""
        line = self.line(row)
        return f"row {row + 1}" if line is None else f"line {line}"

    def take(self, rows: NDArray[np.intp]) -> SignalTable:
        """Return some of the rows."""
        lines = np.asarray(self.lines)[rows] if len(self.lines) else ()
        return replace(self, frame=self.frame.iloc[rows].reset_index(drop=True), lines=lines)

    def clock(self, position: int, unit: str | None) -> Clock:
        """Read the times of the rows, or raise a FileError; see :func:`read_clock`."""
        try:
            return read_clock(self.names, self.frame, position, unit, self.place)
        except ClockError as error:
            line = None if error.row is None else self.line(error.row)
            row = "" if error.row is None or line else f"in row {error.row + 1}, "
            raise FileError.at(self.path, f"{row}{error}", line) from error


def signals_of(
    table: SignalTable,
    clocks: Sequence[int],
    seconds: NDArray[np.float64],
    columns: Sequence[str] | None,
) -> tuple[list[str], NDArray[np.float64], list[str]]:
    """Choose the signals of a table: their names, values (N, D), and remarks on other columns.

    The signals are ``columns`` in their order, or else all columns of numbers but ``clocks``, from
    which the times of the rows, ``seconds`` (N,), are, and other clocks, counters and labels. A
    missing value is NaN. It is a FileError if one of ``columns`` does not exist or is text, or if
    no column is a signal.
    """
    path, names, frame = table.path, table.names, table.frame
    if columns is not None:
        absent = [name for name in columns if name not in names]
        if absent:
            raise FileError.at(path, f"has no column {quote(absent[0])}, only {listing(names, 12)}")
    wanted = [names.index(name) for name in columns] if columns is not None else range(len(names))
    chosen: list[str] = []
    arrays: list[NDArray[np.float64]] = []
    left_out: dict[str, list[str]] = {}
    remarks = []
    for position in wanted:
        name, asked = names[position], columns is not None
        if position in clocks and not asked:
            continue
        numbers, row = _numbers(frame[position])
        if numbers is None:
            if asked:
                cell = frame[position].iloc[row or 0]
                message = f"{quote(str(cell))} in column {quote(name)} is not a number"
                raise FileError.at(path, message, table.line(row or 0))
            left_out.setdefault(_TEXT, []).append(name)
        elif not asked and (why := _no_signal(name, numbers, seconds)):
            left_out.setdefault(why, []).append(name)
        else:
            chosen.append(name)
            numbers, said = _without_marks(name, numbers)
            remarks += said
            arrays.append(numbers)
            if row is not None:
                text_of = f"Text in column {quote(name)} was taken for missing values"
                cell = quote(str(frame[position].iloc[row]))
                remarks.append(f"{text_of}, first {cell} in {table.place(row)}.")
    notes = _like_labels(chosen, arrays) if columns is None else []
    for why, left in left_out.items():
        one = len(left) == 1
        each = why if one else why.replace("it ", "each ", 1)
        notes.append(f"Column{'' if one else 's'} {listing(left, 6)} left out: {each}.")
    if not chosen:
        numbers_left = any(why != _TEXT for why in left_out)
        cure = ["Name those to use, with --columns."] if numbers_left else []
        beside = f"has no column of numbers beside its times: {listing(names, 12)}."
        raise FileError.at(path, " ".join([beside, *notes, *cure]).rstrip("."))
    return chosen, np.column_stack(arrays), notes + remarks


def _no_signal(name: str, numbers: NDArray[np.float64], seconds: NDArray[np.float64]) -> str | None:
    """Say why a column of numbers (N,) is no signal; None if it may be one."""
    words = words_of(name)
    if words in _LABELS or _LABEL_WORDS.search(words):
        return _LABEL
    there = np.isfinite(numbers)
    values, moments = numbers[there], seconds[there]
    steps = np.diff(values)
    whole = bool((values == np.round(values)).all())
    if len(words) > 1 and (time_unit(name) is not None or (words in _OF_DATES and whole)):
        return _CLOCK
    if whole and (words in _PARTS or words.endswith("_id")):
        return _PART
    counter = whole and _COUNTERS.search(words) is not None
    if len(values) < 3 or not (counter or steps.any()):
        return None
    if (steps >= 0).all() and _OF_TIMES.search(words):
        return _CLOCK
    if (steps == 1).all() or (counter and (steps >= 0).all()):
        return _COUNTS
    if len(values) < _MANY:
        return None
    if (steps < 0).sum() > (steps > 0).sum():
        values, steps = -values, -steps
    never_falls = bool((steps >= 0).all())
    if whole and (steps == steps[0]).all():
        return _COUNTS
    moving = steps[steps != 0]
    step = float(np.median(moving))
    if never_falls:
        least = float(moving.min())
        if whole and len(moving) == len(steps) and (steps == least).mean() >= 0.25:
            return _COUNTS  # some rows of a longer table
        slope, begin = np.polyfit(moments - moments[0], values - values[0], 1)
        off = np.abs(values - values[0] - begin - slope * (moments - moments[0])).max()
        even = off <= max(2 * step, 1e-3 * (values[-1] - values[0]))
        return _RAMP if even and len(moving) >= _MANY // 2 else None
    if whole and step > 0:
        low, high = values.min(), values.max()
        falls = moving < 0
        regular = bool((moving[~falls] == step).mean() >= 0.8)
        to_begin = bool((values[1:][steps < 0] <= low + 10 * step).all())
        long = counter or (high - low >= 15 * step and falls.mean() <= 0.1)
        if regular and to_begin and long and high - low > step:
            return _WRAPS
    return None


def _without_marks(
    name: str, numbers: NDArray[np.float64]
) -> tuple[NDArray[np.float64], list[str]]:
    """Take numbers that loggers write for missing values, far from all others, for these."""
    marks = np.isin(numbers, _NO_VALUES) | (np.abs(numbers) >= 9.9e29)
    others = numbers[~marks & np.isfinite(numbers)]
    if not marks.any() or len(others) < _MANY:
        return numbers, []
    low, high = float(others.min()), float(others.max())
    room = max(3 * (high - low), abs(low), abs(high))
    marks &= (numbers < low - room) | (numbers > high + room)
    if not marks.any() or high == low:
        return numbers, []
    value, count = numbers[marks][0], int(marks.sum())
    said = f"{value:g} in column {quote(name)}, in {plural(count, 'row')}, was taken for missing"
    return np.where(marks, np.nan, numbers), [
        f"{said}: the other values are from {low:g} to {high:g}."
    ]


def _like_labels(names: Sequence[str], arrays: Sequence[NDArray[np.float64]]) -> list[str]:
    """Say which columns may hold labels.

    They have no name and hold few whole numbers that stay for long, or one of several is 1 at once.
    """
    found = []
    for name, numbers in zip(names, arrays, strict=True):
        values = numbers[np.isfinite(numbers)]
        changes = np.count_nonzero(np.diff(values))
        few = name.isdecimal() and len(values) >= 5 * _MANY and 0 < changes * _MANY < len(values)
        if few and bool((values == np.round(values)).all()) and len(np.unique(values)) <= _MANY:
            found.append(name)
    binary = [i for i, one in enumerate(arrays) if np.isin(one, (0, 1)).all()]
    if len(binary) > 1 and (np.sum([arrays[i] for i in binary], axis=0) == 1).all():
        found += [names[i] for i in binary if names[i] not in found]
    if not found or len(found) == len(names):
        return []
    what = f"Used as signals, though they may hold labels or states: {listing(found, 6)}"
    return [f"{what}. If they are no signals, name the others with --columns."]


def _numbers(cells: Any) -> tuple[NDArray[np.float64] | None, int | None]:
    """Return a column as numbers, or None if it is mostly text, and the first row with text."""
    pandas = require_pandas()
    types = pandas.api.types
    if types.is_datetime64_any_dtype(cells) or types.is_timedelta64_dtype(cells):
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
