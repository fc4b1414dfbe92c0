"""Poses over time: the tables of DeepLabCut and of SLEAP, in CSV and HDF5.

DeepLabCut: A. Mathis et al., Nature Neuroscience 2018. SLEAP: T. Pereira et al., Nature Methods
2022.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from asot.errors import AsotError, FileError, unreadable
from asot.files import require_file
from asot.inputs.find import HDF5
from asot.inputs.poses.hdf5 import open_hdf5, read_dlc, read_sleap
from asot.inputs.series.columns import require_pandas
from asot.inputs.series.layout import TEXT_SUFFIXES, Dialect, look_at
from asot.inputs.series.signals import Series, fill_gaps
from asot.inputs.series.tables import PARQUET_SUFFIXES, line_of, read_text_table
from asot.text import listing, quote

# DeepLabCut lists every point with its likelihood, and itself leaves out points below 0.6; SLEAP
# writes only the points it trusts.
_DLC_CONFIDENCE = 0.6
_HEADERS = ("scorer", "individuals", "bodyparts", "coords")
SUFFIXES = (*TEXT_SUFFIXES, *PARQUET_SUFFIXES, ".npy", *sorted(HDF5))
_HDF5 = b"\x89HDF\r\n\x1a\n"


def kind_of(path: Path, skip_lines: int | None = None) -> Literal["series", "pose"]:
    """Tell poses from other signals by the head of a file, after ``skip_lines`` lines of text."""
    require_file(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise FileError.at(path, f"is not a recording that asot reads ({', '.join(SUFFIXES)})")
    if suffix in HDF5:
        with path.open("rb") as stream:
            if stream.read(8) != _HDF5:
                raise FileError.at(path, "is not an HDF5 file, or is damaged")
        return "pose"
    if suffix not in TEXT_SUFFIXES:
        return "series"
    dialect = look_at(path, skip_lines)
    if {"frame_idx", "node", "x", "y"} <= set(dialect.header or ()):
        message = "has a row for each point: export it from SLEAP as analysis CSV or HDF5"
        raise FileError.at(path, message)
    return "series" if _text_layout(dialect) is None else "pose"


def read_pose(
    path: Path,
    *,
    rate: float | None,
    min_confidence: float | None = None,
    columns: Sequence[str] | None = None,
    skip_lines: int | None = None,
) -> Series:
    """Read poses of one or more animals from DeepLabCut's table or SLEAP's analysis file.

    ``rate`` is the frames a second of the video: poses say in which frame they were, not when.
    Points of a likelihood or score below ``min_confidence`` (0.6 unless given for DeepLabCut, and 0
    for SLEAP, which leaves out such points by itself) count as missing, and missing points are
    filled in with straight lines. A point that is always missing is left out. ``columns`` are read
    in their order: columns such as "nose.x", points such as "nose" or "mouse1.nose", or individuals
    such as "mouse1"; all by default.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mouse.csv"
    >>> _ = path.write_text(
    ...     "scorer,DLC,DLC,DLC\\nbodyparts,nose,nose,nose\\ncoords,x,y,likelihood\\n"
    ...     "0,10,20,0.9\\n1,99,99,0.1\\n2,14,22,0.9\\n"
    ... )
    >>> poses = read_pose(path, rate=25)
    >>> poses.columns, poses.values.tolist()
    (('nose.x', 'nose.y'), [[10.0, 20.0], [12.0, 21.0], [14.0, 22.0]])
    """
    require_file(path)
    if rate is None:
        message = "holds poses, whose frames have no times: give the frames a second (--rate)"
        raise FileError.at(path, message)
    poses = _read_hdf5(path) if path.suffix.lower() in HDF5 else _read_text(path, skip_lines)
    least = poses.confidence if min_confidence is None else min_confidence
    names, values = poses.columns, np.where(poses.scores < least, np.nan, poses.values)
    if len(values) < 2:
        raise FileError.at(path, f"holds {len(values)} frames; at least 2 are needed")
    if columns is not None:
        chosen = _choose(path, names, columns)
        values, names = values[:, chosen], [names[i] for i in chosen]
    times = (poses.first + np.arange(len(values) + 1)) / rate
    what = f"missing or below the confidence of {least:g}" if least > 0 else "missing"
    filled, kept, remarks = fill_gaps(values, names, times, what)
    if not kept:
        raise FileError.at(path, f"holds no point: all are {what}")
    return Series(filled, kept, times, None, tuple(remarks))


def _choose(path: Path, names: list[str], asked: Sequence[str]) -> list[int]:
    chosen: list[int] = []
    for one in asked:
        found = [i for i, name in enumerate(names) if name == one or name.startswith(f"{one}.")]
        if not found:
            found = [i for i, name in enumerate(names) if f".{one}." in name]
        if not found:
            points = list(dict.fromkeys(name.rpartition(".")[0] for name in names))
            raise FileError.at(path, f"has no point {quote(one)}, only {listing(points, 12)}")
        chosen += [i for i in found if i not in chosen]
    return chosen


@dataclass(frozen=True)
class Poses:
    """Coordinates of points over N frames, as they were read."""

    columns: list[str]  # D, such as "nose.x", or "mouse1.nose.x" of several individuals
    values: NDArray[np.float64]  # (N, D), NaN where a point is missing
    scores: NDArray[np.float64]  # (N, D), the confidences, NaN where they are missing
    first: int  # the frame of row 0
    confidence: float  # below which the tracker itself leaves out a point


def _text_layout(dialect: Dialect) -> Literal["dlc", "sleap"] | None:
    """Return the tracker that wrote a text file's poses, by the header; None for other tables."""
    header = [name.lower() for name in dialect.header or ()]
    if header[:1] == ["scorer"]:
        return "dlc"
    return "sleap" if "frame_idx" in header and any(_points(header)) else None


