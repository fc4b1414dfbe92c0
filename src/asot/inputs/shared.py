"""The columns that recordings share, and the recordings that share too few of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from asot.errors import DataError
from asot.text import listing

KINDS = {"series": "signals", "pose": "poses", "features": "features that are ready"}
_SHOWN = 6


@dataclass(frozen=True)
class Look:
    """A recording at first sight: its kind, its columns, and its rows a second."""

    kind: str  # as in asot.data.origin.Origin
    columns: tuple[str, ...]
    rate: float = 0.0

    @property
    def units(self) -> tuple[str, ...]:
        """Return what can be shared: columns, or all of them where they are only numbered."""
        # Where a column without a name is missing, the others have moved.
        nameless = all(name.isdecimal() for name in self.columns)
        return (" ".join(self.columns),) if nameless else self.columns


@dataclass
class Agreement:
    """What the features of all recordings are made of, and sentences on single recordings."""

    columns: tuple[str, ...]
    odd: dict[str, str] = field(default_factory=dict)  # why a recording cannot be used
    remarks: dict[str, list[str]] = field(default_factory=dict)


def agree(
    looks: Mapping[str, Look],
    manner: Callable[[Look, int], str],
    expected: Mapping[str, Any] | None = None,
) -> Agreement:
    """Find the columns that go into the features of all recordings.

    Recordings of another kind than most are odd. The usual columns are those of at least half of
    the recordings: as long as all share fewer than half of the usual columns, the recording that
    has least in common with the others is odd. The features are made of the columns that all others
    have, in the order of the first recording. Last, recordings are odd that ``manner`` describes in
    other words than most: how features are made of a recording, given the number of columns.

    ``expected``, the extractor whose features a model was trained on, decides instead where it is
    given: recordings of another kind are odd, and those that have none of its columns. It is a
    DataError if more than half of the signals or poses would be odd without it.

    Examples
    --------
    >>> looks = {"a": Look("series", ("x", "y", "z")), "b": Look("series", ("z", "x"))}
    >>> found = agree(looks, lambda look, width: "as it is")
    >>> found.columns, list(found.remarks)
    (('x', 'z'), ['b'])
    """
    if expected is None:
        kind, whole = _most([one.kind for one in looks.values()]), "most recordings hold"
    else:
        kind, whole = str(expected["kind"]), "the model was trained on"
    same = {name: one for name, one in looks.items() if one.kind == kind}
    columns = None if expected is None else expected.get("columns")
    found = _share(same) if columns is None else _fit(same, tuple(columns))
    for name, one in looks.items():
        if name not in same:
            found.odd[name] = f"holds {KINDS[one.kind]}, but {whole} {KINDS[kind]}"
    width = len(found.columns)
    manners = {name: manner(one, width) for name, one in same.items() if name not in found.odd}
    usual = _most(list(manners.values()))
    if expected is None and 2 * list(manners.values()).count(usual) >= len(manners):
        for name, own in manners.items():
            if own != usual:
                rows = f"has {looks[name].rate:g} rows a second, which gives {own}"
                cure = "set --frame_rate and --window_s for all"
                found.odd[name] = f"{rows}, but most recordings give {usual}: {cure}"
    found.remarks = {name: one for name, one in found.remarks.items() if name not in found.odd}
    return found


def _share(looks: Mapping[str, Look]) -> Agreement:
    """Set recordings aside until the others share half of the usual columns."""
    units = {name: one.units for name, one in looks.items()}
    counts = Counter(unit for own in units.values() for unit in own)
    least = min(len(units) / 2, max(counts.values()))
    usual = [unit for unit, count in counts.items() if count >= least]
    kept, odd = list(units), dict[str, str]()
    while True:
        shared = set.intersection(*(set(units[one]) for one in kept))
        if 2 * len(shared) >= len(usual) or len(kept) == 1:
            break
        counts = Counter(unit for one in kept for unit in units[one])
        # The last of equals, so that the first stays.
        least_shared = min(
            (units[one] for one in reversed(kept)), key=lambda own: sum(counts[one] for one in own)
        )
        alike = [name for name in kept if units[name] == least_shared]
        kept = [name for name in kept if units[name] != least_shared] or alike[:1]
        lacks = [unit for unit in usual if unit not in least_shared]
        why = (
            f"shares too little with other recordings: it has {listing(least_shared, _SHOWN)}, and "
            f"lacks {listing(lacks, _SHOWN)}; name it in a call of its own"
        )
        odd |= {name: why for name in reversed(alike) if name not in kept}
    first = looks[kept[0]]
    if first.kind == "features" and len(kept) * 2 <= len(looks):
        return Agreement(first.columns)  # whoever opens them says what is wrong with all of them
    if len(kept) * 2 < len(looks):
        name = next(iter(odd))
        raise DataError(
            f"The recordings share too few columns: {kept[0]!r} has {listing(units[kept[0]], 6)}, "
            f"but {name!r} has {listing(units[name], 6)}. Name those that go together, or "
            "columns that all of them have with --columns."
        )
    columns = tuple(name for name in first.columns if name in shared) or first.columns
    found = Agreement(columns, odd)
    counts = Counter(unit for one in kept for unit in units[one])
    for name in kept:
        lacks = [one for one in counts if one not in units[name] and 2 * counts[one] >= len(kept)]
        if lacks:
            cure = "--columns with the names of those to keep leaves out this recording instead"
            remark = f"Lacks {listing(lacks, _SHOWN)}, left out of all recordings: {cure}."
            found.remarks[name] = [remark]
        extra = [one for one in units[name] if 2 * counts[one] < len(kept)]
        if extra:
            remark = f"Left out, as other recordings lack it: {listing(extra, _SHOWN)}."
            found.remarks.setdefault(name, []).append(remark)
    return found


def _fit(looks: Mapping[str, Look], columns: tuple[str, ...]) -> Agreement:
    """Set recordings aside that have no column of the model."""
    found = Agreement(columns)
    wanted = Look("", columns).units
    for name, one in looks.items():
        own = match_columns(wanted, one.units)
        if not own:
            known = f"has nothing of what the model knows, {listing(wanted, _SHOWN)}"
            found.odd[name] = f"{known}; it has {listing(one.units, _SHOWN)}"
            continue
        extra = [unit for unit in one.units if unit not in own.values()]
        if extra:
            remark = f"Left out, as the model does not know it: {listing(extra, _SHOWN)}."
            found.remarks[name] = [remark]
    return found


def without(kind: str, wanted: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Say which columns of a model a recording lacks, and which are called otherwise in it.

    Examples
    --------
    >>> without("series", ["ax", "ay", "az"], ["AX", "ay"])[0]
    "Does without 1 of the 3 signals that the model knows (33 %): 'az'."
    """
    own, said = match_columns(wanted, columns), []
    lacks = [name for name in wanted if name not in own]
    if lacks:
        what, gone, known = _counted(kind, lacks, wanted)
        share = f"{len(gone)} of the {len(known)} {what} that the model knows"
        percent = f"{100 * len(gone) / len(known):.0f} %"
        said.append(f"Does without {share} ({percent}): {listing(gone, _SHOWN)}.")
    other = [f"{theirs} for {ours}" for ours, theirs in own.items() if ours != theirs]
    if other:
        said.append(f"Taken by the letters and digits of their names: {listing(other, _SHOWN)}.")
    return said


