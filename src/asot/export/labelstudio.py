"""Timelines as predictions for Label Studio, and its exports back as intervals.

::

    labelstudio.json   tasks with predictions, to import
    labelstudio.xml    the labelling interface, to paste into the project's settings

Label Studio knows frames, not seconds: frame ``f`` counts from 1 and lasts from ``(f - 1) / rate``
to ``f / rate``, a range holds both its ends, and a task has one rate, ``framerate`` in its data.
It is the video's own where all boundaries lie on its frames; else milliseconds are the frames
(rate 1000), which keeps videos of variable frame rate right to the millisecond.

Videos are named as Label Studio serves local files: start it with
``LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=/`` and add
the videos' folder to the project as a local storage.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.etree import ElementTree

from asot.errors import ArgumentError, FileError
from asot.export.annotations import known_name
from asot.export.common import (
    actions,
    colours,
    milliseconds,
    note,
    require_lines,
    require_media,
    video_rate,
)
from asot.files import write_json, write_text
from asot.schema import read_json
from asot.text import listing
from asot.timeline.segments import Interval, SegmentRow, Timeline

logger = logging.getLogger(__name__)

INTERFACE = "labelstudio.xml"
_CONTROL, _VIDEO = "actions", "video"
# The types of regions in time, which are also the names of their labels.
_LABELS = ("timelinelabels", "timeserieslabels", "labels")


def write_tasks(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write ``labelstudio.json`` and ``labelstudio.xml`` into the folder ``out``."""
    require_lines(actions(timelines), "Label Studio")
    tasks = [_task(timeline) for timeline in timelines]
    paths = [out / "labelstudio.json", out / INTERFACE]
    write_json(paths[0], tasks)
    write_text(paths[1], _interface(colours(timelines)))
    return paths


def read_tasks(path: Path, known: Iterable[str] = (), tier: str | None = None) -> list[Interval]:
    """Read an export of Label Studio, JSON or JSON-MIN.

    Of each task, the last annotation that was not cancelled counts, or the last prediction where
    there is none; ``tier`` is who made it, by number or address. Videos are labelled in frames,
    at the rate ``framerate`` in the task's data, or ``fps``; time series and sound in seconds. The
    recording is the task's ``recording``, or else its file's name without its ending.
    """
    tasks = read_json(path, list[dict[str, Any]], "export the tasks of Label Studio as JSON")
    intervals = []
    for number, task in enumerate(tasks, 1):
        try:
            values = list(_values(task, f"{path}, task {number}", tier))
            intervals += _intervals(task, values, known)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            told = type(error) in (ValueError, ArgumentError)
            reason = str(error).rstrip(".") if told else "it is not laid out as one"
            raise FileError.at(path, f"task {number}: {reason}") from error
    return intervals


def _task(timeline: Timeline) -> dict[str, Any]:
    media = require_media(timeline, "Label Studio")
    # Label Studio serves local files under this address.
    url = "/data/local-files/?d=" + quote(media.relative_to(media.anchor).as_posix())
    rate, frames = _frames(timeline)
    shared = {"type": "timelinelabels", "from_name": _CONTROL, "to_name": _VIDEO}
    results = [
        {
            "id": f"{first}_{last}",
            **shared,
            "origin": "prediction",
            "value": {"ranges": [{"start": first, "end": last}], "timelinelabels": [row.action]},
        }
        | ({} if row.confidence is None else {"score": row.confidence})
        | ({"meta": {"text": [note(row)]}} if note(row) else {})
        for first, last, row in frames
    ]
    prediction: dict[str, Any] = {"model_version": "asot", "result": results}
    known = [row for row in timeline.rows if row.confidence is not None]
    if known:
        weights = [row.end_frame - row.start_frame for row in known]
        total = sum(w * (row.confidence or 0.0) for w, row in zip(weights, known, strict=True))
        prediction["score"] = total / sum(weights)
    data = {"video": url, "recording": timeline.recording, "framerate": rate}
    return {"data": data, "predictions": [prediction]}


def _frames(timeline: Timeline) -> tuple[float, list[tuple[int, int, SegmentRow]]]:
    """Return a frame rate, and each row with its first and last frame at it, counted from 1."""
    rows = milliseconds(timeline)
    rate = video_rate(timeline)
    # Label Studio takes a rate below 1 for the seconds between two frames.
    if rate is None or rate < 1:
        return 1000, [(start + 1, end, row) for start, end, row in rows]
    times = timeline.seconds

    def frame(number: int) -> int:
        return round(float(times[number]) * rate)

    return rate, [(frame(row.start_frame) + 1, frame(row.end_frame), row) for *_, row in rows]


