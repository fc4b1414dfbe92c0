"""Timelines as chapters, in the text that ffmpeg reads metadata from.

``ffmpeg -i tea.mp4 -i tea.chapters.txt -map_metadata 1 -codec copy tea-with-chapters.mp4`` puts
them into a video, where players list them. A name that ends in a backslash, which FFmpeg cannot
read, gets a blank after it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from asot.export.names import actions, file_stems, require_lines
from asot.export.seconds import milliseconds
from asot.files import write_text
from asot.timelines import Timeline


def write(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write a file a recording into the folder ``out``; see :func:`asot.export.export`.

    Raises
    ------
    ArgumentError
        If a recording has no times, or an action's name holds a line break.
    """
    require_lines(actions(timelines), "chapter")
    stems = file_stems([timeline.recording for timeline in timelines])
    files = {
        out / f"{stem}.chapters.txt": ";FFMETADATA1\n" + "".join(_chapters(timeline))
        for stem, timeline in zip(stems, timelines, strict=True)
    }
    for path, text in files.items():
        write_text(path, text)
    return list(files)


def _chapters(timeline: Timeline) -> list[str]:
    return [
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={_escaped(row.action)}\n"
        for start, end, row in milliseconds(timeline)
    ]


def _escaped(text: str) -> str:
    # FFmpeg takes any backslash at the end of a line, escaped or not, for a line that goes on.
    return re.sub(r"([=;#\\])", r"\\\1", text) + (" " if text.endswith("\\") else "")
