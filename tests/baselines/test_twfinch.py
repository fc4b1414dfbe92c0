"""TW-FINCH against a dense program after the paper's definition, and a case worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from asot.baselines import TWFINCHSegmenter, twfinch
from asot.simulation import make_recordings


def weights(means: np.ndarray, times: np.ndarray, n_frames: int) -> np.ndarray:
    """Feature distance times time distance; 1, the largest there is, from a node to itself."""
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    w = (1 - unit @ unit.T) * np.abs(times[:, None] - times[None, :]) / n_frames
    np.fill_diagonal(w, np.inf)
    return w


def by_definition(x: np.ndarray, n_clusters: int) -> np.ndarray:
    """The paper's two algorithms, each step on dense matrices and from the frames anew."""
    n = len(x)
    labels = np.arange(n)

    def means(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        groups = [np.flatnonzero(labels == k) for k in range(labels.max() + 1)]
        return np.stack([x[g].mean(0) for g in groups]), np.array([g.mean() for g in groups])

    while labels.max() + 1 > n_clusters:
        w = weights(*means(labels), n)
        _, component = connected_components(w == w.min(axis=1, keepdims=True), directed=False)
        if component.max() + 1 < n_clusters:
            break
        labels = component[labels]
    while labels.max() + 1 > n_clusters:
        w = weights(*means(labels), n)
        one, other = sorted(np.unravel_index(w.argmin(), w.shape))
        labels = np.where(labels == other, one, labels)
        labels = np.unique(labels, return_inverse=True)[1]
    return labels


def same_partition(one: np.ndarray, other: np.ndarray) -> bool:
    pairs = len(set(zip(one.tolist(), other.tolist(), strict=True)))
    return pairs == len(set(one.tolist())) == len(set(other.tolist()))


def segment(x: np.ndarray, n_clusters: int) -> np.ndarray:
    return TWFINCHSegmenter(n_clusters, standardise=False).fit_predict(x)


@given(st.integers(1, 60), st.integers(1, 12), st.booleans(), st.integers(0, 2**32 - 1))
def test_it_follows_the_definition(n: int, k: int, smooth: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    if smooth:
        x = np.cumsum(x, axis=0) / np.sqrt(n) + 2 * rng.normal(size=6)
    labels = segment(x, k)
    assert same_partition(labels, by_definition(x, k))
    assert len(set(labels.tolist())) == min(n, k)


def test_all_levels_of_real_looking_recordings_follow_the_definition(seed: int) -> None:
    for one in make_recordings(3, 6, (250, 350), random_state=seed):
        for k in (2, 6, 40, 150):
            assert same_partition(segment(one.features, k), by_definition(one.features, k))


# Six frames on the circle, at 0, 10, 90, 84, 45 and 41 degrees, in a recording of six.
# 1 - cosine:   0-10 .0152   90-84 .0055   45-41 .0024   10-41 .1428   84-45 .2229   84-41 .2686
#               0-41 .2453   90-45 .2929   10-45 .1808   0-45 .2929    90-41 .3439
# Times the frames between: the nearest of 0 is 1 (.0152), of 1 is 0; 2 and 3 are each other's
# (.0055), 4 and 5 too (.0024). First level: {0,1} {2,3} {4,5}, at 5, 87 and 43 degrees and times
# .5, 2.5, 4.5. Weights: (1 - cos 82) 2 = 1.72, (1 - cos 44) 2 = .561, (1 - cos 38) 4 = .848.
# The nearest of A = {0,1} is C (.848), of B is C (.561), of C is B: one component, less than two.
# For K = 2 the nearest two, B and C, are merged; for K = 4 the first level has too few, so that
# single frames are merged: 4 and 5 (.0024), then 2 and 3 (.0055).
DEGREES = np.deg2rad([0, 10, 90, 84, 45, 41])


@pytest.mark.parametrize(
    "k, expected",
    [
        (1, [0, 0, 0, 0, 0, 0]),
        (2, [0, 0, 1, 1, 1, 1]),
        (3, [0, 0, 1, 1, 2, 2]),
        (4, [0, 1, 2, 2, 3, 3]),
        (5, [0, 1, 2, 3, 4, 4]),
        (6, [0, 1, 2, 3, 4, 5]),
        (9, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_a_case_worked_by_hand(k: int, expected: list[int]) -> None:
    x = np.stack([np.cos(DEGREES), np.sin(DEGREES)], axis=1)
    assert segment(x, k).tolist() == expected
    # Only directions count.
    assert segment(x * 7, k).tolist() == expected


def test_time_decides_among_frames_that_are_alike() -> None:
    a, b = [1.0, 0.0], [0.0, 1.0]
    assert segment(np.array([a] * 5 + [b] * 5 + [a] * 5), 3).tolist() == (
        [0] * 5 + [1] * 5 + [2] * 5
    )
    for constant in (np.zeros((50, 3)), np.ones((50, 3))):
        labels = segment(constant, 4)
        assert (np.diff(labels) >= 0).all()
        assert labels.max() == 3


def test_labels_are_numbered_by_first_appearance(rng: np.random.Generator) -> None:
    labels = segment(rng.normal(size=(80, 3)), 7)
    _, first = np.unique(labels, return_index=True)
    assert (np.diff(first) > 0).all()
    assert labels[0] == 0


def test_others_in_the_corpus_change_nothing(rng: np.random.Generator) -> None:
    X = [rng.normal(size=(n, 4)) for n in (30, 3, 50)]
    together = TWFINCHSegmenter(4).fit_predict(X)
    for x, labels in zip(X, together, strict=True):
        np.testing.assert_array_equal(TWFINCHSegmenter(4).fit_predict(x), labels)
    more = TWFINCHSegmenter(4).fit_predict([*X[::-1], rng.normal(size=(20, 4))])
    for labels, again in zip(together, more[2::-1], strict=True):
        np.testing.assert_array_equal(labels, again)


def test_chunks_change_nothing(rng: np.random.Generator, monkeypatch: Any) -> None:
    x = rng.normal(size=(333, 5))
    expected = segment(x, 5)
    monkeypatch.setattr(twfinch, "CHUNK", 1000)
    np.testing.assert_array_equal(segment(x, 5), expected)


def test_numbers_are_not_shared_between_recordings() -> None:
    assert TWFINCHSegmenter.shared is False
