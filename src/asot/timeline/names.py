"""What people call the actions that were found: names, merges, and what is background.

The file, which the page downloads and ``asot relabel`` takes::

    {"format": 1, "names": {"0": "pour"}, "merged": {"3": 0}, "background": [5]}
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import DataError
from asot.files import write_json
from asot.timeline.segments import UNLABELLED

FORMAT = 1


@dataclass(frozen=True)
class ActionNames:
    """Names of the actions of one model.

    Parameters
    ----------
    names : mapping of int to str
        Name of an action, where somebody gave one. Actions of one name are one action.
    merged : mapping of int to int
        Actions that are part of another one.
    background : frozenset of int
        Actions that are none: their frames have no action.

    Examples
    --------
    >>> names = ActionNames({0: "pour", 2: "pour"}, {3: 0}, frozenset({1}))
    >>> names.apply(np.array([0, 1, 2, 3, 4])).tolist()
    [0, -1, 0, 0, 4]
    >>> names.name(0), names.name(4)
    ('pour', 'action 4')
    """

    names: Mapping[int, str] = field(default_factory=dict)
    merged: Mapping[int, int] = field(default_factory=dict)
    background: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.names or self.merged or self.background)

    def name(self, action: int) -> str:
        """What an action is called: "action 3" where nobody named it."""
        return self.names.get(action, f"action {action}")

    def target(self, action: int) -> int:
        """The action that one is part of, itself mostly; -1 for background."""
        while action in self.merged:
            action = self.merged[action]
        if action in self.background:
            return UNLABELLED
        own = self.name(action)
        return next(
            other
            for other in range(action + 1)
            if self.name(other) == own and other not in self.merged and other not in self.background
        )

    def apply(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Labels (N,) in which merged actions are one, and background is -1."""
        result = labels.copy()
        for action in np.unique(labels).tolist():
            if action != UNLABELLED:
                result[labels == action] = self.target(action)
        return result

    def grouped(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Labels (N,) as :meth:`apply` gives them, but that background is one action of its own."""
        result = self.apply(labels)
        if self.background:
            result[(result == UNLABELLED) & (labels != UNLABELLED)] = min(self.background)
        return result

    def shares(self, assignment: NDArray[np.float32]) -> NDArray[np.float32]:
        """Assignments (N, K) in which the columns of merged actions are added to one of them."""
        if not self:
            return assignment
        result = np.zeros_like(assignment)
        for action in range(assignment.shape[1]):
            target = self.target(action)
            if target != UNLABELLED:
                result[:, target] += assignment[:, action]
        return result

    def table(self, n_actions: int) -> dict[int, str]:
        """The name of each of K actions, for ``segments.segment_table``."""
        return {action: self.name(action) for action in range(n_actions)}


def write_names(path: Path, names: ActionNames) -> None:
    """Write names, atomically."""
    values = {
        "format": FORMAT,
        "names": {str(action): name for action, name in sorted(names.names.items())},
        "merged": {str(action): into for action, into in sorted(names.merged.items())},
        "background": sorted(names.background),
    }
    write_json(path, values)


def read_names(path: Path, n_actions: int) -> ActionNames:
    """Read names for K actions.

    Parameters
    ----------
    path : Path
        A file that the report downloaded, or a plain ``{"0": "pour", "1": "stir"}``.
    n_actions : int
        K: the actions are 0 to K - 1.

    Raises
    ------
    DataError
        If the file is none, or a rule is broken: an action that there is not, an empty name, or
        actions that are merged into each other.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "names.json"
    >>> _ = path.write_text('{"0": "pour", "1": "stir"}')
    >>> read_names(path, 2).name(1)
    'stir'
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}.") from error
    if isinstance(values, dict) and "format" not in values and "names" not in values:
        values = {"format": FORMAT, "names": values}
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise DataError(f"{path} holds no names of actions as the report downloads them.")
    check = _Check(path, n_actions)
    names = {
        check.action(action): check.text(action, name)
        for action, name in check.mapping(values, "names").items()
        if name != ""
    }
    merged = {
        check.action(action): check.action(into)
        for action, into in check.mapping(values, "merged").items()
    }
    for action in merged:
        seen, reached = {action}, action
        while reached in merged:
            reached = merged[reached]
            if reached in seen:
                raise DataError(
                    f"{path} merges action {action} into itself: undo one of the merges."
                )
            seen.add(reached)
    background = values.get("background", [])
    if not isinstance(background, list):
        raise DataError(f"{path}: background must be a list of actions, not {background!r}.")
    return ActionNames(names, merged, frozenset(map(check.action, background)))


def downloaded_from(path: Path) -> str | None:
    """The page that a file of names was downloaded from, where it says so."""
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return None
    page = values.get("page") if isinstance(values, dict) else None
    return page if isinstance(page, str) else None


class _Check:
    """The rules of the file, which the sentences name."""

    def __init__(self, path: Path, n_actions: int) -> None:
        self.path = path
        self.n_actions = n_actions

    def mapping(self, values: dict[str, Any], key: str) -> dict[str, Any]:
        found = values.get(key, {})
        if not isinstance(found, dict):
            raise DataError(f"{self.path}: {key} must map actions, not be {found!r}.")
        return found

    def action(self, value: Any) -> int:
        text = str(value)
        # No number of actions has more digits, and int() refuses very long ones.
        digits = text.isascii() and text.isdigit() and len(text) < 10
        if not digits or int(text) >= self.n_actions:
            raise DataError(
                f"{self.path} speaks of action {value!r}, but the actions are "
                f"0 to {self.n_actions - 1}: is it the file of another report?"
            )
        return int(text)

    def text(self, action: str, name: Any) -> str:
        text = " ".join(name.split()) if isinstance(name, str) else ""
        # Control characters, and halves of characters, which no file can hold.
        if not text or any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
            raise DataError(f"{self.path}: the name of action {action} must be text, not {name!r}.")
        return text
