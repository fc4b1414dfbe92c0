"""The functions of the authors' release under their own names: ``import asot.compat as asot``.

They repeat it number for number (``mode="parity"``), for its training script and for code that was
written around it: marginals of one's own, and the alignment of two recordings by VASOT and VAOT.
For anything new, :func:`asot.solve` has the mended defaults.

Sources of the names, defaults and units: the release of Xu and Gould, CVPR 2024 (arXiv 2404.01518);
those of Ali et al., ICCV 2025 (arXiv 2503.16832).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

import asot.transport as transport
from asot.errors import ArgumentError
from asot.transport.arguments import refused

# Stand for limits that the release takes, where they switch a part off: to rounding the same.
TINY, BELOW_ONE = 1e-30, math.nextafter(1.0, 0.0)

__all__ = ["align_ot", "segment_asot", "segment_ot", "temporal_prior"]


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
    dx: Tensor | None = None,
    dy: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Assign frames to actions as the authors' release does; ``segment_ot`` is the same.

    Parameters
    ----------
    cost_matrix : Tensor, shape (B, N, K)
        Assignment cost; finite on frames that do not exist too.
    mask : Tensor of bool, or of 0 and 1, shape (B, N), optional
        True or 1 on the frames that exist, at least one in each recording.
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
    dx, dy : Tensor, shapes (B, N, 1) and (B, K, 1), or one for all, (N, 1) and (K, 1), optional
        Marginals, each with the sum 1 over a recording; uniform, as in the release, unless given.

    Returns
    -------
    assignment : Tensor, shape (B, N, K)
        The coupling times each recording's number of frames: rows of frames that exist sum to 1
        where frames are hard and have no ``dx``.
    trace : Tensor, shape ((iterations + 1) B,)
        The logged objective: at the start, all recordings, then after each iteration.

    Raises
    ------
    ArgumentError
        With a sentence that names what does not fit: a shape, a mask of other values than 0 and
        1, a marginal whose sum is not 1, or arrays of NumPy, which the release does not take.

    Examples
    --------
    >>> cost = 1.0 - torch.eye(3).repeat_interleave(20, dim=0)[None]
    >>> assignment, trace = segment_asot(cost, eps=0.04, alpha=0.6, lambda_actions=0.01)
    >>> assignment.argmax(dim=2)[0, [0, 25, 59]].tolist(), len(trace)
    ([0, 1, 2], 26)
    """
    batch, n_frames, n_actions = _shape_of(cost_matrix)
    return _solve(
        cost_matrix,
        None if mask is None else _mask("mask", mask, (batch, n_frames)),
        None if dx is None else _marginal("dx", dx, batch, n_frames),
        _weights(eps, alpha, radius, ub_frames, ub_actions, lambda_frames, lambda_actions, n_iters),
        action_marginal=None if dy is None else _marginal("dy", dy, batch, n_actions),
        step_size=step_size,
    )


segment_ot = segment_asot


