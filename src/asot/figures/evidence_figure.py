"""The picture of a run's evidence: a sentence and its charts for each setting."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from asot.errors import ArgumentError
from asot.figures.evidence import Chart, Finding, findings
from asot.figures.evidence_file import ModelEvidence
from asot.figures.layout import (
    AXIS_SPACE,
    FULL_WIDTH,
    MARGIN,
    TEXT_SIZE,
    Sheet,
    drawable,
    house_style,
    save_figure,
    text_height,
    write_beside,
)
from asot.figures.style import line_style
from asot.text import file_stems

HEIGHT = 1.05  # inches of a chart
BAR = 0.2
TITLE = 0.28  # over a chart
GAP = 0.16
LEFT = 0.25  # for the labels of ticks
NAME = 0.3  # of the width, for the name of a share
WORDS = 0.31  # of the width, for heading and sentence
GREY = "0.55"


def draw_evidence(
    evidence: Mapping[str, ModelEvidence], path: str | os.PathLike[str]
) -> list[Path]:
    """Draw the evidence of each model of a run, and return the paths of the files.

    Parameters
    ----------
    evidence : mapping of str to ModelEvidence
        By model, as ``asot.figures.evidence.read_evidence`` returns it.
    path : path-like
        A name that ends in .png, .svg or .pdf; where there are several models, the name of each
        is added: ``evidence-coffee.png``.

    Raises
    ------
    ArgumentError
        If the name ends otherwise.

    Examples
    --------
    >>> draw_evidence({}, "evidence.png")
    []
    """
    path = Path(path)
    written = []
    several = len(evidence) > 1
    stems = file_stems([f"{path.stem}-{model}" for model in evidence]) if several else [path.stem]
    for stem, (model, given) in zip(stems, evidence.items(), strict=False):
        title = f"{model}: how" if several else "How"
        if told := findings(given):
            written.append(path.with_name(stem + path.suffix))
            save_figure(plot_evidence(told, f"{title} the settings were found"), written[-1])
    return written


@house_style()
def plot_evidence(told: Sequence[Finding], title: str | None = None) -> Figure:
    """Draw findings beneath each other: words at the left, charts at the right."""
    if not told:
        raise ArgumentError("told must hold at least one finding, but it is empty.", setting="told")
    sheet = Sheet(FULL_WIDTH)
    words = WORDS * sheet.width
    left, right = words + 2 * GAP, sheet.width - MARGIN
    for place, one in enumerate(told):
        lines = sheet.ruler.wrap(one.sentence, words - MARGIN)
        text = text_height(1, TEXT_SIZE) + text_height(len(lines))
        title_height = TITLE if one.charts else 0.0
        height = HEIGHT if one.charts else BAR * len(one.shares) or text
        sheet.row(height, above=(GAP if place else 0.0) + title_height)
        _words(sheet.axes(MARGIN, words), one.heading, lines, height, title_height)
        if one.shares:
            _shares(sheet.axes(left, right), one.shares, sheet)
        each = (right - left) / 2
        for column, chart in enumerate(one.charts):
            start, width = left + column * each + LEFT, each - LEFT - MARGIN
            _draw(sheet.axes(start, start + width), chart, sheet, width)
        ticks = [label for chart in one.charts for _, label in chart.x.ticks]
        two = text_height(1) if any("\n" in label for label in ticks) else 0.0
        sheet.space(max(AXIS_SPACE + two if one.charts else 0.0, text - title_height - height))
    return sheet.finish(title)


def _words(axes: Axes, heading: str, lines: Sequence[str], height: float, raised: float) -> None:
    """Write the heading and the lines under it, from ``raised`` inches above the axes."""
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(height, 0))
    axes.text(0, -raised, drawable(heading), size=TEXT_SIZE, weight="bold", va="top")
    axes.text(0, text_height(1, TEXT_SIZE) - raised, "\n".join(lines), va="top")


def _shares(axes: Axes, shares: Sequence[tuple[str, float]], sheet: Sheet) -> None:
    axes.set_axis_off()
    places = range(len(shares))
    axes.barh(places, [share for _, share in shares], height=0.7, color=line_style(0).colour)
    # A third for the longest bar, the rest for the names.
    axes.set(xlim=(0, 3 * max(share for _, share in shares)), ylim=(len(shares) - 0.5, -0.5))
    for place, (name, share) in zip(places, shares, strict=True):
        shown = sheet.ruler.fit(name, NAME * sheet.width)
        write_beside(axes, f"{shown}  {100 * share:.0f} %", share, place)


def _draw(axes: Axes, chart: Chart, sheet: Sheet, width: float) -> None:
    if chart.x.log:
        axes.set_xscale("log")
    if chart.y.log:
        axes.set_yscale("log")
    axes.set_xticks([at for at, _ in chart.x.ticks], [text for _, text in chart.x.ticks])
    axes.set_yticks([at for at, _ in chart.y.ticks], [text for _, text in chart.y.ticks])
    axes.minorticks_off()
    room = 1.05 if chart.points and not chart.y.log else 1.0  # for half a dot at the top
    axes.set(
        xlim=(chart.x.low, chart.x.high),
        ylim=(chart.y.low, chart.y.low + room * (chart.y.high - chart.y.low)),
    )
    axes.set_xlabel(chart.x.label, labelpad=2)
    axes.spines[["right", "top"]].set_visible(False)
    for start, end, height in chart.bars:
        axes.bar(start, height, width=end - start, align="edge", color=GREY, edgecolor="white")
    if chart.points:
        x, y, _ = zip(*chart.points, strict=True)
        axes.plot(x, y, color=line_style(0).colour, linewidth=1.2, marker="o", markersize=2.5)
    points: dict[str, Any] = {"textcoords": "offset points"}
    title = sheet.ruler.fit(chart.title, width)
    axes.annotate(title, (0, 1), xytext=(0, 11), xycoords="axes fraction", **points)
    if chart.mark is None:
        return
    at, text = chart.mark
    axes.axvline(at, color="black", linewidth=0.8, linestyle=(0, (3, 2)))
    for u, v, _ in chart.points:
        if u == at:
            axes.plot(u, v, color=line_style(0).colour, marker="o", markersize=5)
    low, high = axes.get_xlim()
    early = at < ((low * high) ** 0.5 if chart.x.log else (low + high) / 2)
    axes.annotate(
        sheet.ruler.fit(text, width / 2),
        (at, 1),
        xytext=(-1 if early else 1, 2),
        xycoords=axes.get_xaxis_transform(),
        ha="left" if early else "right",
        weight="bold",
        **points,
    )
