"""Time along an axis: ticks in frames or minutes, boundaries, and bars of segments."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from asot.figures.key import Key, Matching
from asot.figures.page import SMALL_SIZE
from asot.figures.palette import Style
from asot.timeline.segments import run_lengths

MAX_RUNS = 2000  # finer than the dots of a print
MAX_BOUNDARIES = 400
TICK_WIDTH = 0.55  # inches that one tick label may take
_SURPLUS = 1 + 1e-9  # decides ties the same way whatever the rounding


def time_ticks(
    n_frames: int, frame_rate: float | None, most: int
) -> tuple[NDArray[np.float64], list[str], str]:
    """Choose round moments from 0 to the end of a recording.

    Parameters
    ----------
    n_frames : int
        Length in frames, at least 1.
    frame_rate : float, optional
        Frames per second; the labels are times with it, frames without.
    most : int
        The largest number of ticks, at least 2.

    Returns
    -------
    positions : ndarray (M,), float64
        In frames.
    labels : list of str
        Minutes and seconds as ``m:ss``; hours and minutes as ``h:mm`` from one hour on; seconds
        up to one second; or frames.
    unit : str
        What the labels are.

    Examples
    --------
    >>> time_ticks(5292, frame_rate=30, most=7)[1:]
    (['0:00', '0:30', '1:00', '1:30', '2:00', '2:30'], 'time (min:s)')
    >>> time_ticks(5292, frame_rate=None, most=7)[1:]
    (['0', '1,000', '2,000', '3,000', '4,000', '5,000'], 'frame')
    """
    if frame_rate is None:
        whole = max(1, math.ceil(_round_up(n_frames / most * _SURPLUS)))
        frames = np.arange(0, n_frames + 1, whole, dtype=np.float64)
        return frames, [f"{int(frame):,}" for frame in frames], "frame"
    duration = n_frames / frame_rate
    step = _round_seconds(duration / most * _SURPLUS)
    if duration >= 3600:
        step = max(step, 60)
    seconds = step * np.arange(math.floor(duration / step * _SURPLUS**2) + 1)
    positions = np.minimum(seconds * frame_rate, n_frames)
    if duration <= 1:
        return positions, [f"{second:.6g}" for second in seconds], "time (s)"
    if duration >= 3600:
        return positions, [_clock(second / 60, 0) for second in seconds], "time (h:min)"
    decimals = next(d for d in range(10) if math.isclose(step, round(step, d)))
    return positions, [_clock(second, decimals) for second in seconds], "time (min:s)"


def tick_count(width: float) -> int:
    """Return how many ticks an axis of ``width`` inches has room for."""
    return max(2, int(width / TICK_WIDTH))


def time_axis(axes: Axes, n_frames: int, frame_rate: float | None, width: float) -> None:
    """Give the x axis of ``axes``, ``width`` inches wide, its limits, ticks and label.

    Data coordinates are frames in either case: frame ``i`` covers ``[i, i + 1)``.
    """
    positions, labels, unit = time_ticks(n_frames, frame_rate, tick_count(width))
    axes.set_xticks(positions, labels)
    axes.set_xlim(0, n_frames)
    axes.set_xlabel(unit, size=SMALL_SIZE, labelpad=2)


def boundaries(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Frames at which a new segment begins, without frame 0.

    Examples
    --------
    >>> boundaries(np.array([4, 4, 1, 4])).tolist()
    [2, 3]
    """
    return run_lengths(labels)[0][1:]


def draw_boundaries(axes: Axes, truth: NDArray[np.int64], across: float, both: bool) -> list[str]:
    """Draw thin lines where the ground truth's segments begin.

    Parameters
    ----------
    axes : Axes
        Where; x is in frames.
    truth : ndarray (N,), int64
        Class of each frame.
    across : float
        Length of the lines in data coordinates, from 0.
    both : bool
        Whether y is in frames too, and gets lines of its own.

    Returns
    -------
    list of str
        A sentence that says so where there are too many to be drawn.
    """
    at = boundaries(truth)
    if len(at) > MAX_BOUNDARIES:
        return [f"The {len(at):,} boundaries of the ground truth are too many to be drawn."]
    stroke = [withStroke(linewidth=1.3, foreground="black")]
    axes.vlines(at, 0, across, colors="white", linewidth=0.7, path_effects=stroke)
    if both:
        axes.hlines(at, 0, across, colors="white", linewidth=0.7, path_effects=stroke)
    return []


