"""k-means alone: each frame gets its nearest centre, without regard to time."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.cluster import KMeans

from asot.learning.features import prepare
from asot.learning.interface import NotFittedError, Segmenter, as_came, read_recordings


class KMeansSegmenter(Segmenter):
    """Clusters the frames of all recordings together.

    Parameters
    ----------
    n_actions : int
        K.
    standardise : bool
        Standardise the features of each recording first, as ``ActionSegmenter`` does.
    n_init : int
        Restarts; the best is kept.
    random_state : int, RandomState or None
        Decides the restarts.

    References
    ----------
    S. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory, 1982.

    Examples
    --------
    >>> X = [np.array([[0.0], [0.1], [5.0]]), np.array([[5.1], [0.2]])]
    >>> first, second = KMeansSegmenter(2, standardise=False, random_state=0).fit_predict(X)
    >>> bool(first[0] == first[1] == second[1] != first[2] == second[0])
    True
    """

    def __init__(
        self,
        n_actions: int = 8,
        *,
        standardise: bool = True,
        n_init: int = 10,
        random_state: Any = None,
    ) -> None:
        self.n_actions = n_actions
        self.standardise = standardise
        self.n_init = n_init
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> KMeansSegmenter:
        """Find the centres of a list of (N_i, D) arrays, one array, or a lazy sequence.

        Raises
        ------
        ArgumentError
            If the features are not finite two-dimensional arrays of one width.
        """
        recordings = read_recordings(X)
        frames = np.concatenate([prepare(one, self.standardise) for one in recordings])
        self.n_features_in_ = frames.shape[1]
        self.kmeans_ = KMeans(
            self.n_actions, n_init=self.n_init, random_state=self.random_state
        ).fit(frames)
        self.cluster_centers_ = self.kmeans_.cluster_centers_
        ends = np.cumsum([len(one) for one in recordings])[:-1]
        self.labels_ = np.split(self.kmeans_.labels_.astype(np.int64), ends)
        return self

    def predict(self, X: Any) -> Any:
        """The nearest centre of each frame: a list of (N_i,) int64 arrays, or one for one array.

        Raises
        ------
        ArgumentError
            If the features are not like those that were fitted.
        NotFittedError
            Before ``fit``.
        """
        if not hasattr(self, "kmeans_"):
            raise NotFittedError("This KMeansSegmenter is not fitted yet: call fit first.")
        recordings = read_recordings(X, self.n_features_in_)
        return as_came(
            X,
            (
                self.kmeans_.predict(prepare(one, self.standardise)).astype(np.int64)
                for one in recordings
            ),
        )
