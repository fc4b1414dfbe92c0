"""The features, times and signals of a recording, from a file of signals or poses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asot.data.origin import Origin
from asot.errors import ArgumentError, FileError, unreadable
from asot.files import file_hash
from asot.inputs.kinds import OfTable
from asot.inputs.poses.egocentric import distances, egocentric, lacks_heading, require_axis
from asot.inputs.poses.headers import doubt
from asot.inputs.poses.read import kind_of, read_pose
from asot.inputs.series.signals import (
    Series,
    level_spikes,
    octaves,
    pick,
    resample,
    smooth,
    velocity,
    widen,
    windows,
)
from asot.inputs.series.tables import read_series
from asot.inputs.settings import SeriesSettings
from asot.inputs.shared import Look, without
from asot.text import plural

# Counted up when the same file and settings give other features than before.
VERSION = 4
SHOWN_RATE = 30.0  # rows a second, enough to see a movement
READY_COLUMNS = 64  # a table as wide as this holds features already
_LEAST_IN_WINDOW = 8  # samples; two octaves


class SeriesExtractor:
    """The :class:`asot.inputs.extractors.Extractor` of sensor logs and poses.

    An origin's extractor holds the entries of :attr:`identity`, and the choices for the file: its
    columns and its preparation. ``columns`` are those of a file that are used; all by default. A
    file may have them ``partly``, under names of the same letters: the features of what lacks are
    0 in every row, which standardising leaves there, at the mean.
    """

    stage = "Reading the recordings"
    folders = ("features", "times", "signals")
    cores = 1

    def __init__(
        self,
        settings: SeriesSettings,
        columns: Sequence[str] | None = None,
        partly: bool = False,
    ) -> None:
        self.settings = settings
        self.partly = partly
        self.identity = {"name": "series", "version": VERSION, "settings": asdict(settings)}
        self.columns = columns
        if columns is not None:
            self.identity["columns"] = list(columns)

    def fingerprint(self, path: Path) -> str:
        """Return a hash of the file's content."""
        try:
            return file_hash(path)
        except OSError as error:
            raise FileError.at(path, unreadable(error)) from error

    def read(self, path: Path) -> tuple[OfTable, Series]:
        """Read a file by the settings, and tell what it holds."""
        asked = self.settings.columns
        try:
            return self._read(path, self.settings)
        except FileError:
            if not self.partly or asked is None:
                raise
            return self._read(path, replace(self.settings, columns=None))

    def _read(self, path: Path, settings: SeriesSettings) -> tuple[OfTable, Series]:
        kind = kind_of(path, settings.kind, settings.skip_lines)
        known: dict[str, Any] = {"rate": settings.rate, "time_unit": settings.time_unit}
        known |= {"columns": settings.columns, "skip_lines": settings.skip_lines}
        if kind == "pose":
            return kind, read_pose(path, min_confidence=settings.min_confidence, **known)
        known |= {"time_column": settings.time_column, "transposed": settings.transposed}
        series = read_series(path, **known)
        remark = doubt(series.columns) if settings.kind is None else ""
        return kind, replace(series, remarks=(*series.remarks, *filter(None, [remark])))

    def look(self, path: Path) -> Look:
        """Look at the columns of a file, which are refused where a point of the body axis lacks."""
        kind, series = self.read(path)
        if kind == "pose" and self.settings.egocentric and not self.partly:
            try:
                require_axis(series.columns, self.settings.body_axis)
            except ArgumentError as error:
                raise FileError.at(path, str(error).rstrip(".")) from error
        return Look(kind, series.columns, series.rate)

    def manner(self, look: Look, width: int) -> str:
        """Describe how features are made of a recording that is reduced to ``width`` columns."""
        if look.kind == "features":
            return ""
        plan = _plan(look.rate, width, look.kind, self.settings)
        rows = f"{plan.frame_rate:g} rows of features a second" if plan.frame_rate else "every row"
        if not plan.window_s:
            return rows
        count = octaves(look.rate, plan.frame_rate, plan.window_s)
        return f"{rows}, of windows of {plan.window_s:g} s and {plural(count, 'octave')}"

    def length(self, path: Path) -> float:
        """Return 1: recordings are counted."""
        return 1

    @contextmanager
    def features(
        self, path: Path, target: Path, tell: Callable[[float], None]
    ) -> Iterator[tuple[dict[str, NDArray[Any]], Origin]]:
        """Make features (N, D), times (N + 1,), signals (N q, C), and of poses points (M, C).

        Points are the signals at :data:`SHOWN_RATE` a second, or fewer where the file has fewer;
        signals of others are so many a row, q, that they come near it, as swings that are faster
        than the rows would look like slow ones.

        The origin's ``media`` holds ``columns`` (of the signals), ``found`` (those of
        the file, where some are chosen), ``left_out`` (those that are no signals), ``rate``,
        ``rows``, ``start`` if the file has a date, and of poses ``points_rate`` and ``edges``, the
        pairs of points that the file joins.
        """
        yield self._make(path)

    def _make(self, path: Path) -> tuple[dict[str, NDArray[Any]], Origin]:
        (kind, series), settings = self.read(path), self.settings
        found = series.columns
        whole = series
        if self.columns is not None:
            series = pick(path, series, self.columns, self.partly)
            whole = widen(series, self.columns)
        plan = choose(whole, kind, settings)
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # an overflow is refused below
                made = prepare(whole, kind, plan, settings)
                signals = _shown(series, kind, plan.frame_rate, len(made.values))
                values = made.values.astype(np.float32)
                shown = signals.astype(np.float32)
        except ArgumentError as error:
            raise FileError.at(path, str(error).rstrip(".")) from error
        if self.partly:
            lost = np.isnan(values).all(axis=0)
            if lost.all():
                why = "has nothing of what the model knows"
                if kind == "pose" and series.columns:
                    why = "lacks the points by which the poses of the model are turned to one side"
                raise FileError.at(path, why)
            values[:, lost] = 0.0
        if not np.isfinite(values).all():
            column = made.columns[int(np.flatnonzero(~np.isfinite(values).all(axis=0))[0])]
            raise FileError.at(path, f"gives values too large for float32 in column {column!r}")
        if len(values) < 2:
            lasts = f"lasts {series.duration:.3g} s, too short for 2 of {plan.frame_rate:g} rows"
            raise FileError.at(path, f"{lasts} a second")
        remarks = list(made.remarks)
        if self.partly and self.columns is not None:
            remarks += without(kind, self.columns, found)
        poses = kind == "pose" and settings.egocentric
        if poses and lacks_heading(whole.columns, settings.body_axis):
            why = "No points of a body axis were recognised"
            cure = "name the rear and the front point with --body_axis"
            if not lacks_heading(found, settings.body_axis):
                why = "Another recording lacks a point of the body axis"
                cure += " to leave that recording out instead"
            remarks.append(f"{why}, so poses were not turned to face one way: {cure}.")
        columns = list(series.columns)
        media: dict[str, Any] = {"columns": columns, "rate": series.rate}
        media["rows"] = len(series.values)
        if self.columns is not None:
            media["found"] = list(found)
        if series.left_out:
            media["left_out"] = list(series.left_out)
        if series.start is not None:
            media["start"] = series.start
        arrays: dict[str, NDArray[Any]] = {
            "features": values,
            "times": made.times,
            "signals": shown,
        }
        if kind == "pose":
            rate = min(series.rate, SHOWN_RATE)
            points = resample(smooth(series, plan.smooth_s), rate)
            arrays["points"] = points.values.astype(np.float32)
            media |= {"points_rate": rate, "edges": [list(pair) for pair in series.edges]}
        chosen = {**plan._asdict(), "frame_rate": plan.frame_rate or "all"}
        extractor = {**self.identity, "kind": kind, "columns": list(whole.columns), **chosen}
        mark = self.fingerprint(path)
        origin = Origin(kind, str(path.resolve()), mark, extractor, media, remarks)
        return arrays, origin


