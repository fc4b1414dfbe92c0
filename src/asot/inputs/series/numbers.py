"""Numbers as people write them, with decimal commas, thousands marks, units and other signs."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from asot.inputs.series.dates import require_pandas
from asot.text import listing, plural, quote

_GROUPERS = " '’\u00a0\u2007\u2009\u202f"  # between thousands; the last four are kinds of blanks
_SIGNS = str.maketrans({"−": "-", "﹣": "-", "－": "-", "＋": "+"})
_NUMBER = re.compile(
    r"(?P<sign>[-+]?)\s*"
    rf"(?P<body>\d[\d.,{_GROUPERS}]*|[.,]\d+)"
    r"(?P<exponent>[eEdD][-+]?\d+|(?<=\d)[-+]\d{3})?"
    r"\s*(?P<unit>([^\W\d_]|[%‰°²³·\[(])([^\W_]|[%‰°²³·\[\]()/*]|\^-?){0,11})?"
)
_DATE = r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}"
_CLOCK = r"\d{1,3}:\d\d(:\d\d([.,:]\d+)?)?\s*([AaPp]\.?[Mm]\.?)?\s*(Z|UTC|[-+]\d\d:?\d\d)?"
_MOMENT = re.compile(rf"{_DATE}([T _]+{_CLOCK})?|{_CLOCK}")
_EITHER = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")  # 1,234: a decimal or a thousands mark
_MANY = 30  # numbers by which a habit of writing shows


@dataclass(frozen=True)
class Number:
    """A cell taken apart; ``body`` holds digits, points and commas alone."""

    sign: str
    body: str
    exponent: str
    unit: str
    grouped: bool  # by blanks or apostrophes


def take_apart(cell: str) -> Number | None:
    """Take a cell apart that holds a number, with or without a unit; None for any other.

    Examples
    --------
    >>> take_apart("−1 234,5 mV")
    Number(sign='-', body='1234,5', exponent='', unit='mV', grouped=True)
    >>> take_apart("12:30") is None
    True
    """
    found = _NUMBER.fullmatch(cell.translate(_SIGNS).strip(" '\"=\t;"))
    if found is None:
        return None
    body, exponent = found["body"].strip(_GROUPERS), found["exponent"] or ""
    grouped = re.search(f"[{_GROUPERS}]", body) is not None
    if grouped:
        if not re.fullmatch(rf"[1-9]\d{{0,2}}([{_GROUPERS}])\d{{3}}(\1\d{{3}})*([.,]\d*)?", body):
            return None
        body = re.sub(f"[{_GROUPERS}]", "", body)
    if exponent[:1] in ("+", "-") and not re.search("[.,]", body):  # 2024-151 is a day of the year
        return None
    exponent = "e" + exponent.lstrip("eEdD") if exponent else ""
    return Number(found["sign"], body, exponent, found["unit"] or "", grouped)


def is_value(cell: str) -> bool:
    """Tell a number, a date or a time of the day from words."""
    try:
        return math.isfinite(float(cell))
    except ValueError:
        pass
    number = take_apart(cell)
    return (number is not None and _marks(number) is not None) or _MOMENT.fullmatch(
        cell.strip()
    ) is not None


def is_day_and_clock(cells: tuple[str, ...]) -> bool:
    """Tell whether the first two cells of a row are a date and a time of the day."""
    shapes = re.compile(_DATE), re.compile(_CLOCK)
    return len(cells) > 1 and all(
        shape.fullmatch(cell) for shape, cell in zip(shapes, cells[:2], strict=True)
    )


def is_date(cell: str) -> bool:
    """Tell a date with a time of the day."""
    return re.fullmatch(rf"{_DATE}[T _]+{_CLOCK}", cell.strip()) is not None


def is_clock(cell: str) -> bool:
    """Tell a time of the day with seconds."""
    return cell.count(":") > 1 and re.fullmatch(_CLOCK, cell) is not None


def _marks(number: Number) -> tuple[str, str] | None:
    """Return the decimal and the thousands marks that a number shows; None if it is malformed.

    A mark that may be either is returned as both.
    """
    marks = re.findall("[.,]", number.body)
    if not marks:
        return "", ""
    last, before = marks[-1], set(marks[:-1])
    if number.body.endswith(","):
        return None
    if not before:
        either = not number.grouped and _EITHER.fullmatch(number.body)
        return (last, last) if either else (last, "")
    mark = next(iter(before))
    whole = number.body if last in before else number.body.rpartition(last)[0]
    groups = re.fullmatch(rf"\d{{1,3}}(\{mark}\d{{2,3}})*\{mark}\d{{3}}", whole)
    if number.grouped or len(before) > 1 or not groups:
        return None
    return ("" if last in before else last, mark)


def decimal_mark(cell: str) -> str:
    """Return the decimal mark of a cell where it is beyond doubt, or "".

    Examples
    --------
    >>> decimal_mark("1.234,5"), decimal_mark("0,125"), decimal_mark("1,234")
    (',', ',', '')
    """
    number = take_apart(cell)
    decimal, thousands = (number and _marks(number)) or ("", "")
    return decimal if decimal != thousands else ""


@dataclass
class Writing:
    """How the numbers of a column of text are written, by its different cells."""

    numbers: dict[str, Number]
    decimal: set[str]
    thousands: set[str]
    either: set[str]  # marks of which all say the same

    @classmethod
    def of(cls, cells: Any) -> Writing:
        """Look at a column of text."""
        parts = {
            cell: take_apart(cell) for cell in cells.dropna().unique() if isinstance(cell, str)
        }
        marks = {cell: _marks(part) for cell, part in parts.items() if part}
        numbers = {cell: part for cell, part in parts.items() if part and marks[cell]}
        with_unit = [cell for cell, part in numbers.items() if part.unit]
        if 2 * len(with_unit) < len(numbers):  # what follows a few numbers is no unit
            numbers = {cell: part for cell, part in numbers.items() if not part.unit}
        seen = [marks[cell] or ("", "") for cell in numbers]
        either = {one for one, other in seen if one and one == other}
        decimal = {one for one, other in seen if one and one != other}
        thousands = {other for one, other in seen if other and one != other}
        return cls(numbers, decimal, thousands, either)

    def settle(self, of_others: set[str], separator: str, clock: bool) -> tuple[str | None, bool]:
        """Choose the decimal mark; tell whether the choice is in doubt.

        ``of_others`` are the decimal marks that the file shows beyond doubt. The mark is None where
        the cells contradict each other, and ".," where both stand before decimals.
        """
        if self.decimal & self.thousands or len(self.thousands) > 1:
            return None, False
        if len(self.decimal) == 2:
            return ".,", bool(self.either)
        if self.decimal:
            return next(iter(self.decimal)), False
        if self.thousands:
            return _other(next(iter(self.thousands))), False
        if len(self.either) == 2:
            return None, False
        if not self.either:
            return ".", False
        mark = next(iter(self.either))
        plain = [int(part.body) for part in self.numbers.values() if part.body.isdecimal()]
        if max(plain, default=0) >= 1000:  # a thousands mark would stand in them
            return mark, len(plain) < _MANY
        if max(plain, default=0) > 0:  # of decimals that end in 0, one in ten would be shorter
            return _other(mark), len(self.numbers) - len(plain) < _MANY
        if of_others and mark not in of_others:  # clocks are written with other decimals at times
            return (mark if clock else _other(mark)), True
        return ("." if separator == "," else mark), (
            mark == "," or separator != ","
        ) and not of_others


def _other(mark: str) -> str:
    return "," if mark == "." else "."


def quick_numbers(cells: Any) -> tuple[Any, str]:
    """Return a column of text as numbers, with its decimal mark, if that is beyond doubt."""
    pandas = require_pandas()
    for mark in ".,":
        if not cells.str.contains(_other(mark), regex=False).any():
            plain = cells if mark == "." else cells.str.replace(",", ".", regex=False)
            values = pandas.to_numeric(plain, errors="coerce")
            whole = (values.notna() | cells.isna()).all()
            if whole and (values.dropna() % 1 != 0).any() and not in_doubt(values):
                return values, mark
    return None, ""


def in_doubt(cells: Any) -> bool:
    """Tell whether all decimals of a column may be thousands, as 1.234 may."""
    if cells.dtype.kind != "f":
        return False
    values = np.abs(cells.to_numpy(dtype=np.float64))
    parts = values[np.isfinite(values) & (values != np.round(values))]
    if not len(parts) or parts.min() < 1 or parts.max() >= 1000:
        return False
    return bool(np.abs(parts * 1000 - np.round(parts * 1000)).max() < 1e-6)


def is_suspicious(cells: Any, decimals: set[str], mark: str) -> bool:
    """Tell whether what was read as decimals should be looked at, as 1.234 beside 999."""
    whole = cells[cells % 1 == 0] if in_doubt(cells) else cells[:0]
    return in_doubt(cells) and (whole.abs().max() > 0 or _other(mark) in decimals)


@dataclass
class Plain:
    """A column whose numbers are written plainly, and what there is to say of it."""

    cells: Any
    unit: str = ""
    doubt: str = ""  # a cell whose mark may stand before decimals or thousands
    reading: str = ""  # as what it was read
    both: bool = False  # points and commas stand before decimals
    bare: bool = False  # some cells have no unit


def plain_numbers(
    cells: Any, writing: Writing, of_others: set[str], separator: str, clock: bool
) -> Plain:
    """Write the numbers of a column of text plainly.

    Cells that are no numbers stay as they are, and so does a column whose units or marks
    contradict each other.
    """
    pandas = require_pandas()
    numbers = writing.numbers
    units = {part.unit for part in numbers.values()}
    decimal, doubt = writing.settle(of_others, separator, clock)
    if not numbers or decimal is None or len(units - {""}) > 1:
        return Plain(cells)
    plain = {}
    for cell, part in numbers.items():
        body = part.body
        if decimal != ".,":
            body = body.replace(_other(decimal), "").replace(decimal, ".")
        plain[cell] = f"{part.sign}{body.replace(',', '.')}{part.exponent}"
    texts = cells.map(lambda cell: plain.get(cell, cell), na_action="ignore")
    values = pandas.to_numeric(texts, errors="coerce")
    if (values.notna() | cells.isna()).all():
        texts = values
    unsure = (cell for cell, part in numbers.items() if doubt and _EITHER.fullmatch(part.body))
    cell = next(unsure, "")
    unit = "".join(units)
    return Plain(
        texts, unit, cell, plain.get(cell, ""), decimal == ".,", bool(unit) and "" in units
    )


def remarks_on(columns: dict[str, Plain]) -> list[str]:
    """Say of columns, by their names, how their numbers were read where that is in doubt."""
    said = []
    doubts = [name for name, one in columns.items() if one.doubt]
    if doubts:
        first = columns[doubts[0]]
        mark = "decimal" if "." in first.reading else "thousands"
        others = f"; so in {plural(len(doubts) - 1, 'other column')}" if len(doubts) > 1 else ""
        said.append(
            f"It is in doubt whether {quote(first.doubt)} in column {quote(doubts[0])} has a "
            f"decimal or a thousands mark: it was taken for a {mark} mark{others}."
        )
    both = [name for name, one in columns.items() if one.both]
    if both:
        said.append(f"Decimal points and decimal commas were both read in {listing(both)}.")
    bare = [name for name, one in columns.items() if one.bare]
    if bare:
        unit = quote(columns[bare[0]].unit)
        said.append(f"Cells without the unit {unit} were taken to have it, in {listing(bare)}.")
    return said
