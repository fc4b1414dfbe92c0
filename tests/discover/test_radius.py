"""The time scale: on generated recordings, and how it is chosen from the scores of a ladder."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from asot.data import Recordings, standardise
from asot.discover.prototypes import derived_seed, evenly, learn_prototypes
from asot.discover.radius import (
    FEWEST_RECORDINGS,
    MOST_FRAMES,
    MOST_RECORDINGS,
    STARTING_FRAMES,
    VIEWS,
    ScaledViews,
    choose_radius,
    find_radius,
    ladder,
    searched,
)
from asot.discover.score import SegmentationScore
from asot.discover.views import fit_view
from asot.simulation import make_recordings


@pytest.fixture
def n_actions(rng: np.random.Generator) -> int:
    return int(rng.integers(3, 8))


@pytest.fixture
def recordings(rng: np.random.Generator, n_actions: int, seed: int) -> Recordings:
    length = int(rng.integers(150, 300))
    return make_recordings(
        6,
        n_actions,
        (length, length + 40),
        noise=float(rng.choice([0.5, 1.0])),
        order=["fixed", "varied"][int(rng.integers(2))],
        random_state=seed,
    )


def prepared(features: list[np.ndarray], times: int = 1) -> list[np.ndarray]:
    return [standardise(np.repeat(one, times, axis=0)) for one in features]


def test_segments_at_the_scale_are_about_as_long_as_the_true_ones(
    recordings: Recordings, n_actions: int, seed: int
) -> None:
    X = prepared(recordings.features)
    evidence = find_radius(X, n_actions, seed=seed)
    segment = np.mean([len(one) for one in X]) / n_actions
    at = evidence.radii.index(evidence.chosen)
    assert 0.6 * segment <= evidence.segment_length[at] <= 2.2 * segment
    # Where the frames are clear, the finest scale may do.
    assert 1 <= evidence.chosen <= 0.8 * segment
    assert len(evidence.radii) == len(evidence.score) == len(evidence.segment_length)
    assert max(evidence.score) == 1
    assert evidence.score[at] >= 0.8
    assert min(evidence.segment_length) >= 1
    assert find_radius(X, n_actions, seed=seed) == evidence


def test_it_follows_the_frame_rate(recordings: Recordings, n_actions: int, seed: int) -> None:
    slow = find_radius(prepared(recordings.features), n_actions, seed=seed)
    fast = find_radius(prepared(recordings.features, times=3), n_actions, seed=seed)
    lengths = [one.segment_length[one.radii.index(one.chosen)] for one in (slow, fast)]
    # The radius need not: where frames are clear, a fine one finds the same segments.
    assert 2 < lengths[1] / lengths[0] < 5


@pytest.mark.parametrize("near", [1, 7.3, 30, 1e6])
def test_scales_near_another_are_tried_alone(recordings: Recordings, near: float) -> None:
    every = find_radius(prepared(recordings.features), 3).radii
    evidence = find_radius(prepared(recordings.features), 3, near=near)
    close = [one for one in every if 1 / 3 <= one / near <= 3]
    assert evidence.radii == (close or every)
    assert evidence.chosen in evidence.radii


def test_progress_is_told_for_each_scale(recordings: Recordings) -> None:
    heard: list[tuple[object, ...]] = []
    evidence = find_radius(
        prepared(recordings.features[:2]), 3, progress=lambda *told: heard.append(told)
    )
    total = len(evidence.radii)
    assert heard == [("Finding the time scale", done, total) for done in range(1, total + 1)]


@pytest.mark.parametrize("lengths", [[1], [2, 1], [5, 7]])
def test_recordings_with_no_room_for_scales(lengths: list[int], rng: np.random.Generator) -> None:
    evidence = find_radius([rng.normal(size=(n, 3)).astype(np.float32) for n in lengths], 3)
    assert (evidence.chosen, evidence.radii) == (1, [1])


def test_the_ladder() -> None:
    assert ladder(1) == [1]
    assert ladder(100) == [1, 2, 3, 4, 6, 8, 12, 16]
    for mean in (7, 50.5, 333, 10_000):
        radii = ladder(mean)
        assert radii[-1] * 6 <= mean < radii[-1] * 9 + 6
        assert all(1 < b / a <= 2 for a, b in pairwise(radii))


def test_many_recordings_are_thinned_evenly() -> None:
    many = [np.full((1, 1), i, dtype=np.float32) for i in range(301)]
    kept = [int(one[0, 0]) for one in evenly(many, MOST_RECORDINGS)]
    assert len(kept) == MOST_RECORDINGS
    assert (kept[0], kept[-1]) == (0, 300)
    assert set(np.diff(kept)) <= {10, 11}
    assert [*evenly(many[:5], MOST_RECORDINGS)] == many[:5]


def test_a_search_sees_the_middle_of_long_recordings(rng: np.random.Generator) -> None:
    times = [np.arange(n, dtype=np.float32)[:, None] for n in (30_000, 10, 25_000, 9_000, 40_000)]
    kept = searched(times)
    assert len(kept) == FEWEST_RECORDINGS
    assert sum(map(len, kept)) <= MOST_FRAMES
    for one, whole in zip(kept, evenly(times, FEWEST_RECORDINGS), strict=True):
        assert np.all(np.diff(one[:, 0]) == 1), "without gaps"
        assert one[0, 0] == pytest.approx(len(whole) - 1 - one[-1, 0], abs=1)
    many = [rng.normal(size=(20, 2)).astype(np.float32) for _ in range(99)]
    assert len(searched(many)) == MOST_RECORDINGS


@pytest.mark.parametrize("radius", [1, 6, 24])
def test_each_view_is_labelled_by_its_prototypes(
    recordings: Recordings, radius: int, seed: int
) -> None:
    X = prepared(recordings.features)
    found = ScaledViews(X, radius).labels(3, seed % 1000)
    assert len(found) == len(VIEWS) == 4
    for (kind, sized), labels in zip(VIEWS, found, strict=True):
        assert [len(one) for one in labels] == [len(one) for one in X]
        if radius == 24:  # labelled in steps of three frames
            cuts = [np.flatnonzero(np.diff(one)) + 1 for one in labels]
            assert all((one % 3 == 0).all() for one in cuts)
            continue
        seen = [fit_view(kind, radius, X).apply(one) for one in X]
        frames = STARTING_FRAMES // len(X)
        expected = learn_prototypes(
            seen, 3, radius, sized=sized, restarts=2, frames=frames, seed=seed % 1000
        )
        for one, own in zip(seen, labels, strict=True):
            np.testing.assert_array_equal(expected.labels(one), own)


def test_the_score_is_a_share_of_the_best(recordings: Recordings, n_actions: int) -> None:
    """Recomputed from the labels of all views; scales are compared by one correlation."""
    X = prepared(recordings.features)
    evidence = find_radius(X, n_actions, seed=7)
    tried = [ScaledViews(X, r).labels(n_actions, derived_seed(7, r)) for r in evidence.radii]
    score = SegmentationScore(X, [views[at % 4] for at, views in enumerate(tried)])
    best = np.array([max(score.gain(own, n_actions) for own in views) for views in tried])
    # Ten nats for each squared e-fold that segments are off three and a half radii.
    best -= 10 * np.log(np.array(evidence.segment_length) / (3.5 * np.array(evidence.radii))) ** 2
    np.testing.assert_allclose(evidence.score, best / best.max(), rtol=1e-9)


def test_where_no_scale_describes_anything_the_scores_are_finite(rng: np.random.Generator) -> None:
    for X in (
        [rng.normal(size=(90, 3)).astype(np.float32) for _ in range(3)],
        [np.ones((90, 3), dtype=np.float32)] * 3,
    ):
        evidence = find_radius(X, 4)
        assert max(evidence.score) == 1
        assert np.isfinite(evidence.score).all()


RADII = [1, 2, 3, 4, 6, 8, 12, 16]


def test_a_single_peak_is_taken() -> None:
    assert choose_radius(RADII, [0.1, 0.2, 0.5, 0.9, 1.0, 0.9, 0.5, 0.1]) == 6


def test_of_a_plateau_the_coarsest() -> None:
    assert choose_radius(RADII, [0.1, 0.2, 0.97, 1.0, 0.97, 0.96, 0.94, 0.1]) == 8
    assert choose_radius(RADII, [1.0] * 8) == 16


def test_a_plateau_ends_where_it_falls() -> None:
    """What is good again beyond a dip is another thing: an average over whole actions, say."""
    assert choose_radius(RADII, [1.0, 1.0, 1.0, 0.7, 0.7, 0.97, 0.97, 0.97]) == 2


def test_a_start_that_jumps_does_not_decide() -> None:
    """A single scale counts half: the neighbours of the peak are no better than those of others."""
    assert choose_radius(RADII, [0.1, 0.5, 1.0, 0.5, 0.9, 0.95, 0.9, 0.1]) == 8
    assert choose_radius(RADII, [0.1, 0.2, 0.97, 0.9, 0.97, 0.5, 0.1, 0.1]) == 4


def test_a_single_scale() -> None:
    assert choose_radius([1], [1.0]) == 1


def test_it_is_one_of_the_scales_whatever_the_curve(rng: np.random.Generator) -> None:
    for _ in range(300):
        score = rng.uniform(-1, 1, len(RADII))
        found = choose_radius(RADII, score.tolist())
        assert found in RADII
        assert type(found) is int
        near = np.array([score[0], *score, score[-1]])
        smooth = near[:-2] / 4 + near[1:-1] / 2 + near[2:] / 4
        assert found >= RADII[int(np.argmax(smooth))]


def test_where_scales_differ_by_a_few_nats_segments_of_some_radii_decide(
    rng: np.random.Generator,
) -> None:
    """Noise tells no scale apart."""
    evidence = find_radius([rng.normal(size=(400, 3)).astype(np.float32)], 4)
    ratio = np.array(evidence.segment_length) / np.array(evidence.radii)
    at = evidence.radii.index(evidence.chosen)
    assert 1.5 < ratio[at] < 7
