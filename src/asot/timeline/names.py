"""The names that people give actions, the actions they merge or add, and what is background.

Until it has a name, an action is called by its number from 1 on: labels and arrays count from 0,
so that the frames of "action 1" have the label 0. A file of names holds labels::

    {"format": 1, "page": "…", "names": {"0": "pour"}, "merged": {"3": 0}, "background": [5]}

Written by hand, ``{"action 1": "pour"}`` does as well. The page downloads corrected segments in
the same file: see :mod:`asot.timeline.corrections`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError, FileError
from asot.files import write_json
from asot.schema import Count, read_json
from asot.text import as_label, is_control, quote
from asot.timeline.segments import UNLABELLED

FORMAT = 1
MOST_ADDED = 10_000
FIELDS = {"format", "names", "recordings"}  # by which a file is told from a plain one
CURE = "download it from the page again"


T = TypeVar("T", bound="NamesFile")


def default_name(action: int) -> str:
    """Return what an action is called until it has a name, given its label.

    Examples
    --------
    >>> default_name(0)
    'action 1'
    """
    return f"action {action + 1}"


@dataclass(frozen=True)
class ActionNames:
    """Names of the actions of one model.

    Actions of one name are one action, and so are those ``merged`` into another. Frames of
    ``background`` count as frames without an action. ``added`` actions, which no model knows, have
    the labels from K on. ``page`` is the identity of the page that the names were given in.

    Examples
    --------
    >>> names = ActionNames({0: "pour", 2: "pour"}, {3: 0}, frozenset({1}))
    >>> names.apply(np.array([0, 1, 2, 3, 4])).tolist()
    [0, -1, 0, 0, 4]
    >>> names.name(0), names.name(4)
    ('pour', 'action 5')
    """

    names: Mapping[int, str] = field(default_factory=dict)
    merged: Mapping[int, int] = field(default_factory=dict)
    background: frozenset[int] = frozenset()
    added: int = 0
    page: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for action in self.merged:
            seen, reached = {action}, action
            while reached in self.merged:
                reached = self.merged[reached]
                if reached in seen:
                    raise ArgumentError(
                        f"{default_name(action)} is merged into itself: undo one of the merges.",
                        setting="merged",
                    )
                seen.add(reached)

    def __bool__(self) -> bool:
        return bool(self.names or self.merged or self.background or self.added)

    def name(self, action: int) -> str:
        """Return the name of an action: ``default_name`` where nobody named it."""
        return self.names.get(action, default_name(action))

    def target(self, action: int) -> int:
        """Return the action that an action is part of, mostly itself; -1 for background."""
        while action in self.merged:
            action = self.merged[action]
        if action in self.background:
            return UNLABELLED
        own = self.name(action)
        digits = own.removeprefix("action ")
        # One that nobody named is called by its number.
        number = int(digits) - 1 if digits.isdecimal() and len(digits) < 9 else action
        plain = number >= 0 and self.name(number) == own and self._stands(number)
        return min(action, self._named.get(own, action), number if plain else action)

    @cached_property
    def _named(self) -> dict[str, int]:
        """Return the first action of each name that people gave."""
        standing = filter(self._stands, sorted(self.names, reverse=True))
        return {self.names[action]: action for action in standing}

    def _stands(self, action: int) -> bool:
        return action not in self.merged and action not in self.background

    def apply(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return labels (N,) in which merged actions are one, and background is -1."""
        result = labels.copy()
        for action in np.unique(labels).tolist():
            if action != UNLABELLED:
                result[labels == action] = self.target(action)
        return result

    def grouped(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return labels (N,) as :meth:`apply` does, but with background as an action of its own."""
        result = self.apply(labels)
        if self.background:
            result[(result == UNLABELLED) & (labels != UNLABELLED)] = min(self.background)
        return result

    def shares(self, assignment: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return assignments (N, K) in which columns of merged actions are added to one column."""
        if not self:
            return assignment
        result = np.zeros_like(assignment)
        for action in range(assignment.shape[1]):
            target = self.target(action)
            if target != UNLABELLED:
                result[:, target] += assignment[:, action]
        return result


class NamesFile(msgspec.Struct, forbid_unknown_fields=True):
    """The content of a file of names."""

    names: dict[Count, str] = {}
    merged: dict[Count, Count] = {}
    background: list[Count] = []
    added: Annotated[int, msgspec.Meta(ge=0, le=MOST_ADDED)] = 0
    page: str | None = None
    format: Annotated[int, msgspec.Meta(ge=FORMAT, le=FORMAT)] = FORMAT


def write_names(path: Path, names: ActionNames) -> None:
    """Write names, atomically."""
    write_json(path, as_values(names))


def as_values(names: ActionNames) -> dict[str, Any]:
    """Return names as the values of their file."""
    return {
        "format": FORMAT,
        "names": dict(sorted(names.names.items())),
        "merged": dict(sorted(names.merged.items())),
        "background": sorted(names.background),
        "added": names.added,
    }


def read_names(path: Path, n_actions: int) -> ActionNames:
    """Read names for K actions, as the page downloads them or as people write them.

    The keys of a plain file are the names that actions have until then, or labels, from 0.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "names.json"
    >>> _ = path.write_text('{"action 1": "pour", "1": "stir"}')
    >>> names = read_names(path, 2)
    >>> names.name(0), names.name(1)
    ('pour', 'stir')
    """
    return as_names(path, read_file(path, NamesFile), n_actions)


def read_file(path: Path, kind: type[T]) -> T:
    """Read a file of names as a kind of :class:`NamesFile`, also one that people wrote plainly."""
    if FIELDS & read_json(path, dict[str, Any], CURE).keys():
        return read_json(path, kind, CURE)
    return kind(names=dict(_by_label(path, read_json(path, dict[str, str], CURE))))


def as_names(path: Path, file: NamesFile, n_actions: int) -> ActionNames:
    """Check the names that were read from ``path`` for K actions."""
    known = n_actions + file.added
    for action in (*file.names, *file.merged, *file.merged.values(), *file.background):
        if action >= known:
            raise FileError.at(
                path,
                f"speaks of {default_name(action)} (label {action}), but there are {known} "
                "actions: is it the file of another page?",
            )
    names = {action: as_label(name) for action, name in file.names.items() if name}
    for action, name in names.items():
        if not name or any(map(is_control, name)):
            raise FileError.at(
                path, f"the name of {default_name(action)} must be text, not {name!r}"
            )
    try:
        return ActionNames(names, file.merged, frozenset(file.background), file.added, file.page)
    except ArgumentError as error:
        raise FileError.at(path, str(error).rstrip(".")) from None


def _by_label(path: Path, plain: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Yield the label of each key: "action 3" has the label 2, and so has "2"."""
    for key, name in plain.items():
        found = re.fullmatch(r"action ([1-9][0-9]{0,8})|([0-9]{1,9})", key)
        if found is None:
            rule = 'a key must be an action, as "action 1", or its label, as "0"'
            raise FileError.at(path, f"{rule}, but is {quote(key)}")
        yield (int(found[1]) - 1 if found[1] else int(found[2])), name
