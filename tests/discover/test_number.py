"""The number of actions: on generated recordings, and how it is chosen from curves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from asot.data import standardise
from asot.discover.number import choose_numbers, find_n_actions
from asot.simulation import make_recordings


def test_within_two_of_the_truth(seed: int) -> None:
    off = []
    for n_actions in (3, 5, 7):
        recordings = make_recordings(12, n_actions, (100, 140), order="varied", random_state=seed)
        X = [standardise(one) for one in recordings.features]
        evidence = find_n_actions(X, round(120 / n_actions / 3), most=10, seed=seed)
        off.append(abs(evidence.chosen - n_actions))
    # Some few sets of some hundreds have actions that look alike, or in two ways.
    assert np.median(off) <= 2, off
    assert max(off) <= 4, off


def test_the_evidence_goes_together(seed: int) -> None:
    recordings = make_recordings(4, 4, (60, 100), random_state=seed)
    evidence = find_n_actions([standardise(one) for one in recordings.features], 8, seed=seed)
    total = sum(one.n_frames for one in recordings)
    assert evidence.numbers == list(range(2, min(24, total // 16) + 1))
    assert evidence.chosen in evidence.numbers
    assert evidence.chosen == math.ceil(math.sqrt(evidence.stable * evidence.compact))
    assert (evidence.reason == "stability") == (evidence.stable <= evidence.compact)
    curves = evidence.stability, evidence.silhouette, evidence.used
    assert {len(one) for one in curves} == {len(evidence.numbers)}
    for number, used in zip(evidence.numbers, evidence.used, strict=True):
        assert 1 <= used <= number + 1e-9
    assert max(evidence.stability) <= 1 + 1e-9


def test_the_same_seed_finds_the_same(seed: int) -> None:
    recordings = make_recordings(3, 3, (40, 60), random_state=seed)
    X = [standardise(one) for one in recordings.features]
    heard: list[tuple[object, ...]] = []
    first = find_n_actions(X, 5, most=5, seed=seed, progress=lambda *told: heard.append(told))
    assert find_n_actions(X, 5, most=5, seed=seed) == first
    assert heard == [("Counting the actions", done, 4) for done in (1, 2, 3, 4)]


@pytest.mark.parametrize("lengths", [[1], [2, 1], [9]])
def test_no_room_for_more_than_two(lengths: list[int], rng: np.random.Generator) -> None:
    X = [rng.normal(size=(n, 3)).astype(np.float32) for n in lengths]
    evidence = find_n_actions(X, 3)
    assert (evidence.numbers, evidence.chosen) == ([2], 2)


NUMBERS = [2, 3, 4, 5, 6, 7]
COMPACT = [0.5] * 6


def test_stable_up_to_where_starts_differ_twice_in_a_row() -> None:
    assert choose_numbers(NUMBERS, [1, 1, 1, 0.5, 0.5, 0.5], COMPACT) == (4, 7)
    assert choose_numbers(NUMBERS, [1, 0.5, 1, 1, 0.5, 0.5], COMPACT)[0] == 5
    assert choose_numbers(NUMBERS, [1, 1, 1, 1, 1, 1], COMPACT)[0] == 7
    assert choose_numbers(NUMBERS, [0.5] * 6, COMPACT)[0] == 2
    # After the last number nothing is stable.
    assert choose_numbers(NUMBERS, [1, 1, 1, 1, 1, 0.5], COMPACT)[0] == 6


def test_compact_up_to_where_the_silhouette_falls_after_its_best() -> None:
    stable = [1.0] * 6
    assert choose_numbers(NUMBERS, stable, [0.2, 0.3, 0.8, 0.7, 0.5, 0.6])[1] == 5
    assert choose_numbers(NUMBERS, stable, [0.8, 0.3, 0.8, 0.8, 0.8, 0.8])[1] == 2
    assert choose_numbers(NUMBERS, stable, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])[1] == 7


def test_a_single_number() -> None:
    for stability in (1.0, 0.0):
        assert choose_numbers([2], [stability], [0.0]) == (2, 2)


def test_they_are_among_the_numbers_whatever_the_curves(rng: np.random.Generator) -> None:
    for _ in range(300):
        stability = np.where(rng.random(6) < 0.5, 1.0, rng.uniform(0, 1, 6)).tolist()
        silhouettes = rng.uniform(-1, 1, 6).tolist()
        assert set(choose_numbers(NUMBERS, stability, silhouettes)) <= set(NUMBERS)
