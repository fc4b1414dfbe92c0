"""The store of an unfinished extraction, from which a killed extraction resumes."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import DataError
from asot.files import write_json
from asot.locks import lock
from asot.schema import read_json

# The time of a sampled frame, a checksum of some of its pixels, and the state of the decoding.
MOMENT = np.dtype([("time_s", "<f8"), ("checksum", "<u4"), ("state", "<u4")])
# To reach the frame again, seek to it; count from the start; count so with a single thread.
SOUND, REPAIRED, DAMAGED = 0, 1, 2
# Added to the state of a row that repeats the frame before, which is shown for long.
HELD = 4


class Partial:
    """The features and moments of an unfinished recording, in hidden files beside its features.

    Batches are appended to two files of plain rows. A batch that reached the disk only in part is
    dropped, and so are batches of another ``state``, plain JSON values, or ``batch_size``. Only one
    process at a time may open them; another gets a DataError.
    """

    def __init__(self, target: Path, state: Mapping[str, Any], width: int, batch_size: int) -> None:
        self._width = width
        # Short suffixes, so that files with long names still fit into a folder.
        self._rows = target.with_name(f".{target.stem}.rows")
        self._moments = target.with_name(f".{target.stem}.when")
        self._state = target.with_name(f".{target.stem}.what")
        target.parent.mkdir(parents=True, exist_ok=True)
        wanted = json.loads(json.dumps({**state, "batch_size": batch_size}))
        for path in (self._rows, self._moments):
            if path.is_symlink():  # what it leads to is none of ours
                path.unlink()
        # Unbuffered, so that a kill loses nothing.
        self._to_rows = self._rows.open("ab", buffering=0)
        if lock(self._to_rows) is False:
            self._to_rows.close()
            cure = "wait for it, or choose another folder"
            message = f"{target} is being made by another process: {cure}."
            raise DataError(message, file=target)
        self._to_moments = self._moments.open("ab", buffering=0)
        try:
            known = read_json(self._state, dict[str, Any], urls=True) == wanted
        except DataError:
            known = False
        sizes = self._rows.stat().st_size, self._moments.stat().st_size
        whole = min(sizes[0] // (4 * width), sizes[1] // MOMENT.itemsize)
        whole -= whole % batch_size
        in_order = bool((np.diff(self.moments["time_s"][:whole]) > 0).all())
        self._cut(whole if known and in_order else 0)
        write_json(self._state, wanted)

    def __enter__(self) -> Partial:
        return self

    def __exit__(self, *failure: object) -> None:
        self._to_rows.close()
        self._to_moments.close()

    @property
    def moments(self) -> NDArray[Any]:
        """Return the frames made so far: an array of ``MOMENT``."""
        return np.fromfile(self._moments, dtype=MOMENT)

    @property
    def features(self) -> NDArray[np.float32]:
        """Return the features made so far, at least one: (N, D), mapped into memory."""
        rows: NDArray[np.float32] = np.memmap(self._rows, dtype="<f4", mode="r")
        return rows.reshape(-1, self._width)

    def append(self, features: NDArray[np.float32], moments: NDArray[Any]) -> None:
        """Add a batch: features (B, D) and their moments (B,)."""
        _write_all(self._to_rows, features.astype("<f4", copy=False).tobytes())
        # A loss of power must not leave moments of features that never reached the disk.
        os.fsync(self._to_rows.fileno())
        _write_all(self._to_moments, moments.astype(MOMENT, copy=False).tobytes())

    def clear(self) -> None:
        """Drop all frames made so far."""
        self._cut(0)

    def remove(self) -> None:
        """Remove the files of the store, which are closed first, as Windows wants it."""
        self.__exit__()
        for path in (self._state, self._rows, self._moments):
            path.unlink(missing_ok=True)

    def _cut(self, n_rows: int) -> None:
        os.truncate(self._rows, 4 * self._width * n_rows)
        os.truncate(self._moments, MOMENT.itemsize * n_rows)


def remove_stores(folder: Path, finished: Collection[str]) -> None:
    """Remove the stores of recordings that are finished, where a kill came in between."""
    for path in folder.glob(".*"):
        if path.suffix in (".rows", ".when", ".what") and path.stem[1:] in finished:
            path.unlink(missing_ok=True)


def _write_all(stream: Any, content: bytes) -> None:
    # An unbuffered write may take only a part on a disk that is nearly full.
    view = memoryview(content)
    while view:
        view = view[stream.write(view) :]
