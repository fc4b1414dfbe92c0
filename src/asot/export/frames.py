"""Per-frame text in the layout of MS-TCN: a line a frame, the name of its action.

::

    groundTruth/<recording>.txt   as many lines as frames
    mapping/mapping.txt           ``<number> <name>``, a line an action

Frames without an action are called ``background``. No times are needed, and none are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asot.errors import ArgumentError, DataError
from asot.export.names import actions, require_lines
from asot.export.texts import read_text
from asot.files import write_text
from asot.text import file_stems, recording_name
from asot.timeline.timelines import BACKGROUND, Timeline


def write(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write the two folders into the folder ``out``; see :func:`asot.export.export`.

    Raises
    ------
    ArgumentError
        If the name of an action does not fill one line, without blanks around.
    """
    names = actions(timelines)
    require_lines(names, "per-frame text")
    for name in names:
        if name != name.strip():
            raise ArgumentError(
                f"per-frame text cannot hold blanks around a name, as in {name!r}: rename it."
            )
    texts = [_frames(timeline) for timeline in timelines]
    if any(BACKGROUND in text for text in texts):
        names = [BACKGROUND, *(name for name in names if name != BACKGROUND)]
    files = {
        out / "groundTruth" / f"{stem}.txt": text
        for stem, text in zip(file_stems([one.recording for one in timelines]), texts, strict=True)
    }
    files[out / "mapping" / "mapping.txt"] = [f"{i} {name}" for i, name in enumerate(names)]
    for path, lines in files.items():
        write_text(path, "".join(f"{line}\n" for line in lines))
    return list(files)


def read(path: Path) -> dict[str, list[str]]:
    """Read a file or a folder; see :func:`asot.export.read_frames`."""
    if not path.is_dir():
        return {recording_name(path.name.removesuffix(".txt")): _lines(path)}
    folder = path / "groundTruth" if (path / "groundTruth").is_dir() else path
    files = sorted(
        file for file in folder.iterdir() if file.is_file() and not file.name.startswith(".")
    )
    if not files:
        raise DataError(f"'{folder}' holds no file of per-frame text.")
    frames: dict[str, list[str]] = {}
    for file in files:
        name = recording_name(file.name.removesuffix(".txt"))
        if name in frames:
            raise DataError(f"'{folder}' holds two files of the recording {name!r}: remove one.")
        frames[name] = _lines(file)
    return frames


def _frames(timeline: Timeline) -> list[str]:
    frames = [BACKGROUND] * timeline.n_frames
    for row in timeline.rows:
        frames[row.start_frame : row.end_frame] = [row.action] * (row.end_frame - row.start_frame)
    return frames


def _lines(path: Path) -> list[str]:
    text = read_text(path).replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.strip() for line in text.rstrip().split("\n")]
    if "" in lines:
        raise DataError(
            f"{path}, line {lines.index('') + 1}: the line is empty, the name of the frame's "
            "action is expected."
        )
    return lines
