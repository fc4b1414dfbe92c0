"""Small charts: the objective over the iterations, and methods beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError
from asot.figures.layout import (
    COLUMN_WIDTH,
    MARGIN,
    TEXT_SIZE,
    Sheet,
    house_style,
    number_ticks,
    write_beside,
)
from asot.figures.segmentations import as_array
from asot.figures.style import line_style
from asot.metrics import SCORE_TITLES

MAX_NAMED_TRACES = 7
BAR = 0.15  # inches


@house_style()
def plot_objective(
    traces: ArrayLike | Sequence[ArrayLike] | Mapping[str, ArrayLike],
    title: str | None = None,
    width: float = COLUMN_WIDTH,
) -> Figure:
    """Draw the objective J over the iterations.

    Parameters
    ----------
    traces : array-like (I,) or (B, I), sequence of (I_b,), or mapping of str to these
        J at each iteration, for one recording or several. Entries of NaN at the end, of
        recordings that stopped early, are left out. Up to seven traces have a colour of their
        own, and a legend if they come with names.
    title : str, optional
    width : float
        Of the figure, in inches.

    Raises
    ------
    ArgumentError
        If a trace is empty or holds a value that is not finite before its end.

    Examples
    --------
    >>> figure = plot_objective([[0.9, 0.5, 0.4], [0.8, 0.6, float("nan")]])
    >>> [line.get_ydata().tolist() for line in figure.axes[0].lines]
    [[0.9, 0.5, 0.4], [0.8, 0.6]]
    """
    named = _traces(traces)
    lows, highs = zip(*((trace.min(), trace.max()) for _, trace in named), strict=True)
    low, high = min(lows), max(highs)
    pad = 0.05 * (high - low) or 0.1 * abs(high)
    if pad < 1e-290:  # zero, or too small to be divided into ticks
        pad = 1.0
    ticks, labels = number_ticks(low - pad, high + pad, most=5)
    longest = max(len(trace) for _, trace in named)

    sheet = Sheet(width)
    left = 0.2 + sheet.beside(labels)[1]
    sheet.row(1.7)
    axes = sheet.axes(left, width - 2 * MARGIN)
    few = len(named) <= MAX_NAMED_TRACES
    for i, (_, trace) in enumerate(named):
        axes.plot(
            np.arange(len(trace)),
            trace,
            color=line_style(i).colour if few else "0.2",
            alpha=1 if few else max(0.15, 10 / (10 + len(named))),
            linewidth=1.2 if few else 0.7,
            marker="o" if len(trace) <= 50 and few else "" if len(trace) > 1 else ".",
            markersize=2.5,
        )
    axes.set_yticks(ticks, labels)
    axes.set_ylim(low - pad, high + pad)
    end = max(longest - 1, 1)
    axes.set_xticks(*number_ticks(0, end, most=5, whole=True))
    axes.set_xlim(-0.02 * end, 1.02 * end)
    axes.set_xlabel("iteration", labelpad=2)
    axes.set_ylabel("objective J", labelpad=3)
    axes.spines[["right", "top"]].set_visible(False)
    sheet.space()
    entries = [
        (name, line_style(i)) for i, (name, _) in enumerate(named) if few and name is not None
    ]
    notes = [] if few else [f"Each line is one of {len(named):,} traces."]
    return sheet.finish(title, entries, notes)


@house_style()
def plot_comparison(
    scores: Mapping[str, Mapping[str, float]],
    score_names: Sequence[str] | None = None,
    title: str | None = None,
    width: float = COLUMN_WIDTH,
) -> Figure:
    """Draw the scores of several methods as bars beside each other, with their figures.

    Parameters
    ----------
    scores : mapping of str to mapping of str to float
        Value of each score of each method, such as ``{"asot": asot.evaluate(...), ...}``; NaN
        for a missing value.
    score_names : sequence of str, optional
        The scores to draw, from top to bottom; those of the first method unless given.
    title : str, optional
    width : float
        Of the figure, in inches.

    Raises
    ------
    ArgumentError
        If there is no method or no score, a method lacks a score, or a value is infinite.

    Examples
    --------
    >>> figure = plot_comparison({"asot": {"mof": 0.59}, "k-means": {"mof": 0.41}})
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0.590', '0.410']
    """
    wanted = list(next(iter(scores.values()), {}) if score_names is None else score_names)
    if not scores or not wanted:
        raise ArgumentError(
            "scores must hold at least one method and one score, "
            f"but there are {len(scores)} methods and {len(wanted)} scores."
        )
    table = np.array([[float(scores[m].get(name, np.inf)) for name in wanted] for m in scores])
    for m, n in np.argwhere(np.isinf(table)):
        method, name = list(scores)[m], wanted[n]
        raise ArgumentError(
            "scores must hold a finite value or NaN of every score for every method, "
            f"but {name!r} of {method!r} is {scores[method].get(name, 'missing')}.",
            setting="scores",
        )
    finite = table[np.isfinite(table)]
    low, high = min(0.0, finite.min(initial=0)), max(1.0, finite.max(initial=1))

    sheet = Sheet(width)
    titles = SCORE_TITLES | {
        name: f"{SCORE_TITLES[name]} (lower is better)" for name in ("jsd", "hvq_jsd")
    }
    shown, left = sheet.beside([titles.get(name, name) for name in wanted], 0.4, TEXT_SIZE)
    figures = [["n/a" if np.isnan(v) else f"{v:.3f}" for v in row] for row in table]
    right = width - MARGIN - sheet.beside([text for row in figures for text in row])[1]
    group = len(scores) + 0.6
    sheet.row(BAR * group * len(wanted))
    axes = sheet.axes(left, right)
    for m, row in enumerate(table):
        places = np.arange(len(wanted)) * group + 0.8 + m
        axes.barh(places, np.nan_to_num(row), height=0.86, color=line_style(m).colour)
        for place, value, text in zip(places, row, figures[m], strict=True):
            write_beside(axes, text, max(0.0, np.nan_to_num(value)), place)
    axes.set_yticks((np.arange(len(wanted)) + 0.5) * group, shown, size=TEXT_SIZE)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(wanted) * group, 0)
    axes.set_xticks(*number_ticks(low, high, most=4))
    axes.set_xlim(low, high)
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.axvline(0, color="black", linewidth=0.5)
    sheet.space(0.26)
    entries = [(method, line_style(m)) for m, method in enumerate(scores)]
    return sheet.finish(title, entries)


def _traces(traces: Any) -> list[tuple[str | None, NDArray[np.float64]]]:
    """Return each trace with its name, without the NaN at its end."""
    pairs: list[tuple[str | None, Any]]
    if isinstance(traces, Mapping):
        pairs = [(str(name), trace) for name, trace in traces.items()]
    elif hasattr(traces, "ndim"):
        array = as_array(traces, "traces")
        pairs = [(None, row) for row in (array[None] if array.ndim == 1 else array)]
    else:
        several = len(traces) > 0 and np.ndim(traces[0]) > 0
        pairs = [(None, trace) for trace in (traces if several else [traces])]
    if not pairs:
        raise ArgumentError("traces must hold at least one trace, but it is empty.")
    named = []
    for i, (name, trace) in enumerate(pairs):
        which = f"the trace {i if name is None else repr(name)}"
        values = as_array(trace, which).astype(np.float64)
        if values.ndim == 1:
            values = values[: np.flatnonzero(~np.isnan(values)).max(initial=-1) + 1]
        if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
            raise ArgumentError(
                f"{which} must have one axis (I,) with at least one value, all finite but for "
                f"NaN at the end; its shape is {np.shape(trace)}."
            )
        named.append((name, values))
    return named
