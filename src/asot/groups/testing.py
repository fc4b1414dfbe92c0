"""Tests of samples by scipy, by their ranks or by their means, and corrections for many tests."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from functools import lru_cache
from itertools import permutations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError
from asot.groups import effects
from asot.groups.effects import Array, Effect

PERMUTATIONS = 9999
_MOST_ORDERS = 5  # groups of which every order is tried


class Procedure(NamedTuple):
    """A test, what it is called, and the effect that goes with it."""

    name: str
    effect: str
    size: Effect


# By the kind, whether samples are paired, and whether there are more than two.
TESTS = {
    ("rank", False, False): Procedure("Mann-Whitney U", "Cliff's delta", effects.cliffs_delta),
    ("rank", False, True): Procedure("Kruskal-Wallis", "epsilon squared", effects.epsilon_squared),
    ("rank", True, False): Procedure(
        "Wilcoxon signed-rank", "matched-pairs rank-biserial", effects.signed_ranks
    ),
    ("rank", True, True): Procedure("Friedman", "Kendall's W", effects.kendalls_w),
    ("t", False, False): Procedure("Welch's t", "Hedges' g", effects.hedges_g),
    ("t", False, True): Procedure("Welch's ANOVA", "eta squared", effects.eta_squared),
    ("t", True, False): Procedure("paired t", "Hedges' g", effects.hedges_g_of_pairs),
}


def find_test(kind: str, paired: bool, n_groups: int) -> Procedure:
    """Return the test of a kind for a number of groups."""
    found = TESTS.get((kind, paired, n_groups > 2))
    if found is None:
        raise ArgumentError(
            f"paired groups are compared by their means two at a time, but there are {n_groups}: "
            "compare them by ranks (--test rank).",
            setting="test",
        )
    return found


def chance(samples: Sequence[Array], kind: str, paired: bool) -> tuple[float, float]:
    """Return the statistic and the two-sided p-value of samples, with scipy's defaults.

    Samples that are all one value have p = 1; where means are compared and samples do not vary,
    there is no p-value (NaN).

    Examples
    --------
    >>> a, b = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    >>> chance([a, b], "rank", paired=False)
    (0.0, 0.1)
    """
    from scipy import stats

    every = np.concatenate(samples)
    if np.ptp(every) == 0 or (paired and len(samples) == 2 and not (samples[0] - samples[1]).any()):
        return math.nan, 1.0
    if kind == "t":
        within = [samples[0] - samples[1]] if paired else samples
        varying = [np.ptp(one) > 0 for one in within]
        if not (any(varying) if len(samples) == 2 else all(varying)):
            return math.nan, math.nan
    with warnings.catch_warnings():
        # Older releases of scipy say of small samples what the caller says in words of its own.
        warnings.simplefilter("ignore")
        match kind, paired, len(samples) > 2:
            case "rank", False, False:
                found = stats.mannwhitneyu(*samples)
            case "rank", False, True:
                found = stats.kruskal(*samples)
            case "rank", True, False:
                found = stats.wilcoxon(*samples)
            case "rank", True, True:
                found = stats.friedmanchisquare(*samples)
            case "t", True, False:
                found = stats.ttest_rel(*samples)
            case "t", False, False:
                found = stats.ttest_ind(*samples, equal_var=False)
            case _:
                found = welch_anova(samples)
    return float(found[0]), float(found[1])


def welch_anova(samples: Sequence[Array]) -> tuple[float, float]:
    """Return F and the p-value of Welch's analysis of variance, for unequal variances.

    Welch (1951), "On the comparison of several mean values: an alternative approach".
    """
    from scipy.stats import f as fisher

    n = np.array([len(one) for one in samples], dtype=np.float64)
    means = np.array([one.mean() for one in samples])
    weights = n / np.array([one.var(ddof=1) for one in samples])
    k, whole = len(samples), weights.sum()
    centre = (weights * means).sum() / whole
    uneven = ((1 - weights / whole) ** 2 / (n - 1)).sum() / (k**2 - 1)
    between = (weights * (means - centre) ** 2).sum() / (k - 1)
    statistic = between / (1 + 2 * (k - 2) * uneven)
    return float(statistic), float(fisher.sf(statistic, k - 1, 1 / (3 * uneven)))


@lru_cache(maxsize=256)
def least_chance(sizes: tuple[int, ...], paired: bool) -> float:
    """Return the smallest p-value that a test of ranks can have with samples of these sizes.

    Examples
    --------
    >>> least_chance((3, 3), paired=False), least_chance((5, 5), paired=True)
    (0.1, 0.0625)
    """
    if paired:
        steps = np.arange(1.0, sizes[0] + 1)
        return chance([place * steps for place in range(len(sizes))], "rank", True)[1]
    orders = set(permutations(sizes)) if len(sizes) <= _MOST_ORDERS else [sizes]
    apart = (np.split(np.arange(float(sum(one))), np.cumsum(one)[:-1]) for one in orders)
    return min(chance(samples, "rank", False)[1] for samples in apart)


def corrected(chances: Sequence[float], by: Literal["fdr", "holm"]) -> list[float]:
    """Return p-values corrected for their number; NaN are no tests, and stay.

    Examples
    --------
    >>> corrected([0.01, 0.04, 0.03], "holm"), corrected([0.01, float("nan"), 0.04], "fdr")
    ([0.03, 0.06, 0.06], [0.02, nan, 0.04])
    """
    from scipy.stats import false_discovery_control

    values = np.array(chances, dtype=np.float64)
    there = np.flatnonzero(np.isfinite(values))
    if not there.size:
        return values.tolist()
    own = values[there]
    if by == "fdr":
        values[there] = false_discovery_control(own)
        return values.tolist()
    order = np.argsort(own)
    steps = own[order] * np.arange(len(own), 0, -1)
    values[there[order]] = np.minimum(np.maximum.accumulate(steps), 1)
    return values.tolist()


def permuted(
    units: NDArray[np.float64], sizes: Sequence[int], paired: bool, seed: int
) -> tuple[float, float]:
    """Test by permutation whether groups of units (U, F) differ in any way; return R squared and p.

    The units of each group follow each other. The statistic is the sum of squares between the
    groups (Anderson 2001, "A new method for non-parametric multivariate analysis of variance", with
    Euclidean distances); ``paired`` units change places within their subject. All arrangements are
    tried where there are few, else ``PERMUTATIONS``.
    """
    from scipy.stats import permutation_test

    values = units - units.mean(axis=0)
    values = values[:, values.any(axis=0)]
    whole = float((values**2).sum())
    if whole == 0:
        return 0.0, 1.0

    def between(*places: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
        found = 0
        for own in places:
            members = np.zeros((*own.shape[:-1], len(values)))
            np.put_along_axis(members, own, 1.0, axis=-1)
            found = found + ((members @ values) ** 2).sum(axis=-1) / own.shape[-1]
        return np.asarray(found)

    starts = np.cumsum([0, *sizes])
    groups = [np.arange(start, start + n) for start, n in zip(starts, sizes, strict=False)]
    result = permutation_test(
        groups,
        between,
        permutation_type="samples" if paired else "independent",
        vectorized=True,
        n_resamples=PERMUTATIONS,
        batch=200,
        alternative="greater",
        random_state=np.random.default_rng(seed),
    )
    return float(result.statistic) / whole, float(result.pvalue)
