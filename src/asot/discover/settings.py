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
    evenly,
    learn_prototypes,
    places,
    spread_frames,
    unit_rows,
    window_mean,
)
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
class RadiusEvidence(PlainEvidence):
    """Evidence for a time scale."""

    chosen: int  # half-width of the temporal band, frames
    radii: list[int]  # the scales that were tried, frames
    agreement: list[float]  # adjusted Rand index with the labels of neighbours and other starts
    segment_length: list[float]  # mean at each scale, frames


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


def find_radius(
    recordings: Frames, n_actions: int, *, seed: int = 0, progress: Progress = silent
) -> RadiusEvidence:
    """Find the half-width of the temporal band, in frames, from prepared features (N_i, D).

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> features = make_recordings(4, 3, random_state=0).features
    >>> 10 < find_radius([one.astype("float32") for one in features], 3).chosen < 60
    True
    """
    from sklearn.metrics import adjusted_rand_score

    kept = _searched(recordings)
    total = sum(len(one) for one in kept)
    radii = ladder(total / len(kept))
    starts = range(RADIUS_STARTS)
    labels: dict[tuple[int, int], NDArray[np.int64]] = {}
    lengths = []
    for done, radius in enumerate(radii, start=1):
        n_segments = 0
        for start in starts:
            each = _labels(kept, n_actions, radius, seed, start, restarts=5)
            n_segments += sum(len(run_lengths(one)[0]) for one in each)
            labels[radius, start] = _thinned(each, total)
        lengths.append(RADIUS_STARTS * total / n_segments)
        progress("Finding the time scale", done, len(radii))
    agreement = []
    for radius in radii:
        near = [other for other in radii if radius / NEAR < other < radius * NEAR]
        pairs = [((radius, a), (other, b)) for other in near for a in starts for b in starts]
        scores = [adjusted_rand_score(labels[a], labels[b]) for a, b in pairs if a != b]
        agreement.append(float(np.mean(scores)))
    chosen = choose_radius(radii, agreement, lengths, total / n_actions)
    return RadiusEvidence(chosen, radii, agreement, lengths)


def ladder(mean_frames: float) -> list[int]:
    """List the scales to try: 1, 2, 3, 4, 6, 8, 12, ... up to a sixth of the mean recording."""
    radii = [1, 2, 3]
    while radii[-1] * 6 <= mean_frames:
        radii.append(2 * radii[-2])
    return [one for one in radii if one * 6 <= mean_frames] or [1]


def choose_radius(
    radii: Sequence[int], agreement: Sequence[float], lengths: Sequence[float], longest: float
) -> int:
    """Choose the coarsest scale whose labels agree and whose segments are long enough.

    ``radii``, ``agreement`` and ``lengths`` are those of ``RadiusEvidence``; ``longest`` is the
    mean segment, in frames, that leaves room for each action once.
    """
    ratio = np.array(lengths) / np.array(radii)
    room = np.array(lengths) <= longest
    fits = room & (ratio >= SHORTEST) & (ratio <= LONGEST)
    if not fits.any():
        fits = room & (ratio >= SHORTEST)
    if not fits.any():
        return int(radii[int(np.abs(ratio - SHORTEST).argmin())])
    agree = np.array(agreement)
    best = agree[fits].max()
    enough = min(PEAK * best, best)  # it may be below 0
    inside = np.where(fits, agree, -np.inf)
    before, after = np.append(-np.inf, inside[:-1]), np.append(inside[1:], -np.inf)
    peaks = np.flatnonzero(fits & (agree >= enough) & (agree >= before) & (agree >= after))
    chosen = peak = int(peaks[-1])
    while chosen + 1 < len(agree) and inside[chosen + 1] >= TOLERANCE * agree[peak]:
        chosen += 1
    return int(radii[chosen])


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

    kept = _searched(recordings)
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


