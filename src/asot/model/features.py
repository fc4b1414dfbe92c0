"""Features as the network takes them: float32, and standardised where the recipe asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.data import standardise
from asot.errors import DataError

CACHE_BYTES = 2 * 1024**3


def prepare(features: ArrayLike, standardised: bool) -> NDArray[np.float32]:
    """One recording's (N, D) features as the network takes them.

    Parameters
    ----------
    features : (N, D) array-like
        One row a frame.
    standardised : bool
        Whether to standardise them.

    Returns
    -------
    (N, D) float32 array
        May be ``features`` itself, and then read-only where that is.
    """
    return standardise(features) if standardised else np.asarray(features, dtype=np.float32)


class TrainingFeatures(Sequence[NDArray[np.float32]]):
    """Recordings as a training takes them: (N_i, D) float32 arrays of one width.

    Attributes
    ----------
    width : int
        D.
    """

    width: int


class PreparedFeatures(TrainingFeatures):
    """A lazy sequence of prepared (N_i, D) arrays over recordings' features, to go over often.

    Parameters
    ----------
    features : sequence of (N_i, D) arrays
        May be lazy; each is opened when it is indexed.
    standardised : bool
        Whether to standardise each recording.

    Attributes
    ----------
    width : int
        D, that of the first recording.

    Raises
    ------
    DataError
        When a recording of another width is indexed.
    """

    def __init__(self, features: Sequence[NDArray[Any]], standardised: bool) -> None:
        self._features = features
        self._standardised = standardised
        self._kept: dict[int, NDArray[np.float32]] = {}
        self._kept_bytes = 0
        self.width = int(features[0].shape[1])

    @classmethod
    def of(cls, features: Sequence[NDArray[Any]], standardised: bool) -> PreparedFeatures:
        """Prepared features, which ``features`` may be already."""
        return features if isinstance(features, cls) else cls(features, standardised)

    def __len__(self) -> int:
        return len(self._features)

    def __getitem__(self, index: Any) -> Any:
        if index in self._kept:
            return self._kept[index]
        raw = self._features[index]
        if raw.shape[1] != self.width:
            raise DataError(
                f"Recording {index} has {raw.shape[1]} feature columns, but {self.width} are "
                "expected: features must come from the same extractor."
            )
        prepared = prepare(raw, self._standardised)
        # Standardising reads a whole recording: keep what fits rather than do it every epoch.
        if self._standardised and self._kept_bytes + prepared.nbytes <= CACHE_BYTES:
            self._kept[index] = prepared
            self._kept_bytes += prepared.nbytes
        return prepared
