"""A figure of fixed width whose rows are laid out in inches, from the top down.

Automatic layouts guess; here every text is measured first and the height follows, so nothing
overlaps whatever the number and the length of the names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from asot.errors import ArgumentError
from asot.figures.palette import UNLABELLED_STYLE, Style
from asot.figures.text import Ruler

FULL_WIDTH = 6.9  # inches: both columns of a two-column paper
COLUMN_WIDTH = 3.3
TEXT_SIZE = 8.0  # points
SMALL_SIZE = 7.0
MARGIN = 0.08  # inches
TICK_SPACE = 0.06  # inches between an axis and its tick labels
LINE_HEIGHT = 1.35  # of the text size
AXIS_SPACE = 0.36  # inches for the labels of ticks and axis
SCALE = 0.16  # inches from an image to the far side of its colour scale
SCALE_LABEL = 0.2
DPI = 200

_SETTINGS = {
    "axes.linewidth": 0.5,
    "hatch.linewidth": 0.6,
    "pdf.fonttype": 42,
    "svg.hashsalt": "asot",
    "text.usetex": False,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw with matplotlib's defaults and the reader's fonts, whatever else their style sets.

    Also a decorator: ``@house_style()``.
    """
    current = matplotlib.rcParams
    fonts = {
        "font.family": current["font.family"],
        "font.serif": current["font.serif"],
        "font.sans-serif": current["font.sans-serif"],
        "font.monospace": current["font.monospace"],
    }
    with matplotlib.style.context(["default", {**fonts, **_SETTINGS}]):
        yield


