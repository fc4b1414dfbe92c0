"""The solution of a transport problem, the same for every solver."""

from __future__ import annotations

import enum
import functools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from asot.errors import SolverError
from asot.notebook import show
from asot.text import plural
from asot.transport.request import Request

PART_NAMES = ("linear", "temporal", "frame_penalty", "action_penalty", "entropy")
# Columns of a compiled solver's report, after the five parts of J; endings by place in ``Ending``.
ENDING, ITERATIONS, STEP_SIZE, MOVED, REPORTED = range(5, 10)
# No step takes a coupling past this mass, where the marginals have 1 and both sides are relaxed;
# one that came near would have gone on.
MOST_MASS = 1e4
NEAR_MOST = 0.1
# A plan most of whose frames moved less of their mass from the start is said to have hardly moved.
HARDLY = 0.1
# A share of the mass, or of the parts of J, that no rounding reaches.
OFF = 1e-3


class Ending(str, enum.Enum):
    """The reason why a recording's iterations ended."""

    CONVERGED = "converged"
    ITERATION_LIMIT = "iteration limit"
    STALLED = "stalled"
    NOT_FINITE = "not finite"
    DIVERGED = "diverged"

    def __str__(self) -> str:
        return self.value


SENTENCES = {
    Ending.CONVERGED: "Converged: iteration {n} moved no assignment by more than {tolerance:g}.",
    Ending.STALLED: "Stalled after {n} iterations: no step, however short, lowers the objective at "
    "this precision.",
    Ending.NOT_FINITE: "Not finite: the objective overflows at the start; divide the cost, epsilon "
    "and the lambdas by one constant, or start from a smaller initial.",
    Ending.DIVERGED: "Diverged: with both sides relaxed this cost pays for mass, of which the "
    "coupling holds {mass:.2g} times the marginals'; add a constant, so that no cost is negative, "
    "or raise the lambdas.",
}


@dataclass(frozen=True)
class Status:
    """The end of one recording's solve.

    Attributes
    ----------
    ending : Ending
        Compares equal to its text: "converged", "iteration limit", "stalled", "not finite" or
        "diverged".
    message : str
        One sentence for people.
    iterations : int
        Accepted mirror-descent steps.
    step_size : float
        The last step size.
    """

    ending: Ending
    message: str
    iterations: int
    step_size: float

    @classmethod
    def of(
        cls, ending: Ending, iterations: int, step: float, moved: float, tolerance: float | None
    ) -> Status:
        """Make the status with its sentence; ``moved`` is the last step's largest change of A."""
        if ending is not Ending.ITERATION_LIMIT:
            message = SENTENCES[ending]
        elif tolerance is None:
            message = "Ran all {n} iterations; no tolerance was given to stop by."
        elif iterations == 0:
            message = "Ran no iterations: max_iterations is 0."
        else:
            message = (
                "Reached the limit of {n} iterations, the last of which moved an assignment by "
                "{moved:.2g}, above the tolerance of {tolerance:g}: raise max_iterations."
            )
        message = message.format(n=iterations, moved=moved, tolerance=tolerance)
        return cls(ending, message, iterations, step)

    def seen_beside(self, moved: float, mass: float) -> Status:
        """Add what the coupling shows: the share of a frame's mass that moved, and all mass."""
        if self.ending is Ending.NOT_FINITE:
            return self
        if mass >= NEAR_MOST * MOST_MASS:
            message = SENTENCES[Ending.DIVERGED].format(mass=mass)
            return replace(self, ending=Ending.DIVERGED, message=message)
        if moved >= HARDLY or self.iterations == 0:
            return self
        remark = (
            f" The plan hardly moved from its start, half of the frames by {moved:.1g} of their "
            "mass at most: a frame's costs differ little next to epsilon, or steps are short, by "
            "step_size or by a large lambda."
        )
        return replace(self, message=self.message + remark)

    def __str__(self) -> str:
        return self.message


