"""Arrays that are made once, and kept within a budget of memory, and beyond it in a file."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

KEPT_BYTES = 2**26  # in memory, of each sequence: 120 recordings of Breakfast in 64 columns
FREE_BYTES = 2**31  # of the disk, that are left to others

_KEEPING = threading.Lock()


class Kept(Sequence[NDArray[Any]]):
    """A sequence of arrays, each made when it is first indexed.

    64 MiB of them stay in memory, unless it ``keeps`` none. With ``in_file`` the others go to a
    temporary file in ``folder``, or in the system's own; it has no name where the system allows
    that, so that it vanishes with the process. What fits neither is made anew at each use.
    """

    def __init__(
        self, count: int, *, keeps: bool = True, in_file: bool = False, folder: Path | None = None
    ) -> None:
        self.folder = folder
        self._count = count
        self._keeps = keeps
        self._in_file = in_file
        self._arrays: dict[int, NDArray[Any]] = {}
        self._places: dict[int, tuple[int, tuple[int, ...], np.dtype[Any]]] = {}
        self._bytes = 0
        self._file: Any = None

    def _make(self, index: int) -> NDArray[Any]:
        raise NotImplementedError

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if index in self._arrays:
            return self._arrays[index]
        if index in self._places:
            return self._read(*self._places[index])
        made = self._make(index)
        with _KEEPING:
            if self._keeps and index not in self._arrays and index not in self._places:
                self._keep(index, made)
        return made

    def _keep(self, index: int, made: NDArray[Any]) -> None:
        if self._bytes + made.nbytes <= KEPT_BYTES:
            self._arrays[index] = made
            self._bytes += made.nbytes
        elif self._in_file:
            try:
                self._write(index, made)
            except OSError:
                self._in_file = False

    def _write(self, index: int, made: NDArray[Any]) -> None:
        folder = self.folder or Path(gettempdir())
        if shutil.disk_usage(folder).free < FREE_BYTES + made.nbytes:
            return
        if self._file is None:
            self._file = TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115
            finalize(self, self._file.close)
        start = self._file.seek(0, os.SEEK_END)
        if self._file.write(np.ascontiguousarray(made).data) == made.nbytes:
            self._places[index] = start, made.shape, made.dtype

    def _read(self, start: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        # Read and not mapped: each map would be an open file, and its pages memory of the process.
        found = np.empty(shape, dtype)
        with _KEEPING:
            self._file.seek(start)
            self._file.readinto(found.data)
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_arrays": {}, "_places": {}, "_bytes": 0, "_file": None}
