"""Recordings as they are given to a segmenter, and answers in the same form.

===================================================  ==========================================
``X``                                                answers
===================================================  ==========================================
a list, or a lazy sequence, of (N_i, D) arrays       a list of arrays
one (N, D) array or table                            one array
one long array, and ``lengths`` of the recordings    one array, an entry a row
one long table whose column, or level of the index,  one array, an entry a row
is called "recording"
a mapping of names to (N_i, D) arrays, also a lazy   a dict of arrays
one, as an open .npz or HDF5 file
a padded (B, N, D) array: with NaN, or ``lengths``   a list of arrays, without the padding
===================================================  ==========================================

Tables are DataFrames of pandas or polars. A column "recording" is no feature. What names recordings
here names them in tables of segments; others have their place there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import zip_longest
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from asot.data.recordings import transposed_hint
from asot.errors import ArgumentError

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")
Names = NDArray[np.object_]
LARGEST = float(np.finfo(np.float32).max)
RECORDING = "recording"


class GivenRecordings(Sequence[NDArray[Any]]):
    """The recordings of ``X`` as arrays, each opened when it is indexed."""

    def __init__(self, X: Any, lengths: Any = None) -> None:
        if hasattr(X, "toarray"):
            text = "X must be dense, and sparse matrices are not supported: give X.toarray()."
            raise ArgumentError(text, setting="X")
        if not hasattr(X, "__getitem__") and hasattr(X, "__array__"):
            X = np.asarray(X)
        is_sequence = hasattr(X, "__getitem__") and hasattr(X, "__len__")
        if not is_sequence or isinstance(X, (str, bytes)):
            raise ArgumentError(
                "X must be a list of (frames, columns) arrays, one such array, or a sequence or a "
                f"mapping of them, but is a {type(X).__name__}.",
                setting="X",
            )
        axes = len(getattr(X, "shape", ()))
        counts = None if lengths is None else _read_lengths(X, lengths, axes)
        self.rows: list[NDArray[np.int64]] | None = None  # of one long table, by recording
        # How X names its recordings, and whether it is a mapping of the names; None of a list.
        self._keys: list[Any] | None = list(X) if isinstance(X, Mapping) else None
        self._mapped = self._keys is not None
        if axes == 2 and counts is not None:
            self.rows = np.split(np.arange(len(X)), np.cumsum(counts)[:-1])
        elif axes == 2:
            by_name = _rows_by_recording(X)
            if by_name is not None:
                self._keys, self.rows = list(by_name), list(by_name.values())
        self.one = axes == 2 and self.rows is None
        self._padded, self._counts, self._names = axes == 3, counts, names_of(X)
        self._given = [X] if self.one else X if self.rows is None else _array(X)

    def __len__(self) -> int:
        return len(self._given if self.rows is None else self.rows)

    @property
    def names(self) -> list[Any]:
        """Return the recordings' names, or their places where X names none."""
        return list(range(len(self))) if self._keys is None else self._keys

    def __getitem__(self, index: Any) -> Any:
        return self.open(index)[0]

    def open(self, index: int) -> tuple[NDArray[Any], Names | None]:
        """Open a recording: its features, and the names of their columns, None without any."""
        if self.rows is not None:
            return self._given[self.rows[index]], self._names
        given = self._given[self.names[index] if self._mapped else index]
        array = _array(given)
        if self._padded and self._counts is not None:
            array = array[: self._counts[index]]
        elif self._padded and array.dtype.kind == "f":
            real = np.flatnonzero(~np.isnan(array).all(axis=-1))
            array = array[: 1 + real[-1] if len(real) else 0]
        return array, names_of(given)

    def name(self, index: int) -> str:
        """Name a recording in a sentence."""
        if self.rows is not None:
            return f"Recording {index} of X"
        return "X" if self.one else f"X[{self.names[index]!r}]"

    def answer(self, answers: Iterable[Answer]) -> Any:
        """Return the recordings' answers, arrays of N_i rows, in the form of ``X``."""
        found: list[Any] = list(answers)
        if self.rows is not None:
            joined = np.concatenate(found)
            return joined[np.argsort(np.concatenate(self.rows))]
        if self._mapped:
            return dict(zip(self.names, found, strict=True))
        return found[0] if self.one else found

    def split(self, values: Any, name: str) -> list[Any]:
        """Return what is given in the form of ``X``, as labels are, for each recording."""
        if self.one:
            return [values]
        if self.rows is not None:
            array = np.asarray(values)
            n_rows = sum(map(len, self.rows))
            if array.shape[:1] != (n_rows,):
                text = f"{name} must have an entry for each of {n_rows} rows of X, but has the "
                raise ArgumentError(f"{text}shape {array.shape}.", setting=name)
            return [array[rows] for rows in self.rows]
        if self._mapped and isinstance(values, Mapping):
            if set(values) != set(self.names):
                other = next(iter(set(values) ^ set(self.names)))
                text = f"{name} must have the names of X, but {other!r} is in one of them alone."
                raise ArgumentError(text, setting=name)
            return [values[one] for one in self.names]
        split = list(values)
        if self._padded and len(getattr(values, "shape", ())) == 2:
            return [one[: len(self[index])] for index, one in enumerate(split[: len(self)])]
        return split


