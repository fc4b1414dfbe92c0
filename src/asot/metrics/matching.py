"""Matching: clusters have no names, and each is given a ground-truth class of its own.

The matching maximises the number of agreeing frames (Kuhn 1955, "The Hungarian method for the
assignment problem"), as usual in unsupervised action segmentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError
from asot.metrics.paired import Frames, Label, Paired, pair


@dataclass(frozen=True)
class Matched:
    """Predictions in the terms of the ground truth.

    Parameters
    ----------
    frames : Frames
        What the scores take. A prediction equals the ground truth's code exactly where it is
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
        Frames before matching; unassigned ones (-1) are not counted.
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
    return np.bincount(cells, minlength=n_clusters * n_classes).reshape(n_clusters, n_classes)


def hungarian(table: ArrayLike) -> NDArray[np.int64]:
    """Match rows to columns one to one so that the matched cells have the largest sum.

    Of several best matchings it takes one that depends on the contents of the table alone, not
    on the order of its rows. A pair that shares nothing is no match.

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


def match_paired(paired: Paired) -> Matched:
    """Match the clusters of paired sequences by shared frames; see :func:`match`."""
    table = contingency(paired.frames, len(paired.clusters), len(paired.classes))
    return _rename(paired, hungarian(table))


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
        predictions that already use the names of the ground truth.

    Returns
    -------
    Matched
        Its ``frames`` go into any score of :mod:`asot.metrics`.

    Raises
    ------
    ArgumentError
        If the sequences do not fit each other or ``by`` is unknown.

    Examples
    --------
    >>> matched = match([[7, 7, 3], [3, 5]], [["stir", "stir", "pour"], ["pour", "pour"]])
    >>> matched.matching
    {7: 'stir', 3: 'pour'}
    >>> match([["pour"]], [["stir"]], by="name").matching
    {}
    """
    paired = pair(predictions, ground_truth, exclude)
    if by == "frames":
        return match_paired(paired)
    if by != "name":
        raise ArgumentError(f"by must be 'frames' or 'name', but it is {by!r}.")
    place = {name: index for index, name in enumerate(paired.classes)}
    return _rename(paired, np.array([place.get(name, -1) for name in paired.clusters], dtype=int))


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
