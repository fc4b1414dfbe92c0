"""HDF5 as a stranger may write it: it can claim more than it holds, and lead to other files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asot.errors import FileError, MissingExtraError
from asot.files import require_file, require_likely


def open_hdf5(path: Path, purpose: str = "Reading HDF5", extra: str = "series") -> Any:
    """Open an HDF5 file for reading.

    Raises
    ------
    FileError
        If it is damaged, or leads to another file: whoever made it could have a reader open any.
    MissingExtraError
        Without h5py.
    """
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise MissingExtraError("h5py", extra, purpose) from error
    require_file(path)
    try:
        file = h5py.File(path, "r")
    except (OSError, RuntimeError) as error:
        raise FileError.at(path, "is not an HDF5 file, or is damaged") from error
    try:
        links = file.id.links
        outward = links.visit(
            lambda name: name if links.get_info(name).type == h5py.h5l.TYPE_EXTERNAL else None
        )
    except RuntimeError as error:
        file.close()
        raise FileError.at(path, "is not an HDF5 file, or is damaged") from error
    if outward is not None:
        file.close()
        cure = "copy what it links to into this one, as h5copy does"
        raise FileError.at(path, f"links to another file, which is not read: {cure}")
    return file


def require_own(path: Path, dataset: Any) -> None:
    """Refuse a data set whose values lie in another file, or are far more than the file's size."""
    if dataset.external or dataset.is_virtual:
        message = f"has the values of {dataset.name} in another file, which is not read"
        raise FileError.at(path, f"{message}: copy them into this one")
    require_likely(path, dataset.size * dataset.dtype.itemsize)


def values(path: Path, dataset: Any) -> Any:
    """Read a whole data set, after :func:`require_own`."""
    require_own(path, dataset)
    return dataset[()]


def texts(path: Path, dataset: Any) -> list[str]:
    """Read a data set of texts as :func:`values` does."""
    values(path, dataset)
    return list(dataset.asstr()[()])
