"""Timelines as temporal detections in JSON: the layouts of ActivityNet 1.3 and of FiftyOne.

::

    segments.json          {"version": ..., "taxonomy": [], "database": {RECORDING: {
                               "duration": s, "subset": "validation", "url": ..., "annotations": [
                                   {"segment": [s, s], "label": ACTION, "score": confidence}]}}}
    fiftyone/data.json     {NAME.mp4: path of the video}
    fiftyone/labels.json   {"classes": [...], "labels": {NAME: [
                               {"label": index, "timestamps": [s, s], "confidence": c}]}}

What is not known is left out. Seconds are written to the microsecond. NAME is the recording's, in
which characters that FiftyOne (``FiftyOneTemporalDetectionDataset``) would take for a folder's are
escaped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from asot.errors import FileError
from asot.export.annotations import Annotation, known_name, number, of_tier
from asot.export.common import actions, require_media
from asot.files import write_json, write_text
from asot.schema import read_json
from asot.text import as_label, file_stems
from asot.timeline.segments import Interval, Timeline


def write_activitynet(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write ``segments.json`` into the folder ``out``."""
    database = {}
    for timeline in timelines:
        duration = round(float(timeline.seconds[-1]), 6)
        entry: dict[str, Any] = {"duration": duration, "subset": "validation"}
        if timeline.media is not None:
            entry["url"] = timeline.media.absolute().as_uri()
        names = [row.action for row in timeline.rows]
        entry["annotations"] = _detections(timeline, "segment", "label", names, "score")
        database[timeline.recording] = entry
    path = out / "segments.json"
    write_json(path, {"version": "VERSION 1.3", "taxonomy": [], "database": database})
    return [path]


def read_activitynet(
    path: Path, known: Iterable[str] = (), tier: str | None = None
) -> list[Interval]:
    """Read the annotations of a database."""
    document = read_json(path, dict[str, Any], "lay it out as ActivityNet 1.3")
    found = []
    try:
        for name, entry in document["database"].items():
            recording = known_name([name], known)
            for one in entry["annotations"]:
                start, end = (number("a segment", str(side)) for side in one["segment"])
                found.append(Annotation(recording, start, end, as_label(one["label"])))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        reason = str(error) if type(error) is ValueError else "is not laid out as ActivityNet does"
        raise FileError.at(path, reason) from error
    return of_tier(path, found, tier)


def write_fiftyone(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write the folder ``fiftyone`` into the folder ``out``."""
    classes = actions(timelines)
    videos: dict[str, str] = {}
    labels: dict[str, list[dict[str, Any]]] = {}
    stems = file_stems([timeline.recording for timeline in timelines])
    for stem, timeline in zip(stems, timelines, strict=True):
        media = require_media(timeline, "FiftyOne")
        # FiftyOne drops the ending; without an ending it would cut the name at its last dot.
        videos[stem + (media.suffix or ".video")] = str(media)
        numbers = [classes.index(row.action) for row in timeline.rows]
        labels[stem] = _detections(timeline, "timestamps", "label", numbers, "confidence")
    files = {"data.json": videos, "labels.json": {"classes": classes, "labels": labels}}
    for name, values in files.items():
        # ASCII, because FiftyOne reads files in the encoding of the machine it runs on.
        write_text(out / "fiftyone" / name, json.dumps(values, indent=1) + "\n")
    return [out / "fiftyone" / name for name in files]


def _detections(
    timeline: Timeline, segment: str, label: str, labels: Sequence[Any], score: str
) -> list[dict[str, Any]]:
    """Describe each row under the names that a layout gives its parts."""
    return [
        {segment: [round(one.start_s, 6), round(one.end_s, 6)], label: name}
        | ({} if row.confidence is None else {score: row.confidence})
        for one, row, name in zip(timeline.intervals, timeline.rows, labels, strict=True)
    ]
