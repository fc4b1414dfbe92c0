"""Label sequences of many recordings: checked, coded, laid end to end, and matched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError
from asot.timeline.segments import UNLABELLED

Label = int | str


@dataclass(frozen=True)
class Frames:
    """The evaluated frames of some recordings, from which every score is computed.

    Consecutive frames of one prediction and one class are held together, as one of P pieces, so
    that memory grows with the segments alone. Frames whose ground truth is excluded are left out;
    ``breaks`` marks the holes. The length is the number of frames, N.

    Parameters
    ----------
    length : ndarray (P,), int64
        Frames of each piece.
    predicted : ndarray (P,), int64
        Coded prediction of each piece. Before matching: index of the cluster, -1 for unassigned.
        After matching: index of the ground-truth class, or a number beyond all classes that is
        the unmatched cluster's own.
    truth : ndarray (P,), int64
        Index of each piece's ground-truth class.
    recording : ndarray (P,), int64
        Index of the piece's recording, rising.
    position : ndarray (P,), int64
        Place of the piece's first frame in its whole recording, excluded frames counted.
    breaks : ndarray (P,), bool
        True where the frame before the piece is of another recording or was excluded: no segment
        reaches across.
    n_recordings : int
        Number of recordings, those that lost all frames included.
    outside : ndarray (P,), bool, optional
        True where nobody looked at more than half of the predicted segment that the piece is of.
    """

    length: NDArray[np.int64]
    predicted: NDArray[np.int64]
    truth: NDArray[np.int64]
    recording: NDArray[np.int64]
    position: NDArray[np.int64]
    breaks: NDArray[np.bool_]
    n_recordings: int
    outside: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return int(self.length.sum())

    def lengths(self, starts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Count the frames from each of some rising pieces up to the next, or the end: (S,)."""
        return np.add.reduceat(self.length, starts)

    def select(self, recordings: Sequence[int]) -> Frames:
        """Keep the frames of the recordings with these indices (rising)."""
        low = np.searchsorted(self.recording, recordings, side="left")
        high = np.searchsorted(self.recording, recordings, side="right")
        kept = np.concatenate([np.arange(a, b) for a, b in zip(low, high, strict=True)])
        return Frames(
            length=self.length[kept],
            predicted=self.predicted[kept],
            truth=self.truth[kept],
            recording=self.recording[kept],
            position=self.position[kept],
            breaks=self.breaks[kept],
            n_recordings=len(recordings),
            outside=None if self.outside is None else self.outside[kept],
        )

    def settled(self) -> Frames:
        """Return the frames for scores of segments, without rests of unseen segments.

        A wrong segment that nobody looked at more than half of is the rest of one that may be
        right where it mostly lies, as where a boundary is a little off: it becomes part of the
        predicted segment before it, or else of the one behind it, if it has such a neighbour.
        """
        if self.outside is None or not self.outside.any():
            return self
        first = self.breaks.copy()
        first[1:] |= self.predicted[1:] != self.predicted[:-1]
        starts, own = np.flatnonzero(first), np.cumsum(first) - 1
        right = np.bincount(own, self.predicted == self.truth) > 0
        labels, alone = self.predicted[starts], np.append(self.breaks[starts], True)
        for i in np.flatnonzero(self.outside[starts] & ~right).tolist():
            if not alone[i]:
                labels[i] = labels[i - 1]
            elif not alone[i + 1]:
                labels[i] = labels[i + 1]
        return replace(self, predicted=labels[own])


@dataclass(frozen=True)
class Paired:
    """Coded predictions and ground truth, with the names behind the codes.

    Parameters
    ----------
    frames : Frames
        The frames, not yet matched.
    clusters : tuple of int or str (K,)
        Predicted labels, in order of their first frame.
    classes : tuple of int or str (C,)
        Ground-truth labels, sorted, without those that are excluded.
    """

    frames: Frames
    clusters: tuple[Label, ...]
    classes: tuple[Label, ...]

    def select(self, recordings: Sequence[int]) -> Paired:
        """Keep the recordings with these rising indices, as if there were no others."""
        return _compact(self.frames.select(recordings), self.clusters, self.classes)


