"""The public face of the transport: check, build the problem, solve, hand back what came in."""

from __future__ import annotations

import numbers
from typing import Any

import torch
from torch import Tensor

from asot.errors import ArgumentError
from asot.transport.arguments import (
    as_tensor,
    check_marginal,
    check_options,
    read_cost,
    read_lengths,
    read_matrix,
)
from asot.transport.mirror_descent import MirrorDescent, Result
from asot.transport.parity import ParityDescent
from asot.transport.problem import PART_NAMES, Problem
from asot.transport.solution import Objective, Outcome, Solution, Status
from asot.transport.structure import Band, Structure


def solve(
    cost: Any,
    epsilon: float = 0.07,
    alpha: float = 0.3,
    radius: float | int = 0.04,
    lambda_actions: float | None = 0.1,
    lambda_frames: float | None = None,
    lengths: Any = None,
    frame_marginal: Any = None,
    action_marginal: Any = None,
    allowed: Any = None,
    structure: Structure | None = None,
    initial: Any = None,
    max_iterations: int = 25,
    inner_iterations: int = 10,
    tolerance: float | None = None,
    step_size: float | None = None,
    mode: str = "default",
) -> Solution:
    """Assign the frames of recordings to actions, consistently in time.

    Minimises, by mirror descent from ``T = p q'``::

        J(T) = (1 - alpha) <C, T> + (alpha / 2) <T, Cv T Ca>
             + lambda_frames KL(T 1 || p) + lambda_actions KL(T' 1 || q) + epsilon sum T (log T - 1)

    where ``Cv[i, j] = 1/radius`` within ``radius`` of the diagonal, 0 on and beyond it, and
    ``Ca = 1 - I``. A side whose lambda is None is a hard constraint instead: ``T 1 = p`` or
    ``T' 1 = q``. The default is the paper's: frames hard, actions relaxed. O(N K) an iteration.

    Parameters
    ----------
    cost : array or tensor, shape (N, K) or (B, N, K)
        Assignment cost of N frames to K actions, such as 1 - cosine similarity. NumPy in, NumPy
        out; a torch tensor stays on its device, and gradients flow through the result where the
        cost asks for them. float64 stays float64; half precision is computed in float32 and comes
        back so. Entries of padded rows are never read.
    epsilon : float
        Entropy weight, > 0, in units of the cost.
    alpha : float
        Weight of the temporal term, in [0, 1); the linear term has 1 - alpha.
    radius : float or int
        Half-width of the temporal band: a fraction of each recording's own length (float), at
        least one frame; or a number of frames (int).
    lambda_actions, lambda_frames : float or None
        KL penalty on that side's marginal, > 0; None makes the side hard.
    lengths : sequence of int, shape (B,), optional
        Frames of each recording of a padded batch; all N unless given.
    frame_marginal : array, shape (N,) or (B, N), optional
        p, non-negative, summing to 1 over a recording's frames; uniform unless given.
    action_marginal : array, shape (K,) or (B, K), optional
        q, likewise; uniform unless given.
    allowed : array of bool, shape (K,), (N, K) or (B, N, K), optional
        Entries that may carry mass; all unless given.
    structure : Structure, optional
        Another temporal term than the band of ``radius``: an object with ``apply(T) -> Cv T``.
    initial : array, shape (N, K) or (B, N, K), optional
        A warm start: a non-negative assignment, such as an earlier solution's.
    max_iterations : int
        Mirror-descent steps, at least 0.
    inner_iterations : int
        Sinkhorn steps in each of them where both sides are hard, before Newton steps take over;
        in parity mode there are no others.
    tolerance : float, optional
        Ends a recording when a full step moves no assignment by more than this. None (default)
        runs all iterations, as the paper does: stopping early acts as a regulariser.
    step_size : float, optional
        First step, > 0; unless given, ``4 / max(dJ/dT)`` at the start, or 1 / epsilon where that
        is shorter. A step that would raise J is halved; it grows back, to the first at most.
    mode : {"default", "parity"}
        "parity" reproduces the authors' release number for number, its quirks included; it takes
        no marginals, mask, structure, warm start or tolerance, and a float radius. (The release's
        own defaults are ``lambda_actions=0.05, inner_iterations=1``.)

    Returns
    -------
    Solution
        ``assignment``, ``coupling``, ``labels``, ``objective`` and ``status``.

    Raises
    ------
    ArgumentError
        Before any work, with a sentence that names the argument, the rule and the value.

    References
    ----------
    M. Xu and S. Gould, "Temporally Consistent Unbalanced Optimal Transport for Unsupervised Action
    Segmentation", CVPR 2024, arXiv 2404.01518.

    Examples
    --------
    >>> import numpy as np
    >>> cost = np.ones((6, 2))
    >>> cost[[0, 1, 2], 0] = cost[[3, 4, 5], 1] = 0.0
    >>> cost[1] = [0.6, 0.4]  # a frame that looks like the other action
    >>> cost.argmin(axis=1).tolist()
    [0, 1, 0, 1, 1, 1]
    >>> solution = solve(cost, radius=2)
    >>> solution.labels.tolist()
    [0, 0, 0, 1, 1, 1]
    >>> print(solution.status[0])
    Ran all 25 iterations; no tolerance was given to stop by.
    """
    check_options(
        epsilon=epsilon,
        alpha=alpha,
        radius=radius,
        lambda_actions=lambda_actions,
        lambda_frames=lambda_frames,
        max_iterations=max_iterations,
        inner_iterations=inner_iterations,
        tolerance=tolerance,
        step_size=step_size,
        mode=mode,
    )
    radius = int(radius) if isinstance(radius, numbers.Integral) else float(radius)
    costs, single = read_cost(cost)
    frames = read_lengths(lengths, costs)
    exists = torch.arange(costs.shape[1], device=costs.device) < frames[:, None]
    if not bool(torch.isfinite(costs[exists]).all()):
        raise ArgumentError(
            "cost must be finite, but holds NaN or infinite values: mend them, or forbid entries "
            "with allowed=."
        )
    if mode == "parity":
        extras = {
            "frame_marginal": frame_marginal,
            "action_marginal": action_marginal,
            "allowed": allowed,
            "structure": structure,
            "initial": initial,
            "tolerance": tolerance,
        }
        given = [name for name, value in extras.items() if value is not None]
        if isinstance(radius, int):
            given.append("radius in frames")
        if given:
            raise ArgumentError(
                f"mode='parity' reproduces the authors' release, which has no {given[0]}: "
                "leave it out, or use the default mode."
            )
        if not bool(torch.isfinite(costs).all()):
            raise ArgumentError("cost must be finite on padded rows too in parity mode.")
        parity = ParityDescent(
            epsilon,
            alpha,
            radius,
            lambda_frames,
            lambda_actions,
            max_iterations,
            inner_iterations,
            step_size,
        )
        result = parity.run(costs, frames)
        weight = exists[..., None] / frames.to(costs.dtype)[:, None, None]
        return _hand_back(result, weight, exists[..., None], like=cost, single=single)

    problem = _build_problem(
        costs,
        frames,
        exists,
        epsilon=epsilon,
        alpha=alpha,
        radius=radius,
        lambda_frames=lambda_frames,
        lambda_actions=lambda_actions,
        frame_marginal=frame_marginal,
        action_marginal=action_marginal,
        allowed=allowed,
        structure=structure,
    )
    start = None
    if initial is not None:
        start = read_matrix("initial", initial, costs)
        if bool((start[exists] < 0).any()) or not bool(torch.isfinite(start[exists]).all()):
            raise ArgumentError(
                "initial must be finite and non-negative, but its values go from "
                f"{float(start[exists].min()):g} to {float(start[exists].max()):g}."
            )
        start = torch.where(exists[..., None], start, 0.0)
    solver = MirrorDescent(max_iterations, inner_iterations, tolerance, step_size)
    result = solver.run(problem, start)
    result = _name_missed_marginals(problem, result)
    has_action = exists[..., None] if problem.support is None else problem.support
    return _hand_back(result, problem.row_weight, has_action, like=cost, single=single)