def _array(table: Any) -> NDArray[Any]:
    """Return the features, without the column that names the recordings."""
    columns = list(getattr(table, "columns", ()))
    if RECORDING in columns:
        table = table[[one for one in columns if one != RECORDING]]
    array = np.asarray(table)
    if array.dtype.kind == "O" and array.ndim == 2:
        # Of a table whose columns have several types, or may lack values.
        with suppress(TypeError, ValueError):
            return array.astype(np.float64)
    return array


def names_of(table: Any) -> Names | None:
    """Return the names of the columns of a table, (D,), None where they are not all texts."""
    columns = [one for one in getattr(table, "columns", ()) if one != RECORDING]
    named = len(columns) > 0 and all(isinstance(one, str) for one in columns)
    return np.array(columns, dtype=object) if named else None


def _read_lengths(X: Any, lengths: Any, axes: int) -> NDArray[np.int64]:
    counts = np.asarray(lengths)
    fits = counts.ndim == 1 and counts.dtype.kind in "iu" and len(counts) > 0 and counts.min() > 0
    n_rows = len(X)
    if axes == 2 and fits and counts.sum() == n_rows:
        return counts.astype(np.int64)
    if axes == 3 and fits and len(counts) == n_rows and counts.max() <= X.shape[1]:
        return counts.astype(np.int64)
    rule = (
        f"whole numbers above 0 whose sum is {n_rows}, the rows of X"
        if axes == 2
        else f"{n_rows} whole numbers from 1 to {X.shape[1]}, one for each recording of X"
        if axes == 3
        else "left out with a list of recordings, which have lengths of their own"
    )
    but = f", but is {lengths!r}" if axes in (2, 3) else ""
    raise ArgumentError(f"lengths must be {rule}{but}.", setting="lengths")


def _rows_by_recording(table: Any) -> dict[Any, NDArray[np.int64]] | None:
    """Return the rows of each recording of a long table; None of a table that does not say."""
    columns = list(getattr(table, "columns", ()))
    levels = list(getattr(getattr(table, "index", None), "names", ()))
    if RECORDING in columns:
        named = np.asarray(table[RECORDING])
    elif RECORDING in levels:
        named = np.asarray(table.index.get_level_values(RECORDING))
    elif len(levels) > 1:
        raise ArgumentError(
            f"X has an index of the levels {levels}, of which none says which recording a row is "
            'of: call that level "recording", or give a list with a table for each recording.',
            setting="X",
        )
    else:
        return None
    rows: dict[Any, list[int]] = {}
    for row, label in enumerate(named.tolist()):
        if label is None or (label == label) is not True:
            raise ArgumentError(f"X must name the recording of each row, but row {row} has none.")
        rows.setdefault(label, []).append(row)
    return {name: np.array(one) for name, one in rows.items()}


def read_recordings(
    X: Any, width: int | None = None, names: Names | None = None, lengths: Any = None
) -> GivenRecordings:
    """Check every recording of ``X``, in turn, and return them; lazily where ``X`` is lazy.

    ``width`` is the number of columns that all must have, that of the first unless given. Columns
    with names must have the ``names``, those of the first unless ``width`` is given.
    """
    recordings, fits = GivenRecordings(X, lengths), width is None
    shapes = []
    if len(recordings) == 0:
        raise ArgumentError("X must hold at least one recording, but is empty.", setting="X")
    for index in range(len(recordings)):
        name = recordings.name(index)
        array, own = _checked(name, recordings, index)
        if fits and index == 0:
            names = own
        if names is not None and own is not None:
            _require_same_names(name, own, names)
        if width is not None and array.shape[1] != width:
            raise ArgumentError(
                f"All recordings must have the same columns, but {name} has {array.shape[1]}, "
                f"not {width}.",
                setting=name,
            )
        width = array.shape[1]
        shapes.append((array.shape[0], array.shape[1]))
    hint = transposed_hint(shapes, "[one.T for one in X]")
    if fits and len(shapes) > 1 and hint is not None:
        logger.warning("X: %s.", hint)
    return recordings


def _require_same_names(name: str, own: Names, names: Names) -> None:
    if own.tolist() == names.tolist():
        return
    pairs = list(zip_longest(own.tolist(), names.tolist()))
    place = next(index for index, (one, other) in enumerate(pairs) if one != other)
    told, expected = ("missing" if one is None else repr(one) for one in pairs[place])
    cure = ""
    if sorted(own) == sorted(names):
        cure = ": the order is another, give X[segmenter.feature_names_in_]"
    raise ArgumentError(
        "The feature names should match those that were passed during fit, but column "
        f"{place} of {name} is {told}, not {expected}{cure}.",
        setting=name,
    )


