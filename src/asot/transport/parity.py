"""The authors' release, number for number, for published figures alone.

``docs/transport.md`` lists its differences from the default solver: one step size
for a whole batch, from the signed maximum over padded entries too; a band of ``int(N r)`` frames
of the padded length; no backtracking; small constants inside the logarithms; Sinkhorn on the
linearised cost where both sides are hard; and a logged objective that halves the linear term.

Works that were written around it gave it marginals and structures. With these its steps and
constants stay as they are; entries of a marginal of 0 are those of frames or actions that are not
there.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from asot.transport.arguments import refused
from asot.transport.mirror_descent import label
from asot.transport.request import Request
from asot.transport.solution import Answer, Ending, Status
from asot.transport.structure import Band

GRADIENT_FLOOR = 1e-12
OBJECTIVE_FLOOR = 1e-10
ABSORPTION_THRESHOLD = 7.0


class ParityBackend:
    """The authors' release, for ``mode="parity"``."""

    def covers(self, request: Request) -> str | None:
        """Cover the requests of parity mode."""
        return None if request.mode == "parity" else f"mode={request.mode!r}"

    def run(self, request: Request) -> Answer:
        """Solve a batch into tensors on its device."""
        request.require_finite()
        cost, step = request.cost, request.step_size
        lambda_frames, lambda_actions = request.lambda_frames, request.lambda_actions
        # Padded rows take part in the step size.
        if not bool(torch.isfinite(cost).all()):
            raise refused("cost", "must be finite on padded rows too in parity mode.")
        real = request.exists[..., None]
        lengths = request.lengths_in(cost).to(cost.dtype)[:, None, None]
        p, q, exists = _marginals(request, real, lengths)
        coupling = (p * q).expand_as(cost) * exists
        trace = [_logged_parts(request, coupling, p, q).sum(dim=0)]
        for _ in range(request.max_iterations):
            linearised = request.alpha * _unlike(request, coupling) + (1.0 - request.alpha) * cost
            if lambda_frames is None and lambda_actions is None:
                coupling = _balance(request, linearised, exists, p, q)
            else:
                gradient = linearised + request.epsilon * torch.log(coupling + GRADIENT_FLOOR)
                for weight, dim, target in ((lambda_frames, 2, p), (lambda_actions, 1, q)):
                    if weight is not None:
                        mass = coupling.sum(dim=dim, keepdim=True)
                        log_ratio = torch.log(mass / target + GRADIENT_FLOOR)
                        gradient = gradient + weight * (log_ratio + 1.0)
                if step is None:
                    step = 4.0 / float(gradient.detach().max())
                coupling = coupling * torch.exp(-step * gradient)
                if lambda_frames is None:
                    coupling = p * _zero_if_undefined(coupling / coupling.sum(2, keepdim=True))
                elif lambda_actions is None:
                    coupling = q * _zero_if_undefined(coupling / coupling.sum(1, keepdim=True))
            trace.append(_logged_parts(request, coupling, p, q).sum(dim=0))
        row_weight = p if lambda_frames is None else 1.0 / lengths
        assignment = coupling / row_weight
        objective = torch.stack(trace, dim=1).double()
        # Not of the logarithms, which join neighbouring floats and know no subnormal numbers.
        labels = label(assignment, exists)
        parts = _logged_parts(request, coupling, p, q).double()
        finite = torch.isfinite(objective[:, -1]).tolist()
        status = tuple(_status(request, is_finite, step) for is_finite in finite)
        return Answer(assignment, labels, real * row_weight, objective, parts, status)


def _marginals(request: Request, real: Tensor, lengths: Tensor) -> tuple[Tensor, Any, Tensor]:
    """Return p and q, positive everywhere, and the mask of entries that exist."""
    p, exists = 1.0 / lengths, real
    q: Any = 1.0 / request.cost.shape[2]
    if request.frame_marginal is not None:
        given = request.frame_marginal[:, :, None]
        exists, p = exists & (given > 0), torch.where(given > 0, given, p)
    if request.action_marginal is not None:
        given = request.action_marginal[:, None, :]
        exists, q = exists & (given > 0), torch.where(given > 0, given, q)
    return p, q, exists


