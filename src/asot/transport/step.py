"""The length of a step: the inverse of the curvature that J has at most.

Where J's second derivative along any step is at most L times that of ``h(T) = sum T log T``, a
mirror-descent step of length ``1/L`` never raises J (Bauschke, Bolte and Teboulle, Mathematics of
Operations Research 2017; Lu, Freund and Nesterov, SIAM J. Optim. 2018). L is a sum over J's parts,
for frames that are hard, so that a step D of T sums to zero over each frame's actions:

- linear: 0, whatever the cost. So no entry of it, however large, and no constant shortens a step.
- entropy: epsilon, exactly.
- penalty on the actions: lambda, as ``(sum_i D_ik)^2 / sum_i T_ik <= sum_i D_ik^2 / T_ik``.
- temporal: with ``D Ca = -D``, it is ``-(alpha / 2) <D, Cv D>``. Bands have no eigenvalue under
  ``-(2 b + 4) / (3 r)``: the sum of cosines ``1 + 2 cos t + ... + 2 cos(b t)`` is never under
  ``-(2 b + 1) / 3``; and none under ``-(N - 1) / r``, the other frames' weights. A frame of weight
  w has ``D_h >= |D_i|^2 / w`` (Pinsker, with half of ``|D_i|_1`` on either side of zero). For
  ``w = 1/N`` that makes ``alpha (b + 2) / (3 r N)``, or ``alpha (N - 1) / (2 r N)`` if less.

With a structure Ca of actions the temporal part is ``(alpha / 2) <D, Cv D Ca>``, at most that of
the largest product of an eigenvalue of Cv and one of Ca on vectors that sum to zero: for Ca those
of ``1 - I`` are -1, which gives the above. Of Cv, the largest is bounded by its largest row sum.
With a band of its own for each action, Cv_k, the part is ``-(alpha / 2) sum_k <D_k, Cv_k D_k>``,
and the worst of them counts.

L is a bound for frames that are hard and weigh the same, in the band or in one whose weights fall
with the features' cosines (a Schur product with a correlation matrix, which widens no spectrum).
Everywhere else it is an estimate. The solvers halve a step that raises J all the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

Number = TypeVar("Number", float, Tensor)
# Of the largest number: no entry of a cost counts for more, so that no step overflows.
MOST_COST = 1e-8


def band_curvature(half_width: Number, n_frames: Number, fraction: Number) -> Number:
    """Return the temporal part of L over alpha, for a band of b frames and the radius r."""
    least, others = (2.0 * half_width + 4.0) / 3.0, n_frames - 1.0
    least = torch.minimum(least, others) if isinstance(least, Tensor) else min(least, others)
    return least / (2.0 * fraction * n_frames)


class Weights(NamedTuple):
    """The weights of J's parts, None of a side that is hard, and a step's length where given.

    Each a number, or one for each recording, (B,).
    """

    epsilon: Any
    alpha: Any
    lambda_frames: Any
    lambda_actions: Any
    step_size: float | None = None

    def full_step(self, curvature: Number) -> Number:
        """Return the given length, or ``1 / L``; L's temporal part is alpha times ``curvature``."""
        if self.step_size is not None:
            return 0.0 * curvature + self.step_size
        frames, actions = (
            0.0 if one is None else one for one in (self.lambda_frames, self.lambda_actions)
        )
        bound: Number = 1.0 / (self.epsilon + (frames + actions) + self.alpha * curvature)
        return bound
