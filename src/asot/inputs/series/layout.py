"""The layout of a table in a text file, recognised by its first thousand lines.

Above the table may stand lines of any text; its header may be in a comment, have several lines, a
row of units, or numbers for names. Values are where numbers, dates or times of the day stand
beneath each other in the same number of cells.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from asot.errors import FileError
from asot.files import require_file
from asot.inputs.kinds import require_width
from asot.inputs.series.clocks import time_unit
from asot.inputs.series.lines import BLANKS, find_encoding, records, split
from asot.inputs.series.numbers import decimal_mark, is_clock, is_date, is_day_and_clock, is_value
from asot.text import plural, quote

SEPARATORS = ("\t", ";", "|", BLANKS, ",")  # the first of those that fit equally well
# By these lines the layout is recognised; fewer of wide tables.
_LOOK, _LETTERS, _LEAST = 1000, 300_000, 50
# Cells that loggers write for missing values, beside those that pandas knows.
MISSING = ("-", "--", "?", "none", "None", "NONE", "Nan", "inf", "-inf", "Inf", "-Inf", "---")
_NEUTRAL = {
    *(cell.lower() for cell in MISSING),
    *("", "nan", "na", "n/a", "#n/a", "null", "nil", "<na>", "err", "error", "over", "overflow"),
    *("ovl", "fault", "fail", "invalid", "missing", "open", "no data", "true", "false"),
}
COMMENTS = ("#", "%", "//")
_UNIT = re.compile(
    r"[\[(].*[\])]|[munµμk]?(s|sec|g|v|volts?|a|t|tesla|m|n|w|pa|hz|bar|l)|min|h|[mc]?m/\(?s.{0,4}|"
    r".{0,4}deg.{0,4}|.{0,2}°.{0,3}|d?rad.{0,3}|dps|%|hpa|mbar|mmhg|cm|inch|in|bpm|rpm|c|f|k?ohms?|Ω|"
    r"counts?|raw|cal|lsb|lux|lx|db|au|a\.u\.|arb.*|no.?units?|unitless|none|n/a|-|n\.?mm?|kg|px|"
    r"(milli|micro|nano)?(seconds?|meters?|volts?|teslas?|grams?)|(milli|micro|nano)?(sec|amps?)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Dialect:
    """The layout of a table in a text file."""

    encoding: str
    separator: str
    decimal: str
    first: tuple[tuple[int, tuple[str, ...]], ...]  # lines that are no comments, by their numbers
    names: tuple[str, ...] | None  # of the columns, from all lines of the header, if it has any
    begin: int  # lines before the first row of values
    rows: tuple[tuple[str, ...], ...]  # the cells of the first rows
    width: int  # cells of most rows
    of_values: frozenset[int]  # the columns that hold numbers or times
    rate: float | None  # rows a second, where the lines above the table say it
    remarks: tuple[str, ...]


def look_at(path: Path, skip_lines: int | None = None) -> Dialect:
    """Recognise the layout of the table in a text file, after ``skip_lines`` lines if given."""
    status = require_file(path)
    return _look_at(path, skip_lines, status.st_size, status.st_mtime_ns)


# Whoever tells poses from signals looks first, and whoever reads them right after that.
@lru_cache(maxsize=2)
def _look_at(path: Path, skip_lines: int | None, *version: int) -> Dialect:
    encoding = find_encoding(path)
    lines, length = list[tuple[int, str]](), 0
    for number, text in records(path, encoding):
        if number > (skip_lines or 0):
            lines.append((number, text))
            length += len(text)
        if len(lines) >= _LOOK or (length > _LETTERS and len(lines) > _LEAST):
            break
        require_width(path, max(map(text.count, SEPARATORS)) // 10)
    separator = None
    if lines and re.fullmatch('"?sep=."?', lines[0][1], re.IGNORECASE):
        separator, lines = lines[0][1].strip('"')[4], lines[1:]
    texts = [text for _, text in lines if not text.lstrip().startswith(COMMENTS)]
    found = _Finder(
        path, encoding, lines, separator or _separator([*texts[:40], *texts[40:][-40:]])
    ).find()
    require_width(path, found.width)
    return found


def _separator(texts: Sequence[str]) -> str:
    """Recognise the separator: the one that makes most cells values, in lines of one length."""
    best, most = ",", 0.0
    for separator in SEPARATORS:
        # A blank in a moment, 2024-05-31 12:00:00, speaks for no separator.
        glue = r"(?<=\d) +(?=\d+:\d\d:)|(?<=:\d\d) +(?=[+-]\d\d:?\d\d\b)"
        rows = [split(re.sub(glue, "_", text), separator) for text in texts]
        counts = [(len(row), sum(map(is_value, row)), sum(map(bool, row))) for row in rows]
        widths = Counter(width for width, values, _ in counts if 2 * values >= width > 1)
        if not widths:
            continue
        usual = widths.most_common(1)[0][0]
        score = sum(
            values / filled for width, values, filled in counts if filled and width == usual
        )
        # A line of names with one cell tells that the commas are decimal.
        if separator == "," and usual == 2 and _is_single(rows):
            separator = ";"
        if score > most * 1.001:
            best, most = separator, score
    if most or not texts:
        return best
    # Tables without values: by the number of cells alone.
    widths_of = {one: len(split(texts[0], one)) for one in SEPARATORS if one != BLANKS}
    return max(widths_of, key=lambda one: (widths_of[one], one == ","))


def _is_single(rows: Sequence[tuple[str, ...]]) -> bool:
    """Tell a column of decimal commas, beneath a line of one name, from two columns."""
    whole = (i for i, row in enumerate(rows) if len(row) == 2 and all(map(is_value, row)))
    first = next(whole, 0)
    if first == 0 or len(rows[first - 1]) != 1 or is_value(rows[first - 1][0]):
        return False
    return all(len(row) < 2 or (row[0].lstrip("+-").isdigit() and row[1].isdigit()) for row in rows)


class _Finder:
    """Finds the rows of values among the first lines, and the names above them."""

    def __init__(
        self, path: Path, encoding: str, lines: list[tuple[int, str]], separator: str
    ) -> None:
        self.path, self.encoding, self.separator = path, encoding, separator
        self.numbers = [number for number, _ in lines]
        self.comments = [text.lstrip().startswith(COMMENTS) for _, text in lines]
        self.texts = [re.sub(r"^\s*(#|%|//)+\s*", "", text) for _, text in lines]
        self.cells = [split(text, separator) for text in self.texts]
        for row, text in enumerate(self.texts):
            if re.fullmatch(r"[\s\-=_*+~|:]{3,}", text):  # a line drawn beneath a header
                self.comments[row], self.cells[row] = True, ()
        plain = [row for row, comment in zip(self.cells, self.comments, strict=True) if not comment]
        if not plain:
            raise FileError.at(path, "is empty: it holds no row")
        counts = [sum(map(is_value, row)) for row in plain]
        # A single line may hold several rows, as of a logger that lost a line break.
        most = max((count for count, lines in Counter(counts).items() if lines > 1), default=0)
        most = most or max(counts)
        usual = [row for row, count in zip(plain, counts, strict=True) if 2 * count >= most]
        self.width = Counter(map(len, usual)).most_common(1)[0][0]
        self.usual = [row for row in usual if len(row) == self.width]
        columns = [[row[column] for row in self.usual] for column in range(self.width)]
        n_values = [sum(map(is_value, column)) for column in columns]
        n_words = [sum(map(is_word, column)) for column in columns]
        self.of_values = frozenset(
            i for i in range(self.width) if n_values[i] >= max(1, n_words[i])
        )
        # A separator at the end of each line makes no column.
        self.least = max((i + 1 for i, column in enumerate(columns) if any(column)), default=1)

    def find(self) -> Dialect:
        """Return the layout."""
        first = next(filter(self._begins, range(len(self.cells))), None)
        if first is None:  # no values: the first line is the header
            top = self.comments.index(False)
            names, first = self.cells[top], top + 1
            return self._dialect(first, names, {top}, None, [])
        block, named, remarks = self._header(first)
        top = first
        while not block and top and self._is_partial(top - 1):
            top -= 1
            block, named, remarks = self._header(top)
            first = top if block or len(self.cells[top]) == self.width else first
        if block:
            joined, used = self._join(block, named)
            return self._dialect(first, joined, used, None, remarks)
        begin, found, rate, remarks = self._without_header(first)
        used = set(range(first, begin))
        return self._dialect(begin, found or named, used, rate, remarks)

    def _dialect(
        self,
        first: int,
        names: tuple[str, ...] | None,
        used: set[int],
        rate: float | None,
        remarks: list[str],
    ) -> Dialect:
        above = [i for i in range(first) if i not in used and not self.comments[i]]
        if above:
            lines = [self.numbers[i] for i in (above[0], above[-1])]
            text = quote(self.texts[above[0]], 60)
            told = f"Line {lines[0]} of the file, {text}, stands above the table and was left out."
            if len(above) > 1:
                told = (
                    f"Lines {lines[0]} to {lines[1]} of the file, {text}, stand above the table "
                    "and were left out."
                )
            remarks = [told, *remarks]
        rows = self.cells[first:]
        comma = self.separator != "," and _has_decimal_commas(rows)
        plain = [i for i, cells in enumerate(self.cells) if any(cells) and not self.comments[i]]
        return Dialect(
            encoding=self.encoding,
            separator=self.separator,
            decimal="," if comma else ".",
            first=tuple((self.numbers[i], self.cells[i]) for i in plain[:12]),
            names=names,
            begin=self.numbers[first] - 1 if rows else self.numbers[-1],
            rows=tuple(rows),
            width=self.least,
            of_values=self.of_values,
            rate=rate,
            remarks=tuple(remarks),
        )

    def _fit(self, row: int) -> tuple[int, int]:
        """Count the cells that fit the columns of values, and the words that do not."""
        return fit(self.cells[row], self.of_values)

    def _begins(self, row: int) -> bool:
        """Tell whether the rows of values begin here."""
        if self.comments[row] or not self._is_whole(row):
            return False
        for later in range(row + 1, min(row + 6, len(self.cells))):
            fitting, words = self._fit(later)
            following = range(later + 1, len(self.cells))
            heads = words > fitting and self._is_titled(later) and not self.comments[later]
            if heads and any(map(self._is_whole, following)):
                return False
        return True

    def _is_whole(self, row: int) -> bool:
        cells = self.cells[row]
        whole = len(cells) >= self.least and any(map(is_value, cells))
        return whole and self._fit(row)[1] == 0

    def _is_titled(self, row: int) -> bool:
        return is_titled(self.cells[row], self.of_values)

    def _is_partial(self, row: int) -> bool:
        """Tell a row of values in which some are missing, or are words."""
        several = len(self.cells[row]) > 1 and not self.comments[row]
        return several and self._fit(row)[0] > 0 and not self._is_titled(row)

    def _header(self, first: int) -> tuple[list[int], tuple[str, ...] | None, list[str]]:
        """Return the lines of the header, the names of the last of them, and remarks."""
        block: list[int] = []
        names: tuple[str, ...] | None = None
        remarks: list[str] = []
        for row in range(first - 1, -1, -1):
            cells = self.cells[row]
            if not any(cells):
                if block and not self.comments[row]:
                    break
                continue
            if self.comments[row]:
                if not block and len(cells) == self.least and not all(map(is_value, cells)):
                    names = cells  # no line of the table itself
                break
            apart = block and self.numbers[row + 1] > self.numbers[row] + 1
            words = all(map(is_word, filter(None, cells)))
            if apart or not (words or self._is_titled(row)):
                break
            filled = len(cells) - next(i for i, cell in enumerate(reversed(cells)) if cell)
            if len(cells) == self.width or self.least <= filled <= self.width:
                block.insert(0, row)
                names = names or cells[: max(self.least, filled)]
                continue
            if not block:
                names, remarks = self._odd_header(row, first, cells[:filled])
                block = [row] if names else []
            break
        return block, names, remarks

    def _odd_header(
        self, row: int, first: int, cells: tuple[str, ...]
    ) -> tuple[tuple[str, ...] | None, list[str]]:
        """Read a header whose cells are not as many as those of the rows."""
        line, width, names = self.numbers[row], self.least, len(cells)
        ways = [tuple(split(self.texts[row], one)) for one in SEPARATORS]
        ways.append(tuple(part.strip() for part in re.split(r"\t|\s{2,}", self.texts[row].strip())))
        for way in ways:
            if len(way) == width != names and all(map(is_word, way)):
                return way, []
        if names > width:
            if any(len(cells) == names for cells in self.cells[first:]):
                return cells, []
            left = f"Line {line} names {names} columns, but the rows hold {width} cells"
            return cells, [f"{left}: the names were taken from the left."]
        if names < 2:
            return None, []  # a title
        if names == width - 1:
            if is_day_and_clock(self.cells[first]):
                return ("date", *cells), []
            # R writes names of rows without a name of their own.
            rows = [cells[0] for cells in self.cells[first:]]
            if self.separator in (BLANKS, "\t") and _counts(rows):
                return ("", *cells), []
        why = ", and numbers with commas stand between quotes" if self.separator == "," else ""
        raise FileError.at(
            self.path,
            f"has more than {plural(names, 'cell')}, the names in line {line}{why}; "
            f"--skip_lines {line} leaves them out",
            self.numbers[first],
        )

    def _join(
        self, block: list[int], names: tuple[str, ...] | None
    ) -> tuple[tuple[str, ...], set[int]]:
        """Make the names of the columns from a header of one or more lines; tell which were used.

        A row of units gives the names of times their unit; names that are not unique have those of
        the line above put before them, as of a group of columns.
        """
        rows = [self.cells[row] for row in block[:-1]] + [names or self.cells[block[-1]]]
        used, units = set(block[-1:]), list[tuple[str, ...]]()
        while len(rows) > 1 and _are_units(rows[-1], rows[:-1]):
            units.append(rows.pop())
            used.add(block[len(rows) - 1])
        made = list(rows[-1])
        for place, row in reversed(list(enumerate(rows[:-1]))):
            group = list(row)
            for i in range(1, len(group)):
                group[i] = group[i] or group[i - 1]
            twins = Counter(made)
            longer = [
                f"{group[i]} {name}".strip() if twins[name] > 1 else name or row[i]
                for i, name in enumerate(made)
            ]
            if len(set(longer)) > len(set(made)):
                made = longer
                used.add(block[place])
        for row in units:
            made[: len(row)] = map(with_unit, made, row)
        return tuple(made), used

    def _without_header(
        self, first: int
    ) -> tuple[int, tuple[str, ...] | None, float | None, list[str]]:
        """Return the first row of values, names and rate where words name no column."""
        row, below = self.cells[first], [cells for cells in self.cells[first + 1 :] if any(cells)]
        line = self.numbers[first]
        # The index that pandas writes has no name.
        index = [cells[0] for cells in below]
        if not row[0] and all(row[1:]) and index and _counts(index):
            return first + 1, row, None, []
        whole = [cell for i, cell in enumerate(row[: self.width]) if i in self.of_values]
        numbered = len(whole) > 2 and _counts(whole)
        if numbered and all(any(map(decimal_mark, cells)) for cells in below):
            said = f"Line {line}, {quote(', '.join(row), 60)}, was taken for the names of columns."
            return first + 1, row, None, [said]
        commas = self.separator == "," and all(cell.lstrip("+-").isdecimal() for cell in whole)
        if commas and any(re.fullmatch("0[0-9]+", cell) for cells in below for cell in cells):
            why = "holds whole numbers with zeros before them, as decimal commas would make them"
            raise FileError.at(self.path, f"{why}: separate the cells with semicolons", line)
        if numbered:
            said = f"Line {line}, {quote(', '.join(row), 60)}, was taken for values, not for names"
            return first, None, None, [f"{said}: --skip_lines {line} leaves it out."]
        if len(below) > 2 and len({*row}) == len({*below[0]}) == 1:
            start, rate, value = (cells[0] for cells in (row, *below[:2]))
            epoch, number = r"1\d{9}(\.\d+)?", r"\d{1,4}(\.\d+)?"
            timed = re.fullmatch(epoch, start) and not re.fullmatch(epoch, value)
            if timed and re.fullmatch(number, rate) and float(rate) > 0:
                said = (
                    f"Lines {line} and {line + 1} were taken for a start and {float(rate):g} rows "
                    "a second, as Empatica writes them."
                )
                return first + 2, None, float(rate), [said]
        # A column of dates is the clock.
        dates = [i for i in range(self.width) if all(is_date(cells[i]) for cells in self.usual)]
        times = dates or [
            i for i in range(self.width) if all(is_clock(row[i]) for row in self.usual)
        ]
        named = dict.fromkeys(times[:1], "time")
        if not dates and times and all(is_day_and_clock(row[times[0] - 1 :]) for row in self.usual):
            named[times[0] - 1] = "date"
        names = tuple(named.get(i, str(i + 1)) for i in range(self.least))
        return first, names if named else None, None, []


def _has_decimal_commas(rows: Sequence[Sequence[str]]) -> bool:
    marks = Counter(decimal_mark(cell) for row in rows for cell in row)
    return marks[","] > marks["."]


def with_unit(name: str, unit: str) -> str:
    """Give the name of a column of times a unit that it lacks.

    Examples
    --------
    >>> with_unit("Time", "[ms]"), with_unit("ax", "g"), with_unit("time (s)", "s")
    ('Time (ms)', 'ax', 'time (s)')
    """
    longer = f"{name} ({unit.strip('()[]')})"
    return longer if time_unit(name) == 0 and time_unit(longer) else name


def fit(cells: Sequence[str], of_values: frozenset[int]) -> tuple[int, int]:
    """Count the cells that fit the columns of values, and the words that do not."""
    words = sum(is_word(cell) for i, cell in enumerate(cells) if i in of_values)
    filled = sum(cell != "" for i, cell in enumerate(cells) if i in of_values)
    return filled - words, words


def is_titled(cells: Sequence[str], of_values: frozenset[int]) -> bool:
    """Tell whether the first cell among the columns of values is a word."""
    return next((is_word(cell) for i, cell in enumerate(cells) if cell and i in of_values), False)


def is_word(cell: str) -> bool:
    """Tell a cell that holds neither a value nor what stands for a missing one."""
    return not is_value(cell) and cell.lower() not in _NEUTRAL


def are_units(cells: Sequence[str]) -> bool:
    """Tell whether all cells hold units."""
    return all(_UNIT.fullmatch(cell) for cell in cells if cell)


def _counts(cells: Sequence[str]) -> bool:
    """Tell whether cells count from 0 or 1."""
    return any(list(cells) == [str(i + start) for i in range(len(cells))] for start in (0, 1))


def _are_units(row: Sequence[str], above: Sequence[Sequence[str]]) -> bool:
    """Tell a row of units by what is in it, or by how it repeats itself beneath unique names."""
    cells = [cell for cell in row if cell]
    named = all(name or not cell for name, cell in zip(above[-1], row, strict=False))
    if named and cells and are_units(cells):
        return not all(map(are_units, above))
    full = [names[:-1] if names[-1:] == ("",) else names for names in above]
    most = max(
        (len(names) for names in full if all(names) and len(set(names)) == len(names)), default=0
    )
    repeats = len(set(cells)) < len(cells) and max(map(len, cells)) <= 10
    # Above stand names of all columns, beneath what is said of some.
    return most > 1 and bool(cells) and (repeats or (named and len(cells) < most))
