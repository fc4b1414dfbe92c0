"""Timelines as ELAN files, and ELAN files back as intervals.

A file a recording, in whole milliseconds, with a tier ``actions``, one for ``notes`` if there are
any, one for ``steps`` below the actions likewise, and the video linked. The recording's name is a
property of the file, so that a file that was renamed is still known.
"""

from __future__ import annotations

import logging
import mimetypes
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

from asot.errors import FileError, MissingExtraError, unreadable
from asot.export.annotations import NOTES, STEPS, TIER, Span, known_name, of_tiers
from asot.export.common import (
    actions,
    milliseconds,
    note,
    require_lines,
    steps_in_milliseconds,
)
from asot.files import atomic_path, require_file
from asot.text import file_stems, recording_name
from asot.timeline.segments import Interval, Timeline

logger = logging.getLogger(__name__)

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
    Annotations without text are left out; those that ELAN has no time for share that of their
    neighbours or of their parent evenly, as it shows them.
    """
    require_file(path)
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # of an unknown encoding
        raise FileError.at(path, "is not an ELAN file, or is damaged") from error
    try:
        if root.tag != "ANNOTATION_DOCUMENT":
            raise KeyError(root.tag)
        tiers = _tiers(root)
        media = (int(one.get("TIME_ORIGIN", "0")) for one in root.iter("MEDIA_DESCRIPTOR"))
        offsets = list(filter(None, media))
    except (KeyError, ValueError) as error:
        raise FileError.at(path, "is not an ELAN file, or is damaged") from error
    for offset in offsets:
        message = "%s has a time offset of %s ms: its times are taken as they stand."
        logger.warning(message, path, offset)
    return of_tiers(path, known_name(_recordings(root, path), known), tiers, tier)


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
        document.add_linked_file(_address(media), _relative(media, out), kind)
    if any(map(note, timeline.rows)):
        document.add_tier(NOTES)
    for start, end, row in milliseconds(timeline):
        document.add_annotation(TIER, start, end, row.action)
        if note(row):
            document.add_annotation(NOTES, start, end, note(row))
    if timeline.steps:
        document.add_linguistic_type(STEPS, constraints="Included_In")
        document.add_tier(STEPS, STEPS, parent=TIER)
        for start, end, text in steps_in_milliseconds(timeline):
            document.add_annotation(STEPS, start, end, text)
    return document


def _address(media: PurePath) -> str:
    return f"file:///{media.as_posix().lstrip('/')}"  # C:/ has no slash before it


def _relative(media: Path, out: Path) -> str | None:
    try:
        return "./" + Path(os.path.relpath(media, out)).as_posix()
    except ValueError:  # another drive
        return None


def _tiers(root: ElementTree.Element) -> dict[str, list[tuple[Span, str]]]:
    """Return the annotations of each tier: start and end, in seconds, and text."""
    slots = {one.attrib["TIME_SLOT_ID"]: one.get("TIME_VALUE") for one in root.iter("TIME_SLOT")}
    moments = {slot: int(value) / 1000 for slot, value in slots.items() if value is not None}
    spans: dict[str, Span] = {}
    children: dict[tuple[str, str], list[str]] = {}
    texts: dict[str, dict[str, str]] = {}
    for tier in root.iter("TIER"):
        name = tier.attrib["TIER_ID"]
        own = [(one, one.attrib["ANNOTATION_ID"]) for one in tier.iterfind("ANNOTATION/*")]
        texts[name] = {key: one.findtext("ANNOTATION_VALUE") or "" for one, key in own}
        places = {
            key: (one.attrib["TIME_SLOT_REF1"], one.attrib["TIME_SLOT_REF2"])
            for one, key in own
            if one.tag == "ALIGNABLE_ANNOTATION"
        }
        chain = dict(places.values()), {end: start for start, end in places.values()}
        for key, (first, last) in places.items():
            spans[key] = _moment(first, moments, chain), _moment(last, moments, chain)
        for one, key in own:
            if one.tag == "REF_ANNOTATION":
                siblings = children.setdefault((name, one.attrib["ANNOTATION_REF"]), [])
                before = one.get("PREVIOUS_ANNOTATION")
                at = siblings.index(before) + 1 if before in siblings else len(siblings)
                siblings.insert(at, key)
    # Parents may stand behind their children, and have parents themselves.
    waiting = dict(children)
    while ready := {group: keys for group, keys in waiting.items() if group[1] in spans}:
        for (name, parent), keys in ready.items():
            for i, key in enumerate(keys):
                spans[key] = _share(spans[parent], i, len(keys))
            del waiting[name, parent]
    return {
        name: [(spans.get(key, (None, None)), text) for key, text in own.items()]
        for name, own in texts.items()
    }


def _share(span: Span, place: int, count: int) -> Span:
    """Return one of several equal parts of a span."""
    start, end = span
    if start is None or end is None:
        return span
    return start + (end - start) * place / count, start + (end - start) * (place + 1) / count


def _moment(
    slot: str, moments: Mapping[str, float], chain: tuple[dict[str, str], dict[str, str]]
) -> float | None:
    """Return the moment of a time slot, which may lie between others that have one."""
    ends: list[tuple[float, int]] = []
    for following in chain:
        place, steps = slot, 0
        while place not in moments:
            if place not in following or steps > len(following):
                return None
            place, steps = following[place], steps + 1
        ends.append((moments[place], steps))
    (after, forth), (before, back) = ends
    return before + (after - before) * back / (back + forth) if back else before


def _recordings(root: ElementTree.Element, path: Path) -> list[str]:
    """Return the names that the recording may have, the likeliest first."""
    named = [one.text for one in root.iter("PROPERTY") if one.get("NAME") == _PROPERTY]
    media = [
        one.get("RELATIVE_MEDIA_URL") or one.get("MEDIA_URL") or ""
        for one in root.iter("MEDIA_DESCRIPTOR")
    ]
    videos = [Path(form).stem for one in media if one for form in (one, unquote(one))]
    first = videos if len(media) == 1 else []
    return [*filter(None, named), *first, recording_name(path.stem), *videos]
