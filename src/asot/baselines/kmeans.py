"""k-means, alone or with ASOT's decoding, which shows what the transport adds without training."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.baselines.base import ClusteringBaseline, Segmented
from asot.baselines.cte_decoding import estimated_order
from asot.discover.prototypes import TINY, unit_rows
from asot.errors import require_number
from asot.model.features import PreparedFeatures
from asot.transport import solve, temporal_prior


class KMeansSegmenter(ClusteringBaseline):
    """Clusters the frames of all recordings together; each frame gets its nearest centre.

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

    def _learn(self, features: PreparedFeatures) -> None:
        self.kmeans_, _ = self._cluster(features)
        self.cluster_centers_ = self.kmeans_.cluster_centers_

    def _segment(self, features: NDArray[np.float32]) -> Segmented:
        labels = self.kmeans_.predict(features).astype(np.int64)
        return labels, float(((features - self.cluster_centers_[labels]) ** 2).sum())


class KMeansTransportSegmenter(ClusteringBaseline):
    """Clusters the frames of all recordings, then decodes each recording by optimal transport.

    The cost of a frame for an action is 1 minus the cosine of the frame and the k-means centre,
    with a cosine of 0 for a frame that is all zero, plus the order prior. k-means numbers its
    centres at random, and with them the prior would be random: the actions are numbered by the
    mean relative time of the frames nearest to each centre instead.

    Parameters
    ----------
    n_actions : int
        K. Actions may go unused.
    order_prior : float
        Strength of the pull towards the common order of the actions; 0 for none.
    radius : float or int
        Half-width of the temporal band: a fraction of each recording, or frames.
    epsilon : float
        Entropy weight.
    alpha : float
        Weight of the temporal term, in [0, 1).
    lambda_actions : float or None
        Penalty that keeps the actions about equally long; None makes them exactly so.
    standardise, frames_per_recording, n_init, random_state
        As for :class:`KMeansSegmenter`.

    Attributes
    ----------
    cluster_centers_ : (K, D) float32 array
        The centres in the order of the actions; fewer where there are fewer frames than K.
    objective_ : float
        That of k-means, since only its restarts are drawn: the mean squared distance of a fitted
        frame to its nearest centre.
    labels_, n_features_in_
        As for :class:`KMeansSegmenter`.

    References
    ----------
    The decoding of M. Xu and S. Gould, CVPR 2024, arXiv 2404.01518, without its training.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> recordings = make_recordings(n_recordings=4, n_actions=3, random_state=0)
    >>> segmenter = KMeansTransportSegmenter(3, random_state=0).fit(recordings.features)
    >>> segmenter.score(recordings.features, recordings.ground_truth) > 0.5
    True
    """

    def __init__(
        self,
        n_actions: int = 8,
        *,
        standardise: bool = True,
        order_prior: float = 0.15,
        radius: float | int = 0.04,
        epsilon: float = 0.04,
        alpha: float = 0.6,
        lambda_actions: float | None = 0.01,
        frames_per_recording: int | None = None,
        n_init: int = 10,
        random_state: Any = None,
    ) -> None:
        super().__init__(n_actions, standardise=standardise, random_state=random_state)
        self.frames_per_recording = frames_per_recording
        self.n_init = n_init
        self.order_prior = order_prior
        self.radius = radius
        self.epsilon = epsilon
        self.alpha = alpha
        self.lambda_actions = lambda_actions

    def _check(self) -> None:
        super()._check()
        require_number("order_prior", self.order_prior, at_least=0)
        require_number("radius", self.radius, above=0)
        require_number("epsilon", self.epsilon, above=0)
        require_number("alpha", self.alpha, at_least=0, below=1)
        if self.lambda_actions is not None:
            require_number("lambda_actions", self.lambda_actions, above=0)

    def _learn(self, features: PreparedFeatures) -> None:
        kmeans, _ = self._cluster(features)
        nearest = (kmeans.predict(features[i]) for i in range(len(features)))
        order = estimated_order(nearest, kmeans.n_clusters)
        self.cluster_centers_ = kmeans.cluster_centers_[order]

    def _segment(self, features: NDArray[np.float32]) -> Segmented:
        centres = self.cluster_centers_
        cost = 1 - unit_rows(features, TINY) @ unit_rows(centres, TINY).T
        if self.order_prior > 0:
            cost += temporal_prior(len(features), len(centres), float(self.order_prior), like=cost)
        solution = solve(
            cost,
            epsilon=self.epsilon,
            alpha=self.alpha,
            radius=self.radius,
            lambda_actions=self.lambda_actions,
        )
        distances = (centres**2).sum(axis=1) - 2 * features @ centres.T
        inertia = float((features**2).sum()) + float(distances.min(axis=1).sum())
        return solution.labels, inertia
