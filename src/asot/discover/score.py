"""A score of a whole segmentation that needs no labels: how much shorter it describes the frames.

Each action has a normal distribution, whose frames it describes, and each segment costs what it
takes to say where it begins and which action it holds::

    J = -1 / (2 tau) sum_k n_k log |S_k| - M log(N / M (K - 1))

for N frames, n_k of them of action k with covariance S_k, in M segments of K actions. Frames that
follow each other tell nearly the same, so that tau of them count as one: the sum of the absolute
autocorrelation of the frames around the means of their actions. A segmentation that follows noise
pays for its segments, one that is too coarse describes the frames badly.

For tau, the means are those of an action in each recording: as an action may look a little
different in each, its frames would otherwise seem to be alike for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import log

import numpy as np
from numpy.typing import NDArray

from asot.discover.prototypes import Frames, spread_frames
from asot.timeline.segments import run_lengths

DIRECTIONS = 32
FEW_DIRECTIONS = 8  # for actions of different numbers: in more, each further one fits more noise
DIRECTION_FRAMES = 8_000  # from which the main directions are computed
FADED = 0.1  # autocorrelation that counts as none, where it stays below up to twice the lag
ROUNDING = 1e-6  # of the variance: what is left is not a signal
RIDGE = 1e-3  # of the mean variance, added to each covariance
FARTHEST = 7.0  # deviations of a column within a recording: what lies beyond is drawn in


def count_segments(labels: Sequence[NDArray[np.int64]]) -> int:
    """Count the segments of the recordings with these labels."""
    return sum(len(run_lengths(one)[0]) for one in labels)


def drawn_in(recordings: Frames) -> list[NDArray[np.float32]]:
    """Let no value lie farther from its column's mean in a recording than seven deviations.

    The deviation is that of the recording in which the column varies most.

    A few bursts would otherwise be worth segments of their own, whatever else there is: the finest
    scale would always describe heavy tails best.

    Examples
    --------
    >>> burst = np.zeros((100, 1), np.float32)
    >>> burst[7] = 100.0
    >>> round(float(drawn_in([burst])[0].max()))
    71
    """
    # In float64: squares of float32 may leave its range.
    reach = FARTHEST * np.max([one.std(axis=0, dtype=np.float64) for one in recordings], axis=0)
    means = [one.mean(axis=0, dtype=np.float64) for one in recordings]
    pairs = zip(recordings, means, strict=True)
    return [np.clip(one, mean - reach, mean + reach).astype(np.float32) for one, mean in pairs]


def main_directions(recordings: Frames, most: int = DIRECTIONS) -> list[NDArray[np.float32]]:
    """Project recordings on their ``most`` main directions from the origin.

    Distances and cosines hardly change, and a search is as many times faster as there are fewer
    columns. Recordings of ``most`` columns or fewer are returned as they are.
    """
    if recordings[0].shape[1] <= most:
        return list(recordings)
    each = max(1, DIRECTION_FRAMES // len(recordings))
    seen = np.concatenate([one[spread_frames(len(one), each)] for one in recordings])
    axes = np.linalg.eigh(seen.T @ seen)[1][:, ::-1][:, :most]
    return [one @ axes for one in recordings]


class SegmentationScore:
    """The score of segmentations of some recordings, from prepared features (N_i, D).

    Parameters
    ----------
    recordings : sequence of (N_i, D) arrays
        Standardised features.
    likely : sequence of segmentations
        Some that are about right, each a list of (N_i,) labels: they tell how far frames around
        the means of their actions are correlated.
    directions : int
        The main directions in which frames are described.

    Attributes
    ----------
    correlated : float
        tau, the frames that tell as much as a single independent one.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> corpus = make_recordings(4, 3, random_state=0)
    >>> score = SegmentationScore(corpus.features, [corpus.ground_truth])
    >>> every_other = [np.arange(len(one)) % 2 for one in corpus.features]
    >>> score.gain(corpus.ground_truth, 3) > 0 > score.gain(every_other, 3)
    True
    """

    def __init__(
        self,
        recordings: Frames,
        likely: Sequence[Sequence[NDArray[np.int64]]] = (),
        directions: int = DIRECTIONS,
    ) -> None:
        self._lengths = [len(one) for one in recordings]
        rows = np.concatenate(main_directions(recordings, directions)).astype(np.float64)
        self._rows = rows - rows.mean(axis=0)
        self._variance = max(float((self._rows**2).mean()), np.finfo(float).tiny)
        taus = [self._correlated(np.concatenate(one)) for one in likely]
        self.correlated = float(np.median(taus)) if taus else 1.0
        self._alone = self._score([np.zeros(one, dtype=np.int64) for one in self._lengths], 1)

    def gain(self, labels: Sequence[NDArray[np.int64]], n_actions: int) -> float:
        """Return by how many nats labels (N_i,) of K actions describe the frames better than none.

        None is a single action. The higher, the better; at most about 0 for noise.
        """
        return self._score(labels, n_actions) - self._alone

    def alike(self, labels: Sequence[NDArray[np.int64]], n_actions: int) -> list[tuple[int, int]]:
        """List the pairs of actions that are better described as one, the likeliest first."""
        whole = self.gain(labels, n_actions)
        gained = {}
        used = np.unique(np.concatenate(labels)).tolist()
        for a, b in combinations(used, 2) if len(used) > 2 else ():
            joined = [np.where(one == b, a, one) for one in labels]
            gained[a, b] = self.gain(joined, n_actions - 1) - whole
        better = [pair for pair, one in gained.items() if one > 0]
        return sorted(better, key=lambda pair: -gained[pair])

    def _score(self, labels: Sequence[NDArray[np.int64]], n_actions: int) -> float:
        n_segments = count_segments(labels)
        number, columns = self._rows.shape
        residuals, members = self._residuals(np.concatenate(labels))
        pooled = residuals.T @ residuals / number
        weight = columns * self.correlated  # frames that the pooled covariance counts as
        ridge = RIDGE * self._variance * np.eye(columns)
        volume = 0.0
        for rows in members:
            covariance = (rows.T @ rows + weight * pooled) / (len(rows) + weight) + ridge
            volume += len(rows) * float(np.linalg.slogdet(covariance)[1])
        choices = max(number / n_segments * max(n_actions - 1, 1), 2.0)
        return -volume / (2 * self.correlated) - n_segments * log(choices)

    def _residuals(
        self, labels: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
        """Return the frames around the means of their actions, and those of each action."""
        order = np.argsort(labels, kind="stable")
        rows = self._rows[order]
        members = np.split(rows, np.flatnonzero(np.diff(labels[order])) + 1)
        for own in members:
            own -= own.mean(axis=0)
        residuals = np.empty_like(rows)
        residuals[order] = rows
        return residuals, members

    def _correlated(self, labels: NDArray[np.int64]) -> float:
        """Sum the absolute autocorrelation around the means of actions, up to where it fades."""
        recording = np.repeat(np.arange(len(self._lengths)), self._lengths)
        rho = np.abs(self._autocorrelation(labels * len(self._lengths) + recording))
        lags = range(1, max(2, len(rho) // 2))
        faded = next((m for m in lags if rho[m : 2 * m + 1].max(initial=0) < FADED), lags[-1])
        return float(1 + 2 * rho[1:faded].sum())

    def _autocorrelation(self, groups: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the autocorrelation of frames around the means of groups, by lag; or zeros."""
        from scipy.fft import irfft, next_fast_len, rfft

        longest = max(self._lengths)
        size = next_fast_len(2 * longest, real=True)
        total = np.zeros(longest)
        residuals = self._residuals(groups)[0]
        for end, length in zip(np.cumsum(self._lengths), self._lengths, strict=True):
            power = (np.abs(rfft(residuals[end - length : end], size, axis=0)) ** 2).sum(axis=1)
            total[:length] += irfft(power, size)[:length]
        if total[0] <= ROUNDING * self._variance * self._rows.size:
            return np.zeros(longest)
        return total / total[0]
