"""A Gaussian hidden Markov model, fitted to all recordings."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.baselines.base import ClusteringBaseline, Segmented
from asot.errors import MissingExtraError, require_integer, require_number
from asot.model.features import PreparedFeatures

# Weight of the priors, as a share of the frames that an action has on average.
PRIOR = 1e-3


class HMMSegmenter(ClusteringBaseline):
    """Fits one hidden Markov model to all recordings, and decodes each by Viterbi.

    The states are the actions; each has a Gaussian with a diagonal covariance. Expectation
    maximisation (hmmlearn's) starts at k-means' centres, at the features' variance, at equally
    likely first actions, and at transitions in which an action stays for about 1/K of a
    recording. Weak priors keep every estimate defined, also for a state that loses all its
    frames or has only equal ones: each state is given a thousandth of an action's average number
    of frames in addition, at its k-means centre and with the variance over all frames.

    Parameters
    ----------
    n_actions : int
        K. Actions may go unused.
    max_iterations : int
        Iterations of expectation maximisation, at least 1.
    tolerance : float
        Ends them when the log-likelihood of a frame rises by less than this.
    frames_per_recording : int or None
        Evenly spaced frames of each recording to start k-means on; None takes all. The model
        itself is fitted to all frames, since its transitions are those from frame to frame.
    standardise, n_init, random_state
        As for :class:`~asot.baselines.KMeansSegmenter`.

    Attributes
    ----------
    model_ : hmmlearn.hmm.GaussianHMM
        The model; it has fewer states where there are fewer frames than K.
    objective_ : float
        Minus the log-likelihood of the fitted frames together with their labels, per frame.
    labels_, n_features_in_
        As for :class:`~asot.baselines.KMeansSegmenter`.

    Raises
    ------
    MissingExtraError
        By ``fit``, if hmmlearn is not installed.

    References
    ----------
    L. R. Rabiner, "A tutorial on hidden Markov models and selected applications in speech
    recognition", Proceedings of the IEEE, 1989.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> recordings = make_recordings(n_recordings=4, n_actions=3, random_state=0)
    >>> segmenter = HMMSegmenter(3, random_state=0).fit(recordings.features)
    >>> segmenter.score(recordings.features, recordings.ground_truth) > 0.5
    True
    """

    def __init__(
        self,
        n_actions: int = 8,
        *,
        standardise: bool = True,
        max_iterations: int = 10,
        tolerance: float = 1e-3,
        frames_per_recording: int | None = None,
        n_init: int = 10,
        random_state: Any = None,
    ) -> None:
        super().__init__(n_actions, standardise=standardise, random_state=random_state)
        self.frames_per_recording = frames_per_recording
        self.n_init = n_init
        self.max_iterations = max_iterations
        self.tolerance = tolerance

    def _check(self) -> None:
        super()._check()
        require_integer("max_iterations", self.max_iterations, at_least=1)
        require_number("tolerance", self.tolerance, at_least=0)

    def _learn(self, features: PreparedFeatures) -> None:
        try:
            from hmmlearn.hmm import GaussianHMM
        except ImportError as error:
            raise MissingExtraError("hmmlearn", "hmm", "HMMSegmenter") from error
        centres = self._cluster(features)[0].cluster_centers_.astype(np.float64)
        n_states = len(centres)
        recordings = [features[i] for i in range(len(features))]
        frames, lengths = np.concatenate(recordings), [len(one) for one in recordings]
        variance = frames.var(axis=0, dtype=np.float64)
        # Columns that never change need a variance too; where no column changes, any will serve.
        scale = variance.mean() if variance.any() else 1.0
        variance = np.maximum(variance, 1e-3 * scale)
        weight = PRIOR * len(frames) / n_states
        model = GaussianHMM(
            n_states,
            covariance_type="diag",
            n_iter=self.max_iterations,
            tol=float(self.tolerance) * len(frames),
            init_params="",
            startprob_prior=1 + PRIOR,
            transmat_prior=1 + PRIOR,
            means_prior=centres,
            means_weight=weight,
            covars_prior=weight * variance,
            covars_weight=1 + weight,
        )
        model.startprob_ = np.full(n_states, 1 / n_states)
        # An action stays for about 1/K of a recording; a single one for ever.
        leave = min(n_states / float(np.mean(lengths)), 0.5) if n_states > 1 else 0.0
        model.transmat_ = np.full((n_states, n_states), leave / max(n_states - 1, 1))
        np.fill_diagonal(model.transmat_, 1 - leave)
        model.means_ = centres
        model.covars_ = np.tile(variance, (n_states, 1))
        # Keeps back hmmlearn's advice, which the priors make void.
        log = logging.getLogger("hmmlearn")
        level = log.level
        log.setLevel(logging.ERROR)
        try:
            self.model_ = model.fit(frames, lengths)
        finally:
            log.setLevel(level)

    def _segment(self, features: NDArray[np.float32]) -> Segmented:
        log_likelihood, states = self.model_.decode(features)
        return states.astype(np.int64), -float(log_likelihood)
