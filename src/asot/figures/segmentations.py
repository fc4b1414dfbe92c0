"""Bars of segments: several labellings of one recording, or many recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError
from asot.figures.layout import FULL_WIDTH, SMALL_SIZE, TEXT_SIZE, Sheet, house_style, patch_options
from asot.figures.style import Key, Matching, Names, Style
from asot.timeline.segments import UNLABELLED, run_lengths

GROUND_TRUTH = "ground truth"
MAX_RECORDINGS = 30
MAX_RUNS = 2000  # finer than the dots of a print
MAX_BOUNDARIES = 400
RIGHT = 0.25  # inches that the last tick's label may reach past the axes


@house_style()
def plot_segmentation(
    tracks: Mapping[str, ArrayLike],
    names: Names | None = None,
    matching: Matching | Mapping[str, Matching] | None = None,
    frame_rate: float | None = None,
    title: str | None = None,
    width: float = FULL_WIDTH,
) -> Figure:
    """Draw labellings of one recording as bars, one below the other.

    Parameters
    ----------
    tracks : mapping of str to array-like of int (N,)
        Label of each frame under each track's name, from top to bottom, such as
        ``{"asot": ..., "k-means": ..., "ground truth": ...}``; -1 is left white.
    names : sequence of str or mapping of int to str, optional
        Name of each class. A class is filled by its place among the names, so a mapping of the
        few classes that can appear gives those plain colours, the same in every figure.
    matching : mapping, optional
        Class of each matched cluster. One such mapping is for every track but the one named
        "ground truth"; or a mapping by track name, where tracks without an entry hold classes.
        A cluster has the colour of its class; unmatched ones are grey, each with its own
        hatch. Without it, all labels are classes.
    frame_rate : float, optional
        Frames per second; without it, time is in frames.
    title : str, optional
    width : float
        Of the figure, in inches; the text stays 7 to 9 points.

    Raises
    ------
    ArgumentError
        If there is no track, the tracks differ in length, or a class has no name.

    Examples
    --------
    >>> figure = plot_segmentation(
    ...     {"asot": [7, 7, 4, 4], "ground truth": [0, 0, 0, 1]},
    ...     names=["pour", "stir"],
    ...     matching={7: 0, 4: 1},
    ... )
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['pour', 'stir']
    """
    if not tracks:
        raise ArgumentError("tracks must hold at least one labelling, but it is empty.")
    bars: dict[str, NDArray[np.int64]] = {}
    for track, labels in tracks.items():
        bars[track] = as_labels(labels, f"the track {track!r}")
        first = next(iter(bars))
        if len(bars[track]) != len(bars[first]):
            raise ArgumentError(
                "tracks must have a label for each frame of the same recording, "
                f"but {first!r} has {len(bars[first])} and {track!r} has {len(bars[track])}."
            )
    matchings = _by_track(matching, list(bars))
    several = sum(m is not None for m in matchings.values()) > 1

    sheet = Sheet(width)
    axes = _rows(sheet, [*bars], (TEXT_SIZE, 0.26, 0.3), len(bars[first]), frame_rate)
    key = Key(names)
    for row, (track, labels) in enumerate(bars.items()):
        place, owner = (row + 0.1, row + 0.9), track if several else ""
        draw_bar(axes, labels, key, place=place, matching=matchings[track], owner=owner)
    return sheet.finish(title, key.entries())


@house_style()
def plot_corpus(
    predictions: Sequence[ArrayLike],
    ground_truth: Sequence[ArrayLike | None] | None = None,
    names: Names | None = None,
    matching: Matching | Sequence[Matching | None] | None = None,
    recordings: Sequence[str] | None = None,
    frame_rate: float | None = None,
    title: str | None = None,
    most: int = MAX_RECORDINGS,
    width: float = FULL_WIDTH,
) -> Figure:
    """Draw many recordings on one time axis, each prediction over its ground truth.

    Parameters
    ----------
    predictions : sequence of array-like of int (N_i,)
        Label of each frame of each recording, -1 for none.
    ground_truth : sequence of array-like of int (N_i,) or None, optional
        Class of each frame; None for recordings without.
    names : sequence of str or mapping of int to str, optional
        Name of each class.
    matching : mapping of int to int, or sequence of these, optional
        Class of each matched cluster, for all recordings or for each (None for a recording
        without a match). Without it, predictions are classes.
    recordings : sequence of str, optional
        Name of each recording; numbers from 1 without it.
    frame_rate : float, optional
        Frames per second; without it, time is in frames.
    title : str, optional
    most : int
        The largest number of recordings to draw, the first ones; a sentence below says how
        many are left out.
    width : float
        Of the figure, in inches.

    Raises
    ------
    ArgumentError
        If there is no recording, the lists or the labels of a recording differ in length, or
        a class has no name.

    Examples
    --------
    >>> figure = plot_corpus([[0, 0, 1], [1, 0]], [[0, 1, 1], None], names=["pour", "stir"])
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['1', '2']
    """
    total = len(predictions)
    if total == 0 or most < 1:
        raise ArgumentError(
            "predictions and most must allow for at least one recording, "
            f"but there are {total} predictions and most is {most}."
        )
    per_recording = matching if isinstance(matching, Sequence) else [matching] * total
    truths = [None] * total if ground_truth is None else ground_truth
    titles = [str(i + 1) for i in range(total)] if recordings is None else recordings
    lists = {"ground_truth": truths, "matching": per_recording, "recordings": titles}
    for name, items in lists.items():
        if len(items) != total:
            raise ArgumentError(
                f"{name} must have one entry for each of the {total} predictions, "
                f"but it has {len(items)}.",
                setting=name,
            )
    shown = min(total, most)
    bars = []
    for i in range(shown):
        predicted = as_labels(predictions[i], f"the prediction of recording {titles[i]!r}")
        truth = truths[i]
        if truth is not None:
            truth = as_labels(truth, f"the ground truth of recording {titles[i]!r}", len(predicted))
        one = per_recording[i]
        bars.append((predicted, truth, {} if one is None and matching is not None else one))
    n_frames = max(len(predicted) for predicted, _, _ in bars)

    sheet = Sheet(width)
    look = (SMALL_SIZE, 0.3, 0.15 if ground_truth is None else 0.22)
    axes = _rows(sheet, titles[:shown], look, n_frames, frame_rate)
    key = Key(names)
    for row, (predicted, truth, one) in enumerate(bars):
        middle = row + (0.9 if truth is None else 0.5)
        draw_bar(axes, predicted, key, place=(row + 0.1, middle), matching=one)
        if truth is not None:
            draw_bar(axes, truth, key, place=(middle, row + 0.9))
    notes = []
    if any(truth is not None for _, truth, _ in bars):
        notes.append("In each pair the prediction is above the ground truth.")
    if shown < total:
        notes.append(
            f"The first {shown:,} of {total:,} recordings are shown; "
            f"{total - shown:,} are left out."
        )
    return sheet.finish(title, key.entries(), [" ".join(notes)] if notes else [])


def _rows(
    sheet: Sheet,
    names: Sequence[str],
    look: tuple[float, float, float],
    n_frames: int,
    frame_rate: float | None,
) -> Axes:
    """Add axes over time, a row a name; ``look`` is text size, share of the width, and height."""
    size, share, height = look
    shown, left = sheet.beside(names, share, size)
    right = sheet.width - RIGHT
    sheet.row(height * len(shown))
    axes = sheet.axes(left, right)
    axes.set_yticks(np.arange(len(shown)) + 0.5, shown, size=size)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(shown), 0)
    axes.spines[["left", "right", "top"]].set_visible(False)
    sheet.time_axis(axes, n_frames, frame_rate, right - left)
    return axes


def _by_track(
    matching: Matching | Mapping[str, Matching] | None, tracks: Sequence[str]
) -> dict[str, Matching | None]:
    """Return the matching of every track, None where its labels are classes."""
    if matching is None:
        return dict.fromkeys(tracks)
    values: list[Any] = list(matching.values())
    if values and all(isinstance(value, Mapping) for value in values):
        named = cast(Mapping[str, Matching], matching)
        unknown = [track for track in named if track not in tracks]
        if unknown:
            raise ArgumentError(
                f"matching must be for tracks that are drawn, but {unknown[0]!r} is not among "
                f"{', '.join(map(repr, tracks))}."
            )
        return {track: named.get(track) for track in tracks}
    one = cast(Matching, matching)
    return {track: None if track == GROUND_TRUTH else one for track in tracks}


def draw_bar(
    axes: Axes,
    labels: NDArray[np.int64],
    key: Key,
    place: tuple[float, float] = (0.0, 1.0),
    matching: Matching | None = None,
    owner: str = "",
    upright: bool = False,
) -> None:
    """Draw the segments of labels (N,) as a bar from and to a ``place`` across the axis of time.

    A recording of more than ``MAX_RUNS`` segments is drawn from as many evenly spaced frames.
    """
    edges = np.arange(len(labels) + 1, dtype=np.float64)
    starts, ends, values = run_lengths(labels)
    if len(starts) > MAX_RUNS:
        edges = np.linspace(0, len(labels), MAX_RUNS + 1)
        starts, ends, values = run_lengths(labels[((edges[:-1] + edges[1:]) / 2).astype(int)])
    corners = np.empty((len(starts), 4, 2))
    corners[:, :, 0] = edges[np.stack([starts, ends, ends, starts], axis=1)]
    corners[:, :, 1] = [place[0], place[0], place[1], place[1]]
    x0, y0, x1, y1 = 0.0, place[0], float(len(labels)), place[1]
    if upright:
        corners = corners[:, :, ::-1]
        x0, y0, x1, y1 = y0, x0, y1, x1

    by_style: dict[Style, NDArray[np.bool_]] = {}
    for label in np.unique(values):
        style = key.style(int(label), matching, owner)
        by_style[style] = by_style.get(style, False) | (values == label)
    for style, chosen in by_style.items():
        # One patch for all segments: hatching each by itself takes seconds where there are many.
        path = Path.make_compound_path_from_polys(corners[chosen])
        # Smoothed edges would let white shine through between neighbours.
        axes.add_artist(PathPatch(path, antialiased=False, **patch_options(style)))
    # Without an outline, unlabelled, white ends would not look like a part of the bar.
    line: dict[str, Any] = {"fill": False, "edgecolor": "0.3", "linewidth": 0.4, "clip_on": False}
    axes.add_artist(Rectangle((x0, y0), x1 - x0, y1 - y0, **line))


def strip_axes(axes: Axes) -> None:
    """Take ticks and frame off axes that hold a single bar from 0 to 1."""
    axes.set(xlim=(0, 1), ylim=(1, 0), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def draw_boundaries(axes: Axes, truth: NDArray[np.int64], across: float, both: bool) -> list[str]:
    """Draw lines of length ``across`` where segments begin, on the y axis too for ``both``.

    Return a sentence for a note where there are too many to draw.
    """
    at = run_lengths(truth)[0][1:]
    if len(at) > MAX_BOUNDARIES:
        return [f"The {len(at):,} boundaries of the ground truth are too many to be drawn."]
    stroke = [withStroke(linewidth=1.3, foreground="black")]
    for draw in (axes.vlines, axes.hlines) if both else (axes.vlines,):
        draw(at, 0, across, colors="white", linewidth=0.7, path_effects=stroke)
    return []


def as_array(value: Any, name: str) -> NDArray:
    """Turn a list, an array or a tensor on any device into an array of numbers."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if value.is_floating_point():
            # NumPy has no bfloat16.
            value = value.double()
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{name} must be an array of numbers: {error}", setting=name) from error
    if array.dtype.kind not in "biuf":
        raise ArgumentError(
            f"{name} must hold numbers, but its values have the type {array.dtype}; "
            "give class names as whole numbers and a list of names.",
            setting=name,
        )
    return array


def as_labels(value: Any, name: str, n_frames: int | None = None) -> NDArray[np.int64]:
    """Check that labels are whole numbers from -1 on, a label for each of ``n_frames`` frames."""
    array = as_array(value, name)
    fault = ""
    if array.ndim != 1 or array.size == 0:
        fault = f"have one axis (N,) with at least one frame, but its shape is {array.shape}"
    elif n_frames is not None and len(array) != n_frames:
        fault = f"have one label for each of the {n_frames} frames, but it has {len(array)}"
    elif array.dtype.kind not in "iu":
        fault = f"hold whole numbers, but its values have the type {array.dtype}"
    elif array.min() < UNLABELLED:
        fault = f"hold whole numbers from -1 (no label) on, but the smallest is {array.min()}"
    if fault:
        raise ArgumentError(f"{name} must {fault}.", setting=name)
    return array.astype(np.int64)
