"""The functions of the authors' release under their own names: ``import asot.compat as asot``.

They repeat it number for number (``mode="parity"``), for its training script and for code that was
written around it. For anything new, :func:`asot.solve` has the mended defaults.

Source of the names, defaults and units: the release of Xu and Gould, CVPR 2024 (arXiv 2404.01518).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

import asot.transport as transport
from asot.errors import ArgumentError

__all__ = ["segment_asot", "temporal_prior"]


def segment_asot(
    cost_matrix: Tensor,
    mask: Tensor | None = None,
    eps: float = 0.07,
    alpha: float = 0.3,
    radius: float = 0.04,
    ub_frames: bool = False,
    ub_actions: bool = True,
    lambda_frames: float = 0.1,
    lambda_actions: float = 0.05,
    n_iters: Sequence[int] = (25, 1),
    stable_thres: float = 7.0,
    step_size: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Assign frames to actions as the authors' release does.

    Parameters
    ----------
    cost_matrix : Tensor, shape (B, N, K)
        Assignment cost; finite on padded rows too.
    mask : Tensor of bool, or of 0 and 1, shape (B, N), optional
        True or 1 on the frames that exist, which must be the first of each recording.
    eps, alpha : float
        Weights of the entropy, and of the temporal term.
    radius : float
        Half-width of the temporal band, a fraction of the padded length.
    ub_frames, ub_actions : bool
        Whether that side is relaxed, with its lambda; else it is hard.
    lambda_frames, lambda_actions : float
        KL penalty on that side's marginal where it is relaxed.
    n_iters : (int, int)
        Iterations, and Sinkhorn steps in each where both sides are hard.
    stable_thres : float
        Taken as 7, whatever is given: it decides where sums are rescaled, which only rounds.
    step_size : float, optional
        Length of a step; the release's rule unless given.

    Returns
    -------
    assignment : Tensor, shape (B, N, K)
        Rows of frames that exist sum to 1 where frames are hard.
    trace : Tensor, shape ((iterations + 1) B,)
        The logged objective: at the start, all recordings, then after each iteration.

    Raises
    ------
    ArgumentError
        With a sentence that names what does not fit, as :func:`asot.solve` calls it.

    Examples
    --------
    >>> cost = 1.0 - torch.eye(3).repeat_interleave(20, dim=0)[None]
    >>> assignment, trace = segment_asot(cost, eps=0.04, alpha=0.6, lambda_actions=0.01)
    >>> assignment.argmax(dim=2)[0, [0, 25, 59]].tolist(), len(trace)
    ([0, 1, 2], 26)
    """
    lengths = None
    if mask is not None:
        mask = mask.bool()
        lengths = mask.sum(dim=1)
        frame = torch.arange(mask.shape[1], device=mask.device)
        if not bool((mask == (frame < lengths[:, None])).all()):
            raise ArgumentError(
                "mask must be True on the first frames of each recording and False on its padding, "
                "but has gaps: leave these frames out of the cost.",
                setting="mask",
            )
    solution = transport.solve(
        cost_matrix,
        epsilon=eps,
        alpha=alpha,
        radius=float(radius),
        lambda_frames=lambda_frames if ub_frames else None,
        lambda_actions=lambda_actions if ub_actions else None,
        lengths=lengths,
        max_iterations=n_iters[0],
        inner_iterations=n_iters[1],
        step_size=step_size,
        mode="parity",
    )
    return solution.assignment, solution.objective.trace.mT.flatten().to(cost_matrix)


def temporal_prior(n_frames: int, n_clusters: int, rho: float, device: Any) -> Tensor:
    """Make the release's order prior, ``rho |i/N - k/K|``.

    Parameters
    ----------
    n_frames, n_clusters : int
        N, the padded number of frames, and K.
    rho : float
        Strength, >= 0.
    device : torch.device or str
        Where the prior is to lie.

    Returns
    -------
    Tensor, shape (N, K)

    Examples
    --------
    >>> temporal_prior(2, 2, 0.2, "cpu")
    tensor([[0.0000, 0.1000],
            [0.1000, 0.0000]])
    """
    like = torch.empty(0, device=device)
    prior: Tensor = transport.temporal_prior(n_frames, n_clusters, rho, mode="parity", like=like)
    return prior
