"""k-means with ASOT's decoding: what the transport adds where nothing is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.baselines.base import Baseline, Segmented, unit_rows
from asot.baselines.kmeans import check_clustering, chosen_frames, cluster
from asot.baselines.viterbi import estimated_order
from asot.errors import require_number
from asot.model.features import PreparedFeatures
from asot.transport import solve, temporal_prior


class KMeansTransportSegmenter(Baseline):
    """Clusters the frames of all recordings, then decodes each recording by optimal transport.

    The cost of a frame for an action is 1 minus the cosine of the frame and the k-means centre,
    0 cosine for a frame that is all zero, plus the order prior. k-means numbers its centres at
    random, which would make that prior a random one: the actions are numbered by the mean
    relative time of the frames nearest to each centre instead.

    Parameters
    ----------
    n_actions : int
        K. Actions may go unused.
    standardise : bool
        Standardise the features of each recording first.
    order_prior : float
        Strength of the nudge towards the common order of the actions; 0 where there is none.
    radius : float or int
        Half-width of the temporal band: a fraction of each recording, or frames.
    epsilon : float
        Entropy weight.
    alpha : float
        Weight of the temporal term, in [0, 1).
    lambda_actions : float or None
        Penalty that keeps the actions about equally long; None makes them exactly so.
    frames_per_recording : int or None
        Evenly spaced frames of each recording to place the centres on; None takes all.
    n_init : int
        Restarts of k-means; the best is kept.
    random_state : int, RandomState or None
        Decides the restarts.

    Attributes
    ----------
    labels_ : list of (N_i,) int64 arrays
        Labels of the recordings that were fitted.
    cluster_centers_ : (K, D) float32 array
        The centres in the order of the actions; fewer where there are fewer frames than K.
    objective_ : float
        That of k-means, for the restarts are all that is drawn: the mean squared distance of a
        fitted frame to its nearest centre.
    n_features_in_ : int
        Columns of the features.

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
        self.n_actions = n_actions
        self.standardise = standardise
        self.order_prior = order_prior
        self.radius = radius
        self.epsilon = epsilon
        self.alpha = alpha
        self.lambda_actions = lambda_actions
        self.frames_per_recording = frames_per_recording
        self.n_init = n_init
        self.random_state = random_state

    def _check(self) -> None:
        check_clustering(self.frames_per_recording, self.n_init)
        require_number("order_prior", self.order_prior, at_least=0)
        for name in ("radius", "epsilon"):
            require_number(name, getattr(self, name), above=0)
        require_number("alpha", self.alpha, at_least=0, below=1)
        if self.lambda_actions is not None:
            require_number("lambda_actions", self.lambda_actions, above=0)

    def _learn(self, features: PreparedFeatures) -> None:
        frames = np.concatenate(chosen_frames(features, self.frames_per_recording))
        kmeans = cluster(frames, self.n_actions, self.n_init, self.random_state)
        nearest = (kmeans.predict(features[i]) for i in range(len(features)))
        order = estimated_order(nearest, kmeans.n_clusters)
        self.cluster_centers_ = kmeans.cluster_centers_[order]

    def _segment(self, features: NDArray[np.float32]) -> Segmented:
        centres = self.cluster_centers_
        cost = 1 - unit_rows(features) @ unit_rows(centres).T
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