def pair(
    predictions: Sequence[Any],
    ground_truth: Sequence[Any],
    exclude: Label | Iterable[Label] | None = None,
    unseen: Label | None = None,
) -> Paired:
    """Check two lists of label sequences and lay them side by side.

    Parameters
    ----------
    predictions, ground_truth : sequence of label sequences
        One sequence of N_i labels for each recording: a list, NumPy array or torch tensor of
        integers or strings. The number -1 in a prediction means "unassigned".
    exclude : int, str or iterable of these, optional
        Ground-truth labels whose frames are dropped.
    unseen : int or str, optional
        Ground-truth label of frames that nobody looked at, which are dropped as well.

    Returns
    -------
    Paired

    Raises
    ------
    ArgumentError
        If there is no recording or no frame, lengths differ, or labels are neither integers
        nor strings. The sentence gives the index of the recording.

    Examples
    --------
    >>> paired = pair([[7, 7, 3]], [["stir", "stir", "pour"]])
    >>> paired.clusters, paired.classes
    ((7, 3), ('pour', 'stir'))
    >>> paired.frames.predicted.tolist(), paired.frames.truth.tolist()
    ([0, 1], [1, 0])
    >>> paired.frames.length.tolist()
    [2, 1]
    """
    if len(predictions) != len(ground_truth):
        raise ArgumentError(
            f"predictions and ground_truth must have one sequence for each recording, but there "
            f"are {len(predictions)} predictions and {len(ground_truth)} ground truths."
        )
    if len(predictions) == 0:
        raise ArgumentError("predictions must hold at least one recording, but they are empty.")
    return pair_recordings(zip(predictions, ground_truth, strict=True), exclude, unseen)


def pair_recordings(
    recordings: Iterable[tuple[Any, Any]],
    exclude: Label | Iterable[Label] | None = None,
    unseen: Label | None = None,
) -> Paired:
    """Lay predictions and ground truth side by side, a recording at a time; see :func:`pair`."""
    pieces: list[tuple[NDArray, ...]] = []
    kinds: dict[str, str] = {}
    for index, sides in enumerate(recordings):
        named = zip(("predictions", "ground_truth"), sides, strict=True)
        predicted, truth = (_sequence(one, side, index, kinds) for side, one in named)
        if len(predicted) != len(truth):
            raise ArgumentError(
                f"predictions and ground_truth must have the same length, but in recording "
                f"{index} they have {len(predicted)} and {len(truth)} frames."
            )
        changes = (predicted[1:] != predicted[:-1]) | (truth[1:] != truth[:-1])
        starts = np.flatnonzero(np.append(True, changes))
        lengths = np.diff(np.append(starts, len(truth)))
        pieces.append((predicted[starts], truth[starts], lengths, starts))
    n_pieces = np.array([len(starts) for *_, starts in pieces])
    recording = np.repeat(np.arange(len(pieces)), n_pieces)
    predicted, truth, length, position = map(np.concatenate, zip(*pieces, strict=True))
    firsts = np.cumsum(n_pieces) - n_pieces
    cluster, clusters = _code(predicted, by_appearance=True)
    if UNLABELLED in clusters:
        cluster[cluster == clusters.index(UNLABELLED)] = -1
    label, classes = _code(truth, by_appearance=False)
    excluded = _excluded(exclude, classes)
    unlooked = _excluded(unseen, classes)
    hidden = np.isin(label, [c for c, name in enumerate(classes) if name in unlooked])
    kept = ~hidden & ~np.isin(label, [c for c, name in enumerate(classes) if name in excluded])
    if not kept.any():
        raise ArgumentError(
            f"exclude must leave some frames, but {sorted(excluded, key=str)} are the only "
            f"ground-truth labels{' that somebody gave' if hidden.any() else ''}."
        )
    follows_hole = np.append(True, ~kept[:-1])
    follows_hole[firsts] = True
    first = np.append(True, cluster[1:] != cluster[:-1])
    first[firsts] = True
    segment = np.cumsum(first) - 1
    outside = (2 * np.bincount(segment, hidden * length) > np.bincount(segment, length))[segment]
    frames = Frames(
        length=length[kept],
        predicted=cluster[kept],
        truth=label[kept],
        recording=recording[kept],
        position=position[kept],
        breaks=follows_hole[kept],
        n_recordings=len(pieces),
        outside=outside[kept],
    )
    return _compact(frames, clusters, classes)