def _interface(labels: Mapping[str, str]) -> str:
    view = ElementTree.Element("View")
    control = ElementTree.SubElement(view, "TimelineLabels", name=_CONTROL, toName=_VIDEO)
    for label, colour in labels.items():
        ElementTree.SubElement(control, "Label", value=label, background=colour)
    ElementTree.SubElement(
        view, "Video", name=_VIDEO, value="$video", frameRate="$framerate", timelineHeight="120"
    )
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _intervals(
    task: dict[str, Any], values: list[dict[str, Any]], known: Iterable[str]
) -> list[Interval]:
    """Read one task; ValueError carries the rule that it breaks."""
    data = task.get("data", task)
    if not values:
        return []
    name = known_name([_text(data["recording"])] if data.get("recording") else _files(data), known)
    intervals = []
    for value in values:
        labels = [_text(label) for kind in _LABELS for label in value.get(kind, [])]
        for start, end in _stretches(name, value, data):
            intervals += [Interval(name, start, end, one, value["note"]) for one in labels]
    return intervals


def _stretches(
    name: str, value: dict[str, Any], data: dict[str, Any]
) -> Iterator[tuple[float, float]]:
    """Yield the starts and ends of a region in seconds."""
    if "ranges" not in value:
        for one in (value["start"], value["end"]):
            if isinstance(one, bool) or not isinstance(one, int | float):
                raise ValueError(f"times must be numbers of seconds, but one of {name} is {one!r}")
        yield float(value["start"]), float(value["end"])
        return
    stated = data.get("framerate", data.get("fps"))
    try:
        rate = float(stated)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        rate = 0.0
    if not 0 < rate < float("inf"):
        rule = "must say the 'framerate', in frames a second, that its frames were counted at"
        raise ValueError(f"the data of {name} {rule}, but it is {stated!r}")
    for one in value["ranges"]:
        first, last = one["start"], one["end"]
        if not (isinstance(first, int) and isinstance(last, int) and 1 <= first <= last):
            rule = "a range needs frames with 1 <= start <= end"
            raise ValueError(f"{rule}, but one of {name} lasts from {first} to {last}")
        yield (first - 1) / rate, last / rate


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"names must be text, not {value!r:.40}")
    return value


def _values(task: dict[str, Any], place: str, tier: str | None) -> Iterator[dict[str, Any]]:
    """Yield the regions of a task that have labels; say where only one of several makers counts."""
    if "data" not in task:  # JSON-MIN has the regions beside the data, under the control's name
        for regions in task.values():
            if isinstance(regions, list):
                found = (r for r in regions if isinstance(r, dict) and set(_LABELS) & set(r))
                yield from (one | {"note": _note(one)} for one in found)
        return
    made = [one for one in task.get("annotations") or [] if not one.get("was_cancelled")]
    makers = list(dict.fromkeys(name for one in made for name in _makers(one)))
    if tier is not None:
        made = [one for one in made if tier in _makers(one)]
        if not made:
            known = listing(makers, len(makers)) or "nobody that it names"
            raise ValueError(f"has no annotation by {tier!r}, but by {known}")
    elif len({_makers(one) for one in made}) > 1:
        message = "%s has annotations by %s: the last is read, or another's with --tier."
        logger.warning(message, place, listing(makers, len(makers)))
    for chosen in (made or task.get("predictions") or [])[-1:]:
        for result in chosen["result"]:
            if result.get("type") in _LABELS:
                yield result["value"] | {"note": _note(result)}


def _note(region: dict[str, Any]) -> str:
    """Return what was noted on a region."""
    meta = region.get("meta")
    texts = meta.get("text", []) if isinstance(meta, dict) else []
    return "; ".join(map(str, texts if isinstance(texts, list) else [texts]))


def _makers(annotation: dict[str, Any]) -> tuple[str, ...]:
    """Return the number and the address of who made an annotation, as far as known."""
    by = annotation.get("completed_by")
    values = [by.get("id"), by.get("email")] if isinstance(by, dict) else [by]
    return tuple(str(value) for value in values if value is not None)


def _files(data: dict[str, Any]) -> list[str]:
    """Return the names of the files that a task shows, without their endings."""
    names = []
    for key in ("video", "audio", "timeseries", "csv"):
        if isinstance(data.get(key), str) and data[key]:
            parts = urlsplit(data[key])
            [path, *_] = parse_qs(parts.query).get("d", [unquote(parts.path)])
            names.append(PurePosixPath(path).stem)
    if not names:
        raise ValueError("the data must say the 'recording' or the 'video' it is of")
    return names