def _points(header: Sequence[str]) -> list[str]:
    """List the points of SLEAP's columns ``nose.x``."""
    return [name[:-2] for name in header if name.lower().endswith(".x")]


def _read_hdf5(path: Path) -> Poses:
    try:
        with open_hdf5(path) as file:
            if "tracks" in file and "node_names" in file:
                tracks, points, places, scores = read_sleap(path, file)
                return _of_tracks(path, tracks, points, places, scores, 0)
            keys, levels, index, values = read_dlc(path, file)
        return _of_header(path, keys, levels, index, values)
    except (AsotError, MemoryError):
        raise
    except Exception as error:  # a damaged file may raise anything, in h5py and after
        message = "is damaged, or of a layout that asot does not know: export it as CSV"
        raise FileError.at(path, message) from error


def _read_text(path: Path, skip_lines: int | None) -> Poses:
    dialect = look_at(path, skip_lines)
    layout = _text_layout(dialect)
    if layout is None:
        message = "is not a table of poses: neither DeepLabCut's nor the analysis table of SLEAP"
        raise FileError.at(path, message)
    return (_read_dlc_text if layout == "dlc" else _read_sleap_text)(path, dialect)


def _read_dlc_text(path: Path, dialect: Dialect) -> Poses:
    rows: dict[str, tuple[str, ...]] = {"scorer": dialect.header or ()}
    try:
        with path.open(encoding=dialect.encoding, newline="") as stream:
            for row in csv.reader(stream, delimiter=dialect.separator):
                if row and row[0].strip().lower() in _HEADERS:
                    rows[row[0].strip().lower()] = tuple(cell.strip() for cell in row)
                elif len(rows) > 1:
                    break
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    levels = [level for level in _HEADERS if level in rows]
    skip = dialect.skip - 1 + len(levels)
    if not {"bodyparts", "coords"} <= set(levels):
        raise FileError.at(path, "begins like DeepLabCut's, but has no line 'bodyparts, coords'")
    width = len(rows["coords"])
    for level in levels:
        if len(rows[level]) != width:
            counts = f"{width - 1} columns in its line 'coords' and {len(rows[level]) - 1}"
            raise FileError.at(path, f"has {counts} in its line {level!r}")
    keys = [tuple(rows[level][i] for level in levels) for i in range(1, width)]
    body = replace(dialect, header=rows["coords"], skip=skip)
    frame = read_text_table(path, body)
    numbers = _all_numbers(path, body, frame, ["frame", *(".".join(key[1:]) for key in keys)])
    return _of_header(path, keys, levels, numbers[:, 0], numbers[:, 1:])


