"""The text files of a data set: action names, mappings, and features, one line a frame."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from asot.errors import Defect, FileError, unreadable
from asot.files import read_lines, require_file
from asot.text import as_label, listing, plural, printable, quote
from asot.timeline.labels import read_labels
from asot.timeline.segments import UNLABELLED, UNSEEN

_FLOAT32_MAX = float(np.finfo(np.float32).max)
_INT64 = np.iinfo(np.int64)


def read_mapping(path: str | Path) -> dict[str, int]:
    """Read a mapping file, ``<id> <action name>`` a line, as action name to class id.

    Names may share an id, and so a class, as in the coarser mappings of 50 Salads.
    Names may hold spaces, ids may be negative, empty lines are skipped. A FileError holds every
    malformed line and every name that comes twice.
    """
    path = Path(path)
    ids: dict[str, int] = {}
    lines: dict[str, int] = {}
    problems: list[Defect] = []
    for number, line in enumerate(read_lines(path, western=True), 1):
        line = as_label(line)
        if not line:
            continue
        # The length is limited because int() of a very long number is slow, or refused.
        found = re.fullmatch(r"([+-]?[0-9]{1,19})\s+(.+)", line)
        if found is None or not _INT64.min <= int(found[1]) <= _INT64.max:
            problems.append(Defect(path, number, f"{quote(line)} is not '<id> <action name>'"))
        elif found[2] in ids:
            message = f"{quote(found[2])} is already on line {lines[found[2]]}"
            problems.append(Defect(path, number, message))
        else:
            ids[found[2]], lines[found[2]] = int(found[1]), number
    if problems:
        raise FileError.of(problems)
    return ids


def class_names(ids: Mapping[str, int]) -> dict[int, str]:
    """Give each class id its name, or the first of its names and how many more: ``cut +1``."""
    names: dict[int, list[str]] = {}
    for name, class_id in ids.items():
        names.setdefault(class_id, []).append(name)
    return {
        class_id: first + (f" +{len(others)}" if others else "")
        for class_id, (first, *others) in names.items()
    }


class ClassTable:
    """Class ids of action names: those of a mapping file, or 0, 1, ... of the sorted names.

    Without a mapping, frames that nobody looked at are -1.
    """

    def __init__(self, mapping: Path | None, files: Iterable[Path]) -> None:
        self.mapping = mapping
        self._files = tuple(files)
        self._ids: dict[str, int] | None = None

    @property
    def names(self) -> dict[int, str] | None:
        """Return the action name of each class id; None without mapping and ground truth."""
        return class_names(self.ids) if self._files or self.mapping is not None else None

    @property
    def ids(self) -> dict[str, int]:
        """Return the class id of each action name, read at first use."""
        if self._ids is None and self.mapping is not None:
            self._ids = read_mapping(self.mapping)
        elif self._ids is None:
            names = {name for path in self._files for name in read_labels(path)}
            self._ids = {name: i for i, name in enumerate(sorted(names - {"", UNSEEN}))}
            self._ids |= dict.fromkeys(names & {UNSEEN}, UNLABELLED)
        return self._ids


class GroundTruthFile:
    """The frame labels of one recording, in a file with one action name a line."""

    def __init__(self, path: Path, classes: ClassTable) -> None:
        self.path = path
        self._classes = classes

    def read(self) -> NDArray[np.int64]:
        """Read the (N,) class ids; an empty line or an unknown name is a FileError."""
        names = read_labels(self.path)
        ids = self._classes.ids
        problems = label_problems(self.path, names, ids, self._classes.mapping)
        if problems:
            raise FileError.of(problems)
        return np.fromiter(map(ids.__getitem__, names), dtype=np.int64, count=len(names))


def label_problems(
    path: Path, names: list[str], ids: Mapping[str, int], mapping: Path | None
) -> list[Defect]:
    """List the empty lines and the unknown names; names past the fifth share a problem."""
    distinct = dict.fromkeys(names)
    unknown = [name for name in distinct if name and name not in ids]
    if not unknown and "" not in distinct:
        return []
    known = "among the known actions" if mapping is None else f"in {printable(mapping.name)}"
    messages = {name: f"label {quote(name)} is not {known}" for name in unknown[:5]}
    messages[""] = "is empty"
    problems = _first_of_each(
        path, ((name, i, messages[name]) for i, name in enumerate(names, 1) if name in messages)
    )
    if unknown[5:]:
        count = plural(len(unknown) - 5, "more label")
        message = f"{count} not {known}: {listing(unknown[5:])}"
        problems.append(Defect(path, names.index(unknown[5]) + 1, message))
    return problems


def _first_of_each(path: Path, found: Iterable[tuple[str, int, str]]) -> list[Defect]:
    """Merge all (kind, line, message) of a kind to a problem at the first line, with a count."""
    first: dict[str, tuple[int, str]] = {}
    counts: Counter[str] = Counter()
    for kind, line, message in found:
        first.setdefault(kind, (line, message))
        counts[kind] += 1
    problems = []
    for kind, (line, message) in first.items():
        more = f" (the first of {counts[kind]:,} such lines)" if counts[kind] > 1 else ""
        problems.append(Defect(path, line, message + more))
    return problems


def parse_features(path: Path) -> NDArray[np.float32]:
    """Parse a text of features, one line a frame and numbers separated by blanks, to (N, D).

    A byte order mark, Windows line ends and empty lines at the end are tolerated. A FileError has
    a problem for each kind of defect, at its first line: lines with another number of columns,
    empty lines, words that are not numbers, NaN and infinity.
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
    """Yield the lines up to an empty end; refuse empty lines between, which loadtxt would skip."""
    empty = False
    for line in stream:
        if line.isspace():
            empty = True
        elif empty:
            raise ValueError("an empty line among the others")
        else:
            yield line


def _defects(path: Path) -> list[Defect]:
    """List the defects of a text of features, a problem for each kind, at its first line."""
    lines = read_lines(path)
    widths = [len(line.split()) for line in lines]
    usual = Counter(width for width in widths if width).most_common(1)[0][0]
    found = (
        (kind, number, message)
        for number, (line, width) in enumerate(zip(lines, widths, strict=True), 1)
        for kind, message in _line_defects(line, width, usual).items()
    )
    return _first_of_each(path, found)


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
            kind = "is not a number"
        elif not math.isfinite(value):
            kind = "is not finite"
        elif abs(value) > _FLOAT32_MAX:
            kind = "is too large for float32"
        else:
            continue
        found.setdefault(kind, f"{quote(token)} in column {column} {kind}")
    return found
