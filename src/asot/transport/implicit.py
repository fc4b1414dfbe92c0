"""The derivative of a converged plan, by the implicit function theorem.

Where J is stationary under its hard marginals, a small change dC of the cost moves the coupling by
the step D of the tangent space (zero sums over each side that is hard) for which::

    H D + (1 - alpha) dC  is orthogonal to the tangent space;   H = J'' = epsilon diag(1/T) + B

so that ``D = -(1 - alpha) P (P H P)^+ P dC``, P the projection onto the tangent space. The matrix
is symmetric, and serves derivatives forwards and backwards. In ``x = D / sqrt(T)`` the entropy's
part is epsilon times the identity, however small T, and the penalties' parts are projections times
lambda. So the system is well-conditioned unless the plan is about to leap, and conjugate gradients
take some 20 steps, each with one product by B, O(N K). That comes from differentiating the
gradient of J as it stands in ``Problem.evaluate``.

At a strict minimum H is positive on the tangent space. Elsewhere conjugate gradients all but
surely meet a direction in which it is not, and say so. A plan that nearly converged is the exact
plan of another cost, which differs by what is left of the gradient of J on the tangent space, over
``1 - alpha``; its derivative is that cost's.

Source: the theorem; Nocedal and Wright, Numerical Optimization, algorithm 5.2, for the steps.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from asot.errors import SolverError
from asot.transport.problem import Problem
from asot.transport.request import Request
from asot.transport.structure import wide

# Residual of the linear system over its right-hand side; a device may have no double precision.
ACCURACY = {torch.float64: 1e-10, torch.float32: 1e-5}
MOST_STEPS = 10_000
# Of 1/N: frames of less weight count as much as that, or their part of the system would overflow.
LEAST_WEIGHT = 1e-7
# Of the largest action's mass: what is left of a marginal that others imply, but for rounding.
IMPLIED = 1e-13
INSTEAD = 'take gradient="unrolled".'


def respond(
    request: Request, assignment: Tensor, vector: Tensor, *, forwards: bool = False
) -> Tensor:
    """Multiply a vector by the derivative of the assignment by the cost, or by its transpose.

    Parameters
    ----------
    request : Request
        Its cost is not read.
    assignment : Tensor, shape (B, N, K), or (B, N + 1, K + 1) where there is a border
        A converged one.
    vector : Tensor, shape (B, N, K), or backwards that of the assignment
        A change of the cost, or (backwards) the gradient of a loss by the assignment.
    forwards : bool
        Which of the two.

    Returns
    -------
    Tensor, shape of the assignment, or backwards (B, N, K)
        The change of the assignment, or the gradient of the loss by the cost, in the vector's
        dtype; computed in float64.

    Raises
    ------
    SolverError
        Where the plan is no strict minimum.
    """
    with torch.autocast(vector.device.type, enabled=False):
        hessian = Hessian(request, assignment)
        per_weight, by_weight = hessian.per_weight, hessian.root
        scale = hessian.problem.alpha - 1.0
        border = int(hessian.problem.border)
        if forwards:
            moved = hessian.solve(by_weight * pad(vector, (0, border, 0, border)))
            return (scale * per_weight * moved).to(vector.dtype)
        found = scale * by_weight * hessian.solve(per_weight * vector)
        _, n_rows, n_columns = found.shape
        return found[:, : n_rows - border, : n_columns - border].to(vector.dtype)


class Hessian:
    """The second derivative of J at a coupling T, in ``x = D / sqrt(T)``, on the tangent space."""

    def __init__(self, request: Request, assignment: Tensor) -> None:
        exact = assignment.detach().to(wide(assignment))
        own = copy.copy(request)
        border = int(request.border is not None)
        batch, n_rows, n_columns = exact.shape
        own.cost = exact.new_zeros(batch, n_rows - border, n_columns - border)
        problem = Problem.of(own)
        weight = problem.row_weight.to(exact).clamp(min=LEAST_WEIGHT / exact.shape[1])
        self.problem = replace(problem, row_weight=weight)
        self.root = torch.sqrt(weight * exact)
        # dA = sqrt(A / w) x, as T = w A.
        self.per_weight = torch.sqrt(exact / weight)
        with torch.enable_grad():
            self._assignment = exact.requires_grad_()
            # log A is held fixed: the entropy's part is known.
            self._slope = self.problem.evaluate(torch.zeros_like(exact), self._assignment)[1]
        self._prepare_projection()

    def times(self, x: Tensor) -> Tensor:
        """Multiply a vector (B, N, K) of the tangent space, and project."""
        product = self.problem.epsilon * x
        if self._slope.requires_grad:
            (bent,) = torch.autograd.grad(
                self._slope, self._assignment, self.root * x, retain_graph=True
            )
            # By A and not by T, so times w.
            product = product + self.per_weight * bent
        return self.project(product)

    def solve(self, given: Tensor) -> Tensor:
        """Solve the system for a right-hand side (B, N, K) by conjugate gradients."""
        left = self.project(given)
        direction, x = left, torch.zeros_like(left)
        size = first = _dot(left, left)
        enough = ACCURACY[left.dtype] ** 2 * first
        for _ in range(MOST_STEPS):
            active = size > enough
            if not bool(active.any()):
                return x
            product = self.times(direction)
            curvature = _dot(direction, product)
            if bool((active & ~(curvature > 0)).any()):
                _refuse(active & ~(curvature > 0), "is no strict minimum of the objective")
            length = torch.where(active, size / curvature, 0.0)
            x = x + length * direction
            left = left - length * product
            last, size = size, torch.where(active, _dot(left, left), size)
            direction = torch.where(active, left + (size / last) * direction, direction)
        _refuse(active, "hardly resists a change, so that its derivative is out of reach")
        return x

    def project(self, x: Tensor) -> Tensor:
        """Project onto the tangent space of the sides that are hard."""
        rows, columns = self.problem.lambda_frames is None, self.problem.lambda_actions is None
        root = self.root
        if rows and columns:
            by_row = (root * x).sum(dim=2, keepdim=True) / self._row_mass
            x = x - root * by_row
            v = (root * x).sum(dim=1, keepdim=True) @ self._inverse
            shared = (root * root * v).sum(dim=2, keepdim=True) / self._row_mass
            return x - root * (v - shared)
        for is_hard, dim, mass in ((rows, 2, self._row_mass), (columns, 1, self._column_mass)):
            if is_hard:
                x = x - root * ((root * x).sum(dim=dim, keepdim=True) / mass)
        return x

    def _prepare_projection(self) -> None:
        coupling = self.root * self.root
        row_mass, column_mass = (coupling.sum(dim=dim, keepdim=True) for dim in (2, 1))
        self._row_mass = torch.where(row_mass > 0, row_mass, 1.0)
        self._column_mass = torch.where(column_mass > 0, column_mass, 1.0)
        if self.problem.both_hard:
            # What the columns' sums ask for beyond the rows'.
            gram = torch.diag_embed(column_mass[:, 0]) - coupling.mT @ (coupling / self._row_mass)
            values, vectors = torch.linalg.eigh(gram)
            own = values > IMPLIED * column_mass[:, 0].amax(dim=1, keepdim=True)
            inverse = torch.where(own, 1.0 / torch.where(own, values, 1.0), 0.0)
            self._inverse = (vectors * inverse[:, None, :]) @ vectors.mT


def _dot(x: Tensor, y: Tensor) -> Tensor:
    """Return each recording's inner product, (B, 1, 1)."""
    return (x * y).sum(dim=(1, 2), keepdim=True)


def _refuse(which: Tensor, why: str) -> None:
    b = int(which.flatten().nonzero()[0])
    raise SolverError(
        f"The plan of recording {b} {why}: it has no implicit gradient; lower alpha, raise "
        f"epsilon, or {INSTEAD}"
    )
