"""The default solver: mirror descent in the KL geometry, with backtracking, on log A.

Each iteration takes ``A <- project(A * exp(-s dJ/dT))``. A recording has its own step size s and
its own end, so that its result does not depend on the others in its batch. The first step is the
paper's, ``4 / max(dJ/dT)``, but never longer than ``1 / epsilon``, where the step would overshoot
the entropy: so it is positive whatever the cost. A step that raises J is halved and tried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from asot.transport.problem import Evaluation, Problem
from asot.transport.projection import project, round_to_marginals
from asot.transport.solution import Outcome, Status

MAX_HALVINGS = 40
# Zeros of a warm start would stay zeros.
LEAST_INITIAL = 1e-16
# What compiled solvers report of a recording, after the five parts of J; outcomes by their place in
# ``Outcome``.
OUTCOME, ITERATIONS, STEP_SIZE, MOVED, REPORTED = range(5, 10)
# A halved step grows back slowly: one retry in seven iterations where the full step never fits.
GROWTH = 1.1


@dataclass(frozen=True)
class MirrorDescent:
    """Options of the default solver; see ``solve`` for their meaning."""

    max_iterations: int = 25
    inner_iterations: int = 10
    tolerance: float | None = None
    step_size: float | None = None

    def run(self, problem: Problem, initial: Tensor | None = None) -> Result:
        """Solve the problem for all recordings of its batch.

        Parameters
        ----------
        problem : Problem
            The batch.
        initial : Tensor, shape (B, N, K), optional
            A non-negative assignment to start from; ``p q'`` unless given.
        """
        state = self._start(problem, initial)
        step = self._first_step(problem, state)
        batch = problem.cost.shape[0]
        device = problem.cost.device
        objective = state.evaluation.objective.detach()
        trace = objective.new_full((batch, self.max_iterations + 1), torch.nan)
        trace[:, 0] = objective
        ended: list[Outcome | None] = [
            None if finite else Outcome.NOT_FINITE for finite in torch.isfinite(objective).tolist()
        ]
        iterations = [0] * batch
        halvings = [0] * batch
        moved = [float("inf")] * batch
        full_step = step
        while True:
            for b in range(batch):
                if ended[b] is None and iterations[b] >= self.max_iterations:
                    ended[b] = Outcome.ITERATION_LIMIT
            active = torch.tensor([outcome is None for outcome in ended], device=device)
            if all(ended):
                break
            candidate = self._step(problem, state, step)
            accepted = active & _not_higher(candidate, state)
            change = (candidate.assignment - state.assignment).detach().abs().amax(dim=(1, 2))
            # A backtracked step moves less without being closer to the end.
            change = change * (full_step / step).detach().flatten()
            state = _merge(accepted, candidate, state)
            grown = torch.minimum(GROWTH * step, full_step)
            rejected = (active & ~accepted)[:, None, None]
            step = torch.where(
                rejected, 0.5 * step, torch.where(accepted[:, None, None], grown, step)
            )
            objective = state.evaluation.objective.detach()
            for b, (is_active, is_accepted, size) in enumerate(
                zip(active.tolist(), accepted.tolist(), change.tolist(), strict=True)
            ):
                if is_accepted:
                    iterations[b] += 1
                    halvings[b] = 0
                    moved[b] = size
                    trace[b, iterations[b]] = objective[b]
                    if self.tolerance is not None and size <= self.tolerance:
                        ended[b] = Outcome.CONVERGED
                elif is_active:
                    halvings[b] += 1
                    if halvings[b] > MAX_HALVINGS:
                        ended[b] = Outcome.STALLED
        if problem.both_hard and not problem.has_mask:
            state = self._round(problem, state)
            trace[range(batch), iterations] = state.evaluation.objective.detach()
        steps = step.detach().flatten().tolist()
        status = tuple(
            Status(
                outcome=outcome,
                message=self.sentence(outcome, iterations[b], moved[b]),
                iterations=iterations[b],
                step_size=steps[b],
            )
            for b, outcome in enumerate(ended)
            if outcome is not None
        )
        return Result(
            state.log_assignment, state.assignment, trace, state.evaluation.parts.detach(), status
        )

    def _start(self, problem: Problem, initial: Tensor | None) -> State:
        if initial is None:
            initial = problem.action_marginal.expand_as(problem.cost)
        scores = torch.log(initial.clamp(min=LEAST_INITIAL))
        # A start is projected too: a mask or a warm start may break the hard marginals.
        return _visit(problem, *project(problem, scores, self.inner_iterations))

    def _first_step(self, problem: Problem, state: State) -> Tensor:
        if self.step_size is not None:
            return problem.cost.new_full((problem.cost.shape[0], 1, 1), self.step_size)
        exists = problem.row_weight > 0
        gradient = state.evaluation.gradient.masked_fill(~exists, -torch.inf)
        steepest = problem.masked(gradient, -torch.inf).amax(dim=(1, 2), keepdim=True)
        return 4.0 / steepest.clamp(min=4.0 * problem.epsilon)

    def _step(self, problem: Problem, state: State, step: Tensor) -> State:
        scores = state.log_assignment - step * state.evaluation.gradient
        return _visit(problem, *project(problem, scores, self.inner_iterations))

    def _round(self, problem: Problem, state: State) -> State:
        assignment = round_to_marginals(problem, state.assignment)
        tiny = torch.finfo(assignment.dtype).tiny
        log_assignment = problem.masked(torch.log(assignment.clamp(min=tiny)), 0.0)
        return _visit(problem, log_assignment, assignment)

    def read_report(self, report: Any) -> tuple[Status, ...]:
        """Statuses from what a compiled solver reports: a tensor or array (B, REPORTED)."""

        def one(line: list[float]) -> Status:
            outcome, iterations = list(Outcome)[int(line[OUTCOME])], int(line[ITERATIONS])
            message = self.sentence(outcome, iterations, line[MOVED])
            return Status(outcome, message, iterations, line[STEP_SIZE])

        return tuple(one(line) for line in report.tolist())

    def sentence(self, outcome: Outcome, iterations: int, moved: float) -> str:
        """How a recording ended, for people."""
        if outcome is Outcome.CONVERGED:
            return (
                f"Converged: iteration {iterations} moved no assignment by more than "
                f"{self.tolerance:g}."
            )
        if outcome is Outcome.STALLED:
            return (
                f"Stalled after {iterations} iterations: no step, however short, lowers the "
                "objective at this precision."
            )
        if outcome is Outcome.NOT_FINITE:
            return (
                "Not finite: the objective overflows at the start; divide the cost, epsilon and "
                "the lambdas by one constant, or start from a smaller initial."
            )
        if self.tolerance is None:
            return f"Ran all {iterations} iterations; no tolerance was given to stop by."
        if iterations == 0:
            return "Ran no iterations: max_iterations is 0."
        return (
            f"Reached the limit of {iterations} iterations, the last of which moved an assignment "
            f"by {moved:.2g}, above the tolerance of {self.tolerance:g}: raise max_iterations."
        )


@dataclass(frozen=True)
class CompiledDescent:
    """What a compiled solver is told: relaxed actions, the band, frames hard or relaxed.

    Attributes
    ----------
    options : MirrorDescent
        Iterations, tolerance and first step.
    epsilon, alpha, radius, lambda_frames, lambda_actions
        As in ``solve``.
    """

    options: MirrorDescent
    epsilon: float
    alpha: float
    radius: float | int
    lambda_frames: float | None
    lambda_actions: float


@dataclass(frozen=True)
class State:
    """A coupling on the way: log A, A, and what ``Problem.evaluate`` says of them."""

    log_assignment: Tensor
    assignment: Tensor
    evaluation: Evaluation


@dataclass(frozen=True)
class Result:
    """What a solver hands to ``solve``.

    Attributes
    ----------
    log_assignment, assignment : Tensor, shape (B, N, K)
        log A and A at the end.
    trace : Tensor of float64, shape (B, max_iterations + 1)
        J after each step, NaN after a recording's end.
    parts : Tensor of float64, shape (5, B)
        The parts of J at the end.
    status : tuple of Status
        One a recording.
    """

    log_assignment: Tensor
    assignment: Tensor
    trace: Tensor
    parts: Tensor
    status: tuple[Status, ...]


def _visit(problem: Problem, log_assignment: Tensor, assignment: Tensor) -> State:
    return State(log_assignment, assignment, problem.evaluate(log_assignment, assignment))


def _not_higher(candidate: State, state: State) -> Tensor:
    """Whether J fell, or rose by no more than the rounding of its parts; shape ``(B,)``."""
    new, old = candidate.evaluation.objective, state.evaluation.objective
    # Entries carry the rounding of their own precision, sums that of double precision.
    relative = torch.finfo(state.assignment.dtype).eps + 16 * torch.finfo(torch.float64).eps
    rounding = relative * state.evaluation.parts.abs().sum(dim=0)
    return torch.isfinite(new) & (new <= old + rounding)


def _merge(accepted: Tensor, candidate: State, state: State) -> State:
    if bool(accepted.all()):
        return candidate
    rows = accepted[:, None, None]
    return State(
        torch.where(rows, candidate.log_assignment, state.log_assignment),
        torch.where(rows, candidate.assignment, state.assignment),
        Evaluation(
            torch.where(accepted, candidate.evaluation.parts, state.evaluation.parts),
            torch.where(rows, candidate.evaluation.gradient, state.evaluation.gradient),
        ),
    )
