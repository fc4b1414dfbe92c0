"""What strangers prepare: files that claim more than they hold, and what leads elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from asot.errors import FileError, MissingExtraError
from asot.files import MANY, TIMES, require_file
from asot.text import printable


def require_inside(folder: Path, *parts: str) -> None:
    """Refuse a folder of results, yet to be written to, of which a part leads out of it.

    ``parts`` are the folders in it that are looked at, all unless some are named.

    Whoever prepared it would have files written, and removed, elsewhere. Links to files do no harm:
    files are replaced as a whole, and so are the links.

    Raises
    ------
    FileError
        With the link, and where it leads.
    """
    root = folder.resolve()
    tops = [root / part for part in parts]
    below = (
        Path(at, name) for top in tops or [root] for at, names, _ in os.walk(top) for name in names
    )
    for path in (*tops, *below):
        real = Path(os.path.realpath(path))
        if real != path and not real.is_relative_to(root):
            what = f"leads out of the results, to {printable(real)}"
            cure = "put the folder itself there, or choose another --out"
            raise FileError.at(path, f"{what}: {cure}")


def require_likely(path: Path, size: int) -> None:
    """Refuse a file whose contents would take ``size`` bytes of memory where it is far smaller.

    A few bytes can announce, or unpack to, more than any memory holds.

    Raises
    ------
    FileError
        If the contents are large, and no such file of measurements could be packed so well.
    """
    packed = path.stat().st_size
    if size > MANY and size > TIMES * packed:
        what = f"would unpack to {size / 1e6:,.0f} MB from {packed / 1e6:,.3f} MB"
        raise FileError.at(
            path, f"{what}: it is damaged; if it is not, save it without compression"
        )


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
