"""Names on their way into files: what a format can hold, and file names that are safe anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from asot.errors import ArgumentError
from asot.files import write_text
from asot.text import file_stems, is_control
from asot.timeline.timelines import Timeline


def write_each(
    timelines: Sequence[Timeline], out: Path, suffix: str, text: Callable[[Timeline], str]
) -> list[Path]:
    """Write a text for each recording into the folder ``out``, all of them made beforehand."""
    stems = file_stems([timeline.recording for timeline in timelines])
    files = {
        out / f"{stem}{suffix}": text(timeline)
        for stem, timeline in zip(stems, timelines, strict=True)
    }
    for path, content in files.items():
        write_text(path, content)
    return list(files)


def require_names(timelines: Sequence[Timeline]) -> None:
    """Check what every format needs of names.

    Raises
    ------
    ArgumentError
        If there is no recording, two have one name, or a name is blank or no Unicode text.
    """
    if not timelines:
        raise ArgumentError("timelines must hold at least one recording, got none.")
    seen = set()
    for timeline in timelines:
        if timeline.recording in seen:
            raise ArgumentError(
                f"recordings must have names that differ, but {timeline.recording!r} comes twice."
            )
        seen.add(timeline.recording)
    for name in [*seen, *actions(timelines)]:
        if not name.strip():
            raise ArgumentError(f"recordings and actions need a name, got {name!r}.")
    texts = [*seen, *actions(timelines), *(str(one.media) for one in timelines)]
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ArgumentError(
                f"names must be text, but {text!r} holds what UTF-8 has no code for: rename it."
            ) from None


def require_lines(texts: Iterable[str], format: str) -> None:
    """Check that texts fit a format of lines or of XML, which have no way to write some characters.

    Raises
    ------
    ArgumentError
        If a text holds a control character or a line break.
    """
    for text in texts:
        if any(map(is_control, text)):
            raise ArgumentError(
                f"{format} files cannot hold line breaks and control characters, which {text!r} "
                "has: rename it."
            )


def actions(timelines: Iterable[Timeline]) -> list[str]:
    """The names of all actions of some recordings, sorted."""
    return sorted({row.action for timeline in timelines for row in timeline.rows})