class LateStatus(Sequence[Status]):
    """The statuses of a batch, read from a compiled solver's report at the first access."""

    def __init__(self, report: Any, tolerance: float | None, plan: Plan) -> None:
        self._report, self._tolerance, self._plan = report, tolerance, plan

    @functools.cached_property
    def _read(self) -> tuple[Status, ...]:
        endings = list(Ending)
        return self._plan.complete(
            [
                Status.of(endings[int(ending)], int(iterations), step, moved, self._tolerance)
                for *_, ending, iterations, step, moved in self._report.tolist()
            ]
        )

    def __getitem__(self, which: Any) -> Any:
        return self._read[which]

    def __len__(self) -> int:
        return len(self._report)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (tuple, LateStatus)):
            return NotImplemented
        return self._read == tuple(other)

    def __hash__(self) -> int:
        return hash(self._read)

    def __repr__(self) -> str:
        return repr(self._read)

    def __reduce__(self) -> tuple[type[tuple[Status, ...]], tuple[tuple[Status, ...]]]:
        return tuple, (self._read,)


class Plan(NamedTuple):
    """An assignment with what tells how far it moved; without the cost, which is large."""

    assignment: Any  # (B, N, K)
    frame_weight: Any  # (B, N, 1)
    action_marginal: Tensor | None
    allowed: Tensor | None
    is_warm: bool  # it did not start from the action marginal
    hard_frames: bool

    @classmethod
    def of(cls, assignment: Any, frame_weight: Any, request: Request) -> Plan:
        """Take what is needed of a request."""
        q, allowed = request.action_marginal, request.allowed
        is_warm, hard_frames = request.initial is not None, request.lambda_frames is None
        return cls(assignment, frame_weight, q, allowed, is_warm, hard_frames)

    def complete(self, status: Sequence[Status]) -> tuple[Status, ...]:
        """Add to each recording's status what its plan shows."""
        assignment = torch.as_tensor(self.assignment).detach()
        weight = torch.as_tensor(self.frame_weight)
        n_actions = assignment.shape[2]
        moved = [math.inf] * len(status)
        if not self.is_warm:
            q = self.action_marginal
            start = torch.full_like(assignment[:1, 0], 1.0 / n_actions) if q is None else q
            start = start[:, None, :].expand_as(assignment)
            if self.allowed is not None:
                start = start * self.allowed
                if self.hard_frames:
                    start = start / start.sum(dim=2, keepdim=True).clamp(min=1e-30)
            free = ((start > 0).sum(dim=2) > 1) & (weight[..., 0] > 0)
            # What came or went, the larger: among many targets no single entry moves far.
            change = assignment - start
            change = 0.5 * (change.abs().sum(dim=2) + change.sum(dim=2).abs())
            change = change.masked_fill(~free, math.nan)
            moved = change.nanmedian(dim=1).values.nan_to_num(math.inf).tolist()
        mass = (weight * assignment).sum(dim=(1, 2)).tolist()
        return tuple(
            one.seen_beside(own_moved, own_mass)
            for one, own_moved, own_mass in zip(status, moved, mass, strict=True)
        )


@dataclass(frozen=True)
class Objective:
    """The objective J of each recording, over the iterations and in parts.

    Arrays are of the kind that came in (NumPy or torch), float64; without their batch axis where
    the cost came as (N, K).

    Attributes
    ----------
    trace : array, shape (B, max_iterations + 1)
        J after each accepted step, the start first; NaN after a recording stopped.
    linear, temporal, frame_penalty, action_penalty, entropy : array, shape (B,)
        The parts of J at the last coupling; their sum is the last entry of the trace.
    """

    trace: Any
    linear: Any
    temporal: Any
    frame_penalty: Any
    action_penalty: Any
    entropy: Any

    @property
    def parts(self) -> Mapping[str, Any]:
        """Return the five parts by name."""
        return {name: getattr(self, name) for name in PART_NAMES}

    @property
    def total(self) -> Any:
        """Return J at the last coupling, (B,)."""
        return sum(self.parts.values())