def align_ot(
    cost_matrix: Tensor,
    mask_X: Tensor | None = None,
    mask_Y: Tensor | None = None,
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
    """Align the frames of two recordings as VASOT and VAOT do; the latter's ``segment_asot``.

    Frames of the other recording stand for actions, and ``Ca`` is 0 for two of them within the
    radius of each other but 1 on the diagonal. (:class:`asot.Complement` has 0 there, so that two
    frames may stay with one.) For anything new, ``asot.solve(action_structure=, border=)``.

    Parameters
    ----------
    cost_matrix : Tensor, shape (B, 1 + N, 1 + M)
        Cost of frames i and j, after a row and a column for frames without a partner.
    mask_X, mask_Y : Tensor of bool, or of 0 and 1, shapes (B, N) and (B, M), optional
        True or 1 on the frames that exist, at least one in each recording.
    radius : float
        Half-width of both bands, a fraction of the padded lengths 1 + N and 1 + M.
    eps, alpha, ub_frames, ub_actions, lambda_frames, lambda_actions, n_iters
        As for ``segment_asot``.
    stable_thres, step_size
        As for ``segment_asot``.

    Returns
    -------
    assignment : Tensor, shape (B, N, M)
        Without the first row and column. Rows of frames that exist sum to at most 1 where frames
        are hard.
    trace : Tensor, shape ((iterations + 1) B,)
        The logged objective, as ``segment_asot`` returns it.

    Raises
    ------
    ArgumentError
        With a sentence that names what does not fit, as ``segment_asot`` does.

    Examples
    --------
    >>> cost = torch.full((1, 5, 4), 0.5)
    >>> cost[0, 1:, 1:] = 1.0 - torch.eye(3)[[0, 1, 2, 2]]
    >>> assignment, trace = align_ot(cost, eps=0.04, n_iters=(100, 1))
    >>> assignment.argmax(dim=2)[0].tolist(), assignment.shape, len(trace)
    ([0, 1, 2, 2], torch.Size([1, 4, 3]), 101)
    """
    batch, *sizes = _shape_of(cost_matrix)
    rows, columns = (
        None
        if mask is None
        else torch.nn.functional.pad(_mask(name, mask, (batch, size - 1)), (1, 0), value=True)
        for name, mask, size in zip(("mask_X", "mask_Y"), (mask_X, mask_Y), sizes, strict=True)
    )
    assignment, trace = _solve(
        cost_matrix,
        rows,
        None,
        _weights(eps, alpha, radius, ub_frames, ub_actions, lambda_frames, lambda_actions, n_iters),
        action_marginal=None if columns is None else columns / columns.sum(dim=1, keepdim=True),
        action_structure=_FarOrSame(int(cost_matrix.shape[-1] * radius)),
        step_size=step_size,
    )
    return assignment[:, 1:, 1:], trace


class _FarOrSame:
    """``Ca`` of an alignment: all but the neighbours within a band, over the padded length."""

    def __init__(self, half_width: int) -> None:
        self.half_width = half_width

    def apply(self, coupling: Tensor) -> Tensor:
        """Return ``Ca T'``, shape (B, K, N)."""
        total = coupling.sum(dim=1, keepdim=True).expand_as(coupling)
        if self.half_width == 0:
            return total
        batch, n_actions, _ = coupling.shape
        band = transport.Band(self.half_width, [n_actions] * batch, n_actions)
        return total - band.window_sums(coupling)


def _weights(
    eps: float,
    alpha: float,
    radius: float,
    ub_frames: bool,
    ub_actions: bool,
    lambda_frames: float,
    lambda_actions: float,
    n_iters: Sequence[int],
) -> dict[str, Any]:
    """Name the release's arguments as ``solve`` does, which takes no limits of 0 and 1."""
    return {
        "epsilon": eps or TINY,
        "alpha": BELOW_ONE if alpha == 1.0 else alpha,
        "radius": float(radius) or TINY,
        "lambda_frames": (lambda_frames or TINY) if ub_frames else None,
        "lambda_actions": (lambda_actions or TINY) if ub_actions else None,
        "max_iterations": n_iters[0],
        "inner_iterations": n_iters[-1],
    }


def _shape_of(cost: Tensor) -> tuple[int, int, int]:
    """Return the shape of a cost, or refuse one of another kind, or of other axes."""
    found = tuple(_tensor("cost_matrix", cost).shape)
    if len(found) != 3 or 0 in found:
        cure = ": add an axis by cost_matrix[None]" if len(found) == 2 else ""
        raise refused(
            "cost_matrix",
            "must have the shape (recordings, frames, actions), at least one of each, but has "
            f"{found}{cure}.",
        )
    return found


def _tensor(name: str, values: Tensor) -> Tensor:
    """Return a tensor of numbers, as the release takes; refuse what else there is."""
    if not isinstance(values, Tensor):
        raise refused(
            name,
            f"must be a tensor of torch, but is of {type(values).__name__}: give "
            f"torch.as_tensor({name}).",
        )
    return values


def _mask(name: str, mask: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return a mask of bool, or refuse one of other shape or values, or without any frame."""
    found = tuple(_tensor(name, mask).shape)
    if found != shape:
        raise refused(
            name,
            f"must have the shape {shape}, an entry for each frame of the cost, but has {found}.",
        )
    exists = mask.bool()
    if not torch.equal(exists.to(mask.dtype), mask):
        odd = mask[exists.to(mask.dtype) != mask][0].item()
        raise refused(name, f"must hold 0 and 1 alone, or bool, but holds {odd:g}.")
    empty = (~exists.any(dim=1)).nonzero()
    if len(empty):
        which = int(empty[0, 0])
        raise refused(name, f"must hold a frame of each recording, but recording {which} has none.")
    return exists


def _marginal(name: str, values: Tensor, batch: int, size: int) -> Tensor:
    """Return a marginal without its last axis, or refuse one of another shape."""
    found = tuple(_tensor(name, values).shape)
    if found not in ((batch, size, 1), (size, 1)):
        cure = f": give {name}[..., None]" if found in ((batch, size), (size,)) else ""
        raise refused(name, f"must have the shape {(batch, size, 1)}, but has {found}{cure}.")
    return values[..., 0]


# What a sentence of ``solve`` begins with, and the release's argument.
_NAMES = {
    **{"frame_marginal": "dx", "action_marginal": "dy", "cost": "cost_matrix", "epsilon": "eps"},
    **{"max_iterations": "n_iters[0]", "inner_iterations": "n_iters[-1]"},
}


def _solve(
    cost: Tensor, mask: Tensor | None, dx: Tensor | None, weights: dict[str, Any], **more: Any
) -> tuple[Tensor, Tensor]:
    lengths = None
    if mask is not None:
        lengths = mask.sum(dim=1)
        if dx is not None:
            dx = torch.where(mask, dx, 0.0)
        elif not bool((mask[:, 1:] <= mask[:, :-1]).all()):  # gaps: these frames have no mass
            dx = mask / lengths[:, None]
    padding = lengths if dx is None else None
    try:
        solution = transport.solve(
            cost, lengths=padding, frame_marginal=dx, mode="parity", **weights, **more
        )
    except ArgumentError as error:
        subject, _, rule = str(error).partition(" ")
        rule = rule.replace(", or forbid entries with allowed=", "")
        raise refused(_NAMES.get(subject, subject), rule) from error
    assignment = solution.assignment
    if dx is not None:
        assignment = solution.coupling * (
            cost.shape[1] if lengths is None else lengths[:, None, None]
        )
    return assignment, solution.objective.trace.mT.flatten().to(cost)


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
