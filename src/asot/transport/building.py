"""From checked arguments to a problem; marginals, masks and structures are checked here."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from asot.errors import ArgumentError
from asot.transport.arguments import as_tensor, check_marginal
from asot.transport.problem import Problem
from asot.transport.structure import Band, Structure


def build_problem(
    cost: Tensor,
    lengths: Tensor,
    exists: Tensor,
    *,
    epsilon: float,
    alpha: float,
    radius: float | int,
    lambda_frames: float | None,
    lambda_actions: float | None,
    frame_marginal: Any,
    action_marginal: Any,
    allowed: Any,
    structure: Structure | None,
) -> Problem:
    """Check the marginals, the mask and the structure, and make the problem of them.

    Parameters
    ----------
    cost, lengths : Tensor, shapes (B, N, K) and (B,)
        As read by ``read_cost`` and ``read_lengths``.
    exists : Tensor of bool, shape (B, N)
        Frames within the recordings' lengths.
    epsilon, alpha, radius, lambda_frames, lambda_actions
        As in ``solve``, checked.
    frame_marginal, action_marginal, allowed, structure
        As in ``solve``, unchecked.

    Raises
    ------
    ArgumentError
        With the argument, the rule and the value.
    """
    batch, n_frames, n_actions = cost.shape
    padded = not bool(exists.all())
    uniform = exists / lengths.to(cost.dtype)[:, None]
    p = uniform
    if frame_marginal is not None:
        p = check_marginal("frame_marginal", frame_marginal, (batch, n_frames), cost, exists)
    q = torch.full_like(cost[:, 0, :], 1.0 / n_actions)
    if action_marginal is not None:
        q = check_marginal("action_marginal", action_marginal, (batch, n_actions), cost)
        if lambda_actions is None and bool((q == 0).any()):
            raise ArgumentError(
                "action_marginal must be positive where the action side is hard "
                f"(lambda_actions=None), but is 0 for action {int((q == 0).nonzero()[0, -1])}: "
                "drop the action, or forbid it with allowed=."
            )

    mask = None
    if allowed is not None:
        mask = as_tensor("allowed", allowed).to(device=cost.device)
        if mask.dtype != torch.bool:
            raise ArgumentError(f"allowed must be of bool, but is of {mask.dtype}.")
        if tuple(mask.shape) not in {(n_actions,), (n_frames, n_actions), tuple(cost.shape)}:
            raise ArgumentError(
                f"allowed must have the shape ({n_actions},), ({n_frames}, {n_actions}) or "
                f"{tuple(cost.shape)}, but has {tuple(mask.shape)}."
            )
        mask = mask.expand(cost.shape)
    # A relaxed side with a marginal of 0 has an infinite penalty on any mass: the same as a mask.
    if lambda_actions is not None and bool((q == 0).any()):
        mask = (q > 0)[:, None, :] if mask is None else mask & (q > 0)[:, None, :]
    if lambda_frames is not None and bool((p[exists] == 0).any()):
        mask = (p > 0)[:, :, None] if mask is None else mask & (p > 0)[:, :, None]
    if mask is not None:
        mask = mask.expand(cost.shape)
        _check_mask(mask, exists, p, lambda_frames, lambda_actions)
    if structure is not None:
        _check_structure(structure, cost, lengths)
    support = mask
    if padded:
        support = exists[..., None].expand(cost.shape)
        support = support if mask is None else support & mask
    return Problem(
        cost=torch.where(exists[..., None], cost, 0.0) if padded else cost,
        frame_marginal=p[:, :, None],
        action_marginal=q[:, None, :],
        row_weight=(p if lambda_frames is None else uniform)[:, :, None],
        support=support,
        has_mask=mask is not None,
        structure=Band(radius, lengths, n_frames) if structure is None else structure,
        epsilon=epsilon,
        alpha=alpha,
        lambda_frames=lambda_frames,
        lambda_actions=lambda_actions,
    )


def _check_structure(structure: Structure, cost: Tensor, lengths: Tensor) -> None:
    """Try a structure out once, so that its mistakes are named before any work."""
    own = getattr(structure, "lengths", None)
    if isinstance(own, Tensor) and own.tolist() != lengths.tolist():
        raise ArgumentError(
            f"structure was made for recordings of {own.tolist()} frames, but lengths are "
            f"{lengths.tolist()}: give it the same lengths."
        )
    if not isinstance(structure, Structure):
        raise ArgumentError(
            "structure must have a method apply(coupling) that returns Cv T, "
            f"but {type(structure).__name__} has none."
        )
    try:
        tried = structure.apply(torch.zeros_like(cost))
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise ArgumentError(
            f"structure.apply fails on a coupling of shape {tuple(cost.shape)}: {error}"
        ) from error
    if not isinstance(tried, Tensor) or tried.shape != cost.shape:
        raise ArgumentError(
            f"structure.apply must return a tensor of shape {tuple(cost.shape)}, but returns "
            f"{tuple(tried.shape) if isinstance(tried, Tensor) else type(tried).__name__}."
        )


def _check_mask(
    mask: Tensor,
    exists: Tensor,
    p: Tensor,
    lambda_frames: float | None,
    lambda_actions: float | None,
) -> None:
    stuck = ~mask.any(dim=2) & exists & (p > 0)
    if lambda_frames is None and bool(stuck.any()):
        b, frame = stuck.nonzero()[0].tolist()
        raise ArgumentError(
            f"allowed must leave each frame an action where the frame side is hard, but leaves "
            f"frame {frame} of recording {b} none."
        )
    unused = ~(mask & exists[..., None]).any(dim=1)
    if lambda_actions is None and bool(unused.any()):
        b, action = unused.nonzero()[0].tolist()
        raise ArgumentError(
            f"allowed must leave each action a frame where the action side is hard, but leaves "
            f"action {action} of recording {b} none."
        )
