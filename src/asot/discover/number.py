"""The time scale, the number of actions and their order, found from the recordings alone.

**Time scale.** Recordings are labelled at a ladder of scales. A scale that is too fine follows
noise: its segments change with the next scale, or are as short as the window allows. A scale that
is too coarse smooths actions away. Between them lie scales whose labels agree with those of the
neighbouring scales and whose segments are some radii long; the coarsest of these is taken.

**Number of actions.** For each number, recordings are labelled from several starts. Up to about
the true number all starts find the same actions; beyond it, the start decides which action is
split. Among few segments even needless splits are repeated, but then segments lie no closer to
their own action than to others. The number is the geometric mean, rounded up, of the largest that
is repeated and the largest whose segments are compact: an action too many is merged with a click,
and may stay empty.

**Order.** Recordings share an order if their features over time are more alike than when the sign
of each wave (cosine) in each recording is drawn at random. Where nothing is shared, either sign is
as likely, whatever the durations and the transitions. One wave tells nothing: a long action lies
over the middle more often than over the ends in any order. If recordings move along their common
trend within segments too, they drift: then slow trends do not count either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from asot.discover.prototypes import (
    BINS,
    Frames,
    PlainEvidence,
    derived_seed,
    learn_prototypes,
    unit_rows,
    window_mean,
)
from asot.discover.radius import searched
from asot.progress import Progress, silent
from asot.timeline.segments import run_lengths

MOST_RECORDINGS = 30  # that the time scale, the number and the background are searched in
MOST_FRAMES = 20_000  # of a recording
MOST_COLUMNS = 64
COLUMN_FRAMES = 8_000  # from which the main directions are computed
COMPARED = 8_000  # frames of two labellings

RADIUS_STARTS = 2
NEAR = 2.6  # scales within this factor are neighbours
SHORTEST, LONGEST = 2.8, 6.0  # mean segment, in radii, of a scale that segments fit
TOLERANCE = 0.9  # of the agreement at the peak, for a coarser scale to be taken
PEAK = 0.75  # of the best agreement, for a peak to count

MOST_ACTIONS = 24
NUMBER_STARTS = 3
SAME = 0.95  # adjusted mutual information of labellings that are taken for the same
COMPACT = 0.75  # of the best silhouette

DRAWS = 1_000
ORDER_RECORDINGS = 100
SHARED = 0.1  # largest p of an order, or of a drift, that recordings are taken to share
FINE = 3 * BINS  # parts of a recording in which movement within segments is measured
PIECES = 6  # segments of a recording between which a drift may not jump
MIDDLE, SLOW = [2], [1, 2]  # degrees of trends: long actions; a drift, too


@dataclass(frozen=True)
class NumberEvidence(PlainEvidence):
    """Evidence for a number of actions."""

    chosen: int
    reason: str  # which of the next two is lower: "stability" or "silhouette"
    stable: int  # the largest number that all starts repeat
    compact: int  # the largest number whose segments are compact
    numbers: list[int]  # that were tried
    stability: list[float]  # adjusted mutual information of the labels from several starts
    silhouette: list[float]  # mean over segments, by the cosine between their mean features
    used: list[float]  # effective number: the exponential of the entropy of the shares of frames


def find_n_actions(
    recordings: Frames,
    radius: int,
    *,
    most: int = MOST_ACTIONS,
    seed: int = 0,
    progress: Progress = silent,
) -> NumberEvidence:
    """Find the number of actions, 2 to ``most``, from prepared features (N_i, D).

    Fewer numbers are tried where there is no room for so many segments of two radii.

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
    numbers = list(range(2, max(2, min(most, total // (2 * radius))) + 1))
    smooth = [unit_rows(window_mean(one, radius)) for one in kept]
    stability, silhouettes, used = [], [], []
    for done, number in enumerate(numbers, start=1):
        runs = [_labels(kept, number, radius, seed, start) for start in range(NUMBER_STARTS)]
        pairs = combinations([_thinned(run, total) for run in runs], 2)
        stability.append(float(np.mean([adjusted_mutual_info_score(*pair) for pair in pairs])))
        means, labels = _segment_means(smooth, runs[0])
        several = 1 < len(np.unique(labels)) < len(labels)
        silhouettes.append(float(silhouette_score(means, labels)) if several else 0.0)
        shares = np.bincount(np.concatenate(runs[0]), minlength=number) / total
        shares = shares[shares > 0]
        used.append(float(np.exp(-(shares * np.log(shares)).sum())))
        progress("Counting the actions", done, len(numbers))
    stable, compact = choose_numbers(numbers, stability, silhouettes)
    reason = "stability" if stable <= compact else "silhouette"
    chosen = ceil(sqrt(stable * compact))
    return NumberEvidence(chosen, reason, stable, compact, numbers, stability, silhouettes, used)


def choose_numbers(
    numbers: Sequence[int], stability: Sequence[float], silhouettes: Sequence[float]
) -> tuple[int, int]:
    """Choose the largest number that starts repeat, and the largest whose segments are compact.

    At a single number the starts may split different actions by chance, so that the search ends
    only at two unstable numbers in a row, after a repeated number.
    """
    repeated = np.array(stability) >= SAME
    first = int(np.argmax(repeated)) if repeated.any() else int(np.argmax(stability))
    # Below the true number, which actions to join may depend on the start, too.
    unstable = ~np.append(repeated, False)
    pairs = np.flatnonzero(unstable[first:-1] & unstable[first + 1 :]) + first
    end = int(pairs[0]) if len(pairs) else len(numbers)
    stable = numbers[max([first, *np.flatnonzero(repeated[:end]).tolist()])]
    loose = np.flatnonzero(np.array(silhouettes) < COMPACT * max(silhouettes))
    after_best = loose[loose > int(np.argmax(silhouettes))]
    compact = numbers[int(after_best[0]) - 1] if len(after_best) else numbers[-1]
    return stable, compact


def _labels(
    recordings: Frames, n_actions: int, radius: int, seed: int, start: int, restarts: int = 10
) -> list[NDArray[np.int64]]:
    """Label each recording by the prototypes of one start."""
    own = derived_seed(seed, start)
    found = learn_prototypes(recordings, n_actions, radius, seed=own, restarts=restarts)
    return [found.labels(one) for one in recordings]


def _thinned(labels: Sequence[NDArray[np.int64]], total: int) -> NDArray[np.int64]:
    """Join labels of recordings, thinned evenly to the frames that are compared."""
    return np.concatenate(labels)[:: max(1, total // COMPARED)]


def _segment_means(
    smooth: Sequence[NDArray[np.float64]], labels: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the mean features (S, D) and the labels (S,) of all segments."""
    means, values = [], []
    for rows, own in zip(smooth, labels, strict=True):
        for start, end, value in zip(*run_lengths(own), strict=True):
            means.append(rows[start:end].mean(axis=0))
            values.append(int(value))
    return np.array(means), np.array(values)
