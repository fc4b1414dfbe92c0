"""What the methods to compare with have in common: they segment one recording at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from asot.errors import require_integer
from asot.model.features import PreparedFeatures, prepare
from asot.model.segmenter import NotFittedError, Segmenter, as_came, read_recordings

Segmented = tuple[NDArray[np.int64], float | None]
Self = TypeVar("Self", bound="Baseline")
Rows = TypeVar("Rows", bound=NDArray[Any])


class Baseline(Segmenter, ABC):
    """A method that learns from all recordings, if at all, and then segments each by itself.

    Attributes
    ----------
    labels_ : list of (N_i,) int64 arrays
        Labels of the recordings that were fitted.
    n_features_in_ : int
        Columns of the features.
    objective_ : float
        What the method minimises, per fitted frame; lower is better. It has seen no labels, so
        that a seed may be chosen by it. Only where the method minimises something.
    """

    n_actions: int
    standardise: bool

    def fit(self: Self, X: Any, y: Any = None) -> Self:
        """Learn from recordings, and segment them.

        Parameters
        ----------
        X : list of (N_i, D) arrays, one (N, D) array, or a lazy sequence of arrays
            Frame features, time first.
        y : ignored
            Present for scikit-learn's conventions.

        Returns
        -------
        Self
            Itself.

        Raises
        ------
        ArgumentError
            If the features are not finite two-dimensional arrays of one width, or a parameter is
            out of its range.
        """
        require_integer("n_actions", self.n_actions, at_least=1)
        self._check()
        features = PreparedFeatures(read_recordings(X), self.standardise)
        self._learn(features)
        segmented = [self._segment(features[i]) for i in range(len(features))]
        self.n_features_in_ = features.width
        self.labels_ = [labels for labels, _ in segmented]
        costs = [cost for _, cost in segmented if cost is not None]
        if costs:
            self.objective_ = sum(costs) / sum(map(len, self.labels_))
        return self

    def predict(self, X: Any) -> Any:
        """Segment recordings.

        Parameters
        ----------
        X : as for ``fit``
            Recordings that were fitted, or others.

        Returns
        -------
        list of (N_i,) int64 arrays, or one array for one array
            An action number, 0 to K - 1, for each frame.

        Raises
        ------
        ArgumentError
            If the features are not like those that were fitted.
        NotFittedError
            Before ``fit``.
        """
        if not hasattr(self, "labels_"):
            raise NotFittedError(f"This {type(self).__name__} is not fitted yet: call fit first.")
        recordings = read_recordings(X, self.n_features_in_)
        return as_came(X, (self._segment(prepare(one, self.standardise))[0] for one in recordings))

    def _check(self) -> None:
        """Refuse parameters out of range; ``n_actions`` is checked already."""

    def _learn(self, features: PreparedFeatures) -> None:
        """Set what ``_segment`` needs."""

    @abstractmethod
    def _segment(self, features: NDArray[np.float32]) -> Segmented:
        """Labels of a prepared recording, and its share of ``objective_``, summed over frames."""


def unit_rows(rows: Rows) -> Rows:
    """(N, D) rows scaled to unit length; rows that are all zero stay so."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Any = rows / np.where(norms > 0, norms, 1)
    return scaled