def _status(request: Request, finite: bool, step: float | None) -> Status:
    message = (
        f"Ran all {request.max_iterations} iterations of parity mode, which has no stopping rule."
        if finite
        else "Not finite: the coupling overflowed, as the release's does on such a cost; use the "
        "default mode."
    )
    ending = Ending.ITERATION_LIMIT if finite else Ending.NOT_FINITE
    return Status(ending, message, request.max_iterations, float("nan") if step is None else step)


def _unlike(request: Request, coupling: Tensor) -> Tensor:
    """Return ``Cv T Ca``, with the release's band over the padded length unless one is given."""
    batch, n_frames, _ = coupling.shape
    half_width = int(n_frames * request.radius)
    if request.structure is not None:
        neighbours = request.structure.apply(coupling)
    elif half_width == 0:
        return torch.zeros_like(coupling)
    else:
        lengths = torch.full((batch,), n_frames, device=coupling.device)
        neighbours = Band(half_width, lengths, n_frames).window_sums(coupling) / request.radius
    if request.action_structure is not None:
        far: Tensor = request.action_structure.apply(neighbours.mT).mT
        return far
    return neighbours.sum(dim=2, keepdim=True) - neighbours


def _balance(request: Request, cost: Tensor, exists: Tensor, p: Tensor, q: Any) -> Tensor:
    """Take Sinkhorn steps; scalings are absorbed into potentials once they grow too large."""
    row_potential = torch.zeros_like(cost[:, :, :1])
    column_potential = torch.zeros_like(cost[:, :1, :])
    kernel = torch.exp(-cost / request.epsilon) * exists
    kernel = kernel / kernel.max()
    row_scale = torch.ones_like(row_potential)
    column_scale = torch.ones_like(column_potential)
    for iteration in range(request.inner_iterations):
        row_scale = _zero_if_undefined(p / (kernel * column_scale).sum(dim=2, keepdim=True))
        column_scale = _zero_if_undefined(q / (kernel * row_scale).sum(dim=1, keepdim=True))
        row_log, column_log = torch.log(row_scale), torch.log(column_scale)
        large = bool(
            (row_log.abs() > ABSORPTION_THRESHOLD).any()
            or (column_log.abs() > ABSORPTION_THRESHOLD).any()
        )
        if large and iteration != request.inner_iterations - 1:
            row_potential = _zero_if_undefined(row_potential + request.epsilon * row_log)
            column_potential = _zero_if_undefined(column_potential + request.epsilon * column_log)
            potentials = row_potential + column_potential
            kernel = torch.exp((potentials - cost) / request.epsilon) * exists
            column_scale = torch.ones_like(column_scale)
    return row_scale * kernel * column_scale


def _logged_parts(request: Request, coupling: Tensor, p: Tensor, q: Any) -> Tensor:
    alpha = request.alpha
    linear = 0.5 * (1.0 - alpha) * (request.cost * coupling).sum(dim=(1, 2))
    temporal = 0.5 * alpha * (_unlike(request, coupling) * coupling).sum(dim=(1, 2))
    log_coupling = torch.log(coupling + OBJECTIVE_FLOOR)
    entropy = request.epsilon * (coupling * log_coupling - coupling).sum(dim=(1, 2))
    penalties = [torch.zeros_like(linear), torch.zeros_like(linear)]
    sides: Any = ((request.lambda_frames, 2, p), (request.lambda_actions, 1, q))
    for side, (weight, dim, target) in enumerate(sides):
        if weight is not None:
            mass = coupling.sum(dim=dim, keepdim=True)
            divergence = (mass * torch.log(mass / target + OBJECTIVE_FLOOR)).sum(dim=(1, 2))
            penalties[side] = weight * divergence
    return torch.stack([linear, temporal, *penalties, entropy])


def _zero_if_undefined(values: Tensor) -> Tensor:
    return torch.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
