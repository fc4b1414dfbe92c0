"""Statistics of the frames around each frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST_COLUMNS = 64
FRAMES = 8_000  # that the main directions are found from


def window_mean(features: ArrayLike, half: int) -> NDArray[np.float64]:
    """The mean over the ``2 half + 1`` frames around each frame; the first and last are repeated.

    Parameters
    ----------
    features : (N, D) array-like
        One row a frame.
    half : int
        Half-width in frames, at least 0.

    Returns
    -------
    (N, D) float64 array

    Examples
    --------
    >>> window_mean([[0.0], [3.0], [6.0]], 1).tolist()
    [[1.0], [3.0], [5.0]]
    """
    array = np.asarray(features, dtype=np.float64)
    if half == 0:
        return array
    from scipy.ndimage import uniform_filter1d

    mean: NDArray[np.float64] = uniform_filter1d(array, 2 * half + 1, axis=0, mode="nearest")
    return mean


def unit_rows(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of length one; rows of zeros stay."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    rows: NDArray[np.float64] = features / np.maximum(lengths, 1e-9)
    return rows


def places(n_frames: int) -> NDArray[np.float64]:
    """Where in its recording each frame lies, (N,), in (0, 1)."""
    return (np.arange(n_frames) + 0.5) / n_frames


def principal(
    recordings: Sequence[NDArray[np.float32]], most: int = MOST_COLUMNS
) -> list[NDArray[np.float32]]:
    """Recordings turned to their main directions, of which the first ``most`` are kept.

    Directions from the origin are kept as well as may be, so that cosines hardly change; a search
    over many settings is as many times faster as there are fewer columns.

    Parameters
    ----------
    recordings : sequence of (N_i, D) float32 arrays
        Prepared features.
    most : int
        Columns; recordings that have no more are returned as they are.

    Examples
    --------
    >>> wide = np.ones((5, 300), dtype=np.float32)
    >>> principal([wide])[0].shape
    (5, 64)
    """
    if recordings[0].shape[1] <= most:
        return list(recordings)
    each = max(1, FRAMES // len(recordings))
    seen = np.concatenate(
        [one[np.linspace(0, len(one) - 1, min(len(one), each)).astype(int)] for one in recordings]
    )
    axes = np.linalg.eigh(seen.T @ seen)[1][:, ::-1][:, :most]
    return [one @ axes for one in recordings]
