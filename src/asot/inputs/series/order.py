"""The order of a table's rows: clocks that start over, jump, stand still, or are wrong for once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from asot.inputs.series.counts import DAY
from asot.inputs.series.dates import ClockError, Moments
from asot.text import plural, were

_PAUSE = 10  # usual steps, from which on rows are missing
_NEAR = 5  # rows by which the order of rows may be wrong
_MOST = 0.4  # of the rows that may be sorted from afar
_FEW = 20  # one row of so many may be left out
# Where counters of whole numbers start over, and clocks that lack the next larger unit, in seconds.
_FULL = [2.0**bits for bits in (15, 16, 24, 31, 32)]
_ROUND = [1.0, 60.0, 3600.0, DAY / 2, DAY, 7 * DAY]
_SPRING = 4 * 3600.0  # clocks are set an hour ahead before four o'clock


def usual(steps: NDArray[np.float64]) -> float:
    """Return the usual step of a clock, aside from rows that share a time; 0 if there is none."""
    moving = np.abs(steps[steps != 0])
    return float(np.median(moving)) if len(moving) else 0.0


def go_on(made: Moments, place: Callable[[int], str]) -> tuple[NDArray[np.float64], list[str]]:
    """Let clocks go on that start over at midnight or when they are full, or are set by an hour.

    ``made`` has no missing moments.
    """
    seconds = made.seconds
    if not len(seconds) > 2:
        return seconds, []
    remarks = []

    def shift(where: NDArray[np.bool_], by: float, what: str) -> None:
        nonlocal seconds
        if where.any():
            seconds = seconds + np.concatenate([[0.0], np.cumsum(where * by)])
            count = int(where.sum())
            times = "" if count == 1 else f", and {count - 1:,} times more"
            remarks.append(f"{what} in {place(int(where.argmax()) + 1)}{times}: the time goes on.")

    step = usual(np.diff(seconds))
    near = 10 * step
    # Where the clock also jumps ahead, it is wrong in between.
    stays = not (np.diff(seconds) > DAY / 2).any()
    if made.of_day:
        steps = np.diff(seconds)
        over = (steps < -DAY / 2) & (steps >= -DAY)
        shift(over & stays, DAY, "The clock passes midnight")
    if made.zero is None:
        low, high = float(seconds.min()), float(seconds.max())
        fulls = [*_ROUND, *(made.unit * full for full in _FULL)]
        for full in sorted(full for full in fulls if high < full <= high + near):
            steps = np.diff(seconds)
            over = (steps < 0) & (steps + full >= 0) & (steps + full <= near)
            alone = (over | (steps >= 0)).all() and over.mean() <= 0.25
            if 0 <= low <= near and full > 4 * step and alone:
                shift(over, full, f"The clock starts over, after {full:.6g} s,")
                break
    if made.local:
        steps = np.diff(seconds)
        over = (steps >= -DAY) & (steps < min(0.0, near - DAY))
        shift(over & stays, DAY, "The date lacks the change of midnight")
        steps = np.diff(seconds)
        half = (steps >= -DAY / 2) & (steps <= near - DAY / 2)
        shift(half & (near < DAY / 2), DAY / 2, "The clock of twelve hours starts over")
        if step <= 360:
            steps = np.diff(seconds)
            back = (steps >= -3600) & (steps <= 2 * step - 3600) & (steps < 0)
            shift(back, 3600.0, "The clock is set back by an hour")
            steps, zero = np.diff(seconds), 0.0
            if made.zero is not None:
                zero = (made.zero - made.zero.normalize()).total_seconds()
            night = (zero + seconds[:-1]) % DAY < _SPRING
            ahead = night & (steps > 3600) & (steps <= 3600 + 2 * step)
            shift(ahead, -3600.0, "The clock is set ahead by an hour")
    return seconds, remarks


def put_in_order(
    name: str,
    seconds: NDArray[np.float64],
    same: Callable[[], NDArray[np.bool_]],
    place: Callable[[int], str],
) -> tuple[NDArray[np.intp], NDArray[np.float64], list[str]]:
    """Return rising seconds for rows, which rows they are, and remarks on what was done to them.

    Rows that are there twice (as ``same`` tells), and few whose time is far from their
    neighbours', are left out; rows in another order are sorted where each has a place; and rows
    that share a time, as the clock is coarse, are spread over the time until the next. A clock that
    goes back for good is a ClockError, and so are pauses far longer than what was recorded.
    """
    rows = np.arange(len(seconds))
    remarks: list[str] = []

    def leave_out(wrong: NDArray[np.bool_], why: str) -> None:
        nonlocal rows
        if wrong.any():
            count = int(wrong.sum())
            first = rows[wrong][0]
            at = f"{'' if count == 1 else 'first '}{place(int(first))}"
            remarks.append(f"{plural(count, 'row')} {were(count)} left out, {at}: {why}.")
            rows = rows[~wrong]

    steps = np.diff(seconds)
    if len(name.strip()) == 1 and (steps <= 0).mean() > 1 / _FEW:
        raise ClockError(
            f"column {name!r} does not rise as times do: name the column of the times "
            "(--time_column), or give the rows a second (--rate)",
            int((steps <= 0).argmax()) + 1,
        )
    half = len(seconds) // 2
    falls_often = (steps < 0).sum() > (steps > 0).sum()
    if falls_often and np.median(seconds[:half]) > np.median(seconds[half:]):
        rows = rows[::-1]
        remarks.append("The rows run backwards in time, and were turned round.")
    if (np.diff(seconds[rows]) <= 0).any():
        again = _repeated(seconds)
        twice = same() & again
        if twice.sum() >= 0.9 * again.sum():
            leave_out(twice[rows], "the same row is there before")
    few = len(rows) // _FEW
    step = usual(np.diff(seconds[rows]))
    falls = np.diff(seconds[rows]) < 0
    if falls.any():
        line = _longest_rising(seconds[rows])
        fits = _have_room(seconds[rows], line, step)
        moved_by = np.abs(np.argsort(seconds[rows], kind="stable") - np.arange(len(rows)))
        if moved_by.max() <= min(_NEAR, len(rows) // 10):
            fits = ~line
        elif fits.mean() > _MOST:  # a column that is no clock
            fits[:] = False
        odd = ~line & ~fits
        if odd.sum() > few:
            row = int(falls.argmax())
            before, after = seconds[rows[row]], seconds[rows[row + 1]]
            count = int(falls.sum())
            more = f"; {count:,} rows are like that" if count > 1 else ""
            raise ClockError(
                f"the time in column {name!r}, {after:.8g} s, is before that of the row before, "
                f"{before:.8g} s{more}: sort the rows, split the file where its clock starts "
                "over, or give the rows a second (--rate), for which the clock is not used",
                int(rows[row + 1]),
            )
        moved = int((~line & fits).sum())
        leave_out(odd, f"the time in column {name!r} does not fit that of the rows around")
        order = np.argsort(seconds[rows], kind="stable")
        if moved:
            first = place(int(rows[np.flatnonzero(np.diff(seconds[rows]) < 0)[0] + 1]))
            remarks.append(
                f"{plural(moved, 'row')} {were(moved)} not in the order of time, first {first}, "
                "and all were sorted."
            )
        rows = rows[order]
    steps = np.diff(seconds[rows])
    step = usual(steps)
    recorded = float(np.minimum(steps, _PAUSE * step).sum())
    most = max(1000 * step, min(10 * recorded, max(DAY, recorded / 2)))
    far = steps > most
    if far.any():
        block = np.concatenate([[0], np.cumsum(far)])
        sizes = np.bincount(block)
        lone = (sizes < sizes.max())[block]
        if lone.sum() <= few:
            leave_out(lone, f"the time in column {name!r} is far from that of all other rows")
            steps = np.diff(seconds[rows])
    pauses = steps > _PAUSE * step
    lost = float(steps[pauses].sum())
    if lost > most:
        longest = int(steps.argmax())
        count = int(pauses.sum())
        raise ClockError(
            f"the time in column {name!r} jumps by {lasting(steps[longest])} here"
            + (f", and {plural(count, 'pause')} last {lasting(lost)}" if count > 1 else "")
            + f", while the rows last {lasting(recorded)} without: split the file there, or give "
            "the rows a second (--rate), for which the clock is not used",
            int(rows[longest + 1]),
        )
    if (steps == 0).any():
        count = int((steps == 0).sum())
        shared = place(int(rows[int((steps == 0).argmax()) + 1]))
        ticks = len(rows) - count
        if ticks < 4 and count >= ticks:
            raise ClockError(
                f"the clock in column {name!r} is too coarse: its {len(rows):,} rows have "
                f"{plural(ticks, 'different time')}: give the rows a second (--rate)"
            )
        spread = _spread(seconds[rows])
        remarks.append(
            f"{plural(count, 'row')} {'has' if count == 1 else 'have'} the time of the row before "
            f"in column {name!r}, first {shared}: the rows of a time were spread over the time "
            "until the next."
        )
        return rows, spread, remarks
    return rows, seconds[rows], remarks


def lasting(seconds: float) -> str:
    """Say how long something lasts.

    Examples
    --------
    >>> lasting(90), lasting(9000), lasting(1e6)
    ('90 s', '2.5 hours', '11.6 days')
    """
    for unit, name in ((DAY, "days"), (3600.0, "hours")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:,.1f} {name}"
    return f"{seconds:,.0f} s" if seconds >= 100 else f"{seconds:.3g} s"


def _repeated(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell the values (N,) that are there before."""
    result = np.ones(len(values), dtype=bool)
    result[np.unique(values, return_index=True)[1]] = False
    return result


