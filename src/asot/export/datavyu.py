"""Spreadsheets of Datavyu (``.opf``) as intervals.

The file is a zip with a text ``db``. In it, each column is a line ``name (MATRIX,true,)-code|TYPE``
followed by its cells, ``00:00:01:000,00:00:02:500,(value)``: onset, offset and the codes' values,
in which a backslash stands before commas and brackets that are part of a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from zipfile import ZipFile

from asot.errors import FileError, unreadable
from asot.export.annotations import Annotation, known_name, of_tier, seconds
from asot.files import require_file
from asot.timeline.segments import Interval

# A db file of a person's work is far smaller; a zip can claim anything.
_LARGEST = 100_000_000
_COLUMN = re.compile(r"(?P<name>.+) \(\w+,(?:true|false),.*?\)-(?P<codes>.*)")
_CELL = re.compile(r"(?P<onset>[\d:]+),(?P<offset>[\d:]+),(?P<values>.*)")


def read_opf(path: Path, known: Iterable[str] = (), tier: str | None = None) -> list[Interval]:
    """Read a column of a spreadsheet: ``column``, or ``column.code`` where it has several codes."""
    require_file(path)
    try:
        with ZipFile(path) as archive:
            if archive.getinfo("db").file_size > _LARGEST:
                raise FileError.at(path, "is larger than any file of Datavyu")
            text = archive.read("db").decode("utf-8-sig")
    except FileError:
        raise
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    except Exception as error:  # of zipfile, and of each compression that it knows
        raise FileError.at(path, "is not a file of Datavyu, or is damaged") from error
    recording = known_name([path.stem], known)
    try:
        return of_tier(path, list(_cells(text, recording)), tier)
    except ValueError as error:
        raise FileError.at(path, str(error).rstrip(".")) from error


def _cells(text: str, recording: str) -> Iterator[Annotation]:
    column, codes = "", list[str]()
    for line in text.splitlines():
        if cell := _CELL.fullmatch(line):
            start, end = (seconds(one, cell[one]) for one in ("onset", "offset"))
            inner = cell["values"].removeprefix("(").removesuffix(")")
            values = [re.sub(r"\\(.)", r"\1", one) for one in re.split(r"(?<!\\),", inner)]
            for code, value in zip(codes, values, strict=False):
                tiers = (f"{column}.{code}", column)
                yield Annotation(recording, start, end, value, tiers, event=True)
        elif found := _COLUMN.fullmatch(line):
            column = found["name"]
            codes = [one.partition("|")[0] for one in found["codes"].split(",")]
        elif line.strip() and not line.startswith("#"):
            raise ValueError(f"{line[:80]!r} is neither a column nor a cell of Datavyu")
