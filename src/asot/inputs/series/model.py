"""The nouns of this room: a series of rows in time, and the filling of its gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError
from asot.text import plural, quote
from asot.timeline.timelines import require_times

_LONG_GAP = 1.0  # seconds; a straight line over more than that is worth a remark


@dataclass(frozen=True)
class Series:
    """Signals over time.

    Parameters
    ----------
    values : (N, D) float64 array
        One row a moment; finite.
    columns : tuple of str
        The D names, all different. Those of poses end in ``.x``, ``.y`` or ``.z``; before that
        comes the point, and before the point, where there are several, the individual:
        ``nose.x`` or ``mouse2.nose.x``.
    times : (N + 1,) float64 array
        Seconds: row ``i`` lasts from ``times[i]``, when it was measured, to ``times[i + 1]``.
    start : str, optional
        The date and time, in ISO 8601, of second 0, where the file has one.
    remarks : tuple of str
        What people should know of how the file was read: sentences.

    Raises
    ------
    ArgumentError
        If the parts do not fit each other.

    Examples
    --------
    >>> Series(np.zeros((2, 1)), ("ax",), np.array([0.0, 0.02, 0.04])).rate
    50.0
    """

    values: NDArray[np.float64]
    columns: tuple[str, ...]
    times: NDArray[np.float64]
    start: str | None = None
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.columns):
            raise ArgumentError(
                f"values must be (N, D) with D = {len(self.columns)}, the number of columns, but "
                f"their shape is {self.values.shape}."
            )
        if len(set(self.columns)) < len(self.columns):
            raise ArgumentError(f"columns must differ from each other, but are {self.columns}.")
        require_times(self.times, len(self.values))

    @property
    def rate(self) -> float:
        """Rows a second: of the median interval, so that a pause in the recording has no say."""
        return typical_rate(self.times)

    @property
    def duration(self) -> float:
        """Seconds from the first row to the end of the last."""
        return float(self.times[-1] - self.times[0])


def typical_rate(times: NDArray[np.float64]) -> float:
    """Rows a second, from the median interval between ``times`` (N + 1,), N >= 1.

    Examples
    --------
    >>> typical_rate(np.array([0.0, 0.5, 1.0, 7.0]))
    2.0
    """
    # Rounded where doubles are no longer exact: 1 / 0.1 s is meant where 1 / 0.0999999 s is found.
    return float(f"{1 / float(np.median(np.diff(times))):.9g}")


def fill_gaps(
    values: NDArray[np.float64],
    columns: Sequence[str],
    times: NDArray[np.float64],
    what: str = "missing",
) -> tuple[NDArray[np.float64], tuple[str, ...], list[str]]:
    """Fill in missing values with straight lines over time, column by column.

    Before a column's first value and after its last, that value is repeated. A column without any
    value is left out.

    Parameters
    ----------
    values : (N, D) float64 array
        NaN or infinite where there is no value.
    columns : sequence of str
        D names.
    times : (N + 1,) float64 array
        Seconds.
    what : str
        Why values are missing, for the remark.

    Returns
    -------
    values : (N, D') float64 array
        Finite; the argument itself where nothing was missing.
    columns : tuple of str
        The D' names.
    remarks : list of str
        What was done, one sentence each; none where nothing was missing.

    Examples
    --------
    >>> values = np.array([[np.nan, 1.0], [np.nan, np.nan], [np.nan, 3.0]])
    >>> filled, columns, remarks = fill_gaps(values, ["a", "b"], np.arange(4.0))
    >>> filled.tolist(), columns
    ([[1.0], [2.0], [3.0]], ('b',))
    >>> remarks[1]
    '1 value (33.3 %) was missing and was filled in: b 1.'
    """
    missing = ~np.isfinite(values)
    if not missing.any():
        return values, tuple(columns), []
    remarks = []
    empty = missing.all(axis=0)
    if empty.any():
        names = ", ".join(quote(columns[i]) for i in np.flatnonzero(empty)[:3].tolist())
        more = f" and {empty.sum() - 3} more" if empty.sum() > 3 else ""
        remarks.append(f"Left out for holding no value: {names}{more}.")
    kept = np.flatnonzero(~empty)
    filled, names_kept = values[:, kept], tuple(columns[i] for i in kept.tolist())
    missing = missing[:, kept]
    moments = times[:-1]
    longest, longest_in = 0.0, ""
    for position in np.flatnonzero(missing.any(axis=0)):
        gaps, there = missing[:, position], ~missing[:, position]
        filled[gaps, position] = np.interp(moments[gaps], moments[there], filled[there, position])
        edges = np.flatnonzero(np.diff(gaps.astype(np.int8), prepend=0, append=0))
        lengths = times[edges[1::2]] - times[edges[::2]]
        if lengths.max() > longest:
            longest, longest_in = float(lengths.max()), names_kept[position]
    counts = missing.sum(axis=0)
    total = int(counts.sum())
    if total:
        worst = np.argsort(-counts, kind="stable")[:3]
        shown = ", ".join(f"{names_kept[i]} {counts[i]:,}" for i in worst if counts[i])
        if np.count_nonzero(counts) > 3:
            shown = f"most in {shown}"
        share = 100 * total / missing.size
        verb = "was" if total == 1 else "were"
        remark = (
            f"{plural(total, 'value')} ({share:.3g} %) {verb} {what} and {verb} filled in: {shown}"
        )
        if longest > _LONG_GAP:
            remark += f"; the longest gap lasts {longest:.1f} s, in {longest_in}"
        remarks.append(remark + ".")
    return filled, names_kept, remarks
