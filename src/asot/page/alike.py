"""Which actions and which segments are alike, as plain values of a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_STEPS = 1000  # of each side of the map


@dataclass(frozen=True, slots=True)
class Pair:
    """Two actions that may be one, and what speaks for it.

    Parameters
    ----------
    actions : (int, int)
        The action to keep, which fills more frames, and the one to merge into it.
    shared : (float, float)
        The share that each has, in the soft assignment, of the frames of the other.
    closest : bool
        Whether no other action is closer to either of them.
    described : bool
        Whether one action describes the frames of both better than two do.
    same : bool
        Whether nothing tells the segments of the one from those of the other.
    """

    actions: tuple[int, int]
    shared: tuple[float, float]
    closest: bool = False
    described: bool = False
    same: bool = False


@dataclass(frozen=True, slots=True)
class Spot:
    """A segment on the map: frames ``[start, end)``, its action, where it lies, and its kind.

    The ``kind`` is 1 for the second kind of an action that holds two, else 0.
    """

    recording: str
    start: int
    end: int
    action: int
    x: float
    y: float
    kind: int = 0


@dataclass(frozen=True, slots=True)
class Alike:
    """What a page tells of the likeness of its actions and their segments.

    Parameters
    ----------
    leaves : sequence of int
        The actions in use.
    joins : sequence of (int, int, float)
        The tree from its tips on: what is joined, and how far apart it is, 0 to 1. Numbers below
        that of leaves are places in ``leaves``, further ones are earlier joins.
    pairs : sequence of Pair
        Actions that may be one, the likeliest first.
    kinds : mapping of int to (Spots, Spots)
        Actions that may be two, with examples of both.
    spots : sequence of Spot
        The map of segments.
    n_segments : int
        How many segments there are; the map may show fewer.
    method : str
        How the map was made.
    """

    leaves: Sequence[int] = ()
    joins: Sequence[tuple[int, int, float]] = ()
    pairs: Sequence[Pair] = ()
    kinds: Mapping[int, tuple[Sequence[Spot], Sequence[Spot]]] = field(default_factory=dict)
    spots: Sequence[Spot] = ()
    n_segments: int = 0
    method: str = ""


class MapRows:
    """The rows of the map, with the moments of each recording, as they become known."""

    def __init__(self, alike: Alike) -> None:
        self._alike = alike
        self._rows: list[list[Any]] = []
        self._spots: defaultdict[str, list[Spot]] = defaultdict(list)
        for one in alike.spots:
            self._spots[one.recording].append(one)
        places = np.array([(one.x, one.y) for one in alike.spots], dtype=float).reshape(-1, 2)
        self._low = places.min(axis=0, initial=np.inf)
        # One scale for both directions, as distances are what the map tells.
        self._reach = float((places.max(axis=0, initial=-np.inf) - self._low).max()) or 1.0

    def add(self, place: int, name: str, edges: NDArray[np.float64]) -> None:
        """Add the recording ``name``, the page's number ``place``, with its time edges (N + 1,)."""
        for one in self._spots.pop(name, ()):
            at = (np.array([one.x, one.y]) - self._low) / self._reach * _STEPS
            moments = [round(float(edges[frame]), 3) for frame in (one.start, one.end)]
            row = [place, one.start, one.end, *moments, one.action]
            self._rows.append([*row, *at.round().astype(int).tolist(), one.kind])

    def values(self) -> dict[str, Any]:
        """Return the plain values of tree, pairs, kinds and map."""
        alike = self._alike
        return {
            "leaves": list(alike.leaves),
            "joins": [[a, b, round(height, 4)] for a, b, height in alike.joins],
            "pairs": [
                {
                    "actions": list(one.actions),
                    "shared": [round(share, 4) for share in one.shared],
                    "closest": one.closest,
                    "described": one.described,
                    "same": one.same,
                }
                for one in alike.pairs
            ],
            "kinds": sorted(alike.kinds),
            "spots": self._rows,
            "segments": alike.n_segments,
            "method": alike.method,
        }
