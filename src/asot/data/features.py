"""A features file on disk, opened when it is first needed and once in each process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.data.npyfiles import finite_problem, map_npy, read_header
from asot.data.store import open_text
from asot.errors import FileError
from asot.files import require_file

SUFFIXES = (".npy", ".txt")


class FeatureFile:
    """The features of one recording, in a ``.npy`` or ``.txt`` file.

    It pickles as its path alone, so that each worker process maps the file for itself.

    Parameters
    ----------
    path : Path
        The file; its suffix decides how it is read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._features: NDArray[np.float32] | None = None
        self._checked: tuple[int, int] | None = None

    def open(self) -> NDArray[np.float32]:
        """Open the features.

        Returns
        -------
        (N, D) float32 array
            Every value finite; read-only and mapped into memory where the file allows it.

        Raises
        ------
        FileError
            A :class:`~asot.errors.DataError` that names the file, and line or frame.
        """
        if self._features is None:
            if self.path.suffix == ".npy":
                features = map_npy(self.path)
                self._require_finite(features)
            else:
                features = open_text(self.path)
            self._features = features
        return self._features

    @property
    def shape(self) -> tuple[int, int]:
        """Frames and columns; of a ``.npy`` file only the header is read."""
        if self._features is None and self.path.suffix == ".npy":
            return read_header(self.path).shape
        frames, width = self.open().shape
        return frames, width

    def _require_finite(self, features: NDArray[np.float32]) -> None:
        found = require_file(self.path)
        version = (found.st_size, found.st_mtime_ns)
        if version == self._checked:
            return
        problem = finite_problem(self.path, features)
        if problem is not None:
            raise FileError.of([problem])
        self._checked = version

    def __getstate__(self) -> dict[str, Any]:
        # A pickled map would carry the whole file; what was checked stays checked.
        return {**self.__dict__, "_features": None}
