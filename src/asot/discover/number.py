"""How many actions there are: as many as other starts find again, and lie apart.

For each number in a range, the recordings are segmented from several starts. Up to about the number
of actions that are there, the starts find the same ones; beyond, which action is split depends on
the start. Where there are few segments even needless splits are found again, but then segments no
longer lie closer to their own action than to others. The number is the geometric mean of the
largest that is found again and the largest whose segments are compact, rounded up: one too many is
merged with a click, and may stay empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.discover.prototypes import Frames, derived_seed, learn_prototypes
from asot.discover.radius import COMPARED, searched
from asot.discover.windows import unit_rows, window_mean
from asot.progress import Progress, silent
from asot.timeline.segments import run_lengths

MOST = 24
STARTS = 3
SAME = 0.95  # adjusted mutual information of labellings that are taken for the same
COMPACT = 0.75  # of the best silhouette


@dataclass(frozen=True)
class NumberEvidence:
    """Why a number of actions was chosen.

    Attributes
    ----------
    chosen : int
        K.
    reason : {"stability", "silhouette"}
        Which of the two is lower.
    stable, compact : int
        The largest number that starts find again, and whose segments are compact.
    numbers : list of int
        The numbers that were tried.
    stability : list of float
        Adjusted mutual information between the labellings from several starts; 1 is the same.
    silhouette : list of float
        Mean silhouette of segments, by the cosine between their mean features, in [-1, 1].
    used : list of float
        Actions that get frames: the exponential of the entropy of their shares.
    """

    chosen: int
    reason: str
    stable: int
    compact: int
    numbers: list[int]
    stability: list[float]
    silhouette: list[float]
    used: list[float]

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers."""
        return asdict(self)


def find_n_actions(
    recordings: Frames,
    radius: int,
    *,
    most: int = MOST,
    seed: int = 0,
    progress: Progress = silent,
) -> NumberEvidence:
    """Find the number of actions.

    Parameters
    ----------
    recordings : sequence of (N_i, D) float32 arrays
        Prepared features; of more than 30, as many evenly chosen ones are looked at.
    radius : int
        Half-width of the temporal band, frames.
    most : int
        The largest number to try; fewer where there is no room for so many segments.
    seed : int
        Of the starts.
    progress : callable, optional
        Told how many numbers are done, of how many.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> features = make_recordings(12, 4, order="varied", random_state=0).features
    >>> abs(find_n_actions(features, radius=15, most=8).chosen - 4) <= 2
    True
    """
    from sklearn.metrics import adjusted_mutual_info_score, silhouette_score

    kept = searched(recordings)
    total = sum(len(one) for one in kept)
    room = max(2, min(most, total // (2 * radius)))
    numbers = list(range(2, room + 1))
    smooth = [unit_rows(window_mean(one, radius)) for one in kept]
    stability, silhouettes, used = [], [], []
    for done, number in enumerate(numbers, start=1):
        runs = []
        for start in range(STARTS):
            found = learn_prototypes(kept, number, radius, seed=derived_seed(seed, start))
            runs.append([found.labels(one) for one in kept])
        thin = [np.concatenate(run)[:: max(1, total // COMPARED)] for run in runs]
        pairs = combinations(thin, 2)
        stability.append(float(np.mean([adjusted_mutual_info_score(*pair) for pair in pairs])))
        means, labels = _segment_means(smooth, runs[0])
        several = 1 < len(np.unique(labels)) < len(labels)
        silhouettes.append(float(silhouette_score(means, labels)) if several else 0.0)
        shares = np.bincount(np.concatenate(runs[0]), minlength=number) / total
        shares = shares[shares > 0]
        used.append(float(np.exp(-(shares * np.log(shares)).sum())))
        progress("Counting the actions", done, len(numbers))
    stable, compact = choose_numbers(numbers, stability, silhouettes)
    return NumberEvidence(
        chosen=ceil(sqrt(stable * compact)),
        reason="stability" if stable <= compact else "silhouette",
        stable=stable,
        compact=compact,
        numbers=numbers,
        stability=stability,
        silhouette=silhouettes,
        used=used,
    )


def choose_numbers(
    numbers: Sequence[int], stability: Sequence[float], silhouettes: Sequence[float]
) -> tuple[int, int]:
    """The largest number that starts find again, and the largest whose segments are compact.

    At a single number starts may differ about which action to split: two in a row must be unstable,
    after one that is found again.

    Examples
    --------
    >>> choose_numbers([2, 3, 4, 5, 6, 7], [1, 0.9, 1, 0.8, 0.7, 0.7], [0.5, 0.6, 0.6, 0.6, 0.4, 0])
    (4, 5)
    """
    found_again = np.array(stability) >= SAME
    first = int(np.argmax(found_again)) if found_again.any() else int(np.argmax(stability))
    # Below the number that is there, which actions to join may depend on the start, too.
    unstable = ~np.append(found_again, False)
    pairs = np.flatnonzero(unstable[first:-1] & unstable[first + 1 :]) + first
    end = int(pairs[0]) if len(pairs) else len(numbers)
    stable = numbers[max([first, *np.flatnonzero(found_again[:end]).tolist()])]
    loose = np.flatnonzero(np.array(silhouettes) < COMPACT * max(silhouettes))
    after_best = loose[loose > int(np.argmax(silhouettes))]
    compact = numbers[int(after_best[0]) - 1] if len(after_best) else numbers[-1]
    return stable, compact


def _segment_means(
    smooth: Sequence[NDArray[np.float64]], labels: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    means, values = [], []
    for rows, own in zip(smooth, labels, strict=True):
        for start, end, value in zip(*run_lengths(own), strict=True):
            means.append(rows[start:end].mean(axis=0))
            values.append(int(value))
    return np.array(means), np.array(values)
