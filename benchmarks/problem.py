"""The problem everybody solves: its numbers, its costs, and J as the one measure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import asot

EPSILON, ALPHA, RADIUS, LAMBDA, ITERATIONS = 0.07, 0.3, 0.04, 0.1, 25

Shape = tuple[int, int, int]

BATCHES = [(2, 256), (32, 256), (1, 745), (1, 5292), (1, 11000)]
GRID = [(batch, n_frames, k) for batch, n_frames in BATCHES for k in (8, 12, 19, 22)]
QUICK = [(2, 256, 12), (32, 256, 19), (1, 5292, 8)]
CARD = [(batch, 256, k) for batch in (2, 8, 32, 64) for k in (8, 12, 19, 22, 32)]


def make_cost(shape: Shape) -> NDArray[np.float32]:
    """A noisy cost (B, N, K) in which the actions follow one another."""
    _, n_frames, n_actions = shape
    rng = np.random.default_rng(n_frames * n_actions)
    cost = rng.random(shape, dtype=np.float32)
    frames = np.arange(n_frames)
    cost[:, frames, frames * n_actions // n_frames] *= 0.4
    return cost


def half_width(n_frames: int) -> int:
    """The band's half-width in frames."""
    return max(1, round(n_frames * RADIUS))


def objective(coupling: Any, cost: NDArray[np.float32]) -> float:
    """asot's own J, the mean over a batch, in double precision.

    Parameters
    ----------
    coupling : (B, N, K) array
        What a contender returned; its rows are scaled to sum to 1.
    cost : (B, N, K) array
        The cost.
    """
    assignment = np.asarray(coupling, dtype=np.float64)
    start = asot.solve(
        cost.astype(np.float64),
        epsilon=EPSILON,
        alpha=ALPHA,
        radius=RADIUS,
        lambda_actions=LAMBDA,
        initial=assignment / assignment.sum(axis=2, keepdims=True),
        max_iterations=0,
        backend="torch",
    )
    return float(np.mean(start.objective.total))