def _principal(recordings: Frames, most: int = MOST_COLUMNS) -> list[NDArray[np.float32]]:
    """Project recordings on their ``most`` main directions from the origin.

    Cosines hardly change, and a search over many settings is as many times faster as there are
    fewer columns. Recordings of ``most`` columns or fewer are returned as they are.
    """
    if recordings[0].shape[1] <= most:
        return list(recordings)
    each = max(1, COLUMN_FRAMES // len(recordings))
    seen = np.concatenate([one[spread_frames(len(one), each)] for one in recordings])
    axes = np.linalg.eigh(seen.T @ seen)[1][:, ::-1][:, :most]
    return [one @ axes for one in recordings]


def _searched(recordings: Frames) -> list[NDArray[np.float32]]:
    """Prepare a search: take the middle of some recordings, in their main directions."""
    middles = []
    for one in evenly(recordings, MOST_RECORDINGS):
        start = max(0, (len(one) - MOST_FRAMES) // 2)
        middles.append(one[start : start + MOST_FRAMES])
    return _principal(middles)


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


@dataclass(frozen=True)
class OrderEvidence(PlainEvidence):
    """Evidence for a common order."""

    share: float  # of the variation along a recording that the mean of the others explains, <= 1
    by_chance: list[float]  # the same with signs at random
    p_value: float  # share of the draws whose value is as high; 1 for a single recording
    strength: float  # 1 up to p = 0.1, else 0
    drift_p_value: float = 1.0  # of a common movement within segments; up to 0.1 it is removed


def find_order(recordings: Frames) -> OrderEvidence:
    """Test whether recordings share an order, from prepared features (N_i, D).

    Of more than 100 recordings, 100 evenly chosen ones are used. The signs are drawn from one seed,
    so that the same recordings have the same p.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> fixed = make_recordings(8, 4, order="fixed", random_state=0).features
    >>> find_order(fixed).strength
    1.0
    """
    from scipy.fft import dct

    curves = np.stack([_curve(one) for one in evenly(recordings, ORDER_RECORDINGS)])
    if len(curves) < 2 or not curves.any():
        return OrderEvidence(0.0, [], 1.0, 0.0)
    random = np.random.default_rng(len(curves))
    drift = _drift_p_value(curves, random)
    trends = _trends(SLOW if drift <= SHARED else MIDDLE)
    rest = curves - trends.T @ (trends @ curves)
    parts = rest.reshape(len(curves), BINS, FINE // BINS, -1).mean(axis=2)
    shares = _shares(dct(parts, axis=1, norm="ortho")[:, 1:], random)
    p_value = _p_value(shares)
    return OrderEvidence(shares[0], shares[1:], p_value, float(p_value <= SHARED), drift)


def _curve(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Average a recording over equal parts, (parts, D), centred, in units of its frames' norm."""
    rows = np.asarray(features, dtype=np.float64)
    rows = rows / max(sqrt((rows**2).sum() / len(rows)), 1e-9)
    edges = np.linspace(0, len(rows), FINE + 1).astype(int)
    first = np.minimum(edges[:-1], len(rows) - 1)
    # A part shorter than a frame is the frame it begins in.
    sizes = np.maximum(np.diff(edges), 1)[:, None]
    curve = np.add.reduceat(rows, first, axis=0) / sizes
    centred: NDArray[np.float64] = curve - curve.mean(axis=0)
    return centred


def _trends(degrees: list[int]) -> NDArray[np.float64]:
    """Return orthonormal polynomials of these degrees over the parts of a curve, (M, parts)."""
    place = 2.0 * places(FINE) - 1.0
    return np.linalg.qr(np.polynomial.legendre.legvander(place, max(degrees)))[0].T[degrees]


def _drift_p_value(curves: NDArray[np.float64], random: np.random.Generator) -> float:
    """Test whether curves (N, parts, D) move, within segments, along the trend of the others."""
    straight = np.einsum("p,npd->nd", _trends([1])[0], curves)
    others = straight.sum(axis=0) - straight
    along = (_movements(curves) * others).sum(axis=1)
    along /= np.maximum(np.linalg.norm(others, axis=1), np.finfo(float).tiny)
    return _p_value(np.round(_signs(len(along), random) @ along, 12).tolist())


def _movements(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each curve (N, parts, D) moves along within its segments, (N, D)."""
    from sklearn.cluster import AgglomerativeClustering
    from sklearn.feature_extraction.image import grid_to_graph

    ward = AgglomerativeClustering(PIECES, connectivity=grid_to_graph(FINE, 1))
    moved = np.zeros((len(curves), curves.shape[2]))
    for index, curve in enumerate(curves):
        # A part at a cut may hold frames of two segments, which would pass for movement.
        for start, end in zip(*run_lengths(ward.fit_predict(curve))[:2], strict=True):
            inner = np.arange(start + (start > 0), end - (end < FINE))
            if len(inner) > 1:
                moved[index] += (inner - inner.mean()) @ curve[inner]
    return moved


def _shares(waves: NDArray[np.float64], random: np.random.Generator) -> list[float]:
    """Return the share that recordings (N, waves, D) have in common, then with random signs.

    The inner products with the mean of the others are divided by the squares.
    """
    total = np.zeros(1 + DRAWS)
    for wave in waves.swapaxes(0, 1):
        products = wave @ wave.T
        np.fill_diagonal(products, 0.0)
        signs = _signs(len(waves), random)
        total += ((signs @ products) * signs).sum(axis=1)
    squares = max(float((waves**2).sum()), np.finfo(float).tiny)
    # Rounded, because the same signs must give the same value.
    return np.round(total / (len(waves) - 1) / squares, 12).tolist()


def _signs(count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Draw signs at random, (1 + draws, count); the first are those of what was seen."""
    signs = random.choice([-1.0, 1.0], size=(1 + DRAWS, count))
    signs[0] = 1.0
    return signs


def _p_value(shares: list[float]) -> float:
    """Return the part of the draws that is as high as the first, which counts as one of them."""
    return sum(one >= shares[0] for one in shares) / len(shares)
