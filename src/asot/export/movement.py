"""Timelines as netCDF files with a label a frame, for data sets of movement and xarray.

A file a recording, with ``action`` and ``confidence`` beside the ``time`` at which each frame
begins, as movement keeps events (its example "Annotate and load events with BORIS"). Frames without
an action are called ``background``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from asot.export.common import actions, require_lines
from asot.files import atomic_path
from asot.text import file_stems
from asot.timeline.segments import BACKGROUND, Timeline


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
