"""The best segmentation in a given order of the actions, and an order to give it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.decoding.transcripts import chain_states
from asot.errors import ArgumentError


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
        Distinct actions, 0 to K - 1. Those left out get no frame.

    Returns
    -------
    (N,) int64 array
        An action for each frame. Where there are fewer frames than actions in the order, each
        frame has an action of its own: the likeliest N of them, still in order.

    Raises
    ------
    ArgumentError
        If the likelihood is not a finite (N, K) array, or the order holds what is no action, an
        action twice, or none.

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
    scores, actions = _checked(log_likelihood, order)
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
        The actions, the earliest first; those that no frame has come last. Ties keep the order of
        the action numbers.

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
            _check_labels(assignment, n_actions, f"assignments[{index}]")
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
                f"{assignment.shape} and the type {assignment.dtype}."
            )
    mean = np.full(n_actions, np.inf)
    np.divide(moment, mass, out=mean, where=mass > 0)
    return np.argsort(mean, kind="stable").astype(np.int64)


def _one_each(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The best rising path through the columns of (N, M) scores, N < M: no column twice."""
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


def _checked(
    log_likelihood: ArrayLike, order: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    scores: NDArray[Any] = np.asarray(log_likelihood)
    if scores.ndim != 2 or 0 in scores.shape or scores.dtype.kind not in "fiu":
        raise ArgumentError(
            "log_likelihood must be a (frames, actions) array of numbers, but has the shape "
            f"{scores.shape} and the type {scores.dtype}."
        )
    scores = scores.astype(np.float64)
    if not np.isfinite(scores).all():
        frame, action = np.argwhere(~np.isfinite(scores))[0].tolist()
        raise ArgumentError(
            f"log_likelihood must be finite, but is {scores[frame, action]} for frame {frame} and "
            f"action {action}: put a large negative number in place of -inf."
        )
    actions: NDArray[Any] = np.asarray(order)
    if actions.ndim != 1 or len(actions) == 0 or actions.dtype.kind not in "iu":
        raise ArgumentError(
            "order must be a list of at least one action number, but has the shape "
            f"{actions.shape} and the type {actions.dtype}."
        )
    wrong = actions[(actions < 0) | (actions >= scores.shape[1])]
    if len(wrong) > 0:
        raise ArgumentError(
            f"order must hold actions 0 to {scores.shape[1] - 1}, but holds {wrong[0]}."
        )
    if len(np.unique(actions)) < len(actions):
        raise ArgumentError(f"order must hold each action once, but is {actions.tolist()}.")
    return scores, actions.astype(np.int64)


def _check_labels(labels: NDArray[Any], n_actions: int, name: str) -> None:
    wrong = labels[(labels < -1) | (labels >= n_actions)]
    if len(wrong) > 0:
        raise ArgumentError(
            f"{name} must hold actions 0 to {n_actions - 1}, or -1 for none, but holds {wrong[0]}."
        )
