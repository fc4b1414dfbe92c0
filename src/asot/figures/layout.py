"""A sheet of fixed width on which figures are laid out in inches, from the top down.

Every text is measured first and the height follows, so that nothing overlaps whatever the number
and the length of the names. (Matplotlib's constrained layout keeps the height and shrinks the axes:
a dozen long names leave a quarter of an inch, and 48 leave nothing.)
"""

from __future__ import annotations

import io
import math
import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.patches import Patch
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from asot.errors import ArgumentError, require_number
from asot.figures.style import UNLABELLED_STYLE, Style
from asot.files import atomic_path

FULL_WIDTH = 6.9  # inches: both columns of a two-column paper
COLUMN_WIDTH = 3.3
TEXT_SIZE = 8.0  # points
SMALL_SIZE = 7.0
MARGIN = 0.08  # inches
TICK_SPACE = 0.06  # inches between an axis and its tick labels
LINE_HEIGHT = 1.35  # of the text size
AXIS_SPACE = 0.36  # inches for the labels of ticks and axis
TICK_WIDTH = 0.55  # inches that the label of a time may take
SCALE = 0.16  # inches from an image to the far side of its colour scale
SCALE_LABEL = 0.2
_SURPLUS = 1 + 1e-9  # decides ties alike whatever the rounding

