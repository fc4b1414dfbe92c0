"""Distances between all pairs of frames: segments show as squares on the diagonal."""

from __future__ import annotations

from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError
from asot.figures.arrays import as_labels, as_matrix, check_frame_rate
from asot.figures.key import Key, Names
from asot.figures.page import (
    AXIS_SPACE,
    MARGIN,
    SMALL_SIZE,
    TICK_SPACE,
    Page,
    house_style,
)
from asot.figures.timeline import (
    draw_bar,
    draw_boundaries,
    strip_axes,
    tick_count,
    time_axis,
    time_ticks,
)

MAX_FRAMES = 1000
STRIP = 0.15  # inches


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
        Title of the figure.
    names : sequence of str or mapping of int to str, optional
        Name of each class.
    frame_rate : float, optional
        Frames per second. Time is in minutes and seconds with it, in frames without.
    width : float
        Width of the figure in inches.

    Returns
    -------
    Figure

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
    values = as_matrix(features, "features", "(N, D)")
    check_frame_rate(frame_rate)
    n_frames = len(values)
    truth = None if ground_truth is None else as_labels(ground_truth, "ground_truth", n_frames)
    drawn = min(n_frames, MAX_FRAMES)
    chosen = ((np.arange(drawn) + 0.5) * n_frames / drawn).astype(int)
    distances = _distances(values[chosen], metric)

    page = Page(width)
    positions, time_labels, _ = time_ticks(n_frames, frame_rate, tick_count(width - 1.4))
    widest = max(page.ruler.width(label, SMALL_SIZE) for label in time_labels)
    strip = STRIP if truth is not None else 0.0
    left = MARGIN + widest + TICK_SPACE + 0.05 + strip
    right = width - page.scale_width(0.0, distances.max(), height=width / 2)
    page.row(right - left)
    axes = page.axes(left, right)
    image = axes.imshow(
        distances,
        cmap="viridis_r",
        vmin=0,
        extent=(0, n_frames, n_frames, 0),
        aspect="auto",
        interpolation="nearest",
    )
    page.scale(image, right, f"{metric} distance")

    key = Key(names)
    notes: list[str] = []
    beside, below = axes, axes
    if truth is not None:
        notes = draw_boundaries(axes, truth, across=n_frames, both=True)
        axes.tick_params(bottom=False, labelbottom=False, left=False, labelleft=False)
        beside = page.axes(left - strip, left - 0.03)
        draw_bar(beside, truth, key, upright=True)
        strip_axes(beside)
        page.row(strip - 0.03, above=0.03)
        below = page.axes(left, right)
        draw_bar(below, truth, key)
        strip_axes(below)
    beside.set_yticks(positions, time_labels)
    beside.set_ylim(n_frames, 0)
    time_axis(below, n_frames, frame_rate, width - 1.4)
    page.space(AXIS_SPACE)
    return page.finish(title, key.entries(), notes)


def _distances(values: NDArray[np.float64], metric: str) -> NDArray[np.float64]:
    if metric == "cosine":
        norms = np.linalg.norm(values, axis=1, keepdims=True)
        unit = np.divide(values, norms, out=np.zeros_like(values), where=norms > 0)
        distances = 1 - unit @ unit.T
    elif metric == "euclidean":
        squares = (values**2).sum(axis=1)
        distances = squares[:, None] + squares - 2 * values @ values.T
    else:
        raise ArgumentError(f"metric must be cosine or euclidean, but it is {metric!r}.")
    np.fill_diagonal(distances, 0)
    distances = np.maximum(distances, 0)
    return np.sqrt(distances) if metric == "euclidean" else distances
