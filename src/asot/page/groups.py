"""Groups of recordings on the page: values of each action, tests, and what follows what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.page.packing import number

MOST_POINTS = 100  # of a group, spread evenly over its values


@dataclass(frozen=True, slots=True)
class GroupTest:
    """A test of one action's measure: corrected p-value, whether it differs, the size in words."""

    action: int
    measure: str
    p: float
    differs: bool
    size: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class GroupsView:
    """Groups of recordings, compared.

    Parameters
    ----------
    groups : mapping of str to int
        The units of each group.
    unit : str
        What a unit is: recording or subject.
    measures : mapping of str to str
        What was measured, in words.
    values : mapping of str to mapping of int to sequence of (U,) float array
        For each measure and action, the values of the units of each group; NaN for none.
    transitions : sequence of (K, K) float array
        For each group, how likely an action (row) is followed by another (column), in the order of
        ``actions``; NaN where it is never followed.
    actions : sequence of int
        The actions of the transitions.
    tests, pairs : sequence of GroupTest
        Tests of all groups, and of pairs of groups.
    sentences, remarks : sequence of str
        What was compared and found; what people should know before.
    """

    groups: Mapping[str, int]
    unit: str
    measures: Mapping[str, str]
    values: Mapping[str, Mapping[int, Sequence[NDArray[np.float64]]]]
    transitions: Sequence[NDArray[np.float64]]
    actions: Sequence[int]
    tests: Sequence[GroupTest] = ()
    pairs: Sequence[GroupTest] = ()
    sentences: Sequence[str] = ()
    remarks: Sequence[str] = field(default_factory=tuple)

    def packed(self) -> dict[str, Any]:
        """Return plain values, with a hundred points of a group at most."""
        return {
            "groups": [[name, count] for name, count in self.groups.items()],
            "unit": self.unit,
            "measures": list(self.measures.items()),
            "values": {
                measure: {str(action): list(map(_summary, own)) for action, own in by.items()}
                for measure, by in self.values.items()
            },
            "transitions": [
                [[number(value) for value in row] for row in one.tolist()]
                for one in self.transitions
            ],
            "actions": list(self.actions),
            "tests": [_test(one) for one in self.tests],
            "pairs": [_test(one) for one in self.pairs],
            "sentences": list(self.sentences),
            "remarks": list(self.remarks),
        }


def _test(one: GroupTest) -> list[Any]:
    return [one.action, one.measure, number(one.p), one.differs, one.size, list(one.groups)]


def _summary(values: NDArray[np.float64]) -> dict[str, Any]:
    known = np.sort(values[np.isfinite(values)])
    places = np.arange(len(known))
    if len(known) > MOST_POINTS:
        places = np.linspace(0, len(known) - 1, MOST_POINTS).round().astype(np.int64)
    return {
        "n": len(known),
        "mean": number(known.mean()) if len(known) else None,
        "sd": number(known.std(ddof=1)) if len(known) > 1 else None,
        "points": [number(one) for one in known[places].tolist()],
    }
