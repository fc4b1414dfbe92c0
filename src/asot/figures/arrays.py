"""What the figures accept: lists, NumPy arrays and torch tensors, checked once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError
from asot.timeline.segments import UNLABELLED


def as_array(value: Any, name: str) -> NDArray:
    """Turn a list, an array or a tensor on any device into an array of numbers.

    Parameters
    ----------
    value : array-like or torch.Tensor
        Numbers of any shape.
    name : str
        The argument's name, for the error's sentence.

    Returns
    -------
    ndarray
        The same numbers; tensors of real numbers as float64.

    Raises
    ------
    ArgumentError
        If the values are no real numbers or the rows differ in length.

    Examples
    --------
    >>> as_array([[1, 2], [3, 4]], "matrix").shape
    (2, 2)
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if value.is_floating_point():
            # NumPy has no bfloat16.
            value = value.double()
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{name} must be an array of numbers: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ArgumentError(
            f"{name} must hold numbers, but its values have the type {array.dtype}; "
            "give class names as whole numbers and a list of names."
        )
    return array


def as_matrix(value: Any, name: str, axes: str) -> NDArray[np.float64]:
    """Check a finite matrix with at least one row and one column.

    Parameters
    ----------
    value : array-like or torch.Tensor
        The matrix.
    name, axes : str
        Names of the argument and of its axes, as in ``"(N, K)"``, for the error's sentence.

    Returns
    -------
    ndarray (N, K), float64

    Raises
    ------
    ArgumentError
        If it has another number of axes, no values, or a value that is not finite.

    Examples
    --------
    >>> as_matrix([[0, 1]], "cost", "(N, K)")
    array([[0., 1.]])
    """
    array = as_array(value, name)
    if array.ndim != 2 or array.size == 0:
        raise ArgumentError(
            f"{name} must have two axes {axes} with at least one entry each, "
            f"but its shape is {array.shape}."
        )
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        row, column = np.argwhere(~np.isfinite(array))[0]
        raise ArgumentError(
            f"{name} must be finite, but the value at {axes} = ({row}, {column}) "
            f"is {array[row, column]}."
        )
    return array


def as_labels(value: Any, name: str, n_frames: int | None = None) -> NDArray[np.int64]:
    """Check a sequence of labels.

    Parameters
    ----------
    value : array-like of int or torch.Tensor (N,)
        A label for each frame, -1 for none.
    name : str
        The argument's name, for the error's sentence.
    n_frames : int, optional
        The length that it must have.

    Returns
    -------
    ndarray (N,), int64

    Raises
    ------
    ArgumentError
        If it is empty, not one-dimensional, of another length, or holds anything but whole
        numbers from -1 on.

    Examples
    --------
    >>> as_labels([0, 0, -1], "ground_truth", n_frames=3)
    array([ 0,  0, -1])
    """
    array = as_array(value, name)
    if array.ndim != 1 or array.size == 0:
        raise ArgumentError(
            f"{name} must have one axis (N,) with at least one frame, "
            f"but its shape is {array.shape}."
        )
    if n_frames is not None and len(array) != n_frames:
        raise ArgumentError(
            f"{name} must have one label for each of the {n_frames} frames, "
            f"but it has {len(array)}."
        )
    if array.dtype.kind not in "iu" or array.min() < UNLABELLED:
        smallest = "" if array.dtype.kind not in "iu" else f" and the smallest is {array.min()}"
        raise ArgumentError(
            f"{name} must hold whole numbers from -1 (no label) on, "
            f"but its values have the type {array.dtype}{smallest}."
        )
    return array.astype(np.int64)


def check_frame_rate(frame_rate: float | None) -> None:
    """Refuse a frame rate that is given but is not a finite positive number of frames a second.

    Examples
    --------
    >>> check_frame_rate(29.97)
    """
    if frame_rate is not None and not (frame_rate > 0 and math.isfinite(frame_rate)):
        raise ArgumentError(
            f"frame_rate must be a positive number of frames per second, but it is {frame_rate}."
        )