class Page:
    """Rows of axes under a title, with notes and a legend below.

    Parameters
    ----------
    width : float
        Width of the figure in inches, at least 2.

    Raises
    ------
    ArgumentError
        If the width is too small to hold a figure.
    """

    def __init__(self, width: float) -> None:
        if not 2 <= width <= 100:
            raise ArgumentError(f"width must be from 2 to 100 inches, but it is {width}.")
        self.width = float(width)
        self.figure = Figure(figsize=(self.width, 1.0), dpi=DPI)
        self.ruler = Ruler(self.figure)
        self._below_title = 0.0
        self._cells: list[tuple[Axes, float, float, float, float]] = []
        self._row: tuple[float, float] = (0.0, 0.0)

    def row(self, height: float, above: float = 0.0) -> None:
        """Start a row of axes, ``above`` inches under what came before."""
        self._row = (self._below_title + above, height)
        self._below_title += above + height

    def axes(self, left: float, right: float) -> Axes:
        """Add axes to the row, from ``left`` to ``right`` in inches from the page's left edge."""
        axes = self.figure.add_axes((0, 0, 1, 1))
        axes.tick_params(labelsize=SMALL_SIZE, width=0.5, length=2.5, pad=2)
        top, height = self._row
        self._cells.append((axes, left, right, top, height))
        return axes

    def space(self, height: float) -> None:
        """Leave room under the last row, for its ticks and its axis label."""
        self._below_title += height

    def scale_width(self, low: float, high: float, height: float) -> float:
        """Inches that :meth:`scale` needs for values from ``low`` to ``high``, with a margin."""
        labels = number_ticks(low, high, _scale_ticks(height))[1]
        widest = max((self.ruler.width(label, SMALL_SIZE) for label in labels), default=0.0)
        return SCALE + TICK_SPACE + widest + SCALE_LABEL + MARGIN

    def scale(self, image: AxesImage, left: float, label: str) -> None:
        """Add the colour scale of ``image`` to the row, at the right of ``left``."""
        low, high = image.get_clim()
        ticks, labels = number_ticks(low, high, _scale_ticks(self._row[1]))
        bar = self.figure.colorbar(image, cax=self.axes(left + SCALE / 2, left + SCALE))
        bar.set_ticks(ticks.tolist(), labels=labels)
        bar.outline.set_linewidth(0.5)
        bar.set_label(label, size=SMALL_SIZE, labelpad=3)

    def finish(
        self,
        title: str | None = None,
        entries: Sequence[tuple[str, Style]] = (),
        notes: Sequence[str] = (),
    ) -> Figure:
        """Add title, notes and legend, set the height and put everything in its place.

        Parameters
        ----------
        title : str, optional
            Wrapped over as many lines as it needs.
        entries : sequence of (str, Style)
            The legend: a name and a fill each.
        notes : sequence of str
            Sentences under the axes.

        Returns
        -------
        Figure
        """
        inner = self.width - 2 * MARGIN
        title_lines = self.ruler.wrap(title, TEXT_SIZE + 1, inner) if title else []
        note_lines = [line for n in notes for line in self.ruler.wrap(n, SMALL_SIZE, inner)]
        title_height = _text_height(len(title_lines), TEXT_SIZE + 1) + (0.06 if title else 0)
        note_height = _text_height(len(note_lines), SMALL_SIZE) + (0.06 if notes else 0)
        legend = self._legend(entries, inner) if entries else None
        legend_height = 0.0
        if legend is not None:
            extent = legend.get_window_extent(self.ruler.renderer)
            legend_height = extent.height / self.figure.dpi + 0.06
        top = MARGIN + title_height
        height = top + self._below_title + note_height + legend_height + MARGIN
        self.figure.set_size_inches(self.width, height)

        for axes, left, right, row_top, row_height in self._cells:
            bottom = height - top - row_top - row_height
            axes.set_position(
                (
                    left / self.width,
                    bottom / height,
                    (right - left) / self.width,
                    row_height / height,
                )
            )
        x = MARGIN / self.width
        if title_lines:
            self.figure.text(
                x,
                1 - MARGIN / height,
                "\n".join(title_lines),
                size=TEXT_SIZE + 1,
                va="top",
            )
        if note_lines:
            self.figure.text(
                x,
                (MARGIN + legend_height + note_height - 0.06) / height,
                "\n".join(note_lines),
                size=SMALL_SIZE,
                va="top",
                color="0.3",
            )
        if legend is not None:
            legend.set_bbox_to_anchor((x, MARGIN / height), self.figure.transFigure)
        # Ticks are made when first drawn; they shall be made in this style.
        self.figure.draw_without_rendering()
        return self.figure

    def _legend(self, entries: Sequence[tuple[str, Style]], inner: float) -> Legend:
        """Make the legend with as many columns as fit."""
        swatch = (1.8 + 0.5 + 0.1) * SMALL_SIZE / 72
        names = [self.ruler.fit(name, SMALL_SIZE, inner - swatch) for name, _ in entries]
        widest = max(self.ruler.width(name, SMALL_SIZE) for name in names)
        columns = max(1, min(len(entries), int(1.8 * inner / (widest + swatch))))
        while True:
            legend = Legend(
                self.figure,
                [style_patch(style) for _, style in entries],
                [str(i) for i in range(len(entries))],
                ncols=columns,
                loc="lower left",
                frameon=False,
                fontsize=SMALL_SIZE,
                borderpad=0,
                borderaxespad=0,
                handlelength=1.8,
                handleheight=1.0,
                handletextpad=0.5,
                columnspacing=1.2,
                labelspacing=0.45,
            )
            # Set afterwards: a legend drops labels that begin with an underscore.
            for text, name in zip(legend.get_texts(), names, strict=True):
                text.set_text(name)
            width = legend.get_window_extent(self.ruler.renderer).width / self.figure.dpi
            if columns == 1 or width <= inner:
                break
            columns -= 1
        self.figure.legends.append(legend)
        return legend


def style_patch(style: Style) -> Patch:
    """Make a legend's swatch with the fill of ``style``; white alone has an outline."""
    if style == UNLABELLED_STYLE:
        return Patch(facecolor=style.colour, edgecolor="0.3", linewidth=0.4)
    return Patch(
        facecolor=style.colour,
        edgecolor=style.hatch_colour,
        hatch=style.hatch or None,
        linewidth=0,
    )


def number_ticks(
    low: float, high: float, most: int, whole: bool = False
) -> tuple[NDArray[np.float64], list[str]]:
    """Choose round numbers from ``low`` to ``high``, and their labels.

    Examples
    --------
    >>> number_ticks(0.0, 1.0, most=5)[1]
    ['0', '0.2', '0.4', '0.6', '0.8', '1']
    """
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        return np.array([low]), [f"{low:.6g}"]
    ticks = np.asarray(MaxNLocator(most, integer=whole).tick_values(low, high))
    surplus = 1e-9 * (high - low)
    ticks = ticks[(ticks >= low - surplus) & (ticks <= high + surplus)]
    # Twelve digits hide what rounding added to 0.3; adding 0 turns -0 into 0.
    return ticks, [f"{tick + 0.0:.12g}" for tick in ticks]


def _scale_ticks(height: float) -> int:
    return 2 if height < 0.8 else 4


def _text_height(lines: int, size: float) -> float:
    return lines * size * LINE_HEIGHT / 72
