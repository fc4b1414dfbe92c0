"""How recordings are compared: their groups, what is a unit, and the values of each unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asot.groups.measures import Bouts, RecordingBouts

# What groups are compared by: the field of Bouts, and what it is in words.
MEASURES = {
    "share": ("share", "share of the time"),
    "rate": ("rate", "bouts per {}"),
    "duration": ("mean", "mean length of a bout"),
}
FEWEST = 2  # units of a group


@dataclass(frozen=True)
class Design:
    """How recordings are compared.

    Parameters
    ----------
    columns : mapping of str to mapping of str to str
        What is said of each recording: the group under ``group``, and further columns.
    group : str
        The column of the group; a recording whose group is empty is left out.
    subject : str, optional
        The column of the subject. The unit is then a subject: the mean of its recordings.
    paired : bool
        Whether the groups are of the same subjects, such as before and after.
    test : {"rank", "t"}
        Tests of ranks, or of means.
    correction : {"fdr", "holm"}
        For many tests: Benjamini and Hochberg's false discovery rate, or Holm's method.
    measures : tuple of {"share", "rate", "duration"}
        What the groups are compared by.
    seed : int
        Decides the resamples and the permutations.
    """

    columns: Mapping[str, Mapping[str, str]]
    group: str = "group"
    subject: str | None = None
    paired: bool = False
    test: Literal["rank", "t"] = "rank"
    correction: Literal["fdr", "holm"] = "fdr"
    measures: tuple[Literal["share", "rate", "duration"], ...] = ("share", "rate", "duration")
    seed: int = 0

    def group_of(self, recording: str) -> str:
        """Return the group of a recording; empty where it is left out."""
        return self.columns.get(recording, {}).get(self.group, "")

    def unit_of(self, recording: str) -> str:
        """Return the name of the unit that a recording is of."""
        return self.columns[recording].get(self.subject, "") if self.subject else recording

    @property
    def groups(self) -> list[str]:
        """The groups, in the order in which they are first named."""
        return [one for one in dict.fromkeys(map(self.group_of, self.columns)) if one]

    @property
    def unit(self) -> str:
        """What a unit is, in a word."""
        return "subject" if self.subject else "recording"


@dataclass(frozen=True, eq=False)
class Units:
    """The units of one group: values of each measure (U, K), and counts of transitions (U, K, K).

    A value is the mean over the unit's recordings, as far as they have it, or NaN; transitions
    are summed.
    """

    group: str
    names: tuple[str, ...]
    recordings: int
    values: Mapping[str, NDArray[np.float64]]
    transitions: NDArray[np.int64]


def units_of(measured: Sequence[RecordingBouts], design: Design | None) -> list[Units]:
    """Gather the units of each group that has any; of all recordings without a design.

    Units of ``paired`` groups are the subjects that each of the groups has, in one order.
    """
    found: dict[str, dict[str, list[RecordingBouts]]] = (
        {one: {} for one in design.groups} if design else {}
    )
    for one in measured:
        group = design.group_of(one.recording) if design else "all"
        if group:
            unit = design.unit_of(one.recording) if design else one.recording
            found.setdefault(group, {}).setdefault(unit, []).append(one)
    held = {group: units for group, units in found.items() if units}
    if design is not None and design.paired and held:
        first, *others = held.values()
        both = [name for name in first if all(name in other for other in others)]
        held = {group: {name: units[name] for name in both} for group, units in held.items()}
    return [_gathered(group, units) for group, units in held.items()]


def _gathered(group: str, units: Mapping[str, Sequence[RecordingBouts]]) -> Units:
    numbers = [name for name in Bouts.__dataclass_fields__ if name != "action"]
    values = {
        name: np.array([_mean([[getattr(one, name) for one in each.bouts] for each in own])
                        for own in units.values()])
        for name in numbers
    }  # fmt: skip
    transitions = [np.sum([one.transitions for one in own], axis=0) for own in units.values()]
    n_recordings = sum(map(len, units.values()))
    return Units(group, tuple(units), n_recordings, values, np.array(transitions))


def _mean(rows: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Return the mean over the rows of a table (R, K) without NaN; NaN where nothing is left."""
    values = np.array(rows, dtype=np.float64)
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = np.where(known, values, 0).sum(axis=0) / known.sum(axis=0)
    return mean
