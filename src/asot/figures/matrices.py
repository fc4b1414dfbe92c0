"""Matrices: frames by actions, and distances between all pairs of frames."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError
from asot.figures.layout import (
    FULL_WIDTH,
    SMALL_SIZE,
    TICK_WIDTH,
    Sheet,
    house_style,
    patch_options,
    time_ticks,
)
from asot.figures.segmentations import (
    GROUND_TRUTH,
    as_array,
    as_labels,
    draw_bar,
    draw_boundaries,
    strip_axes,
)
from asot.figures.style import Key, Matching, Names, matched_class
from asot.timeline.names import default_name

MOST = 1000  # blocks or frames along an axis
SWATCH = 0.09  # inches
STRIP = 0.15

_CELLS: dict[str, Any] = {"aspect": "auto", "interpolation": "nearest"}
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
    kind : {"affinity", "assignment", "cost"}
        Content of the matrix.
    action_names : sequence of str or mapping of int to str, optional
        Name of each class; more than K are welcome. A class is filled by its place among the
        names, so that a mapping of few classes gives those plain colours.
    frame_rate : float, optional
        Frames per second; without it, time is in frames.
    labels : array-like of int (N,), optional
        Decoded action of each frame, -1 for none, for a strip of its own.
    matching : mapping of int to int, optional
        Class of each matched action where the actions are clusters; rows and strip then have
        the colours and names of the classes. Without it action k is class k.
    width : float
        Of the figure, in inches; the text stays 7 to 9 points.

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
    values = _as_matrix(matrix, "matrix", "(N, K)")
    if kind not in _COLOUR_MAPS:
        raise ArgumentError(
            f"kind must be one of {', '.join(_COLOUR_MAPS)}, but it is {kind!r}.", setting="kind"
        )
    n_frames, n_actions = values.shape
    strips: list[tuple[str, NDArray[np.int64], Matching | None]] = []
    if labels is not None:
        strips.append(("decoded", as_labels(labels, "labels", n_frames), matching))
    truth = None if ground_truth is None else as_labels(ground_truth, "ground_truth", n_frames)
    if truth is not None:
        strips.append((GROUND_TRUTH, truth, None))

    sheet = Sheet(width)
    size = SMALL_SIZE if n_actions <= 48 else SMALL_SIZE - 1
    rows, left = sheet.beside(_row_names(n_actions, action_names, matching), 0.26, size)
    if strips:
        left = max(left + SWATCH, sheet.beside([name for name, _, _ in strips])[1])
    values = _blocks(values, largest=kind == "assignment")
    high, low = values.max(), values.min(initial=0.0 if kind == "assignment" else np.inf)
    height = min(6.4, max(0.13 * n_actions, min(0.4 * n_actions, 1.6)))
    right = width - sheet.scale_width(low, high, height)

    sheet.row(height)
    axes = sheet.axes(left, right)
    colours: dict[str, Any] = {"cmap": _COLOUR_MAPS[kind], "vmin": low, "vmax": high}
    image = axes.imshow(values.T, extent=(0, n_frames, n_actions, 0), **colours, **_CELLS)
    sheet.scale(image, right, kind)
    notes = [] if truth is None else draw_boundaries(axes, truth, across=n_actions, both=False)

    key = Key(action_names)
    named = axes
    if strips:
        named = sheet.axes(left - SWATCH, left - 0.02)
        axes.set_yticks([])
        for k in range(n_actions):
            named.barh(k + 0.5, 1, height=1, **patch_options(key.style(k, matching)))
        named.set(xlim=(0, 1), ylim=(n_actions, 0), xticks=[])
        named.spines[:].set_visible(False)
    in_rows = key.entries()
    named.set_yticks(np.arange(n_actions) + 0.5, rows, size=size)
    named.tick_params(axis="y", length=0)

    lowest = axes
    for name, strip_labels, strip_matching in strips:
        lowest.tick_params(axis="x", bottom=False, labelbottom=False)
        sheet.row(STRIP, above=0.05)
        lowest = sheet.axes(left, right)
        draw_bar(lowest, strip_labels, key, matching=strip_matching)
        strip_axes(lowest)
        lowest.set_yticks([0.5], [name])
        lowest.tick_params(axis="y", length=0)
        lowest.set_xlim(0, n_frames)
    sheet.time_axis(lowest, n_frames, frame_rate, right - left)
    return sheet.finish(title, [entry for entry in key.entries() if entry not in in_rows], notes)


@house_style()
def plot_pairwise_distances(
    features: ArrayLike,
    ground_truth: ArrayLike | None = None,
    metric: Literal["cosine", "euclidean"] = "cosine",
    title: str | None = None,
    names: Names | None = None,
    frame_rate: float | None = None,
    width: float = 4.6,
) -> Figure:
    """Draw the distances between all pairs of frames; segments show as bright squares.

    Parameters
    ----------
    features : array-like (N, D)
        Feature vector of each frame. Of more than 1,000 frames, 1,000 evenly spaced ones are
        compared.
    ground_truth : array-like of int (N,), optional
        Class of each frame, -1 for none: lines at its boundaries, unless there are over 400,
        and a strip along both axes.
    metric : {"cosine", "euclidean"}
        Distance. The cosine distance is 1 - similarity, from 0 to 2, and 1 to a vector of zeros.
    title : str, optional
    names : sequence of str or mapping of int to str, optional
        Name of each class.
    frame_rate : float, optional
        Frames per second; without it, time is in frames.
    width : float
        Of the figure, in inches.

    Raises
    ------
    ArgumentError
        If shapes differ, a value is not finite, or ``metric`` is unknown.

    Examples
    --------
    >>> figure = plot_pairwise_distances([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
    >>> figure.axes[0].images[0].get_array().round(2)[0].tolist()
    [0.0, 0.01, 1.0]
    """
    values = _as_matrix(features, "features", "(N, D)")
    n_frames = len(values)
    truth = None if ground_truth is None else as_labels(ground_truth, "ground_truth", n_frames)
    drawn = min(n_frames, MOST)
    chosen = ((np.arange(drawn) + 0.5) * n_frames / drawn).astype(int)
    distances = _distances(values[chosen], metric)

    sheet = Sheet(width)
    positions, time_labels, _ = time_ticks(n_frames, frame_rate, int((width - 1.4) / TICK_WIDTH))
    strip = STRIP if truth is not None else 0.0
    left = sheet.beside(time_labels)[1] + 0.05 + strip
    right = width - sheet.scale_width(0.0, distances.max(), height=width / 2)
    sheet.row(right - left)
    axes = sheet.axes(left, right)
    colours: dict[str, Any] = {"cmap": "viridis_r", "vmin": 0}
    image = axes.imshow(distances, extent=(0, n_frames, n_frames, 0), **colours, **_CELLS)
    sheet.scale(image, right, f"{metric} distance")

    key = Key(names)
    notes: list[str] = []
    beside, below = axes, axes
    if truth is not None:
        notes = draw_boundaries(axes, truth, across=n_frames, both=True)
        axes.tick_params(bottom=False, labelbottom=False, left=False, labelleft=False)
        beside = sheet.axes(left - strip, left - 0.03)
        draw_bar(beside, truth, key, upright=True)
        strip_axes(beside)
        sheet.row(strip - 0.03, above=0.03)
        below = sheet.axes(left, right)
        draw_bar(below, truth, key)
        strip_axes(below)
    beside.set_yticks(positions, time_labels)
    beside.set_ylim(n_frames, 0)
    sheet.time_axis(below, n_frames, frame_rate, width - 1.4)
    return sheet.finish(title, key.entries(), notes)


def _distances(values: NDArray[np.float64], metric: str) -> NDArray[np.float64]:
    if metric == "cosine":
        norms = np.linalg.norm(values, axis=1, keepdims=True)
        unit = np.divide(values, norms, out=np.zeros_like(values), where=norms > 0)
        distances = 1 - unit @ unit.T
    elif metric == "euclidean":
        squares = (values**2).sum(axis=1)
        distances = squares[:, None] + squares - 2 * values @ values.T
    else:
        raise ArgumentError(
            f"metric must be cosine or euclidean, but it is {metric!r}.", setting="metric"
        )
    np.fill_diagonal(distances, 0)
    distances = np.maximum(distances, 0)
    return np.sqrt(distances) if metric == "euclidean" else distances


def _blocks(values: NDArray[np.float64], *, largest: bool) -> NDArray[np.float64]:
    """Shorten (N, K) to at most MOST rows, each the mean or the largest value of its frames."""
    n_frames = len(values)
    if n_frames <= MOST:
        return values
    edges = np.arange(MOST + 1) * n_frames // MOST
    if largest:
        return np.maximum.reduceat(values, edges[:-1], axis=0)
    return np.add.reduceat(values, edges[:-1], axis=0) / np.diff(edges)[:, None]


def _row_names(n_actions: int, names: Names | None, matching: Matching | None) -> list[str]:
    key = Key(names)
    if matching is None:
        return [key.name(k) for k in range(n_actions)]
    matched = [matched_class(k, matching) for k in range(n_actions)]
    return [default_name(k) if c is None else key.name(c) for k, c in enumerate(matched)]


def _as_matrix(value: Any, name: str, axes: str) -> NDArray[np.float64]:
    """Check a finite matrix of at least one row and column, whose ``axes`` are as "(N, K)"."""
    array = as_array(value, name)
    if array.ndim != 2 or array.size == 0:
        raise ArgumentError(
            f"{name} must have two axes {axes} with at least one entry each, "
            f"but its shape is {array.shape}.",
            setting=name,
        )
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise ArgumentError(
            f"{name} must be finite, but the value at {axes} = ({row}, {column}) "
            f"is {array[row, column]}.",
            setting=name,
        )
    return array
