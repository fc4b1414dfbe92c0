"""The origin of features: their file, what made them of it, and the times of their frames.

::

    DATA/features/<recording>.npy   (N, D) float32
    DATA/times/<recording>.npy      (N + 1,) float64, seconds; see ``asot.timeline.segments``
    DATA/origins/<recording>.json   an Origin; written last, so that it marks what is finished
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from asot.data.features import map_array
from asot.errors import ArgumentError, Defect, FileError
from asot.files import remove, write_array, write_json
from asot.schema import convert, first_difference, read_json
from asot.text import listing, plural
from asot.timeline.segments import require_times


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The origin of the features of one recording."""

    kind: Literal["video", "series", "pose", "features"]  # "features" were taken as they are
    path: str  # of the file, absolute
    fingerprint: str  # tells the file's content from any other
    # All that decides the features but the file, in plain JSON values: the backbone and its
    # weights, the sampling, the preparation. Features of two extractors do not go together.
    extractor: dict[str, Any]
    # The file's description of itself: of a video start_s, end_s, frame_rate, width, height, codec
    # and rotation; of other files columns.
    media: dict[str, Any] = {}
    remarks: list[str] = []  # sentences for people, as on damaged frames

    @property
    def video(self) -> Path | None:
        """Return the video of the recording: its own file, or the one that was given with it."""
        path = self.path if self.kind == "video" else self.media.get("video")
        return None if path is None else Path(path)

    @property
    def video_fingerprint(self) -> str:
        """Return the fingerprint of that video, empty where it was not taken."""
        noted = self.fingerprint if self.kind == "video" else self.media.get("video_fingerprint")
        return noted or ""

    @property
    def video_shift_s(self) -> float:
        """Return the seconds by which the video's clock is ahead of the recording's."""
        return float(self.media.get("video_shift_s", 0.0))


class _Media(msgspec.Struct):
    """The types of those values of ``media`` that asot uses."""

    start_s: float = 0.0
    frame_rate: float | None = None
    columns: list[str] = []
    rate: float | None = None
    rows: int = 0
    points_rate: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    edges: list[tuple[str, str]] = []
    skeleton: list[tuple[str, str]] = []
    video: str | None = None
    video_fingerprint: str = ""
    video_shift_s: float = 0.0
    video_start_s: float = 0.0
    video_rate: float | None = None
    video_remark: str = ""


class _Settings(msgspec.Struct, frozen=True):
    """The types of those settings of poses that asot uses again."""

    rate: float | None = None
    body_axis: tuple[str, str] | None = None
    egocentric: bool = True


class _Extractor(msgspec.Struct):
    """The types of those values of ``extractor`` that asot uses again."""

    settings: _Settings = _Settings()


def write_features(
    root: Path,
    name: str,
    features: NDArray[np.float32],
    times: NDArray[np.float64] | None,
    origin: Origin,
) -> None:
    """Write one recording: features (N, D), times (N + 1,) if any, and last of all its origin."""
    remove(origin_path(root, name))
    write_array(root / "features" / f"{name}.npy", np.asarray(features, dtype=np.float32))
    if times is None:
        remove(times_path(root, name))
    else:
        write_array(times_path(root, name), require_times(times, len(features)))
    write_json(origin_path(root, name), msgspec.to_builtins(origin))


def origin_path(root: Path, name: str) -> Path:
    """Return the file of a recording's origin."""
    return root / "origins" / f"{name}.json"


def times_path(root: Path, name: str) -> Path:
    """Return the file of a recording's times."""
    return root / "times" / f"{name}.npy"


def read_origin(path: Path) -> Origin | None:
    """Read an origin; return None without the file, raise a FileError if it is malformed."""
    if not os.path.lexists(path):
        return None
    cure = "extract the features again"
    origin = read_json(path, Origin, cure, urls=True)
    convert(path, origin.media, _Media, cure)
    if origin.kind == "pose":
        convert(path, origin.extractor, _Extractor, cure)
    return origin


def read_times(path: Path, n_frames: int) -> NDArray[np.float64]:
    """Read the (N + 1,) times of a recording of N frames; raise a FileError if they misfit."""
    try:
        return require_times(np.array(map_array(path, 1)), n_frames)
    except (FileError, ArgumentError) as error:
        reason = error.problems[0].message if isinstance(error, FileError) else str(error)
    reason = reason.rstrip(".")
    raise FileError.at(path, f"cannot be used: {reason}: extract the features again")


def origin_problems(root: Path, names: Sequence[str]) -> list[Defect]:
    """List the reason, if any, why the features of a data folder do not go together."""
    folder = root / "origins"
    first: tuple[str, dict[str, Any]] | None = None
    difference, bare = "", []
    for name in names:
        try:
            origin = read_origin(origin_path(root, name))
        except FileError as error:
            return list(error.problems)
        if origin is None:
            bare.append(name)
        elif first is None:
            first = name, origin.extractor
        elif not difference:
            setting = first_difference(first[1], origin.extractor, form="{} ({!r} and {!r})")
            cure = "extract all of them the same way"
            if (setting or "").startswith("columns "):
                cure += ", in one call, which finds the columns that they share"
            if setting is not None:
                difference = f"{first[0]} and {name} differ in {setting}; {cure}"
    message = ""
    if bare and first is not None:
        message = (
            f"says nothing of {plural(len(bare), 'recording')} in features/ ({listing(bare)}), "
            "which are unfinished or made by something else: extract them again, or move them"
        )
    elif difference:
        message = f"features were made in different ways and cannot be used together: {difference}"
    return [Defect(folder, None, message)] if message else []
