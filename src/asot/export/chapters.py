"""Timelines as chapters, in the text that ffmpeg reads metadata from.

``ffmpeg -i tea.mp4 -i tea.chapters.txt -map_metadata 1 -codec copy tea-with-chapters.mp4`` puts
them into a video, where players list them. A name that ends in a backslash, which FFmpeg cannot
read, gets a blank after it.
"""

from __future__ import annotations

import re
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
    require_lines(actions(timelines), "chapter")
    return write_each(
        timelines,
        out,
        ".chapters.txt",
        lambda timeline: ";FFMETADATA1\n" + "".join(_chapters(timeline)),
    )


def _chapters(timeline: Timeline) -> list[str]:
    return [
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={_escaped(row.action)}\n"
        for start, end, row in milliseconds(timeline)
    ]


def _escaped(text: str) -> str:
    # FFmpeg takes any backslash at the end of a line, escaped or not, for a line that goes on.
    return re.sub(r"([=;#\\])", r"\\\1", text) + (" " if text.endswith("\\") else "")
