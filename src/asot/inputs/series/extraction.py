"""From a file of signals or poses to the features, times and signals of a recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from asot.data.origin import Origin, finished_origin, origin_path, write_features
from asot.errors import ArgumentError, DataError, FileError
from asot.files import file_hash, write_array
from asot.inputs.poses.egocentric import distances, egocentric, heading_points
from asot.inputs.poses.read import kind_of, read_pose
from asot.inputs.series.model import Series
from asot.inputs.series.settings import SeriesSettings
from asot.inputs.series.signals import resample, smooth, velocity, windows
from asot.inputs.series.tables import read_series

# Counted up when the same file and settings give other features than before.
VERSION = 1
READY_COLUMNS = 64  # a table as wide as this holds features already
_LEAST_IN_WINDOW = 8  # samples; two octaves


@dataclass(frozen=True)
class Preparation:
    """The settings that depend on the file, decided.

    Parameters
    ----------
    fps : float
        Rows of features a second; 0 for every row of the file.
    window_s, smooth_s : float
        Seconds; 0 for none.
    """

    fps: float
    window_s: float
    smooth_s: float


def series_extractor(settings: SeriesSettings) -> dict[str, Any]:
    """Say what decides the features, as far as it is known before a file is seen.

    An origin's extractor holds these entries, and those that depend on the file: its columns and
    the preparation that was chosen for it.

    Examples
    --------
    >>> extractor = series_extractor(SeriesSettings(fps=5.0))
    >>> extractor["name"], extractor["settings"]["fps"]
    ('series', 5.0)
    """
    return {"name": "series", "version": VERSION, "settings": settings.to_dict()}


def extract_series(
    path: str | Path, root: str | Path, name: str, settings: SeriesSettings
) -> Origin:
    """Make the features of one recording, and write them where data folders keep them.

    ::

        ROOT/features/<name>.npy   (N, D) float32
        ROOT/times/<name>.npy      (N + 1,) float64, seconds of the file
        ROOT/signals/<name>.npy    (N, C) float32, the signals themselves, one row a row
        ROOT/origins/<name>.json   written last

    Parameters
    ----------
    path : path-like
        The file; see :func:`asot.inputs.series.read_series` and ``read_pose``.
    root : path-like
        The data folder.
    name : str
        Of the recording.
    settings : SeriesSettings
        What to do; what is None is chosen for the file.

    Returns
    -------
    Origin
        ``media`` holds ``columns`` (of the signals), ``rate``, ``rows``, and ``start`` where the
        file has a date.

    Raises
    ------
    ConfigurationError
        If a setting cannot be.
    DataError
        If the file cannot be used; the message names it.
    MissingExtraError
        If a library that the file needs is not installed.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> rows = "".join(f"{i / 50},{i % 25}\\n" for i in range(1000))
    >>> _ = (folder / "wrist.csv").write_text("time,ax\\n" + rows)
    >>> origin = extract_series(folder / "wrist.csv", folder / "data", "wrist", SeriesSettings())
    >>> np.load(folder / "data" / "features" / "wrist.npy").shape, origin.media["rate"]
    ((100, 6), 50.0)
    """
    path, root = Path(path), Path(root)
    settings.check()
    kind = kind_of(path)
    series = _read(path, kind, settings)
    plan = choose(series, kind, settings)
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is looked at
            features = prepare(series, kind, plan, settings)
            signals = resample(series, plan.fps) if plan.fps else series
            values, shown = features.values.astype(np.float32), signals.values.astype(np.float32)
    except ArgumentError as error:
        raise DataError(f"{path}: {error}") from error
    if not np.isfinite(values).all():
        column = features.columns[int(np.flatnonzero(~np.isfinite(values).all(axis=0))[0])]
        raise FileError.at(path, f"gives values too large for float32 in column {column!r}")
    if len(values) < 2:
        raise FileError.at(
            path, f"lasts {series.duration:.3g} s, too short for 2 of {plan.fps:g} rows a second"
        )
    remarks = list(series.remarks)
    if kind == "pose" and settings.egocentric:
        remarks += _heading_remarks(series, settings)
    media: dict[str, Any] = {
        "columns": list(series.columns),
        "rate": series.rate,
        "rows": len(series.values),
    }
    if series.start is not None:
        media["start"] = series.start
    origin = Origin(
        kind,
        str(path.resolve()),
        fingerprint(path),
        {
            **series_extractor(settings),
            "kind": kind,
            "columns": list(series.columns),
            "fps": plan.fps or "all",
            "window_s": plan.window_s,
            "smooth_s": plan.smooth_s,
        },
        media,
        remarks,
    )
    # Without its origin a recording is unfinished, so nothing new stands beside something old.
    origin_path(root, name).unlink(missing_ok=True)
    write_array(signals_path(root, name), shown)
    write_features(root, name, values, features.times, origin)
    return origin


def is_extracted(path: str | Path, root: str | Path, name: str, settings: SeriesSettings) -> bool:
    """Tell whether the recording is there, made from this very file with these settings."""
    path, root = Path(path), Path(root)
    origin = finished_origin(root, name)
    if origin is None or not signals_path(root, name).is_file():
        return False
    wanted = series_extractor(settings)
    same = {key: origin.extractor.get(key) for key in wanted} == wanted
    return same and origin.fingerprint == fingerprint(path)


def signals_path(root: Path, name: str) -> Path:
    """The signals' file of a recording."""
    return root / "signals" / f"{name}.npy"


