"""The problem that the solvers solve: costs, marginals, weights, and the objective J.

    J(T) = (1 - alpha) <C, T> + (alpha / 2) <T, Cv T Ca>
         + lambda_frames KL(T 1 || p) + lambda_actions KL(T' 1 || q) + epsilon sum T (log T - 1)

with ``Ca = 1 - I`` and the generalised ``KL(a || b) = sum a log(a/b) - a + b``. A side without a
lambda is a hard constraint and has no penalty. Source: Xu and Gould, CVPR 2024 (arXiv 2404.01518).

Solvers work on ``log A``, where ``T = w * A`` and the row weights ``w`` are p where the frame side
is hard and 1/N elsewhere. A is the assignment that users get.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from asot.transport.request import Request
from asot.transport.step import MOST_COST
from asot.transport.structure import Band, Structure, wide


@dataclass(frozen=True)
class Problem:
    """A batch of B recordings, padded to N frames, to be assigned to K actions."""

    cost: Tensor  # (B, N, K), finite, less the least of each frame or action that is hard
    constant: Tensor  # what J lacks for that, (B,)
    frame_marginal: Tensor  # p, (B, N, 1), and q, (B, 1, K): each sums to 1 over a recording
    action_marginal: Tensor
    row_weight: Tensor  # w of the module's docstring, (B, N, 1); zero on padded rows
    support: Tensor | None  # entries that may carry mass, bool (B, N, K); None where all may
    has_mask: bool  # the support forbids actions to frames that exist
    structure: Structure
    epsilon: float
    alpha: float
    lambda_frames: float | None
    lambda_actions: float | None

    @classmethod
    def of(cls, request: Request) -> Problem:
        """Make the problem of checked arguments."""
        cost, exists, mask = request.cost, request.exists, request.allowed
        lengths = request.lengths_in(cost)
        padded = not bool(exists.all())
        uniform = exists / lengths.to(cost.dtype)[:, None]
        p, q = request.frame_marginal, request.action_marginal
        p = uniform if p is None else p
        q = torch.full_like(cost[:, 0, :], 1.0 / cost.shape[2]) if q is None else q
        support = mask
        if padded:
            support = exists[..., None].expand(cost.shape)
            support = support if mask is None else support & mask
        structure = request.structure
        if structure is None:
            structure = Band(request.radius, lengths, cost.shape[1])
        hard = request.lambda_frames is None
        weight = (p if hard else uniform)[:, :, None]
        if padded:
            cost = torch.where(exists[..., None], cost, 0.0)
        # What a hard side pays whatever the coupling decides nothing, and would cost digits.
        constant = cost.new_zeros(len(cost), dtype=wide(cost))
        for is_hard, dim, marginal in (
            (hard, 2, weight),
            (request.lambda_actions is None, 1, q[:, None, :]),
        ):
            if is_hard:
                least = cost.detach()
                if support is not None:
                    least = least.masked_fill(~support, torch.inf)
                least = finite_or_zero(least.amin(dim=dim, keepdim=True))
                cost = cost - least
                paid = (1.0 - request.alpha) * marginal.to(wide(cost)) * least
                constant = constant + paid.sum(dim=(1, 2))
        return cls(
            cost=cost.clamp(max=MOST_COST * torch.finfo(cost.dtype).max),
            constant=constant,
            frame_marginal=p[:, :, None],
            action_marginal=q[:, None, :],
            row_weight=weight,
            support=support,
            has_mask=mask is not None,
            structure=structure,
            epsilon=request.epsilon,
            alpha=request.alpha,
            lambda_frames=request.lambda_frames,
            lambda_actions=request.lambda_actions,
        )

    def evaluate(self, log_assignment: Tensor, assignment: Tensor) -> tuple[Tensor, Tensor]:
        """Return the parts of J, float64 (5, B), and dJ/dT, (B, N, K), at an assignment.

        ``log_assignment`` is finite everywhere: any value where A is zero by support. The first
        part lacks the constant.
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
        return torch.stack([linear, temporal, frame_penalty, action_penalty, entropy]), gradient

    @property
    def both_hard(self) -> bool:
        """Tell whether both sides are hard."""
        return self.lambda_frames is None and self.lambda_actions is None

    def masked(self, values: Tensor, fill: float) -> Tensor:
        """Return ``values`` (B, N, K) with ``fill`` outside the support."""
        return values if self.support is None else values.masked_fill(~self.support, fill)


def finite_or_zero(values: Tensor) -> Tensor:
    """Replace what an empty row or column gives, which would turn into NaN when subtracted."""
    return torch.where(torch.isfinite(values), values, 0.0)


def _log_or_zero(values: Tensor) -> Tensor:
    """Take the logarithm where ``values`` is positive, and 0 where there is no mass."""
    return torch.log(torch.where(values > 0, values, 1.0))
