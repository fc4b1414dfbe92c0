"""Frame-by-action matrices, with the ground truth's boundaries."""

from __future__ import annotations

from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError
from asot.figures.arrays import as_labels, as_matrix, check_frame_rate
from asot.figures.key import Key, Matching, Names, matched_class
from asot.figures.page import (
    AXIS_SPACE,
    FULL_WIDTH,
    MARGIN,
    SMALL_SIZE,
    TICK_SPACE,
    Page,
    house_style,
)
from asot.figures.timeline import draw_bar, draw_boundaries, strip_axes, time_axis

MAX_COLUMNS = 1000
SWATCH = 0.09  # inches
STRIP = 0.15

# Bright is always the better fit: high affinity, much mass, low cost.
_COLOUR_MAPS = {"affinity": "viridis", "assignment": "viridis", "cost": "viridis_r"}


@house_style()
def plot_matrix(
    matrix: ArrayLike,
    ground_truth: ArrayLike | None = None,
    title: str | None = None,
    kind: Literal["affinity", "assignment", "cost"] = "affinity",
    action_names: Names | None = None,
    frame_rate: float | None = None,
    labels: ArrayLike | None = None,
    matching: Matching | None = None,
    width: float = FULL_WIDTH,
) -> Figure:
    """Draw a frame-by-action matrix, actions from top to bottom and time from left to right.

    Bright is the better fit in all three kinds. Recordings of over 1,000 frames are drawn in
    1,000 blocks: the mean of each block, its largest value for assignments, so that a short
    action stays visible.

    Parameters
    ----------
    matrix : array-like (N, K)
        Affinity, assignment or cost of each frame and action, finite.
    ground_truth : array-like of int (N,), optional
        Class of each frame, -1 for none. Its boundaries become lines over the matrix, unless
        there are over 400 of them, and the classes a strip below.
    title : str, optional
        Title of the figure.
    kind : {"affinity", "assignment", "cost"}
        What the matrix holds.
    action_names : sequence of str or mapping of int to str, optional
        Name of each class; more than K are welcome. A class is filled by its place among the
        names, so that a mapping of few classes gives those plain colours.
    frame_rate : float, optional
        Frames per second. Time is in minutes and seconds with it, in frames without.
    labels : array-like of int (N,), optional
        Decoded action of each frame, -1 for none, for a strip of its own.
    matching : mapping of int to int, optional
        Class of each matched action where the actions are clusters; rows and strip then have
        the colours and names of the classes. Without it action k is class k.
    width : float
        Width of the figure in inches; the text stays 7 to 9 points.

    Returns
    -------
    Figure

    Raises
    ------
    ArgumentError
        If shapes differ, a value is not finite, ``kind`` is unknown, or a name is missing.

    Examples
    --------
    >>> figure = plot_matrix([[0.9, 0.1], [0.8, 0.3], [0.2, 0.7]], ground_truth=[0, 0, 1])
    >>> len(figure.axes)
    4
    """
    values = as_matrix(matrix, "matrix", "(N, K)")
    if kind not in _COLOUR_MAPS:
        raise ArgumentError(f"kind must be one of {', '.join(_COLOUR_MAPS)}, but it is {kind!r}.")
    check_frame_rate(frame_rate)
    n_frames, n_actions = values.shape
    strips: list[tuple[str, NDArray[np.int64], Matching | None]] = []
    if labels is not None:
        strips.append(("decoded", as_labels(labels, "labels", n_frames), matching))
    truth = None if ground_truth is None else as_labels(ground_truth, "ground_truth", n_frames)
    if truth is not None:
        strips.append(("ground truth", truth, None))

    page = Page(width)
    size = SMALL_SIZE if n_actions <= 48 else SMALL_SIZE - 1
    rows = [
        page.ruler.fit(r, size, 0.26 * width) for r in _row_names(n_actions, action_names, matching)
    ]
    widest = max(page.ruler.width(row, size) for row in rows)
    for name, _, _ in strips:
        widest = max(widest, page.ruler.width(name, SMALL_SIZE) - SWATCH)
    left = MARGIN + widest + TICK_SPACE + (SWATCH if strips else 0)
    values = _blocks(values, "max" if kind == "assignment" else "mean")
    low, high = values.min(), values.max()
    if kind == "assignment":
        low = min(low, 0.0)
    height = min(6.4, max(0.13 * n_actions, min(0.4 * n_actions, 1.6)))
    right = width - page.scale_width(low, high, height)

    page.row(height)
    axes = page.axes(left, right)
    image = axes.imshow(
        values.T,
        cmap=_COLOUR_MAPS[kind],
        vmin=low,
        vmax=high,
        extent=(0, n_frames, n_actions, 0),
        aspect="auto",
        interpolation="nearest",
    )
    page.scale(image, right, kind)
    notes = [] if truth is None else draw_boundaries(axes, truth, across=n_actions, both=False)

    key = Key(action_names)
    named = axes
    if strips:
        named = page.axes(left - SWATCH, left - 0.02)
        axes.set_yticks([])
        _draw_swatches(named, n_actions, key, matching)
    in_rows = key.entries()
    named.set_yticks(np.arange(n_actions) + 0.5, rows, size=size)
    named.tick_params(axis="y", length=0)

    lowest = axes
    for name, strip_labels, strip_matching in strips:
        lowest.tick_params(axis="x", bottom=False, labelbottom=False)
        page.row(STRIP, above=0.05)
        lowest = page.axes(left, right)
        draw_bar(lowest, strip_labels, key, matching=strip_matching)
        strip_axes(lowest)
        lowest.set_yticks([0.5], [name])
        lowest.tick_params(axis="y", length=0)
        lowest.set_xlim(0, n_frames)
    time_axis(lowest, n_frames, frame_rate, right - left)
    page.space(AXIS_SPACE)
    return page.finish(title, [entry for entry in key.entries() if entry not in in_rows], notes)


def _blocks(values: NDArray[np.float64], reduce: Literal["mean", "max"]) -> NDArray[np.float64]:
    """Shorten (N, K) to at most MAX_COLUMNS rows, each the mean or maximum of its frames."""
    n_frames = len(values)
    if n_frames <= MAX_COLUMNS:
        return values
    edges = np.arange(MAX_COLUMNS + 1) * n_frames // MAX_COLUMNS
    if reduce == "max":
        return np.maximum.reduceat(values, edges[:-1], axis=0)
    return np.add.reduceat(values, edges[:-1], axis=0) / np.diff(edges)[:, None]


def _row_names(n_actions: int, names: Names | None, matching: Matching | None) -> list[str]:
    key = Key(names)
    if matching is None:
        return [str(k) if names is None else key.name(k) for k in range(n_actions)]
    matched = [matched_class(k, matching) for k in range(n_actions)]
    return [f"action {k}" if c is None else key.name(c) for k, c in enumerate(matched)]


def _draw_swatches(axes: Axes, n_actions: int, key: Key, matching: Matching | None) -> None:
    for k in range(n_actions):
        style = key.style(k, matching)
        axes.barh(
            k + 0.5,
            1,
            height=1,
            facecolor=style.colour,
            edgecolor=style.hatch_colour,
            hatch=style.hatch or None,
            linewidth=0,
        )
    axes.set(xlim=(0, 1), ylim=(n_actions, 0), xticks=[])
    axes.spines[:].set_visible(False)
