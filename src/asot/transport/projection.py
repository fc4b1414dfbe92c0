"""KL projections onto the hard marginals, on log A (see ``problem`` for A and w).

With hard frames each row is normalised, with hard actions each column. With both, Sinkhorn steps in
the log domain come first, then Newton steps on the same potentials; at the very end the rounding of
Altschuler, Weed and Rigollet (NeurIPS 2017, algorithm 2) makes up for the rest.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from asot.transport.problem import Problem, finite_or_zero
from asot.transport.structure import wide

NEWTON_STEPS = 100
MAX_HALVINGS = 30
RIDGE = 1e-10
# Largest error of an action's mass against its marginal at which no more steps are taken.
CLOSE_ENOUGH = {torch.float64: 1e-12, torch.float32: 1e-8}


def project(problem: Problem, scores: Tensor, inner_iterations: int) -> tuple[Tensor, Tensor]:
    """Project ``exp(scores)`` onto the hard sides of the problem; return log A and A, (B, N, K).

    log A is zero outside the support, never infinite.
    """
    scores = problem.masked(scores, -torch.inf)
    if problem.both_hard:
        return _project_both(problem, scores, inner_iterations)
    if problem.lambda_frames is None:
        return _project_rows(problem, scores)
    if problem.lambda_actions is None:
        tiny = torch.finfo(scores.dtype).tiny
        top = finite_or_zero(scores.amax(dim=1, keepdim=True))
        weighted = problem.row_weight * torch.exp(scores - top)
        log_mass = torch.log(weighted.sum(dim=1, keepdim=True).clamp(min=tiny))
        log_target = torch.log(problem.action_marginal.clamp(min=tiny))
        scores = scores - top - log_mass + log_target
    # The clamp keeps a step that is far too long finite, and its gradient too.
    largest = 0.9 * math.log(torch.finfo(scores.dtype).max)
    return problem.masked(scores, 0.0), torch.exp(scores.clamp(max=largest))


def _project_rows(problem: Problem, scores: Tensor) -> tuple[Tensor, Tensor]:
    shifted = scores - finite_or_zero(scores.amax(dim=2, keepdim=True))
    weights = torch.exp(shifted)
    mass = weights.sum(dim=2, keepdim=True)
    if problem.support is not None:
        mass = torch.where(mass > 0, mass, 1.0)  # rows without support: padding
    return problem.masked(shifted - torch.log(mass), 0.0), weights / mass


def _project_both(problem: Problem, scores: Tensor, inner_iterations: int) -> tuple[Tensor, Tensor]:
    """Take Sinkhorn steps on the K action potentials, then Newton steps until the column sums fit.

    Sinkhorn slows down as the assignment hardens; Newton does not, and K is small.
    """
    exact = scores.to(wide(scores))
    # Unless both sum to 1 in double precision too, no potentials bring one to the other.
    q, w = problem.action_marginal.to(exact), problem.row_weight.to(exact)
    q, w = q / q.sum(dim=2, keepdim=True), w / w.sum(dim=1, keepdim=True)
    unused = (q == 0).to(q)  # padding
    close_enough = CLOSE_ENOUGH[scores.dtype]
    tiny = torch.finfo(exact.dtype).tiny
    potential = torch.zeros_like(q)
    assignment, mass, error = _visit(problem, exact, potential, q, w)
    for step_number in range(inner_iterations + NEWTON_STEPS):
        # Each recording stops by itself, so that its result does not depend on the batch.
        unfinished = error > close_enough
        if not bool(unfinished.any()):
            break
        mass = mass + unused
        log_mass = torch.log(mass.clamp(min=tiny))
        if bool((mass <= tiny).any()):
            log_mass = torch.where(mass > tiny, log_mass, _log_mass(problem, exact + potential, w))
        step = torch.log(q + unused) - log_mass
        if step_number >= inner_iterations:
            newton = _newton_direction(assignment, mass, q, w)
            for _ in range(MAX_HALVINGS):
                closer = _visit(problem, exact, potential + newton, q, w)[2] < error
                if bool((closer | ~unfinished).all()):
                    break
                newton = torch.where(closer, newton, 0.5 * newton)
            step = torch.where(closer, newton, step)
        potential = potential + torch.where(unfinished, step, 0.0)
        assignment, mass, error = _visit(problem, exact, potential, q, w)
    log_assignment, assignment = _project_rows(problem, exact + potential)
    return log_assignment.to(scores), assignment.to(scores)


def _visit(
    problem: Problem, scores: Tensor, potential: Tensor, q: Tensor, w: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the assignment at a potential, its column sums, and their largest error."""
    assignment = _project_rows(problem, scores + potential)[1]
    mass = (w * assignment).sum(dim=1, keepdim=True)
    return assignment, mass, (mass - q).abs().amax(dim=2, keepdim=True)


def _log_mass(problem: Problem, scores: Tensor, w: Tensor) -> Tensor:
    """Return the logarithms of the column sums, also of those that are too small for a number."""
    log_assignment = problem.masked(_project_rows(problem, scores)[0], -torch.inf)
    return torch.logsumexp(log_assignment + torch.log(w), dim=1, keepdim=True)


def _newton_direction(assignment: Tensor, mass: Tensor, q: Tensor, w: Tensor) -> Tensor:
    """Return the Newton direction (B, 1, K) of the convex dual, whose gradient is ``mass - q``."""
    eye = torch.eye(q.shape[2], dtype=q.dtype, device=q.device)
    hessian = eye * mass - assignment.mT @ (w * assignment)
    # A common shift of the potentials changes nothing: pin it down. The ridge is for hard
    # assignments, whose mass does not move with the potentials at all.
    pinned = hessian + (1.0 + RIDGE * eye) / q.shape[2]
    direction, _ = torch.linalg.solve_ex(pinned, (q - mass).mT)
    return torch.nan_to_num(direction.mT, nan=0.0, posinf=0.0, neginf=0.0)


def round_to_marginals(problem: Problem, assignment: Tensor) -> Tensor:
    """Move an assignment with hard sides onto both marginals exactly.

    Columns that hold too much are cut, and the mass that rows then lack goes to the others. It is
    for problems without a mask, whose forbidden entries it could fill.
    """
    tiny = torch.finfo(assignment.dtype).tiny
    q, w = problem.action_marginal, problem.row_weight
    mass = (w * assignment).sum(dim=1, keepdim=True)
    kept = assignment * (q / mass.clamp(min=tiny)).clamp(max=1.0)
    missing = (q - (w * kept).sum(dim=1, keepdim=True)).clamp(min=0.0)
    total = missing.sum(dim=2, keepdim=True)
    share = torch.where(total > tiny, missing / total.clamp(min=tiny), q)
    rounded = kept + (1.0 - kept.sum(dim=2, keepdim=True)).clamp(min=0.0) * share
    return problem.masked(rounded, 0.0)  # padding
