"""The rules of segmentations, checked: lengths, transitions, first and last actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.decoding.lattice import Floats, Lattice
from asot.errors import ArgumentError


class Durations(Protocol):
    """A prior on the lengths of segments, for ``decode_segments``."""

    def log_probability(self, lengths: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the log-probability (D, K), or (D,) for all actions, of lengths (D,) in frames."""
        ...


@dataclass(frozen=True)
class NegativeBinomial:
    """A prior under which a length less one frame has the negative binomial distribution.

    Parameters
    ----------
    mean : float or (K,) array-like
        Mean length in frames, at least 1.
    shape : float or (K,) array-like
        Above 0. 1 gives the geometric lengths of a hidden Markov model, for which short segments
        are the likeliest; the larger, the closer lengths stay to their mean: their standard
        deviation is about ``mean / sqrt(shape)`` where that is many frames.

    Raises
    ------
    ArgumentError
        If a mean or a shape is out of its range.

    Examples
    --------
    >>> import numpy as np
    >>> geometric = NegativeBinomial(mean=2.0, shape=1.0)
    >>> np.exp(geometric.log_probability(np.array([1, 2, 3]))).round(3).tolist()
    [0.5, 0.25, 0.125]
    >>> NegativeBinomial(mean=[5, 50], shape=4).log_probability(np.arange(1, 9)).shape
    (8, 2)
    """

    mean: ArrayLike
    shape: ArrayLike = 2.0

    def __post_init__(self) -> None:
        for name, values, rule, fits in (
            ("mean", self.mean, "at least 1", lambda values: values >= 1),
            ("shape", self.shape, "above 0", lambda values: values > 0),
        ):
            array = np.asarray(values, dtype=np.float64)
            if array.ndim > 1 or not (np.isfinite(array) & fits(array)).all():
                raise ArgumentError(
                    f"{name} must be finite and {rule}, one number or one an action, but is "
                    f"{values!r}."
                )

    def log_probability(self, lengths: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the log-probability of lengths (D,): (D, K), or (D,) where no parameter has K."""
        from scipy.special import gammaln, xlog1py, xlogy

        mean = np.asarray(self.mean, dtype=np.float64) - 1
        shape = np.asarray(self.shape, dtype=np.float64)
        excess = np.asarray(lengths, dtype=np.float64) - 1
        if mean.ndim or shape.ndim:
            excess = excess[:, None]
        stop = shape / (shape + mean)
        values: NDArray[np.float64] = (
            gammaln(excess + shape)
            - gammaln(shape)
            - gammaln(excess + 1)
            + xlogy(shape, stop)
            + xlog1py(excess, -stop)
        )
        return values


@dataclass(frozen=True)
class Rules:
    """The rules of :func:`asot.decoding.decode_segments`, as they were given."""

    minimum_duration: ArrayLike = 1
    maximum_duration: ArrayLike | None = None
    durations: Durations | ArrayLike | None = None
    transitions: ArrayLike | None = None
    start: ArrayLike | None = None
    end: ArrayLike | None = None
    switch_cost: float = 0.0

    def lattice(self, log_probabilities: ArrayLike) -> Lattice:
        """Check the rules and the log-probabilities (N, K), and put them together."""
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
        start, end = (_log(name, getattr(self, name), (n_actions,)) for name in ("start", "end"))
        return Lattice.of(scores, minimum, table, transitions, start, end)


def checked_scores(log_probabilities: ArrayLike) -> Floats:
    """Check log-probabilities (N, K); return them as float64, less the largest of each frame.

    Sums over thousands of frames keep more digits without a large constant in each row.
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
    """Read a number of frames for all actions, or one for each, as (K,)."""
    array: NDArray[Any] = np.asarray(values)
    if array.dtype.kind not in "iu" or array.shape not in ((), (n_actions,)) or (array < 1).any():
        raise ArgumentError(
            f"{name} must be a whole number of frames >= 1, or one for each of the {n_actions} "
            f"actions, but is {values!r}."
        )
    return np.broadcast_to(array, n_actions).astype(np.int64)


def _log(name: str, values: ArrayLike | None, shape: tuple[int, ...]) -> Floats:
    """Read log-probabilities of a shape, or booleans: 0 where True, -inf where False."""
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
    """Tabulate the log-probability (D, K) of 1 to D frames, D at most ``longest``."""
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
    shape = min(len(array), longest), n_actions
    return np.broadcast_to(array[:longest], shape).astype(np.float64)
