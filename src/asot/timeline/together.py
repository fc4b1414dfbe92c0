"""Corrections of several people, brought together.

An action, and a frame, is what most of those say who say anything of it; where as many say one
thing as another, the file named first decides. Actions that people added are the same where
their names are, and every other has a label of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from asot.timeline.corrections import Corrected, Corrections, Patch
from asot.timeline.names import ActionNames
from asot.timeline.segments import UNLABELLED, run_lengths

NO_LOOK = UNLABELLED - 1
# Of an action: its name, the action it is merged into, and whether it is background.
Said = tuple[str, int | None, bool]
NOTHING: Said = ("", None, False)


@dataclass(frozen=True)
class Together:
    """What several people corrected, as one, and what each said.

    ``looks`` are the action that each of R people gave each frame of a recording (R, N): under the
    names of ``corrections``, -1 for none and ``NO_LOOK`` where the person did not look. ``renamed``
    are the actions that people did not name, merge or leave out alike, with what each says of
    them, in words, and last what was taken; nothing from those who left them alone.
    """

    corrections: Corrections
    looks: Mapping[str, NDArray[np.int64]]
    renamed: Mapping[int, tuple[str, ...]]


def bring_together(given: Sequence[Corrections], n_actions: int) -> Together:
    """Bring corrections of K actions together; the frames of a recording are as many in all.

    Examples
    --------
    >>> one, two = (
    ...     Corrections(ActionNames({0: name}), {"tea": Corrected(4, (Patch(0, end, action),))})
    ...     for name, end, action in (("pour", 2, 1), ("stir", 3, 0))
    ... )
    >>> found = bring_together([one, two], 2)
    >>> found.renamed, found.looks["tea"].tolist()
    ({0: ('pour', 'stir', 'pour')}, [[1, 1, -2, -2], [0, 0, 0, -2]])
    >>> found.corrections.recordings["tea"].segments
    (Patch(start=0, end=2, action=1, note=''), Patch(start=2, end=3, action=0, note=''))
    """
    places, n_added = _places(given, n_actions)
    said = {action: [NOTHING] * len(given) for action in range(n_actions + n_added)}
    for number, (place, one) in enumerate(zip(places, given, strict=True)):
        for action in range(n_actions + one.names.added):
            said[place.get(action, action)][number] = _said(one.names, action, place)
    names = _names(said, n_added)
    by_name = {name: action for action, name in reversed([*names.names.items()])}
    looks, recordings = {}, {}
    for place, one in zip(places, given, strict=True):
        # Who called an action by a name that another has now means that one.
        for action, name in one.names.names.items():
            if names.names.get(place.get(action, action)) != name and name in by_name:
                place[action] = by_name[name]
    for name in dict.fromkeys(name for one in given for name in one.recordings):
        own = [
            _moved(one.recordings[name], place) if name in one.recordings else None
            for place, one in zip(places, given, strict=True)
        ]
        recordings[name], looks[name] = _recording(own, names)
    words = {
        action: tuple(_in_words(one, names) for one in (*own, _said(names, action, {})))
        for action, own in said.items()
        if len({one for one in own if one != NOTHING}) > 1
    }
    by = ", ".join(dict.fromkeys(one.by for one in given if one.by))
    return Together(Corrections(names, recordings, by), looks, words)


def _places(given: Sequence[Corrections], n_actions: int) -> tuple[list[dict[int, int]], int]:
    """Return the label that each added action has in all, by file, and the number of them."""
    added: dict[object, int] = {}
    places = []
    for number, one in enumerate(given):
        own = range(n_actions, n_actions + one.names.added)
        keys = {action: one.names.names.get(action) or (number, action) for action in own}
        places.append({a: added.setdefault(key, n_actions + len(added)) for a, key in keys.items()})
    return places, len(added)


def _said(names: ActionNames, action: int, place: Mapping[int, int]) -> Said:
    into = names.merged.get(action)
    into = None if into is None else place.get(into, into)
    return names.names.get(action, ""), into, action in names.background


def _names(said: Mapping[int, Sequence[Said]], n_added: int) -> ActionNames:
    """Return what most say of each action; a merge that would close a circle is left out."""
    chosen = {}
    for action, own in said.items():
        spoken = [one for one in own if one != NOTHING] or [NOTHING]
        chosen[action] = max(spoken, key=spoken.count)  # the first of several
    merged: dict[int, int] = {}
    for action, (_, into, _) in chosen.items():
        reached = into
        while reached in merged and reached != action:
            reached = merged[reached]
        if into is not None and reached != action:
            merged[action] = into
    called = {action: name for action, (name, _, _) in sorted(chosen.items()) if name}
    background = frozenset(action for action, (_, _, left_out) in chosen.items() if left_out)
    return ActionNames(called, merged, background, n_added)


def _in_words(said: Said, names: ActionNames) -> str:
    name, into, left_out = said
    if into is not None:
        return f"part of {names.name(into)}"
    return "background" if left_out else name


def _moved(one: Corrected, place: Mapping[int, int]) -> Corrected:
    moved = (
        msgspec.structs.replace(patch, action=place.get(patch.action, patch.action))
        for patch in one.segments
    )
    return Corrected(one.frames, tuple(moved))


def _recording(
    given: Sequence[Corrected | None], names: ActionNames
) -> tuple[Corrected, NDArray[np.int64]]:
    """Return the segments that most people agree on, and what each gave each frame (R, N)."""
    known = [one for one in given if one is not None]
    nothing = np.full(known[0].frames, NO_LOOK)
    drawn = np.stack([nothing if one is None else one.apply(nothing) for one in given])
    looks = drawn.copy()
    for row in looks:
        row[row != NO_LOOK] = names.apply(row[row != NO_LOOK])
    if len(known) == 1:
        return known[0], looks
    taken, most = nothing, np.ones_like(nothing)
    # Backwards, so that the first of those with as many votes is the last to be taken.
    for own, actions in zip(looks[::-1], drawn[::-1], strict=True):
        votes = np.where(own == NO_LOOK, 0, (looks == own).sum(axis=0))
        taken = np.where(votes >= most, actions, taken)
        most = np.maximum(most, votes)
    runs = zip(*(one.tolist() for one in run_lengths(taken)), strict=True)
    segments = [Patch(*run) for run in runs if run[2] != NO_LOOK]
    for patch in (patch for one in known for patch in one.segments if patch.note):
        shared = [min(one.end, patch.end) - max(one.start, patch.start) for one in segments]
        alike = [one.action == patch.action for one in segments]
        place = max(range(len(segments)), key=lambda i: (shared[i] > 0 and alike[i], shared[i]))
        notes = dict.fromkeys([*filter(None, [segments[place].note]), patch.note])
        segments[place] = msgspec.structs.replace(segments[place], note="; ".join(notes))
    return Corrected(len(taken), tuple(segments)), looks
