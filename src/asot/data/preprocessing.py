"""Feature preprocessing, one recording at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError


def standardise(features: ArrayLike) -> NDArray[np.float32]:
    """Bring each column to zero mean and unit deviation over the recording, then divide by sqrt(D).

    Frames that are all zero mean "no feature here" in the Breakfast files: they count neither in
    the mean nor in the deviation, and stay zero. Columns that never change become zero.

    Parameters
    ----------
    features : (N, D) array-like
        One row a frame; finite.

    Returns
    -------
    (N, D) float32 array
        Frames that are not all zero have a mean squared norm of one (less, where columns never
        change).

    Raises
    ------
    ArgumentError
        If the array is not two-dimensional, holds no column, or is not finite.

    References
    ----------
    The preprocessing of the Breakfast recipe of Xu and Gould, CVPR 2024.

    Examples
    --------
    >>> standardise([[1, 5, 0, 5], [0, 0, 0, 0], [3, 5, 0, 5]]).tolist()
    [[-0.5, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.5, 0.0, 0.0, 0.0]]
    """
    array = np.asarray(features)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ArgumentError(
            f"features must be two-dimensional, (frames, columns), got shape {array.shape}."
        )
    if not np.isfinite(array).all():
        frame, column = np.argwhere(~np.isfinite(array))[0]
        raise ArgumentError(
            f"features must be finite, got {array[frame, column]} in frame {frame}, "
            f"column {column}."
        )
    result = np.zeros(array.shape, dtype=np.float32)
    present = array.any(axis=1)
    if not present.any():
        return result
    # float64: the mean of a long recording in float32 is wrong in the fourth digit.
    values = array[present].astype(np.float64)
    lowest, highest = values.min(axis=0), values.max(axis=0)
    # Scaled first, so that the squares of neither tiny nor huge values leave the range of floats.
    largest = np.maximum(-lowest, highest)
    values /= np.where(largest > 0, largest, 1)
    varies = lowest != highest
    if not varies.all():
        values = values[:, varies]
    values -= values.mean(axis=0)
    length = np.sqrt(np.einsum("ij,ij->j", values, values) / len(values))
    values /= length * np.sqrt(array.shape[1])
    if present.all() and varies.all():
        return values.astype(np.float32)
    result[np.ix_(present, varies)] = values
    return result
