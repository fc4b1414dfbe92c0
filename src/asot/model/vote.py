"""A vote of labellings: which action of one is which of another, and whom to believe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROUNDS = 5
COMPARED = 5_000  # frames


@dataclass(frozen=True)
class Vote:
    """How labellings are brought together.

    Attributes
    ----------
    columns : (M, K) int64 array
        ``columns[m, k]``: what labelling m's action k is called in common.
    weights : (M,) float64 array
        Sum to 1.
    agreement : (M,) float64 array
        Mean adjusted Rand index with the other labellings; about 0 for one that has collapsed, 0
        for one of a single action.
    """

    columns: NDArray[np.int64]
    weights: NDArray[np.float64]
    agreement: NDArray[np.float64]

    def shares(self, labels: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
        """Weight of the labellings for each action, (N, K), of one label (N,) from each."""
        votes = np.zeros((len(labels[0]), self.columns.shape[1]))
        frames = np.arange(len(votes))
        for own, columns, weight in zip(labels, self.columns, self.weights, strict=True):
            votes[frames, columns[own]] += weight
        return votes


def hold_vote(labels: Sequence[NDArray[np.int64]], n_actions: int) -> Vote:
    """Match the actions of labellings and weigh the labellings by how far others bear them out.

    The labelling that agrees most with the others is the first to match to; then the outcome of
    the vote itself, until it stays.

    Parameters
    ----------
    labels : sequence of (N,) int64 arrays
        Labellings of the same frames, each with actions 0 to K - 1.
    n_actions : int
        K.

    Examples
    --------
    >>> vote = hold_vote([np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])], 2)
    >>> vote.shares([np.array([0, 1]), np.array([1, 0])]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_rand_score

    thin = [one[:: max(1, len(one) // COMPARED)] for one in labels]
    several = [len(np.unique(one)) > 1 for one in thin]
    count = len(labels)
    rand = np.ones((count, count))
    for a in range(count):
        for b in range(a):
            # Two of a single action are the same, but bear nothing out.
            told = several[a] and several[b]
            rand[a, b] = rand[b, a] = adjusted_rand_score(thin[a], thin[b]) if told else 0.0
    agreement = (rand.sum(axis=1) - 1) / max(1, count - 1) if count > 1 else np.ones(1)
    weights = np.maximum(agreement, 1e-3) ** 2
    weights /= weights.sum()
    reference = labels[int(np.argmax(agreement))]
    columns = np.zeros((count, n_actions), dtype=np.int64)
    for _ in range(ROUNDS):
        for index, own in enumerate(labels):
            table = np.zeros((n_actions, n_actions))
            np.add.at(table, (own, reference), 1)
            rows, matched = linear_sum_assignment(-table)
            columns[index, rows] = matched
        vote = Vote(columns, weights, agreement)
        outcome = vote.shares(labels).argmax(axis=1)
        if np.array_equal(outcome, reference):
            break
        reference = outcome
    return vote
