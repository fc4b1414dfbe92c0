"""Preparations for any signals: smoothing, velocity, and rows at another rate."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from asot.data.frames import window_features
from asot.errors import ArgumentError
from asot.inputs.series.model import Series

# Of a column's variance: changes of a hundredth of its deviation count as rest.
_REST = 1e-4
_SLACK = 0.05  # of a sample in a row; a sensor of 50.1 Hz is one of 50 Hz


def smooth(series: Series, seconds: float) -> Series:
    """Replace each value by the median of the ``seconds`` around it.

    The moving median takes away jumps that are shorter than half the window, such as those of a
    tracker that mistakes the left ear for the right one, and leaves steps where they are. At both
    ends the first or last value is repeated.

    Parameters
    ----------
    series : Series
        Signals; the window is the odd number of rows nearest to ``seconds`` at their rate.
    seconds : float
        Width of the window; 0 changes nothing.

    Returns
    -------
    Series

    Raises
    ------
    ArgumentError
        If ``seconds`` is negative or not finite.

    Examples
    --------
    >>> jump = Series(np.array([[0.0], [0], [9], [0], [0]]), ("x",), np.arange(6) / 10)
    >>> smooth(jump, 0.3).values.ravel().tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0]
    """
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ArgumentError(f"seconds must be 0 or more, but it is {seconds}.")
    width = 2 * round((seconds * series.rate - 1) / 2) + 1
    if width <= 1:
        return series
    from scipy.ndimage import median_filter

    columns = [median_filter(column, size=width, mode="nearest") for column in series.values.T]
    return replace(series, values=np.column_stack(columns))


def velocity(series: Series) -> Series:
    """Append the change per second of each column, as ``column velocity``.

    Central differences, one-sided at both ends: the velocity belongs to the moment of its row.

    Parameters
    ----------
    series : Series
        (N, D), N >= 2.

    Returns
    -------
    Series
        (N, 2 D).

    Examples
    --------
    >>> line = Series(np.array([[0.0], [1.0], [2.0]]), ("x",), np.array([0.0, 0.5, 1.0, 1.5]))
    >>> velocity(line).columns, velocity(line).values.tolist()
    (('x', 'x velocity'), [[0.0, 2.0], [1.0, 2.0], [2.0, 2.0]])
    """
    change = np.gradient(series.values, series.times[:-1], axis=0)
    return replace(
        series,
        values=np.concatenate([series.values, change], axis=1),
        columns=(*series.columns, *(f"{name} velocity" for name in series.columns)),
    )


def resample(series: Series, fps: float) -> Series:
    """Give a series ``fps`` rows a second, each the mean of the signals while it lasts.

    The signals are first read off, along straight lines between their rows, at evenly spaced
    moments: as many in a row as the series has rows in that time, rounded up. So rows that are
    evenly spaced already, a whole number to a new row, are averaged as they are.

    Parameters
    ----------
    series : Series
        Signals.
    fps : float
        Rows a second; may be more than there are.

    Returns
    -------
    Series
        ``floor(duration * fps)`` rows that begin when the series begins.

    Raises
    ------
    ArgumentError
        If ``fps`` is not above 0, or the series is shorter than one row.

    Examples
    --------
    >>> series = Series(np.array([[1.0], [3.0], [5.0], [7.0]]), ("x",), np.arange(5) / 10)
    >>> rows = resample(series, fps=5)
    >>> rows.values.ravel().tolist(), rows.times.tolist()
    ([2.0, 6.0], [0.0, 0.2, 0.4])
    """
    samples, hop, times = _evenly(series, fps)
    whole = samples[: (len(times) - 1) * hop]
    means = whole.reshape(len(times) - 1, hop, -1).mean(axis=1)
    return replace(series, values=means, times=times)


def windows(series: Series, fps: float, seconds: float, octaves: int = 4) -> Series:
    """Describe the ``seconds`` around each of ``fps`` moments a second.

    Each column gives its mean and its deviation in the window, and the logarithm of its energy in
    up to four octaves; see :func:`asot.data.frames.window_features`. The first octave begins at
    one cycle a window.

    Parameters
    ----------
    series : Series
        (M, D) signals, read off evenly as by :func:`resample`.
    fps : float
        Rows a second, which are those of :func:`resample`.
    seconds : float
        Length of a window; at least that of a row.
    octaves : int
        How many at most; fewer where the rate of the series is too low for them.

    Returns
    -------
    Series
        (N, (2 + octaves) D).

    Raises
    ------
    ArgumentError
        If ``fps`` or ``seconds`` is not above 0, or the series is shorter than one row.

    Examples
    --------
    >>> series = Series(np.sin(np.arange(500.0))[:, None], ("ax",), np.arange(501) / 50)
    >>> windows(series, fps=5, seconds=2.56).columns[:3]
    ('ax mean', 'ax deviation', 'ax 0.391-0.781 Hz')
    """
    if not (math.isfinite(seconds) and seconds > 0):
        raise ArgumentError(f"seconds must be above 0, but it is {seconds}.")
    samples, hop, times = _evenly(series, fps)
    rate = fps * hop
    width = max(round(seconds * rate), hop)
    # The octaves end below half the rate, where a sampled signal ends.
    octaves = min(octaves, int(math.log2(width // 2 + 1)))
    variance = samples.var(axis=0)
    floor = np.where(variance > 0, _REST * variance, 1.0)
    values = window_features(samples, width, hop, octaves, floor).astype(np.float64)
    kinds = ["mean", "deviation"]
    for octave in range(octaves):
        low = 2**octave * rate / width
        kinds.append(f"{low:.3g}-{2 * low:.3g} Hz")
    columns = tuple(f"{name} {kind}" for kind in kinds for name in series.columns)
    return replace(series, values=values, columns=columns, times=times)


def _evenly(series: Series, fps: float) -> tuple[NDArray[np.float64], int, NDArray[np.float64]]:
    """Read off samples, ``hop`` for each of N rows and the rest; and the rows' times (N + 1,)."""
    if not (math.isfinite(fps) and fps > 0):
        raise ArgumentError(f"fps must be above 0, but it is {fps}.")
    n_rows = math.floor(series.duration * fps + 1e-6)
    if n_rows < 1:
        raise ArgumentError(
            f"the series lasts {series.duration:.3g} s, which is shorter than one of {fps:g} rows "
            "a second."
        )
    hop = max(1, math.ceil(series.rate / fps - _SLACK))
    n_samples = math.floor((series.duration * fps + 1e-6) * hop)
    start = series.times[0]
    measured, wanted = series.times[:-1], start + np.arange(n_samples) / (fps * hop)
    times = start + np.arange(n_rows + 1) / fps
    if len(wanted) <= len(measured) and np.allclose(
        wanted, measured[: len(wanted)], rtol=0, atol=1e-6 / series.rate
    ):
        return series.values[: len(wanted)], hop, times
    samples = [np.interp(wanted, measured, column) for column in series.values.T]
    return np.column_stack(samples), hop, times
