"""Timelines as WebVTT, the subtitles of browsers: a cue a segment."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from asot.export.names import actions, require_lines, write_each
from asot.export.seconds import milliseconds
from asot.timeline.timelines import Timeline


def write(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write a file a recording into the folder ``out``; see :func:`asot.export.export`.

    Raises
    ------
    ArgumentError
        If a recording has no times, or an action's name holds a line break.
    """
    require_lines(actions(timelines), "WebVTT")
    return write_each(
        timelines, out, ".vtt", lambda timeline: "\n".join(["WEBVTT", "", *_cues(timeline)])
    )


def _cues(timeline: Timeline) -> list[str]:
    # Escaping > keeps "-->", which would start a cue, out of the text.
    return [
        f"{_clock(start)} --> {_clock(end)}\n{html.escape(row.action, quote=False)}\n"
        for start, end, row in milliseconds(timeline)
    ]


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"