def _compact(frames: Frames, clusters: Sequence[Label], classes: Sequence[Label]) -> Paired:
    """Number the clusters and classes that occur anew, without gaps."""
    predicted, used = _code(frames.predicted, by_appearance=True)
    if -1 in used:
        unassigned = used.index(-1)
        used.remove(-1)
        predicted = np.where(predicted == unassigned, -1, predicted - (predicted > unassigned))
    truth, present = _code(frames.truth, by_appearance=False)
    return Paired(
        frames=replace(frames, predicted=predicted, truth=truth),
        clusters=tuple(clusters[c] for c in used),
        classes=tuple(classes[c] for c in present),
    )


def _sequence(sequence: Any, argument: str, index: int, kinds: dict[str, str]) -> NDArray:
    """Turn a label sequence into an array (N,) of integers or of strings.

    The ``kinds`` tell which of them the ``argument`` had in recording 0.
    """
    if hasattr(sequence, "detach"):
        sequence = sequence.detach().cpu().numpy()
    array = np.asarray(sequence)
    if array.dtype.kind == "O" and all(isinstance(label, str) for label in array.flat):
        array = array.astype(str)
    if array.ndim != 1:
        raise ArgumentError(
            f"{argument} must hold one sequence of labels (N,) for each recording, but "
            f"recording {index} has shape {array.shape}; put a single recording in a list."
        )
    if len(array) == 0:
        raise ArgumentError(
            f"{argument} must have at least one frame in each recording, but recording "
            f"{index} is empty."
        )
    if array.dtype.kind not in "iubU":
        raise ArgumentError(
            f"{argument} must hold integers or strings, but recording {index} has labels "
            f"of type {array.dtype}."
        )
    kind = "strings" if array.dtype.kind == "U" else "integers"
    if kinds.setdefault(argument, kind) != kind:
        raise ArgumentError(
            f"{argument} must be all integers or all strings, but recording 0 and recording "
            f"{index} differ in this."
        )
    return array if kind == "strings" else array.astype(np.int64)


def _code(labels: NDArray, by_appearance: bool) -> tuple[NDArray[np.int64], list[Any]]:
    """Number the labels (P,): codes (P,) and the labels behind them, sorted or as they appear."""
    names, first, code = np.unique(labels, return_index=True, return_inverse=True)
    if by_appearance:
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        names, code = names[order], rank[code]
    return code.reshape(-1), names.tolist()


def _excluded(exclude: Label | Iterable[Label] | None, classes: list[Label]) -> set[Label]:
    """Return the labels to exclude as a set of the same type as ``classes``."""
    if exclude is None:
        return set()
    if isinstance(exclude, str) or not isinstance(exclude, Iterable):
        exclude = [exclude]
    labels = np.asarray(list(exclude)).tolist()
    for label in labels:
        if isinstance(label, str) != isinstance(classes[0], str):
            raise ArgumentError(
                f"exclude must hold labels of the same type as ground_truth, but {label!r} is "
                f"{'a string' if isinstance(label, str) else 'no string'}."
            )
    return set(labels)


@dataclass(frozen=True)
class Matched:
    """Predictions in the terms of the ground truth.

    Parameters
    ----------
    frames : Frames
        Frames for the scores. A prediction equals the ground truth's code exactly where it is
        right.
    matching : dict of predicted label to ground-truth label
        The matching; unmatched clusters are not in it.
    """

    frames: Frames
    matching: dict[Label, Label]


def contingency(frames: Frames, n_clusters: int, n_classes: int) -> NDArray[np.int64]:
    """Count the frames that each cluster shares with each class.

    Parameters
    ----------
    frames : Frames
        Frames before matching; unassigned frames (-1) are not counted.
    n_clusters, n_classes : int
        Shape of the result.

    Returns
    -------
    ndarray (K, C), int64
        Frames in cluster k whose ground truth is class c.

    Examples
    --------
    >>> paired = pair([[0, 0, 1, -1]], [["a", "b", "b", "b"]])
    >>> contingency(paired.frames, n_clusters=2, n_classes=2).tolist()
    [[1, 1], [0, 1]]
    """
    assigned = frames.predicted >= 0
    cells = frames.predicted[assigned] * n_classes + frames.truth[assigned]
    counts = np.bincount(cells, frames.length[assigned], minlength=n_clusters * n_classes)
    return counts.astype(np.int64).reshape(n_clusters, n_classes)


