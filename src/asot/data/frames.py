"""The frames of one recording: drawn for a batch, standardised, and made of a signal's windows."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError, require_integer

Real = TypeVar("Real", bound=np.floating[Any])
BLOCK = 2**22  # numbers that are held at once
LEAP = 8.0  # deviations of a column, by which a spike leaps from both its neighbours


def stratified_frames(n_frames: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw a frame from each of ``count`` equal strata of N frames, as for a training batch.

    Stratum i holds the frames ``i * N // count`` up to, not including, ``(i + 1) * N // count``.
    Every frame can be drawn, and no frame twice. The result is (M,) int64 and rises, with
    ``M = min(N, count)``: a recording of fewer frames gives all of them, for the caller to pad.

    Parameters
    ----------
    n_frames : int
        The recording's length in frames, N, at least 1.
    count : int
        Frames to draw, at least 1.
    rng : numpy.random.Generator
        The source of the draws.

    Raises
    ------
    ArgumentError
        If a number is below 1 or not an integer.

    Examples
    --------
    >>> stratified_frames(1000, 4, np.random.default_rng(0)).tolist()
    [212, 409, 627, 817]
    """
    if _all_fit(n_frames, count):
        return np.arange(n_frames, dtype=np.int64)
    edges = np.arange(count + 1, dtype=np.int64) * n_frames // count
    return rng.integers(edges[:-1], edges[1:], dtype=np.int64)


