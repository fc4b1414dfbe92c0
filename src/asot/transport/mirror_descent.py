"""The torch backend: mirror descent in the KL geometry, with backtracking, on log A.

Each iteration takes ``A <- project(A * exp(-s dJ/dT))``. A recording has its own step size s and
its own end, so that its result does not depend on the others in its batch. The first step is that
of ``step``, which no cost shortens; the paper's was ``4 / max(dJ/dT)``, which one entry could
shorten to nothing. A step that raises J is halved and tried again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from asot.transport.problem import Problem
from asot.transport.projection import project, round_to_marginals
from asot.transport.request import Request
from asot.transport.solution import MOST_MASS, Answer, Ending, Plan, Status
from asot.transport.structure import wide, zero_sum_spectrum

MAX_HALVINGS = 40
# Zeros of a warm start would stay zeros.
LEAST_INITIAL = 1e-16
# A halved step grows back slowly: one retry in seven iterations where the full step never fits.
GROWTH = 1.1
CLOSE_TO_MARGINALS = 1e-6


class TorchBackend:
    """Plain torch: any sides and structure, on any device, with gradients."""

    def covers(self, request: Request) -> str | None:
        """Cover every request but those of parity mode."""
        return None if request.mode == "default" else f"mode={request.mode!r}"

    def run(self, request: Request) -> Answer:
        """Solve a batch into tensors on its device."""
        request.require_finite()
        problem = Problem.of(request)
        state, trace, status = _descend(problem, request)
        if problem.both_hard and problem.has_mask:
            _name_missed_marginals(problem, state, status)
        has_action = request.exists[..., None] if problem.support is None else problem.support
        labels = label(state.log_assignment, has_action)
        parts = state.parts.detach().clone()
        parts[0] += problem.constant
        trace += problem.constant[:, None]
        assignment, weight = state.assignment, problem.row_weight
        seen = Plan.of(assignment, weight, request)
        if problem.border:
            q = problem.action_marginal[:, 0]
            seen = seen._replace(action_marginal=0.5 * q, allowed=problem.support)
            alone, assignment = assignment[:, :-1, -1], assignment[:, :-1, :-1]
            labels = label(assignment, has_action[:, :-1, :-1])
            labels = labels.masked_fill(alone.detach() > assignment.detach().sum(dim=2), -1)
            weight = weight[:, :-1]
        told = seen.complete(status)
        return Answer(assignment, labels, weight, trace, parts, told, state.assignment)


@dataclass(frozen=True)
class State:
    """A coupling on the way: log A, A, and the parts of J and dJ/dT there."""

    log_assignment: Tensor
    assignment: Tensor
    parts: Tensor
    gradient: Tensor

    @property
    def objective(self) -> Tensor:
        """Return J, (B,)."""
        return self.parts.sum(dim=0)


def _descend(problem: Problem, request: Request) -> tuple[State, Tensor, list[Status]]:
    """Solve the problem; return the last state, the trace of J and how each recording ended."""
    inner_iterations, tolerance = request.inner_iterations, request.tolerance
    batch, device = problem.cost.shape[0], problem.cost.device
    initial = problem.start(request.initial)
    # The start is projected too, as a mask or a warm start may break the hard marginals.
    scores = torch.log(initial.clamp(min=LEAST_INITIAL))
    state = _visit(problem, *project(problem, scores, inner_iterations))
    step = longest = _full_step(problem, request)
    objective = state.objective.detach()
    trace = objective.new_full((batch, request.max_iterations + 1), torch.nan)
    trace[:, 0] = objective
    ended: list[Ending | None] = [
        None if finite else Ending.NOT_FINITE
        for finite in torch.isfinite(objective + problem.constant).tolist()
    ]
    iterations, halvings, moved = [0] * batch, [0] * batch, [float("inf")] * batch
    while True:
        for b in range(batch):
            if ended[b] is None and iterations[b] >= request.max_iterations:
                ended[b] = Ending.ITERATION_LIMIT
        active = torch.tensor([ending is None for ending in ended], device=device)
        if all(ended):
            break
        scores = state.log_assignment - step * state.gradient
        candidate = _visit(problem, *project(problem, scores, inner_iterations))
        accepted = active & _not_higher(candidate, state)
        if problem.both_hard:
            # Off the marginals, J may be lower than it can be on them.
            missed = _missed(problem, candidate)
            accepted = accepted & (missed <= _missed(problem, state).clamp(min=CLOSE_TO_MARGINALS))
        if problem.lambda_frames is not None:
            mass = (problem.row_weight * candidate.assignment).detach().sum(dim=(1, 2))
            accepted = accepted & (mass <= MOST_MASS)
        change = (candidate.assignment - state.assignment).detach().abs().amax(dim=(1, 2))
        # A backtracked step moves less without being closer to the end.
        change = change * (longest / step).flatten()
        state = _merge(accepted, candidate, state)
        grown = torch.minimum(GROWTH * step, longest)
        rejected = (active & ~accepted)[:, None, None]
        step = torch.where(rejected, 0.5 * step, torch.where(accepted[:, None, None], grown, step))
        objective = state.objective.detach()
        each = zip(active.tolist(), accepted.tolist(), change.tolist(), strict=True)
        for b, (is_active, is_accepted, size) in enumerate(each):
            if is_accepted:
                iterations[b] += 1
                halvings[b] = 0
                moved[b] = size
                trace[b, iterations[b]] = objective[b]
                if tolerance is not None and size <= tolerance:
                    ended[b] = Ending.CONVERGED
            elif is_active:
                halvings[b] += 1
                if halvings[b] > MAX_HALVINGS:
                    ended[b] = Ending.STALLED
    if problem.both_hard and not problem.has_mask:
        assignment = round_to_marginals(problem, state.assignment)
        tiny = torch.finfo(assignment.dtype).tiny
        log_assignment = problem.masked(torch.log(assignment.clamp(min=tiny)), 0.0)
        state = _visit(problem, log_assignment, assignment)
        trace[range(batch), iterations] = state.objective.detach()
    steps = step.detach().flatten().tolist()
    status = [
        Status.of(ending, iterations[b], steps[b], moved[b], tolerance)
        for b, ending in enumerate(ended)
        if ending is not None
    ]
    return state, trace, status


def _visit(problem: Problem, log_assignment: Tensor, assignment: Tensor) -> State:
    return State(log_assignment, assignment, *problem.evaluate(log_assignment, assignment))


def _full_step(problem: Problem, request: Request) -> Tensor:
    structure, actions = problem.structure, problem.action_structure
    curvature = getattr(structure, "curvature", None)
    if curvature is None or actions is not None:
        weight = problem.row_weight[:, : request.cost.shape[1]].expand_as(request.cost)
        rows = structure.apply(weight).abs() * request.exists[..., None]
        widest = 0.5 * rows.amax(dim=(1, 2))
        curvature = widest if curvature is None else curvature
    if actions is not None:
        exists = request.actions
        if exists is None:
            exists = torch.ones_like(request.cost[:, 0], dtype=torch.bool)
        low, high = zero_sum_spectrum(actions, exists, wide(problem.cost))
        falling, rising = (one.to(widest).clamp(min=0.0) for one in (-low, high))
        curvature = torch.maximum(curvature.to(widest) * falling, widest * rising)
    # Weights of each recording lie on the CPU, as a band's curvature does.
    step = request.weights.full_step(curvature.cpu())[:, None, None].to(problem.cost)
    if problem.both_hard and request.step_size is None:
        typical = _typical_range(problem)
        alpha = request.alpha.to(typical) if isinstance(request.alpha, Tensor) else request.alpha
        limit = 4.0 / (1.0 - alpha) / typical
        step = torch.minimum(step, limit[:, None, None])
    return step


def _typical_range(problem: Problem) -> Tensor:
    """Return the median over frames of the range of their costs, (B,), where both sides are hard.

    A projection onto both marginals is a transport problem of its own, at temperature 1/s: out of
    reach where that is far below the costs. Few entries do not move a median.
    """
    cost, weight = problem.cost.detach(), problem.row_weight[..., 0]
    lowest, highest = problem.masked(cost, torch.inf), problem.masked(cost, -torch.inf)
    if problem.border:  # a dear one is out of the way
        lowest, highest, weight = lowest[:, :-1, :-1], highest[:, :-1, :-1], weight[:, :-1]
    lowest, highest = lowest.amin(dim=2), highest.amax(dim=2)
    used = (weight > 0) & (highest > -torch.inf)
    ranges = (highest - lowest).masked_fill(~used, torch.nan).nanmedian(dim=1).values
    return ranges.nan_to_num(0.0).clamp(min=torch.finfo(ranges.dtype).tiny)


def _not_higher(candidate: State, state: State) -> Tensor:
    """Mark where J fell, or rose by no more than the rounding of its parts, (B,)."""
    new, old = candidate.objective, state.objective
    # Entries carry the rounding of their own precision, sums that of double precision.
    relative = torch.finfo(state.assignment.dtype).eps + 16 * torch.finfo(torch.float64).eps
    rounding = relative * state.parts.abs().sum(dim=0)
    return torch.isfinite(new) & (new <= old + rounding)


def _merge(accepted: Tensor, candidate: State, state: State) -> State:
    if bool(accepted.all()):
        return candidate
    rows = accepted[:, None, None]
    return State(
        torch.where(rows, candidate.log_assignment, state.log_assignment),
        torch.where(rows, candidate.assignment, state.assignment),
        torch.where(accepted, candidate.parts, state.parts),
        torch.where(rows, candidate.gradient, state.gradient),
    )


def _missed(problem: Problem, state: State) -> Tensor:
    """Return the largest error of an action's mass against its hard marginal, (B,)."""
    mass = (problem.row_weight * state.assignment).detach().sum(dim=1)
    return (mass - problem.action_marginal[:, 0]).abs().amax(dim=1)


def _name_missed_marginals(problem: Problem, state: State, status: list[Status]) -> None:
    """Mark recordings as stalled whose mask leaves no coupling with both hard marginals."""
    error = _missed(problem, state)
    for b, miss in enumerate(error.tolist()):
        if miss > 1e-3:
            message = (
                "Stalled: under this mask an action's mass is off its hard marginal by "
                f"{miss:.2g}; allow more, or relax a side."
            )
            status[b] = replace(status[b], ending=Ending.STALLED, message=message)


def label(scores: Tensor, has_action: Tensor) -> Tensor:
    """Return the best action of each frame, (B, N); -1 where ``has_action`` allows none."""
    scores = scores.detach().masked_fill(~has_action, -torch.inf)
    return torch.where(has_action.any(dim=2), scores.argmax(dim=2), -1)
