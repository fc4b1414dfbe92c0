"""What a solver returns, for every solver alike."""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

from asot.transport.problem import PART_NAMES


class Outcome(str, enum.Enum):
    """Why a recording's iterations ended."""

    CONVERGED = "converged"
    ITERATION_LIMIT = "iteration limit"
    STALLED = "stalled"
    NOT_FINITE = "not finite"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Status:
    """How one recording's solve ended.

    Attributes
    ----------
    outcome : Outcome
        Compares equal to its text: "converged", "iteration limit", "stalled" or "not finite".
    message : str
        One sentence for people.
    iterations : int
        Accepted mirror-descent steps.
    step_size : float
        The last step size.
    """

    outcome: Outcome
    message: str
    iterations: int
    step_size: float

    def __str__(self) -> str:
        return self.message


class LateStatus(Sequence[Status]):
    """How the recordings of a batch ended, worded when somebody asks.

    Parameters
    ----------
    count : int
        Recordings.
    read : callable
        Returns their statuses; called once, when the first is asked for.
    """

    def __init__(self, count: int, read: Callable[[], tuple[Status, ...]]) -> None:
        self._count = count
        self._ask = read

    @functools.cached_property
    def _read(self) -> tuple[Status, ...]:
        return self._ask()

    @overload
    def __getitem__(self, which: int) -> Status: ...
    @overload
    def __getitem__(self, which: slice) -> tuple[Status, ...]: ...
    def __getitem__(self, which: int | slice) -> Status | tuple[Status, ...]:
        return self._read[which]

    def __iter__(self) -> Iterator[Status]:
        return iter(self._read)

    def __len__(self) -> int:
        return self._count

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
        """The five parts by name."""
        return {name: getattr(self, name) for name in PART_NAMES}

    @property
    def total(self) -> Any:
        """J at the last coupling, shape ``(B,)``."""
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
        What a row of the assignment weighs in the coupling: the frame marginal where the frame
        side is hard, 1/N where it is relaxed; 0 past a recording's length.
    labels : array of int64, shape (B, N)
        The action with the largest assignment; -1 on padding and on frames without an action.
    objective : Objective
        J over the iterations, and its parts at the last coupling.
    status : sequence of Status
        One a recording, also where there is one alone; worded, and on a GPU waited for, when
        first looked at.
    """

    assignment: Any
    frame_weight: Any
    labels: Any
    objective: Objective
    status: Sequence[Status]

    @property
    def coupling(self) -> Any:
        """T itself, the assignment times the frame weight; shape ``(B, N, K)``."""
        return self.frame_weight * self.assignment


@dataclass(frozen=True)
class Answer:
    """What any solver hands to ``solve``, with its batch axis.

    Attributes
    ----------
    assignment, labels, frame_weight : Tensor or array, shapes (B, N, K), (B, N) and (B, N, 1)
        As in ``Solution``.
    trace, parts : Tensor or array of float64, shapes (B, max_iterations + 1) and (5, B)
        J after each step, and its parts at the end.
    status : sequence of Status
        One a recording.
    """

    assignment: Any
    labels: Any
    frame_weight: Any
    trace: Any
    parts: Any
    status: Sequence[Status]
