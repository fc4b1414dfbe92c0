"""Small formats of text: a name a frame as in MS-TCN, WebVTT subtitles, and chapters for ffmpeg.

::

    groundTruth/<recording>.txt     as many lines as frames, each the name of its action
    mapping/mapping.txt             ``<number> <name>``, a line an action
    <recording>.vtt                 a cue a segment, for browsers
    <recording>.chapters.txt        the text that ffmpeg reads metadata from

Frames without an action are called ``background``; that text needs no times, and keeps none.
``ffmpeg -i tea.mp4 -i tea.chapters.txt -map_metadata 1 -codec copy tea-with-chapters.mp4`` puts
chapters into a video, where players list them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from asot.errors import ArgumentError, FileError
from asot.export.annotations import Annotation, known_name, of_tier, seconds
from asot.export.common import actions, milliseconds, require_lines, write_each
from asot.files import read_text, write_text
from asot.text import as_label, recording_name
from asot.timeline.labels import read_labels
from asot.timeline.segments import BACKGROUND, Interval, Timeline


def write_frames(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write the folders ``groundTruth`` and ``mapping`` into the folder ``out``."""
    names = actions(timelines)
    require_lines(names, "per-frame text")
    for name in names:
        if name != name.strip():
            rule = "per-frame text cannot hold blanks around a name"
            raise ArgumentError(f"{rule}, as in {name!r}: name it with asot relabel.")
    texts = {one.recording: _frames(one) for one in timelines}
    if any(BACKGROUND in text for text in texts.values()):
        names = [BACKGROUND, *(name for name in names if name != BACKGROUND)]
    folder = out / "groundTruth"
    paths = write_each(timelines, folder, ".txt", lambda one: _joined(texts[one.recording]))
    mapping = out / "mapping" / "mapping.txt"
    write_text(mapping, _joined([f"{i} {name}" for i, name in enumerate(names)]))
    return [*paths, mapping]


def read_frames(path: str | Path) -> dict[str, list[str]]:
    """Read per-frame text: a line a frame, the name of its action.

    Parameters
    ----------
    path : path-like
        A file, a folder of them, or a folder whose ``groundTruth`` is one.

    Returns
    -------
    dict of str to list of str
        Recording to the names of its frames' actions. ``background`` is a name like others.

    Raises
    ------
    FileError
        If there is no such file, or a file cannot be read, is empty or has an empty line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tea.txt"
    >>> _ = path.write_text("boil\\nboil\\npour\\n")
    >>> read_frames(path)
    {'tea': ['boil', 'boil', 'pour']}
    """
    path = Path(path)
    files = [path]
    if path.is_dir():
        folder = path / "groundTruth" if (path / "groundTruth").is_dir() else path
        shown = (file for file in folder.iterdir() if not file.name.startswith("."))
        files = sorted(file for file in shown if file.is_file())
        if not files:
            raise FileError.at(folder, "holds no file of per-frame text")
    frames: dict[str, list[str]] = {}
    for file in files:
        name = recording_name(file.name.removesuffix(".txt"))
        if name in frames:
            message = f"holds two files of the recording {name!r}: remove one"
            raise FileError.at(file.parent, message)
        frames[name] = read_labels(file)
        if "" in frames[name]:
            message = "the line is empty, the name of the frame's action is expected"
            raise FileError.at(file, message, frames[name].index("") + 1)
    return frames


def write_vtt(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write a ``.vtt`` file for each recording into the folder ``out``."""
    require_lines(actions(timelines), "WebVTT")
    return write_each(timelines, out, ".vtt", _cues)


def read_cues(path: Path, known: Iterable[str] = (), tier: str | None = None) -> list[Interval]:
    """Read the cues of subtitles, WebVTT or SubRip, as labels; the file is called by its recording.

    Markup goes, and lines of a cue become one.
    """
    recording = known_name([recording_name(path.stem), path.stem], known)
    found = []
    whole = "\n".join(read_text(path, western=True).splitlines())
    for block in re.split(r"\n\s*\n", whole):
        head, arrow, rest = block.partition("-->")
        times, _, text = rest.partition("\n")
        if arrow:
            label = as_label(html.unescape(re.sub(r"<[^>]*>", "", text)))
            try:
                start = seconds("the start of a cue", head.split("\n")[-1])
                end = seconds("the end of a cue", (times.split() or [""])[0])
            except ValueError as error:
                raise FileError.at(path, str(error)) from error
            found.append(Annotation(recording, start, end, label, event=True))
    if not found and not whole.startswith("WEBVTT"):
        raise FileError.at(path, "holds no cue: a time, -->, a time, and a line of text below")
    return of_tier(path, found, tier)


def write_chapters(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write a ``.chapters.txt`` file for each recording into the folder ``out``."""
    require_lines(actions(timelines), "chapter")
    return write_each(timelines, out, ".chapters.txt", _chapters)


def _frames(timeline: Timeline) -> list[str]:
    frames = [BACKGROUND] * timeline.n_frames
    for row in timeline.rows:
        frames[row.start_frame : row.end_frame] = [row.action] * (row.end_frame - row.start_frame)
    return frames


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _cues(timeline: Timeline) -> str:
    text = "WEBVTT\n"
    for start, end, row in milliseconds(timeline):
        # Escaping > keeps "-->", which would start a cue, out of the text.
        action = html.escape(row.action, quote=False)
        text += f"\n{_clock(start)} --> {_clock(end)}\n{action}\n"
    return text


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}"


def _chapters(timeline: Timeline) -> str:
    text = ";FFMETADATA1\n"
    for start, end, row in milliseconds(timeline):
        text += f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\n"
        text += f"title={_escaped(row.action)}\n"
    return text


def _escaped(text: str) -> str:
    # FFmpeg takes any backslash at the end of a line, escaped or not, for a line that goes on: a
    # name that ends in one gets a blank after it.
    return re.sub(r"([=;#\\])", r"\\\1", text) + (" " if text.endswith("\\") else "")