def _all_numbers(path: Path, dialect: Dialect, frame: Any, names: list[str]) -> NDArray[np.float64]:
    pandas = require_pandas("Reading tables of poses")
    arrays = []
    for position, name in enumerate(names):
        numbers = pandas.to_numeric(frame[position], errors="coerce")
        wrong = (numbers.isna() & frame[position].notna()).to_numpy()
        if wrong.any():
            row = int(wrong.argmax())
            cell = quote(str(frame[position].iloc[row]))
            message = f"{cell} in column {quote(name)} is not a number"
            if position == 0:
                message = f"{cell} is not a frame number: labelled images are not a recording"
            raise FileError.at(path, message, line_of(path, dialect, row))
        arrays.append(numbers.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.column_stack(arrays)


def _of_header(
    path: Path,
    keys: Sequence[tuple[str, ...]],
    levels: Sequence[str],
    index: NDArray[Any],
    values: NDArray[np.float64],
) -> Poses:
    """Take DeepLabCut's table apart: a column for each individual, body part and coordinate."""
    if index.dtype.kind not in "fiu" or not {"bodyparts", "coords"} <= set(levels):
        raise FileError.at(path, "has no frame numbers: labelled images are not a recording")
    points: dict[tuple[str, str], dict[str, int]] = {}
    for position, key in enumerate(keys):
        parts = dict(zip(levels, key, strict=True))
        owner = (_clean(parts.get("individuals", "")), _clean(parts["bodyparts"]))
        coordinates = points.setdefault(owner, {})
        if parts["coords"] in coordinates:
            name = ".".join(filter(None, (*owner, parts["coords"])))
            raise FileError.at(path, f"has two columns {quote(name)}")
        coordinates[parts["coords"]] = position
    rows, first, length = _frame_rows(path, index)
    frames, counts = np.unique(rows, return_counts=True)
    if counts.max() > 1:
        raise FileError.at(path, f"has two rows for frame {first + frames[counts > 1][0]}")
    # Missing frames are NaN, and so is the last column, which stands for a missing likelihood.
    placed = np.full((length, values.shape[1] + 1), np.nan)
    placed[rows, :-1] = values
    several = len({individual for individual, _ in points}) > 1
    columns: list[str] = []
    places: list[int] = []
    scores: list[int] = []
    for (individual, point), coordinates in points.items():
        axes = [axis for axis in ("x", "y", "z") if axis in coordinates]
        if not axes:
            raise FileError.at(path, f"has no coordinates of {quote(point)}")
        name = f"{individual}.{point}" if several else point
        columns += [f"{name}.{axis}" for axis in axes]
        places += [coordinates[axis] for axis in axes]
        scores += [coordinates.get("likelihood", -1)] * len(axes)
    return Poses(columns, placed[:, places], placed[:, scores], first, _DLC_CONFIDENCE)


def _frame_rows(path: Path, index: NDArray[Any]) -> tuple[NDArray[np.int64], int, int]:
    """Return the row of each frame, the first frame, and the number of rows to the last."""
    frames = np.asarray(index, dtype=np.float64)
    if not len(frames):
        raise FileError.at(path, "is empty: it holds no frame")
    if not (np.isfinite(frames).all() and (frames == np.round(frames)).all() and frames.min() >= 0):
        raise FileError.at(path, "numbers its frames with other than whole numbers from 0 on")
    first, length = int(frames.min()), int(frames.max() - frames.min()) + 1
    if length > 100 * len(frames) + 1000:
        some = f"{len(frames)} of {length:,} frames"
        raise FileError.at(path, f"holds only {some}: labelled images are not a recording")
    return frames.astype(np.int64) - first, first, length


def _read_sleap_text(path: Path, dialect: Dialect) -> Poses:
    """Read SLEAP's table: a row for each frame and track."""
    header = list(dialect.header or ())
    lower = [name.lower() for name in header]
    points = [point for point in _points(header) if f"{point.lower()}.y" in lower]
    frame = read_text_table(path, dialect)
    place = {name: position for position, name in enumerate(lower)}
    wanted = ["frame_idx"]
    for point in points:
        wanted += [f"{point.lower()}.x", f"{point.lower()}.y"]
        wanted += [f"{point.lower()}.score"] if f"{point.lower()}.score" in place else []
    table = frame[[place[name] for name in wanted]]
    table.columns = range(len(wanted))
    column = dict(zip(wanted, _all_numbers(path, dialect, table, wanted).T, strict=True))
    cells = [""] * len(frame)
    if "track" in place:
        named = frame[place["track"]]
        cells = named.astype(str).where(named.notna(), "").tolist()
    tracks = list(dict.fromkeys(cells)) or [""]
    labels = np.array([tracks.index(cell) for cell in cells], dtype=np.int64)
    rows, first, length = _frame_rows(path, column["frame_idx"])
    twins = np.unique(rows * len(tracks) + labels, return_counts=True)
    if twins[1].max() > 1:
        number = int(twins[0][twins[1] > 1][0]) // len(tracks) + first
        message = f"has two animals of one track in frame {number}: track them in SLEAP first"
        raise FileError.at(path, message)
    places = np.full((length, len(tracks), len(points), 2), np.nan)
    scores = np.full((length, len(tracks), len(points)), np.nan)
    for i, point in enumerate(points):
        for axis, letter in enumerate("xy"):
            places[rows, labels, i, axis] = column[f"{point.lower()}.{letter}"]
        if f"{point.lower()}.score" in column:
            scores[rows, labels, i] = column[f"{point.lower()}.score"]
    return _of_tracks(path, tracks, points, places, scores, first)


def _of_tracks(
    path: Path,
    tracks: list[str],
    points: list[str],
    places: NDArray[np.float64],
    scores: NDArray[np.float64],
    first: int,
) -> Poses:
    """Take apart SLEAP's arrays (N, A, P, 2) and (N, A, P), of frame ``first`` and on."""
    if places.shape[1] == 0 or not points:
        raise FileError.at(path, "holds no track and point")
    names = [
        f"{_clean(track) or 'untracked'}.{_clean(point)}" if len(tracks) > 1 else _clean(point)
        for track in tracks
        for point in points
    ]
    columns = [f"{name}.{axis}" for name in names for axis in "xy"]
    n_frames = len(places)
    of_columns = np.repeat(scores.reshape(n_frames, -1), 2, axis=1)
    return Poses(columns, places.reshape(n_frames, -1), of_columns, first, 0.0)


def _clean(name: str) -> str:
    """Replace the dots of a name, so that it can stand between those of a column."""
    return re.sub(r"\.+", "_", name.strip())
