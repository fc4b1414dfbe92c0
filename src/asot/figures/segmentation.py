"""Bars of segments: several labellings of one recording, or many recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError
from asot.figures.arrays import as_labels, check_frame_rate
from asot.figures.key import Key, Matching, Names
from asot.figures.page import (
    AXIS_SPACE,
    FULL_WIDTH,
    MARGIN,
    SMALL_SIZE,
    TEXT_SIZE,
    TICK_SPACE,
    Page,
    house_style,
)
from asot.figures.timeline import draw_bar, time_axis

GROUND_TRUTH = "ground truth"
MAX_RECORDINGS = 30
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
        Frames per second. Time is in minutes and seconds with it, in frames without.
    title : str, optional
        Title of the figure.
    width : float
        Width of the figure in inches; the text stays 7 to 9 points.

    Returns
    -------
    Figure

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
    check_frame_rate(frame_rate)
    bars: dict[str, NDArray[np.int64]] = {}
    for track, labels in tracks.items():
        bars[track] = as_labels(labels, f"the track {track!r}")
        _same_length(bars, track)
    n_frames = len(next(iter(bars.values())))
    matchings = _by_track(matching, list(bars))
    several = sum(m is not None for m in matchings.values()) > 1

    page = Page(width)
    shown = [page.ruler.fit(track, TEXT_SIZE, 0.26 * width) for track in bars]
    left = MARGIN + max(page.ruler.width(track, TEXT_SIZE) for track in shown) + TICK_SPACE
    right = width - RIGHT
    page.row(0.3 * len(bars))
    axes = page.axes(left, right)
    key = Key(names)
    for row, (track, labels) in enumerate(bars.items()):
        draw_bar(
            axes,
            labels,
            key,
            place=(row + 0.1, row + 0.9),
            matching=matchings[track],
            owner=track if several else "",
        )
    axes.set_yticks(np.arange(len(bars)) + 0.5, shown, size=TEXT_SIZE)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(bars), 0)
    axes.spines[["left", "right", "top"]].set_visible(False)
    time_axis(axes, n_frames, frame_rate, right - left)
    page.space(AXIS_SPACE)
    return page.finish(title, key.entries())


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
        Class of each matched cluster, for all recordings or one for each (None where nothing
        is matched). Without it, predictions are classes.
    recordings : sequence of str, optional
        Name of each recording; numbers from 1 without it.
    frame_rate : float, optional
        Frames per second. Time is in minutes and seconds with it, in frames without.
    title : str, optional
        Title of the figure.
    most : int
        The largest number of recordings to draw, the first ones; a sentence below says how
        many are left out.
    width : float
        Width of the figure in inches.

    Returns
    -------
    Figure

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
    check_frame_rate(frame_rate)
    per_recording = matching if isinstance(matching, Sequence) else [matching] * total
    truths = [None] * total if ground_truth is None else ground_truth
    titles = [str(i + 1) for i in range(total)] if recordings is None else recordings
    for name, items in (
        ("ground_truth", truths),
        ("matching", per_recording),
        ("recordings", titles),
    ):
        if len(items) != total:
            raise ArgumentError(
                f"{name} must have one entry for each of the {total} predictions, "
                f"but it has {len(items)}."
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

    page = Page(width)
    labels = [page.ruler.fit(name, SMALL_SIZE, 0.3 * width) for name in titles[:shown]]
    left = MARGIN + max(page.ruler.width(name, SMALL_SIZE) for name in labels) + TICK_SPACE
    right = width - RIGHT
    page.row((0.15 if ground_truth is None else 0.22) * shown)
    axes = page.axes(left, right)
    key = Key(names)
    for row, (predicted, truth, one) in enumerate(bars):
        middle = row + (0.9 if truth is None else 0.5)
        draw_bar(axes, predicted, key, place=(row + 0.1, middle), matching=one)
        if truth is not None:
            draw_bar(axes, truth, key, place=(middle, row + 0.9))
    axes.set_yticks(np.arange(shown) + 0.5, labels)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(shown, 0)
    axes.spines[["left", "right", "top"]].set_visible(False)
    time_axis(axes, n_frames, frame_rate, right - left)
    page.space(AXIS_SPACE)
    notes = []
    if any(truth is not None for _, truth, _ in bars):
        notes.append("In each pair the prediction is above the ground truth.")
    if shown < total:
        notes.append(
            f"The first {shown:,} of {total:,} recordings are shown; "
            f"{total - shown:,} are left out."
        )
    return page.finish(title, key.entries(), [" ".join(notes)] if notes else [])


def _same_length(bars: Mapping[str, NDArray[np.int64]], track: str) -> None:
    first = next(iter(bars))
    if len(bars[track]) != len(bars[first]):
        raise ArgumentError(
            "tracks must have a label for each frame of the same recording, "
            f"but {first!r} has {len(bars[first])} and {track!r} has {len(bars[track])}."
        )


def _by_track(
    matching: Matching | Mapping[str, Matching] | None, tracks: Sequence[str]
) -> dict[str, Matching | None]:
    """Give every track its matching, None where its labels are classes."""
    if matching is None:
        return dict.fromkeys(tracks)
    values: list[Any] = list(matching.values())
    if values and all(isinstance(value, Mapping) for value in values):
        named = cast(Mapping[str, Matching], matching)
        unknown = [track for track in named if track not in tracks]
        if unknown:
            raise ArgumentError(
                f"matching must be for tracks that are drawn, but {unknown[0]!r} is none of "
                f"{', '.join(map(repr, tracks))}."
            )
        return {track: named.get(track) for track in tracks}
    one = cast(Matching, matching)
    return {track: None if track == GROUND_TRUTH else one for track in tracks}