def _longest_rising(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell the members (N,) of the longest subsequence that never falls."""
    ends: list[float] = []
    last: list[int] = []
    before = np.full(len(values), -1)
    for row, value in enumerate(values.tolist()):
        at = bisect_right(ends, value)
        before[row] = last[at - 1] if at else -1
        ends[at : at + 1], last[at : at + 1] = [value], [row]
    result = np.zeros(len(values), dtype=bool)
    row = last[-1]
    while row >= 0:
        result[row] = True
        row = int(before[row])
    return result


def _have_room(
    values: NDArray[np.float64], line: NDArray[np.bool_], step: float
) -> NDArray[np.bool_]:
    """Tell the values (N,) beside a rising ``line`` that a gap of it has room for."""
    rising = values[line]
    at = np.searchsorted(rising, values)
    low = rising[np.maximum(at - 1, 0)]
    high = rising[np.minimum(at, len(rising) - 1)]
    low = np.where(at == 0, high - 2 * step, low)
    high = np.where(at == len(rising), low + 2 * step, high)
    inside = (values > low) & (values < high)
    return np.asarray(inside & (high - low >= 1.4 * step) & ~line)


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spread values (N,) that never fall over the time until the next larger value."""
    starts = np.flatnonzero(np.diff(values, prepend=-np.inf) > 0)
    sizes = np.diff(starts, append=len(values))
    if len(starts) < 2:
        return values
    gaps = np.diff(values[starts])
    tick = float(np.median(gaps))
    each = float(np.median(gaps / sizes[:-1]))
    gaps = np.append(gaps, each * sizes[-1])
    # Rows before a pause do not last until its end.
    room = np.minimum(gaps, np.maximum(tick, each * sizes))
    steps = np.minimum(room / sizes, each if tick > each else np.inf)
    offset = np.zeros(len(starts))
    # A recording may begin within the first tick of its clock, whose later part has the rows.
    if sizes[0] * each < room[0] - each / 2:
        offset[0] = room[0] - sizes[0] * steps[0]
    within = np.arange(len(values)) - np.repeat(starts, sizes)
    return np.repeat(values[starts] + offset, sizes) + within * np.repeat(steps, sizes)
