"""Features of raw signals: what a window around each moment holds.

One sample of a signal says little of what is being done; a window of a repetition or so tells the
posture (its mean), the vigour (its deviation) and the rhythm (its energy in octaves).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError

_BLOCK = 1 << 22  # samples of all windows together that are held at once


def sliding_windows(values: NDArray[Any], window: int, hop: int) -> NDArray[Any]:
    """Cut samples into windows, one for each whole hop, its middle in the middle of the hop.

    Windows that reach beyond the ends see the first or last sample repeated. Samples after the
    last whole hop have no window of their own.

    Parameters
    ----------
    values : (S, ...) array
        Samples, evenly spaced.
    window, hop : int
        Lengths in samples, ``1 <= hop <= window``.

    Returns
    -------
    (N, ..., window) array
        A read-only view, ``N = S // hop``.

    Raises
    ------
    ArgumentError
        If the lengths break their rule.

    Examples
    --------
    >>> sliding_windows(np.arange(6), window=4, hop=2).tolist()
    [[0, 0, 1, 2], [1, 2, 3, 4], [3, 4, 5, 5]]
    """
    if not 1 <= hop <= window:
        raise ArgumentError(
            f"hop and window must be 1 <= hop <= window, but they are {hop} and {window}."
        )
    count = len(values) // hop
    if count == 0:
        return np.empty((0, *values.shape[1:], window), dtype=values.dtype)
    before = (window - hop) // 2
    padding = [(before, window - hop - before)] + [(0, 0)] * (values.ndim - 1)
    padded = np.pad(values, padding, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, window, axis=0)[::hop][:count]


def window_features(
    signal: NDArray[np.float64],
    window: int,
    hop: int,
    octaves: int,
    floor: float | NDArray[np.float64],
) -> NDArray[np.float32]:
    """Describe the windows of a signal by their mean, deviation and energy in octaves.

    Octave ``i`` gathers ``2**i`` to ``2**(i + 1) - 1`` cycles a window. Its feature is the
    logarithm of ``floor`` plus the energy: the sum of squared Fourier coefficients, windowed by
    Hann's function, over the window's length.

    Parameters
    ----------
    signal : (S, C) float64 array
        Samples of C channels, evenly spaced.
    window, hop : int
        Lengths in samples; see :func:`sliding_windows`.
    octaves : int
        How many, with ``2**octaves <= window // 2 + 1``; may be 0.
    floor : float or (C,) array
        An energy that counts as rest; above 0. Keeps the logarithm finite.

    Returns
    -------
    (N, (2 + octaves) C) float32 array
        All means, then all deviations, then the octaves from low to high.

    Raises
    ------
    ArgumentError
        If the window is too short for its octaves, or the lengths break their rule.

    Examples
    --------
    >>> seconds = np.arange(500) / 50
    >>> signal = 3 + np.sin(2 * np.pi * 2 * seconds)[:, None]
    >>> features = window_features(signal, window=128, hop=10, octaves=4, floor=1e-4)
    >>> features.shape
    (50, 6)
    >>> [round(float(value), 1) for value in features[25, :2]]
    [3.0, 0.7]
    >>> int(features[25, 2:].argmax())  # 2 Hz are about five cycles in 2.56 s
    2
    """
    if 2**octaves > window // 2 + 1:
        raise ArgumentError(
            f"a window of {window} samples is too short for {octaves} octaves: it must hold at "
            f"least {2 ** (octaves + 1) - 2} samples."
        )
    windows = sliding_windows(signal, window, hop)
    taper = np.hanning(window)
    step = max(1, _BLOCK // (window * max(1, signal.shape[1])))
    blocks = []
    for first in range(0, len(windows), step):
        block = windows[first : first + step]  # (N', C, window)
        mean = block.mean(axis=-1)
        centred = block - mean[..., None]
        energy = np.abs(np.fft.rfft(centred * taper, axis=-1)) ** 2 / window
        bands = [energy[..., 2**i : 2 ** (i + 1)].sum(axis=-1) for i in range(octaves)]
        logs = [np.log(band + floor) for band in bands]
        blocks.append(np.concatenate([mean, block.std(axis=-1), *logs], axis=1).astype(np.float32))
    if not blocks:
        return np.empty((0, (2 + octaves) * signal.shape[1]), dtype=np.float32)
    return np.concatenate(blocks)
