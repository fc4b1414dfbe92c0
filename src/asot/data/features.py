"""Features on disk: ``.npy`` files mapped into memory, and text that is parsed once into such a file.

The copy of a text is float32: it is what the models compute in, half the size of float64, and its
seven digits are more than features measured on images or sensors carry. Beside the copy lies a
sidecar, written after it, with the size and time of the text and of the copy. A copy that does not
agree with its sidecar is stale or half-written, and is made anew.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec
import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from asot.data.textfiles import parse_features
from asot.errors import FileError, unreadable
from asot.files import atomic_path, require_file, save_array, write_json
from asot.schema import read_json

SUFFIXES = (".npy", ".txt")
FOLDER = ".asot-store"
_FORMAT = 1
# A file system's clock ticks every few milliseconds; two changes within a tick look like one.
_TICK_NS = 20_000_000
_BLOCK = 1 << 20  # numbers looked at together, so that a mapped file is never read whole

logger = logging.getLogger(__name__)


class FeatureFile:
    """The features of one recording in a ``.npy`` or ``.txt`` file, opened once in each process.

    It pickles as its path alone, so that each worker process maps the file for itself.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._features: NDArray[np.float32] | None = None
        self._checked: _Version | None = None

    def open(self) -> NDArray[np.float32]:
        """Open the (N, D) float32 features: finite, read-only, mapped where the file allows it."""
        if self._features is None:
            if self.path.suffix == ".txt":
                self._features = open_text(self.path)
            else:
                self._features = self._open_npy()
        return self._features

    @property
    def shape(self) -> tuple[int, int]:
        """Frames and columns; of a ``.npy`` file only the header is read."""
        if self._features is None and self.path.suffix != ".txt":
            frames, width = _header(self.path, 2)[0]
        else:
            frames, width = self.open().shape
        return frames, width

    def _open_npy(self) -> NDArray[np.float32]:
        features = map_array(self.path)
        if features.dtype != np.float32:
            with np.errstate(over="ignore"):
                features = np.array(features, dtype=np.float32)
        version = _Version.of(require_file(self.path))
        if version != self._checked:
            _require_finite(self.path, features)
            self._checked = version
        return features

    def __getstate__(self) -> dict[str, Any]:
        # A pickled map would carry the whole file; what was checked stays checked.
        return {**self.__dict__, "_features": None}


def map_array(path: Path, dimensions: int = 2) -> NDArray[Any]:
    """Map a ``.npy`` file of real numbers into memory, read-only and in its own type.

    Nothing is unpickled, and the header is checked against the file's size before memory is taken.

    Raises
    ------
    FileError
        If the file is not a ``.npy`` file, is cut, is empty, or holds something other than real
        numbers in so many dimensions.
    """
    shape, fortran, dtype, offset = _header(path, dimensions)
    order: Any = "F" if fortran else "C"
    try:
        return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape, order=order)
    except (OSError, ValueError) as error:
        raise FileError.at(path, unreadable(error)) from error


def npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Read shape, order ("F" or not) and type of a ``.npy`` stream, or raise ValueError."""
    version = npy_format.read_magic(stream)
    # Version 3 differs from 2 only for field names, which numbers do not have.
    if version == (1, 0):
        shape, fortran, dtype = npy_format.read_array_header_1_0(stream)
    else:
        shape, fortran, dtype = npy_format.read_array_header_2_0(stream)
    if min(shape, default=0) < 0:
        raise ValueError("a negative shape")
    return shape, fortran, dtype


def _header(path: Path, dimensions: int) -> tuple[Any, bool, np.dtype[np.generic], int]:
    """Read and check shape, order, type and first byte of the values of a ``.npy`` file."""
    size = require_file(path).st_size
    if size == 0:
        raise FileError.at(path, "is empty")
    try:
        with path.open("rb") as stream:
            archive = stream.read(4) == b"PK\x03\x04"
            stream.seek(0)
            shape, fortran, dtype = ((), False, np.dtype("f4")) if archive else npy_header(stream)
            offset = stream.tell()
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    except Exception as error:  # NumPy evaluates the header as Python: anything can come out
        raise FileError.at(path, "is not an .npy file, or is damaged") from error
    if archive:
        raise FileError.at(path, "is an .npz archive, not an .npy file: save one array")
    if dtype.hasobject:
        raise FileError.at(path, "holds Python objects: save an array of numbers instead")
    if dtype.kind not in "fiub":
        raise FileError.at(path, f"holds values of type {dtype}, not real numbers")
    if len(shape) != dimensions:
        needed = "(frames, columns)" if dimensions == 2 else f"{dimensions} dimension(s)"
        raise FileError.at(path, f"has shape {shape} where {needed} are needed")
    if 0 in shape:
        raise FileError.at(path, f"is empty: its shape is {shape}")
    wanted = offset + dtype.itemsize * math.prod(shape)
    if size < wanted:
        message = f"is truncated: {size:,} bytes where its header announces {wanted:,}"
        raise FileError.at(path, message)
    return shape, fortran, dtype, offset


def blocks(features: NDArray[np.floating[Any]]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield features a few thousand frames at a time, each block with its first frame."""
    step = max(1, _BLOCK // features.shape[1])
    for start in range(0, features.shape[0], step):
        yield start, np.asarray(features[start : start + step])


def _require_finite(path: Path, features: NDArray[np.float32]) -> None:
    count, first = 0, ""
    for start, block in blocks(features):
        if np.isfinite(block).all():
            continue
        bad = ~np.isfinite(block)
        frames = np.flatnonzero(bad.any(axis=1))
        if not count:
            column = int(np.flatnonzero(bad[frames[0]])[0])
            value = block[frames[0], column]
            what = "NaN" if np.isnan(value) else "infinite or too large for float32"
            first = f"column {column} of frame {start + int(frames[0])} (from 0) is {what}"
        count += len(frames)
    if count:
        raise FileError.at(path, first + (f"; {count:,} frames have such values" * (count > 1)))


class _Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What tells one state of a file from another."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> _Version:
        return cls(found.st_size, found.st_mtime_ns)


class _Sidecar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a copy was made of, and what it is."""

    format: int
    source: _Version
    store: _Version
    shape: tuple[int, int]


def open_text(path: str | Path) -> NDArray[np.float32]:
    """Open the features of a text file, parsing it only if there is no valid copy yet.

    The copy lies beside the text in ``.asot-store``, or in the user's cache
    (:func:`cache_folder`) where that folder cannot be written. Where neither can be written, the
    features are in memory and not mapped.

    Raises
    ------
    FileError
        With the first line of each kind of defect.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "recording.txt"
    >>> _ = path.write_text("1 2\\n3 4\\n5 6\\n")
    >>> open_text(path).shape
    (3, 2)
    """
    path = Path(path)
    source = _Version.of(require_file(path))
    places = [path.parent / FOLDER / path.name]
    cache = cache_folder()
    if cache is not None:
        key = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
        places.append(cache / "features" / key)
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
    """Return ``$ASOT_CACHE``, ``$XDG_CACHE_HOME/asot`` or ``~/.cache/asot``; None without a home."""
    if os.environ.get("ASOT_CACHE"):
        return Path(os.environ["ASOT_CACHE"])
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]) / "asot"
    try:
        return Path.home() / ".cache" / "asot"
    except RuntimeError:
        return None


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


def _parse(path: Path) -> tuple[NDArray[np.float32], _Version]:
    """Parse a text and return it with the version it had throughout."""
    for _ in range(3):
        source = _Version.of(require_file(path))
        age = time.time_ns() - source.mtime_ns
        if 0 <= age < _TICK_NS:
            time.sleep((_TICK_NS - age) / 1e9)
        features = parse_features(path)
        if _Version.of(require_file(path)) == source:
            return features, source
    raise FileError.at(path, "changes while it is read: wait until it is complete")


def _beside(place: Path, suffix: str) -> Path:
    return place.with_name(place.name + suffix)


def _save(place: Path, features: NDArray[np.float32], source: _Version) -> None:
    """Write copy and sidecar, each in one step, so that two writers cannot spoil each other."""
    with atomic_path(_beside(place, ".npy")) as temporary:
        save_array(temporary, features)
        # The copy bears the time of its text: a sidecar never fits the copy of another version.
        os.utime(temporary, ns=(source.mtime_ns, source.mtime_ns))
        store = _Version.of(temporary.stat())
    frames, width = features.shape
    sidecar = _Sidecar(_FORMAT, source, store, (frames, width))
    write_json(_beside(place, ".json"), msgspec.to_builtins(sidecar))


def _load(place: Path, source: _Version) -> NDArray[np.float32] | None:
    """Map the copy at ``place``, or return None if it is missing, stale or half-written."""
    copy = _beside(place, ".npy")
    try:
        sidecar = read_json(_beside(place, ".json"), _Sidecar)
        features = map_array(copy)
        store = _Version.of(copy.stat())
    except (OSError, FileError):
        return None
    frames, width = features.shape
    agrees = sidecar == _Sidecar(_FORMAT, source, store, (frames, width))
    return features if agrees and features.dtype == np.float32 else None
