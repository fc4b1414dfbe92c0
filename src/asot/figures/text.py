"""Text that always draws and always fits: missing glyphs, dollar signs, width in inches."""

from __future__ import annotations

from functools import lru_cache

from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

ELLIPSIS = "..."


def drawable(text: object) -> str:
    """Make a name safe to draw.

    Runs of white space become one space; characters that the fonts of ``font.family`` lack
    become a replacement sign, so add a font there to see them; dollar signs are escaped, or
    matplotlib would read a formula.

    Parameters
    ----------
    text : object
        Anything with a ``str``.

    Returns
    -------
    str

    Examples
    --------
    >>> drawable("pour\\n milk"), drawable("$5 or $6")
    ('pour milk', '\\\\$5 or \\\\$6')
    """
    known = _glyphs(tuple(font_manager.FontProperties().get_family()))
    substitute = "\N{REPLACEMENT CHARACTER}" if 0xFFFD in known else "?"
    kept = "".join(c if ord(c) in known else substitute for c in " ".join(str(text).split()))
    return kept.replace("$", r"\$")


def _glyphs(families: tuple[str, ...]) -> frozenset[int]:
    found: frozenset[int] = frozenset()
    for family in families:
        found |= _glyphs_of(font_manager.findfont(font_manager.FontProperties(family=[family])))
    return found


@lru_cache
def _glyphs_of(font_path: str) -> frozenset[int]:
    return frozenset(font_manager.get_font(font_path).get_charmap())


class Ruler:
    """Measures text as the figure will draw it.

    Parameters
    ----------
    figure : Figure
        The figure; it gets an Agg canvas, which needs no display.
    """

    def __init__(self, figure: Figure) -> None:
        self._figure = figure
        self.renderer = FigureCanvasAgg(figure).get_renderer()
        self._probe = Text()
        self._probe.set_figure(figure)

    def width(self, text: str, size: float) -> float:
        """Width in inches of drawable ``text`` at ``size`` points."""
        if not text:
            return 0.0
        self._probe.set(text=text, size=size)
        extent = self._probe.get_window_extent(self.renderer)
        return extent.width / self._figure.dpi

    def fit(self, text: object, size: float, width: float) -> str:
        """Make ``text`` drawable and, where needed, leave out its middle to fit in ``width``.

        Both ends stay, as names in a list often differ in their last word or number.
        """
        text = " ".join(str(text).split())
        if self.width(drawable(text), size) <= width:
            return drawable(text)

        def shortened(kept: int) -> str:
            return drawable(text[: (kept + 1) // 2] + ELLIPSIS + text[len(text) - kept // 2 :])

        # The widest that fits: widths grow with the number of letters kept.
        low, high = 0, len(text) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(shortened(middle), size) <= width:
                low = middle
            else:
                high = middle - 1
        return shortened(low)

    def wrap(self, text: object, size: float, width: float) -> list[str]:
        """Break ``text`` at spaces into drawable lines no wider than ``width``."""
        lines: list[str] = []
        line = ""
        for word in str(text).split():
            longer = f"{line} {word}".lstrip()
            if line and self.width(drawable(longer), size) > width:
                lines.append(self.fit(line, size, width))
                longer = word
            line = longer
        return [*lines, self.fit(line, size, width)] if line else lines
