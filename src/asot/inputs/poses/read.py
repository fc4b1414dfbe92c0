"""Poses over time, in tables, HDF5 and NWB.

DeepLabCut: A. Mathis et al., Nature Neuroscience 2018. SLEAP: T. Pereira et al., Nature Methods
2022. NWB: ndx-pose, https://github.com/rly/ndx-pose.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import AsotError, FileError
from asot.files import require_file
from asot.inputs.kinds import ARRAYS, HDF5, PARQUET, TEXTS, OfTable, content
from asot.inputs.poses.hdf5 import read_dlc, read_edges, read_nwb, read_sleap
from asot.inputs.poses.headers import flat, least_of, name_levels
from asot.inputs.poses.places import Poses, clean, place
from asot.inputs.poses.tables import find_poses, read_poses
from asot.inputs.series.signals import Series, fill_gaps
from asot.strangers import open_hdf5
from asot.text import listing, quote

SUFFIXES = (*TEXTS, *PARQUET, *ARRAYS, *HDF5)


def kind_of(path: Path, asked: OfTable | None = None, skip_lines: int | None = None) -> OfTable:
    """Tell poses from other signals by the head of a file, or take what is ``asked`` for."""
    require_file(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise FileError.at(
            path, f"is not a recording that asot reads ({', '.join(filter(None, SUFFIXES))})"
        )
    if suffix in HDF5:
        if content(path) != "table":
            raise FileError.at(path, "is not an HDF5 file, or is damaged")
        if asked == "series":
            cure = "leave out --kind series"
            raise FileError.at(path, f"is HDF5, of which only poses are read: {cure}")
        return "pose"
    if suffix in ARRAYS:
        if asked == "pose":
            cure = "leave out --kind pose"
            raise FileError.at(path, f"is an array, whose columns have no names: {cure}")
        return "series"
    if asked is not None:
        return asked
    return "series" if find_poses(path, skip_lines=skip_lines) is None else "pose"


def read_pose(
    path: Path,
    *,
    rate: float | None,
    time_unit: str | None = None,
    min_confidence: float | None = None,
    columns: Sequence[str] | None = None,
    skip_lines: int | None = None,
) -> Series:
    """Read poses of one or more animals from DeepLabCut's or SLEAP's file, or one laid out alike.

    ``rate`` is the frames a second of the video: most poses say in which frame they were, not when.
    Without it a column of times is read, in the unit ``time_unit`` if its name gives none.
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
    if path.suffix.lower() in HDF5:
        poses = _read_hdf5(path)
    else:
        table = find_poses(path, sure=False, skip_lines=skip_lines)
        if table is None:
            raise FileError.at(path, "is not a table of poses: no point in its header has x and y")
        poses = read_poses(table, rate, time_unit)
    if rate is None and poses.times is None:
        message = "holds poses, whose frames have no times: give the frames a second (--rate)"
        raise FileError.at(path, message)
    least = poses.least if min_confidence is None else min_confidence
    names, values = poses.columns, np.where(poses.scores < least, np.nan, poses.values)
    if len(values) < 2:
        raise FileError.at(path, f"holds {len(values)} frames; at least 2 are needed")
    chosen = range(len(names)) if columns is None else _choose(path, names, columns)
    times, start = poses.times, poses.start
    if rate is not None or times is None:
        times, start = (poses.first + np.arange(len(values) + 1)) / (rate or 1.0), None
    what = f"missing or below the confidence of {least:g}" if least > 0 else "missing"
    own = [names[i] for i in chosen]
    filled, kept, remarks = fill_gaps(values[:, list(chosen)], own, times, what)
    if not kept:
        cure = "; --min_confidence 0 takes all" if np.isfinite(poses.values).any() else ""
        raise FileError.at(path, f"holds no point: all are {what}{cure}")
    for one in columns or ():
        if not any(names[i] in kept for i in _choose(path, names, [one])):
            raise FileError.at(path, f"holds no place of {quote(one)}, which was asked for: {what}")
    said = (*poses.remarks, *remarks)
    return Series(filled, kept, times, start, said, edges=poses.edges)


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


def _read_hdf5(path: Path) -> Poses:
    try:
        with open_hdf5(path) as file:
            if "tracks" in file and "node_names" in file:
                tracks, points, places, scores = read_sleap(path, file)
                keys = list(itertools.product(tracks, points, ("x", "y", "score")))
                values = np.concatenate([places, scores[..., None]], axis=-1)
                values = values.reshape(len(values), -1)
                poses = place(path, keys, np.arange(len(values)), values, least_of(keys))
                return replace(poses, edges=_cleaned(read_edges(path, file)))
            if "nwb_version" in file.attrs:
                return replace(read_nwb(path, file), edges=_cleaned(read_edges(path, file)))
            names, levels, index, values = read_dlc(path, file)
        return _of_levels(path, names, levels, index, values)
    except (AsotError, MemoryError):
        raise
    except Exception as error:  # a damaged file may raise anything, in h5py and after
        message = "is damaged, or of a layout that asot does not know: export it as CSV"
        raise FileError.at(path, message) from error


def _cleaned(edges: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((clean(one), clean(other)) for one, other in edges)


def _of_levels(
    path: Path,
    names: Sequence[tuple[str, ...]],
    levels: Sequence[str],
    index: NDArray[Any],
    values: NDArray[np.float64],
) -> Poses:
    """Take a table of pandas apart, whose columns have names of one level or several."""
    if len(levels) > 1:
        keys = name_levels([level.lower() for level in levels], names)
        least = least_of(keys)
        return place(path, keys, index, values, least)
    header = flat([name[0] for name in names], sure=False)
    if header is None:
        columns = listing([name[0] for name in names], 6)
        raise FileError.at(path, f"holds no points with x and y, but {columns}: export it as CSV")
    if header.frame is not None:
        index = values[:, header.frame]
    return place(path, header.keys, index, values[:, header.places], least_of(header.keys))