def even_frames(n_frames: int, count: int) -> NDArray[np.int64]:
    """Choose ``count`` evenly spaced frames, with the first and the last, as for validation.

    The result is (M,) int64 and rises, with ``M = min(N, count)``: a recording of fewer frames
    gives all of them.

    Parameters
    ----------
    n_frames : int
        The recording's length in frames, N, at least 1.
    count : int
        Frames to choose, at least 1; a single one is the middle frame.

    Raises
    ------
    ArgumentError
        If a number is below 1 or not an integer.

    Examples
    --------
    >>> even_frames(1000, 4).tolist()
    [0, 333, 666, 999]
    """
    if _all_fit(n_frames, count):
        return np.arange(n_frames, dtype=np.int64)
    if count == 1:
        return np.array([(n_frames - 1) // 2], dtype=np.int64)
    steps = np.arange(count, dtype=np.int64)
    return (steps * (n_frames - 1) + (count - 1) // 2) // (count - 1)


def _all_fit(n_frames: int, count: int) -> bool:
    require_integer("n_frames", n_frames, at_least=1)
    require_integer("count", count, at_least=1)
    return n_frames <= count


def standardise(features: ArrayLike) -> NDArray[np.float32]:
    """Bring each column to zero mean and unit deviation over the recording, then divide by sqrt(D).

    Frames that are all zero mean "no feature here" in the Breakfast files: they count neither in
    the mean nor in the deviation, and stay zero. Columns that never change become zero.

    Parameters
    ----------
    features : (N, D) array-like
        One row a frame; real and finite.

    Returns
    -------
    (N, D) float32 array
        Frames that are not all zero have a mean squared norm of one (less, where columns never
        change).

    Raises
    ------
    ArgumentError
        If the array has no column or another number of axes than two, or is not finite.

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
        but = f"but has shape {array.shape}"
        raise ArgumentError(f"features must be (frames, columns), {but}.", setting="features")
    result = np.zeros(array.shape, dtype=np.float32)
    # Few enough frames at once that a recording of hours fits into memory.
    step = max(1, BLOCK // array.shape[1])
    blocks = [slice(i, i + step) for i in range(0, len(array), step)]
    present = np.zeros(len(array), dtype=bool)
    lowest = np.full(array.shape[1], np.inf)
    highest = -lowest
    for rows in blocks:
        part = np.asarray(array[rows])
        if not np.isfinite(part).all():
            frame, column = np.argwhere(~np.isfinite(part))[0]
            but = f"but is {part[frame, column]} in frame {rows.start + frame}, column {column}"
            raise ArgumentError(f"features must be finite, {but}.", setting="features")
        present[rows] = part.any(axis=1)
        if present[rows].any():
            lowest = np.minimum(lowest, part[present[rows]].min(axis=0))
            highest = np.maximum(highest, part[present[rows]].max(axis=0))
    if not present.any():
        return result
    varies = lowest != highest
    # Scaled first, so that the squares of neither tiny nor huge values leave the range of floats.
    largest = np.maximum(-lowest, highest)
    scale = np.where(largest > 0, largest, 1)
    all_present, all_vary = bool(present.all()), bool(varies.all())

    # In a recording of a single block, the next pass reuses the result.
    @lru_cache(maxsize=1)
    def scaled(start: int) -> NDArray[np.float64]:
        rows = slice(start, start + step)
        # float64: the mean of a long recording in float32 is wrong in the fourth digit.
        part = np.asarray(array[rows])
        values = part.astype(np.float64) if all_present else part[present[rows]].astype(np.float64)
        values /= scale
        return values if all_vary else values[:, varies]

    @lru_cache(maxsize=1)
    def centred(start: int) -> NDArray[np.float64]:
        return scaled(start) - mean

    count = int(present.sum())
    mean = sum(scaled(rows.start).sum(axis=0) for rows in blocks) / count
    squares = np.zeros(int(varies.sum()))
    for rows in blocks:
        values = centred(rows.start)
        squares += np.einsum("ij,ij->j", values, values)
    length = np.sqrt(squares / count) * np.sqrt(array.shape[1])
    for rows in blocks:
        values = centred(rows.start) / length
        if all_present and all_vary:
            result[rows] = values
        else:
            result[np.ix_(np.flatnonzero(present[rows]) + rows.start, varies)] = values
    return result


def without_spikes(rows: NDArray[Real], *, zeros_stay: bool = True) -> NDArray[Real]:
    """Give values that leap from both their neighbours in time that of the nearer one.

    A spike lies more than eight deviations beyond what comes before and after it, as where a sensor
    or a tracker fails for a single frame. The deviation is that of the column after a median of
    three, which no spike widens. Columns that mostly stay as they are from frame to frame are left,
    as single frames may be events there.

    Parameters
    ----------
    rows : (N, D) array of floats
        Features, or signals; where they are NaN, they stay.
    zeros_stay : bool
        Whether frames that are all zero have no features, as where they are standardised.

    Returns
    -------
    (N, D) array of the same dtype
        ``rows`` itself where nothing leaps.

    Examples
    --------
    >>> rows = np.sin(np.arange(100, dtype=np.float32))[:, None]
    >>> rows[40] = 30.0
    >>> round(float(without_spikes(rows)[40, 0]), 2), round(float(np.sin(39)), 2)
    (0.96, 0.96)
    """
    count, width = rows.shape
    last = count - 1  # which has but one neighbour, as the first
    step = max(1, BLOCK // width)
    blocks = np.split(np.arange(count), range(step, count, step))

    def medians(at: NDArray[np.int64]) -> tuple[NDArray[Real], ...]:
        """Return some frames, those before them, and the medians of each with its neighbours."""
        before, own, after = (rows[last - abs(last - abs(at + away))] for away in (-1, 0, 1))
        return own, before, np.clip(own, np.minimum(before, after), np.maximum(before, after))

    total, squares, moves = np.zeros((3, width))
    for at in blocks:
        own, before, usual = medians(at)
        total += usual.sum(axis=0, dtype=np.float64)
        squares += np.einsum("ij,ij->j", usual, usual, dtype=np.float64)
        moves += (own != before).sum(axis=0)
    deviation = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0.0))
    reach = np.where(moves > count / 2, LEAP * deviation, np.inf)
    result = rows
    for at in blocks:
        own, _, usual = medians(at)
        leaps = np.abs(own - usual) > reach
        if zeros_stay:
            leaps &= own.any(axis=1, keepdims=True)
        if leaps.any():
            result = rows.copy() if result is rows else result
            result[at] = np.where(leaps, usual, own)
    return result


def sliding_windows(values: NDArray[Any], window: int, hop: int) -> NDArray[Any]:
    """Cut (S, ...) samples into windows of ``window``, a read-only view (S // hop, ..., window).

    There is a window for each whole hop, its middle in the middle of the hop. Windows that reach
    beyond the ends see the first or last sample repeated.
    """
    if not 1 <= hop <= window:
        message = f"hop and window must be 1 <= hop <= window, but are {hop} and {window}."
        raise ArgumentError(message, setting="hop")
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
    """Describe the windows of a signal (S, C) by their mean, deviation and energy in octaves.

    A window tells the posture (its mean), the vigour (its deviation) and the rhythm. Octave ``i``
    gathers ``2**i`` to ``2**(i + 1) - 1`` cycles a window; its feature is the logarithm of
    ``floor``, an energy that counts as rest, plus the energy: the sum of squared Fourier
    coefficients, windowed by Hann's function, over the window's length. The columns of the result
    are all means, then all deviations, then the octaves from low to high.

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
        rule = f"at least {2 ** (octaves + 1) - 2} samples for {octaves} octaves"
        raise ArgumentError(f"window must be {rule}, but is {window}.", setting="window")
    windows = sliding_windows(signal, window, hop)
    taper = np.hanning(window)
    step = max(1, BLOCK // (window * max(1, signal.shape[1])))
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
