"""Timelines as annotations of Vidat, a tool in the browser, and its annotations back as intervals.

A JSON file a recording: its video, and the actions with their colours, times in seconds and notes
as descriptions. The first action, ``default``, is one that nobody chose. Vidat fills in what it
finds in the video when it opens it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from asot.errors import FileError
from asot.export.annotations import Annotation, known_name, number, of_tier
from asot.export.common import colours, milliseconds, note, require_media, write_each
from asot.schema import read_json
from asot.text import as_label, plural, recording_name
from asot.timeline.segments import Interval, Timeline

logger = logging.getLogger(__name__)

_VERSION = "2.1.0"
_MAPS = ("objectAnnotationListMap", "regionAnnotationListMap", "skeletonAnnotationListMap")


def write_vidat(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write a ``.json`` file for each recording into the folder ``out``."""
    shades = colours(timelines)
    return write_each(timelines, out, ".json", lambda one: _document(one, shades))


def read_vidat(path: Path, known: Iterable[str] = (), tier: str | None = None) -> list[Interval]:
    """Read the actions of an annotation file, which is called by its recording or its video."""
    document = read_json(path, dict[str, Any], "save the annotations again in Vidat")
    found, unnamed = [], 0
    try:
        labels = {one["id"]: one["name"] for one in document["config"]["actionLabelData"]}
        video = str(document["annotation"]["video"].get("src") or "")
        recording = known_name([recording_name(path.stem), path.stem, video], known)
        for one in document["annotation"]["actionAnnotationList"]:
            start, end = (number(side, str(one[side])) for side in ("start", "end"))
            if not one["action"]:
                unnamed += 1
                continue
            said = str(one.get("description") or "")
            action = as_label(labels[one["action"]])
            found.append(Annotation(recording, start, end, action, note=said))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        reason = str(error) if type(error) is ValueError else "is not laid out as Vidat does"
        raise FileError.at(path, reason) from error
    if unnamed:
        message = "%s has %s of no action but 'default': they are left out."
        logger.warning(message, path, plural(unnamed, "annotation"))
    return of_tier(path, found, tier)


def _document(timeline: Timeline, shades: dict[str, str]) -> str:
    media = require_media(timeline, "Vidat")
    numbers = {action: label for label, action in enumerate(shades, 1)}
    first = {"id": 0, "name": "default", "color": "#0000ff"}
    known = [{"id": numbers[one], "name": one, "color": shades[one]} for one in shades]
    unknown: dict[str, Any] = dict.fromkeys(("fps", "frames", "duration", "height", "width"))
    actions = [
        {
            "start": start / 1000,
            "end": end / 1000,
            "action": numbers[row.action],
            "object": 0,
            "color": shades[row.action],
            "description": note(row),
        }
        for start, end, row in milliseconds(timeline)
    ]
    document = {
        "version": _VERSION,
        "annotation": {
            "video": unknown | {"src": f"video/{media.name}"},
            "keyframeList": [],
            **{name: {} for name in _MAPS},
            "actionAnnotationList": actions,
        },
        "config": {
            "objectLabelData": [first],
            "actionLabelData": [{**one, "objects": [0]} for one in (first, *known)],
            "skeletonTypeData": [],
        },
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
