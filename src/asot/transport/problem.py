"""The problem that the solvers solve: costs, marginals, weights, and the objective J.

    J(T) = (1 - alpha) <C, T> + (alpha / 2) <T, Cv T Ca>
         + lambda_frames KL(T 1 || p) + lambda_actions KL(T' 1 || q) + epsilon sum T (log T - 1)

with ``Ca = 1 - I`` and the generalised ``KL(a || b) = sum a log(a/b) - a + b``. A side without a
lambda is a hard constraint and has no penalty. Source: Xu and Gould, CVPR 2024 (arXiv 2404.01518).

Solvers work on ``log A``, where ``T = w * A`` and the row weights ``w`` are p where the frame side
is hard and 1/N elsewhere. A is what users know as the assignment.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from asot.transport.precision import wide
from asot.transport.structure import Band, Structure


@dataclass(frozen=True)
class Problem:
    """A batch of B recordings, padded to N frames, to be assigned to K actions.

    Attributes
    ----------
    cost : Tensor, shape (B, N, K)
        Finite; zero on padded rows.
    frame_marginal, action_marginal : Tensor, shapes (B, N, 1) and (B, 1, K)
        p and q, each summing to 1 over a recording.
    row_weight : Tensor, shape (B, N, 1)
        w of the module's docstring; zero on padded rows.
    support : Tensor of bool, shape (B, N, K), or None
        Entries that may carry mass; None where all may.
    has_mask : bool
        Whether the support forbids actions to frames that exist (padding alone does not count).
    structure : Structure
        The temporal term, ``apply(T) -> Cv T``.
    epsilon, alpha : float
        Entropy weight (> 0) and weight of the temporal term, in [0, 1).
    lambda_frames, lambda_actions : float or None
        Penalties of the relaxed sides; None makes a side hard.
    """

    cost: Tensor
    frame_marginal: Tensor
    action_marginal: Tensor
    row_weight: Tensor
    support: Tensor | None
    has_mask: bool
    structure: Structure
    epsilon: float
    alpha: float
    lambda_frames: float | None
    lambda_actions: float | None

    def evaluate(self, log_assignment: Tensor, assignment: Tensor) -> Evaluation:
        """J, its parts and its gradient at an assignment, sharing what they have in common.

        Parameters
        ----------
        log_assignment, assignment : Tensor, shape (B, N, K)
            log A and A; log A is finite everywhere, any value where A is zero by support.
        """
        tiny = torch.finfo(self.cost.dtype).tiny
        coupling = self.row_weight * assignment
        log_coupling = log_assignment + _log_or_zero(self.row_weight)
        gradient = (1.0 - self.alpha) * self.cost + self.epsilon * log_coupling

        def total(terms: Tensor) -> Tensor:
            return terms.sum(dim=(1, 2), dtype=wide(terms))

        def penalty(weight: float, dim: int, target: Tensor) -> tuple[Tensor, Tensor]:
            mass = coupling.sum(dim=dim, keepdim=True)
            log_ratio = torch.log(mass.clamp(min=tiny)) - _log_or_zero(target)
            return weight * log_ratio, weight * total(mass * log_ratio - mass + target)

        linear = (1.0 - self.alpha) * total(self.cost * coupling)
        entropy = self.epsilon * total(coupling * (log_coupling - 1.0))
        temporal = frame_penalty = action_penalty = torch.zeros_like(linear)
        if self.alpha > 0:
            neighbours = self.structure.apply(coupling)
            unlike = neighbours.sum(dim=2, keepdim=True) - neighbours
            if isinstance(self.structure, Band):
                # A sum over the other actions. Where one dwarfs them, rounding could turn it
                # negative, and a coupling that explodes would look like a fall of J.
                unlike = unlike.clamp(min=0.0)
            gradient = gradient + self.alpha * unlike
            temporal = 0.5 * self.alpha * total(coupling * unlike)
        if self.lambda_frames is not None:
            slope, frame_penalty = penalty(self.lambda_frames, 2, self.frame_marginal)
            gradient = gradient + slope
        if self.lambda_actions is not None:
            slope, action_penalty = penalty(self.lambda_actions, 1, self.action_marginal)
            gradient = gradient + slope
        parts = torch.stack([linear, temporal, frame_penalty, action_penalty, entropy])
        return Evaluation(parts=parts, gradient=gradient)

    @property
    def both_hard(self) -> bool:
        """Whether neither side is relaxed."""
        return self.lambda_frames is None and self.lambda_actions is None

    def masked(self, values: Tensor, fill: float) -> Tensor:
        """``values`` with ``fill`` outside the support; shape ``(B, N, K)``."""
        return values if self.support is None else values.masked_fill(~self.support, fill)


PART_NAMES = ("linear", "temporal", "frame_penalty", "action_penalty", "entropy")


@dataclass(frozen=True)
class Evaluation:
    """What one visit to a coupling yields.

    Attributes
    ----------
    parts : Tensor of float64, shape (5, B)
        The parts of J, in the order of ``PART_NAMES``.
    gradient : Tensor, shape (B, N, K)
        dJ/dT.
    """

    parts: Tensor
    gradient: Tensor

    @property
    def objective(self) -> Tensor:
        """J, shape ``(B,)``."""
        return self.parts.sum(dim=0)


def _log_or_zero(values: Tensor) -> Tensor:
    """The logarithm where ``values`` is positive, and 0 where no mass can be anyway."""
    return torch.log(torch.where(values > 0, values, 1.0))
