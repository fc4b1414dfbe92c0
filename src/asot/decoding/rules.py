"""What segmentations must obey, checked: refusals name the argument, its rule and its value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.decoding.durations import Durations
from asot.decoding.lattice import Floats, Lattice
from asot.errors import ArgumentError


@dataclass(frozen=True)
class Rules:
    """What segmentations must obey, as :func:`asot.decoding.decode_segments` takes it."""

    minimum_duration: ArrayLike = 1
    maximum_duration: ArrayLike | None = None
    durations: Durations | ArrayLike | None = None
    transitions: ArrayLike | None = None
    start: ArrayLike | None = None
    end: ArrayLike | None = None
    switch_cost: float = 0.0

    def lattice(self, log_probabilities: ArrayLike) -> Lattice:
        """Check the rules and the log-probabilities (N, K), and put them together.

        Raises
        ------
        ArgumentError
            With a sentence that names the argument, its rule and its value.
        """
        scores = checked_scores(log_probabilities)
        n_frames, n_actions = scores.shape
        minimum = _frames("minimum_duration", self.minimum_duration, n_actions)
        maximum = np.full(n_actions, max(n_frames, int(minimum.max())))
        if self.maximum_duration is not None:
            maximum = _frames("maximum_duration", self.maximum_duration, n_actions)
        if (maximum < minimum).any():
            action = int(np.argmax(maximum < minimum))
            raise ArgumentError(
                f"maximum_duration must be at least minimum_duration, but for action {action} it "
                f"is {maximum[action]} and minimum_duration {minimum[action]}."
            )
        # A recording that is shorter than the shortest segment is one segment.
        minimum, maximum = np.minimum(minimum, n_frames), np.minimum(maximum, n_frames)
        table = None
        if self.durations is not None or (maximum < n_frames).any():
            table = _duration_table(self.durations, int(maximum.max()), n_actions)
            lengths = np.arange(1, len(table) + 1)[:, None]
            table = np.where((minimum <= lengths) & (lengths <= maximum), table, -np.inf)
        cost = self.switch_cost
        if isinstance(cost, bool) or not 0 <= cost < np.inf:
            raise ArgumentError(f"switch_cost must be a finite number >= 0, but is {cost!r}.")
        transitions = _log("transitions", self.transitions, (n_actions, n_actions)) - cost
        np.fill_diagonal(transitions, -np.inf)
        ends = [
            _log(name, values, (n_actions,))
            for name, values in (("start", self.start), ("end", self.end))
        ]
        return Lattice.of(scores, minimum, table, transitions, *ends)


def checked_scores(log_probabilities: ArrayLike) -> Floats:
    """Log-probabilities (N, K) as float64, less the largest of each frame.

    Sums over thousands of frames keep more digits where no row has a large constant in it.

    Raises
    ------
    ArgumentError
        If they are no (N, K) array of numbers, one of them is NaN or +inf, or a frame has no
        action above -inf.
    """
    array: NDArray[Any] = np.asarray(log_probabilities)
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "fiu":
        raise ArgumentError(
            "log_probabilities must be a (frames, actions) array of numbers, but has the shape "
            f"{array.shape} and the type {array.dtype}."
        )
    scores = array.astype(np.float64)
    wrong = np.isnan(scores) | np.isposinf(scores)
    if wrong.any():
        frame, action = np.argwhere(wrong)[0].tolist()
        raise ArgumentError(
            f"log_probabilities must be finite or -inf, but is {scores[frame, action]} for frame "
            f"{frame} and action {action}."
        )
    top = scores.max(axis=1, keepdims=True)
    if np.isneginf(top).any():
        frame = int(np.argmin(top))
        raise ArgumentError(
            f"log_probabilities must leave each frame an action, but is -inf for all in frame "
            f"{frame}."
        )
    return scores - top


def _frames(name: str, values: ArrayLike, n_actions: int) -> NDArray[np.int64]:
    """A number of frames for each action (K,), of one number or one an action."""
    array: NDArray[Any] = np.asarray(values)
    if array.dtype.kind not in "iu" or array.shape not in ((), (n_actions,)) or (array < 1).any():
        raise ArgumentError(
            f"{name} must be a whole number of frames >= 1, or one for each of the {n_actions} "
            f"actions, but is {values!r}."
        )
    return np.broadcast_to(array, n_actions).astype(np.int64)


def _log(name: str, values: ArrayLike | None, shape: tuple[int, ...]) -> Floats:
    """Log-probabilities of a shape: as given, or 0 and -inf for what is allowed and what is not."""
    if values is None:
        return np.zeros(shape)
    array: NDArray[Any] = np.asarray(values)
    if array.shape != shape or array.dtype.kind not in "bf":
        raise ArgumentError(
            f"{name} must be booleans (allowed or not) or log-probabilities of the shape {shape}, "
            f"but has the shape {array.shape} and the type {array.dtype}."
        )
    if array.dtype.kind == "b":
        return np.where(array, 0.0, -np.inf)
    _require_log(name, array)
    return array.astype(np.float64)


def _require_log(name: str, array: NDArray[Any]) -> None:
    wrong = ~(array <= 0)
    if wrong.any():
        place = tuple(np.argwhere(wrong)[0].tolist())
        raise ArgumentError(
            f"{name} must be log-probabilities, none above 0, but is {array[place]} at "
            f"{', '.join(map(str, place))}."
        )


def _duration_table(
    durations: Durations | ArrayLike | None, longest: int, n_actions: int
) -> Floats:
    """Log-probability (D, K) of 1 to D frames, D at most ``longest``."""
    if durations is None:
        return np.zeros((longest, n_actions))
    if hasattr(durations, "log_probability"):
        durations = durations.log_probability(np.arange(1, longest + 1))
    array: NDArray[Any] = np.asarray(durations)
    if array.ndim == 1:
        array = array[:, None]
    columns = array.shape[1] if array.ndim == 2 else 0
    if array.ndim != 2 or len(array) == 0 or columns not in (1, n_actions):
        raise ArgumentError(
            f"durations must be a table of the shape (lengths,) or (lengths, {n_actions}), or an "
            f"object that makes one, but the table has the shape {array.shape}."
        )
    if array.dtype.kind != "f":
        raise ArgumentError(
            f"durations must be log-probabilities, but their type is {array.dtype}."
        )
    _require_log("durations", array)
    return np.broadcast_to(array[:longest], (min(len(array), longest), n_actions)).astype(
        np.float64
    )
