"""Fills that keep many actions apart, for colour-blind readers too, and their key.

Twelve colours come first: the seven hues of Okabe and Ito (2008, "Color universal design"), then
five with the largest smallest distance in sRGB to all others, to white and to the greys, as seen
with normal vision, protanopia, deuteranopia and tritanopia (simulated after Machado, Oliveira and
Fernandes 2009, full severity). Any two of the twelve stay 16 units of CIELAB apart for all four.
Later actions repeat the colours under a hatch, ``COLOURS`` times ``HATCHES``
pairs in all. Greys are left to clusters that match no class, white to frames without a label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import index
from typing import TypeAlias

from asot.errors import ArgumentError
from asot.notebook import COLOURS
from asot.timeline.names import default_name
from asot.timeline.segments import UNLABELLED

Names: TypeAlias = Sequence[str] | Mapping[int, str]
Matching: TypeAlias = Mapping[int, int]

HATCHES = ("", "/////", ".....", "xxxxx", "-----", "|||||", "\\\\\\\\\\", "+++++")

GREYS = ("#b0b0b0", "#808080", "#d4d4d4", "#5c5c5c")
GREY_HATCHES = (
    *HATCHES[1:],
    *("ooo", "**", "OO", "///...", "---...", "|||...", "///ooo", "---ooo", "|||ooo"),
)
# Thin lines and narrow bars need more contrast to white than filled areas do.
LINE_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#183d92", "#920c00", "#e69f00")


@dataclass(frozen=True, slots=True)
class Style:
    """A fill: a colour, a hatch in matplotlib's notation, and the colour of the hatch."""

    colour: str
    hatch: str
    hatch_colour: str


UNLABELLED_STYLE = Style("#ffffff", "", "#000000")


def class_style(index: int) -> Style:
    """Return the fill of a class: 12 plain colours, then hatched ones, repeated after 96."""
    lap, place = divmod(index, len(COLOURS))
    return _style(COLOURS[place], HATCHES[lap % len(HATCHES)])


def unmatched_style(index: int) -> Style:
    """Return the hatched grey of a cluster that matches no class; repeated after 64."""
    lap, place = divmod(index, len(GREY_HATCHES))
    return _style(GREYS[lap % len(GREYS)], GREY_HATCHES[place])


def line_style(index: int) -> Style:
    """Return the plain colour of a chart's line or bar; repeated after seven."""
    return Style(LINE_COLOURS[index % len(LINE_COLOURS)], "", "#000000")


def _style(colour: str, hatch: str) -> Style:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    # Rec. 601 luma is enough to choose between black and white.
    dark = 0.299 * red + 0.587 * green + 0.114 * blue < 120
    return Style(colour, hatch, "#ffffff" if dark else "#000000")


class Key:
    """The fill and the name of each class and each unmatched cluster of a figure.

    A class has the fill of its place among the names, so a mapping of the few classes that can
    appear, in one order, gives those the plain colours, in every figure alike. Without
    names, class 0 is called "action 1".
    """

    def __init__(self, names: Names | None) -> None:
        self._names: dict[int, str] | None = None
        self._places: dict[int, int] = {}
        if names is not None:
            self._names = dict(names if isinstance(names, Mapping) else enumerate(names))
            self._places = {label: place for place, label in enumerate(self._names)}
        self._classes: dict[int, Style] = {}
        self._clusters: dict[tuple[str, int], int] = {}
        self._unlabelled = False

    def name(self, label: int) -> str:
        """Return the name of a class, which must have one where names were given."""
        if self._names is None:
            return default_name(label)
        if label not in self._names:
            raise ArgumentError(
                f"the names must cover every class, but class {label} has none "
                f"among the {len(self._names)} given."
            )
        return str(self._names[label])

    def style(self, label: int, matching: Matching | None = None, owner: str = "") -> Style:
        """Return the fill of a label, and add it to the legend.

        With a matching the label is a cluster; clusters of different owners get different greys.
        """
        if label == UNLABELLED:
            self._unlabelled = True
            return UNLABELLED_STYLE
        matched = matched_class(label, matching)
        if matched is None:
            return unmatched_style(self._place((owner, label)))
        self.name(matched)
        self._classes[matched] = class_style(self._places.get(matched, matched))
        return self._classes[matched]

    def entries(self) -> list[tuple[str, Style]]:
        """List the names and fills in use: classes, clusters, frames without a label."""
        shown = sorted(self._classes, key=lambda one: self._places.get(one, one))
        entries = [(self.name(label), self._classes[label]) for label in shown]
        for (owner, label), place in self._clusters.items():
            suffix = f" of {owner}" if owner else ""
            entries.append((f"{default_name(label)}{suffix}, unmatched", unmatched_style(place)))
        if self._unlabelled:
            entries.append(("unlabelled", UNLABELLED_STYLE))
        return entries

    def _place(self, cluster: tuple[str, int]) -> int:
        """Return a cluster's place: its own number if free, so that all figures show it alike."""
        if cluster not in self._clusters:
            taken = set(self._clusters.values())
            place = cluster[1]
            while place in taken:
                place += 1
            self._clusters[cluster] = place
        return self._clusters[cluster]


def matched_class(label: int, matching: Matching | None) -> int | None:
    """Return a label's class: itself without a matching, None for an unmatched cluster."""
    if matching is None:
        return label
    if label not in matching:
        return None
    try:
        found = index(matching[label])
    except TypeError:
        found = -1
    if found < 0:
        raise ArgumentError(
            "matching must give the whole number of a class, from 0 on, "
            f"but cluster {label} is matched to {matching[label]!r}.",
            setting="matching",
        )
    return found
