"""The authors' release, number for number: for published figures and for nothing else.

What it does otherwise than the default solver is listed in ``docs/transport.md``: one step size
for a whole batch, from the signed maximum over padded entries too; a band of ``int(N r)`` frames
of the padded length; no backtracking; small constants inside the logarithms; Sinkhorn on the
linearised cost where both sides are hard; and a logged objective that halves the linear term.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from asot.transport.mirror_descent import Result
from asot.transport.solution import Outcome, Status
from asot.transport.structure import Band

GRADIENT_FLOOR = 1e-12
OBJECTIVE_FLOOR = 1e-10
ABSORPTION_THRESHOLD = 7.0


@dataclass(frozen=True)
class ParityDescent:
    """Options of the release's solver; see ``solve`` for their meaning."""

    epsilon: float
    alpha: float
    radius: float
    lambda_frames: float | None
    lambda_actions: float | None
    max_iterations: int = 25
    inner_iterations: int = 1
    step_size: float | None = None

    def run(self, cost: Tensor, lengths: Tensor) -> Result:
        """Solve for a padded batch.

        Parameters
        ----------
        cost : Tensor, shape (B, N, K)
            Finite, on padded rows too: they take part in the step size.
        lengths : Tensor of int64, shape (B,)
            Frames of each recording.
        """
        _, n_frames, n_actions = cost.shape
        exists = (torch.arange(n_frames, device=cost.device) < lengths[:, None])[..., None]
        p = (1.0 / lengths.to(cost.dtype))[:, None, None]
        q = 1.0 / n_actions
        coupling = (p * q).expand_as(cost) * exists
        step = self.step_size
        trace = [self._logged_parts(coupling, cost, p, q).sum(dim=0)]
        for _ in range(self.max_iterations):
            linearised = self._linearised_cost(coupling, cost)
            if self.lambda_frames is None and self.lambda_actions is None:
                coupling = self._balance(linearised, exists, p, q)
            else:
                gradient = linearised + self.epsilon * torch.log(coupling + GRADIENT_FLOOR)
                if self.lambda_frames is not None:
                    mass = coupling.sum(dim=2, keepdim=True)
                    log_ratio = torch.log(mass / p + GRADIENT_FLOOR)
                    gradient = gradient + self.lambda_frames * (log_ratio + 1.0)
                if self.lambda_actions is not None:
                    mass = coupling.sum(dim=1, keepdim=True)
                    log_ratio = torch.log(mass / q + GRADIENT_FLOOR)
                    gradient = gradient + self.lambda_actions * (log_ratio + 1.0)
                if step is None:
                    step = 4.0 / float(gradient.detach().max())
                coupling = coupling * torch.exp(-step * gradient)
                if self.lambda_frames is None:
                    coupling = p * _zero_if_undefined(coupling / coupling.sum(2, keepdim=True))
                elif self.lambda_actions is None:
                    coupling = q * _zero_if_undefined(coupling / coupling.sum(1, keepdim=True))
            trace.append(self._logged_parts(coupling, cost, p, q).sum(dim=0))
        assignment = coupling / p
        objective = torch.stack(trace, dim=1).double()
        status = tuple(
            Status(
                outcome=Outcome.ITERATION_LIMIT if finite else Outcome.NOT_FINITE,
                message=f"Ran all {self.max_iterations} iterations of parity mode, which has no "
                "stopping rule."
                if finite
                else "Not finite: the coupling overflowed, as the "
                "release's does on such a cost; use the default mode.",
                iterations=self.max_iterations,
                step_size=float("nan") if step is None else step,
            )
            for finite in torch.isfinite(objective[:, -1]).tolist()
        )
        tiny = torch.finfo(cost.dtype).tiny
        return Result(
            log_assignment=torch.log(assignment.clamp(min=tiny)),
            assignment=assignment,
            trace=objective,
            parts=self._logged_parts(coupling, cost, p, q).double(),
            status=status,
        )

    def _apply_band(self, coupling: Tensor) -> Tensor:
        batch, n_frames, _ = coupling.shape
        half_width = int(n_frames * self.radius)
        if half_width == 0:
            return torch.zeros_like(coupling)
        lengths = torch.full((batch,), n_frames, device=coupling.device)
        return Band(half_width, lengths, n_frames).window_sums(coupling) / self.radius

    def _linearised_cost(self, coupling: Tensor, cost: Tensor) -> Tensor:
        neighbours = self._apply_band(coupling)
        unlike = neighbours.sum(dim=2, keepdim=True) - neighbours
        return self.alpha * unlike + (1.0 - self.alpha) * cost

    def _balance(self, cost: Tensor, exists: Tensor, p: Tensor, q: float) -> Tensor:
        """Sinkhorn steps that absorb the scalings into potentials once they grow too large."""
        row_potential = torch.zeros_like(cost[:, :, :1])
        column_potential = torch.zeros_like(cost[:, :1, :])
        kernel = torch.exp(-cost / self.epsilon) * exists
        kernel = kernel / kernel.max()
        row_scale = torch.ones_like(row_potential)
        column_scale = torch.ones_like(column_potential)
        for iteration in range(self.inner_iterations):
            row_scale = _zero_if_undefined(p / (kernel * column_scale).sum(dim=2, keepdim=True))
            column_scale = _zero_if_undefined(q / (kernel * row_scale).sum(dim=1, keepdim=True))
            row_log, column_log = torch.log(row_scale), torch.log(column_scale)
            large = bool(
                (row_log.abs() > ABSORPTION_THRESHOLD).any()
                or (column_log.abs() > ABSORPTION_THRESHOLD).any()
            )
            if large and iteration != self.inner_iterations - 1:
                row_potential = _zero_if_undefined(row_potential + self.epsilon * row_log)
                column_potential = _zero_if_undefined(column_potential + self.epsilon * column_log)
                potentials = row_potential + column_potential
                kernel = torch.exp((potentials - cost) / self.epsilon) * exists
                column_scale = torch.ones_like(column_scale)
        return row_scale * kernel * column_scale

    def _logged_parts(self, coupling: Tensor, cost: Tensor, p: Tensor, q: float) -> Tensor:
        neighbours = self._apply_band(coupling)
        unlike = neighbours.sum(dim=2, keepdim=True) - neighbours
        linear = 0.5 * (1.0 - self.alpha) * (cost * coupling).sum(dim=(1, 2))
        temporal = 0.5 * self.alpha * (unlike * coupling).sum(dim=(1, 2))
        log_coupling = torch.log(coupling + OBJECTIVE_FLOOR)
        entropy = self.epsilon * (coupling * log_coupling - coupling).sum(dim=(1, 2))
        frame_penalty = action_penalty = torch.zeros_like(linear)
        if self.lambda_frames is not None:
            mass = coupling.sum(dim=2, keepdim=True)
            divergence = (mass * torch.log(mass / p + OBJECTIVE_FLOOR)).sum(dim=(1, 2))
            frame_penalty = self.lambda_frames * divergence
        if self.lambda_actions is not None:
            mass = coupling.sum(dim=1, keepdim=True)
            divergence = (mass * torch.log(mass / q + OBJECTIVE_FLOOR)).sum(dim=(1, 2))
            action_penalty = self.lambda_actions * divergence
        return torch.stack([linear, temporal, frame_penalty, action_penalty, entropy])


def _zero_if_undefined(values: Tensor) -> Tensor:
    return torch.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