def _build_problem(
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
        _check_mask(mask, exists, p, q, lambda_frames, lambda_actions)
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
    q: Tensor,
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


def _name_missed_marginals(problem: Problem, result: Result) -> Result:
    """Say so where a mask leaves no coupling with both hard marginals."""
    if not (problem.both_hard and problem.has_mask):
        return result
    mass = (problem.row_weight * result.assignment).sum(dim=1)
    error = (mass - problem.action_marginal[:, 0]).abs().amax(dim=1).tolist()
    status = tuple(
        one
        if miss <= 1e-3
        else Status(
            Outcome.STALLED,
            f"Stalled: under this mask an action's mass is off its hard marginal by {miss:.2g}; "
            "allow more, or relax a side.",
            one.iterations,
            one.step_size,
        )
        for one, miss in zip(result.status, error, strict=True)
    )
    return Result(result.log_assignment, result.assignment, result.trace, result.parts, status)


def _hand_back(
    result: Result, row_weight: Tensor, has_action: Tensor, *, like: Any, single: bool
) -> Solution:
    scores = result.log_assignment.detach().masked_fill(~has_action, -torch.inf)
    labels = torch.where(has_action.any(dim=2), scores.argmax(dim=2), -1)

    def as_came(values: Tensor) -> Any:
        values = values[0] if single else values
        return values if isinstance(like, Tensor) else values.numpy()

    return Solution(
        assignment=as_came(result.assignment),
        coupling=as_came(row_weight * result.assignment),
        labels=as_came(labels),
        objective=Objective(
            trace=as_came(result.trace),
            **{name: as_came(part) for name, part in zip(PART_NAMES, result.parts, strict=True)},
        ),
        status=result.status,
    )
