"""Groups of recordings side by side: values of actions, shares of time, and what follows what."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError
from asot.figures.layout import (
    FULL_WIDTH,
    MARGIN,
    SMALL_SIZE,
    Sheet,
    house_style,
    number_ticks,
    patch_options,
)
from asot.figures.style import Key, Names, line_style

LANE = 0.13  # inches for a group of an action
GAP = 0.1
WIDE_RANGE = 30.0  # from the shortest to the longest: beyond, on a scale of ratios
MOST_BESIDE = 3


@house_style()
def plot_groups(
    samples: Mapping[str, Sequence[ArrayLike]],
    groups: Sequence[str],
    label: str,
    marked: Collection[str] = (),
    boxes: bool = False,
    point: str = "recording",
    title: str | None = None,
    width: float = FULL_WIDTH,
) -> Figure:
    """Draw values of each action, a lane for each group.

    Parameters
    ----------
    samples : mapping of str to sequence of array-like (n,)
        For each action, the values of each group; NaN are left out.
    groups : sequence of str
        Name of each group.
    label : str
        What the values are.
    marked : collection of str
        Actions to put a star at.
    boxes : bool
        Draw the distribution instead of points, mean and standard deviation: a box from the first
        to the third quartile, with the median, and a line from the 5th to the 95th percentile.
    point : str
        What a value is of, for the note.
    title : str, optional
    width : float
        Of the figure, in inches.

    Raises
    ------
    ArgumentError
        If there is no action, or an action has not a sample for each group.

    Examples
    --------
    >>> figure = plot_groups({"pour": [[0.1, 0.3], [0.5, 0.7]]}, ["before", "after"], "share")
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['pour']
    """
    if not samples or any(len(one) != len(groups) for one in samples.values()):
        raise ArgumentError(
            f"samples must hold an action or more, each with a sample for each of the "
            f"{len(groups)} groups, but there are {len(samples)} actions.",
            setting="samples",
        )
    values = {
        action: [one[np.isfinite(one)] for one in map(_as_values, own)]
        for action, own in samples.items()
    }
    every = np.concatenate([one for own in values.values() for one in own])
    sheet = Sheet(width)
    shown, left = sheet.beside([f"{one} *" if one in marked else one for one in values], 0.26)
    right = width - 2 * MARGIN
    step = LANE * len(groups) + GAP
    sheet.row(step * len(values))
    axes = sheet.axes(left, right)
    for row, own in enumerate(values.values()):
        for lane, sample in enumerate(own):
            place = row * step + GAP / 2 + LANE * (lane + 0.5)
            (_box if boxes else _points)(axes, sample, place, line_style(lane).colour)
        if row:
            axes.axhline(row * step, color="0.9", linewidth=0.5)
    axes.set_yticks((np.arange(len(values)) + 0.5) * step, shown, size=SMALL_SIZE)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(values) * step, 0)
    low, high = (float(every.min()), float(every.max())) if every.size else (0.0, 1.0)
    if boxes and low > 0 and high > WIDE_RANGE * low:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.xaxis.set_minor_locator(LogLocator(subs=()))
    else:
        axes.set_xlim(min(0.0, low), 1.04 * high or 1.0)
        axes.set_xticks(*number_ticks(min(0.0, low), 1.04 * high or 1.0, most=6))
    axes.set_xlabel(label, labelpad=2)
    axes.spines[["left", "right", "top"]].set_visible(False)
    sheet.space()
    notes = [
        "Box: quartiles and median; line: from the 5th to the 95th percentile."
        if boxes
        else f"A point is a {point}; the line is the mean, with the standard deviation."
    ]
    if marked:
        notes.append("*: the groups differ.")
    entries = [(group, line_style(lane)) for lane, group in enumerate(groups)]
    return sheet.finish(title, entries if len(groups) > 1 else [], [" ".join(notes)])


@house_style()
def plot_budget(
    shares: Mapping[str, ArrayLike],
    names: Names,
    title: str | None = None,
    width: float = FULL_WIDTH,
) -> Figure:
    """Draw how each group, or recording, spends its time, as a bar of actions.

    Parameters
    ----------
    shares : mapping of str to array-like (K,)
        For each bar, the share of each action; together at most 1.
    names : sequence of str or mapping of int to str
        Name of each of the K actions by its label; its place decides the fill.
    title : str, optional
    width : float
        Of the figure, in inches.

    Examples
    --------
    >>> figure = plot_budget({"before": [0.25, 0.5], "after": [0.5, 0.5]}, ["pour", "stir"])
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['pour', 'stir']
    """
    sheet, key = Sheet(width), Key(names)
    labels = list(names) if isinstance(names, Mapping) else range(len(names))
    shown, left = sheet.beside(list(shares), 0.3)
    sheet.row(0.24 * len(shown))
    axes = sheet.axes(left, width - 0.25)
    for row, own in enumerate(shares.values()):
        reached = 0.0
        for label, share in zip(labels, _as_values(own).tolist(), strict=True):
            if share > 0:
                fill = patch_options(key.style(label))
                axes.barh(row + 0.5, share, left=reached, height=0.78, **fill)
            reached += share
        outline: dict[str, Any] = {"fill": False, "edgecolor": "0.3", "linewidth": 0.4}
        axes.barh(row + 0.5, 1.0, height=0.78, **outline)
    axes.set_yticks(np.arange(len(shown)) + 0.5, shown, size=SMALL_SIZE)
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 1), ylim=(len(shown), 0))
    axes.set_xlabel("share of the time; white: no action", labelpad=2)
    axes.spines[["left", "right", "top"]].set_visible(False)
    sheet.space()
    return sheet.finish(title, key.entries())


@house_style()
def plot_transitions(
    probabilities: Mapping[str, ArrayLike],
    names: Sequence[str],
    title: str | None = None,
    width: float = FULL_WIDTH,
) -> Figure:
    """Draw, for each group, how likely each action (row) is followed by each other one (column).

    Parameters
    ----------
    probabilities : mapping of str to array-like (K, K)
        For each group, the probability of the next action; NaN where an action never ends.
    names : sequence of str
        Name of each of the K actions.
    title : str, optional
    width : float
        Of the figure, in inches.

    Examples
    --------
    >>> figure = plot_transitions({"all": [[0, 1], [1, 0]]}, ["pour", "stir"])
    >>> [axes.get_title() for axes in figure.axes[:1]]
    ['all']
    """
    sheet = Sheet(width)
    shown, left = sheet.beside(names, 0.2)
    beside = min(len(probabilities), MOST_BESIDE)
    right = width - sheet.scale_width(0.0, 1.0, height=1.0)
    side = min((right - left - GAP * (beside - 1)) / beside, max(1.0, 0.3 * len(names)))
    below = max((sheet.ruler.width(one) for one in shown), default=0.0) + GAP
    axes, place = None, left
    for n, (group, matrix) in enumerate(probabilities.items()):
        if n % beside == 0:
            if n:
                sheet.space(below)
            sheet.row(side, above=0.22)
            place = left
        axes = sheet.axes(place, place + side)
        image = axes.imshow(_as_values(matrix), vmin=0, vmax=1, cmap="viridis", aspect="auto")
        axes.set_title(sheet.ruler.fit(group, side), size=SMALL_SIZE + 1, pad=3)
        ticks = np.arange(len(names))
        axes.set_xticks(ticks, shown, rotation=90, size=SMALL_SIZE)
        axes.set_yticks(ticks, shown if n % beside == 0 else [], size=SMALL_SIZE)
        axes.tick_params(length=0)
        place += side + GAP
    if axes is not None:
        sheet.scale(image, place - GAP, "probability")
    sheet.space(below)
    return sheet.finish(title, notes=["Row: an action; column: the one that follows it."])


def _as_values(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)


def _points(axes: Axes, sample: NDArray[np.float64], place: float, colour: str) -> None:
    """Draw points, a little apart, with their mean and standard deviation."""
    apart = (np.arange(len(sample)) * 0.618) % 1 - 0.5
    shown: dict[str, Any] = {
        "s": 7,
        "color": colour,
        "alpha": 0.55,
        "linewidths": 0,
        "clip_on": False,
    }
    axes.scatter(sample, place + 0.55 * LANE * apart, **shown)
    if sample.size:
        mean, spread = sample.mean(), sample.std(ddof=1) if sample.size > 1 else 0.0
        axes.hlines(place, mean - spread, mean + spread, color="0.15", linewidth=0.8)
        axes.vlines(mean, place - 0.42 * LANE, place + 0.42 * LANE, color="0.15", linewidth=1.4)


def _box(axes: Axes, sample: NDArray[np.float64], place: float, colour: str) -> None:
    """Draw a box of quartiles with the median, and a line of nearly all."""
    if sample.size:
        low, first, middle, third, high = np.percentile(sample, [5, 25, 50, 75, 95])
        axes.hlines(place, low, high, color=colour, linewidth=0.8)
        box: dict[str, Any] = {"facecolor": colour, "edgecolor": colour, "linewidth": 0.6}
        axes.barh(place, third - first, left=first, height=0.7 * LANE, **box)
        axes.vlines(middle, place - 0.42 * LANE, place + 0.42 * LANE, color="0.1", linewidth=1.4)
