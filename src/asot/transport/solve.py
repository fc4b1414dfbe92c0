"""The public face of the transport: check, build the problem, solve, hand back what came in."""

from __future__ import annotations

import numbers
from typing import Any

import torch
from torch import Tensor

from asot.errors import ArgumentError, MissingExtraError
from asot.transport.arguments import (
    check_options,
    read_cost,
    read_lengths,
    read_matrix,
    require_finite,
)
from asot.transport.building import build_problem
from asot.transport.cpu.solver import FusedDescent, is_installed
from asot.transport.cuda.solver import GpuDescent
from asot.transport.cuda.solver import is_installed as gpu_is_installed
from asot.transport.mirror_descent import MirrorDescent, Result
from asot.transport.parity import ParityDescent
from asot.transport.problem import Problem
from asot.transport.solution import Answer, Objective, Outcome, Solution, Status
from asot.transport.structure import Structure


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
    backend: str = "auto",
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
    backend : {"auto", "torch", "cpu", "cuda"}
        What computes it; results agree to rounding. "cpu" is compiled code (``pip install
        "asot[fast]"``) for the default mode with relaxed actions and the band, without gradients;
        "auto" takes it where it covers the problem and is installed, and "torch" elsewhere.
        "cuda" covers the same for a cost on a GPU (Triton 3.5, which comes with torch for CUDA),
        in one launch that nothing waits for: what lies on the GPU is not checked, a cost that is
        not finite ends as "not finite", and lengths are brought into range. Never taken by itself.

    Returns
    -------
    Solution
        ``assignment``, ``coupling``, ``labels``, ``objective`` and ``status``.

    Raises
    ------
    ArgumentError
        With a sentence that names the argument, the rule and the value; before any work, but for a
        cost that is not finite, which a compiled solver finds on its way.
    MissingExtraError
        ``backend="cpu"`` without Numba, or "cuda" without Triton.

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
    if backend not in ("auto", "torch", "cpu", "cuda"):
        raise ArgumentError(
            f'backend must be "auto", "torch", "cpu" or "cuda", but is {backend!r}.'
        )
    radius = int(radius) if isinstance(radius, numbers.Integral) else float(radius)
    costs, single = read_cost(cost)
    kind = GpuDescent if backend == "cuda" else FusedDescent
    unlike = _outside_the_fused(kind.device, costs, mode, structure, lambda_actions)
    fused = _takes_fused(backend, unlike)
    solver = MirrorDescent(max_iterations, inner_iterations, tolerance, step_size)
    descent = kind(solver, epsilon, alpha, radius, lambda_frames, lambda_actions or 0.0)
    extras = (frame_marginal, action_marginal, allowed, initial)
    if fused and all(extra is None for extra in extras):
        each = _quick_lengths(lengths, costs)
        return _hand_back(descent.run(costs, each), like=cost, single=single)
    frames = read_lengths(lengths, costs)
    require_finite(costs, frames)
    exists = _exists(costs, frames)
    if mode == "parity":
        names = ("frame_marginal", "action_marginal", "allowed", "initial")
        others = {"structure": structure, "tolerance": tolerance}
        given = [
            name
            for name, value in (*zip(names, extras, strict=True), *others.items())
            if value is not None
        ]
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
        weight = exists[..., None] / frames.to(costs.dtype)[:, None, None]
        answer = _labelled(parity.run(costs, frames), weight, exists[..., None])
        return _hand_back(answer, like=cost, single=single)

    start = None
    if initial is not None:
        start = read_matrix("initial", initial, costs)
        if bool((start[exists] < 0).any()) or not bool(torch.isfinite(start[exists]).all()):
            raise ArgumentError(
                "initial must be finite and non-negative, but its values go from "
                f"{float(start[exists].min()):g} to {float(start[exists].max()):g}."
            )
        start = torch.where(exists[..., None], start, 0.0)
    problem = None
    if not fused or any(extra is not None for extra in extras[:3]):
        problem = build_problem(
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
        least = problem.row_weight[exists].min()
        # What float32 holds with fewer digits is divided by, and would overflow.
        if fused and backend != "cuda" and lambda_frames is None and bool(least < 1e-30):
            fused = _takes_fused(backend, "a frame marginal of 0 where the frame side is hard")
    if not fused:
        assert problem is not None
        result = _name_missed_marginals(problem, solver.run(problem, start))
        has_action = exists[..., None] if problem.support is None else problem.support
        answer = _labelled(result, problem.row_weight, has_action)
        return _hand_back(answer, like=cost, single=single)

    if problem is None:
        answer = descent.run(costs, frames.tolist(), initial=start)
    else:
        answer = descent.run(
            costs,
            frames.tolist(),
            p=None if frame_marginal is None else problem.frame_marginal[..., 0],
            q=problem.action_marginal[:, 0],
            allowed=problem.support if problem.has_mask else None,
            initial=start,
        )
    return _hand_back(answer, like=cost, single=single)


def _exists(cost: Tensor, lengths: Tensor) -> Tensor:
    """Which frames are within their recording's length; shape ``(B, N)``."""
    return torch.arange(cost.shape[1], device=cost.device) < lengths[:, None]


def _quick_lengths(lengths: Any, cost: Tensor) -> Any:
    """The recordings' lengths, checked, but where that would have to wait for a GPU."""
    if lengths is None:
        return [cost.shape[1]] * cost.shape[0]
    whole = isinstance(lengths, Tensor) and lengths.dtype == torch.int64
    if whole and tuple(lengths.shape) == (cost.shape[0],):
        if lengths.is_cuda and cost.is_cuda:
            return lengths
        each = lengths.tolist()
        if min(each) >= 1 and max(each) <= cost.shape[1]:
            return each
    return read_lengths(lengths, cost).tolist()


def _outside_the_fused(
    device: str,
    cost: Tensor,
    mode: str,
    structure: Structure | None,
    lambda_actions: float | None,
) -> str | None:
    """What the compiled solver of a device does not cover in these arguments, if anything."""
    if mode != "default":
        return f"mode={mode!r}"
    if cost.device.type != device:
        return f"a cost on {cost.device}"
    if cost.requires_grad and torch.is_grad_enabled():
        return "a cost that asks for gradients"
    if _is_wrapped(cost):
        return "a cost inside a transform of torch.func or with a forward derivative"
    if structure is not None:
        return "a structure of one's own"
    if lambda_actions is None:
        return "a hard action side (lambda_actions=None)"
    return None


def _is_wrapped(cost: Tensor) -> bool:
    """Whether a tensor is more than its numbers, with a derivative or a transform of its own."""
    dual = torch.autograd.forward_ad.unpack_dual
    in_level = torch.autograd.forward_ad._current_level >= 0
    wrapped = bool(torch._C._functorch.is_functorch_wrapped_tensor(cost))
    return wrapped or (in_level and dual(cost).tangent is not None)


def _takes_fused(backend: str, unlike: str | None) -> bool:
    """Whether a compiled solver is to be taken: by itself, the one for the CPU alone."""
    if backend in ("cpu", "cuda"):
        if unlike is not None:
            raise ArgumentError(
                f'backend="{backend}" does not cover {unlike}: use backend="auto" or "torch".'
            )
        if backend == "cpu" and not is_installed():
            raise MissingExtraError("numba", "fast", 'backend="cpu"')
        if backend == "cuda" and not gpu_is_installed():
            raise MissingExtraError("triton", "gpu", 'backend="cuda"')
    return backend in ("cpu", "cuda") or (backend == "auto" and unlike is None and is_installed())


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


def _labelled(result: Result, frame_weight: Tensor, has_action: Tensor) -> Answer:
    scores = result.log_assignment.detach().masked_fill(~has_action, -torch.inf)
    labels = torch.where(has_action.any(dim=2), scores.argmax(dim=2), -1)
    return Answer(
        result.assignment, labels, frame_weight, result.trace, result.parts, result.status
    )


def _hand_back(answer: Answer, *, like: Any, single: bool) -> Solution:
    def as_came(values: Any, axis: int = 0) -> Any:
        if single:
            values = values[(slice(None),) * axis + (0,)]
        if isinstance(like, Tensor):
            return values if isinstance(values, Tensor) else torch.from_numpy(values)
        return values.numpy() if isinstance(values, Tensor) else values

    parts = as_came(answer.parts, axis=1)
    return Solution(
        assignment=as_came(answer.assignment),
        frame_weight=as_came(answer.frame_weight),
        labels=as_came(answer.labels),
        objective=Objective(as_came(answer.trace), *parts),
        status=answer.status,
    )
