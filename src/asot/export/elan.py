"""Timelines as ELAN files, and ELAN files back as intervals.

A file a recording, in whole milliseconds, with one tier, ``actions``, and the video linked. The
recording's name is a property of the file, so that a file that was renamed is still known.
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asot.errors import DataError, MissingExtraError
from asot.export.names import actions, require_lines
from asot.export.seconds import milliseconds
from asot.files import atomic_path
from asot.text import file_stems, recording_name
from asot.timeline.timelines import Interval, Timeline

TIER = "actions"
_PROPERTY = "recording"


def write(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write a file a recording into the folder ``out``; see :func:`asot.export.export`.

    Raises
    ------
    ArgumentError
        If a recording has no times, or a name holds a line break.
    MissingExtraError
        If pympi is not installed.
    """
    require_lines(actions(timelines), "ELAN")
    require_lines([timeline.recording for timeline in timelines], "ELAN")
    documents = [_document(timeline, out) for timeline in timelines]
    paths = [out / f"{stem}.eaf" for stem in file_stems([one.recording for one in timelines])]
    for path, document in zip(paths, documents, strict=True):
        with atomic_path(path) as temporary:
            # pympi would keep the empty file that is there as a backup.
            temporary.unlink()
            document.to_file(temporary)
    return paths


def read(path: str | Path, tier: str | None = None) -> list[Interval]:
    """Read a tier of an ELAN file.

    Parameters
    ----------
    path : path-like
        The ``.eaf`` file.
    tier : str, optional
        The tier; by default ``actions``, or else the only tier that has annotations.

    Returns
    -------
    list of Interval
        In order of time. The recording is the one the file says it is of, or else the linked
        video's or the file's name without its ending.

    Raises
    ------
    DataError
        If the file is no ELAN file, has no such tier or several that could be meant, or an
        annotation has no text or no time.
    MissingExtraError
        If pympi is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from asot.timeline.segments import segment_table
    >>> from asot.timeline.timelines import even_times
    >>> rows = segment_table("tea", [0, 0, 1], action_names=["boil", "pour"])
    >>> timeline = Timeline("tea", tuple(rows), 3, even_times(3, 2.0))
    >>> [file] = write([timeline], Path(tempfile.mkdtemp()))
    >>> [(one.start_s, one.end_s, one.action) for one in read(file)]
    [(0.0, 1.0, 'boil'), (1.0, 1.5, 'pour')]
    """
    path = Path(path)
    document = _parsed(path)
    name = _recording(document, path)
    chosen = _tier(document, path, tier)
    intervals = []
    for start, end, text, *_ in document.get_annotation_data_for_tier(chosen):
        if start is None or end is None:
            raise DataError(f"'{path}': an annotation {text!r} of tier '{chosen}' has no time.")
        if not text.strip():
            raise DataError(
                f"'{path}': the annotation at {start / 1000} s of tier '{chosen}' has no text: "
                "name its action or remove it."
            )
        if end <= start:
            raise DataError(f"'{path}': the annotation at {start / 1000} s lasts no time.")
        intervals.append(Interval(name, start / 1000, end / 1000, text))
    return sorted(intervals, key=lambda one: (one.start_s, one.end_s))


def _pympi() -> Any:
    try:
        from pympi import Elan
    except ImportError as error:
        raise MissingExtraError("pympi-ling", "elan", "ELAN's format") from error
    return Elan


def _document(timeline: Timeline, out: Path) -> Any:
    document = _pympi().Eaf(author="asot")
    document.remove_tier("default")
    document.add_tier(TIER)
    document.add_property(_PROPERTY, timeline.recording)
    if timeline.media is not None:
        media = timeline.media.absolute()
        require_lines([str(media)], "ELAN")
        kind = mimetypes.guess_type(media.name)[0] or "unknown"
        document.add_linked_file(f"file://{media.as_posix()}", _relative(media, out), kind)
    for start, end, row in milliseconds(timeline):
        document.add_annotation(TIER, start, end, row.action)
    return document


def _relative(media: Path, out: Path) -> str | None:
    try:
        return "./" + Path(os.path.relpath(media, out)).as_posix()
    except ValueError:  # another drive
        return None


def _parsed(path: Path) -> Any:
    elan = _pympi()
    try:
        with path.open("rb"):
            pass
        return elan.Eaf(str(path), suppress_version_warning=True)
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    # pympi raises whatever its parsing stumbles over, among it a bare Exception.
    except Exception as error:
        raise DataError(f"'{path}' is no ELAN file, or a damaged one.") from error


def _recording(document: Any, path: Path) -> str:
    named = dict(document.properties).get(_PROPERTY)
    if named:
        return str(named)
    linked = [
        one.get("RELATIVE_MEDIA_URL") or one.get("MEDIA_URL") for one in document.media_descriptors
    ]
    if len(linked) == 1 and linked[0]:
        return Path(linked[0]).stem
    return recording_name(path.stem)


def _tier(document: Any, path: Path, tier: str | None) -> str:
    tiers = list(document.get_tier_names())
    if tier is not None:
        if tier not in tiers:
            raise DataError(f"'{path}' has no tier '{tier}', its tiers are {_listed(tiers)}.")
        return tier
    if TIER in tiers:
        return TIER
    filled = [one for one in tiers if document.get_annotation_data_for_tier(one)]
    if len(filled) != 1:
        raise DataError(
            f"'{path}' has no tier '{TIER}', and {len(filled)} others with annotations: say which "
            f"tier to read of {_listed(tiers)}."
        )
    return filled[0]


def _listed(tiers: list[str]) -> str:
    return ", ".join(f"'{tier}'" for tier in tiers) or "none"
