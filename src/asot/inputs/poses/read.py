"""Poses over time: the tables of DeepLabCut and of SLEAP, in CSV and HDF5."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from asot.errors import FileError
from asot.files import require_file
from asot.inputs.poses.tables import read_pose_hdf5, read_pose_text, text_layout
from asot.inputs.series.model import Series, fill_gaps
from asot.inputs.series.tables import PARQUET_SUFFIXES, TEXT_SUFFIXES
from asot.inputs.series.text import look_at
from asot.text import listing, quote

HDF5_SUFFIXES = (".h5", ".hdf5")
SUFFIXES = (*TEXT_SUFFIXES, *PARQUET_SUFFIXES, ".npy", *HDF5_SUFFIXES)
_HDF5 = b"\x89HDF\r\n\x1a\n"


def kind_of(path: str | os.PathLike[str]) -> Literal["series", "pose"]:
    """Tell poses from other signals by a look at the file's head.

    Raises
    ------
    DataError
        If the file is missing, empty, or of no kind that asot reads.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mouse.csv"
    >>> _ = path.write_text("scorer,DLC,DLC\\nbodyparts,nose,nose\\ncoords,x,y\\n0,1.5,2.5\\n")
    >>> kind_of(path)
    'pose'
    """
    path = Path(path)
    require_file(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise FileError.at(path, f"is no recording that asot reads ({', '.join(SUFFIXES)})")
    if suffix in HDF5_SUFFIXES:
        with path.open("rb") as stream:
            if stream.read(8) != _HDF5:
                raise FileError.at(path, "is not an HDF5 file, or is damaged")
        return "pose"
    if suffix not in TEXT_SUFFIXES:
        return "series"
    dialect = look_at(path)
    if {"frame_idx", "node", "x", "y"} <= set(dialect.header or ()):
        raise FileError.at(
            path, "has a row for each point: export it from SLEAP as analysis CSV or HDF5"
        )
    return "series" if text_layout(dialect) is None else "pose"


def read_pose(
    path: str | os.PathLike[str],
    *,
    rate: float | None,
    min_confidence: float | None = None,
    columns: Sequence[str] | None = None,
) -> Series:
    """Read poses from a table of DeepLabCut or SLEAP.

    Points that the tracker is not sure of count as missing, and missing ones are filled in with
    straight lines. A point that is never there is left out.

    Parameters
    ----------
    path : path-like
        DeepLabCut's CSV or HDF5, of one animal or several; SLEAP's analysis CSV or HDF5.
    rate : float
        Frames a second of the video: poses say in which frame they were, not when.
    min_confidence : float, optional
        Points of lower likelihood or score are taken as missing. By default 0.6 for DeepLabCut,
        and 0 for SLEAP, which leaves out such points by itself.
    columns : sequence of str, optional
        What to read, in this order: columns such as "nose.x", points such as "nose" or
        "mouse1.nose", or individuals such as "mouse1". All by default.

    Returns
    -------
    Series
        Pixels, or the unit of the file. Columns ``point.x`` and ``point.y``, with the individual
        before them where there are several: ``mouse1.nose.x``. Dots in names become ``_``.

    Raises
    ------
    DataError
        If the file is no such table, there is no ``rate``, or a point that was asked for is not
        there.
    MissingExtraError
        If pandas, or h5py for HDF5, is not installed.

    References
    ----------
    DeepLabCut: A. Mathis et al., Nature Neuroscience 2018. SLEAP: T. Pereira et al., Nature
    Methods 2022.

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
    path = Path(path)
    require_file(path)
    if rate is None:
        raise FileError.at(
            path, "holds poses, whose frames have no times: give the frames a second (--rate)"
        )
    poses = read_pose_hdf5(path) if path.suffix.lower() in HDF5_SUFFIXES else read_pose_text(path)
    least = poses.confidence if min_confidence is None else min_confidence
    names: list[str] = []
    arrays = []
    for name, axes, places, scores in zip(
        poses.names, poses.axes, poses.places, poses.scores, strict=True
    ):
        names += [f"{name}.{axis}" for axis in axes]
        arrays.append(np.where((scores < least)[:, None], np.nan, places))
    values = np.concatenate(arrays, axis=1)
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
