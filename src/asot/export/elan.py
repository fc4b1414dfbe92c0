"""Timelines as ELAN files, and ELAN files back as intervals.

A file a recording, in whole milliseconds, with one tier, ``actions``, and the video linked. The
recording's name is a property of the file, so that a file that was renamed is still known.
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from asot.errors import ArgumentError, FileError, MissingExtraError, unreadable
from asot.export.annotations import known_name
from asot.export.common import actions, milliseconds, require_lines
from asot.files import atomic_path, require_file
from asot.text import as_label, file_stems, listing, recording_name
from asot.timeline.segments import Interval, Timeline

TIER = "actions"
_PROPERTY = "recording"


def write_elan(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write an ``.eaf`` file for each recording into the folder ``out``."""
    recordings = [timeline.recording for timeline in timelines]
    require_lines([*actions(timelines), *recordings], "ELAN")
    documents = [_document(timeline, out) for timeline in timelines]
    paths = [out / f"{stem}.eaf" for stem in file_stems(recordings)]
    for path, document in zip(paths, documents, strict=True):
        with atomic_path(path) as temporary:
            # pympi would keep the empty file that is there as a backup.
            temporary.unlink()
            document.to_file(temporary)
    return paths


def read_elan(path: Path, known: Iterable[str] = (), tier: str | None = None) -> list[Interval]:
    """Read a tier of an ELAN file, in order of time.

    The tier is ``actions`` by default, or else the only one that has annotations. The recording is
    named in the file, or else has the linked video's or the file's name without ending.
    """
    document = _parsed(path)
    name = known_name(_recordings(document, path), known)
    chosen = _tier(document, path, tier)
    intervals = []
    for start, end, text, *_ in document.get_annotation_data_for_tier(chosen):
        if start is None or end is None:
            raise FileError.at(path, f"an annotation {text!r} of tier '{chosen}' has no time")
        where = f"the annotation at {start / 1000} s of tier '{chosen}'"
        if not as_label(text):
            raise FileError.at(path, f"{where} has no text: name its action or remove it")
        if end <= start:
            raise FileError.at(path, f"{where} lasts no time")
        try:
            intervals.append(Interval(name, start / 1000, end / 1000, text))
        except ArgumentError as error:
            raise FileError.at(path, str(error).rstrip(".")) from error
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
    require_file(path)
    try:
        return elan.Eaf(str(path), suppress_version_warning=True)
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    # pympi lets any error of its parsing through, and raises bare Exceptions.
    except Exception as error:
        raise FileError.at(path, "is not an ELAN file, or is damaged") from error


def _recordings(document: Any, path: Path) -> list[str]:
    """Return the names that the recording may have, the likeliest first."""
    named = dict(document.properties).get(_PROPERTY)
    media = document.media_descriptors
    linked = [one.get("RELATIVE_MEDIA_URL") or one.get("MEDIA_URL") for one in media]
    videos = [Path(linked[0]).stem] if len(linked) == 1 and linked[0] else []
    return [*([str(named)] if named else []), *videos, recording_name(path.stem)]


def _tier(document: Any, path: Path, tier: str | None) -> str:
    tiers = list(document.get_tier_names())
    listed = listing(tiers, len(tiers)) or "none"
    if tier is not None and tier not in tiers:
        raise FileError.at(path, f"has no tier {tier!r}, its tiers are {listed}")
    if tier is not None or TIER in tiers:
        return tier or TIER
    filled = [one for one in tiers if document.get_annotation_data_for_tier(one)]
    if len(filled) != 1:
        others = f"{len(filled)} others with annotations"
        cure = f"say which to read with --tier, of {listed}"
        raise FileError.at(path, f"has no tier '{TIER}', and {others}: {cure}")
    return filled[0]
