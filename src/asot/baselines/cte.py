"""CTE's decoding: clusters in their order in time, Gaussian likelihoods, Viterbi."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from sklearn.covariance import ledoit_wolf

from asot.baselines.base import Baseline, Segmented
from asot.baselines.kmeans import check_clustering, chosen_frames, cluster
from asot.baselines.viterbi import estimated_order, ordered_viterbi
from asot.model.features import PreparedFeatures

# Share of the features' mean variance that every Gaussian gets in every direction.
FLOOR = 1e-3


class CTESegmenter(Baseline):
    """Clusters the frames of all recordings, then decodes each in the clusters' order in time.

    This is the decoding of the paper on the features as they are: its embedding, a network that
    learns to tell a frame's relative time, is not learnt here. The clusters are k-means', ordered
    by the mean relative time of their frames; each frame of a recording stays in its cluster or
    goes on to the next, so that every cluster of the order gets at least one frame of each
    recording that is long enough. The path is the likeliest under one Gaussian a cluster.

    What the paper leaves open: a covariance is shrunk towards a multiple of the identity after
    Ledoit and Wolf, and gets a thousandth of the features' mean variance on top, so that clusters
    of few or equal frames have a density too. Moves between clusters have no cost of their own.

    Parameters
    ----------
    n_actions : int
        K.
    standardise : bool
        Standardise the features of each recording first.
    frames_per_recording : int or None
        Evenly spaced frames of each recording to find clusters and Gaussians from; None takes all.
    n_init : int
        Restarts of k-means; the best is kept.
    random_state : int, RandomState or None
        Decides the restarts.

    Attributes
    ----------
    labels_ : list of (N_i,) int64 arrays
        Labels of the recordings that were fitted; action k is the k-th of the order.
    means_ : (K, D) float64 array
        Means of the Gaussians, in order; fewer where there are fewer distinct frames than K.
    covariances_ : (K, D, D) float64 array
        Their covariances.
    objective_ : float
        Minus the mean log-likelihood of a fitted frame under its action's Gaussian.
    n_features_in_ : int
        Columns of the features.

    References
    ----------
    A. Kukleva, H. Kuehne, F. Sener and J. Gall, "Unsupervised learning of action classes with
    continuous temporal embedding", CVPR 2019; O. Ledoit and M. Wolf, "A well-conditioned
    estimator for large-dimensional covariance matrices", Journal of Multivariate Analysis, 2004.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> recordings = make_recordings(n_recordings=4, n_actions=3, random_state=0)
    >>> segmenter = CTESegmenter(3, random_state=0).fit(recordings.features)
    >>> [np.unique(labels).tolist() for labels in segmenter.labels_[:2]]
    [[0, 1, 2], [0, 1, 2]]
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
        chosen = chosen_frames(features, self.frames_per_recording)
        frames = np.concatenate(chosen)
        kmeans = cluster(frames, self.n_actions, self.n_init, self.random_state)
        ends = np.cumsum([len(one) for one in chosen])[:-1]
        order = estimated_order(np.split(kmeans.labels_, ends), kmeans.n_clusters)
        members = [frames[kmeans.labels_ == k] for k in order]
        # A cluster that no frame is nearest to has no place in the order.
        gaussians = [_mean_and_covariance(one) for one in members if len(one) > 0]
        variance = float(frames.var(axis=0, dtype=np.float64).mean())
        # Where all frames are equal, any positive variance serves.
        floor = FLOOR * variance if variance > 0 else 1.0
        self.means_ = np.stack([mean for mean, _ in gaussians])
        self.covariances_ = np.stack([covariance for _, covariance in gaussians])
        self.covariances_ += floor * np.eye(features.width)
        self._factors = np.linalg.cholesky(self.covariances_)

    def _segment(self, features: NDArray[np.float32]) -> Segmented:
        likelihood = np.stack(
            [
                _log_density(features, mean, factor)
                for mean, factor in zip(self.means_, self._factors, strict=True)
            ],
            axis=1,
        )
        labels = ordered_viterbi(likelihood, np.arange(len(self.means_)))
        return labels, -float(likelihood[np.arange(len(labels)), labels].sum())


def _mean_and_covariance(
    frames: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (D,) and shrunk covariance (D, D) of (N, D) frames, N > 0."""
    exact = frames.astype(np.float64)
    mean = exact.mean(axis=0)
    if len(exact) == 1:
        return mean, np.zeros((len(mean), len(mean)))
    return mean, ledoit_wolf(exact)[0]


def _log_density(
    frames: NDArray[np.float32], mean: NDArray[np.float64], factor: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Log density (N,) of a Gaussian with the Cholesky factor (D, D) of its covariance."""
    whitened = solve_triangular(factor, (frames - mean).T, lower=True, check_finite=False)
    constant = len(mean) * np.log(2 * np.pi) + 2 * np.log(np.diagonal(factor)).sum()
    return -0.5 * (constant + (whitened**2).sum(axis=0))
