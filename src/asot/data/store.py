"""Text features, parsed once: a memory-mapped ``.npy`` copy beside the text or in the cache.

The copy is float32: it is what the models compute in, half the size of float64, and its seven
digits are more than features measured on images or sensors carry.

A copy ``<text>.npy`` comes with a sidecar ``<text>.json`` that is written after it. The sidecar
holds the size and time of the text, of the copy, and the shape. Whatever does not agree with it is
stale or half-written, and is made anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.data.npyfiles import map_npy
from asot.data.textfiles import parse_features
from asot.errors import FileError
from asot.files import atomic_path, require_file, save_array, write_text

FOLDER = ".asot-store"
_FORMAT = 1
# A file system's clock ticks every few milliseconds; two changes within a tick look like one.
_TICK_NS = 20_000_000

logger = logging.getLogger(__name__)


def open_text(path: str | Path) -> NDArray[np.float32]:
    """Open the features of a text file, parsing it only if there is no valid copy yet.

    Parameters
    ----------
    path : path-like
        The text: one line a frame, numbers separated by blanks.

    Returns
    -------
    (N, D) float32 array
        Mapped into memory, read-only. In memory only if the copy can be written neither beside
        the text (in ``.asot-store``) nor in the user's cache (see :func:`cache_folder`).

    Raises
    ------
    FileError
        A :class:`~asot.errors.DataError` that names the line of each kind of defect.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "recording.txt"
    >>> _ = path.write_text("1 2\\n3 4\\n5 6\\n")
    >>> open_text(path).shape
    (3, 2)
    """
    path = Path(path)
    source = _signature(require_file(path))
    places = _places(path)
    for place in places:
        stored = _load(place, source)
        if stored is not None:
            return stored
    features, source = _parse(path)
    for place in places:
        if _sealed(place.parent):
            continue
        try:
            _save(place, features, source)
        except OSError as error:
            logger.debug("cannot write the feature store %s: %s", place, error)
            continue
        stored = _load(place, source)
        if stored is not None:
            return stored
    logger.warning("no feature store can be written for %s: it is parsed at each use", path)
    return features


def cache_folder() -> Path | None:
    """Find the user's cache: ``$ASOT_CACHE``, ``$XDG_CACHE_HOME/asot`` or ``~/.cache/asot``.

    Returns
    -------
    Path or None
        The folder, which may not exist yet; None when there is no home folder either.
    """
    if os.environ.get("ASOT_CACHE"):
        return Path(os.environ["ASOT_CACHE"])
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]) / "asot"
    try:
        return Path.home() / ".cache" / "asot"
    except RuntimeError:
        return None


def _places(path: Path) -> list[Path]:
    """List where the copy of a text can be, without suffix, the preferred place first."""
    places = [path.parent / FOLDER / path.name]
    cache = cache_folder()
    if cache is not None:
        key = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
        places.append(cache / "features" / key)
    return places


def _sealed(folder: Path) -> bool:
    """Tell whether a folder, or the first above it that exists, lets nobody write.

    The mode is asked because a superuser can write where the owner wants nobody to.
    """
    for candidate in (folder, *folder.parents):
        try:
            return candidate.stat().st_mode & 0o222 == 0
        except OSError:
            continue
    return False


def _signature(found: os.stat_result) -> dict[str, int]:
    return {"size": found.st_size, "mtime_ns": found.st_mtime_ns}


def _parse(path: Path) -> tuple[NDArray[np.float32], dict[str, int]]:
    """Parse a text and return it with the signature it had throughout."""
    for _ in range(3):
        source = _signature(require_file(path))
        age = time.time_ns() - source["mtime_ns"]
        if 0 <= age < _TICK_NS:
            time.sleep((_TICK_NS - age) / 1e9)
        features = parse_features(path)
        if _signature(require_file(path)) == source:
            return features, source
    raise FileError.at(path, "changes while it is read: wait until it is complete")


def _beside(place: Path, suffix: str) -> Path:
    return place.with_name(place.name + suffix)


def _save(place: Path, features: NDArray[np.float32], source: dict[str, int]) -> None:
    """Write copy and sidecar, each in one step, so that two writers cannot spoil each other."""
    with atomic_path(_beside(place, ".npy")) as temporary:
        save_array(temporary, features)
        # The copy bears the time of its text: a sidecar never fits the copy of another version.
        os.utime(temporary, ns=(source["mtime_ns"], source["mtime_ns"]))
        store = _signature(temporary.stat())
    sidecar = _sidecar(source, store, features.shape)
    write_text(_beside(place, ".json"), json.dumps(sidecar))


def _sidecar(source: Any, store: Any, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"format": _FORMAT, "source": source, "store": store, "shape": list(shape)}


def _load(place: Path, source: dict[str, int]) -> NDArray[np.float32] | None:
    """Map the copy at ``place``, or return None if it is missing, stale or half-written."""
    copy = _beside(place, ".npy")
    try:
        sidecar = json.loads(_beside(place, ".json").read_text(encoding="utf-8"))
        store = _signature(copy.stat())
        features = map_npy(copy)
    except (OSError, ValueError, RecursionError, FileError):
        return None
    if sidecar != _sidecar(source, store, features.shape) or features.dtype != np.float32:
        return None
    return features
