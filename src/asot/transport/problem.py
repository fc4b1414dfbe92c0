"""The problem that the solvers solve: costs, marginals, weights, and the objective J.

    J(T) = (1 - alpha) <C, T> + (alpha / 2) <T, Cv T Ca>
         + lambda_frames KL(T 1 || p) + lambda_actions KL(T' 1 || q) + epsilon sum T (log T - 1)

with ``Ca = 1 - I`` unless given, and the generalised ``KL(a || b) = sum a log(a/b) - a + b``. A
side without a lambda is a hard constraint and has no penalty. Source: Xu and Gould, CVPR 2024
(arXiv 2404.01518).

Where each action has a band of its own, ``Cv_k``, a pair of entries has the mean of the bands of
its two actions, so that the term stays symmetric::

    (alpha / 4) sum_ijkl T_ik (Cv_k + Cv_l)_ij Ca_kl T_jl  =  (alpha / 4) <T, W(T Ca) + W(T) Ca>

with ``W(X)_k = Cv_k X_k``; its gradient is ``(alpha / 2) (W(T Ca) + W(T) Ca)``.

A border adds a row and a column for what has no partner, each of the mass of the whole other side,
so that all of it may go there: J has the mass 2. The corner, where they meet, costs nothing, and
neither has neighbours: their rows of Cv and Ca are 0.

Solvers work on ``log A``, where ``T = w * A`` and the row weights ``w`` are p where the frame side
is hard and 1/N elsewhere. A is the assignment that users get.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

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
    # Numbers, or (B, 1, 1); lambda_actions also (B, 1, K).
    epsilon: Any
    alpha: Any
    lambda_frames: Any
    lambda_actions: Any
    action_structure: Structure | None = None  # Ca; 1 - I where None
    border: bool = False  # the last row and column are for what has no partner

    @classmethod
    def of(cls, request: Request) -> Problem:
        """Make the problem of checked arguments."""
        cost, exists, mask = request.cost, request.exists, request.allowed
        names = ("epsilon", "alpha", "lambda_frames", "lambda_actions", "border")
        epsilon, alpha, lambda_frames, lambda_actions, border = (
            _broadcast(getattr(request, name), cost) for name in names
        )
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
        if request.actions is not None:
            own = request.actions[:, None, :].expand(cost.shape)
            support = own if support is None else support & own
        structure = request.structure
        if structure is None:
            structure = Band(request.radius, lengths, cost.shape[1])
        hard = lambda_frames is None
        weight = (p if hard else uniform)[:, :, None]
        if padded:
            cost = torch.where(exists[..., None], cost, 0.0)
        if border is not None:
            cost = _with_border(cost, border)
            weight = pad(weight, (0, 0, 0, 1), value=1.0)
            rows, columns = pad(exists, (0, 1), value=True), pad(q > 0, (0, 1), value=True)
            support = rows[:, :, None] & columns[:, None, :]
            if mask is not None:
                support = support & pad(mask, (0, 1, 0, 1), value=True)
            p, q = pad(p, (0, 1), value=1.0), pad(q, (0, 1), value=1.0)
            if isinstance(lambda_actions, Tensor) and lambda_actions.shape[2] > 1:
                most = lambda_actions.amax(dim=2, keepdim=True)
                lambda_actions = torch.cat([lambda_actions, most], dim=2)
        # What a hard side pays whatever the coupling decides nothing, and would cost digits.
        constant = cost.new_zeros(len(cost), dtype=wide(cost))
        for is_hard, dim, marginal in (
            (hard, 2, weight),
            (lambda_actions is None, 1, q[:, None, :]),
        ):
            if is_hard:
                least = cost.detach()
                if support is not None:
                    least = least.masked_fill(~support, torch.inf)
                least = finite_or_zero(least.amin(dim=dim, keepdim=True))
                cost = cost - least
                paid = (1.0 - alpha) * marginal.to(wide(cost)) * least
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
            action_structure=request.action_structure,
            border=border is not None,
            epsilon=epsilon,
            alpha=alpha,
            lambda_frames=lambda_frames,
            lambda_actions=lambda_actions,
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

        def total(weight: Any, terms: Tensor) -> Tensor:
            if isinstance(weight, Tensor):
                return (weight * terms).sum(dim=(1, 2), dtype=wide(terms))
            weighed: Tensor = weight * terms.sum(dim=(1, 2), dtype=wide(terms))
            return weighed

        def penalty(weight: Any, dim: int, target: Tensor) -> tuple[Tensor, Tensor]:
            mass = coupling.sum(dim=dim, keepdim=True)
            log_ratio = torch.log(mass.clamp(min=tiny)) - _log_or_zero(target)
            return weight * log_ratio, total(weight, mass * log_ratio - mass + target)

        linear = total(1.0 - self.alpha, self.cost * coupling)
        entropy = total(self.epsilon, coupling * (log_coupling - 1.0))
        temporal = frame_penalty = action_penalty = torch.zeros_like(linear)
        if isinstance(self.alpha, Tensor) or self.alpha > 0:
            unlike = self._unlike(coupling)
            gradient = gradient + self.alpha * unlike
            temporal = total(0.5 * self.alpha, coupling * unlike)
        if self.lambda_frames is not None:
            slope, frame_penalty = penalty(self.lambda_frames, 2, self.frame_marginal)
            gradient = gradient + slope
        if self.lambda_actions is not None:
            slope, action_penalty = penalty(self.lambda_actions, 1, self.action_marginal)
            gradient = gradient + slope
        return torch.stack([linear, temporal, frame_penalty, action_penalty, entropy]), gradient

    def _unlike(self, coupling: Tensor) -> Tensor:
        """Return ``Cv T Ca``, (B, N, K): what each entry's neighbours have in unlike actions."""
        if self.border:
            return pad(replace(self, border=False)._unlike(coupling[:, :-1, :-1]), (0, 1, 0, 1))
        unlike = self._by_actions(self.structure.apply(coupling))
        if getattr(self.structure, "per_action", False):
            swapped = self.structure.apply(self._by_actions(coupling))
            return 0.5 * (unlike + swapped)
        if isinstance(self.structure, Band) and self.action_structure is None:
            # A sum over the other actions. Where one dwarfs them, rounding could turn it
            # negative, and a coupling that explodes would look like a fall of J.
            unlike = unlike.clamp(min=0.0)
        return unlike

    def _by_actions(self, values: Tensor) -> Tensor:
        """Return ``values Ca``, (B, N, K)."""
        if self.action_structure is None:
            return values.sum(dim=2, keepdim=True) - values
        return self.action_structure.apply(values.mT).mT

    def start(self, initial: Tensor | None) -> Tensor:
        """Return the assignment that the iterations start from, (B, N, K), to be projected."""
        if not self.border:
            q = self.action_marginal
            return q.expand_as(self.cost) if initial is None else initial
        if initial is None:
            return 0.5 * self.action_marginal.expand_as(self.cost)
        # What a warm start leaves of either side has no partner, and the corner has the rest.
        column = (1.0 - initial.sum(dim=2, keepdim=True)).clamp(min=0.0)
        mass = (self.row_weight[:, :-1] * initial).sum(dim=1, keepdim=True)
        row = (self.action_marginal[:, :, :-1] - mass).clamp(min=0.0)
        corner = (1.0 - row.sum(dim=2, keepdim=True)).clamp(min=0.0)
        return torch.cat([torch.cat([initial, column], 2), torch.cat([row, corner], 2)], 1)

    @property
    def both_hard(self) -> bool:
        """Tell whether both sides are hard."""
        return self.lambda_frames is None and self.lambda_actions is None

    def masked(self, values: Tensor, fill: float) -> Tensor:
        """Return ``values`` (B, N, K) with ``fill`` outside the support."""
        return values if self.support is None else values.masked_fill(~self.support, fill)


def _broadcast(weight: Any, cost: Tensor) -> Any:
    """Give a weight of each recording, or of each action, the axes of a cost."""
    if not isinstance(weight, Tensor):
        return weight
    return weight.to(cost).reshape(len(weight), 1, -1)


def _with_border(cost: Tensor, border: Any) -> Tensor:
    """Add a row and a column for what has no partner, free where they meet."""
    column = torch.zeros_like(cost[:, :, :1]) + border
    row = torch.zeros_like(cost[:, :1]) + border
    return torch.cat([torch.cat([cost, column], dim=2), pad(row, (0, 1))], dim=1)


def finite_or_zero(values: Tensor) -> Tensor:
    """Replace what an empty row or column gives, which would turn into NaN when subtracted."""
    return torch.where(torch.isfinite(values), values, 0.0)


def _log_or_zero(values: Tensor) -> Tensor:
    """Take the logarithm where ``values`` is positive, and 0 where there is no mass."""
    return torch.log(torch.where(values > 0, values, 1.0))
