"""Prototypes: centres of smoothed features, decoded, with or without a learned order."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

from asot import evaluate
from asot.data import Recordings, standardise
from asot.discover.prototypes import (
    Prototypes,
    band,
    decoded,
    derived_seed,
    fit_kmeans,
    learn_prototypes,
    places,
    unit_rows,
    window_mean,
)
from asot.simulation import make_recordings


@pytest.fixture
def recordings(seed: int) -> Recordings:
    return make_recordings(6, 4, (120, 200), noise=0.5, random_state=seed)


@pytest.fixture(name="X")
def prepared(recordings: Recordings) -> list[np.ndarray]:
    return [standardise(one) for one in recordings.features]


def moved_mean(features: np.ndarray, half: int) -> np.ndarray:
    """By the definition: the first and last frame repeated without end."""
    n = len(features)
    around = np.arange(-half, half + 1)
    return np.stack([features[np.clip(i + around, 0, n - 1)].mean(axis=0) for i in range(n)])


def assigned(found: Prototypes, rows: np.ndarray) -> np.ndarray:
    """The soft assignment of rows (N, D) in the space of the centres, by the definition."""
    squares = ((rows[:, None] - found.centres) ** 2).sum(axis=2)
    cost = 1 - rows @ found.centres.T if found.scale is None else squares / 2
    if found.order is not None:
        part = (places(len(rows)) * len(found.order)).astype(int)
        cost = cost - found.order_weight * found.order[part]
    return np.asarray(decoded(cost, found.radius).assignment)


@pytest.mark.parametrize("half", [0, 1, 3, 10])
@pytest.mark.parametrize("n_frames", [1, 2, 9])
def test_window_means_follow_the_definition(
    half: int, n_frames: int, rng: np.random.Generator
) -> None:
    features = rng.normal(size=(n_frames, 3))
    np.testing.assert_allclose(window_mean(features, half), moved_mean(features, half), atol=1e-12)


def test_unit_rows_and_places() -> None:
    assert unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist() == [[0.6, 0.8], [0.0, 0.0]]
    tiny = np.full((1, 2), 1e-15, np.float32)
    np.testing.assert_allclose(unit_rows(tiny, least=1e-30), np.full((1, 2), 0.5**0.5), rtol=1e-5)
    assert places(4).tolist() == [0.125, 0.375, 0.625, 0.875]


def test_without_rounds_they_are_the_k_means_centres(X: list[np.ndarray], seed: int) -> None:
    found = learn_prototypes(X, 4, 5, rounds=0, restarts=3, seed=seed % 1000)
    frames = np.concatenate([unit_rows(moved_mean(one.astype(float), 5)) for one in X])
    expected = KMeans(4, n_init=3, random_state=seed % 1000).fit(frames).cluster_centers_
    np.testing.assert_allclose(found.centres, unit_rows(expected), atol=1e-8)


@pytest.mark.parametrize("sized", [False, True])
def test_a_round_moves_them_to_the_means_of_what_they_got(
    X: list[np.ndarray], sized: bool, seed: int
) -> None:
    start = learn_prototypes(X, 4, 5, rounds=0, sized=sized, seed=seed)
    moved = learn_prototypes(X, 4, 5, rounds=1, sized=sized, seed=seed)
    rows = [moved_mean(one.astype(float), 5) for one in X]
    rows = [one / start.scale if sized else unit_rows(one) for one in rows]
    soft = [assigned(start, one) for one in rows]
    sums = sum(a.T @ one for a, one in zip(soft, rows, strict=True))
    means = np.asarray(sums) / sum(one.sum(axis=0) for one in soft)[:, None]
    np.testing.assert_allclose(moved.centres, means if sized else unit_rows(means), atol=1e-5)
    assert (moved.radius, moved.scale) == (5, start.scale)


@pytest.mark.parametrize("order_weight", [0.0, 0.1])
def test_they_find_generated_actions(seed: int, order_weight: float) -> None:
    scores = []
    for drawn in range(3):
        recordings = make_recordings(
            6, 4, (120, 200), noise=0.5, random_state=np.random.default_rng([seed, drawn])
        )
        X = [standardise(one) for one in recordings.features]
        found = learn_prototypes(X, 4, 8, rounds=2, order_weight=order_weight, seed=seed)
        labels = [found.labels(one) for one in X]
        scores.append(evaluate(labels, recordings.ground_truth)["mof"])
    # A set may have two actions that look alike, or one that takes most of the time.
    assert np.mean(scores) > 0.55, scores


@pytest.mark.parametrize("sized", [False, True])
def test_labels_are_those_of_the_assignment(X: list[np.ndarray], sized: bool, seed: int) -> None:
    found = learn_prototypes(X, 4, 8, order_weight=0.1, sized=sized, seed=seed)
    assert found.order is not None
    for one in X:
        smooth = moved_mean(one.astype(float), 4)
        expected = smooth / found.scale if sized else unit_rows(smooth)
        np.testing.assert_allclose(found.rows(one), expected, atol=1e-9)
        soft = assigned(found, found.rows(one))
        assert soft.shape == (len(one), 4)
        np.testing.assert_array_equal(found.labels(one), soft.argmax(axis=1))


def test_sized_ones_without_a_band_are_the_clusters_of_k_means(
    X: list[np.ndarray], seed: int
) -> None:
    """Frames of one direction whose sizes differ belong to different actions."""
    start = seed % 1000
    found = learn_prototypes(X, 4, 0, rounds=0, sized=True, restarts=3, frames=10**6, seed=start)
    frames = np.concatenate(X).astype(float)
    scale = np.sqrt((frames**2).sum(axis=1).mean())
    assert found.scale == pytest.approx(scale)
    kmeans = KMeans(4, n_init=3, random_state=start).fit(frames / scale)
    np.testing.assert_allclose(found.centres, kmeans.cluster_centers_, atol=1e-8)
    for one in X:
        np.testing.assert_array_equal(found.labels(one), kmeans.predict(one.astype(float) / scale))


def test_size_alone_tells_actions_apart(rng: np.random.Generator) -> None:
    truth = np.repeat([0, 1, 0, 1], [30, 50, 40, 60])
    direction = rng.normal(size=6)
    X = [(np.where(truth, 3.0, 1.0)[:, None] * direction).astype(np.float32)]
    for radius in (0, 5):
        labels = learn_prototypes(X, 2, radius, sized=True).labels(X[0])
        same = labels == (truth if labels[-1] else 1 - truth)
        assert same.mean() > (0.999 if radius == 0 else 0.9)


@pytest.mark.parametrize("radius", [0, 1])
def test_on_unit_rows_they_are_directions(X: list[np.ndarray], radius: int, seed: int) -> None:
    rows = [unit_rows(one) for one in X]
    sized = learn_prototypes(rows, 4, 0, rounds=0, sized=True, seed=seed)
    plain = learn_prototypes(rows, 4, 0, rounds=0, seed=seed)
    assert (plain.scale, sized.scale) == (None, pytest.approx(1, abs=1e-5))
    np.testing.assert_allclose(unit_rows(sized.centres), plain.centres, atol=1e-5)
    # A band of one frame smooths nothing, which would shorten the rows.
    directions = Prototypes(plain.centres, radius)
    points = Prototypes(plain.centres, radius, scale=1.0)
    for one in rows:
        np.testing.assert_array_equal(points.labels(one), directions.labels(one))


@pytest.mark.parametrize("sized", [False, True])
def test_the_unit_of_the_features_does_not_matter(
    X: list[np.ndarray], sized: bool, seed: int, rng: np.random.Generator
) -> None:
    unit = np.float32(2.0 ** rng.integers(-9, 9))
    plain = learn_prototypes(X, 4, 5, sized=sized, seed=seed)
    other = learn_prototypes([unit * one for one in X], 4, 5, sized=sized, seed=seed)
    for one in X:
        np.testing.assert_array_equal(other.labels(unit * one), plain.labels(one))


def test_an_order_that_is_learned_says_where_actions_come(X: list[np.ndarray], seed: int) -> None:
    found = learn_prototypes(X, 4, 8, rounds=3, order_weight=0.1, seed=seed)
    assert found.order is not None
    # How likely each place is, given the action, over the same for any action.
    np.testing.assert_allclose(np.exp(found.order).mean(axis=0), 1)
    assert learn_prototypes(X, 4, 8, seed=seed).order is None
    assert learn_prototypes(X[:2], 4, 8, order_weight=0.1, seed=seed).order is None, "too few"


def test_the_same_seed_gives_the_same(X: list[np.ndarray], seed: int) -> None:
    first, second = (learn_prototypes(X, 4, 8, order_weight=0.1, seed=seed) for _ in range(2))
    np.testing.assert_array_equal(first.centres, second.centres)
    np.testing.assert_array_equal(first.order, second.order)


@pytest.mark.parametrize("sized", [False, True])
def test_no_more_centres_than_frames(sized: bool, rng: np.random.Generator) -> None:
    X = [rng.normal(size=(n, 3)).astype(np.float32) for n in (1, 2)]
    found = learn_prototypes(X, 7, 4, sized=sized)
    assert found.centres.shape == (3, 3)
    assert [len(found.labels(one)) for one in X] == [1, 2]
    assert fit_kmeans(np.zeros((5, 2)), 3, 2, 0).cluster_centers_.shape == (3, 2)


@pytest.mark.parametrize("radius", [0, 4])
def test_frames_without_features(radius: int) -> None:
    X = [np.zeros((n, 3), dtype=np.float32) for n in (1, 9)]
    found = learn_prototypes(X, 2, radius, sized=True)
    assert found.scale == 1.0
    assert [len(found.labels(one)) for one in X] == [1, 9]


def test_a_radius_that_a_recording_can_have() -> None:
    assert [band(10, n) for n in (1, 2, 9, 20, 100)] == [1, 1, 4, 10, 10]


def test_derived_seeds_differ(seed: int) -> None:
    found = [derived_seed(seed, a, b) for a in range(20) for b in range(20)]
    assert len(set(found)) == len(found)
    assert all(0 <= one < 2**31 for one in found)
    assert derived_seed(seed, 3, 4) == derived_seed(seed, 3, 4)
