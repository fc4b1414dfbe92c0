"""Features as the network takes them: float32, and standardised where the recipe asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.data import standardise
from asot.errors import DataError

CACHE_BYTES = 2 * 1024**3


class PreparedFeatures(Sequence[NDArray[np.float32]]):
    """A lazy sequence of prepared (N_i, D) arrays over recordings' features.

    Parameters
    ----------
    features : sequence of (N_i, D) arrays
        May be lazy; each is opened when it is indexed.
    standardised : bool
        Whether to standardise each recording.
    width : int, optional
        D that every recording must have; the first one's unless given.

    Raises
    ------
    DataError
        When a recording of another width is indexed.
    """

    def __init__(
        self, features: Sequence[NDArray[Any]], standardised: bool, width: int | None = None
    ) -> None:
        self._features = features
        self._standardised = standardised
        self._kept: dict[int, NDArray[np.float32]] = {}
        self._kept_bytes = 0
        self.width = int(features[0].shape[1]) if width is None else width

    def __len__(self) -> int:
        return len(self._features)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index in self._kept:
            return self._kept[index]
        raw = self._features[index]
        if raw.shape[1] != self.width:
            raise DataError(
                f"Recording {index} has {raw.shape[1]} feature columns, but {self.width} are "
                "expected: features must come from the same extractor."
            )
        if not self._standardised:
            return raw if raw.dtype == np.float32 else np.asarray(raw, dtype=np.float32)
        prepared = standardise(raw)
        # Standardising reads a whole recording: keep what fits rather than do it every epoch.
        if self._kept_bytes + prepared.nbytes <= CACHE_BYTES:
            self._kept[index] = prepared
            self._kept_bytes += prepared.nbytes
        return prepared
