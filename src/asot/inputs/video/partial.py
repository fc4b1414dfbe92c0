"""What an extraction has made so far, on disk, so that a killed one goes on where it was."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from asot.errors import DataError
from asot.files import atomic_path, write_json

# Of each sampled frame: its time, a checksum of some of its pixels, and what the rules of
# ``asot.inputs.video.decoding`` had been needed for by then.
MOMENT = np.dtype([("time_s", "<f8"), ("checksum", "<u4"), ("state", "<u4")])
# The frame can be found by seeking; only by counting from the start; only so and by one thread.
SOUND, REPAIRED, DAMAGED = 0, 1, 2


class Partial:
    """The features and moments of an unfinished recording, in hidden files beside its features.

    Batches are appended to two files of plain rows. A batch of which a part alone reached the disk
    counts as not made. One process at a time may hold them.

    Parameters
    ----------
    features : Path
        The ``.npy`` file that they will become.
    state : mapping
        What they are made of and how, as plain JSON values. What was made differently is dropped.
    width : int
        D.
    batch_size : int
        Rows that come at once.

    Raises
    ------
    DataError
        If another process is at the same recording.
    """

    def __init__(
        self, features: Path, state: Mapping[str, Any], width: int, batch_size: int
    ) -> None:
        self._out = features
        self._width = width
        # Two names of one length at most, so that any that fits for features fits here.
        self._rows = features.with_name(f".{features.stem}.rows")
        self._moments = features.with_name(f".{features.stem}.when")
        self._state = features.with_name(f".{features.stem}.what")
        features.parent.mkdir(parents=True, exist_ok=True)
        wanted = {**state, "batch_size": batch_size}
        # Unbuffered, so that a kill loses nothing.
        self._to_rows = self._rows.open("ab", buffering=0)
        if not _lock(self._to_rows):
            self._to_rows.close()
            raise DataError(
                f"{features} is being made by another process: wait for it, or choose another "
                "folder."
            )
        self._to_moments = self._moments.open("ab", buffering=0)
        known = self._stored_state() == json.loads(json.dumps(wanted))
        whole = min(_size(self._rows) // (4 * width), _size(self._moments) // MOMENT.itemsize)
        whole -= whole % batch_size
        in_order = bool((np.diff(self.moments["time_s"][:whole]) > 0).all())
        self._cut(whole if known and in_order else 0)
        write_json(self._state, wanted)

    def __enter__(self) -> Partial:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    @property
    def moments(self) -> NDArray[Any]:
        """The frames made so far: an array of ``MOMENT``."""
        return np.fromfile(self._moments, dtype=MOMENT)

    def append(self, features: NDArray[np.float32], moments: NDArray[Any]) -> None:
        """Add a batch: features (B, D) and their moments (B,)."""
        _write_all(self._to_rows, features.astype("<f4", copy=False).tobytes())
        _write_all(self._to_moments, moments.astype(MOMENT, copy=False).tobytes())

    def clear(self) -> None:
        """Begin anew."""
        self._cut(0)

    def write_features(self) -> None:
        """Write the ``.npy`` file, a block at a time."""
        n_rows = _size(self._rows) // (4 * self._width)
        header = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, self._width)}
        with atomic_path(self._out) as temporary, temporary.open("wb") as out:
            npy_format.write_array_header_1_0(out, header)
            with self._rows.open("rb") as rows:
                shutil.copyfileobj(rows, out, 1 << 20)

    def remove(self) -> None:
        """Remove its files."""
        for path in (self._state, self._rows, self._moments):
            path.unlink(missing_ok=True)

    def _cut(self, n_rows: int) -> None:
        os.truncate(self._rows, 4 * self._width * n_rows)
        os.truncate(self._moments, MOMENT.itemsize * n_rows)

    def _close(self) -> None:
        self._to_rows.close()
        self._to_moments.close()

    def _stored_state(self) -> Any:
        try:
            return json.loads(self._state.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _lock(stream: Any) -> bool:
    """Lock an open file for this process, if no other has it; always where there are no locks."""
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a disk of the network that knows no locks
        return True
    return True


def _write_all(stream: Any, content: bytes) -> None:
    # An unbuffered write may take a part, where a disk is nearly full.
    view = memoryview(content)
    while view:
        view = view[stream.write(view) :]
