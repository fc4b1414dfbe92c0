"""Tables in text files: their encoding, separator, decimal mark and header, found out by looking.

What is understood: UTF-8 (also with a byte-order mark), UTF-16 and Windows encodings; commas, tabs
or semicolons between cells; decimal commas where the separator is another; lines that begin with
``#`` before the table, the last of which may be its header; Excel's ``sep=;`` line; no header.
"""

from __future__ import annotations

import csv
import itertools
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asot.errors import FileError, MissingExtraError, unreadable
from asot.files import require_file
from asot.text import plural, quote

if TYPE_CHECKING:
    import pandas

_LOOK = 30  # lines looked at
# Cells that loggers write where there is no value, beside those that pandas knows.
_MISSING = ["-", "--", "?", "none", "None", "NONE", "Nan", "inf", "-inf", "Inf", "-Inf"]


@dataclass(frozen=True)
class Dialect:
    """How a text file lays out its table.

    Parameters
    ----------
    encoding : str
        Of the file.
    separator, decimal : str
        Between cells, and in numbers.
    header : tuple of str or None
        The cells of the header; None where the first line holds numbers.
    skip : int
        Lines before the first row of values.
    rows : tuple of tuple of str
        The cells of the first few rows of values.
    """

    encoding: str
    separator: str
    decimal: str
    header: tuple[str, ...] | None
    skip: int
    rows: tuple[tuple[str, ...], ...]


def look_at(path: Path) -> Dialect:
    """Find out how a text file lays out its table.

    Raises
    ------
    FileError
        If there is no table in it.
    """
    encoding, lines = _first_lines(path)
    skip, comment, separator = 0, "", None
    while skip < len(lines) and (not lines[skip].strip() or lines[skip].startswith(("#", "sep="))):
        if lines[skip].startswith("#"):
            comment = lines[skip].lstrip("#").strip()
        elif lines[skip].startswith("sep="):
            separator = lines[skip][4:5]
        skip += 1
    body = [line for line in lines[skip:] if line.strip()]
    if not body:
        raise FileError.at(path, "is empty: it holds no row")
    separator = separator or _separator(body)
    rows = [tuple(cell.strip() for cell in row) for row in csv.reader(body, delimiter=separator)]
    decimal = _decimal(rows[1:] or rows, separator)
    header: tuple[str, ...] | None = None
    if not any(_is_number(cell, decimal) for cell in rows[0]):
        header, rows = rows[0], rows[1:]
        skip += 1
    elif comment:
        cells = next(csv.reader([comment], delimiter=separator))
        if len(cells) == len(rows[0]):
            header = tuple(cell.strip() for cell in cells)
    # A separator at the end of each line makes no column.
    while header and not header[-1] and not any("".join(row[len(header) - 1 :]) for row in rows):
        header = header[:-1]
    return Dialect(encoding, separator, decimal, header, skip, tuple(rows))


def read_text_table(path: Path, dialect: Dialect) -> pandas.DataFrame:
    """Read the rows of values, as pandas does; the columns are numbered.

    Raises
    ------
    FileError
        If a row has more cells than the first, or the file is damaged.
    """
    pandas = require_pandas("Reading tables of signals")
    width = len(dialect.header or dialect.rows[0] if dialect.rows else dialect.header or ())
    options: dict[str, Any] = {
        "sep": dialect.separator,
        "decimal": dialect.decimal,
        "header": None,
        "names": list(range(width + 1)),  # one more, so that a cell too many is not lost
        "index_col": False,
        "skiprows": dialect.skip,
        "skipinitialspace": True,
        "na_values": _MISSING,
        "low_memory": False,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)
            frame = pandas.read_csv(path, encoding=dialect.encoding, **options)
    except pandas.errors.EmptyDataError:
        return pandas.DataFrame({name: [] for name in range(width)})
    except pandas.errors.ParserWarning as error:
        line = line_of(path, dialect, 0)
        raise FileError.at(path, f"has more than {plural(width, 'cell')}", line) from error
    except (pandas.errors.ParserError, OSError, ValueError) as error:
        found = re.search(r"Expected \d+ fields in line (\d+)", str(error))
        if found:
            line = int(found.group(1))
            raise FileError.at(path, f"has more than {plural(width, 'cell')}", line) from error
        raise FileError.at(path, f"cannot be read as a table: {_tidy(error)}") from error
    surplus = frame.pop(width).notna().to_numpy()
    if surplus.any():
        line = line_of(path, dialect, int(surplus.argmax()))
        raise FileError.at(path, f"has more than {plural(width, 'cell')}", line)
    return frame


def line_of(path: Path, dialect: Dialect, row: int) -> int | None:
    """The line, from 1, that holds row ``row`` (from 0) of the values; None where it is unclear."""
    with path.open(encoding=dialect.encoding, errors="replace", newline="") as stream:
        full = (number for number, line in enumerate(stream, 1) if line.strip("\r\n"))
        after = (number for number in full if number > dialect.skip)
        return next(itertools.islice(after, row, None), None)


def require_pandas(purpose: str) -> Any:
    """Import pandas.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import pandas
    except ModuleNotFoundError as error:
        raise MissingExtraError("pandas", "series", purpose) from error
    return pandas


def _first_lines(path: Path) -> tuple[str, list[str]]:
    require_file(path)
    try:
        with path.open("rb") as stream:
            mark = stream.read(2)
        encodings = ["utf-16"] if mark in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "cp1252"]
        for encoding in [*encodings, "latin-1"]:
            try:
                with path.open(encoding=encoding) as stream:
                    lines = [line.rstrip("\n") for line in itertools.islice(stream, _LOOK)]
                    # One odd letter in a million lines would otherwise be met halfway through.
                    while stream.read(1 << 20):
                        pass
            except UnicodeError:
                continue
            if any("\0" in line for line in lines):
                raise FileError.at(path, "is not a text file: save it as CSV")
            return encoding, lines
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    raise FileError.at(path, "is not a text file: save it as CSV")


def _separator(lines: list[str]) -> str:
    """Tab before semicolon before comma: the comma may be a decimal mark, the others never are."""
    counts = {}
    for separator in "\t;,":
        widths = [len(row) for row in csv.reader(lines, delimiter=separator)]
        if widths[0] > 1 and len(set(widths)) == 1:
            return separator
        counts[separator] = widths[0]
    return max(counts, key=lambda separator: counts[separator])


def _decimal(rows: list[tuple[str, ...]], separator: str) -> str:
    cells = [cell for row in rows for cell in row]
    commas = any(re.fullmatch(r"[-+]?\d*,\d+([eE][-+]?\d+)?", cell) for cell in cells)
    points = any(re.fullmatch(r"[-+]?\d*\.\d+([eE][-+]?\d+)?", cell) for cell in cells)
    return "," if commas and not points and separator != "," else "."


def _is_number(cell: str, decimal: str) -> bool:
    try:
        float(cell.replace(decimal, "."))
    except ValueError:
        return False
    return cell.strip().lower().lstrip("+-") not in ("nan", "inf", "infinity")


def _tidy(error: Exception) -> str:
    return quote(str(error).splitlines()[0] if str(error) else type(error).__name__, 120)
