"""Timelines as netCDF files with a label a frame, and such labels of movement's data sets back.

A file a recording, with ``action`` and ``confidence`` beside the ``time`` at which each frame
begins, as movement keeps events (its example "Annotate and load events with BORIS"). Frames without
an action are called ``background``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from asot.errors import FileError
from asot.export.annotations import Annotation, known_name, of_tier
from asot.export.common import actions, require_lines
from asot.files import atomic_path, require_file
from asot.strangers import open_hdf5, texts, values
from asot.text import file_stems, recording_name
from asot.timeline.segments import BACKGROUND, Interval, Timeline, run_lengths

# What a data set may say that it is of: this library's word, and movement's.
_NAMES = ("recording", "source_file")


def write_netcdf(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write an ``.nc`` file for each recording into the folder ``out``."""
    require_lines(actions(timelines), "netCDF")
    times = [one.seconds for one in timelines]
    stems = file_stems([one.recording for one in timelines])
    paths = [out / f"{stem}.nc" for stem in stems]
    for path, timeline, edges in zip(paths, timelines, times, strict=True):
        with atomic_path(path) as temporary:
            _write(temporary, timeline, edges[:-1])
    return paths


def read_netcdf(path: Path, known: Iterable[str] = (), tier: str | None = None) -> list[Interval]:
    """Read the labels that a data set holds beside its ``time``; a tier is what they are called.

    Each frame lasts until the next one begins. The recording is the data set's ``recording``, or
    else has the name of its ``source_file`` or of this file.
    """
    require_file(path)
    try:
        with path.open("rb") as stream:
            classic = stream.read(3) == b"CDF"
        labels, times, named = (_classic if classic else _hdf5)(path)
        steps = np.diff(times)
        if times.ndim != 1 or not times.size or not (steps > 0).all():
            raise ValueError("times must rise")
    # h5py has a RuntimeError for some of what is damaged.
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
        rule = "is not a netCDF file with labels beside its time, or is damaged"
        raise FileError.at(path, rule) from error
    recording = known_name([*named, recording_name(path.stem), path.stem], known)
    edges = [*times.tolist(), float(times[-1] + (np.median(steps) if len(steps) else 1.0))]
    found = [
        Annotation(recording, edges[start], edges[end], value, (name,))
        for name, texts in labels.items()
        for start, end, value in zip(*run_lengths(texts), strict=True)
        if value not in ("", "nan")
    ]
    return of_tier(path, found, tier)


Labels: TypeAlias = tuple[dict[str, np.ndarray], np.ndarray, list[str]]


def _classic(path: Path) -> Labels:
    """Read labels, times and names of the recording from the classic format."""
    from scipy.io import netcdf_file

    with netcdf_file(path, mmap=False) as file:
        times = np.array(file.variables["time"][:], dtype=np.float64)
        labels = {
            name: np.array([row.tobytes().decode().rstrip("\0") for row in one[:]])
            for name, one in file.variables.items()
            if one.dimensions[:1] == ("time",) and one.typecode() == "c"
        }
        found = (getattr(file, name, b"") for name in _NAMES)
        return labels, times, [one.decode() for one in found if one]


def _hdf5(path: Path) -> Labels:
    """Read labels, times and names of the recording from the format that is HDF5."""
    with open_hdf5(path, "reading netCDF") as file:
        times = np.array(values(path, file["time"]), dtype=np.float64)
        labels = {
            name: np.array(texts(path, one), dtype=str)
            for name, one in file.items()
            if getattr(one, "shape", None) == times.shape and one.dtype.kind in "OS"
        }
        found = (file.attrs.get(name, "") for name in _NAMES)
        return labels, times, [str(one) for one in found if one]


def _write(path: Path, timeline: Timeline, starts: np.ndarray) -> None:
    from scipy.io import netcdf_file

    labels = np.full(timeline.n_frames, BACKGROUND.encode(), dtype=object)
    sure = np.full(timeline.n_frames, math.nan)
    for row in timeline.rows:
        labels[row.start_frame : row.end_frame] = row.action.encode()
        sure[row.start_frame : row.end_frame] = (
            math.nan if row.confidence is None else row.confidence
        )
    width = max(map(len, labels), default=1)
    characters = np.array(labels, dtype=f"S{width}").view("S1").reshape(-1, width)
    # The second version of netCDF's classic format, whose files may be larger than 2 GB.
    with netcdf_file(path, "w", version=2) as file:
        file.createDimension("time", timeline.n_frames)
        file.createDimension(f"string{width}", width)
        file.coordinates = "action confidence"
        file.recording = timeline.recording.encode()
        for name, values in (("time", starts), ("confidence", sure)):
            file.createVariable(name, "f8", ("time",))[:] = values
        file.createVariable("action", "c", ("time", f"string{width}"))[:] = characters
        file.variables["action"]._Encoding = "utf-8"
