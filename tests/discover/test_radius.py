"""The time scale: on generated recordings, and how it is chosen from curves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from asot.data import Recordings, standardise
from asot.discover.prototypes import evenly
from asot.discover.radius import (
    MOST_RECORDINGS,
    _principal,
    choose_radius,
    find_radius,
    ladder,
)
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


def test_a_part_of_a_true_segment(recordings: Recordings, n_actions: int, seed: int) -> None:
    X = prepared(recordings.features)
    evidence = find_radius(X, n_actions, seed=seed)
    segment = np.mean([len(one) for one in X]) / n_actions
    assert segment / 6 <= evidence.chosen <= 0.8 * segment
    assert evidence.chosen in evidence.radii
    assert len(evidence.radii) == len(evidence.agreement) == len(evidence.segment_length)
    assert max(evidence.agreement) <= 1
    assert min(evidence.segment_length) >= 1
    assert find_radius(X, n_actions, seed=seed) == evidence


def test_it_follows_the_frame_rate(recordings: Recordings, n_actions: int, seed: int) -> None:
    slow = find_radius(prepared(recordings.features), n_actions, seed=seed)
    fast = find_radius(prepared(recordings.features, times=3), n_actions, seed=seed)
    # 3, but for some steps of the ladder; one that sees frames alone would have 1.
    assert 1.25 < fast.chosen / slow.chosen < 7


def test_progress_is_told_for_each_scale(recordings: Recordings) -> None:
    heard: list[tuple[object, ...]] = []
    evidence = find_radius(
        prepared(recordings.features[:2]), 3, progress=lambda *told: heard.append(told)
    )
    total = len(evidence.radii)
    assert heard == [("Finding the time scale", done, total) for done in range(1, total + 1)]


def test_main_directions_keep_what_few_columns_can_hold(rng: np.random.Generator) -> None:
    turned = np.linalg.qr(rng.normal(size=(300, 300)))[0][:40].astype(np.float32)
    few = [rng.normal(size=(n, 40)).astype(np.float32) for n in (50, 90)]
    found = _principal([one @ turned for one in few])
    for one, other in zip(found, few, strict=True):
        assert one.shape == (len(other), 64)
        np.testing.assert_allclose(one @ one.T, other @ other.T, atol=1e-3)
    assert _principal(few)[0] is few[0], "nothing to leave out"


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
    assert evenly(many[:5], MOST_RECORDINGS) == many[:5]


RADII = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]
# Segments that fit the scales from 4 to 12: as long as 6 to 2.8 radii.
LENGTHS = [9, 14, 19, 22, 25, 28, 40, 44, 46, 50]


def chosen(agreement: list[float], lengths: list[float] = LENGTHS, longest: float = 1e9) -> int:
    return choose_radius(RADII, agreement, lengths, longest)


def test_a_single_peak_is_taken() -> None:
    assert chosen([0.1, 0.2, 0.3, 0.4, 0.9, 0.5, 0.3, 0.2, 0.2, 0.2]) == 6


def test_of_a_plateau_the_coarsest() -> None:
    assert chosen([0.1, 0.2, 0.3, 0.8, 0.8, 0.79, 0.78, 0.3, 0.2, 0.2]) == 12
    # Nine tenths of the peak, not more.
    assert chosen([0.1, 0.2, 0.3, 0.8, 0.75, 0.73, 0.71, 0.3, 0.2, 0.2]) == 8


def test_of_two_peaks_the_coarser_unless_it_is_low() -> None:
    two = [0.1, 0.2, 0.3, 0.9, 0.3, 0.4, 0.75, 0.3, 0.2, 0.2]
    assert chosen(two) == 12
    two[6] = 0.5
    assert chosen(two) == 4


def test_collapse_at_the_coarse_end_is_not_agreement() -> None:
    """One action everywhere: the labellings agree wholly, but segments are as recordings."""
    agreement = [0.1, 0.2, 0.3, 0.5, 0.7, 0.5, 0.3, 1.0, 1.0, 1.0]
    lengths = [9, 14, 19, 22, 25, 28, 40, 200, 200, 200]
    assert chosen(agreement, lengths) == 6, "by the length in radii"
    lengths = [9, 14, 19, 22, 25, 28, 40, 60, 100, 120]
    assert chosen(agreement, lengths, longest=50) == 6, "and by the room for all actions"


def test_trivial_agreement_at_the_fine_end_does_not_count() -> None:
    """Labellings that barely smooth agree with each other, in segments of many radii."""
    agreement = [1.0, 1.0, 0.99, 0.5, 0.7, 0.5, 0.3, 0.3, 0.2, 0.2]
    assert chosen(agreement) == 6
    # Or in segments as short as the window lets them be.
    assert chosen(agreement, [2, 4, 6, 20, 25, 28, 40, 44, 46, 50]) == 6


def test_where_no_scale_fits_the_one_that_comes_closest() -> None:
    none = [2.0 * one for one in RADII]
    none[4] = 2.7 * RADII[4]
    assert chosen([0.5] * 10, none) == 6
    # Long segments in radii are better than short ones.
    long = [20.0 * one if one <= 3 else 2.0 * one for one in RADII]
    assert chosen([0.2, 0.9, 0.1] + [1.0] * 7, long) == 2
    assert choose_radius([1], [1.0], [1.0], 1.0) == 1


def test_labellings_that_agree_less_than_by_chance() -> None:
    below = [-0.3, -0.2, -0.2, -0.2, -0.1, -0.2, -0.2, -0.2, -0.2, -0.3]
    assert chosen(below) == 6


def test_it_is_one_of_the_scales_whatever_the_curves(rng: np.random.Generator) -> None:
    for _ in range(300):
        agreement = rng.uniform(-0.1, 1, len(RADII)).tolist()
        lengths = np.sort(rng.uniform(1, 200, len(RADII))).tolist()
        found = chosen(agreement, lengths, float(rng.uniform(1, 300)))
        assert found in RADII
        assert type(found) is int
