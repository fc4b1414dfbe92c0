"""POT and fugw, where they are installed: fused unbalanced Gromov-Wasserstein with dense matrices.

Where frames are hard their problem is twice ours but for one term. They have (Cx - Cy)^2 in place
of a product: with ``Cx = S Cv`` and ``Cy = -alpha Ca / (2 S)`` the mixed term is ours, the squares
of Cx are the same for all actions, and those of Cy are a pull towards fewer actions that fades as
S grows. Their penalties on products of marginals are, at mass 1, twice the penalties on marginals.

There is no banded matrix: all is O(N^2), and shapes of more than ``MOST_FRAMES`` are left out.
Neither takes a batch: its recordings are solved one after the other. Block-coordinate descent
solves for two couplings a round; the rounds below reach our J, or one lower.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.problem import ALPHA, EPSILON, LAMBDA, RADIUS, half_width
from benchmarks.timing import Call

MOST_FRAMES = 6000
ROUNDS, SINKHORN_ITERATIONS = 13, 5
# POT takes exponentials of the whole cost: more would underflow, even in double precision.
S_POT, S_FUGW = 0.8, 3.0


def _matrices(
    cost: NDArray[np.float32], scale: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    _, n_frames, n_actions = cost.shape
    frames = np.arange(n_frames)
    apart = np.abs(frames[:, None] - frames)
    band = ((apart > 0) & (apart <= half_width(n_frames))) / RADIUS
    return scale * band, -ALPHA / (2 * scale) * (1.0 - np.eye(n_actions))


def pot(cost: NDArray[np.float32]) -> Call:
    """POT's ``fused_unbalanced_gromov_wasserstein``, NumPy in double precision."""
    from ot.gromov import fused_unbalanced_gromov_wasserstein

    given = cost.astype(np.float64)
    cx, cy = _matrices(cost, S_POT)

    def solve(one: NDArray[np.float64]) -> Any:
        return fused_unbalanced_gromov_wasserstein(
            cx,
            cy,
            reg_marginals=(float("inf"), LAMBDA),
            epsilon=EPSILON,
            unbalanced_solver="sinkhorn",
            alpha=2 * (1 - ALPHA),
            M=one,
            max_iter=ROUNDS,
            tol=0.0,
            max_iter_ot=SINKHORN_ITERATIONS,
            tol_ot=0.0,
        )[0]

    return lambda: np.stack([solve(one) for one in given])


def fugw(cost: NDArray[np.float32]) -> Call:
    """The dense solver of fugw, torch in single precision, Sinkhorn in the log domain."""
    import rich
    from fugw.solvers.dense import FUGWSolver

    # Its progress bar ends every call with an empty line.
    rich.get_console().quiet = True
    given = torch.from_numpy(cost)
    cx, cy = (torch.from_numpy(one).float() for one in _matrices(cost, S_FUGW))
    # Without evaluations in between, which cost time and serve stopping alone.
    solver = FUGWSolver(
        nits_bcd=ROUNDS,
        nits_uot=SINKHORN_ITERATIONS,
        eval_bcd=ROUNDS,
        eval_uot=SINKHORN_ITERATIONS,
    )

    def solve(one: torch.Tensor) -> torch.Tensor:
        # Its alpha halves everything, and its F comes halved once more.
        solution = solver.solve(
            alpha=0.5,
            rho_s=float("inf"),
            rho_t=LAMBDA / 2,
            eps=EPSILON / 2,
            F=2 * (1 - ALPHA) * one,
            Ds=cx,
            Dt=cy,
            solver="sinkhorn",
        )
        coupling: torch.Tensor = solution["pi"]
        return coupling

    return lambda: torch.stack([solve(one) for one in given])
