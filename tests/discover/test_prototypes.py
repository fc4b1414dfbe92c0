"""Prototypes: centres of smoothed features, decoded, with or without a learned order."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

from asot import evaluate
from asot.data import Recordings, standardise
from asot.discover.prototypes import (
    band,
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


def test_a_round_moves_them_to_the_means_of_what_they_got(X: list[np.ndarray], seed: int) -> None:
    start = learn_prototypes(X, 4, 5, rounds=0, seed=seed)
    moved = learn_prototypes(X, 4, 5, rounds=1, seed=seed)
    sums = sum(start.assign(one, 5).T @ unit_rows(moved_mean(one.astype(float), 5)) for one in X)
    np.testing.assert_allclose(moved.centres, unit_rows(np.asarray(sums)), atol=1e-6)


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


def test_labels_are_those_of_the_assignment(X: list[np.ndarray], seed: int) -> None:
    found = learn_prototypes(X, 4, 8, order_weight=0.1, seed=seed)
    for one in X:
        assignment = found.assign(one, 4)
        assert assignment.shape == (len(one), 4)
        np.testing.assert_allclose(assignment.sum(axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(found.labels(one), assignment.argmax(axis=1))


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


def test_no_more_centres_than_frames(rng: np.random.Generator) -> None:
    X = [rng.normal(size=(n, 3)).astype(np.float32) for n in (1, 2)]
    found = learn_prototypes(X, 7, 4)
    assert found.centres.shape == (3, 3)
    assert [len(found.labels(one)) for one in X] == [1, 2]
    assert fit_kmeans(np.zeros((5, 2)), 3, 2, 0).cluster_centers_.shape == (3, 2)


def test_a_radius_that_a_recording_can_have() -> None:
    assert [band(10, n) for n in (1, 2, 9, 20, 100)] == [1, 1, 4, 10, 10]


def test_derived_seeds_differ(seed: int) -> None:
    found = [derived_seed(seed, a, b) for a in range(20) for b in range(20)]
    assert len(set(found)) == len(found)
    assert all(0 <= one < 2**31 for one in found)
    assert derived_seed(seed, 3, 4) == derived_seed(seed, 3, 4)
