"""CTE's decoding: clusters in their order in time, Gaussian likelihoods, Viterbi in that order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular
from sklearn.covariance import ledoit_wolf

from asot.baselines.base import ClusteringBaseline, Segmented
from asot.decoding.transcripts import chain_states
from asot.errors import ArgumentError
from asot.model.features import PreparedFeatures

# Share of the features' mean variance that every Gaussian gets in every direction.
FLOOR = 1e-3


class CTEDecodingSegmenter(ClusteringBaseline):
    """Clusters the frames of all recordings, then decodes each in the clusters' order in time.

    This is the decoding of CTE on the features as they are, without the embedding that the method
    is named after; :class:`~asot.baselines.CTESegmenter` has both. The clusters are k-means',
    ordered by the mean relative time of their frames; each frame of a recording stays in its
    cluster or goes on to the next, so that every cluster of the order gets at least one frame of
    each recording that is long enough. The path is the likeliest under one Gaussian for each
    cluster.

    Where the paper leaves a choice: a covariance is shrunk towards a multiple of the identity
    after Ledoit and Wolf, and a thousandth of the features' mean variance is added, so that
    clusters of few or equal frames have a density too. Moves between clusters cost nothing.

    Parameters
    ----------
    n_actions : int
        K.
    standardise, frames_per_recording, n_init, random_state
        As for :class:`~asot.baselines.KMeansSegmenter`; the Gaussians are those of the same frames.

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
    >>> segmenter = CTEDecodingSegmenter(3, random_state=0).fit(recordings.features)
    >>> [np.unique(labels).tolist() for labels in segmenter.labels_[:2]]
    [[0, 1, 2], [0, 1, 2]]
    """

    def _learn(self, features: PreparedFeatures) -> None:
        kmeans, chosen = self._cluster(features)
        frames = np.concatenate(chosen)
        ends = np.cumsum([len(one) for one in chosen])[:-1]
        order = estimated_order(np.split(kmeans.labels_, ends), kmeans.n_clusters)
        members = [frames[kmeans.labels_ == k].astype(np.float64) for k in order]
        # A cluster that no frame is nearest to has no place in the order.
        members = [one for one in members if len(one) > 0]
        variance = float(frames.var(axis=0, dtype=np.float64).mean())
        # Where all frames are equal, any positive variance serves.
        floor = FLOOR * variance if variance > 0 else 1.0
        no_spread = np.zeros((features.width, features.width))
        self.means_ = np.stack([one.mean(axis=0) for one in members])
        spreads = [ledoit_wolf(one)[0] if len(one) > 1 else no_spread for one in members]
        self.covariances_ = np.stack(spreads)
        self.covariances_ += floor * np.eye(features.width)
        self._factors = np.linalg.cholesky(self.covariances_)

    def _segment(self, features: NDArray[np.float32]) -> Segmented:
        gaussians = zip(self.means_, self._factors, strict=True)
        likelihood = np.stack([_log_density(features, *one) for one in gaussians], axis=1)
        labels = ordered_viterbi(likelihood, np.arange(len(self.means_)))
        return labels, -float(likelihood[np.arange(len(labels)), labels].sum())


def ordered_viterbi(log_likelihood: ArrayLike, order: ArrayLike) -> NDArray[np.int64]:
    """Find the likeliest labels among those that go through the actions in a given order.

    The first frame has the first action of the order, the last frame the last; each frame keeps
    the action of the frame before it or goes on to the next, so that every action of the order
    gets one segment of at least one frame. Exact, in O(N K) time.

    Parameters
    ----------
    log_likelihood : (N, K) array-like
        ``log p(frame | action)``, finite. A constant added to a frame's row changes nothing.
    order : (M,) array-like of int
        Distinct actions, 0 to K - 1. Actions that are left out get no frame.

    Returns
    -------
    (N,) int64 array
        An action for each frame. Where there are fewer frames than actions in the order, each
        frame has an action of its own: the likeliest N of them, still in order.

    Raises
    ------
    ArgumentError
        If the likelihood is not a finite (N, K) array, or the order is empty, repeats an action or
        holds a number that is not an action's.

    References
    ----------
    A. Viterbi, "Error bounds for convolutional codes and an asymptotically optimum decoding
    algorithm", IEEE Transactions on Information Theory, 1967; as the decoding in an order, Kukleva
    et al., CVPR 2019.

    Examples
    --------
    >>> likelihood = [[0, -5, -9], [-1, 0, -9], [0, -1, -9], [-9, -9, 0]]
    >>> ordered_viterbi(likelihood, [0, 1, 2]).tolist()
    [0, 1, 1, 2]
    >>> ordered_viterbi(likelihood[1:3], [1, 0, 2]).tolist()
    [1, 0]
    """
    given: NDArray[Any] = np.asarray(log_likelihood)
    if given.ndim != 2 or 0 in given.shape or given.dtype.kind not in "fiu":
        raise ArgumentError(
            "log_likelihood must be a (frames, actions) array of numbers, but has the shape "
            f"{given.shape} and the type {given.dtype}.",
            setting="log_likelihood",
        )
    scores = given.astype(np.float64)
    if not np.isfinite(scores).all():
        frame, action = np.argwhere(~np.isfinite(scores))[0].tolist()
        raise ArgumentError(
            f"log_likelihood must be finite, but is {scores[frame, action]} for frame {frame} and "
            f"action {action}: put a large negative number in place of -inf.",
            setting="log_likelihood",
        )
    actions: NDArray[Any] = np.asarray(order)
    if actions.ndim != 1 or len(actions) == 0 or actions.dtype.kind not in "iu":
        raise ArgumentError(
            "order must be a list of at least one action number, but has the shape "
            f"{actions.shape} and the type {actions.dtype}.",
            setting="order",
        )
    _check_actions("order", actions, 0, scores.shape[1])
    if len(np.unique(actions)) < len(actions):
        rule = f"order must hold each action once, but is {actions.tolist()}."
        raise ArgumentError(rule, setting="order")
    actions = actions.astype(np.int64)
    scores = scores[:, actions]
    # Sums over thousands of frames keep more digits where no row has a large constant in it.
    scores -= scores.max(axis=1, keepdims=True)
    return actions[chain_states(scores) if len(scores) >= len(actions) else _one_each(scores)]


def estimated_order(assignments: Iterable[ArrayLike], n_actions: int) -> NDArray[np.int64]:
    """Order the actions by the mean relative time of their frames in all recordings.

    The relative time of frame i of N is (i + 1/2) / N. Every frame counts the same, or by its
    assignment where that is soft.

    Parameters
    ----------
    assignments : iterable of (N_i,) int arrays or (N_i, K) arrays
        One a recording: labels, in which -1 is no action, or soft assignments, >= 0.
    n_actions : int
        K.

    Returns
    -------
    (K,) int64 array
        The actions, the earliest first; those without frames come last. Ties keep the order of the
        action numbers.

    Raises
    ------
    ArgumentError
        If an assignment is neither of these.

    References
    ----------
    The order of Kukleva et al., CVPR 2019, and Kumar et al., CVPR 2022.

    Examples
    --------
    >>> estimated_order([[2, 2, 0, 0], [2, 0]], n_actions=3).tolist()
    [2, 0, 1]
    >>> estimated_order([[[0.1, 0.9], [0.8, 0.2]]], n_actions=2).tolist()
    [1, 0]
    """
    mass, moment = np.zeros(n_actions), np.zeros(n_actions)
    for index, one in enumerate(assignments):
        assignment = np.asarray(one)
        time = (np.arange(len(assignment)) + 0.5) / max(len(assignment), 1)
        if assignment.ndim == 1 and assignment.dtype.kind in "iu":
            _check_actions(f"assignments[{index}]", assignment, -1, n_actions)
            # Shifted by one, so that bincount takes the -1 of no action.
            shifted = assignment.astype(np.int64) + 1
            mass += np.bincount(shifted, minlength=n_actions + 1)[1:]
            moment += np.bincount(shifted, time, minlength=n_actions + 1)[1:]
        elif assignment.ndim == 2 and assignment.shape[1] == n_actions:
            mass += assignment.sum(axis=0, dtype=np.float64)
            moment += time @ assignment
        else:
            raise ArgumentError(
                f"assignments[{index}] must be whole-number labels of shape (frames,) or a soft "
                f"assignment of shape (frames, {n_actions}), but has the shape "
                f"{assignment.shape} and the type {assignment.dtype}.",
                setting="assignments",
            )
    mean = np.full(n_actions, np.inf)
    np.divide(moment, mass, out=mean, where=mass > 0)
    return np.argsort(mean, kind="stable").astype(np.int64)


def _check_actions(name: str, actions: NDArray[Any], least: int, n_actions: int) -> None:
    """Refuse numbers outside ``least`` to K - 1, which do not stand for an action."""
    wrong = actions[(actions < least) | (actions >= n_actions)]
    if len(wrong) > 0:
        or_none = ", or -1 for none," if least < 0 else ","
        rule = f"{name} must hold actions 0 to {n_actions - 1}{or_none} but holds {wrong[0]}."
        raise ArgumentError(rule, setting=name)


def _one_each(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Find the best rising path through the columns of scores (N, M), N < M: no column twice."""
    n_frames, n_states = scores.shape
    # best[i, m]: of paths over frames 0 .. i whose last state is m.
    best = np.full((n_frames, n_states), -np.inf)
    best[0] = scores[0]
    for i in range(1, n_frames):
        best[i, 1:] = np.maximum.accumulate(best[i - 1])[:-1] + scores[i, 1:]
    path = np.empty(n_frames, dtype=np.int64)
    end = n_states
    for i in range(n_frames - 1, -1, -1):
        end = path[i] = int(best[i, :end].argmax())
    return path


def _log_density(
    frames: NDArray[np.float32], mean: NDArray[np.float64], factor: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the log density (N,) of a Gaussian, given its covariance's Cholesky factor (D, D)."""
    whitened = solve_triangular(factor, (frames - mean).T, lower=True, check_finite=False)
    constant = len(mean) * np.log(2 * np.pi) + 2 * np.log(np.diagonal(factor)).sum()
    return -0.5 * (constant + (whitened**2).sum(axis=0))
