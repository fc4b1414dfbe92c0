"""The number of actions, found from the recordings alone.

For each number recordings are segmented by prototypes on four views. Up to about the true number,
views find the same actions in different recordings, and each further one describes the frames
better; beyond it, the view decides which action is split. Three quarters of the score are the
agreement between views, a quarter the gain in describing the frames, as a share of the largest.
Of several recordings, the number is drawn to that of the kinds of segments that come again in
others, so strongly that the rest decides between neighbours only. It is drawn a little towards
seven, too, as recordings that people annotate mostly have four to twelve actions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from asot.discover.kinds import count_kinds
from asot.discover.prototypes import (
    Frames,
    PlainEvidence,
    derived_seed,
    evenly,
    quiet_kmeans,
)
from asot.discover.radius import (
    FINENESS,
    MOST_RECORDINGS,
    ScaledViews,
    searched,
    smoothed,
    thinned,
)
from asot.discover.score import FEW_DIRECTIONS, SegmentationScore, count_segments
from asot.progress import Progress, silent
from asot.workers import in_order

NUMBERS = (*range(2, 13), 14, 16, 19, 22, 26)
USUAL, NEAR = 12, 10  # more than USUAL are tried only where the best so far is NEAR or more
MOST_FRAMES = 12_000
TYPICAL, PULL = 7, 0.2
AGREED = 0.75  # of the score; the rest is the gain
TIE = 0.02  # of the score
MIDDLE = 8  # actions at which the correlation of frames is measured
FINE = 12  # actions of the segments whose kinds are counted
KINDS_PULL, RARE = 3.2, 1.05  # to the kinds, and how many times as many as their entropy tells


@dataclass(frozen=True)
class NumberEvidence(PlainEvidence):
    """Evidence for a number of actions."""

    chosen: int
    ties: list[int]  # numbers whose score is as good, but for 0.02
    numbers: list[int]  # that were tried
    score: list[float]
    agreement: list[float]  # mean of the labels on two views, see ``agreement_across``
    gain: list[float]  # in describing the frames, mean of the views, as a share of the largest
    kinds: float | None = None  # of segments that come again; None for a single recording
    radius: int | None = None  # the time scale at which they were counted, frames


def find_n_actions(
    recordings: Frames,
    radius: int,
    *,
    embed: Callable[[Frames, int, int], Frames] | None = None,
    most: int = NUMBERS[-1],
    seed: int = 0,
    progress: Progress = silent,
) -> NumberEvidence:
    """Find the number of actions, 2 to ``most``, from prepared features (N_i, D).

    The kinds of segments are counted in what ``embed`` makes of recordings, a radius and a seed, or
    in the frames themselves. Fewer numbers are tried where there is no room for so many segments of
    two radii, and none above 12 unless the best of those below is 10 or more.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> features = make_recordings(12, 4, order="varied", random_state=0).features
    >>> abs(find_n_actions(features, radius=15, most=8).chosen - 4) <= 2
    True
    """
    step = max(1, radius // FINENESS)
    known = [thinned(one, step) for one in evenly(recordings, MOST_RECORDINGS)]
    kept = searched(known, MOST_FRAMES)
    scale = round(radius / step)
    views = ScaledViews(kept, scale)
    room = max(2, min(most, sum(map(len, kept)) * step // (2 * radius)))
    labels: list[list[list[NDArray[np.int64]]]] = []
    kinds = None
    for largest in (USUAL, NUMBERS[-1]):
        numbers = [one for one in NUMBERS if one <= min(room, largest)]
        middle, fine = (int(np.abs(np.array(numbers) - one).argmin()) for one in (MIDDLE, FINE))
        agreement, shares, labels = compare_numbers(
            kept, views, numbers, middle, labels, seed=seed, progress=progress
        )
        if kinds is None and len(kept) > 1:  # of the same segments, whatever is tried beyond
            rows = kept if embed is None else embed(kept, scale, seed)
            counts = [count_kinds(rows, one) for one in labels[fine]]
            kinds = float(np.exp(np.log(counts).mean()))
        curve = score_numbers(numbers, agreement, shares, kinds)
        at = int(np.argmax(curve))
        if numbers[at] < NEAR or room <= USUAL:
            break
    ties = [n for n, one in zip(numbers, curve, strict=True) if one >= curve[at] - TIE]
    others = [n for n in ties if n != numbers[at]]
    curves = numbers, curve, agreement, shares
    return NumberEvidence(numbers[at], others, *curves, kinds, radius)


def compare_numbers(
    recordings: Frames,
    views: ScaledViews,
    numbers: Sequence[int],
    middle: int,
    known: Sequence[list[list[NDArray[np.int64]]]] = (),
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[list[float], list[float], list[list[list[NDArray[np.int64]]]]]:
    """Segment recordings, and their views, into each number of actions.

    Return the agreement between views for each number, the gain in describing the frames as a
    share of the highest, and the labels on each view, which may be ``known`` for the first numbers.
    The score that tells the gain is made of the segments of numbers[middle].
    """
    found = list(known)
    with quiet_kmeans():
        for one in in_order(partial(_of_number, views, seed), numbers[len(known) :]):
            found.append(one)
            progress("Counting the actions", len(found), len(numbers))
    score = SegmentationScore(recordings, found[middle], directions=FEW_DIRECTIONS)
    gains = [
        float(np.mean([score.gain(one, number) for one in labels]))
        for number, labels in zip(numbers, found, strict=True)
    ]
    agreement = [
        float(np.mean([agreement_across(a, b) for a, b in combinations(labels, 2)]))
        for labels in found
    ]
    # Less than a nat a segment is no gain to speak of.
    least = count_segments(found[int(np.argmax(gains))][0])
    return agreement, [max(0.0, one) / max(least, *gains) for one in gains], found


def _of_number(views: ScaledViews, seed: int, number: int) -> list[list[NDArray[np.int64]]]:
    return views.labels(number, derived_seed(seed, number))


def score_numbers(
    numbers: Sequence[int],
    agreement: Sequence[float],
    gain: Sequence[float],
    kinds: float | None = None,
) -> list[float]:
    """Score numbers by the agreement between views and the share of the gain, both smoothed.

    And by how far they lie from the kinds of segments, if known, and from a typical number.
    """
    pull = PULL * np.log(np.array(numbers) / TYPICAL) ** 2
    if kinds is not None:
        pull += KINDS_PULL * np.log(np.array(numbers) / (RARE * kinds)) ** 2
    return (AGREED * smoothed(agreement) + (1 - AGREED) * smoothed(gain) - pull).tolist()


def agreement_across(one: Sequence[NDArray[np.int64]], other: Sequence[NDArray[np.int64]]) -> float:
    """Return the adjusted Rand index of two labellings over pairs of frames of two recordings.

    Labels (N_i,) of the same recordings. Within a recording, any two labellings with few segments
    agree on many pairs: only pairs across recordings tell whether the same actions are found
    again. Of a single recording, the ordinary index.
    """
    if len(one) == 1:
        return adjusted_rand(one[0], other[0])
    size = 1 + max(int(labels.max()) for labels in (*one, *other))
    tables = np.array([count_pairs(a, b, size) for a, b in zip(one, other, strict=True)], float)

    def pairs(counts: NDArray[np.float64]) -> float:
        return float((counts.sum(axis=0) ** 2).sum() - (counts**2).sum())

    both, first, second = pairs(tables), pairs(tables.sum(axis=2)), pairs(tables.sum(axis=1))
    expected = first * second / pairs(tables.sum(axis=(1, 2)))
    most = (first + second) / 2
    return (both - expected) / (most - expected) if most > expected else 0.0


def adjusted_rand(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Return the adjusted Rand index of labels (N,), from 0 on, of the same frames.

    It is scikit-learn's to the last bit, whose checks of labels take several times as long.
    """
    table = count_pairs(one, other, 1 + int(max(one.max(), other.max())))
    # In Python's integers, as these are products of four numbers of frames.
    both, first, second = (
        int((counts**2).sum()) for counts in (table, table.sum(axis=1), table.sum(axis=0))
    )
    together, only_first, only_second = both - len(one), first - both, second - both
    apart = len(one) ** 2 - first - second + both
    if only_first == only_second == 0:
        return 1.0
    expected = (together + only_first) * (only_first + apart)
    expected += (together + only_second) * (only_second + apart)
    return 2.0 * (together * apart - only_first * only_second) / expected


def count_pairs(
    one: NDArray[np.int64], other: NDArray[np.int64], n_labels: int
) -> NDArray[np.int64]:
    """Count the frames with each label (N,) of one labelling and each of another, (K, K)."""
    joint = np.bincount(one * n_labels + other, minlength=n_labels**2)
    return joint.reshape(n_labels, n_labels)