_FONTS: Any = ("font.family", "font.serif", "font.sans-serif", "font.monospace")
_SETTINGS = {
    "axes.linewidth": 0.5,
    "font.size": SMALL_SIZE,
    "hatch.linewidth": 0.6,
    "pdf.fonttype": 42,
    "svg.hashsalt": "asot",
    "text.usetex": False,
}
_LEGEND: dict[str, Any] = {  # spaces are in units of the text size
    **{"loc": "lower left", "frameon": False, "borderpad": 0, "borderaxespad": 0},
    **{"handlelength": 1.8, "handleheight": 1.0, "handletextpad": 0.5},
    **{"columnspacing": 1.2, "labelspacing": 0.45},
}
# None leaves out the time and the version of matplotlib.
_METADATA: dict[str, dict[str, None]] = {
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw with matplotlib's defaults and the reader's fonts, whatever else their style sets."""
    fonts: dict[Any, Any] = {name: matplotlib.rcParams[name] for name in _FONTS}
    with matplotlib.style.context(["default", {**fonts, **_SETTINGS}]):
        yield


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG, SVG or PDF, by the end of its name.

    The file appears whole or not at all, and the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
        The figure.
    path : path-like
        A name that ends in .png, .svg or .pdf; missing folders are made.

    Raises
    ------
    ArgumentError
        If the name ends otherwise.

    Examples
    --------
    >>> import tempfile
    >>> from asot.figures import plot_objective
    >>> target = Path(tempfile.mkdtemp()) / "objective.svg"
    >>> save_figure(plot_objective([0.9, 0.5, 0.4]), target)
    >>> target.exists()
    True
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _METADATA:
        raise ArgumentError(
            f"a figure's name must end in {', '.join(_METADATA)}, but it is {str(path)!r}.",
            setting="path",
        )
    with atomic_path(path) as temporary, house_style():
        figure.savefig(temporary, format=suffix[1:], metadata=_METADATA[suffix], dpi="figure")


class NotebookFigure(Figure):
    """A figure that notebooks show, without pyplot, at half the pixels that it has."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        stream = io.BytesIO()
        with house_style():
            self.savefig(stream, format="png", dpi="figure")
        return stream.getvalue(), {"width": round(self.get_figwidth() * self.dpi / 2)}


class Sheet:
    """Rows of axes under a title, with notes and a legend below; at least 2 inches wide."""

    def __init__(self, width: float) -> None:
        require_number("width", width, at_least=2, below=101)
        self.width = float(width)
        self.figure = NotebookFigure(figsize=(self.width, 1.0), dpi=200)
        self.ruler = Ruler(self.figure)
        self._used = 0.0
        self._cells: list[tuple[Axes, float, float, float, float]] = []
        self._row: tuple[float, float] = (0.0, 0.0)

    def row(self, height: float, above: float = 0.0) -> None:
        """Start a row of axes, ``above`` inches under what came before."""
        self._row = (self._used + above, height)
        self._used += above + height

    def axes(self, left: float, right: float) -> Axes:
        """Add axes to the row, from ``left`` to ``right`` in inches from the sheet's left edge."""
        axes = self.figure.add_axes((0, 0, 1, 1))
        axes.tick_params(width=0.5, length=2.5, pad=2)
        self._cells.append((axes, left, right, *self._row))
        return axes

    def space(self, height: float = AXIS_SPACE) -> None:
        """Leave room under the last row, for the labels of its ticks and its axis."""
        self._used += height

    def time_axis(self, axes: Axes, n_frames: int, frame_rate: float | None, width: float) -> None:
        """Label the x axis of ``axes``, ``width`` inches wide, with frames or times.

        Data coordinates are frames in either case: frame ``i`` covers ``[i, i + 1)``.
        """
        positions, labels, unit = time_ticks(n_frames, frame_rate, int(width / TICK_WIDTH))
        axes.set_xticks(positions, labels)
        axes.set_xlim(0, n_frames)
        axes.set_xlabel(unit, labelpad=2)
        self.space()

    def beside(
        self, names: Sequence[str], share: float = 1, size: float = SMALL_SIZE
    ) -> tuple[list[str], float]:
        """Fit names into a share of the width; return them and where axes beside them begin."""
        shown = [self.ruler.fit(name, share * self.width, size) for name in names]
        widest = max((self.ruler.width(name, size) for name in shown), default=0.0)
        return shown, MARGIN + widest + TICK_SPACE

    def scale_width(self, low: float, high: float, height: float) -> float:
        """Return the inches that :meth:`scale` needs for values in a range, with a margin."""
        labels = number_ticks(low, high, 2 if height < 0.8 else 4)[1]
        widest = max((self.ruler.width(label) for label in labels), default=0.0)
        return SCALE + TICK_SPACE + widest + SCALE_LABEL + MARGIN

    def scale(self, image: AxesImage, left: float, label: str) -> None:
        """Add the colour scale of ``image`` to the row, at the right of ``left``."""
        low, high = image.get_clim()
        ticks, labels = number_ticks(low, high, 2 if self._row[1] < 0.8 else 4)
        bar = self.figure.colorbar(image, cax=self.axes(left + SCALE / 2, left + SCALE))
        bar.set_ticks(ticks.tolist(), labels=labels)
        bar.outline.set_linewidth(0.5)
        bar.set_label(label, labelpad=3)

    def finish(
        self,
        title: str | None = None,
        entries: Sequence[tuple[str, Style]] = (),
        notes: Sequence[str] = (),
    ) -> Figure:
        """Add title, notes and a legend of names and fills, and put everything in its place."""
        inner = self.width - 2 * MARGIN
        title_lines = self.ruler.wrap(title, inner, TEXT_SIZE + 1) if title else []
        note_lines = [line for n in notes for line in self.ruler.wrap(n, inner)]
        title_height = text_height(len(title_lines), TEXT_SIZE + 1) + (0.06 if title else 0)
        note_height = text_height(len(note_lines)) + (0.06 if notes else 0)
        legend = self._legend(entries, inner) if entries else None
        legend_height = 0.0
        if legend is not None:
            extent = legend.get_window_extent(self.ruler.renderer)
            legend_height = extent.height / self.figure.dpi + 0.06
        top = MARGIN + title_height
        height = top + self._used + note_height + legend_height + MARGIN
        self.figure.set_size_inches(self.width, height)

        for axes, left, right, row_top, row_height in self._cells:
            x, wide = left / self.width, (right - left) / self.width
            bottom = height - top - row_top - row_height
            axes.set_position((x, bottom / height, wide, row_height / height))
        x, text = MARGIN / self.width, self.figure.text
        if title_lines:
            y = 1 - MARGIN / height
            text(x, y, "\n".join(title_lines), size=TEXT_SIZE + 1, va="top")
        if note_lines:
            y = (MARGIN + legend_height + note_height - 0.06) / height
            text(x, y, "\n".join(note_lines), va="top", color="0.3")
        if legend is not None:
            legend.set_bbox_to_anchor((x, MARGIN / height), self.figure.transFigure)
        # Ticks are made at the first drawing, which must be in this style.
        self.figure.draw_without_rendering()
        return self.figure

    def _legend(self, entries: Sequence[tuple[str, Style]], inner: float) -> Legend:
        """Make the legend with as many columns as fit."""
        swatch = (1.8 + 0.5 + 0.1) * SMALL_SIZE / 72
        names = [self.ruler.fit(name, inner - swatch) for name, _ in entries]
        widest = max(self.ruler.width(name) for name in names)
        outline = {"facecolor": "white", "edgecolor": "0.3", "linewidth": 0.4}
        fills = [outline if s == UNLABELLED_STYLE else patch_options(s) for _, s in entries]
        columns = max(1, min(len(entries), int(1.8 * inner / (widest + swatch))))
        while True:
            legend = Legend(
                self.figure,
                [Patch(**fill) for fill in fills],
                [str(i) for i in range(len(entries))],
                ncols=columns,
                **_LEGEND,
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


def write_beside(axes: Axes, text: str, x: float, y: float) -> None:
    """Write a text beside the end of a bar."""
    place: dict[str, Any] = {"xytext": (3, 0), "textcoords": "offset points"}
    axes.annotate(text, (x, y), **place, va="center_baseline", annotation_clip=False)


def patch_options(style: Style) -> dict[str, Any]:
    """Return the options that give a patch the fill of ``style``."""
    colours = {"facecolor": style.colour, "edgecolor": style.hatch_colour}
    return {**colours, "hatch": style.hatch or None, "linewidth": 0}


def text_height(lines: int, size: float = SMALL_SIZE) -> float:
    """Return the height of lines of text in inches."""
    return lines * size * LINE_HEIGHT / 72


class Ruler:
    """A measure of text in a figure, which gets an Agg canvas and needs no display."""

    def __init__(self, figure: Figure) -> None:
        self._figure = figure
        self.renderer = FigureCanvasAgg(figure).get_renderer()
        self._probe = Text()
        self._probe.set_figure(figure)

    def width(self, text: str, size: float = SMALL_SIZE) -> float:
        """Return the width in inches of drawable ``text`` at ``size`` points."""
        if not text:
            return 0.0
        self._probe.set(text=text, size=size)
        extent = self._probe.get_window_extent(self.renderer)
        return extent.width / self._figure.dpi

    def fit(self, text: object, width: float, size: float = SMALL_SIZE) -> str:
        """Make ``text`` drawable and, where needed, leave out its middle to fit in ``width``.

        Both ends stay, as names in a list often differ in their last word or number.
        """
        text = " ".join(str(text).split())
        if self.width(drawable(text), size) <= width:
            return drawable(text)

        def shortened(kept: int) -> str:
            return drawable(text[: (kept + 1) // 2] + "..." + text[len(text) - kept // 2 :])

        kept = range(1, len(text))
        return shortened(bisect_right(kept, width, key=lambda n: self.width(shortened(n), size)))

    def wrap(self, text: object, width: float, size: float = SMALL_SIZE) -> list[str]:
        """Break ``text`` at spaces into drawable lines no wider than ``width``."""
        lines: list[str] = []
        line = ""
        for word in str(text).split():
            longer = f"{line} {word}".lstrip()
            if line and self.width(drawable(longer), size) > width:
                lines.append(self.fit(line, width, size))
                longer = word
            line = longer
        return [*lines, self.fit(line, width, size)] if line else lines


def drawable(text: object) -> str:
    r"""Make a text safe to draw.

    Runs of white space become one space; characters that the fonts of ``font.family`` lack become
    a replacement sign, so add a font there to see them; dollar signs are escaped, or matplotlib
    would read a formula.
    """
    families = font_manager.FontProperties().get_family()
    fonts = [font_manager.FontProperties(family=[family]) for family in families]
    known = frozenset().union(*(_glyphs_of(font_manager.findfont(font)) for font in fonts))
    substitute = "\N{REPLACEMENT CHARACTER}" if 0xFFFD in known else "?"
    kept = "".join(c if ord(c) in known else substitute for c in " ".join(str(text).split()))
    return kept.replace("$", r"\$")


@lru_cache
def _glyphs_of(font_path: str) -> frozenset[int]:
    return frozenset(font_manager.get_font(font_path).get_charmap())


def number_ticks(
    low: float, high: float, most: int, whole: bool = False
) -> tuple[NDArray[np.float64], list[str]]:
    """Choose round numbers from ``low`` to ``high``, and their labels."""
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        return np.array([low]), [f"{low:.6g}"]
    ticks = np.asarray(MaxNLocator(most, integer=whole).tick_values(low, high))
    surplus = 1e-9 * (high - low)
    ticks = ticks[(ticks >= low - surplus) & (ticks <= high + surplus)]
    # Twelve digits hide what rounding added to 0.3; adding 0 turns -0 into 0.
    return ticks, [f"{tick + 0.0:.12g}" for tick in ticks]


def time_ticks(
    n_frames: int, frame_rate: float | None, most: int
) -> tuple[NDArray[np.float64], list[str], str]:
    """Choose from 2 to ``most`` round moments of a recording, and their labels.

    Return the positions in frames, the labels, and the unit of the labels: frames without a frame
    rate; else seconds up to one second, ``h:mm`` from one hour on, and ``m:ss`` between.
    """
    if frame_rate is not None:
        require_number("frame_rate", frame_rate, above=0)
    most = max(2, most)
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
    # Rounded first: 59.9999999 s is the next minute, not 0:60.
    whole, rest = divmod(round(value * 10**decimals), 60 * 10**decimals)
    return f"{whole}:{rest / 10**decimals:0{3 + decimals if decimals else 2}.{decimals}f}"