@dataclass(frozen=True)
class Solution:
    """The answer to a transport problem.

    Arrays are of the kind and on the device that the cost came as; without their batch axis where
    the cost came as (N, K).

    Attributes
    ----------
    assignment : array, shape (B, N, K)
        Share of each frame that goes to each action. Rows of valid frames sum to 1 where the
        frame side is hard; where it is relaxed they sum to the frame's mass in units of 1/N.
        Rows past a recording's length are 0.
    frame_weight : array, shape (B, N, 1)
        Weight of a row of the assignment in the coupling: the frame marginal where the frame side
        is hard, 1/N where it is relaxed; 0 past a recording's length.
    labels : array of int64, shape (B, N)
        The action with the largest assignment; -1 on padding and on frames without an action.
    objective : Objective
        J over the iterations, and its parts at the last coupling.
    status : sequence of Status
        One for each recording, also for a cost (N, K). Compiled solvers word it, and on a GPU wait
        for it, at the first access.
    lengths, action_lengths : sequence of int, shape (B,)
        Frames and actions of each recording; None for the actions where all have K.
    """

    assignment: Any
    frame_weight: Any
    labels: Any
    objective: Objective
    status: Sequence[Status]
    lengths: Any = None
    action_lengths: Any = None

    @property
    def coupling(self) -> Any:
        """Return T, the assignment times the frame weight, (B, N, K)."""
        return self.frame_weight * self.assignment

    @property
    def each(self) -> list[Solution]:
        """Return the solution of each recording by itself, (N_b, K_b), without padding.

        Examples
        --------
        >>> from asot import solve
        >>> batch = solve([np.eye(4), np.eye(3)[:2]], border=0.5)
        >>> [one.assignment.shape for one in batch.each], [len(one.labels) for one in batch.each]
        ([(4, 4), (2, 3)], [4, 2])
        """
        single = self.assignment.ndim == 2
        n_actions = [self.assignment.shape[-1]] * len(self.status)
        counts = n_actions if self.action_lengths is None else self.action_lengths

        def own(values: Any, b: int) -> Any:
            return values if single else values[b]

        return [
            Solution(
                own(self.assignment, b)[:n, :k],
                own(self.frame_weight, b)[:n],
                own(self.labels, b)[:n],
                Objective(*(own(values, b) for values in vars(self.objective).values())),
                self.status[b : b + 1],
                [n],
                [k],
            )
            for b, (n, k) in enumerate(zip(map(int, self.lengths), map(int, counts), strict=True))
        ]

    def require_sound(self, hard_frames: bool = True) -> None:
        """Refuse what cannot be a solution, in a hundredth of the time of solving.

        Shares are finite and not negative, hard frames have their mass, and J did not rise.

        Raises
        ------
        SolverError
            With the mass and J. A J that overflowed is left to the status.
        """
        assignment = np.asarray(torch.as_tensor(self.assignment).detach().cpu())
        first = float(torch.as_tensor(self.objective.trace)[..., 0].sum())
        parts = [float(torch.as_tensor(one).sum()) for one in self.objective.parts.values()]
        last, mass, frames = sum(parts), float(assignment.sum()), len(assignment)
        if not math.isfinite(last):
            return
        sound = math.isfinite(mass) and float(assignment.min()) >= 0
        sound = sound and (not hard_frames or abs(mass - frames) <= OFF * frames)
        sound = sound and last <= first + OFF * (1 + sum(map(abs, parts)))
        if not sound:
            raise SolverError(
                f"The solver failed: its coupling holds {mass:.6g} of {frames} frames, and J went "
                f"from {first:.6g} to {last:.6g}. Uninstall numba, which is at fault then, and "
                "report it."
            )

    def __repr__(self) -> str:
        *batch, n_frames, n_actions = self.assignment.shape
        size = [plural(one, "recording") for one in batch]
        size += [plural(n_frames, "frame"), plural(n_actions, "action")]
        endings = Counter(str(one.ending) for one in self.status)
        ended = (f"{count} {name}" if batch else name for name, count in endings.items())
        return f"Solution({', '.join(size)}: {', '.join(ended)})"

    def _repr_html_(self) -> str:
        labels = torch.as_tensor(self.labels).detach().cpu()
        weight = torch.as_tensor(self.frame_weight).detach().cpu()[..., 0]
        if labels.ndim == 1:
            labels, weight = labels[None], weight[None]
        lengths = [int(own.nonzero()[-1]) + 1 if own.any() else 0 for own in weight]
        timelines = [
            (f"recording {i}", own[:length].numpy())
            for i, (own, length) in enumerate(zip(labels, lengths, strict=True))
        ]
        sentences = Counter(one.message for one in self.status)
        told = [
            f"{count} of {len(labels)}: {text}" if count < len(labels) else text
            for text, count in sentences.most_common(3)
        ]
        return show(repr(self), told, timelines)


@dataclass(eq=False, slots=True)
class Answer:
    """The answer of a backend: the solution's arrays or tensors, with their batch axis.

    ``trace`` is (B, max_iterations + 1) and ``parts`` (5, B), in the order of ``PART_NAMES``.
    ``whole`` is the assignment with its border, where there is one.
    """

    assignment: Any
    labels: Any
    frame_weight: Any
    trace: Any
    parts: Any
    status: Sequence[Status]
    whole: Any = None
