"""The score of segmentations: by its definition, what leaves it alone, and what it prefers."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import multivariate_normal

from asot.data import standardise
from asot.discover.score import SegmentationScore, drawn_in, main_directions
from asot.simulation import make_recordings

Labels = list[np.ndarray]


def drawn(rng: np.random.Generator, n_actions: int = 4, **changes: object) -> tuple[Labels, Labels]:
    """Prepared features and true labels of generated recordings."""
    made = make_recordings(6, n_actions, (120, 200), random_state=rng, **changes)  # type: ignore[arg-type]
    return [standardise(one) for one in made.features], list(made.ground_truth)


def n_segments(labels: Labels) -> int:
    return sum(1 + int((np.diff(one) != 0).sum()) for one in labels)


def description(features: Labels, labels: Labels, n_actions: int, tau: float) -> float:
    """The score but for a constant: densities of the frames, and the price of the segments."""
    rows, joined = np.concatenate(features).astype(float), np.concatenate(labels)
    N, D = rows.shape
    ridge = 1e-3 * rows.var(axis=0).mean() * np.eye(D)
    scatter = {}
    for k in np.unique(joined):
        own = rows[joined == k]
        scatter[k] = sum(np.outer(one, one) for one in own - own.mean(axis=0))
    pooled = sum(scatter.values()) / N
    density = 0.0
    for k, own in scatter.items():
        n = int((joined == k).sum())
        covariance = (own + D * tau * pooled) / (n + D * tau) + ridge
        density += n * multivariate_normal.logpdf(np.zeros(D), np.zeros(D), covariance)
    M = n_segments(labels)
    return density / tau - M * log(max(N / M * max(n_actions - 1, 1), 2))


@pytest.mark.parametrize("n_actions", [1, 2, 5])
def test_it_is_the_difference_of_two_descriptions(n_actions: int, rng: np.random.Generator) -> None:
    features, truth = drawn(rng, n_actions)
    score = SegmentationScore(features, [truth])
    others = [[rng.integers(n_actions, size=len(one)) for one in truth] for _ in range(2)]
    alone = description(features, [0 * one for one in truth], 1, score.correlated)
    for labels in (truth, *others):
        expected = description(features, labels, n_actions, score.correlated) - alone
        assert score.gain(labels, n_actions) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_with_many_frames_it_is_a_difference_of_likelihoods(rng: np.random.Generator) -> None:
    truth = np.repeat(rng.integers(3, size=40), 100)
    points, spread = 3 * rng.normal(size=(3, 4)), rng.uniform(0.5, 2, size=(3, 4))
    rows = points[truth] + spread[truth] * rng.normal(size=(len(truth), 4))
    score = SegmentationScore([rows.astype(np.float32)])
    assert score.correlated == 1, "nothing is likely, so that frames are taken for independent"

    def likelihood(own: np.ndarray) -> float:
        covariance = np.cov(own.T, bias=True)
        return float(multivariate_normal.logpdf(own, own.mean(axis=0), covariance).sum())

    gained = sum(likelihood(rows[truth == k]) for k in np.unique(truth)) - likelihood(rows)
    M, N = n_segments([truth]), len(truth)
    price = M * log(N / M * 2) - log(N * 2)
    assert score.gain([truth], 3) == pytest.approx(gained - price, rel=0.01)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8, 0.9])
def test_frames_count_as_often_as_they_are_independent(
    phi: float, rng: np.random.Generator
) -> None:
    """An autoregressive process, whose autocorrelation at lag m is phi^m, around two actions."""
    features, labels = [], []
    for length in (6_000, 9_000):
        noise = lfilter([1], [1, -phi], rng.normal(size=(length, 6)), axis=0)
        labels.append(np.repeat(rng.integers(2, size=length // 300), 300))
        features.append((noise + 20 * labels[-1][:, None]).astype(np.float32))
    tau = SegmentationScore(features, [labels]).correlated
    faded = 1 + next(m for m in range(99) if phi ** (m + 1) < 0.1)
    # Summed up to where it is below a tenth: the rest is lost, as it is among noise.
    assert tau == pytest.approx(1 + 2 * sum(phi**m for m in range(1, faded)), rel=0.1)
    assert tau == pytest.approx((1 + phi) / (1 - phi), rel=0.2)


def test_of_several_likely_ones_the_middle_correlation_is_taken(rng: np.random.Generator) -> None:
    features, truth = drawn(rng)
    others = [[np.roll(one, shift) for one in truth] for shift in (10, 40)]
    each = [SegmentationScore(features, [one]).correlated for one in (truth, *others)]
    assert SegmentationScore(features, [truth, *others]).correlated == sorted(each)[1]
    assert min(each) >= 1


def test_neither_columns_units_names_nor_the_order_of_recordings_matter(
    rng: np.random.Generator,
) -> None:
    features, truth = drawn(rng)
    features = [one.astype(np.float64) for one in features]  # type: ignore[misc]
    plain = SegmentationScore(features, [truth])
    gain = plain.gain(truth, 4)
    turn = np.linalg.qr(rng.normal(size=(16, 16)))[0]
    columns, names, order = rng.permutation(16), rng.permutation(4), rng.permutation(6)
    unit = 10.0 ** rng.uniform(-4, 4)
    changed: list[tuple[Labels, Labels]] = [
        ([one[:, columns] for one in features], truth),
        ([one @ turn for one in features], truth),
        ([unit * one for one in features], truth),
        ([one + 5 for one in features], truth),
        ([features[i] for i in order], [truth[i] for i in order]),
        (features, [names[one] for one in truth]),
        (features, [names[one] * 10 + 3 for one in truth]),
    ]
    for others, labels in changed:
        score = SegmentationScore(others, [labels])
        assert score.correlated == pytest.approx(plain.correlated, rel=1e-6)
        assert score.gain(labels, 4) == pytest.approx(gain, rel=1e-6)


def test_none_at_all_gains_nothing(rng: np.random.Generator) -> None:
    features, truth = drawn(rng)
    assert SegmentationScore(features, [truth]).gain([0 * one for one in truth], 1) == 0


@pytest.mark.parametrize("order", ["fixed", "varied"])
def test_the_truth_is_described_best(order: str, rng: np.random.Generator) -> None:
    K = 5
    features, truth = drawn(rng, K, order=order)
    score = SegmentationScore(features, [truth])
    best = score.gain(truth, K)
    rows = np.concatenate(features).astype(float)
    joined = np.concatenate(truth)
    means = np.stack([rows[joined == k].mean(axis=0) for k in range(K)])
    residuals = [one - means[own] for one, own in zip(features, truth, strict=True)]
    worse = {
        "one action": [0 * one for one in truth],
        "noise as actions": [
            own + K * (one[:, 0] > 0) for one, own in zip(residuals, truth, strict=True)
        ],
        "flickers": [
            np.where(rng.random(len(one)) < 0.05, rng.integers(K, size=len(one)), one)
            for one in truth
        ],
        "split without a reason": [
            np.where(np.arange(len(one)) % 20 < 10, one, one + K) for one in truth
        ],
        "two thirds of the way off": [np.roll(one, len(one) // 3) for one in truth],
    }
    gains = {
        name: score.gain(one, 2 * K if one[0].max() >= K else K) for name, one in worse.items()
    }
    assert max(gains.values()) < best, gains
    joinings = [
        score.gain([np.where(one == a, b, one) for one in truth], K - 1)
        for a in range(K)
        for b in range(a)
    ]
    # Some few actions are alike, or so short that saying where they are costs more.
    assert np.mean(np.array(joinings) < best) > 0.6


def test_noise_gains_nothing(rng: np.random.Generator) -> None:
    features = [lfilter([1], [1, -0.8], rng.normal(size=(200, 8)), axis=0) for _ in range(5)]
    labels = [(one[:, 0] > 0).astype(int) + 2 * (one[:, 1] > 0) for one in features]
    equal = [np.repeat(np.arange(4), 50) for _ in features]
    score = SegmentationScore([one.astype(np.float32) for one in features], [equal])
    assert score.gain(labels, 4) < 0
    assert score.gain(equal, 4) < 0


def test_columns_that_never_change_do_no_harm(rng: np.random.Generator) -> None:
    features, truth = drawn(rng)
    with_constants = [np.hstack([one, np.full((len(one), 3), 7.0, np.float32)]) for one in features]
    score = SegmentationScore(with_constants, [truth])
    plain = SegmentationScore(features, [truth])
    assert score.correlated == pytest.approx(plain.correlated, rel=1e-4)
    # The shrinkage counts columns, and their mean variance is less.
    assert score.gain(truth, 4) == pytest.approx(plain.gain(truth, 4), rel=0.3)
    assert score.gain(truth, 4) > score.gain([np.roll(one, 40) for one in truth], 4)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_recordings_that_never_change_gain_nothing(value: float, rng: np.random.Generator) -> None:
    features = [np.full((n, 4), value, dtype=np.float32) for n in (1, 2, 60)]
    labels = [rng.integers(3, size=len(one)) for one in features]
    score = SegmentationScore(features, [labels])
    assert score.correlated == 1
    found = score.gain(labels, 3)
    assert np.isfinite(found)
    assert found < 0


@pytest.mark.parametrize("lengths", [[1], [1, 1], [2, 3]])
def test_hardly_any_frames(lengths: list[int], rng: np.random.Generator) -> None:
    features = [rng.normal(size=(n, 3)).astype(np.float32) for n in lengths]
    labels = [np.arange(n) for n in lengths]
    score = SegmentationScore(features, [labels])
    assert np.isfinite(score.gain(labels, 3))
    assert score.correlated >= 1


def test_main_directions_keep_what_few_columns_can_hold(rng: np.random.Generator) -> None:
    turned = np.linalg.qr(rng.normal(size=(300, 300)))[0][:30].astype(np.float32)
    few = [rng.normal(size=(n, 30)).astype(np.float32) for n in (50, 90)]
    found = main_directions([one @ turned for one in few])
    for one, other in zip(found, few, strict=True):
        assert one.shape == (len(other), 32)
        np.testing.assert_allclose(one @ one.T, other @ other.T, atol=1e-3)
    assert main_directions(few)[0] is few[0], "nothing to leave out"


def test_bursts_are_drawn_in_and_all_else_is_left(rng: np.random.Generator) -> None:
    calm = [rng.normal(size=(n, 4)).astype(np.float32) for n in (200, 300)]
    for one, same in zip(calm, drawn_in(calm), strict=True):
        np.testing.assert_array_equal(same, one)
    bursts = [one.copy() for one in calm]
    bursts[1][17, 2] = 1e3
    found = drawn_in(bursts)
    assert found[1][17, 2] == pytest.approx(7e3 / np.sqrt(300), rel=0.1)
    found[1][17, 2] = bursts[1][17, 2]
    np.testing.assert_array_equal(np.concatenate(found), np.concatenate(bursts))
    assert found[0].dtype == np.float32


@pytest.mark.parametrize("size", [1e20, 3e37])
def test_values_whose_squares_leave_float32_are_left_as_well(
    rng: np.random.Generator, size: float
) -> None:
    large = [(size * rng.normal(size=(n, 4))).astype(np.float32) for n in (200, 300)]
    for one, same in zip(large, drawn_in(large), strict=True):
        np.testing.assert_array_equal(same, one)


def test_many_columns_are_scored_by_their_main_directions(rng: np.random.Generator) -> None:
    features, truth = drawn(rng)
    turned = np.linalg.qr(rng.normal(size=(100, 100)))[0][:16].astype(np.float32)
    wide = [one @ turned for one in features]
    gain = SegmentationScore(wide, [truth]).gain(truth, 4)
    assert gain > SegmentationScore(wide, [truth]).gain([np.roll(one, 40) for one in truth], 4)


def test_an_action_that_was_split_is_found_again(rng: np.random.Generator) -> None:
    truth = [np.repeat(rng.permutation(4), 40) for _ in range(6)]
    centres = 3 * np.eye(4, 5)
    X = [(centres[one] + rng.normal(size=(len(one), 5))).astype(np.float32) for one in truth]
    score = SegmentationScore(X, [truth])
    assert score.alike(truth, 4) == []
    # The later half of action 1 goes by another number.
    split = [np.where((one == 1) & (np.arange(len(one)) % 40 >= 20), 4, one) for one in truth]
    assert score.alike(split, 5)[0] == (1, 4)
