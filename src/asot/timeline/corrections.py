"""Segments that people corrected, in the file that the page downloads.

It is a file of names (:mod:`asot.timeline.names`) with who wrote it, and the segments of each
recording that this person drew, relabelled or found right, in frames ``[start, end)``::

    {"format": 1, "by": "Ada", "page": "…", "names": {"0": "pour", "7": "shake"}, "added": 1,
     "recordings": {"tea": {"frames": 900, "segments": [
       {"start": 40, "end": 95, "action": 7, "note": "with the left hand"}]}}}

The action is a label, from K on for those that the person added, or -1 for none. Frames that no
segment covers were not looked at: they keep the labels of the prediction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from asot.errors import FileError
from asot.files import write_json
from asot.schema import Count, read_json
from asot.text import as_label, as_note
from asot.timeline.names import CURE, ActionNames, NamesFile, as_names, as_values, read_file
from asot.timeline.segments import UNLABELLED


class Patch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A segment that a person looked at: frames ``[start, end)``, their action, and a note."""

    start: Count
    end: Count
    action: Annotated[int, Meta(ge=UNLABELLED, le=1_000_000)]
    note: str = ""

    def __post_init__(self) -> None:
        if self.note:
            msgspec.structs.force_setattr(self, "note", as_note(self.note))


class Corrected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The corrected segments of a recording of ``frames`` frames, in order, without overlap."""

    frames: Count
    segments: tuple[Patch, ...]

    @property
    def checked(self) -> NDArray[np.bool_]:
        """Which frames (N,) a person looked at."""
        found = np.zeros(self.frames, dtype=bool)
        for one in self.segments:
            found[one.start : one.end] = True
        return found

    def apply(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return labels (N,) with those of the corrected segments in their place.

        Examples
        --------
        >>> Corrected(4, (Patch(1, 3, 5),)).apply(np.zeros(4, dtype=np.int64)).tolist()
        [0, 5, 5, 0]
        """
        result = labels.copy()
        for one in self.segments:
            result[one.start : one.end] = one.action
        return result


@dataclass(frozen=True)
class Corrections:
    """What one person corrected: names of actions, and segments by recording."""

    names: ActionNames = field(default_factory=ActionNames)
    recordings: Mapping[str, Corrected] = field(default_factory=dict)
    by: str = ""


class _File(NamesFile):
    by: str = ""
    recordings: dict[str, Corrected] = msgspec.field(default_factory=dict)


def read_corrections(path: Path, n_actions: int) -> Corrections:
    """Read the corrections of K actions, as the page downloads them; names alone will do.

    Whether the recordings exist, and have as many frames, is for the caller to check.
    """
    file = read_file(path, _File)
    names = as_names(path, file, n_actions)
    for recording, one in file.recordings.items():
        require_segments(path, recording, one, n_actions + names.added)
    return Corrections(names, file.recordings, as_label(file.by))


def is_corrections(path: Path) -> bool:
    """Tell a file of corrections, or of names, from the JSON of other tools."""
    if path.suffix.lower() != ".json":
        return False
    try:
        found = read_json(path, dict[str, Any]).keys()
    except FileError:
        return False
    return "recordings" in found or found >= {"format", "names"}


def holds_segments(path: Path) -> bool:
    """Tell a file with segments, or with none any more, from one of names alone."""
    return "recordings" in read_json(path, dict[str, Any], CURE)


def write_corrections(path: Path, corrections: Corrections) -> None:
    """Write corrections, atomically, as :func:`read_corrections` reads them."""
    values: dict[str, Any] = as_values(corrections.names)
    recordings = {name: msgspec.to_builtins(one) for name, one in corrections.recordings.items()}
    write_json(path, {**values, "by": corrections.by, "recordings": recordings})


def read_corrected(path: Path, n_actions: int) -> Corrected:
    """Read one recording's corrected segments, with ``n_actions`` counting those added."""
    found = read_json(path, Corrected)
    require_segments(path, path.stem, found, n_actions)
    return found


def write_corrected(path: Path, corrected: Corrected) -> None:
    """Write one recording's corrected segments, atomically."""
    write_json(path, msgspec.to_builtins(corrected))


def require_segments(path: Path, recording: str, corrected: Corrected, n_actions: int) -> None:
    """Refuse segments that are empty, overlap, leave the recording, or have no such action."""
    reached = 0
    for one in corrected.segments:
        where = f"the segment [{one.start}, {one.end}) of {recording!r}"
        if one.start < reached or one.end <= one.start:
            rule = "must lie behind the one before it, and end behind its start"
            raise FileError.at(path, f"{where} {rule}")
        if one.end > corrected.frames:
            raise FileError.at(path, f"{where} ends behind the last of {corrected.frames} frames")
        if one.action >= n_actions:
            message = f"{where} has the action {one.action}, but there are {n_actions} actions"
            raise FileError.at(path, f"{message}, counted from 0")
        reached = one.end


def notes_within(segments: Iterable[Patch], start: int, end: int) -> str:
    """Return the notes on segments that share frames with ``[start, end)``, in order."""
    shared = (one.note for one in segments if one.note and one.start < end and one.end > start)
    return "; ".join(dict.fromkeys(shared))
