"""Curves made small enough for a page: even bins over time, eight bits a value."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST_BINS = 4000  # of a curve, or of all few signals of a recording
FEW_SIGNALS = 12  # shown at first
MOST_SIGNALS = 48
_FEWER_BINS = 1500
_SNIPPET_SIGNALS = 4
_SNIPPET_BINS = 240
_LEVELS = 254
_GAP = 255  # where there is no value


def even_bins(edges: NDArray[np.float64], most: int = MOST_BINS) -> NDArray[np.int64]:
    """Share out frames over bins of equal duration.

    Parameters
    ----------
    edges : (N + 1,) float array
        Frame ``i`` lasts from ``edges[i]`` to ``edges[i + 1]``.
    most : int
        The largest number of bins.

    Returns
    -------
    (M,) int64 array
        For each bin the frame at its start, never falling. One bin a frame where that is few
        enough and frames are evenly spaced; else a frame may have many bins or a bin many frames.

    Examples
    --------
    >>> even_bins(np.arange(9.0), most=4).tolist()
    [0, 2, 4, 6]
    >>> even_bins(np.array([0.0, 1.0, 4.0])).tolist()[:6]
    [0, 0, 1, 1, 1, 1]
    """
    n_frames = len(edges) - 1
    spacing = np.diff(edges)
    even = np.ptp(spacing) <= 1e-3 * spacing.mean()
    bins = min(most, n_frames if even else 4 * n_frames)
    # A little after the start of the bin, so that rounding picks no frame that has just ended.
    moments = edges[0] + (np.arange(bins) + 1e-3) * (edges[-1] - edges[0]) / bins
    return np.clip(np.searchsorted(edges, moments, side="right") - 1, 0, n_frames - 1)


def bin_means(values: ArrayLike, bins: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of the values (N,) in each bin of :func:`even_bins`.

    Examples
    --------
    >>> bin_means([0.0, 1.0, 2.0, 4.0], np.array([0, 2])).tolist()
    [0.5, 3.0]
    """
    array = np.asarray(values, dtype=np.float64)
    counts = np.maximum(np.diff(np.append(bins, len(array))), 1)
    return np.add.reduceat(array, bins) / counts


def packed(values: ArrayLike, low: float, high: float) -> str:
    """Round values between ``low`` and ``high`` to 255 levels, in base 64; 255 is a gap.

    Examples
    --------
    >>> list(base64.b64decode(packed([0.0, 0.5, 1.0, np.nan], 0.0, 1.0)))
    [0, 127, 254, 255]
    """
    array = np.asarray(values, dtype=np.float64)
    scaled = (array - low) / (high - low) if high > low else np.full_like(array, 0.5)
    levels = np.where(
        np.isfinite(array), np.clip(np.nan_to_num(np.rint(scaled * _LEVELS)), 0, _LEVELS), _GAP
    )
    return base64.b64encode(levels.astype(np.uint8).tobytes()).decode("ascii")


def packed_signal(
    name: str, values: ArrayLike, bins: NDArray[np.int64], scale: ArrayLike | None = None
) -> dict[str, Any]:
    """Pack one signal (N,): its range, and its smallest and largest value in each bin.

    The range is that of the values, or of ``scale`` where it is given.

    Examples
    --------
    >>> signal = packed_signal("x", [0.0, 4.0, 2.0, 2.0], np.array([0, 2]))
    >>> signal["low"], signal["high"], list(base64.b64decode(signal["largest"]))
    (0.0, 4.0, [254, 127])
    """
    array = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(array)
    ranged = array if scale is None else np.asarray(scale, dtype=np.float64)
    ranged = ranged[np.isfinite(ranged)]
    low, high = (float(ranged.min()), float(ranged.max())) if ranged.size else (0.0, 0.0)
    smallest = np.minimum.reduceat(np.where(finite, array, np.inf), bins)
    largest = np.maximum.reduceat(np.where(finite, array, -np.inf), bins)
    result = {"name": name, "low": low, "high": high, "largest": packed(largest, low, high)}
    if len(bins) < len(array):
        result["smallest"] = packed(smallest, low, high)
    return result


def liveliest(signals: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """Columns of signals (N, C) with the largest variance, at most ``most``, in their own order.

    Examples
    --------
    >>> liveliest(np.array([[0.0, 0.0, 5.0], [9.0, 0.0, 9.0]], dtype=np.float32), most=2).tolist()
    [0, 2]
    """
    finite = np.where(np.isfinite(signals), signals, 0.0)
    variances = finite.var(axis=0, dtype=np.float64)
    return np.sort(np.argsort(-variances, kind="stable")[:most])


def packed_signals(
    signals: NDArray[np.float32], names: Sequence[str], edges: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Pack the liveliest signals of a recording (N, C), saying which are shown at first.

    Examples
    --------
    >>> signals = np.array([[0.0, 1.0], [2.0, 1.0]], dtype=np.float32)
    >>> [(s["name"], s["shown"]) for s in packed_signals(signals, (), np.arange(3.0))]
    [('signal 0', True), ('signal 1', True)]
    """
    columns = liveliest(signals, MOST_SIGNALS)
    shown = set(liveliest(signals, FEW_SIGNALS).tolist())
    bins = even_bins(edges, MOST_BINS if len(columns) <= FEW_SIGNALS else _FEWER_BINS)
    return [
        {**packed_signal(_name(names, c), signals[:, c], bins), "shown": c in shown}
        for c in columns.tolist()
    ]


def snippet(
    signals: NDArray[np.float32], names: Sequence[str], edges: NDArray[np.float64], window: slice
) -> list[dict[str, Any]]:
    """Pack a stretch of the few signals that are the liveliest over the whole recording.

    Each is on the scale of the whole recording, so that what is calm looks calm.

    Examples
    --------
    >>> signals = np.arange(8, dtype=np.float32).reshape(4, 2)
    >>> [s["low"] for s in snippet(signals, ("x", "y"), np.arange(5.0), slice(1, 3))]
    [0.0, 1.0]
    """
    bins = even_bins(edges[window.start : window.stop + 1], _SNIPPET_BINS)
    return [
        packed_signal(_name(names, c), signals[window, c], bins, scale=signals[:, c])
        for c in liveliest(signals, _SNIPPET_SIGNALS).tolist()
    ]


def _name(names: Sequence[str], column: int) -> str:
    return names[column] if names else f"signal {column}"
