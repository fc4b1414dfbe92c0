"""k-means, alone and with the transport's decoding, against their parts put together by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

from asot import solve
from asot.baselines import KMeansSegmenter, KMeansTransportSegmenter
from asot.data import standardise
from asot.simulation import make_recordings
from asot.transport import temporal_prior


def test_centres_and_objective_are_scikit_learns(X: list[np.ndarray]) -> None:
    frames = np.concatenate([standardise(x) for x in X])
    expected = KMeans(3, n_init=10, random_state=0).fit(frames)
    found = KMeansSegmenter(3, random_state=0).fit(X)
    np.testing.assert_allclose(found.cluster_centers_, expected.cluster_centers_, atol=1e-5)
    np.testing.assert_array_equal(np.concatenate(found.labels_), expected.labels_)
    assert found.objective_ == pytest.approx(expected.inertia_ / len(frames), rel=1e-5)


def test_centres_are_placed_on_evenly_spaced_frames(X: list[np.ndarray]) -> None:
    chosen = [x[np.round(np.linspace(0, len(x) - 1, 8)).astype(int)] for x in X]
    expected = KMeans(3, n_init=10, random_state=0).fit(np.concatenate(chosen))
    found = KMeansSegmenter(3, standardise=False, frames_per_recording=8, random_state=0).fit(X)
    # A half is rounded either way.
    np.testing.assert_allclose(found.cluster_centers_, expected.cluster_centers_, atol=0.2)
    nearest = [((x[:, None] - found.cluster_centers_) ** 2).sum(axis=2).argmin(axis=1) for x in X]
    np.testing.assert_array_equal(np.concatenate(found.labels_), np.concatenate(nearest))


def test_more_frames_than_there_are_is_all(X: list[np.ndarray]) -> None:
    every = KMeansSegmenter(3, random_state=0).fit(X)
    many = KMeansSegmenter(3, frames_per_recording=1000, random_state=0).fit(X)
    np.testing.assert_array_equal(every.cluster_centers_, many.cluster_centers_)


@pytest.mark.parametrize("order_prior", [0.0, 0.3])
def test_the_decoding_is_solve_on_cosines(X: list[np.ndarray], order_prior: float) -> None:
    options = {"epsilon": 0.05, "alpha": 0.5, "radius": 4, "lambda_actions": 0.1}
    found = KMeansTransportSegmenter(
        3, order_prior=order_prior, standardise=False, random_state=0, **options
    ).fit(X)
    kmeans = KMeansSegmenter(3, standardise=False, random_state=0).fit(X)
    time = np.concatenate([(np.arange(len(x)) + 0.5) / len(x) for x in X])
    labels = np.concatenate(kmeans.labels_)
    order = np.argsort([time[labels == k].mean() for k in range(3)])
    centres = kmeans.cluster_centers_[order]
    np.testing.assert_allclose(found.cluster_centers_, centres, atol=1e-6)
    assert found.objective_ == pytest.approx(kmeans.objective_, rel=1e-4)
    for x, labels in zip(X, found.labels_, strict=True):
        lengths = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(centres, axis=1)
        cost = 1 - x @ centres.T / lengths
        if order_prior > 0:
            cost = cost + temporal_prior(len(x), 3, order_prior)
        expected = solve(cost.astype(np.float64), **options).labels
        assert (labels == expected).mean() > 0.97


def test_actions_are_numbered_in_time(seed: int) -> None:
    X = [one.features for one in make_recordings(4, 5, (200, 250), noise=0.1, random_state=seed)]
    forwards = KMeansTransportSegmenter(5, random_state=0).fit(X)
    for labels in forwards.labels_:
        assert (np.diff(labels) >= 0).mean() > 0.97
    backwards = KMeansTransportSegmenter(5, random_state=0).fit([x[::-1] for x in X])
    for one, other in zip(forwards.labels_, backwards.labels_, strict=True):
        assert (one == 4 - other[::-1]).mean() > 0.95


def test_a_frame_that_is_all_zero_has_no_favourite() -> None:
    X = np.array([[1.0, 0.0]] * 5 + [[0.0, 0.0]] + [[0.0, 1.0]] * 5)
    segmenter = KMeansTransportSegmenter(2, standardise=False, random_state=0)
    assert segmenter.fit_predict(X).tolist()[:5] == [0] * 5
    assert segmenter.labels_[0].tolist()[6:] == [1] * 5
