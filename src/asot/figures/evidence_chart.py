"""Findings and their charts as plain values, which the page and the pictures draw alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BINS = 24  # of a histogram
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
Tick = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a chart.

    Attributes
    ----------
    label : str
        What is measured, with its unit.
    low, high : float
        The range; ``low < high``, and both are above 0 where ``log``.
    ticks : tuple of (float, str)
        Values inside the range, rising, and what is written there, on one line or two.
    log : bool
        Whether equal steps are equal factors.
    """

    label: str
    low: float
    high: float
    ticks: tuple[Tick, ...]
    log: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A curve or a histogram, with the choice marked.

    Attributes
    ----------
    title : str
        What is drawn upwards.
    x, y : Axis
        The directions.
    points : tuple of (float, float, str)
        Of the curve: x, y and the same in words; empty for a histogram.
    bars : tuple of (float, float, float)
        Of the histogram: from, to and height.
    mark : tuple of (float, str) or None
        The x of the choice, and what to write beside it.
    """

    title: str
    x: Axis
    y: Axis
    points: tuple[tuple[float, float, str], ...] = ()
    bars: tuple[tuple[float, float, float], ...] = ()
    mark: Tick | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One setting, what was found, and what shows it.

    Attributes
    ----------
    heading : str
        The setting.
    sentence : str
        What was found, for everybody.
    reading : str
        How to read the charts.
    charts : tuple of Chart
        At most two.
    shares : tuple of (str, float)
        Names with fractions of a whole.
    head : tuple of str
        Heading of each column of ``rows``.
    rows : tuple of tuple of str
        The charts as a table.
    """

    heading: str
    sentence: str
    reading: str = ""
    charts: tuple[Chart, ...] = ()
    shares: tuple[tuple[str, float], ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def linear_axis(label: str, low: float, high: float, *, most: int = 5, whole: bool = False) -> Axis:
    """An axis from ``low`` to ``high``, a little wider where they are the same.

    Parameters
    ----------
    label : str
        What is measured.
    low, high : float
        The range.
    most : int
        The largest number of ticks.
    whole : bool
        Whether ticks must be whole numbers.

    Examples
    --------
    >>> [text for _, text in linear_axis("agreement", 0.5, 1.0).ticks]
    ['0.5', '0.6', '0.7', '0.8', '0.9', '1']
    """
    if high - low <= 1e-9 * max(abs(low), abs(high), 1.0):
        low, high = low - 0.5, high + 0.5
    reach = (high - low) / most
    scale = 10.0 ** math.floor(math.log10(reach))
    step = next(one * scale for one in _STEPS if one * scale >= reach * (1 - 1e-9))
    if whole:
        step = max(1.0, math.ceil(step))
    # A hair of room: 3 times 0.1 is a little more than 0.3.
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [min(max(one * step, low), high) for one in range(first, last + 1)]
    return Axis(label, low, high, tuple((one, _short(one)) for one in values))


def log_axis(label: str, values: Sequence[float], *, unit: float | None = None) -> Axis:
    """An axis of equal factors around positive values, with ticks at 1, 2, 5, 10, ...

    Parameters
    ----------
    label : str
        What is measured.
    values : sequence of float
        What must lie inside.
    unit : float, optional
        How many of them are a second, to be written on a second line.

    Examples
    --------
    >>> [text for _, text in log_axis("frames", [1, 3, 12], unit=5.0).ticks]
    ['1\\n0.2 s', '2\\n0.4 s', '5\\n1 s', '10\\n2 s']
    """
    low, high = min(values) / 1.15, max(values) * 1.15
    powers = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    ticks = [one for one in ticks if low <= one <= high]
    if len(ticks) < 3:
        ticks = [one for one, _ in linear_axis(label, low, high, most=3).ticks]
    every = math.ceil(len(ticks) / (7 if unit is None else 5))
    return Axis(
        label,
        low,
        high,
        tuple(
            (
                one,
                _short(one) + ("" if unit is None else f"\n{_short(float(f'{one / unit:.2g}'))} s"),
            )
            for one in ticks[::every]
        ),
        log=True,
    )


def _short(value: float) -> str:
    """A tick of at most five characters or so.

    Examples
    --------
    >>> _short(0.25), _short(1500.0), _short(15000.0)
    ('0.25', '1500', '15k')
    """
    return f"{value:.6g}" if abs(value) < 9999.5 else f"{value / 1000:.6g}k"


def histogram(values: Sequence[float], low: float, high: float) -> list[tuple[float, float, float]]:
    """Count values in equal bins between ``low`` and ``high``: from, to and count of each.

    Examples
    --------
    >>> sum(count for _, _, count in histogram([0.1, 0.2, 0.2], 0.0, 1.0))
    3.0
    """
    counts, edges = np.histogram(values, BINS, (low, high))
    return [
        (float(a), float(b), float(n))
        for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def frames_text(frames: float) -> str:
    """A number of frames for people.

    Examples
    --------
    >>> frames_text(1), frames_text(3.44), frames_text(1234.5)
    ('1 frame', '3.4 frames', '1,234 frames')
    """
    shown = f"{frames:.2g}" if frames < 9.95 else f"{round(frames):,}"
    return f"{shown} frame" + ("" if shown == "1" else "s")


def length_text(frames: float, frame_rate: float | None) -> str:
    """A length for people: in seconds where the frame rate is known, else in frames.

    Examples
    --------
    >>> length_text(12, 5.0), length_text(925, 5.0), length_text(12, None)
    ('2.4 s', '3 min 5 s', '12 frames')
    """
    if frame_rate is None:
        return frames_text(frames)
    seconds = frames / frame_rate
    if seconds < 59.5:
        return f"{seconds:.2g} s" if seconds < 9.95 else f"{round(seconds)} s"
    if seconds < 3599.5:
        return "{} min {} s".format(*divmod(round(seconds), 60))
    return "{} h {:02} min".format(*divmod(round(seconds / 60), 60))
