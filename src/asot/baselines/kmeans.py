"""k-means alone: each frame gets its nearest centre, without regard to time."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from asot.baselines.base import Baseline, Segmented
from asot.data import even_frames
from asot.errors import require_integer
from asot.model.features import PreparedFeatures


class KMeansSegmenter(Baseline):
    """Clusters the frames of all recordings together.

    Parameters
    ----------
    n_actions : int
        K.
    standardise : bool
        Standardise the features of each recording first, as ``ActionSegmenter`` does.
    frames_per_recording : int or None
        Evenly spaced frames of each recording to place the centres on; None takes all.
    n_init : int
        Restarts; the best is kept.
    random_state : int, RandomState or None
        Decides the restarts.

    Attributes
    ----------
    labels_ : list of (N_i,) int64 arrays
        Labels of the recordings that were fitted.
    cluster_centers_ : (K, D) float32 array
        The centres; fewer where there are fewer frames than K.
    objective_ : float
        Mean squared distance of a fitted frame to its centre.
    n_features_in_ : int
        Columns of the features.

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
        frames_per_recording: int | None = None,
        n_init: int = 10,
        random_state: Any = None,
    ) -> None:
        self.n_actions = n_actions
        self.standardise = standardise
        self.frames_per_recording = frames_per_recording
        self.n_init = n_init
        self.random_state = random_state

    def _check(self) -> None:
        check_clustering(self.frames_per_recording, self.n_init)

    def _learn(self, features: PreparedFeatures) -> None:
        frames = np.concatenate(chosen_frames(features, self.frames_per_recording))
        self.kmeans_ = cluster(frames, self.n_actions, self.n_init, self.random_state)
        self.cluster_centers_ = self.kmeans_.cluster_centers_

    def _segment(self, features: NDArray[np.float32]) -> Segmented:
        labels = self.kmeans_.predict(features).astype(np.int64)
        return labels, float(((features - self.cluster_centers_[labels]) ** 2).sum())


def chosen_frames(features: PreparedFeatures, count: int | None) -> list[NDArray[np.float32]]:
    """``count`` evenly spaced frames of each recording, or all frames: (M_i, D) arrays."""
    recordings = (features[i] for i in range(len(features)))
    if count is None:
        return list(recordings)
    return [one[even_frames(len(one), count)] for one in recordings]


def cluster(frames: NDArray[np.float32], n_clusters: int, n_init: int, random_state: Any) -> KMeans:
    """Fit scikit-learn's k-means to (N, D) frames, with N clusters where N is less."""
    kmeans = KMeans(min(n_clusters, len(frames)), n_init=n_init, random_state=random_state)
    # One thread: several add up their shares in the order in which they happen to end.
    with warnings.catch_warnings(), threadpool_limits(1):
        # Fewer distinct frames than clusters is no fault of the user's.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return kmeans.fit(frames)


def check_clustering(frames_per_recording: Any, n_init: Any) -> None:
    """Refuse options of a clustering that are out of range."""
    if frames_per_recording is not None:
        require_integer("frames_per_recording", frames_per_recording, at_least=1)
    require_integer("n_init", n_init, at_least=1)
