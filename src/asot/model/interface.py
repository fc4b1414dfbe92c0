"""What every segmenter takes and gives: recordings in several forms, answers in the same form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError, AsotError, MissingExtraError
from asot.metrics import evaluate

try:
    from sklearn.base import BaseEstimator, ClusterMixin
    from sklearn.exceptions import NotFittedError as SklearnNotFittedError
except ImportError as error:
    raise MissingExtraError("scikit-learn", "learn", "A segmenter") from error

Answer = TypeVar("Answer")
LARGEST = float(np.finfo(np.float32).max)


class NotFittedError(AsotError, SklearnNotFittedError):
    """A model was asked for a prediction before it was fitted."""


class Segmenter(ClusterMixin, BaseEstimator):
    """``fit_predict`` and ``score``, over the ``fit`` and ``predict`` of a segmenter.

    Attributes
    ----------
    shared : bool
        Whether a label means the same action in every recording.
    """

    shared: ClassVar[bool] = True
    labels_: list[NDArray[np.int64]]

    def fit_predict(self, X: Any, y: Any = None, **kwargs: Any) -> Any:
        """Fit, and return the labels of the same recordings; see ``predict``."""
        self.fit(X)
        return as_came(X, self.labels_)

    def score(self, X: Any, y: Any) -> float:
        """Share of frames labelled right (MoF) after one matching for all recordings.

        Parameters
        ----------
        X : as for ``fit``
            Recordings.
        y : list of (N_i,) label sequences, or one for one array
            Ground truth.

        Raises
        ------
        ArgumentError
            If there is no ground truth, or not one label for each frame.
        """
        if y is None:
            raise ArgumentError(
                "score compares with ground truth, but y is None: give it y, or search with a "
                "scorer of your own."
            )
        predicted = self.predict(X)
        if is_one(X):
            predicted, y = [predicted], [y]
        return float(evaluate(predicted, list(y))["mof"])


class FeatureArrays(Sequence[NDArray[Any]]):
    """The recordings of ``X`` as arrays, each opened when it is indexed."""

    def __init__(self, X: Any) -> None:
        self._given = [X] if is_one(X) else X

    def __len__(self) -> int:
        return len(self._given)

    def __getitem__(self, index: Any) -> Any:
        return np.asarray(self._given[index])


def is_one(X: Any) -> bool:
    """Whether ``X`` is one recording, (N, D), rather than several."""
    return getattr(X, "ndim", None) == 2


def as_came(X: Any, answers: Iterable[Answer]) -> list[Answer] | Answer:
    """Answers, one a recording, in the form of ``X``: a list, or the only one."""
    found = list(answers)
    return found[0] if is_one(X) else found


def read_recordings(X: Any, width: int | None = None) -> FeatureArrays:
    """Check every recording of ``X``, one after the other, before any work is done on them.

    Parameters
    ----------
    X : list of (N_i, D) arrays, one (N, D) array, or a lazy sequence of arrays
        Frame features, time first.
    width : int, optional
        D that they must have; the first one's unless given.

    Returns
    -------
    FeatureArrays
        The same as a sequence; lazy where ``X`` is.

    Raises
    ------
    ArgumentError
        If ``X`` is none of these, or a recording is empty, not finite or of another width.
    """
    is_sequence = hasattr(X, "__getitem__") and hasattr(X, "__len__")
    if not is_sequence or isinstance(X, (str, bytes, dict)):
        raise ArgumentError(
            "X must be a list of (frames, columns) arrays, one such array, or a sequence of them, "
            f"but is a {type(X).__name__}."
        )
    recordings = FeatureArrays(X)
    if len(recordings) == 0:
        raise ArgumentError("X must hold at least one recording, but is empty.")
    for index in range(len(recordings)):
        name = "X" if is_one(X) else f"X[{index}]"
        array = _checked(name, recordings, index)
        if width is not None and array.shape[1] != width:
            raise ArgumentError(
                f"All recordings must have the same columns, but {name} has {array.shape[1]}, "
                f"not {width}."
            )
        width = array.shape[1]
    return recordings


def _checked(name: str, recordings: FeatureArrays, index: int) -> NDArray[Any]:
    rule = f"{name} must be a (frames, columns) array of numbers"
    try:
        array: NDArray[Any] = recordings[index]
    except ValueError as error:
        raise ArgumentError(f"{rule}, but cannot be made one: {error}") from error
    if array.ndim != 2 or array.dtype.kind not in "fiub" or 0 in array.shape:
        raise ArgumentError(f"{rule}, but has the shape {array.shape} and the type {array.dtype}.")
    if array.dtype.kind == "f" and not float(np.abs(array).max()) <= LARGEST:
        sizes = np.abs(array).astype(np.float64)
        frame, column = np.argwhere(~(sizes <= LARGEST))[0].tolist()
        raise ArgumentError(
            f"{name} must be finite in float32, but frame {frame}, column {column} is "
            f"{array[frame, column]}."
        )
    return array
