"""From cells to rows: means and deviations that were worked out by hand."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from scipy.stats import binom, ttest_rel

from asot.benchmark.folder import BenchmarkFolder
from asot.benchmark.summary import (
    FEWEST,
    FRAME_WEIGHTED,
    LEVEL,
    MEAN,
    Row,
    leaders,
    summarise,
    undominated,
)
from asot.metrics import SCORE_TITLES
from tests.benchmark.conftest import EGG, TEA, Write


def row(
    folder: BenchmarkFolder, method: str, activity: str, matching: str = "activity"
) -> Row | None:
    found = [
        one
        for one in summarise(folder)
        if (one.method, one.activity, one.matching) == (method, activity, matching)
    ]
    assert len(found) <= 1
    return found[0] if found else None


def figures(row: Row | None) -> tuple[float, ...]:
    """MoF, its deviation where there is one, and the seeds."""
    assert row is not None
    deviation = None if row.deviations is None else row.deviations["mof"]
    # The other scores were written as half of the MoF.
    assert row.scores["edit"] == pytest.approx(row.scores["mof"] / 2)
    if deviation is not None and row.deviations is not None:
        assert row.deviations["jsd"] == pytest.approx(deviation / 2)
    return (row.scores["mof"], *(() if deviation is None else (deviation,)), *row.seeds)


def test_means_and_deviations(write: Write, folder: BenchmarkFolder) -> None:
    for seed, tea, egg in [(0, 0.2, 0.6), (1, 0.4, 0.4), (3, 0.6, 0.8)]:
        write("paper", TEA, seed, tea, n_frames=30)
        write("paper", EGG, seed, egg, n_frames=10)
    write("uniform", TEA, 0, 0.5, n_frames=30)
    write("uniform", EGG, 0, 0.7, n_frames=10)
    assert figures(row(folder, "paper", TEA)) == pytest.approx((0.4, 0.2, 0, 1, 3))
    assert figures(row(folder, "paper", EGG)) == pytest.approx((0.6, 0.2, 0, 1, 3))
    # By seed: 0.4, 0.4, 0.7; deviations from their mean of 0.5: 0.1, 0.1, 0.2; squares: 0.06.
    assert figures(row(folder, "paper", MEAN)) == pytest.approx((0.5, 0.03**0.5, 0, 1, 3))
    # Three quarters of tea: 0.3, 0.4, 0.65; deviations from 0.45: 0.15, 0.05, 0.2; squares: 0.065.
    weighted = figures(row(folder, "paper", FRAME_WEIGHTED))
    assert weighted == pytest.approx((0.45, (0.065 / 2) ** 0.5, 0, 1, 3))
    assert figures(row(folder, "uniform", MEAN)) == pytest.approx((0.6, 0))
    assert figures(row(folder, "uniform", FRAME_WEIGHTED)) == pytest.approx((0.55, 0))


def test_each_matching_has_its_own_scores(write: Write, folder: BenchmarkFolder) -> None:
    for activity in (TEA, EGG):
        write("kmeans", activity, 0, 0.25, video=0.75)
        write("twfinch", activity, 0, 0.5, shared=False)
    assert figures(row(folder, "kmeans", MEAN))[0] == 0.25
    assert figures(row(folder, "kmeans", MEAN, "video"))[0] == 0.75
    assert figures(row(folder, "twfinch", MEAN, "video"))[0] == 0.5
    assert {one.matching for one in summarise(folder) if one.method == "twfinch"} == {"video"}


def test_a_row_is_of_the_last_epoch(write: Write, folder: BenchmarkFolder) -> None:
    write("paper", TEA, 0, [0.9, 0.8, 0.2])
    assert figures(row(folder, "paper", TEA)) == (0.2, 0)


def test_an_incomplete_method_has_no_mean(write: Write, folder: BenchmarkFolder) -> None:
    write("paper", TEA, 0, 0.5)
    write("paper", EGG, 1, 0.5)
    write("kmeans", TEA, 0, 0.5)
    for method in ("paper", "kmeans"):
        assert row(folder, method, MEAN) is None
        assert row(folder, method, FRAME_WEIGHTED) is None
    write("paper", EGG, 0, 0.7)
    # Of the seeds that both activities have.
    assert figures(row(folder, "paper", MEAN)) == pytest.approx((0.6, 0))
    assert figures(row(folder, "paper", EGG)) == pytest.approx((0.6, 0.02**0.5, 0, 1))


def test_a_mean_waits_for_activities_that_no_method_has_finished(
    write: Write, folder: BenchmarkFolder
) -> None:
    write("paper", TEA, 0, 0.5)
    write("uniform", TEA, 0, 0.5)
    assert {one.activity for one in summarise(folder)} == {TEA}


def test_the_order_of_rows(write: Write, folder: BenchmarkFolder) -> None:
    for method in ("uniform", "kmeans", "paper-no-prior", "sela", "paper", "paper-no-temporal"):
        write(method, TEA, 0, 0.5)
        write(method, EGG, 0, 0.5)
    methods = ["paper", "paper-no-temporal", "paper-no-prior", "sela", "kmeans", "uniform"]
    assert [(one.matching, one.method, one.activity) for one in summarise(folder)] == [
        (matching, method, activity)
        for matching in ("activity", "video")
        for method in methods
        for activity in (EGG, TEA, MEAN, FRAME_WEIGHTED)
    ]


def test_nothing_finished_gives_no_rows(write: Write, folder: BenchmarkFolder) -> None:
    assert summarise(folder, ["objective", "agreement", "oracle"]) == []


def test_the_best_are_those_of_paired_tests(rng: np.random.Generator) -> None:
    """Benjamini's and Hochberg's procedure as they wrote it, over SciPy's test."""
    met = set()
    for _ in range(60):
        n_methods, n_seeds = rng.integers(2, 6), rng.integers(FEWEST, 8)
        places = list(product(("a", "b")[: rng.integers(1, 3)], range(n_seeds)))
        table = 0.3 * rng.normal(size=(n_methods, 1)) + 0.1 * rng.normal(
            size=(n_methods, len(places))
        )
        leader = int(table.mean(axis=1).argmax())
        pairs = list(combinations(range(n_methods), 2))
        p = np.array([ttest_rel(table[a], table[b]).pvalue for a, b in pairs])
        # The largest i with p_(i) <= i LEVEL / m, and all before it, are rejected.
        order = np.argsort(p)
        fits = [i for i in range(len(p)) if p[order[i]] <= (i + 1) * LEVEL / len(p)]
        rejected = [pairs[m] for m in order[: max(fits, default=-1) + 1]]
        expected = {leader, *range(n_methods)} - {
            m for pair in rejected if leader in pair for m in pair if m != leader
        }
        values = {
            str(m): dict(zip(places, table[m].tolist(), strict=True)) for m in range(n_methods)
        }
        assert undominated(values) == {str(m) for m in expected}
        met.add(len(expected) == n_methods)
    assert met == {True, False}


