"""Features on disk: ``.npy`` files mapped into memory, and texts parsed once into such files.

The copy of a text is float32, in which the models compute: half the size of float64, and its seven
digits are more than features of images or sensors carry. A sidecar, written after the copy, holds
the size and time of both. A copy that disagrees with its sidecar is stale or half-written.
"""

from __future__ import annotations

import hashlib
import io
import logging
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from asot.data.textfiles import parse_features
from asot.errors import FileError, unreadable
from asot.files import atomic_path, require_file, save_array, write_json
from asot.remote import cache_folder, fetch, file_size, read_parts
from asot.schema import read_json

SUFFIXES = (".npy", ".txt")
FOLDER = ".asot-store"
_FORMAT = 1
# A file system's clock ticks every few milliseconds; two changes within a tick look like one.
_TICK_NS = 20_000_000
_HEADER = 1 << 16  # bytes that hold the header of an array of numbers
_BLOCK = 1 << 20  # numbers looked at together, so that a mapped file is never read whole

logger = logging.getLogger(__name__)


class FeatureFile:
    """The features of one recording in a ``.npy`` or ``.txt`` file, open as long as they are used.

    A map holds its file open, and the pages that were read count as memory of the process: so it
    is not kept here. A ``transposed`` file is (D, N). It pickles without what was read.
    """

    def __init__(self, path: Path, transposed: bool = False) -> None:
        self.path = path
        self.transposed = transposed
        self._parsed: NDArray[np.float32] | None = None
        self._checked: dict[str, int] | None = None

    def open(self) -> NDArray[np.float32]:
        """Open the (N, D) float32 features: finite, read-only, mapped where the file allows it."""
        if self.path.suffix != ".txt":
            return self._open_npy()
        features = open_text(self.path) if self._parsed is None else self._parsed
        if not isinstance(features, np.memmap):  # a text that cannot be stored is parsed once
            self._parsed = features
        return self._turned(features)

    @property
    def shape(self) -> tuple[int, int]:
        """Return the numbers of frames and columns; of a ``.npy`` file only the header is read."""
        if self.path.suffix == ".txt":
            frames, width = self.open().shape
            return frames, width
        frames, width = _header(self.path, 2)[0]
        return (width, frames) if self.transposed else (frames, width)

    def _turned(self, features: NDArray[Any]) -> NDArray[Any]:
        return features.T if self.transposed else features

    def _open_npy(self) -> NDArray[np.float32]:
        features = self._turned(map_array(self.path))
        if features.dtype != np.float32:
            with np.errstate(over="ignore"):
                features = np.array(features, dtype=np.float32)
        version = _version(require_file(self.path))
        if version != self._checked:
            _require_finite(self.path, features)
            self._checked = version
        return features

    def __getstate__(self) -> dict[str, Any]:
        # A checked file stays checked.
        return {**self.__dict__, "_parsed": None}


def map_array(path: Path, dimensions: int = 2) -> NDArray[Any]:
    """Map a ``.npy`` file of real numbers into memory, read-only and in its own type.

    Nothing is unpickled. A file whose header does not fit its size, or that holds other than real
    numbers in so many ``dimensions``, is a FileError before memory is taken for it.
    """
    shape, fortran, dtype, offset = _header(path, dimensions)
    fetch(path)
    order: Any = "F" if fortran else "C"
    try:
        return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape, order=order)
    except (OSError, ValueError) as error:
        raise FileError.at(path, unreadable(error)) from error


def npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic], int]:
    """Read shape, Fortran order, type and length of a ``.npy`` header, or raise a ValueError."""
    try:
        # Version 3 differs from 2 only for field names, which numbers do not have.
        first = npy_format.read_magic(stream) == (1, 0)
        read = npy_format.read_array_header_1_0 if first else npy_format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    except OSError:
        raise
    except Exception as error:  # NumPy evaluates the header as Python: anything can come out
        raise ValueError("is not an .npy file, or is damaged") from error
    if min(shape, default=0) < 0:
        raise ValueError("is not an .npy file, or is damaged")
    return shape, fortran, dtype, stream.tell()


def _header(path: Path, dimensions: int) -> tuple[Any, bool, np.dtype[np.generic], int]:
    """Read and check shape, order, type and first byte of the values of a ``.npy`` file."""
    require_file(path, away=True)
    size = file_size(path)
    if size == 0:
        raise FileError.at(path, "is empty")
    try:
        head = read_parts(path, [(0, _HEADER)])[0]
        if head.startswith(b"PK\x03\x04"):
            raise ValueError("is an .npz archive, not an .npy file: save one array")
        shape, fortran, dtype, offset = npy_header(io.BytesIO(head))
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    except ValueError as error:
        raise FileError.at(path, str(error)) from error
    wanted = offset + dtype.itemsize * math.prod(shape)
    needed = "(frames, columns)" if dimensions == 2 else "one dimension"
    broken = ""
    if dtype.hasobject:
        broken = "holds Python objects: save an array of numbers instead"
    elif dtype.kind not in "fiub":
        broken = f"holds values of type {dtype}, not real numbers"
    elif len(shape) != dimensions:
        broken = f"has shape {shape} where {needed} is needed"
    elif 0 in shape:
        broken = f"is empty: its shape is {shape}"
    elif size < wanted:
        broken = f"is truncated: {size:,} bytes where its header announces {wanted:,}"
    if broken:
        raise FileError.at(path, broken)
    return shape, fortran, dtype, offset