def draw_bar(
    axes: Axes,
    labels: NDArray[np.int64],
    key: Key,
    place: tuple[float, float] = (0.0, 1.0),
    matching: Matching | None = None,
    owner: str = "",
    upright: bool = False,
) -> None:
    """Draw a recording's segments as one bar, a patch for each fill.

    A recording of more than ``MAX_RUNS`` segments is drawn from as many evenly spaced frames.

    Parameters
    ----------
    axes : Axes
        Where; x is in frames.
    labels : ndarray (N,), int64
        A label for each frame.
    key : Key
        Gives and collects the fills.
    place : (float, float)
        Begin and end of the bar's other side, in data coordinates.
    matching, owner
        As in :meth:`Key.style`.
    upright : bool
        Whether time runs along y instead.
    """
    edges = np.arange(len(labels) + 1, dtype=np.float64)
    starts, ends, values = run_lengths(labels)
    if len(starts) > MAX_RUNS:
        edges = np.linspace(0, len(labels), MAX_RUNS + 1)
        starts, ends, values = run_lengths(labels[((edges[:-1] + edges[1:]) / 2).astype(int)])
    corners = np.empty((len(starts), 4, 2))
    corners[:, :, 0] = edges[np.stack([starts, ends, ends, starts], axis=1)]
    corners[:, :, 1] = [place[0], place[0], place[1], place[1]]
    outline = [(0.0, place[0]), (len(labels), place[1])]
    if upright:
        corners = corners[:, :, ::-1]
        outline = [corner[::-1] for corner in outline]

    by_style: dict[Style, NDArray[np.bool_]] = {}
    for label in np.unique(values):
        style = key.style(int(label), matching, owner)
        by_style[style] = by_style.get(style, False) | (values == label)
    for style, chosen in by_style.items():
        # One patch for all segments: hatching each by itself takes seconds where there are many.
        axes.add_artist(
            PathPatch(
                Path.make_compound_path_from_polys(corners[chosen]),
                facecolor=style.colour,
                edgecolor=style.hatch_colour,
                hatch=style.hatch or None,
                linewidth=0,
                # Smoothed edges would let white shine through between neighbours.
                antialiased=False,
            )
        )
    # White, unlabelled ends need an outline to be seen as part of the bar.
    (x0, y0), (x1, y1) = outline
    axes.add_artist(
        Rectangle(
            (x0, y0),
            x1 - x0,
            y1 - y0,
            fill=False,
            edgecolor="0.3",
            linewidth=0.4,
            clip_on=False,
        )
    )


def strip_axes(axes: Axes) -> None:
    """Strip axes that hold a single bar from 0 to 1 of ticks and frame."""
    axes.set(xlim=(0, 1), ylim=(1, 0), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


# Neighbouring steps differ by a factor of two at most, so two ticks fit wherever one does.
def _round_up(value: float) -> float:
    """Round up to 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return power * next((factor for factor in (1, 2, 2.5, 5) if value <= factor * power), 10)


def _round_seconds(value: float) -> float:
    """Round up to a step that a clock shows well."""
    if value <= 1:
        return _round_up(value)
    steps = (2, 3, 5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600)
    return next((step for step in steps if value <= step), 3600 * _round_up(value / 3600))


def _clock(value: float, decimals: int) -> str:
    """Write seconds as minutes and seconds, or minutes as hours and minutes."""
    # Rounding first, so that 59.9999999 s is the next minute and not 0:60.
    whole, rest = divmod(round(value * 10**decimals), 60 * 10**decimals)
    return f"{whole}:{rest / 10**decimals:0{3 + decimals if decimals else 2}.{decimals}f}"
