"""Features in ``.npy`` files: checked by their header, mapped into memory, never unpickled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from asot.errors import Defect, FileError, unreadable
from asot.files import require_file

_BLOCK = 1 << 20  # numbers looked at together, so that a mapped file is never read whole


@dataclass(frozen=True)
class NpyHeader:
    """What the head of a ``.npy`` file says.

    Parameters
    ----------
    shape : (int, int)
        Frames and columns.
    fortran : bool
        Whether the values lie column by column.
    dtype : numpy.dtype
        Their type.
    offset : int
        Where they begin, in bytes.
    """

    shape: tuple[int, int]
    fortran: bool
    dtype: np.dtype[np.generic]
    offset: int


def read_header(path: Path) -> NpyHeader:
    """Read and check the header of a ``.npy`` file of features.

    Raises
    ------
    FileError
        If it is no ``.npy`` file, is truncated, or holds something other than a two-dimensional,
        non-empty array of real numbers.
    """
    size = require_file(path).st_size
    if size == 0:
        raise FileError.at(path, "is empty")
    try:
        with path.open("rb") as stream:
            if stream.read(4) == b"PK\x03\x04":
                raise FileError.at(path, "is an .npz archive, not an .npy file: save one array")
            stream.seek(0)
            version = npy_format.read_magic(stream)
            # Version 3 differs from 2 only for field names, which features do not have.
            read = npy_format.read_array_header_1_0
            if version != (1, 0):
                read = npy_format.read_array_header_2_0
            shape, fortran, dtype = read(stream)
            offset = stream.tell()
    except FileError:
        raise
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    except Exception as error:  # NumPy evaluates the header as Python: anything can come out
        raise FileError.at(path, "is not an .npy file, or is damaged") from error
    _check_header(path, shape, dtype)
    wanted = offset + dtype.itemsize * shape[0] * shape[1]
    if size < wanted:
        message = f"is truncated: {size:,} bytes where its header announces {wanted:,}"
        raise FileError.at(path, message)
    return NpyHeader((shape[0], shape[1]), fortran, dtype, offset)


def _check_header(path: Path, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
    if dtype.hasobject:
        raise FileError.at(path, "holds Python objects: save an array of numbers instead")
    if dtype.kind not in "fiub":
        raise FileError.at(path, f"holds values of type {dtype}, not real numbers")
    if len(shape) != 2:
        raise FileError.at(
            path, f"has shape {shape}: features have two dimensions, (frames, columns)"
        )
    if min(shape) < 0:
        raise FileError.at(path, "is not an .npy file, or is damaged")
    if min(shape) == 0:
        raise FileError.at(path, f"is empty: its shape is {shape}")


def map_matrix(path: Path) -> NDArray[Any]:
    """Map a ``.npy`` file into memory, read-only, as the (N, D) array of its own type.

    Raises
    ------
    FileError
        If the header does not pass :func:`read_header`.
    """
    header = read_header(path)
    try:
        return np.memmap(
            path,
            dtype=header.dtype,
            mode="r",
            offset=header.offset,
            shape=header.shape,
            order="F" if header.fortran else "C",
        )
    except (OSError, ValueError) as error:
        raise FileError.at(path, unreadable(error)) from error


def map_npy(path: Path) -> NDArray[np.float32]:
    """Open the features of a ``.npy`` file.

    Returns
    -------
    (N, D) float32 array
        Read-only and mapped into memory if the file holds float32; otherwise converted, which
        reads the whole file.

    Raises
    ------
    FileError
        If the header does not pass :func:`read_header`.
    """
    mapped = map_matrix(path)
    if mapped.dtype == np.float32 and mapped.dtype.isnative:
        return mapped
    with np.errstate(over="ignore"):
        return np.array(mapped, dtype=np.float32)


def blocks(features: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield features a few thousand frames at a time, each block with its first frame."""
    step = max(1, _BLOCK // features.shape[1])
    for start in range(0, features.shape[0], step):
        yield start, np.asarray(features[start : start + step])


def finite_problem(path: Path, features: NDArray[np.float32]) -> Defect | None:
    """Find the frames of an opened ``.npy`` file that hold NaN or infinity."""
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
    if not count:
        return None
    return Defect(path, None, first + (f"; {count:,} frames have such values" * (count > 1)))
