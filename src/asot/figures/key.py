"""Which fill means what: one key for all bars of a figure, and its legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import index
from typing import TypeAlias

from asot.errors import ArgumentError
from asot.figures.palette import UNLABELLED_STYLE, Style, class_style, unmatched_style
from asot.timeline.segments import UNLABELLED

Names: TypeAlias = Sequence[str] | Mapping[int, str]
Matching: TypeAlias = Mapping[int, int]


class Key:
    """Which fill and which name each class and each unmatched cluster of a figure has.

    Parameters
    ----------
    names : sequence of str or mapping of int to str, optional
        Name of each class; "action 3" and so on without it. A class has the fill of its place
        among the names (a mapping's classes are sorted), so a mapping of the few classes that
        can appear gives those the first, plain colours, in every figure alike.
    """

    def __init__(self, names: Names | None) -> None:
        self._names: dict[int, str] | None = None
        self._places: dict[int, int] = {}
        if names is not None:
            self._names = dict(names if isinstance(names, Mapping) else enumerate(names))
            self._places = {label: place for place, label in enumerate(sorted(self._names))}
        self._classes: set[int] = set()
        self._clusters: dict[tuple[str, int], int] = {}
        self._unlabelled = False

    def name(self, label: int) -> str:
        """Name of a class.

        Raises
        ------
        ArgumentError
            If names were given, but none for this class.
        """
        if self._names is None:
            return f"action {label}"
        if label not in self._names:
            raise ArgumentError(
                f"the names must cover every class, but class {label} has none "
                f"among the {len(self._names)} given."
            )
        return str(self._names[label])

    def style(self, label: int, matching: Matching | None = None, owner: str = "") -> Style:
        """Fill of a label, which joins the legend.

        Parameters
        ----------
        label : int
            A class; a cluster where ``matching`` is given; or -1, which is white.
        matching : mapping of int to int, optional
            Class of each matched cluster.
        owner : str
            Whose cluster it is; clusters of different owners get different greys.
        """
        if label == UNLABELLED:
            self._unlabelled = True
            return UNLABELLED_STYLE
        matched = matched_class(label, matching)
        if matched is None:
            return unmatched_style(self._place((owner, label)))
        self._classes.add(matched)
        return self._class_style(matched)

    def entries(self) -> list[tuple[str, Style]]:
        """Name and fill of all that was used: classes, unmatched clusters, unlabelled frames."""
        entries = [(self.name(label), self._class_style(label)) for label in sorted(self._classes)]
        for (owner, label), place in self._clusters.items():
            suffix = f" of {owner}" if owner else ""
            entries.append((f"action {label}{suffix}, unmatched", unmatched_style(place)))
        if self._unlabelled:
            entries.append(("unlabelled", UNLABELLED_STYLE))
        return entries

    def _place(self, cluster: tuple[str, int]) -> int:
        """Its number where no other owner's has it: then a cluster looks alike in all figures."""
        if cluster not in self._clusters:
            taken = set(self._clusters.values())
            place = cluster[1]
            while place in taken:
                place += 1
            self._clusters[cluster] = place
        return self._clusters[cluster]

    def _class_style(self, label: int) -> Style:
        self.name(label)
        return class_style(self._places.get(label, label))


def matched_class(label: int, matching: Matching | None) -> int | None:
    """Class of a predicted label: itself without a matching, None for an unmatched cluster.

    Raises
    ------
    ArgumentError
        If the matching leads to anything but a class's whole number.

    Examples
    --------
    >>> matched_class(7, None), matched_class(7, {7: 0}), matched_class(8, {7: 0})
    (7, 0, None)
    """
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
            f"but cluster {label} is matched to {matching[label]!r}."
        )
    return found
