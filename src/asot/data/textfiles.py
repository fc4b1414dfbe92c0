"""Text files: their lines, and features written as one line of numbers a frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from asot.errors import Defect, FileError, unreadable
from asot.files import require_file
from asot.text import quote

_FLOAT32_MAX = float(np.finfo(np.float32).max)


def read_lines(path: Path) -> list[str]:
    """Read a text file's lines, stripped, without the empty ones at its end.

    Windows line ends and a byte order mark are tolerated; an empty line in the middle stays, as
    ``""``.

    Raises
    ------
    FileError
        If the file cannot be read, is empty, or is not UTF-8 text.
    """
    require_file(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FileError.at(path, "is not UTF-8 text", line) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.strip() for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise FileError.at(path, "is empty")
    return lines


def parse_features(path: Path) -> NDArray[np.float32]:
    """Parse a text file of features: one line a frame, numbers separated by blanks.

    Parameters
    ----------
    path : Path
        The file. A byte order mark, Windows line ends and empty lines at the end are tolerated.

    Returns
    -------
    (N, D) float32 array
        One row a frame, every value finite.

    Raises
    ------
    FileError
        With a problem for each kind of defect, at its first line: lines with another number of
        columns, empty lines, what is not a number, NaN and infinity.
    """
    require_file(path)
    try:
        with path.open(encoding="utf-8-sig") as stream:
            rows = _rows(stream)
            # loadtxt (C) parses some five million numbers a second, as fast as any other way
            # through NumPy, and holds no more than the array.
            first = next(rows, None)
            if first is None:
                raise FileError.at(path, "is empty")
            values = np.loadtxt(chain([first], rows), dtype=np.float64, comments=None, ndmin=2)
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    except ValueError as error:
        problems = _defects(path) or [Defect(path, None, unreadable(error))]
        raise FileError.of(problems) from None
    with np.errstate(over="ignore"):
        features = values.astype(np.float32)
    if not np.isfinite(features).all():
        raise FileError.of(_defects(path))
    return features


def _rows(stream: TextIO) -> Iterator[str]:
    """Yield the lines up to the empty ones at the end; loadtxt would skip those between too."""
    empty = False
    for line in stream:
        if line.isspace():
            empty = True
        elif empty:
            raise ValueError("an empty line among the others")
        else:
            yield line


def _defects(path: Path) -> list[Defect]:
    """Find what is wrong in a text file of features, one problem a kind at its first line."""
    lines = read_lines(path)
    widths = [len(line.split()) for line in lines]
    usual = Counter(width for width in widths if width).most_common(1)[0][0]
    found: dict[str, tuple[int, str]] = {}
    counts: Counter[str] = Counter()
    for number, (line, width) in enumerate(zip(lines, widths, strict=True), 1):
        for kind, message in _line_defects(line, width, usual).items():
            found.setdefault(kind, (number, message))
            counts[kind] += 1
    return [
        Defect(path, number, message + and_more(counts[kind]))
        for kind, (number, message) in sorted(found.items(), key=lambda item: item[1][0])
    ]


def _line_defects(line: str, width: int, usual: int) -> dict[str, str]:
    if width == 0:
        return {"empty": "is empty"}
    found = {}
    if width != usual:
        found["width"] = f"has {width} columns where the other lines have {usual}"
    for column, token in enumerate(line.split(), 1):
        try:
            # float() reads "1_000" as a number, loadtxt does not.
            value = float(token) if "_" not in token and token.isascii() else None
        except ValueError:
            value = None
        if value is None:
            found.setdefault("number", f"{quote(token)} in column {column} is not a number")
        elif value != value or value in (float("inf"), float("-inf")):
            found.setdefault("finite", f"{quote(token)} in column {column} is not finite")
        elif abs(value) > _FLOAT32_MAX:
            message = f"{quote(token)} in column {column} is too large for float32"
            found.setdefault("range", message)
    return found


def and_more(count: int) -> str:
    """Say that a problem holds for more lines than the one it names."""
    return f" (the first of {count:,} such lines)" if count > 1 else ""
