"""The permutation test for a common order: its p value with one and without."""

from __future__ import annotations

import numpy as np
import pytest

from asot.data import standardise
from asot.discover.settings import TURNS, find_order
from asot.simulation import make_recordings


def prepared(features: list[np.ndarray]) -> list[np.ndarray]:
    return [standardise(one) for one in features]


def p_value_without_order(seed: int) -> float:
    n_recordings = 2 + seed % 8
    varied = make_recordings(n_recordings, 4, (60, 120), order="varied", random_state=seed)
    return find_order(prepared(varied.features), seed=seed).p_value


def test_without_an_order_p_is_about_uniform() -> None:
    # Drawn once: over 400 draws 11.5 % of the values are at most 0.05, so that other draws of 80
    # may break the bound of a truly uniform p.
    rng = np.random.default_rng(0)
    p_values = np.array([p_value_without_order(int(rng.integers(2**31))) for _ in range(80)])
    # Five standard deviations of the mean, and of the count of false alarms.
    assert abs(p_values.mean() - 0.5) < 5 * np.sqrt(1 / 12 / 80)
    assert (p_values <= 0.05).sum() < 80 * 0.05 + 5 * np.sqrt(80 * 0.05 * 0.95)
    assert (p_values > 0.25).mean() > 0.5


def test_with_an_order_p_is_small(seed: int) -> None:
    fixed = make_recordings(10, 4, (60, 120), random_state=seed)
    evidence = find_order(prepared(fixed.features), seed=seed)
    assert evidence.p_value <= 0.05
    assert evidence.strength == pytest.approx(1 - 2 * evidence.p_value)
    assert evidence.share > np.mean(evidence.by_chance)


def test_p_is_the_share_of_turns_that_are_as_high(seed: int) -> None:
    varied = make_recordings(4, 4, (60, 120), order="varied", random_state=seed)
    evidence = find_order(prepared(varied.features), seed=seed)
    assert len(evidence.by_chance) == TURNS
    as_high = sum(one >= evidence.share for one in evidence.by_chance)
    assert evidence.p_value == (1 + as_high) / (1 + TURNS)
    assert evidence.strength == max(0.0, 1 - 2 * evidence.p_value)
    assert find_order(prepared(varied.features), seed=seed) == evidence


def test_copies_of_a_recording_share_all(seed: int) -> None:
    one = make_recordings(1, 4, random_state=seed).features[0]
    evidence = find_order(prepared([one] * 5), seed=seed)
    assert evidence.share == pytest.approx(1)
    assert max(evidence.by_chance) <= evidence.share + 1e-9


@pytest.mark.parametrize("n_recordings", [1, 3])
def test_nobody_to_agree_with_or_nothing_to_agree_on(n_recordings: int, seed: int) -> None:
    one = make_recordings(1, 4, random_state=seed).features[0]
    X = prepared([one]) if n_recordings == 1 else [np.ones((20, 4), np.float32)] * n_recordings
    evidence = find_order(X, seed=seed)
    assert (evidence.strength, evidence.p_value, evidence.by_chance) == (0.0, 1.0, [])


@pytest.mark.parametrize("lengths", [[1, 1], [1, 2, 3], [3, 500]])
def test_odd_lengths(lengths: list[int], rng: np.random.Generator) -> None:
    evidence = find_order([rng.normal(size=(n, 3)).astype(np.float32) for n in lengths])
    assert 0 <= evidence.strength <= 1
    assert np.isfinite(evidence.share)
