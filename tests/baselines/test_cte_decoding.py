"""CTE's decoding: its Gaussians against SciPy's and its paths against all paths there are."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.cluster import KMeans
from sklearn.covariance import LedoitWolf

from asot.baselines import CTEDecodingSegmenter
from asot.data import standardise
from asot.simulation import make_recordings


def test_the_gaussians_are_of_the_clusters_in_time(X: list[np.ndarray]) -> None:
    segmenter = CTEDecodingSegmenter(3, random_state=0).fit(X)
    frames = np.concatenate([standardise(x) for x in X]).astype(np.float64)
    time = np.concatenate([(np.arange(len(x)) + 0.5) / len(x) for x in X])
    labels = KMeans(3, n_init=10, random_state=0).fit(frames.astype(np.float32)).labels_
    order = np.argsort([time[labels == k].mean() for k in range(3)])
    floor = 1e-3 * frames.var(axis=0).mean() * np.eye(5)
    for found, k in enumerate(order):
        members = frames[labels == k]
        np.testing.assert_allclose(segmenter.means_[found], members.mean(axis=0), atol=1e-9)
        expected = LedoitWolf().fit(members).covariance_ + floor
        np.testing.assert_allclose(segmenter.covariances_[found], expected, atol=1e-9)


def test_the_path_is_the_likeliest_in_order(seed: int) -> None:
    X = [one.features for one in make_recordings(5, 3, (6, 14), width=2, random_state=seed)]
    segmenter = CTEDecodingSegmenter(3, standardise=False, random_state=0).fit(X)
    total = 0.0
    for x, labels in zip(X, segmenter.labels_, strict=True):
        densities = np.stack(
            [
                multivariate_normal(mean, covariance).logpdf(x).reshape(len(x))
                for mean, covariance in zip(segmenter.means_, segmenter.covariances_, strict=True)
            ],
            axis=1,
        )
        steps = combinations_with_replacement(range(3), len(x))
        best = max(
            densities[np.arange(len(x)), path].sum() for path in steps if len(set(path)) == 3
        )
        assert densities[np.arange(len(x)), labels].sum() == pytest.approx(best, abs=1e-8)
        total -= best
    assert segmenter.objective_ == pytest.approx(total / sum(map(len, X)), abs=1e-8)


def test_every_recording_goes_through_all_actions_once(X: list[np.ndarray]) -> None:
    for labels in CTEDecodingSegmenter(6, random_state=0).fit_predict(X):
        assert labels[0] == 0
        assert labels[-1] == 5
        assert set(np.diff(labels).tolist()) <= {0, 1}


def test_clusters_of_one_or_equal_frames_have_a_density() -> None:
    rng = np.random.default_rng(0)
    alone = np.full((1, 3), 40.0)
    equal = np.zeros((10, 3))
    X = np.concatenate([equal, rng.normal(9, 1, (20, 3)), alone])
    segmenter = CTEDecodingSegmenter(3, standardise=False, random_state=0)
    assert segmenter.fit_predict(X).tolist() == [0] * 10 + [1] * 20 + [2]
    assert np.isfinite(segmenter.objective_)
    assert np.linalg.eigvalsh(segmenter.covariances_).min() > 0


def test_fewer_distinct_frames_than_actions_leave_actions_out() -> None:
    X = np.repeat(np.eye(2), 6, axis=0)
    labels = CTEDecodingSegmenter(4, standardise=False, random_state=0).fit_predict(X)
    assert labels.tolist() == [0] * 6 + [1] * 6
