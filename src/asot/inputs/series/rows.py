"""The rows of a table in text: which lines they are, and their cells.

pandas reads the cells, and :mod:`asot.inputs.series.numbers` those numbers that pandas does not
know.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
import warnings
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asot.errors import FileError
from asot.inputs.series.clocks import time_unit
from asot.inputs.series.dates import require_pandas
from asot.inputs.series.layout import COMMENTS, MISSING, Dialect, are_units, fit, is_titled
from asot.inputs.series.lines import BLANKS, records, split
from asot.inputs.series.numbers import (
    Writing,
    in_doubt,
    is_suspicious,
    is_value,
    plain_numbers,
    quick_numbers,
    remarks_on,
)
from asot.text import plural, quote

if TYPE_CHECKING:
    import pandas


class _Rows:
    """The rows of values in a text file, read once from top to bottom, and what was left out."""

    def __init__(self, path: Path, dialect: Dialect) -> None:
        self.path, self.dialect = path, dialect
        self.width = len(dialect.names or ()) or dialect.width
        self.left_out: list[tuple[int, str]] = []  # lines that are no rows
        self.short: list[int] = []  # lines of rows with fewer cells
        self.zeros: list[int] = []  # lines with zero bytes
        self.numbers = array("q")  # the lines of the rows given to pandas
        # A line that is a row beyond doubt.
        mark = re.escape(dialect.separator)
        cell, between = rf'(?:[^"{mark}]*|\s*"[^"]*")', mark
        if dialect.separator == BLANKS:
            cell, between = r'(?:[^\s"]+|"[^"]*")', r"\s+"
        self.plain = re.compile(
            rf'(?=\s*"?[-+]?[.,]?\d)\s*{cell}(?:{between}{cell}){{{self.width - 1}}}\s*'
        ).fullmatch
        self.lines = self._read()

    def __iter__(self) -> Iterator[str]:
        return (f"{text}\n" for _, text in self.lines)

    def read(self, size: int = -1) -> str:
        """Return a few thousand rows, as pandas asks for them."""
        some = list(itertools.islice(self.lines, 4096))
        self.numbers.extend(number for number, _ in some)
        return "".join(f"{text}\n" for _, text in some)

    def _read(self) -> Iterator[tuple[int, str]]:
        """Give the rows with their lines; what may be the foot of the table is kept back."""
        begin = self.dialect.begin
        waiting: list[tuple[int, str, str]] = []
        headers: list[int] = []  # lines that may begin another table, if rows follow
        for number, text in records(self.path, self.dialect.encoding, self.zeros):
            if number <= begin:
                continue
            if self.plain(text):
                if headers:
                    other = "is the header of another table: a file holds one, so make one of each"
                    raise FileError.at(self.path, other, headers[0])
                if not waiting:
                    yield number, text
                    continue
                kind = "row"
            else:
                kind, text = self._judge(number, text)
            if kind in ("none", "header"):
                self.left_out.append((number, text))
                headers += [number] * (kind == "header")
                continue
            if kind in ("row", "short"):
                self.short += [line for line, _, other in waiting if other == "short"]
                yield from ((line, before) for line, before, _ in waiting)
                waiting = []
            if kind == "row":
                yield number, text
            else:
                waiting.append((number, text, kind))
        self.left_out += [(line, text) for line, text, kind in waiting if kind != "empty"]
        self.left_out.sort()

    def _judge(self, number: int, text: str) -> tuple[str, str]:
        """Tell a "row", a "short" one, an "empty" one, a "foot" and "none"; make it fit."""
        dialect, width, separator = self.dialect, self.width, self.dialect.separator
        cells = split(text, separator)
        if not any(cells):
            return "empty", separator * (width - 1)
        fitting, words = fit(cells, dialect.of_values)
        few = len(cells) < dialect.width
        comment = text.lstrip().startswith(COMMENTS) or not any(map(is_value, cells))
        titled = is_titled(cells, dialect.of_values)
        wordy = words > fitting and (titled or few)
        if titled and _is_header(cells, dialect.names or ()):
            return "header", text
        if cells == dialect.names or wordy or (few and (comment or not fitting)):
            return "none", text
        if any(cells[width:]):
            why = ", and numbers with commas stand between quotes" if separator == "," else ""
            surplus = f"has more than {plural(width, 'cell')}: a file holds one table{why}"
            raise FileError.at(self.path, surplus, number)
        if few and separator == BLANKS:
            rule = f"has {plural(len(cells), 'cell')}, fewer than the {dialect.width} of other rows"
            raise FileError.at(self.path, f"{rule}: between blanks it cannot be told which", number)
        if len(cells) > width:
            buffer = io.StringIO()
            csv.writer(buffer, delimiter=separator, lineterminator="").writerow(cells[:width])
            text = buffer.getvalue()
        if few:
            return "short", text
        return "foot" if titled else "row", text

    def remarks(self) -> list[str]:
        """Say what was left out, once all rows are read."""
        said = []
        if self.left_out:
            lines = [number for number, _ in self.left_out]
            text = quote(self.left_out[0][1], 60)
            repeats = self.dialect.names == split(self.left_out[0][1], self.dialect.separator)
            what = "which repeats the header" if repeats else text
            more = f" and {plural(len(lines) - 1, 'line')} after it" if len(lines) > 1 else ""
            verb = "are no rows and were" if more else "is no row and was"
            said.append(f"Line {lines[0]}, {what},{more} {verb} left out.")
        if self.short:
            count = f"{plural(len(self.short), 'row')} with fewer cells than others"
            said.append(
                f"{count}, first in line {self.short[0]}: the last cells were taken to be missing."
            )
        if self.zeros:
            said.append(f"Zero bytes in line {self.zeros[0]} and after it were left out.")
        return said


def _is_header(cells: tuple[str, ...], names: tuple[str, ...]) -> bool:
    """Tell names of columns that are not those of the table."""
    lower = [[cell.lower() for cell in row] for row in (names, cells)]
    pairs = itertools.zip_longest(*lower, fillvalue="")
    # To names of several lines belong the group and the unit too.
    same = all(not cell or f" {cell} " in f" {name} " for name, cell in pairs)
    if same or len(names) < 2 or any(map(is_value, cells)) or sum(map(bool, cells)) < 2:
        return False
    whole = len(set(cells)) == len(cells) == len(names) and all(cells) and not are_units(cells)
    return whole or cells[0] == names[0] != ""


@dataclass(frozen=True)
class Rows:
    """The rows of values in a text file, and what there is to say of them."""

    frame: pandas.DataFrame  # with numbered columns
    lines: Sequence[int]  # of the rows, from 1
    units: dict[int, str]  # in the cells of columns
    remarks: list[str]


def read_rows(path: Path, dialect: Dialect) -> Rows:
    """Read the rows of values.

    The numbers of a column are read however they are written; a column that holds words too is one
    of objects.
    """
    pandas = require_pandas()
    rows = _Rows(path, dialect)
    frame = _parse(pandas, rows, {})
    said = rows.remarks()
    names = dialect.names or [str(i + 1) for i in range(rows.width)]
    texts, marks = {}, set[str]()
    for i in frame:
        if pandas.api.types.is_string_dtype(frame[i]):
            values, mark = quick_numbers(frame[i])
            if values is None:
                texts[i] = frame[i]
            else:
                frame[i] = values
                marks.add(mark)
    writings = {i: Writing.of(cells) for i, cells in texts.items()}
    marks |= {mark for one in writings.values() for mark in one.decimal}
    usual = dialect.separator == "," and dialect.decimal == "."
    parsed = [frame[i] for i in frame if i not in texts and frame[i].dtype.kind == "f"]
    sure = any((column.dropna() % 1 != 0).any() and not in_doubt(column) for column in parsed)
    for i in frame:
        odd = i not in texts and not usual
        lone = odd and not (sure or marks) and in_doubt(frame[i])  # no cell shows the mark
        if lone or (odd and is_suspicious(frame[i], marks, dialect.decimal)):
            again = _parse(pandas, _Rows(path, dialect), {"usecols": [i], "dtype": str})
            texts[i] = again[i]
            writings[i] = Writing.of(texts[i])
    parsed = [frame[i] for i in frame if i not in texts and frame[i].dtype.kind == "f"]
    if any((column.dropna() % 1 != 0).any() for column in parsed):
        marks.add(dialect.decimal)
    plain = {
        i: plain_numbers(
            cells, writings[i], marks, dialect.separator, time_unit(names[i]) is not None
        )
        for i, cells in texts.items()
    }
    for i, one in plain.items():
        frame[i] = one.cells
    said += remarks_on({names[i]: one for i, one in plain.items()})
    units = {i: one.unit for i, one in plain.items() if one.unit}
    return Rows(frame, rows.numbers, units, said)


def _parse(pandas: Any, rows: _Rows, more: dict[str, Any]) -> pandas.DataFrame:
    """Let pandas read the cells; numbers that it does not know remain text."""
    blanks = rows.dialect.separator == BLANKS
    options: dict[str, Any] = {
        "sep": r"\s+" if blanks else rows.dialect.separator,
        "decimal": rows.dialect.decimal,
        "header": None,
        "names": list(range(rows.width)),
        "index_col": False,
        "skipinitialspace": True,
        "skip_blank_lines": False,
        "na_values": MISSING,
        "low_memory": False,
    }
    quotes = FileError.at(rows.path, "holds a quote that does not end in its cell")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            frame = pandas.read_csv(rows, **options, **more)
        if len(frame) != len(rows.numbers):
            raise quotes
        return frame
    except pandas.errors.ParserWarning as error:
        raise quotes from error
    except pandas.errors.EmptyDataError:
        return pandas.DataFrame({name: [] for name in range(rows.width)})
    except (pandas.errors.ParserError, OSError, ValueError) as error:
        said = quote(str(error).splitlines()[0] if str(error) else type(error).__name__, 120)
        raise FileError.at(rows.path, f"cannot be read as a table: {said}") from error