def blocks(features: NDArray[np.floating[Any]]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield features a few thousand frames at a time, each block with its first frame."""
    step = max(1, _BLOCK // features.shape[1])
    for start in range(0, features.shape[0], step):
        yield start, np.asarray(features[start : start + step])


def _require_finite(path: Path, features: NDArray[np.float32]) -> None:
    frames = [
        start + int(i)
        for start, block in blocks(features)
        if not np.isfinite(block).all()
        for i in np.flatnonzero(~np.isfinite(block).all(axis=1))
    ]
    if frames:
        row = np.asarray(features[frames[0]])
        column = int(np.flatnonzero(~np.isfinite(row))[0])
        what = "NaN" if np.isnan(row[column]) else "infinite or too large for float32"
        more = f"; {len(frames):,} frames have such values" if len(frames) > 1 else ""
        raise FileError.at(path, f"column {column} of frame {frames[0]} (from 0) is {what}{more}")


def open_text(path: str | Path) -> NDArray[np.float32]:
    """Open the features of a text file, and parse it only if it has no valid copy yet.

    The copy lies beside the text in ``.asot-store``, or else in the user's cache. If neither can be
    written, the features are in memory and not mapped.
    """
    path = Path(path)
    places = [path.parent / FOLDER / path.name]
    cache = cache_folder()
    if cache is not None:
        key = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
        places.append(cache / "features" / key)
    source = _version(require_file(path))
    for place in places:
        if (stored := _load(place, source)) is not None:
            return stored
    features, source = _parse(path)
    for place in places:
        if not _sealed(place.parent):
            try:
                if place == places[0] and not place.parent.exists():
                    what = "holds features in text: what was parsed is kept in"
                    logger.warning("%s %s %s, which may be removed.", path.parent, what, FOLDER)
                _save(place, features, source)
            except OSError as error:
                logger.debug("cannot write the feature store %s: %s", place, error)
            if (stored := _load(place, source)) is not None:
                return stored
    logger.warning("no feature store can be written for %s: it is parsed at each use", path)
    return features


def _sealed(folder: Path) -> bool:
    """Tell whether the mode of a folder, or of the first above it that exists, forbids writing.

    A superuser could write there, against the will of the owner.
    """
    for candidate in (folder, *folder.parents):
        try:
            return candidate.stat().st_mode & 0o222 == 0
        except OSError:
            continue
    return False


def _version(found: os.stat_result) -> dict[str, int]:
    """Return the size and time that tell two states of a file apart."""
    return {"size": found.st_size, "mtime_ns": found.st_mtime_ns}


def _parse(path: Path) -> tuple[NDArray[np.float32], dict[str, int]]:
    """Parse a text; return its features and the version that the file had throughout."""
    for _ in range(3):
        source = _version(require_file(path))
        age = time.time_ns() - source["mtime_ns"]
        if 0 <= age < _TICK_NS:
            time.sleep((_TICK_NS - age) / 1e9)
        features = parse_features(path)
        if _version(require_file(path)) == source:
            return features, source
    raise FileError.at(path, "changes while it is read: wait until it is complete")


def _save(place: Path, features: NDArray[np.float32], source: dict[str, int]) -> None:
    """Write copy and sidecar, each atomically, so that two writers do not spoil each other."""
    with atomic_path(place.with_name(f"{place.name}.npy")) as temporary:
        save_array(temporary, features)
        # The copy bears the time of its text: a sidecar never fits the copy of another version.
        os.utime(temporary, ns=(source["mtime_ns"], source["mtime_ns"]))
        sidecar = _sidecar(features, source, temporary.stat())
    write_json(place.with_name(f"{place.name}.json"), sidecar)


def _load(place: Path, source: dict[str, int]) -> NDArray[np.float32] | None:
    """Map the copy at ``place``, or return None if it is missing, stale or half-written."""
    copy = place.with_name(f"{place.name}.npy")
    try:
        found = read_json(place.with_name(f"{place.name}.json"), dict[str, Any])
        features = map_array(copy)
        agrees = found == _sidecar(features, source, copy.stat())
    except (OSError, FileError):
        return None
    return features if agrees and features.dtype == np.float32 else None


def _sidecar(
    features: NDArray[np.float32], source: dict[str, int], copy: os.stat_result
) -> dict[str, Any]:
    shape = list(features.shape)
    return {"format": _FORMAT, "source": source, "store": _version(copy), "shape": shape}
