"""Transcripts: the actions of a recording in order, their alignment, and their transitions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.decoding.rules import checked_scores
from asot.errors import ArgumentError
from asot.timeline.segments import UNLABELLED, to_segments


def transcript(labels: ArrayLike) -> NDArray[np.int64]:
    """List the actions of a recording's segments.

    Parameters
    ----------
    labels : array-like of int (N,)
        An action for each frame; runs of -1 are left out, and segments on both sides stay two.

    Returns
    -------
    (S,) int64 array

    Raises
    ------
    ArgumentError
        If a label is not an integer, or below -1.

    Examples
    --------
    >>> transcript([2, 2, 0, -1, 0, 0, 1]).tolist()
    [2, 0, 0, 1]
    """
    actions = [one.label for one in to_segments(labels) if one.label != UNLABELLED]
    return np.array(actions, dtype=np.int64)


def align(
    log_probabilities: ArrayLike, transcript: ArrayLike, minimum_duration: int = 1
) -> NDArray[np.int64]:
    """Find the likeliest labels with a given transcript.

    Every entry of the transcript gets one segment, in order; they cover the recording. Exact, in
    O(N S) time.

    Parameters
    ----------
    log_probabilities : (N, K) array-like
        As in :func:`asot.decoding.decode_segments`.
    transcript : (S,) array-like of int
        Actions, 0 to K - 1, as often as they occur. An action that comes twice in a row gets two
        segments, which the labels do not tell apart.
    minimum_duration : int
        Frames of the shortest segment.

    Returns
    -------
    (N,) int64 array
        An action for each frame.

    Raises
    ------
    ArgumentError
        If an argument breaks its rule, the recording is too short for its transcript, or its -inf
        leave no labels with this transcript.

    References
    ----------
    Forced alignment, as in speech recognition; the Viterbi algorithm on a chain.

    Examples
    --------
    >>> likes = np.log([[0.9, 0.1], [0.4, 0.6], [0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    >>> align(likes, [0, 1]).tolist()
    [0, 0, 0, 1, 1]
    >>> align(likes, [0, 1, 0, 1]).tolist()
    [0, 1, 0, 1, 1]
    >>> align(likes, [1, 0], minimum_duration=2).tolist()
    [1, 1, 0, 0, 0]
    """
    scores = checked_scores(log_probabilities)
    n_frames, n_actions = scores.shape
    actions: NDArray[Any] = np.asarray(transcript)
    if actions.ndim != 1 or len(actions) == 0 or actions.dtype.kind not in "iu":
        raise ArgumentError(
            "transcript must be a list of at least one action number, but has the shape "
            f"{actions.shape} and the type {actions.dtype}."
        )
    wrong = actions[(actions < 0) | (actions >= n_actions)]
    if len(wrong):
        raise ArgumentError(f"transcript must hold actions 0 to {n_actions - 1}, not {wrong[0]}.")
    shortest = minimum_duration
    if isinstance(shortest, bool) or shortest != int(shortest) or shortest < 1:
        raise ArgumentError(
            f"minimum_duration must be a whole number of frames >= 1, but is {shortest}."
        )
    needed = len(actions) * int(shortest)
    if needed > n_frames:
        raise ArgumentError(
            f"transcript needs at least {needed} frames, {shortest} for each of its {len(actions)} "
            f"segments, but the recording has {n_frames}."
        )
    # In place of -inf, a finite score that is worse than all others together.
    finite = np.isfinite(scores)
    scores = np.where(finite, scores, 2 * n_frames * min(scores[finite].min(), -1.0))
    path = chain_states(scores[:, actions], int(shortest))
    labels = actions[path].astype(np.int64)
    if not finite[np.arange(n_frames), labels].all():
        frame = int(np.argmin(finite[np.arange(n_frames), labels]))
        raise ArgumentError(
            f"no labels have this transcript: log_probabilities is -inf for one of its actions at "
            f"frame {frame} or nearby, whichever way it is laid."
        )
    return labels


def chain_states(scores: NDArray[np.float64], minimum: int = 1) -> NDArray[np.int64]:
    """Find the best way (N,) through all columns of finite scores (N, S), first to last.

    Each column has ``minimum`` frames or more, in a row; N is at least ``minimum * S``.
    """
    n_frames, n_states = scores.shape
    # before[i, m]: sum of state m's scores in the frames before i.
    before = np.zeros((n_frames + 1, n_states))
    np.cumsum(scores, axis=0, out=before[1:])
    # entry[m, i]: best score of all frames before i, if state m starts in frame i, less the score
    # of state m in them: up to any end, the sum of state m then adds a constant, so that the best
    # entry for an end is a running maximum.
    entry = np.full((n_states, n_frames), -np.inf)
    entry[0, 0] = 0.0
    for m in range(1, n_states):
        best = np.maximum.accumulate(entry[m - 1, : n_frames - minimum])
        best = best + before[minimum:-1, m - 1]
        entry[m, m * minimum :] = best[(m - 1) * minimum :] - before[m * minimum : -1, m]
    path = np.empty(n_frames, dtype=np.int64)
    end = n_frames
    for m in range(n_states - 1, -1, -1):
        start = int(entry[m, : end - minimum + 1].argmax())
        path[start:end] = m
        end = start
    return path


def learn_transitions(
    labels: Iterable[ArrayLike], n_actions: int, smoothing: float = 1.0
) -> NDArray[np.float64]:
    """Learn the log-probabilities of transitions from labelled recordings.

    Parameters
    ----------
    labels : iterable of (N_i,) int arrays
        Labels of each recording; -1 stands for frames without an action, and the actions before
        and after a run of -1 follow each other.
    n_actions : int
        K.
    smoothing : float
        Counts added to each pair of different actions, >= 0; with 0, transitions that were never
        seen are impossible.

    Returns
    -------
    (K, K) float64 array
        Log-probability of the column's action after the row's; -inf on the diagonal. Rows sum to 1
        as probabilities, except those of actions without a successor where ``smoothing`` is 0.

    Raises
    ------
    ArgumentError
        If a label is outside -1 to K - 1, or ``smoothing`` is negative.

    Examples
    --------
    >>> seen = [[0, 0, 1, 2], [0, 1, 1, 2], [0, 2, 2]]
    >>> np.exp(learn_transitions(seen, n_actions=3, smoothing=0)).round(2).tolist()
    [[0.0, 0.67, 0.33], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    if not 0 <= smoothing < np.inf:
        raise ArgumentError(f"smoothing must be a finite number >= 0, but is {smoothing}.")
    counts = np.full((n_actions, n_actions), float(smoothing))
    for index, one in enumerate(labels):
        actions = transcript(one)
        if len(actions) and actions.max() >= n_actions:
            raise ArgumentError(
                f"labels[{index}] must hold actions 0 to {n_actions - 1}, or -1 for none, but "
                f"holds {actions.max()}."
            )
        np.add.at(counts, (actions[:-1], actions[1:]), 1)
    np.fill_diagonal(counts, 0)
    total = counts.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        return np.log(counts / np.where(total > 0, total, 1))
