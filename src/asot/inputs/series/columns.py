"""Which columns of a table are signals, and their numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import FileError
from asot.inputs.series.text import require_pandas
from asot.text import listing, quote

# Columns that people add to tables by hand: to learn from them would be to be told the answer.
_LABELS = {
    "action",
    "activity",
    "annotation",
    "behavior",
    "behaviour",
    "class",
    "ground_truth",
    "label",
    "labels",
    "target",
}


@dataclass(frozen=True)
class Table:
    """A table as it was read.

    Parameters
    ----------
    path : Path
        The file.
    names : tuple of str
        Of the columns, all different.
    frame : pandas.DataFrame
        The values; its columns are numbered.
    line : callable
        Gives the line, from 1, of a row, from 0; None where there are no lines.
    """

    path: Path
    names: tuple[str, ...]
    frame: Any
    line: Callable[[int], int | None]


def signals_of(
    table: Table, clock: int | None, columns: Sequence[str] | None
) -> tuple[list[str], NDArray[np.float64], list[str]]:
    """Pick the columns that are signals.

    Parameters
    ----------
    table : Table
        What was read.
    clock : int or None
        The column that holds times, which is no signal unless it is asked for.
    columns : sequence of str or None
        Those asked for, in their order.

    Returns
    -------
    names : list of str
        D names.
    values : (N, D) float64 array
        NaN where a value is missing.
    remarks : list of str
        What was left out, and why: sentences.

    Raises
    ------
    FileError
        If a column that was asked for is not there or is text, or no column is a signal.
    """
    path, names, frame = table.path, table.names, table.frame
    if columns is not None:
        absent = [name for name in columns if name not in names]
        if absent:
            raise FileError.at(path, f"has no column {quote(absent[0])}, only {listing(names, 12)}")
    wanted = [names.index(name) for name in columns] if columns is not None else range(len(names))
    chosen: list[str] = []
    arrays: list[NDArray[np.float64]] = []
    text, odd, counters, labels = [], [], [], []
    for position in wanted:
        name, asked = names[position], columns is not None
        if position == clock and not asked:
            continue
        numbers, row = _numbers(frame[position])
        if numbers is None:
            if asked:
                cell = frame[position].iloc[row or 0]
                message = f"{quote(str(cell))} in column {quote(name)} is no number"
                raise FileError.at(path, message, table.line(row or 0))
            text.append(name)
            continue
        if not asked and name.strip().lower().replace(" ", "_") in _LABELS:
            labels.append(name)
        elif not asked and _counts_rows(numbers):
            counters.append(name)
        else:
            chosen.append(name)
            arrays.append(numbers)
            if row is not None:
                odd.append((name, row))
    if not chosen:
        raise FileError.at(path, f"has no column of numbers beside its times: {listing(names, 12)}")
    remarks = []
    for found, why in (
        (text, "it is text"),
        (counters, "it only counts the rows"),
        (labels, "it seems to hold labels"),
    ):
        if found:
            noun = "Column" if len(found) == 1 else "Columns"
            each = why if len(found) == 1 else why.replace("it ", "each ", 1)
            remarks.append(f"{noun} {listing(found, 6)} left out: {each}.")
    for name, row in odd:
        line = table.line(row)
        place = f"line {line}" if line else f"row {row + 1}"
        cell = quote(str(frame[names.index(name)].iloc[row]))
        remarks.append(
            f"Text in column {quote(name)} was taken for missing values, first {cell} in {place}."
        )
    return chosen, np.column_stack(arrays), remarks


def _numbers(cells: Any) -> tuple[NDArray[np.float64] | None, int | None]:
    """A column as numbers, and the first row of other text; no numbers if it is mostly text."""
    pandas = require_pandas("Reading tables of signals")
    types = pandas.api.types
    if types.is_datetime64_any_dtype(cells) or types.is_timedelta64_dtype(cells):
        return None, None
    if types.is_numeric_dtype(cells) and not types.is_complex_dtype(cells):
        return cells.to_numpy(dtype=np.float64, na_value=np.nan), None
    try:
        numbers = pandas.to_numeric(cells, errors="coerce")
    except TypeError:  # lists and the like
        return None, None
    lost = (numbers.isna() & cells.notna()).to_numpy()
    row = int(lost.argmax()) if lost.any() else None
    # A cell in ten: a sensor that sometimes says "error" is a sensor still.
    if lost.sum() * 10 > cells.notna().sum():
        return None, row
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan), row


def _counts_rows(numbers: NDArray[np.float64]) -> bool:
    return len(numbers) > 2 and bool((np.diff(numbers) == 1).all())