def _shown(series: Series, kind: str, frame_rate: float, n_rows: int) -> NDArray[np.float64]:
    """Return the measured signals (N q, C) of N rows of features, as they are shown."""
    if not frame_rate:
        return series.values
    each = 1 if kind == "pose" else max(1, int(min(series.rate, SHOWN_RATE) / frame_rate + 1e-6))
    values = resample(series, each * frame_rate).values[: each * n_rows]
    # A last row may be missing by rounding.
    return np.pad(values, ((0, each * n_rows - len(values)), (0, 0)), mode="edge")


class Preparation(NamedTuple):
    """The settings chosen for a file; a frame rate of 0 keeps every row of it."""

    frame_rate: float
    window_s: float
    smooth_s: float


def choose(series: Series, kind: OfTable, settings: SeriesSettings) -> Preparation:
    """Choose the settings that are None, by the rules of :class:`SeriesSettings`.

    Examples
    --------
    >>> slow = Series(np.zeros((9, 1)), ("watts",), np.arange(10.0))
    >>> choose(slow, "series", SeriesSettings())
    Preparation(frame_rate=1.0, window_s=0.0, smooth_s=0.0)
    """
    return _plan(series.rate, len(series.columns), kind, settings)


def _plan(row_rate: float, width: int, kind: str, settings: SeriesSettings) -> Preparation:
    pose = kind == "pose"
    ready = not pose and width >= READY_COLUMNS
    usual_rate, usual_window, usual_smooth = (10.0, 1.0, 0.1) if pose else (5.0, 2.56, 0.0)
    rate, window_s, smooth_s = settings.frame_rate, settings.window_s, settings.smooth_s
    if smooth_s is None:
        smooth_s = 0.0 if ready else usual_smooth
    if window_s is None:
        many = usual_window * row_rate >= _LEAST_IN_WINDOW
        window_s = usual_window if many and not ready and rate != 0 else 0.0
    if rate is None:
        rate = 0.0 if ready and not window_s else min(usual_rate, row_rate)
    return Preparation(float(rate), float(window_s), float(smooth_s))


def prepare(series: Series, kind: OfTable, plan: Preparation, settings: SeriesSettings) -> Series:
    """Smooth a series, add what the settings ask for, and cut it into windows or rows.

    Before windows of signals of which nothing is said, single values that leap are taken out: a
    window would spread them. Rows of slow sensors may be events, and are left.
    """
    if plan.window_s and settings.smooth_s is None and not plan.smooth_s:
        series = level_spikes(series)
    series = smooth(series, plan.smooth_s)
    if kind == "pose":
        series = egocentric(series, settings.body_axis) if settings.egocentric else series
        series = distances(series) if settings.distances else series
    if settings.velocity:
        series = velocity(series)
    if plan.window_s:
        return windows(series, plan.frame_rate, plan.window_s)
    return resample(series, plan.frame_rate) if plan.frame_rate else series