def _checked(
    name: str, recordings: GivenRecordings, index: int
) -> tuple[NDArray[Any], Names | None]:
    rule = f"{name} must be a (frames, columns) array of numbers"
    try:
        array, own = recordings.open(index)
    except ValueError as error:
        text = f"{rule}, but cannot be made one: {error}"
        raise ArgumentError(text, setting=name) from error
    if array.ndim != 2 or array.dtype.kind not in "fiub" or 0 in array.shape:
        text = f"{rule}, but has the shape {array.shape} and the type {array.dtype}."
        raise ArgumentError(text, setting=name)
    if array.dtype.kind == "f" and not float(np.abs(array).max()) <= LARGEST:
        sizes = np.abs(array).astype(np.float64)
        frame, column = np.argwhere(~(sizes <= LARGEST))[0].tolist()
        raise ArgumentError(
            f"{name} must be finite in float32, but frame {frame}, column {column} is "
            f"{'NaN' if np.isnan(array[frame, column]) else array[frame, column]}.",
            setting=name,
        )
    return array, own


def read_known(
    y: Any, recordings: GivenRecordings, n_actions: int | None
) -> list[NDArray[np.int64]] | None:
    """Check the known labels (N_i,) of recordings; None where no frame is known, or all are."""
    if y is None:
        return None
    given = recordings.split(y, "y")
    if len(given) != len(recordings):
        raise ArgumentError(
            f"y must have labels for each of {len(recordings)} recordings, but has them for "
            f"{len(given)}: give recordings that nobody looked at -1 in every frame.",
            setting="y",
        )
    known = []
    for index, one in enumerate(given):
        name = "y" if recordings.one else f"y[{index}]"
        labels, n_frames = np.asarray(one), len(recordings[index])
        whole = labels.dtype.kind in "iu"
        if labels.dtype.kind == "f":  # as in tables that once lacked values
            whole = bool((labels == np.round(labels)).all())
        if labels.shape != (n_frames,) or not whole:
            raise ArgumentError(
                f"{name} must have a whole number for each of {n_frames} frames, -1 where the "
                f"action is unknown, but has the shape {labels.shape} and the type "
                f"{labels.dtype}.",
                setting=name,
            )
        known.append(labels.astype(np.int64))
    joined = np.concatenate(known)
    low, high = int(joined.min()), int(joined.max())
    if low >= 0 or high < 0:
        return None
    if low < -1 or (n_actions is not None and high >= n_actions):
        numbers = "0 or more" if n_actions is None else f"from 0 to {n_actions - 1}"
        raise ArgumentError(
            f"y must hold actions, {numbers}, or -1 where they are unknown, but holds "
            f"{low if low < -1 else high}.",
            setting="y",
        )
    return known


def read_weights(
    sample_weight: Any, recordings: GivenRecordings
) -> list[NDArray[np.float32]] | None:
    """Check weights, a number a recording or a frame: (N_i,) arrays whose mean is 1.

    None where all frames weigh the same.
    """
    if sample_weight is None:
        return None
    counts, name = [len(one) for one in recordings], "sample_weight"
    if isinstance(sample_weight, Mapping):
        sample_weight = recordings.split(sample_weight, name)
    if hasattr(sample_weight, "__array__"):
        sample_weight = np.asarray(sample_weight)
    rule = f"{name} must have weights for each of {len(counts)} recordings"
    if not recordings.one and not hasattr(sample_weight, "__len__"):
        raise ArgumentError(f"{rule}, but is {sample_weight!r}.", setting=name)
    # A number a recording, or what has the form of labels.
    each = not recordings.one and all(np.ndim(one) == 0 for one in sample_weight)
    each = each and len(sample_weight) == len(counts)
    given = list(sample_weight) if each else recordings.split(sample_weight, name)
    if len(given) != len(counts):
        raise ArgumentError(f"{rule}, but has them for {len(given)}.", setting=name)
    weights = []
    for index, (one, n_frames) in enumerate(zip(given, counts, strict=True)):
        own = np.asarray(one)
        fits = own.shape in ((), (n_frames,)) and own.dtype.kind in "fiub"
        fits = fits and bool((np.isfinite(own) & (own >= 0)).all())
        if not fits:
            place = name if recordings.one else f"{name}[{index}]"
            raise ArgumentError(
                f"{place} must be a finite number of at least 0, or one for each of {n_frames} "
                f"frames, but has the shape {own.shape} and begins with {own.ravel()[:3]}.",
                setting=name,
            )
        weights.append(np.broadcast_to(own.astype(np.float64), n_frames))
    joined = np.concatenate(weights)
    if not joined.any():
        text = f"{name} must be above zero somewhere, but is 0 in every frame."
        raise ArgumentError(text, setting=name)
    if (joined == joined[0]).all():
        return None
    return [(one / joined.mean()).astype(np.float32) for one in weights]
