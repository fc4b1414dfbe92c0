"""Timelines as a project of BORIS, format 7.0, and its projects back as intervals.

There is an ethogram, and an observation a recording.

Each segment is a pair of events with the code of its action, one at its start and one at its end,
which BORIS shows as START and STOP. An event is ``[seconds, subject, code, modifier, comment]``
and, where there is a video, its frame from 0, or "NA" where frames are not evenly spaced.
"""

from __future__ import annotations

import json
import logging
import string
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from asot.errors import ArgumentError, FileError
from asot.export.annotations import Annotation, known_name, number, of_tier
from asot.export.common import colours, milliseconds, note, video_rate
from asot.files import write_text
from asot.schema import read_json
from asot.timeline.segments import Interval, Timeline

logger = logging.getLogger(__name__)

_KEYS = string.ascii_lowercase + string.digits
_PLAYERS = 8
_EMPTY_DICTS = ("subjects_conf", "independent_variables", "coding_map", "converters")


def write_boris(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write ``project.boris`` into the folder ``out``."""
    codes = colours(timelines)
    for code in codes:
        if "|" in code:
            cure = "name it with asot relabel"
            rule = "BORIS allows no '|' in the name of an action"
            raise ArgumentError(f"{rule}, got {code!r}: {cure}.")
    now = datetime.now().isoformat(timespec="seconds")
    project = {
        "time_format": "hh:mm:ss",
        "project_date": now,
        "project_name": "asot",
        "project_description": "",
        "project_format_version": "7.0",
        "behaviors_conf": {
            str(number): _behaviour(code, _KEYS[number % len(_KEYS)], colour)
            for number, (code, colour) in enumerate(codes.items())
        },
        "observations": {one.recording: _observation(one, now) for one in timelines},
        **{key: {} for key in _EMPTY_DICTS},
        **{key: [] for key in ("behavioral_categories", "behaviors_coding_map")},
    }
    path = out / "project.boris"
    # ASCII, because BORIS reads the file in the encoding of the machine it runs on.
    write_text(path, json.dumps(project, indent=1) + "\n")
    return [path]


def read_project(path: Path, known: Iterable[str] = (), tier: str | None = None) -> list[Interval]:
    """Read the state events of a project; a tier is a subject or an observation.

    An observation is of the recording that it or its first video is called by.
    """
    project = read_json(path, dict[str, Any], "save the project again in BORIS")
    found = list[Annotation]()
    try:
        points = {
            one["code"]
            for one in project.get("behaviors_conf", {}).values()
            if str(one.get("type", "")).lower().startswith("point")
        }
        for name, observation in project["observations"].items():
            media = [one for files in observation.get("file", {}).values() for one in files]
            recording = known_name([name, *media[:1]], known)
            offset = float(observation.get("time offset") or 0)
            if offset:
                message = "%s: %s has a time offset of %s s: its times are taken as they stand."
                logger.warning(message, path, name, offset)
            found += _annotations(name, recording, observation["events"], points)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        reason = str(error) if type(error) is ValueError else "is not laid out as BORIS does"
        raise FileError.at(path, reason) from error
    return of_tier(path, found, tier)


def _annotations(
    name: str, recording: str, events: Sequence[Any], points: set[str]
) -> Iterator[Annotation]:
    """Pair the events of an observation: a behaviour starts and stops by turns."""
    running: dict[tuple[str, str], tuple[float, str]] = {}
    for moment, subject, code, *more in sorted(events, key=lambda one: float(one[0])):
        at, key = number("the time of an event", str(moment)), (str(subject), str(code))
        comment = str(more[1]) if len(more) > 1 else ""
        if code not in points and key not in running:
            running[key] = at, comment
            continue
        start, first = running.pop(key, (at, ""))
        said = "; ".join(dict.fromkeys(filter(None, (first, comment))))
        yield Annotation(recording, start, at, key[1], (key[0], name), event=True, note=said)
    for (_, code), (start, _) in running.items():
        raise ValueError(f"{code!r} of {name} starts at {start:g} s and never stops")


def _behaviour(code: str, key: str, colour: str) -> dict[str, Any]:
    empty = dict.fromkeys(("description", "category", "excluded", "coding map"), "")
    own = {"key": key, "code": code, "color": colour}
    return {"type": "State event", **own, "modifiers": {}, **empty}


def _observation(timeline: Timeline, now: str) -> dict[str, Any]:
    observation: dict[str, Any] = {
        "type": "LIVE",
        "date": now,
        "description": "",
        "time offset": 0.0,
        "observation time interval": [0, 0],
        "independent_variables": {},
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "media_creation_date_as_offset": False,
        "media_scan_sampling_duration": 0,
        "image_display_duration": 1,
        "close_behaviors_between_videos": False,
        "file": {},
        "events": _events(timeline),
    }
    if timeline.media is None:
        return observation | {"scan_sampling_time": 0, "start_from_current_time": False}
    media = str(timeline.media.absolute())
    players: dict[str, list[str]] = {str(number): [] for number in range(1, _PLAYERS + 1)}
    times = timeline.seconds
    return observation | {
        "type": "MEDIA",
        "file": players | {"1": [media]},
        "media_info": {
            "length": {media: round(float(times[-1] - times[0]), 3)},
            "fps": {media: timeline.media_rate or 0.0},
            "hasVideo": {media: True},
            # BORIS reads this only before it draws the sound, and here it is not known.
            "hasAudio": {media: False},
            "offset": {"1": 0.0},
        },
    }


def _events(timeline: Timeline) -> list[list[Any]]:
    rate = video_rate(timeline)
    events: list[list[Any]] = []
    for start, end, row in milliseconds(timeline):
        ends = (start, row.start_frame, note(row)), (end, row.end_frame, "")
        for moment, frame, comment in ends:
            event: list[Any] = [moment / 1000, "", row.action, "", comment]
            if timeline.media is not None:
                at = float(timeline.seconds[frame])
                event.append("NA" if rate is None else round(at * rate))
            events.append(event)
    return events
