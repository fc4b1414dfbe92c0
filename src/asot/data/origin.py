"""Where features come from: the file, what made them of it, and when each frame is.

::

    DATA/features/<recording>.npy   (N, D) float32
    DATA/times/<recording>.npy      (N + 1,) float64, seconds; see ``asot.timeline.timelines``
    DATA/origins/<recording>.json   an Origin; written last, so that it marks what is finished
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import DataError, Defect
from asot.files import write_array, write_json
from asot.text import listing, plural
from asot.timeline.timelines import require_times


@dataclass(frozen=True)
class Origin:
    """Where the features of one recording come from.

    Parameters
    ----------
    kind : str
        "video", "series", "pose" or "features" (taken as they were).
    path : str
        The file, absolute.
    fingerprint : str
        Of its content.
    extractor : dict
        All that decides the features but the file: the backbone and its weights, the sampling,
        the preparation. Plain JSON values. Features of two extractors do not go together.
    media : dict
        What the file says of itself: for a video ``start_s``, ``end_s``, ``frame_rate``,
        ``width``, ``height``, ``codec``, ``rotation``; for others ``columns``.
    remarks : list of str
        What people should know, such as damaged frames: sentences.
    """

    kind: str
    path: str
    fingerprint: str
    extractor: dict[str, Any]
    media: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def write_features(
    root: Path,
    name: str,
    features: NDArray[np.float32],
    times: NDArray[np.float64] | None,
    origin: Origin,
) -> None:
    """Write one recording: features (N, D), times (N + 1,) if any, and last of all its origin."""
    origin_path(root, name).unlink(missing_ok=True)
    write_array(root / "features" / f"{name}.npy", np.asarray(features, dtype=np.float32))
    if times is None:
        times_path(root, name).unlink(missing_ok=True)
    else:
        write_array(times_path(root, name), require_times(times, len(features)))
    write_json(origin_path(root, name), asdict(origin))


def origin_path(root: Path, name: str) -> Path:
    """The origin's file of a recording."""
    return root / "origins" / f"{name}.json"


def times_path(root: Path, name: str) -> Path:
    """The times' file of a recording."""
    return root / "times" / f"{name}.npy"


def read_origin(path: Path) -> Origin | None:
    """Read an origin; None where there is none.

    Raises
    ------
    DataError
        If the file is there but is no origin.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    known = {one.name for one in fields(Origin)}
    if (
        not isinstance(values, dict)
        or not {"kind", "path", "fingerprint", "extractor"} <= set(values) <= known
    ):
        raise DataError(f"{path} does not say where features come from: extract them again.")
    return Origin(**values)


def finished_origin(root: Path, name: str) -> Origin | None:
    """The origin of a recording whose features and times are there; None for any other."""
    arrays = (root / "features" / f"{name}.npy", times_path(root, name))
    if not all(one.is_file() for one in arrays):
        return None
    try:
        return read_origin(origin_path(root, name))
    except DataError:
        return None


def read_times(path: Path, n_frames: int) -> NDArray[np.float64]:
    """The times (N + 1,) of a recording of N frames.

    Raises
    ------
    DataError
        If the file cannot be read, or does not fit the frames.
    """
    try:
        return require_times(np.load(path, allow_pickle=False), n_frames)
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).rstrip(".")
        raise DataError(f"{path} cannot be used: {reason}. Extract the features again.") from error


def origin_problems(root: Path, names: Sequence[str]) -> list[Defect]:
    """Find out whether the features of a folder go together.

    Parameters
    ----------
    root : Path
        The data folder.
    names : sequence of str
        Its recordings.

    Returns
    -------
    list of Defect
        One where features were made in different ways, or are not finished; none for a folder
        that says nothing of where its features come from.
    """
    folder = root / "origins"
    if not folder.is_dir():
        return []
    ways: dict[str, list[str]] = {}
    bare = []
    for name in names:
        try:
            origin = read_origin(origin_path(root, name))
        except DataError as error:
            return [Defect(folder, None, str(error).rstrip("."))]
        if origin is None:
            bare.append(name)
        else:
            ways.setdefault(json.dumps(origin.extractor, sort_keys=True), []).append(name)
    if bare and ways:
        message = (
            f"says nothing of {plural(len(bare), 'recording')} in features/ ({listing(bare)}), "
            "which are unfinished or made by something else: extract them again, or move them"
        )
        return [Defect(folder, None, message)]
    if len(ways) > 1:
        (first, one), (second, other) = list(ways.items())[:2]
        difference = _difference(json.loads(first), json.loads(second))
        message = (
            f"features were made in different ways and cannot be used together: {one[0]} and "
            f"{other[0]} differ in {difference}; extract all of them the same way"
        )
        return [Defect(folder, None, message)]
    return []


def _difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    """The first setting in which two extractors differ, with both values."""
    for key in sorted({*one, *other}):
        ours, theirs = one.get(key), other.get(key)
        if ours != theirs:
            if isinstance(ours, dict) and isinstance(theirs, dict):
                return f"{key}.{_difference(ours, theirs)}"
            return f"{key} ({ours} and {theirs})"
    return "nothing"
