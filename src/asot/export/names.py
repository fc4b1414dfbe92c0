"""Names on their way into files: what a format can hold, and file names that are safe anywhere."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from asot.errors import ArgumentError
from asot.files import write_text
from asot.timelines import Timeline

# Bytes of a file's stem; systems allow 255 for the whole name, of which suffixes need some.
_LONGEST = 200
_HEX_PAIR = re.compile(r"%([0-9A-Fa-f]{2})")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


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


def file_stems(names: Sequence[str]) -> list[str]:
    r"""Turn recordings' names into the stems of file names.

    A name that every file system takes stays as it is. Of others, the characters that some system
    refuses are written as the ``%`` and hexadecimal digits of their UTF-8 bytes, as in a URL, and
    :func:`recording_name` finds the name again. Only names longer than files allow are cut, with
    a checksum in place of what is lost.

    Parameters
    ----------
    names : sequence of str
        Names that differ from each other.

    Returns
    -------
    list of str
        Stems that differ from each other, also where upper and lower case are one.

    Examples
    --------
    >>> file_stems(["P01_tea", "../tea", "TEA", "tea"])
    ['P01_tea', '%2E.%2Ftea', 'TEA', '%74ea']
    """
    stems = []
    taken: set[str] = set()
    for name in names:
        escaped = 0
        stem = _stem(name, escaped)
        while _folded(stem) in taken:
            escaped += 1
            stem = _stem(name, escaped)
        taken.add(_folded(stem))
        stems.append(stem)
    return stems


def recording_name(stem: str) -> str:
    """Find the name that :func:`file_stems` made a stem of.

    Examples
    --------
    >>> recording_name("%2E.%2Ftea"), recording_name("50%_salad")
    ('../tea', '50%_salad')
    """
    escaped = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
    return escaped.sub(
        lambda run: bytes.fromhex(run.group().replace("%", "")).decode("utf-8", "replace"), stem
    )


def _stem(name: str, escaped: int) -> str:
    """Make the stem of one name; its first ``escaped`` characters are escaped whatever they are."""
    pieces = []
    for place, character in enumerate(name):
        edge = (place == 0 and character in ". ") or (place == len(name) - 1 and character in ". ")
        if (
            place < escaped
            or edge
            or character in '/\\:*?"<>|'
            or is_control(character)
            or (character == "%" and _HEX_PAIR.match(name, place))
            or (place == 0 and _RESERVED.match(name))
        ):
            pieces.append("".join(f"%{byte:02X}" for byte in character.encode()))
        else:
            pieces.append(character)
    stem = "".join(pieces)
    if len(stem.encode()) <= _LONGEST:
        return stem
    checksum = hashlib.sha256(f"{escaped} {name}".encode()).hexdigest()[:12]
    return stem.encode()[: _LONGEST - 13].decode("utf-8", "ignore").rstrip(". ") + "~" + checksum


def _folded(stem: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", stem).casefold())


def is_control(character: str) -> bool:
    """Tell a character that is no text: a control, a line break, a surrogate, a noncharacter."""
    return (
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or ord(character) & 0xFFFE == 0xFFFE
    )


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
