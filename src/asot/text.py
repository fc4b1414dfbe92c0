"""Texts for people and for files: counts and quotes in sentences, and safe names of files."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

# Bytes of a file's stem; systems allow 255 for the whole name, of which suffixes need some.
_LONGEST = 200
_HEX_PAIR = re.compile(r"%([0-9A-Fa-f]{2})")
# Characters without width that come along when text is copied; joiners have a meaning and stay.
_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff"))
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
# What spreadsheets take for a formula; a number is none.
_FORMULA = re.compile(r"(?!-?[0-9.]+$)'*[=+@\t\r-]")


def plural(count: int, noun: str) -> str:
    """Count a noun in words for a message.

    Examples
    --------
    >>> plural(1, "frame"), plural(1200, "frame")
    ('1 frame', '1,200 frames')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def in_use(n_used: int, n_known: int) -> str:
    """Say how many of a result's actions are in use.

    Examples
    --------
    >>> in_use(11, 12), in_use(1, 4)
    ('11 of 12 actions are in use', '1 of 4 actions is in use')
    """
    return f"{n_used:,} of {plural(n_known, 'action')} {'is' if n_used == 1 else 'are'} in use"


def were(count: int) -> str:
    """Return the verb that goes with a count."""
    return "was" if count == 1 else "were"


def quote(text: str, limit: int = 40) -> str:
    """Quote a piece of a file for a message: printable whatever it holds, and short.

    Examples
    --------
    >>> quote("caf\\x00" + "x" * 100)
    "'caf\\\\x00xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'"
    """
    shown = repr(text[:limit] + ("..." if len(text) > limit else ""))
    return shown.encode("utf-8", "backslashreplace").decode("utf-8")


def short(sentence: str, limit: int = 500) -> str:
    """Return a sentence that can be shown: printable whatever went into it, and not endless.

    Of a long one the beginning stays, which says where, and the end, which says what to do.

    Examples
    --------
    >>> short("the time 'a\\x07' is none"), len(short("x" * 10_000))
    ("the time 'a\\\\x07' is none", 500)
    """
    if len(sentence) > limit:
        sentence = f"{sentence[: limit - 205]} ... {sentence[-200:]}"
    if sentence.isprintable():
        return sentence
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in sentence)


def printable(path: Path | str) -> str:
    """Show a path or name, quoted if it holds line breaks or the like.

    Examples
    --------
    >>> printable("my data"), printable("my\\ndata")
    ('my data', "'my\\\\ndata'")
    """
    text = str(path)
    return text if text.isprintable() else quote(text, len(text))


def as_label(text: str) -> str:
    """Return the label that a text stands for, however it was typed: composed, and on one line.

    Line breaks, tabs and blanks of any kind become single blanks, and characters without width go.

    Examples
    --------
    >>> as_label(" pour\\r\\n milk\\u2028(cafe\\u0301) ")
    'pour milk (café)'
    """
    return " ".join(unicodedata.normalize("NFC", text.translate(_UNSEEN)).split())


def as_note(text: str) -> str:
    """Return a note on one line, without the control characters that no format can hold.

    Examples
    --------
    >>> as_note("left\\nhand\\x00 ")
    'left hand'
    """
    return as_label("".join(" " if is_control(one) else one for one in text))


def as_cell(text: str) -> str:
    """Return the cell of a CSV file for a text, which no spreadsheet then takes for a formula.

    Examples
    --------
    >>> as_cell("=1+1"), as_cell("boil"), as_cell("-1")
    ("'=1+1", 'boil', '-1')
    >>> from_cell(as_cell("'=1+1"))
    "'=1+1"
    """
    return f"'{text}" if _FORMULA.match(text) else text


def from_cell(cell: str) -> str:
    """Return the text of a cell that :func:`as_cell` made; other cells are their own text."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell


def listing(names: Sequence[str], limit: int = 3) -> str:
    """List the first few names and count the others.

    Examples
    --------
    >>> listing(["a", "b", "c", "d", "e"])
    "'a', 'b', 'c' and 2 more"
    """
    shown = ", ".join(quote(name, 80) for name in names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def meant(word: str, known: Iterable[str]) -> str:
    """End a sentence that refuses a word: with the known names that are close to it, or a stop.

    Of dotted names the last part may be the close one.

    >>> meant("traning.epochs", ["training.epochs"]), meant("rate", ["rates.a", "a.rate", "b.rate"])
    ('; is training.epochs meant?', '; is a.rate or b.rate meant?')
    >>> meant("nonsense", ["epochs"])
    '.'
    """
    last = {one: one.rpartition(".")[2] for one in known}
    close = get_close_matches(word, [*last, *last.values()], 1)
    found = [one for one in last if close and close[0] in (one, last[one])]
    return f"; is {' or '.join(found)} meant?" if found else "."


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


def safe_name(text: str, twin: int = 0) -> str:
    r"""Make a name of a recording of any text: what nobody sees or writes by hand is left out.

    A printable name of at most 200 bytes that does not begin with a dot stays as it is. Of others,
    every kind of blank becomes a space; joiners, marks of direction and control characters go;
    longer ones are cut, with a checksum in place of what is lost. A ``twin`` above 0 makes another
    name of the same text.

    Examples
    --------
    >>> safe_name("3.45\u202fPM"), safe_name("two\nlines"), safe_name("a\u200db"), safe_name(".x")
    ('3.45 PM', 'two lines', 'ab', 'x')
    """
    name = text
    if not text.isprintable() or text.startswith("."):
        blank = "".join(" " if one.isspace() else one for one in text)
        seen = "".join(
            one if one.isprintable() else "" if unicodedata.category(one) in ("Cc", "Cf") else "_"
            for one in blank
        )
        name = seen.strip().lstrip(".") or "recording"
    return _shortened(name, f"{twin} {text}", always=twin > 0)


def _shortened(name: str, text: str, always: bool = False) -> str:
    """Cut a name that is longer than files allow, with a checksum of the whole text."""
    if len(name.encode()) <= _LONGEST and not always:
        return name
    checksum = hashlib.sha256(text.encode()).hexdigest()[:12]
    return name.encode()[: _LONGEST - 13].decode("utf-8", "ignore").rstrip(". ") + "~" + checksum


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
    return _shortened("".join(pieces), f"{escaped} {name}")


def _folded(stem: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", stem).casefold())


def is_control(character: str) -> bool:
    """Tell a character that is no text: a control, a line break, a surrogate, a noncharacter."""
    return (
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or ord(character) & 0xFFFE == 0xFFFE
    )
