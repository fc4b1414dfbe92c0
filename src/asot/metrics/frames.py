"""Scores that count frames: mean over frames, mean IoU and macro F1.

All take the frames of :func:`asot.metrics.match`, pooled over their recordings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asot.metrics.paired import Frames


def mof(frames: Frames) -> float:
    """Mean over frames: the fraction of frames whose matched label is right.

    Parameters
    ----------
    frames : Frames
        Matched frames (N,), N >= 1.

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> from asot.metrics import match
    >>> mof(match([[0, 0, 1, 1]], [["a", "a", "a", "b"]]).frames)
    0.75
    """
    return float(np.mean(frames.predicted == frames.truth))


def miou(frames: Frames) -> float:
    """Mean intersection over union of the frames of each ground-truth class.

    Parameters
    ----------
    frames : Frames
        Matched frames (N,), N >= 1.

    Returns
    -------
    float
        Mean over the classes that occur in the ground truth, in [0, 1]; a class without a match
        counts 0.

    Examples
    --------
    >>> from asot.metrics import match
    >>> round(miou(match([[0, 0, 1, 1]], [["a", "a", "a", "b"]]).frames), 3)
    0.583
    """
    right, predicted, true = _class_counts(frames)
    return float(np.mean(right / (predicted + true - right)))


def f1_macro(frames: Frames) -> float:
    """Mean of the frame-wise F1 of each ground-truth class.

    Parameters
    ----------
    frames : Frames
        Matched frames (N,), N >= 1.

    Returns
    -------
    float
        Mean over the classes that occur in the ground truth, in [0, 1]; a class without a match
        counts 0.

    Examples
    --------
    >>> from asot.metrics import match
    >>> round(f1_macro(match([[0, 0, 1, 1]], [["a", "a", "a", "b"]]).frames), 3)
    0.733
    """
    right, predicted, true = _class_counts(frames)
    return float(np.mean(2 * right / (predicted + true)))


def _class_counts(
    frames: Frames,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Count, for each class in the ground truth (C,), its right, predicted and true frames."""
    size = int(max(frames.predicted.max(), frames.truth.max())) + 1
    true = np.bincount(frames.truth, minlength=size)
    predicted = np.bincount(frames.predicted, minlength=size)
    right = np.bincount(frames.truth[frames.predicted == frames.truth], minlength=size)
    present = true > 0
    return right[present], predicted[present], true[present]