def _counted(
    kind: str, lacks: Sequence[str], wanted: Sequence[str]
) -> tuple[str, list[str], list[str]]:
    """Return what is counted, what lacks of it, and all: points where none is there in part."""
    if kind != "pose":
        return "signals", list(lacks), list(wanted)
    gone, left = (
        list(dict.fromkeys(name.rpartition(".")[0] for name in names))
        for names in (lacks, [name for name in wanted if name not in lacks])
    )
    if set(gone) & set(left):
        return "coordinates", list(lacks), list(wanted)
    return "points", gone, gone + left


def match_columns(wanted: Sequence[str], own: Sequence[str]) -> dict[str, str]:
    """Find columns in a recording: by their name, or else by its letters and digits alone.

    What stands in brackets, such as a unit, does not count, and names that become alike are left.

    Examples
    --------
    >>> match_columns(["acc_x", "gyro"], ["time", "Acc.X [g]"])
    {'acc_x': 'Acc.X [g]'}
    """
    found = {name: name for name in wanted if name in own}
    asked, there = (_bare([one for one in names if one not in found]) for names in (wanted, own))
    return found | {name: there[bare] for bare, name in asked.items() if bare in there}


def _bare(names: Sequence[str]) -> dict[str, str]:
    bare = [re.sub(r"\[.*?\]|\(.*?\)|[\W_]", "", name).casefold() for name in names]
    counts = Counter(bare)
    return {key: name for key, name in zip(bare, names, strict=True) if counts[key] == 1}


def _most(values: list[str]) -> str:
    return Counter(values).most_common(1)[0][0] if values else ""
