"""Tests, effect sizes and corrections, against scipy, definitions and brute force."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats

from asot.errors import ArgumentError
from asot.groups import effects
from asot.groups.testing import (
    TESTS,
    chance,
    corrected,
    find_test,
    least_chance,
    permuted,
    welch_anova,
)

Samples = list[np.ndarray]


@pytest.fixture(params=[1, 9], ids=["with ties", "without"])
def samples(request: pytest.FixtureRequest, rng: np.random.Generator) -> Samples:
    return [np.round(rng.normal(shift, 1, 9), request.param) for shift in (0, 0.8, 0.2)]


def once(samples: Samples) -> Samples:
    return [np.ones((1, len(one))) for one in samples]


def test_chances_are_those_of_scipy(samples: Samples) -> None:
    a, b, _ = samples
    assert chance([a, b], "rank", False) == tuple(stats.mannwhitneyu(a, b))
    assert chance(samples, "rank", False) == tuple(stats.kruskal(*samples))
    assert chance([a, b], "rank", True) == tuple(stats.wilcoxon(a, b))
    assert chance(samples, "rank", True) == tuple(stats.friedmanchisquare(*samples))
    assert chance([a, b], "t", False) == tuple(stats.ttest_ind(a, b, equal_var=False))
    assert chance([a, b], "t", True) == tuple(stats.ttest_rel(a, b))
    # Of two samples, F is the square of t.
    t, p = chance([a, b], "t", False)
    assert welch_anova([a, b]) == pytest.approx((t**2, p))


def test_welchs_analysis_on_published_numbers() -> None:
    """By `oneway.test` of R: oneway.test(weight ~ group, PlantGrowth)."""
    plants = [
        [4.17, 5.58, 5.18, 6.11, 4.50, 4.61, 5.17, 4.53, 5.33, 5.14],
        [4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69],
        [6.31, 5.12, 5.54, 5.50, 5.37, 5.29, 4.92, 6.15, 5.80, 5.26],
    ]
    found = chance([np.array(one) for one in plants], "t", False)
    assert found == pytest.approx((5.181, 0.01739), rel=1e-3)


def test_effects_are_their_definitions(samples: Samples) -> None:
    a, b, _ = samples
    ones, two = once(samples), once(samples[:2])
    delta = np.sign(a[:, None] - b).mean()
    assert effects.cliffs_delta([a, b], two)[0] == pytest.approx(delta)
    assert delta == pytest.approx(2 * stats.mannwhitneyu(a, b).statistic / (len(a) * len(b)) - 1)
    h, n = stats.kruskal(*samples).statistic, sum(map(len, samples))
    assert effects.epsilon_squared(samples, ones)[0] == pytest.approx(h / (n - 1))
    apart = (a - b)[a != b]
    signed = stats.rankdata(abs(apart)) * np.sign(apart)
    assert effects.signed_ranks([a, b], two)[0] == pytest.approx(signed.sum() / abs(signed).sum())
    agreed = stats.friedmanchisquare(*samples).statistic / (len(a) * 2)
    assert effects.kendalls_w(samples, ones)[0] == pytest.approx(agreed)
    pooled = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)
    g = (a.mean() - b.mean()) / pooled * (1 - 3 / (4 * 18 - 9))
    assert effects.hedges_g([a, b], two)[0] == pytest.approx(g)
    every = np.concatenate(samples)
    within = sum(((one - one.mean()) ** 2).sum() for one in samples)
    eta = 1 - within / ((every - every.mean()) ** 2).sum()
    assert effects.eta_squared(samples, ones)[0] == pytest.approx(eta)


@pytest.mark.parametrize("kind", TESTS, ids=lambda kind: f"{TESTS[kind].name}")
def test_effects_of_resamples_are_those_of_what_was_drawn(
    kind: tuple[str, bool, bool], samples: Samples, rng: np.random.Generator
) -> None:
    chosen = samples if kind[2] else samples[:2]
    drawn = [rng.integers(0, 9, 9) for _ in chosen]
    drawn = drawn[:1] * len(drawn) if kind[1] else drawn
    counts = [np.bincount(one, minlength=9)[None].astype(float) for one in drawn]
    taken = [one[where] for one, where in zip(chosen, drawn, strict=True)]
    size = TESTS[kind].size
    np.testing.assert_allclose(size(chosen, counts), size(taken, once(taken)), atol=1e-12)


def test_intervals_hold_the_effect(samples: Samples, seed: int) -> None:
    for (kind, paired, many), test in TESTS.items():
        chosen = samples if many else samples[:2]
        value, low, high = effects.effect_of(chosen, test.size, paired, seed)
        assert low <= high
        assert low <= value <= high or many, (kind, "squares are biased upwards")
    a, b = np.zeros(3), np.ones(3)
    assert effects.effect_of([a, b], effects.cliffs_delta, False, seed) == (-1, -1, -1)
    assert np.isnan(effects.effect_of([a, a], effects.hedges_g, False, seed)).all()


def test_samples_that_do_not_vary() -> None:
    a, b = np.zeros(4), np.ones(4)
    assert chance([a, a], "rank", False)[1] == chance([b, b, b], "t", False)[1] == 1
    assert chance([np.arange(4.0), np.arange(4.0)], "rank", True)[1] == 1
    assert np.isnan(chance([a, b], "t", False)[1])
    assert np.isnan(chance([a, b], "t", True)[1])
    assert chance([a, b], "rank", False)[1] < 0.05


def test_corrections_by_their_definitions(rng: np.random.Generator) -> None:
    p = rng.uniform(size=7)
    place = {value: k for k, value in enumerate(sorted(p), 1)}
    fdr = [min(value * 7 / place[value] for value in p if value >= own) for own in p]
    holm = [min(1, max(value * (8 - place[value]) for value in p if value <= own)) for own in p]
    assert corrected(p, "fdr") == pytest.approx([min(1, one) for one in fdr])
    assert corrected(p, "holm") == pytest.approx(holm)
    assert corrected([], "fdr") == []


def test_the_least_chance_is_that_of_groups_that_do_not_overlap() -> None:
    assert least_chance((4, 4), False) == pytest.approx(2 / 70)
    assert least_chance((3, 5), False) == least_chance((5, 3), False)
    assert least_chance((6, 6), True) == pytest.approx(2 / 2**6)
    apart = [np.arange(3.0), np.arange(3.0) + 9, np.arange(3.0) + 99]
    assert least_chance((3, 3, 3), False) == pytest.approx(stats.kruskal(*apart).pvalue)


def between(values: np.ndarray, groups: np.ndarray) -> float:
    centred = values - values.mean(axis=0)
    own = [centred[groups == one] for one in np.unique(groups)]
    return sum(len(one) * (one.mean(axis=0) ** 2).sum() for one in own)


def test_few_arrangements_are_all_tried(rng: np.random.Generator, seed: int) -> None:
    values = rng.normal(size=(7, 4)) + np.repeat([0.0, 1.0], [3, 4])[:, None]
    found = []
    for chosen in combinations(range(7), 3):
        groups = np.ones(7)
        groups[list(chosen)] = 0
        found.append(between(values, groups))
    own = found[0]
    r_squared, p = permuted(values, [3, 4], False, seed)
    assert p == pytest.approx(np.mean(np.array(found) >= own - 1e-9))
    assert r_squared == pytest.approx(own / ((values - values.mean(axis=0)) ** 2).sum())


def test_pairs_change_places_within_a_subject(rng: np.random.Generator, seed: int) -> None:
    first, second = rng.normal(size=(5, 3)), rng.normal(0.5, 1, size=(5, 3))
    groups = np.repeat([0, 1], 5)
    found = []
    for swaps in product([False, True], repeat=5):
        swap = np.array(swaps)[:, None]
        own = np.where(swap, second, first), np.where(swap, first, second)
        found.append(between(np.concatenate(own), groups))
    _, p = permuted(np.concatenate([first, second]), [5, 5], True, seed)
    assert p == pytest.approx(np.mean(np.array(found) >= found[0] - 1e-9))
    assert permuted(np.ones((4, 2)), [2, 2], False, seed) == (0, 1)


def test_means_of_paired_groups_are_compared_two_at_a_time() -> None:
    with pytest.raises(ArgumentError, match="two at a time, but there are 3"):
        find_test("t", True, 3)