def choose(
    series: Series, kind: Literal["series", "pose"], settings: SeriesSettings
) -> Preparation:
    """Decide what the settings leave open; :class:`SeriesSettings` has the rules.

    Examples
    --------
    >>> slow = Series(np.zeros((9, 1)), ("watts",), np.arange(10.0))
    >>> choose(slow, "series", SeriesSettings())
    Preparation(fps=1.0, window_s=0.0, smooth_s=0.0)
    """
    pose = kind == "pose"
    ready = not pose and len(series.columns) >= READY_COLUMNS
    usual_fps, usual_window, usual_smooth = (10.0, 1.0, 0.1) if pose else (5.0, 2.56, 0.0)
    fps, window_s, smooth_s = settings.fps, settings.window_s, settings.smooth_s
    if smooth_s is None:
        smooth_s = 0.0 if ready else usual_smooth
    if window_s is None:
        many = usual_window * series.rate >= _LEAST_IN_WINDOW
        window_s = usual_window if many and not ready and fps != 0 else 0.0
    if fps is None:
        fps = 0.0 if ready and not window_s else min(usual_fps, series.rate)
    return Preparation(float(fps), float(window_s), float(smooth_s))


def prepare(
    series: Series, kind: Literal["series", "pose"], plan: Preparation, settings: SeriesSettings
) -> Series:
    """Make features of signals: smoothing, poses' own frame, distances, velocity, windows or rows.

    Raises
    ------
    ArgumentError
        If the series is shorter than a row, or has not the points of ``body_axis``.
    """
    series = smooth(series, plan.smooth_s)
    if kind == "pose":
        series = egocentric(series, settings.body_axis) if settings.egocentric else series
        series = distances(series) if settings.distances else series
    if settings.velocity:
        series = velocity(series)
    if plan.window_s:
        return windows(series, plan.fps, plan.window_s)
    return resample(series, plan.fps) if plan.fps else series


def fingerprint(path: Path) -> str:
    """Of a file's content: SHA-256, as hexadecimal digits."""
    try:
        return file_hash(path)
    except OSError as error:
        raise FileError.at(path, f"cannot be read: {error.strerror}") from error


def _read(path: Path, kind: Literal["series", "pose"], settings: SeriesSettings) -> Series:
    if kind == "pose":
        return read_pose(
            path,
            rate=settings.rate,
            min_confidence=settings.min_confidence,
            columns=settings.columns,
        )
    return read_series(
        path,
        rate=settings.rate,
        time_column=settings.time_column,
        columns=settings.columns,
    )


def _heading_remarks(series: Series, settings: SeriesSettings) -> list[str]:
    headings = heading_points(series.columns, settings.body_axis)
    if headings and not any(headings.values()):
        return [
            "No points of a body axis were recognised, so poses were not turned to face one way: "
            "name the rear and the front point with body_axis."
        ]
    return []
