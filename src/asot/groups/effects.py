"""How large a difference is: effect sizes, and their confidence intervals by bootstrap.

Each effect is computed from how often each value was drawn, ``drawn`` (B, n), for B resamples at
once; drawn once each, it is the effect itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Effect = Callable[[Sequence[Array], Sequence[Array]], Array]

RESAMPLES = 2000
LEVEL = 0.95  # of the confidence intervals
_BLOCK = 100_000  # values that a processor keeps at hand


def effect_of(
    samples: Sequence[Array], effect: Effect, paired: bool, seed: int
) -> tuple[float, float, float]:
    """Return an effect between samples, and the ends of its 95 % percentile bootstrap interval.

    Units are drawn with replacement within each sample; ``paired`` samples are of the same units,
    in one order, and each unit is drawn with all of its values.
    """
    once = [np.ones((1, len(one))) for one in samples]
    sizes = tuple(map(len, samples))
    drawn = resamples(sizes[:1], seed) * len(sizes) if paired else resamples(sizes, seed)
    step = max(1, _BLOCK // sum(sizes))
    blocks = ([one[at : at + step] for one in drawn] for at in range(0, RESAMPLES, step))
    with np.errstate(invalid="ignore", divide="ignore"):
        value = float(effect(samples, once)[0])
        found = np.concatenate([effect(samples, block) for block in blocks])
    found = found[np.isfinite(found)]
    if not found.size:
        return value, np.nan, np.nan
    low, high = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return value, float(low), float(high)


@lru_cache(maxsize=4)
def resamples(sizes: tuple[int, ...], seed: int) -> tuple[Array, ...]:
    """Return how often each unit of samples is drawn, (B, n) for each of the sizes."""
    rng, drawn = np.random.default_rng(seed), []
    for n in sizes:
        units = rng.integers(n, size=(RESAMPLES, n)) + n * np.arange(RESAMPLES)[:, None]
        counts = np.bincount(units.ravel(), minlength=RESAMPLES * n).reshape(RESAMPLES, n)
        drawn.append(counts.astype(np.float64))
    return tuple(drawn)


def cliffs_delta(samples: Sequence[Array], drawn: Sequence[Array]) -> Array:
    """Return Cliff's delta, the rank-biserial correlation: P(a > b) - P(a < b).

    Cliff (1993), "Dominance statistics"; with U of the first sample, it is 2 U / (n m) - 1.

    Examples
    --------
    >>> ones = [np.ones((1, 2)), np.ones((1, 2))]
    >>> cliffs_delta([np.array([1.0, 2.0]), np.array([2.0, 3.0])], ones).tolist()
    [-0.75]
    """
    first, second = _at_values(samples, drawn)
    upto = second.cumsum(axis=1)
    wins, losses = upto - second, upto[:, -1:] - upto
    pairs = first.sum(axis=1) * second.sum(axis=1)
    return (first * (wins - losses)).sum(axis=1) / pairs


def epsilon_squared(samples: Sequence[Array], drawn: Sequence[Array]) -> Array:
    """Return epsilon squared of Kruskal and Wallis' H: H / (n - 1), of all n values.

    Tomczak and Tomczak (2014), "The need to report effect size estimates revisited".
    """
    counts = _at_values(samples, drawn)
    every = np.sum(counts, axis=0)
    n = every.sum(axis=1)
    ranks = every.cumsum(axis=1) - (every - 1) / 2
    sums = sum((one * ranks).sum(axis=1) ** 2 / one.sum(axis=1) for one in counts)
    h = 12 * sums / (n * (n + 1)) - 3 * (n + 1)
    ties = 1 - (every**3 - every).sum(axis=1) / (n**3 - n)
    return h / ties / (n - 1)


def signed_ranks(samples: Sequence[Array], drawn: Sequence[Array]) -> Array:
    """Return the rank-biserial correlation of pairs: (W+ - W-) / (W+ + W-).

    Kerby (2014), "The simple difference formula"; pairs without a difference are left out.
    """
    differences = samples[0] - samples[1]
    there = differences != 0
    size, sign, own = np.abs(differences[there]), np.sign(differences[there]), drawn[0][:, there]
    more, less = _at_values([size, size], [own * (sign > 0), own * (sign < 0)])
    every = more + less
    ranks = every.cumsum(axis=1) - (every - 1) / 2
    return ((more - less) * ranks).sum(axis=1) / (every * ranks).sum(axis=1)


def kendalls_w(samples: Sequence[Array], drawn: Sequence[Array]) -> Array:
    """Return Kendall's W of Friedman's test: how far units agree on the order of k samples.

    It is Friedman's chi-squared, corrected for ties, divided by n (k - 1).
    """
    from scipy.stats import rankdata

    values = np.stack(samples, axis=1)
    ranks, k = rankdata(values, axis=1), len(samples)
    ties = [(np.unique(row, return_counts=True)[1] ** 3).sum() - k for row in values]
    n = drawn[0].sum(axis=1)
    means = drawn[0] @ ranks / n[:, None]
    spread = 12 * ((means - (k + 1) / 2) ** 2).sum(axis=1) / (k * (k + 1) * (k - 1))
    return spread / (1 - drawn[0] @ np.array(ties) / (n * k * (k**2 - 1)))


def hedges_g(samples: Sequence[Array], drawn: Sequence[Array], paired: bool = False) -> Array:
    """Return Hedges' g: the difference of the means over the pooled deviation, corrected.

    Hedges (1981). Of pairs, the deviation is the root of the mean of both variances. The
    correction for small samples is 1 - 3 / (4 (n + m) - 9).
    """
    (a, s, n), (b, t, m) = (_moments(*one) for one in zip(samples, drawn, strict=True))
    pooled = (s + t) / 2 if paired else ((n - 1) * s + (m - 1) * t) / (n + m - 2)
    return (a - b) / np.sqrt(pooled) * (1 - 3 / (4 * (n + m) - 9))


def eta_squared(samples: Sequence[Array], drawn: Sequence[Array]) -> Array:
    """Return eta squared: the part of the sum of squares that lies between the samples."""
    moments = [_moments(*one) for one in zip(samples, drawn, strict=True)]
    whole = sum(n * mean for mean, _, n in moments) / sum(n for *_, n in moments)
    between = sum(n * (mean - whole) ** 2 for mean, _, n in moments)
    within = sum((n - 1) * variance for _, variance, n in moments)
    return np.asarray(between / (between + within), dtype=np.float64)


hedges_g_of_pairs = partial(hedges_g, paired=True)


def _moments(values: Array, drawn: Array) -> tuple[Array, Array, Array]:
    """Return mean, variance (ddof = 1) and number of the values that were drawn, each (B,)."""
    n = drawn.sum(axis=1)
    centre = values.mean()
    mean = drawn @ (values - centre) / n
    variance = (drawn @ (values - centre) ** 2 - n * mean**2) / (n - 1)
    return mean + centre, np.maximum(variance, 0), n


def _at_values(samples: Sequence[Array], drawn: Sequence[Array]) -> list[Array]:
    """Return how often each different value was drawn for each sample, (B, P) each, in order."""
    every = np.concatenate(samples)
    values, places = np.unique(every, return_inverse=True)
    ends = np.cumsum([len(one) for one in samples])[:-1]
    counts = []
    for own, where in zip(drawn, np.split(places, ends), strict=True):
        order = np.argsort(where, kind="stable")
        held, starts = np.unique(where[order], return_index=True)
        found = np.zeros((len(own), len(values)))
        if len(held):
            found[:, held] = np.add.reduceat(own[:, order], starts, axis=1)
        counts.append(found)
    return counts