def test_of_equal_methods_few_are_worse(rng: np.random.Generator) -> None:
    """The best is known from the values that are tested, which tests with it alone forget."""
    n_sets = 300
    found = 0
    for _ in range(n_sets):
        table = rng.normal(size=(15, 40)).tolist()
        values = {str(m): {("a", i): x for i, x in enumerate(own)} for m, own in enumerate(table)}
        found += len(undominated(values)) < len(values)
    # At a rate of .2, as of tests with the best alone, one run in 10,000 would stay below.
    assert found <= binom.isf(1e-5, n_sets, LEVEL)


def test_nothing_is_best_where_nothing_can_be_tested() -> None:
    assert undominated({}) == undominated({"one": {("a", 0): 1.0, ("a", 1): 2.0}}) == set()
    assert leaders({}) == leaders({"one": {("a", 0): 1.0}}) == []
    values = {"one": {("a", 0): 1.0, ("a", 1): 1.1}, "other": {("a", 0): 2.0, ("a", 1): 2.3}}
    assert undominated(values) == set()
    assert leaders(values) == ["other"]
    # A third pair tells; a method of two seeds is in no test.
    more = {name: {**own, ("a", 2): own["a", 1] + 0.1} for name, own in values.items()}
    assert undominated(more) == {"other"}
    assert undominated({**more, "few": values["other"]}) == {"other"}
    best_of_few = {name: value + 1 for name, value in values["other"].items()}
    assert leaders({**more, "few": best_of_few}) == ["few"]
    assert undominated({**more, "few": best_of_few}) == set(), "the best is in no test"


def test_methods_that_do_not_vary_differ_or_not() -> None:
    seeds = [("a", seed) for seed in range(3)]
    values = {
        name: dict.fromkeys(seeds, value)
        for name, value in zip("xyz", (0.3, 0.1, 0.3), strict=True)
    }
    assert undominated(values) == {"x", "z"}
    assert leaders(values) == ["x", "z"]


def test_rows_know_their_best_scores(write: Write, folder: BenchmarkFolder) -> None:
    for activity in (TEA, EGG):
        for seed, (good, bad) in enumerate([(0.9, 0.2), (0.8, 0.1), (0.85, 0.2)]):
            write("paper", activity, seed, good)
            write("kmeans", activity, seed, bad)
        write("uniform", activity, 0, 0.84)
    best = {method: row(folder, method, MEAN) for method in ("paper", "kmeans", "uniform")}
    found = {method: set(one.best) for method, one in best.items() if one is not None}
    # The uniform split draws nothing, and counts with every seed. All but the MoF are half of it.
    assert "mof" in found["paper"] & found["uniform"] - found["kmeans"]
    assert "jsd" in found["kmeans"] - found["paper"] - found["uniform"], "the lower is the better"
    weighted = row(folder, "paper", FRAME_WEIGHTED)
    assert weighted is not None
    assert set(weighted.best) == found["paper"]
    led = {method: set(one.leads) for method, one in best.items() if one is not None}
    assert led["paper"] == set(SCORE_TITLES) - {"jsd", "hvq_jsd"} - led["uniform"]
    assert (led["kmeans"], led["uniform"]) == ({"jsd", "hvq_jsd"}, set())
