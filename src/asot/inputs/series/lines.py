"""The lines and cells of a text file, whatever its encoding and the ends of its lines."""

from __future__ import annotations

import csv
import itertools
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from asot.errors import FileError, unreadable
from asot.files import wide_encoding

BLANKS = " "  # the separator that stands for one or more blanks
_TALL = 20  # lines of a cell in quotes


def find_encoding(path: Path) -> str:
    """Find the encoding in which the whole file can be read."""
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
        wide = wide_encoding(head)
        if wide is not None:
            return wide
        if head.startswith(b"\x1f\x8b"):
            raise FileError.at(path, "is compressed: unpack it first")
        controls = sum(byte < 32 and byte not in b"\t\n\r\f\0\x1a" for byte in head)
        if controls > 2 or head.startswith((b"PK\3\4", b"%PDF")):
            raise FileError.at(path, "is not a text file: save it as CSV")
        for encoding in ("utf-8-sig", "cp1252"):
            try:
                with path.open(encoding=encoding) as stream:
                    # An undecodable letter may come after a million lines.
                    while stream.read(1 << 20):
                        pass
                return encoding
            except UnicodeError:
                continue
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    return "latin-1"


def records(path: Path, encoding: str, marks: list[int] | None = None) -> Iterator[tuple[int, str]]:
    """Give the lines of a file that are not blank, with their numbers, from 1.

    Zero bytes are left out, and noted by their line in ``marks``. A cell with line breaks between
    quotes does not end its line, which then has the number of its last part.
    """
    errors = "replace" if encoding.startswith("utf-") and encoding != "utf-8-sig" else "strict"
    with path.open(encoding=encoding, errors=errors) as stream:
        rare = re.compile(r'[\0\x1a"]').search
        lines, ahead = enumerate(stream, 1), deque[tuple[int, str]]()
        while (line := ahead.popleft() if ahead else next(lines, None)) is not None:
            number, text = line[0], line[1].rstrip("\n")
            if rare(text) is None:
                if text and not text.isspace():
                    yield number, text
                continue
            if "\0" in text or "\x1a" in text:
                text = text.replace("\0", "").replace("\x1a", "")
                if marks is not None:
                    marks.append(number)
            if text.count('"') % 2 and re.search(r'(^|[,;|\t ])"', text):
                ahead.extend(itertools.islice(lines, _TALL - len(ahead)))
                whole = text
                for count, (last, part) in enumerate(ahead, 1):
                    whole += "\n" + part.rstrip("\n")
                    if whole.count('"') % 2 == 0:
                        number, text = last, whole
                        ahead = deque(itertools.islice(ahead, count, None))
                        break
            if text.strip():
                yield number, text


def split(text: str, separator: str) -> tuple[str, ...]:
    """Split a line into its cells."""
    if separator == BLANKS:
        text = " ".join(text.split())
    lines = [f"{line}\n" for line in text.split("\n")]  # several of a cell in quotes
    try:
        cells = next(csv.reader(lines, delimiter=separator, skipinitialspace=True), [])
    except csv.Error:  # a cell beyond the limit of 128 KiB
        cells = text.split(separator)
    return tuple(cell.strip() for cell in cells) or ("",)
