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

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.etree import ElementTree

from asot.errors import FileError
from asot.export.common import actions, milliseconds, require_lines, require_media, video_rate
from asot.files import write_json, write_text
from asot.schema import read_json
from asot.timeline.segments import Interval, SegmentRow, Timeline

_CONTROL, _VIDEO = "actions", "video"
# Okabe and Ito's colours, which colour-blind people tell apart.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#999999")


def write_tasks(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write ``labelstudio.json`` and ``labelstudio.xml`` into the folder ``out``."""
    require_lines(actions(timelines), "Label Studio")
    tasks = [_task(timeline) for timeline in timelines]
    paths = [out / "labelstudio.json", out / "labelstudio.xml"]
    write_json(paths[0], tasks)
    write_text(paths[1], _interface(actions(timelines)))
    return paths


def read_tasks(path: Path) -> list[Interval]:
    """Read an export of Label Studio, JSON or JSON-MIN.

    Of each task, the last annotation that was not cancelled counts, or the last prediction where
    there is none. The rate is ``framerate`` in its data, or ``fps``. The recording is the task's
    ``recording``, or else its video's name without its ending.
    """
    tasks = read_json(path, list[dict[str, Any]], "export the tasks of Label Studio as JSON")
    intervals = []
    for number, task in enumerate(tasks, 1):
        try:
            intervals += _intervals(task)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            reason = error.args[0] if type(error) is ValueError else "it is not laid out as one"
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


def _interface(labels: Sequence[str]) -> str:
    view = ElementTree.Element("View")
    control = ElementTree.SubElement(view, "TimelineLabels", name=_CONTROL, toName=_VIDEO)
    for number, label in enumerate(labels):
        colour = _COLOURS[number % len(_COLOURS)]
        ElementTree.SubElement(control, "Label", value=label, background=colour)
    ElementTree.SubElement(
        view, "Video", name=_VIDEO, value="$video", frameRate="$framerate", timelineHeight="120"
    )
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _intervals(task: dict[str, Any]) -> list[Interval]:
    """Read one task; ValueError carries the rule that it breaks."""
    data = task.get("data", task)
    values = list(_values(task))
    if not values:
        return []
    name = _text(data.get("recording") or _video_name(data))
    stated = data.get("framerate", data.get("fps"))
    try:
        rate = float(stated)
    except (TypeError, ValueError):
        rate = 0.0
    if not 0 < rate < float("inf"):
        rule = "must say the 'framerate', in frames a second, that its frames were counted at"
        raise ValueError(f"the data of {name} {rule}, but it is {stated!r}")
    intervals = []
    for value in values:
        for one in value["ranges"]:
            first, last = one["start"], one["end"]
            if not (isinstance(first, int) and isinstance(last, int) and 1 <= first <= last):
                rule = "a range needs frames with 1 <= start <= end"
                raise ValueError(f"{rule}, but one of {name} lasts from {first} to {last}")
            for label in map(_text, value["timelinelabels"]):
                intervals.append(Interval(name, (first - 1) / rate, last / rate, label))
    return intervals


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"names must be text, not {value!r:.40}")
    return value


def _values(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the timeline regions of a task: dicts with ``ranges`` and ``timelinelabels``."""
    if "data" not in task:  # JSON-MIN has the regions beside the data, under the control's name
        for regions in task.values():
            if isinstance(regions, list):
                yield from (r for r in regions if isinstance(r, dict) and "timelinelabels" in r)
        return
    made = [one for one in task.get("annotations") or [] if not one.get("was_cancelled")]
    for chosen in (made or task.get("predictions") or [])[-1:]:
        for result in chosen["result"]:
            if result.get("type") == "timelinelabels":
                yield result["value"]


def _video_name(data: dict[str, Any]) -> str:
    video = data.get("video")
    if not isinstance(video, str) or not video:
        raise ValueError("the data must say the 'recording' or the 'video' it is of")
    parts = urlsplit(video)
    [path, *_] = parse_qs(parts.query).get("d", [unquote(parts.path)])
    return PurePosixPath(path).stem