def hungarian(table: ArrayLike) -> NDArray[np.int64]:
    """Match rows to columns one to one so that the matched cells have the largest sum.

    Among several best matchings the choice depends on the contents of the table alone, not on the
    order of its rows. A row and a column that share nothing are not matched.

    Parameters
    ----------
    table : array-like (K, C)
        Shared frames, >= 0.

    Returns
    -------
    ndarray (K,), int64
        Column of each row, -1 for a row without a match.

    Raises
    ------
    ArgumentError
        If ``table`` has another number of axes than two.

    Examples
    --------
    >>> hungarian([[5, 4], [4, 0], [0, 0]]).tolist()
    [1, 0, -1]
    """
    # scipy.optimize takes a while to import.
    from scipy.optimize import linear_sum_assignment

    table = np.asarray(table)
    if table.ndim != 2:
        raise ArgumentError(f"table must have two axes (K, C), but its shape is {table.shape}.")
    result = np.full(len(table), -1, dtype=np.int64)
    if table.size == 0:
        return result
    order = np.lexsort(table.T[::-1])
    rows, columns = linear_sum_assignment(table[order], maximize=True)
    result[order[rows]] = columns
    result[(result >= 0) & (table[np.arange(len(table)), result] == 0)] = -1
    return result


def match_paired(paired: Paired, by_name: bool = False) -> Matched:
    """Match the clusters of paired sequences by shared frames, or by name; see :func:`match`."""
    if not by_name:
        table = contingency(paired.frames, len(paired.clusters), len(paired.classes))
        return _rename(paired, hungarian(table))
    kinds = [
        "names" if isinstance(labels[0], str) else "numbers"
        for labels in (paired.clusters, paired.classes)
        if labels
    ]
    if len(set(kinds)) > 1:
        raise ArgumentError(
            f"predictions must have the names of the ground truth to be matched by name, but they "
            f"hold {kinds[0]} and the ground truth {kinds[1]}: give both as names, or both as "
            f"numbers."
        )
    place = {name: index for index, name in enumerate(paired.classes)}
    return _rename(paired, np.array([place.get(name, -1) for name in paired.clusters], dtype=int))


def match(
    predictions: Sequence[Any],
    ground_truth: Sequence[Any],
    exclude: Label | Iterable[Label] | None = None,
    by: str = "frames",
) -> Matched:
    """Match predicted labels to ground-truth labels, over all recordings at once.

    Parameters
    ----------
    predictions, ground_truth : sequence of label sequences
        One sequence of integers or strings for each recording; -1 in a prediction is unassigned.
    exclude : int, str or iterable of these, optional
        Ground-truth labels whose frames are dropped before matching.
    by : {"frames", "name"}
        "frames" finds the one-to-one matching with most agreeing frames. "name" is for
        predictions that already use the names, or the numbers, of the ground truth: a label is
        its namesake, and a label that the ground truth lacks is never right.

    Returns
    -------
    Matched
        Its ``frames`` go into any score of :mod:`asot.metrics`.

    Raises
    ------
    ArgumentError
        If the sequences do not fit each other, ``by`` is unknown, or it is "name" where one side
        has names and the other numbers.

    Examples
    --------
    >>> matched = match([[7, 7, 3], [3, 5]], [["stir", "stir", "pour"], ["pour", "pour"]])
    >>> matched.matching
    {7: 'stir', 3: 'pour'}
    >>> match([["pour"]], [["stir"]], by="name").matching
    {}
    """
    if by not in ("frames", "name"):
        raise ArgumentError(f"by must be 'frames' or 'name', but it is {by!r}.")
    return match_paired(pair(predictions, ground_truth, exclude), by_name=by == "name")


def _rename(paired: Paired, column: NDArray[np.int64]) -> Matched:
    """Put classes in the place of clusters, given the class of each cluster or -1, (K,)."""
    n_clusters, n_classes = len(paired.clusters), len(paired.classes)
    # An unmatched cluster keeps a code of its own beyond the classes; unassigned is the last.
    alone = n_classes + np.arange(n_clusters + 1)
    codes = np.where(np.append(column, -1) >= 0, np.append(column, -1), alone)
    return Matched(
        frames=replace(paired.frames, predicted=codes[paired.frames.predicted]),
        matching={
            name: paired.classes[c]
            for name, c in zip(paired.clusters, column.tolist(), strict=True)
            if c >= 0
        },
    )
