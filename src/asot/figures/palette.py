"""Colours and hatches that keep many actions apart, for colour-blind readers too.

Twelve colours come first: the seven hues of Okabe and Ito (2008, "Color universal design"), then
five that were searched in sRGB for the largest smallest distance to all others, to white and to
the greys, as seen with normal vision, protanopia, deuteranopia and tritanopia (simulated after
Machado, Oliveira and Fernandes 2009, full severity). Any two of the twelve stay 16 units of CIELAB
apart for all four. Later actions repeat the colours under a hatch, ``COLOURS`` times ``HATCHES``
pairs in all. Greys are left to clusters that match no class, white to frames without a label.
"""

from __future__ import annotations

from dataclasses import dataclass

COLOURS = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
    "#183d92",
    "#920c00",
    "#aadb9e",
    "#793d55",
    "#90e8f8",
)
HATCHES = ("", "/////", ".....", "xxxxx", "-----", "|||||", "\\\\\\\\\\", "+++++")

GREYS = ("#b0b0b0", "#808080", "#d4d4d4", "#5c5c5c")
GREY_HATCHES = (
    *HATCHES[1:],
    "ooo",
    "**",
    "OO",
    "///...",
    "---...",
    "|||...",
    "///ooo",
    "---ooo",
    "|||ooo",
)
# Thin lines and narrow bars need more contrast to white than filled areas do.
LINE_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#183d92", "#920c00", "#e69f00")


@dataclass(frozen=True, slots=True)
class Style:
    """How one action is filled.

    Parameters
    ----------
    colour : str
        Fill, as ``#rrggbb``.
    hatch : str
        Pattern in matplotlib's notation, empty for a plain fill.
    hatch_colour : str
        Colour of the pattern, as ``#rrggbb``: black or white, whichever shows on the fill.
    """

    colour: str
    hatch: str
    hatch_colour: str


UNLABELLED_STYLE = Style("#ffffff", "", "#000000")


def class_style(index: int) -> Style:
    """Fill of a class.

    Parameters
    ----------
    index : int
        The class, from 0. The first 12 are plain colours, and the first 96 are all different;
        from there on they repeat.

    Returns
    -------
    Style

    Examples
    --------
    >>> class_style(0)
    Style(colour='#e69f00', hatch='', hatch_colour='#000000')
    >>> class_style(12).colour == class_style(0).colour, class_style(12).hatch
    (True, '/////')
    """
    lap, place = divmod(index, len(COLOURS))
    return _style(COLOURS[place], HATCHES[lap % len(HATCHES)])


def unmatched_style(index: int) -> Style:
    """Fill of a cluster that matches no class: grey, and always hatched.

    Parameters
    ----------
    index : int
        Position among the unmatched clusters of a figure, from 0. The first 64 are all
        different, each of the first 16 by its hatch alone; from there on they repeat.

    Returns
    -------
    Style

    Examples
    --------
    >>> unmatched_style(0), unmatched_style(1).hatch
    (Style(colour='#b0b0b0', hatch='/////', hatch_colour='#000000'), '.....')
    """
    lap, place = divmod(index, len(GREY_HATCHES))
    return _style(GREYS[lap % len(GREYS)], GREY_HATCHES[place])


def line_colour(index: int) -> str:
    """Colour of the ``index``-th line or bar of a chart, as ``#rrggbb``; repeats after seven."""
    return LINE_COLOURS[index % len(LINE_COLOURS)]


def _style(colour: str, hatch: str) -> Style:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    # Rec. 601 luma is enough to choose between black and white.
    dark = 0.299 * red + 0.587 * green + 0.114 * blue < 120
    return Style(colour, hatch, "#ffffff" if dark else "#000000")
