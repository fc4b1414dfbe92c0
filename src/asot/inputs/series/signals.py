"""Signals over time: filling gaps, smoothing, velocity, and rows at another rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asot.data.frames import window_features, without_spikes
from asot.errors import ArgumentError, FileError, require_number
from asot.inputs.shared import match_columns
from asot.text import listing, plural, were
from asot.timeline.segments import require_times

_LONG_GAP = 1.0  # seconds; a straight line over more than that is worth a remark
# Of a column's variance: changes of a hundredth of its deviation count as rest.
_REST = 1e-4
_OCTAVES = 4
_SLACK = 0.05  # of a sample in a row; a sensor of 50.1 Hz passes for 50 Hz


@dataclass(frozen=True)
class Series:
    """Signals over time: finite values (N, D), one row a moment, with the names of their columns.

    Row ``i`` lasts from ``times[i]`` (N + 1,), when it was measured, to ``times[i + 1]``, in
    seconds; ``start`` is the date and time, in ISO 8601, of second 0, if the file has a date.
    Columns of poses end in ``.x``, ``.y`` or ``.z``; before that comes the point, and before the
    point, where there are several, the individual: ``nose.x`` or ``mouse2.nose.x``. ``remarks`` are
    sentences for people on the reading of the file.
    """

    values: NDArray[np.float64]
    columns: tuple[str, ...]
    times: NDArray[np.float64]
    start: str | None = None
    remarks: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()  # columns of the file that are no signals, but for its times
    edges: tuple[tuple[str, str], ...] = ()  # pairs of points that a file of poses joins

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.columns):
            raise ArgumentError(
                f"values must be (N, D) with D = {len(self.columns)}, the number of columns, but "
                f"their shape is {self.values.shape}.",
                setting="values",
            )
        if len(set(self.columns)) < len(self.columns):
            message = f"columns must differ from each other, but are {self.columns}."
            raise ArgumentError(message, setting="columns")
        require_times(self.times, len(self.values))

    @property
    def rate(self) -> float:
        """Return the rows a second by the usual intervals, which pauses do not change.

        Clocks are rounded: of 33 and 34 ms, the mean tells 30 rows a second.
        """
        steps = np.diff(self.times)
        middle = float(np.median(steps))
        usual = steps[(steps > middle / 1.5) & (steps < 1.5 * middle)]
        # Rounded where doubles are no longer exact: 1 / 0.0999999 s means 1 / 0.1 s.
        return float(f"{1 / float(usual.mean()):.9g}")

    @property
    def duration(self) -> float:
        """Return the seconds from the first row to the end of the last."""
        return float(self.times[-1] - self.times[0])


def fill_gaps(
    values: NDArray[np.float64],
    columns: Sequence[str],
    times: NDArray[np.float64],
    what: str = "missing",
) -> tuple[NDArray[np.float64], tuple[str, ...], list[str]]:
    """Fill in missing values of (N, D) with straight lines over time, column by column.

    Before a column's first value and after its last, that value is repeated. A column without any
    value is left out. Returned are the values, the names of their columns, and remarks on the gaps,
    in which ``what`` says why values were missing.

    Examples
    --------
    >>> values = np.array([[np.nan, 1.0], [np.nan, np.nan], [np.nan, 3.0]])
    >>> filled, columns, remarks = fill_gaps(values, ["a", "b"], np.arange(4.0))
    >>> filled.tolist(), columns, remarks[1]
    ([[1.0], [2.0], [3.0]], ('b',), '1 value (33.3 %) was missing and was filled in: b 1.')
    """
    missing = ~np.isfinite(values)
    if not missing.any():
        return values, tuple(columns), []
    remarks = []
    empty = missing.all(axis=0)
    if empty.any():
        names = [columns[i] for i in np.flatnonzero(empty).tolist()]
        remarks.append(f"Left out for holding no value: {listing(names)}.")
    kept = np.flatnonzero(~empty)
    filled, names_kept = values[:, kept], tuple(columns[i] for i in kept.tolist())
    missing = missing[:, kept]
    moments = times[:-1]
    longest, longest_in = 0.0, ""
    for position in np.flatnonzero(missing.any(axis=0)):
        gaps, there = missing[:, position], ~missing[:, position]
        filled[gaps, position] = np.interp(moments[gaps], moments[there], filled[there, position])
        edges = np.flatnonzero(np.diff(gaps.astype(np.int8), prepend=0, append=0))
        lengths = times[edges[1::2]] - times[edges[::2]]
        if lengths.max() > longest:
            longest, longest_in = float(lengths.max()), names_kept[position]
    total = int(missing.sum())
    if total:
        counted, where = _counted(missing, names_kept)
        remark = f"{counted} {were(total)} {what} and {were(total)} filled in: {where}"
        if longest > _LONG_GAP:
            remark += f"; the longest gap lasts {longest:.1f} s, in {longest_in}"
        remarks.append(remark + ".")
    return filled, names_kept, remarks


def _counted(found: NDArray[np.bool_], columns: Sequence[str]) -> tuple[str, str]:
    """Say how many values of (N, D) were found, and in which columns most."""
    counts, total = found.sum(axis=0), int(found.sum())
    worst = np.argsort(-counts, kind="stable")[:3]
    shown = ", ".join(f"{columns[i]} {counts[i]:,}" for i in worst if counts[i])
    if np.count_nonzero(counts) > 3:
        shown = f"most in {shown}"
    return f"{plural(total, 'value')} ({100 * total / found.size:.3g} %)", shown


def level_spikes(series: Series) -> Series:
    """Give single values that leap from both those beside them that of the nearer one.

    A remark says how many. See :func:`asot.data.frames.without_spikes`.
    """
    values = without_spikes(series.values, zeros_stay=False)
    if values is series.values:
        return series
    counted, where = _counted(np.abs(values - series.values) > 0, series.columns)
    remark = f"{counted} leapt from those before and after, and took the nearer of these: {where}."
    return replace(series, values=values, remarks=(*series.remarks, remark))


def pick(path: Path, series: Series, columns: Sequence[str], partly: bool = False) -> Series:
    """Reduce a series, which was read from ``path``, to some of its columns, in their order.

    All must be there, unless it is to be taken ``partly``: then those that are found under a name
    of the same letters, which get the name they were looked for by.
    """
    own = match_columns(columns, series.columns) if partly else {one: one for one in columns}
    # The first of those of one name.
    at = {name: place for place, name in reversed([*enumerate(series.columns)])}
    lacks = [] if partly else [name for name in columns if name not in at]
    if lacks:
        raise FileError.at(path, f"lacks {listing(lacks, 6)}, which other recordings have")
    names = tuple(name for name in columns if name in own)
    places = [at[own[name]] for name in names]
    return replace(series, values=series.values[:, places], columns=names)


def widen(series: Series, columns: Sequence[str]) -> Series:
    """Give a series all of some columns, in their order; those that it lacks are NaN.

    Examples
    --------
    >>> widen(Series(np.array([[1.0], [2.0]]), ("b",), np.arange(3.0)), ["a", "b"]).values
    array([[nan,  1.],
           [nan,  2.]])
    """
    values = np.full((len(series.values), len(columns)), np.nan)
    at = {name: place for place, name in enumerate(columns)}
    values[:, [at[name] for name in series.columns]] = series.values
    return replace(series, values=values, columns=tuple(columns))


def smooth(series: Series, seconds: float) -> Series:
    """Replace each value by the median of the ``seconds`` around it.

    The moving median takes away jumps that are shorter than half the window, as of a tracker that
    mistakes the left ear for the right ear, and leaves steps where they are. At both
    ends the first or last value is repeated. The window is the odd number of rows nearest to
    ``seconds``.
    """
    require_number("seconds", seconds, at_least=0)
    width = 2 * round((seconds * series.rate - 1) / 2) + 1
    if width <= 1:
        return series
    from scipy.ndimage import median_filter

    columns = [median_filter(column, size=width, mode="nearest") for column in series.values.T]
    return replace(series, values=np.column_stack(columns))


def velocity(series: Series) -> Series:
    """Append the change per second of each column, as ``column velocity``.

    Central differences, one-sided at both ends: the velocity belongs to the moment of its row.
    """
    change = np.gradient(series.values, series.times[:-1], axis=0)
    columns = (*series.columns, *(f"{name} velocity" for name in series.columns))
    return replace(series, values=np.concatenate([series.values, change], axis=1), columns=columns)


def resample(series: Series, frame_rate: float) -> Series:
    """Give a series ``frame_rate`` rows a second, each the mean of the signals while it lasts.

    The signals are first sampled, along straight lines between their rows, at evenly spaced
    moments: as many for a new row as the series has rows in that time, rounded up. So rows that are
    evenly spaced already, a whole number to a new row, are averaged as they are. There are
    ``floor(duration * frame_rate)`` new rows, which begin when the series begins.

    Examples
    --------
    >>> series = Series(np.array([[1.0], [3.0], [5.0], [7.0]]), ("x",), np.arange(5) / 10)
    >>> rows = resample(series, frame_rate=5)
    >>> rows.values.ravel().tolist(), rows.times.tolist()
    ([2.0, 6.0], [0.0, 0.2, 0.4])
    """
    samples, hop, times = _evenly(series, frame_rate)
    whole = samples[: (len(times) - 1) * hop]
    means = whole.reshape(len(times) - 1, hop, -1).mean(axis=1)
    return replace(series, values=means, times=times)


def windows(series: Series, frame_rate: float, seconds: float) -> Series:
    """Describe the ``seconds`` around each of ``frame_rate`` moments a second.

    Each of D columns gives its mean and its deviation in the window, and the logarithm of its
    energy in up to four :func:`octaves`; see :func:`asot.data.frames.window_features`. The first
    octave begins at one cycle a window. The
    rows are those of :func:`resample`, and a window is at least as long as a row.

    Examples
    --------
    >>> series = Series(np.sin(np.arange(500.0))[:, None], ("ax",), np.arange(501) / 50)
    >>> windows(series, frame_rate=5, seconds=2.56).columns[:3]
    ('ax mean', 'ax deviation', 'ax 0.391-0.781 Hz')
    """
    require_number("seconds", seconds, above=0)
    samples, hop, times = _evenly(series, frame_rate)
    rate = frame_rate * hop
    width = max(round(seconds * rate), hop)
    count = octaves(series.rate, frame_rate, seconds)
    variance = samples.var(axis=0)
    floor = np.where(variance > 0, _REST * variance, 1.0)
    values = window_features(samples, width, hop, count, floor).astype(np.float64)
    lows = [2**octave * rate / width for octave in range(count)]
    kinds = ["mean", "deviation", *(f"{low:.3g}-{2 * low:.3g} Hz" for low in lows)]
    columns = tuple(f"{name} {kind}" for kind in kinds for name in series.columns)
    return replace(series, values=values, columns=columns, times=times)


def octaves(row_rate: float, frame_rate: float, seconds: float) -> int:
    """Count the octaves in windows of a series: up to four that fit below half its rate."""
    hop = _hop(row_rate, frame_rate)
    width = max(round(seconds * frame_rate * hop), hop)
    return min(_OCTAVES, int(math.log2(width // 2 + 1)))


def _hop(row_rate: float, frame_rate: float) -> int:
    return max(1, math.ceil(row_rate / frame_rate - _SLACK))


def _evenly(
    series: Series, frame_rate: float
) -> tuple[NDArray[np.float64], int, NDArray[np.float64]]:
    """Return evenly spaced samples, how many make a row, and the N rows' times (N + 1,)."""
    require_number("frame_rate", frame_rate, above=0)
    n_rows = math.floor(series.duration * frame_rate + 1e-6)
    if n_rows < 1:
        raise ArgumentError(
            f"the series lasts {series.duration:.3g} s, which is shorter than one of "
            f"{frame_rate:g} rows a second.",
            setting="frame_rate",
        )
    hop = _hop(series.rate, frame_rate)
    n_samples = math.floor((series.duration * frame_rate + 1e-6) * hop)
    start = series.times[0]
    measured, wanted = series.times[:-1], start + np.arange(n_samples) / (frame_rate * hop)
    times = start + np.arange(n_rows + 1) / frame_rate
    if len(wanted) <= len(measured) and np.allclose(
        wanted, measured[: len(wanted)], rtol=0, atol=1e-6 / series.rate
    ):
        return series.values[: len(wanted)], hop, times
    samples = [np.interp(wanted, measured, column) for column in series.values.T]
    return np.column_stack(samples), hop, times
