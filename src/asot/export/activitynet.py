"""Timelines as one JSON file in the layout of ActivityNet 1.3.

::

    {"version": ..., "taxonomy": [], "database": {RECORDING: {
        "duration": s, "subset": "validation", "url": ..., "annotations": [
            {"segment": [s, s], "label": ACTION, "score": confidence}]}}}

``url`` and ``score`` are there where they are known. Seconds are written to the microsecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asot.files import write_json
from asot.timeline.timelines import Timeline


def write(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write ``segments.json`` into the folder ``out``; see :func:`asot.export.export`."""
    database = {timeline.recording: _entry(timeline) for timeline in timelines}
    path = out / "segments.json"
    write_json(path, {"version": "VERSION 1.3", "taxonomy": [], "database": database})
    return [path]


def _entry(timeline: Timeline) -> dict[str, Any]:
    times = timeline.seconds
    entry: dict[str, Any] = {"duration": _second(times[-1]), "subset": "validation"}
    if timeline.media is not None:
        entry["url"] = timeline.media.absolute().as_uri()
    entry["annotations"] = [
        {
            "segment": [_second(times[row.start_frame]), _second(times[row.end_frame])],
            "label": row.action,
        }
        | ({} if row.confidence is None else {"score": row.confidence})
        for row in timeline.rows
    ]
    return entry


def _second(time: float) -> float:
    return round(float(time), 6)
