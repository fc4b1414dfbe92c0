"""KL projections onto the hard marginals, on log A (see ``problem`` for A and w).

Frames hard: each row is normalised. Actions hard: each column is. Both hard: Sinkhorn steps in the
log domain, and then the rounding of Altschuler, Weed and Rigollet (NeurIPS 2017, algorithm 2), so
that both marginals hold to machine precision after any number of steps; with a mask, Newton steps
on the action potentials take the rounding's place.
"""

from __future__ import annotations

import torch
from torch import Tensor

from asot.transport.problem import Problem

MASKED_STEPS = 100


def project(problem: Problem, scores: Tensor, inner_iterations: int) -> tuple[Tensor, Tensor]:
    """Project ``exp(scores)`` onto the hard sides of the problem.

    Parameters
    ----------
    problem : Problem
        Its marginals, support, and which of its sides are hard.
    scores : Tensor, shape (B, N, K)
        log A before the projection.
    inner_iterations : int
        Sinkhorn steps where both sides are hard.

    Returns
    -------
    log_assignment, assignment : Tensor, shape (B, N, K)
        log A (zero outside the support, never infinite) and A.
    """
    scores = problem.masked(scores, -torch.inf)
    if problem.lambda_frames is None and problem.lambda_actions is None:
        return _project_both(problem, scores, inner_iterations)
    if problem.lambda_frames is None:
        return _project_rows(problem, scores)
    if problem.lambda_actions is None:
        tiny = torch.finfo(scores.dtype).tiny
        top = _finite(scores.amax(dim=1, keepdim=True))
        weighted = problem.row_weight * torch.exp(scores - top)
        log_mass = torch.log(weighted.sum(dim=1, keepdim=True).clamp(min=tiny))
        log_target = torch.log(problem.action_marginal.clamp(min=tiny))
        scores = scores - top - log_mass + log_target
    return problem.masked(scores, 0.0), torch.exp(scores)


def _project_rows(problem: Problem, scores: Tensor) -> tuple[Tensor, Tensor]:
    shifted = scores - _finite(scores.amax(dim=2, keepdim=True))
    weights = torch.exp(shifted)
    mass = weights.sum(dim=2, keepdim=True)
    if problem.support is not None:
        mass = torch.where(mass > 0, mass, 1.0)  # rows without support: padding
    return problem.masked(shifted - torch.log(mass), 0.0), weights / mass


def _project_both(problem: Problem, scores: Tensor, inner_iterations: int) -> tuple[Tensor, Tensor]:
    """Sinkhorn steps on the action potentials; then what is still missing is made up."""
    tiny = torch.finfo(scores.dtype).tiny
    q, w = problem.action_marginal, problem.row_weight
    precise = scores.dtype == torch.float64
    close_enough = 1e-11 if precise else 1e-6
    potential = torch.zeros_like(q)
    _, assignment = _project_rows(problem, scores)
    for _ in range(inner_iterations):
        mass = (w * assignment).sum(dim=1, keepdim=True)
        # Each recording stops by itself, so that its result does not depend on the batch.
        unfinished = (mass - q).abs().amax(dim=2, keepdim=True) > close_enough
        if not bool(unfinished.any()):
            break
        step = torch.log(q) - torch.log(mass.clamp(min=tiny))
        potential = potential + torch.where(unfinished, step, 0.0)
        _, assignment = _project_rows(problem, scores + potential)
    if problem.has_mask:
        return _polish(problem, scores, potential, close_enough)
    return _round(problem, assignment)


def _round(problem: Problem, assignment: Tensor) -> tuple[Tensor, Tensor]:
    """Cut the columns that hold too much, and spread what the rows then lack over the others."""
    tiny = torch.finfo(assignment.dtype).tiny
    q, w = problem.action_marginal, problem.row_weight
    mass = (w * assignment).sum(dim=1, keepdim=True)
    kept = assignment * (q / mass.clamp(min=tiny)).clamp(max=1.0)
    missing = (q - (w * kept).sum(dim=1, keepdim=True)).clamp(min=0.0)
    total = missing.sum(dim=2, keepdim=True)
    share = torch.where(total > tiny, missing / total.clamp(min=tiny), q)
    rounded = kept + (1.0 - kept.sum(dim=2, keepdim=True)).clamp(min=0.0) * share
    rounded = problem.masked(rounded, 0.0)  # padding
    return problem.masked(torch.log(rounded.clamp(min=tiny)), 0.0), rounded


def _polish(
    problem: Problem, scores: Tensor, potential: Tensor, close_enough: float
) -> tuple[Tensor, Tensor]:
    """Newton steps on the action potentials: rounding could put mass on forbidden entries.

    The dual problem has K unknowns; where a Newton step would not bring the column sums closer, a
    Sinkhorn step is taken instead.
    """
    tiny = torch.finfo(scores.dtype).tiny
    q, w = problem.action_marginal, problem.row_weight
    eye = torch.eye(q.shape[2], dtype=q.dtype, device=q.device)

    def visit(values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        log_assignment, assignment = _project_rows(problem, scores + values)
        mass = (w * assignment).sum(dim=1, keepdim=True)
        return log_assignment, assignment, mass, (mass - q).abs().amax(dim=2, keepdim=True)

    for _ in range(MASKED_STEPS):
        _, assignment, mass, error = visit(potential)
        unfinished = error > close_enough
        if not bool(unfinished.any()):
            break
        hessian = eye * mass - assignment.mT @ (w * assignment)
        ridge = (tiny + 1e-3 * error.clamp(max=1e-6)) * eye + 1.0 / q.shape[2]
        newton = torch.linalg.solve(hessian + ridge, (q - mass).mT).mT.clamp(-10.0, 10.0)
        closer = visit(potential + newton)[3] < error
        sinkhorn = torch.log(q) - torch.log(mass.clamp(min=tiny))
        step = torch.where(closer, newton, sinkhorn)
        potential = potential + torch.where(unfinished, step, 0.0)
    return visit(potential)[:2]


def _finite(values: Tensor) -> Tensor:
    """Replace the -inf of an empty row or column, which would turn into NaN when subtracted."""
    return torch.where(torch.isfinite(values), values, 0.0)
