"""Poses as they were read: the places of points over frames, whatever the layout of the file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asot.errors import FileError
from asot.inputs.kinds import require_width
from asot.inputs.poses.headers import AXES, CONFIDENCES, Key
from asot.text import listing, quote

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Poses:
    """Coordinates of points over N frames, as they were read."""

    columns: list[str]  # D, such as "nose.x", or "mouse1.nose.x" of several individuals
    values: Values  # (N, D), NaN where a point is missing
    scores: Values  # (N, D), the confidences, NaN where they are missing
    first: int  # the frame of row 0
    least: float  # the confidence below which the tracker itself leaves out a point
    times: Values | None = None  # (N + 1,) seconds, where the file has its own
    start: str | None = None  # the date of second 0, likewise
    remarks: tuple[str, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()  # pairs of points that the file joins


def place(
    path: Path,
    keys: Sequence[Key],
    index: NDArray[np.generic],
    values: Values,
    least: float,
    tracks: Sequence[str] | None = None,
) -> Poses:
    """Put the rows (N, D) of a table, of which ``keys`` name the columns, at their frames.

    ``index`` (N,) holds the frames, and ``tracks`` the individuals where each has its own rows.
    Frames without a row are missing. It is a FileError if the frames are none, or come twice.
    """
    rows, first, length = frame_rows(path, index)
    of_tracks = tracks is not None
    tracks = list(tracks or [""] * len(rows))
    names = list(dict.fromkeys(tracks))
    numbers = {name: number for number, name in enumerate(names)}
    labels = np.array([numbers[one] for one in tracks], dtype=np.int64)
    twins, counts = np.unique(rows * len(names) + labels, return_counts=True)
    if counts.max() > 1:
        frame = first + int(twins[counts > 1][0]) // len(names)
        cure = "keep one of them, or tell animals apart by a column 'track'"
        message = f"has two rows for frame {frame}: {cure}"
        if of_tracks:
            message = f"has two animals of one track in frame {frame}: track them in SLEAP first"
        raise FileError.at(path, message)
    width = values.shape[1]
    require_width(path, len(names) * width)
    # The last column stands for a missing confidence.
    placed = np.full((length, len(names) * width + 1), np.nan)
    for label in range(len(names)):
        own = labels == label
        placed[rows[own], label * width : (label + 1) * width] = values[own]
    if len(names) > 1:
        keys = [(name or "untracked", point, part) for name in names for _, point, part in keys]
    return _of_points(path, keys, placed, first, least)


def _of_points(path: Path, keys: Sequence[Key], placed: Values, first: int, least: float) -> Poses:
    points: dict[tuple[str, str], dict[str, int]] = {}
    for position, (individual, point, part) in enumerate(keys):
        if not part:  # as of a column that someone added
            continue
        parts = points.setdefault((clean(individual), clean(point)), {})
        if part in parts:
            name = ".".join(filter(None, (clean(individual), clean(point), part)))
            raise FileError.at(path, f"has two columns {quote(name)}")
        parts[part] = position
    if not points:
        raise FileError.at(path, "holds no track and point")
    several = len({individual for individual, _ in points}) > 1
    columns: list[str] = []
    places: list[int] = []
    scores: list[int] = []
    corners: list[str] = []
    unused: dict[str, None] = {}
    for (individual, point), parts in points.items():
        axes = [axis for axis in AXES if axis in parts]
        if not axes:
            raise FileError.at(path, f"has no coordinates of {quote(point)}")
        name = f"{individual}.{point}" if several else point
        columns += [f"{name}.{axis}" for axis in axes]
        places += [parts[axis] for axis in axes]
        score = next((parts[word] for word in CONFIDENCES if word in parts), -1)
        scores += [score] * len(axes)
        unused.update(dict.fromkeys(one for one in parts if one not in (*AXES, *CONFIDENCES)))
        # Some trackers put points that they did not see into the corner.
        corner = (placed[:, [parts[axis] for axis in axes]] == 0).all(axis=1)
        unseen = corner & (placed[:, score] == 0)
        if score < 0 and not corner.all():
            unseen = corner
            corners += [name] * bool(corner.any())
        placed[np.ix_(unseen, [parts[axis] for axis in axes])] = np.nan
    confidences, remarks = placed[:, scores], []
    rated = np.array(scores) >= 0
    if rated.any() and np.isnan(confidences[:, rated]).all():
        remarks.append("Its confidences are all missing, so all of its points count as sure.")
    elif rated.any() and (highest := np.nanmax(confidences[:, rated])) > 2:
        percent = highest <= 100
        confidences = confidences / 100 if percent else np.full_like(confidences, np.nan)
        taken = "they were taken for percent" if percent else "all of its points count as sure"
        remarks.append(f"Its confidences go up to {highest:g}, and not to 1: {taken}.")
    if corners:
        remarks.append(f"Places of {listing(corners, 6)} at 0 were taken for points not seen.")
    if unused:
        remarks.append(f"Left out of each point: {listing(list(unused), 6)}.")
    return Poses(columns, placed[:, places], confidences, first, least, None, None, tuple(remarks))


def frame_rows(path: Path, index: NDArray[np.generic]) -> tuple[NDArray[np.int64], int, int]:
    """Return the row of each frame, the first frame, and the number of rows to the last."""
    if index.dtype.kind not in "fiu":
        raise FileError.at(path, "has no frame numbers: labelled images are not a recording")
    frames = np.asarray(index, dtype=np.float64)
    if not len(frames):
        raise FileError.at(path, "is empty: it holds no frame")
    if not (np.isfinite(frames).all() and (frames == np.round(frames)).all() and frames.min() >= 0):
        message = "numbers its frames with other than whole numbers from 0 on"
        raise FileError.at(path, f"{message}: leave that column out if it is none of frames")
    first, length = int(frames.min()), int(frames.max() - frames.min()) + 1
    if length > 100 * len(frames) + 1000:
        some = f"{len(frames)} of {length:,} frames"
        raise FileError.at(path, f"holds only {some}: labelled images are not a recording")
    return frames.astype(np.int64) - first, first, length


def clean(name: str) -> str:
    """Replace the dots of a name, so that it can stand between those of a column."""
    return re.sub(r"\.+", "_", name.strip())
