"""The test for a common order: its p value without one, with one, and with a drift instead."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

import asot.discover.order
from asot.data import standardise
from asot.discover.order import DRAWS, OrderEvidence, find_order
from asot.simulation import make_recordings

RARE = 1e-5  # how often a count leaves its bounds by chance


def evidence_for(features: list[np.ndarray]) -> OrderEvidence:
    return find_order([standardise(one) for one in features])


def drifting(
    features: list[np.ndarray], kind: str, amplitude: float, rng: np.random.Generator
) -> list[np.ndarray]:
    """Move all recordings alike over time, ``amplitude`` times as far as two actions lie apart."""
    width = features[0].shape[1]
    way = rng.normal(size=width)
    way *= amplitude * np.sqrt(2 * width) / np.linalg.norm(way)
    moved = []
    for one in features:
        place = np.linspace(0, 1, len(one))[:, None]
        path = place if kind == "linear" else (1 - np.exp(-2 * place)) / (1 - np.exp(-2))
        moved.append(one + path * way)
    return moved


@pytest.mark.parametrize(("n_actions", "n_sets"), [(2, 200), (4, 100)])
def test_without_an_order_p_is_what_it_says(
    n_actions: int, n_sets: int, rng: np.random.Generator
) -> None:
    p_values = []
    for _ in range(n_sets):
        n_recordings = int(rng.integers(3, 9))
        made = make_recordings(n_recordings, n_actions, (60, 120), order="varied", random_state=rng)
        p_values.append(evidence_for(list(made.features)).p_value)
    for level in (0.05, 0.1, 0.5):
        # About, not exact: 6 % of 300 sets with four actions had a p of at most .05.
        count = sum(p <= level for p in p_values)
        assert count <= binom.isf(RARE, n_sets, min(1.6 * level, 0.6))
        assert count >= binom.ppf(RARE, n_sets, 0.7 * level)


@pytest.mark.parametrize("kind", ["linear", "exponential"])
@pytest.mark.parametrize("amplitude", [0.1, 1.0, 3.0])
def test_a_drift_is_no_order(
    kind: str, amplitude: float, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_sets = 15
    sets = []
    for _ in range(n_sets):
        made = make_recordings(12, 5, (100, 200), order="varied", random_state=rng)
        sets.append(drifting(list(made.features), kind, amplitude, rng))
    assert sum(evidence_for(one).strength > 0 for one in sets) <= binom.isf(RARE, n_sets, 0.3)
    if amplitude >= 1:
        monkeypatch.setattr(asot.discover.order, "_drift_p_value", lambda *_: 1.0)
        assert all(evidence_for(one).strength == 1 for one in sets)


@pytest.mark.parametrize("kind", ["none", "linear", "exponential"])
def test_an_order_is_found_beside_a_drift(kind: str, rng: np.random.Generator) -> None:
    n_sets = 12
    found = 0
    for _ in range(n_sets):
        features = list(make_recordings(12, 6, (100, 200), random_state=rng).features)
        if kind != "none":
            features = drifting(features, kind, 1.0, rng)
        found += evidence_for(features).strength == 1
    assert found >= binom.ppf(RARE, n_sets, 0.85 if kind == "none" else 0.5)


def in_order(
    order: list[int], n_recordings: int, swaps: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Lay actions in one order, in which each recording swaps some neighbours."""
    points = rng.normal(size=(max(order) + 1, 16))
    features = []
    for _ in range(n_recordings):
        own = np.array(order)
        for at in rng.integers(len(own) - 1, size=swaps):
            own[[at, at + 1]] = own[[at + 1, at]]
        labels = np.repeat(own, rng.integers(15, 50, size=len(own)))
        features.append(points[labels] + rng.normal(size=(len(labels), 16)))
    return features


@pytest.mark.parametrize(
    ("order", "n_recordings", "swaps"),
    [
        pytest.param([0, 1, 2, 3, 4, 5], 5, 0, id="five recordings"),
        pytest.param([0, 1, 2, 3, 4, 5], 10, 2, id="swapped neighbours"),
        pytest.param([0, 1, 0, 2, 1, 3, 0, 2], 10, 1, id="repeated actions"),
    ],
)
def test_a_loose_order_is_found(
    order: list[int], n_recordings: int, swaps: int, rng: np.random.Generator
) -> None:
    n_sets = 25
    found = sum(
        evidence_for(in_order(order, n_recordings, swaps, rng)).strength for _ in range(n_sets)
    )
    assert found >= binom.ppf(RARE, n_sets, 0.6)


def test_an_order_is_beyond_noise_and_noise_is_not(rng: np.random.Generator) -> None:
    n_sets = 20
    ordered = [in_order([0, 1, 2, 3, 4, 5], 10, 0, rng) for _ in range(n_sets)]
    assert sum(evidence_for(one).beyond_noise for one in ordered) >= binom.ppf(RARE, n_sets, 0.9)
    noise = rng.normal(size=(n_sets, 6, 100, 4))
    for sets in (noise, noise.cumsum(axis=2)):
        found = sum(evidence_for(list(one)).beyond_noise for one in sets)
        assert found <= binom.isf(RARE, n_sets, 0.02)


def test_p_is_the_share_of_draws_that_are_as_high(seed: int, rng: np.random.Generator) -> None:
    varied = make_recordings(4, 4, (60, 120), order="varied", random_state=seed)
    X = [standardise(one) for one in varied.features]
    evidence = find_order(X)
    assert len(evidence.by_chance) == DRAWS
    as_high = sum(one >= evidence.share for one in evidence.by_chance)
    assert evidence.p_value == (1 + as_high) / (1 + DRAWS)
    assert evidence.strength == (evidence.p_value <= 0.1)
    assert find_order(X) == evidence
    # Recordings count by what they look like, not by the scale of their features.
    scaled = find_order([one * np.float32(2.0 ** rng.integers(-9, 9)) for one in X])
    assert scaled.p_value == evidence.p_value


def test_backwards_is_an_order_too(rng: np.random.Generator) -> None:
    n_sets = 12
    differ, apart = 0, []
    for _ in range(n_sets):
        features = list(make_recordings(6, 4, random_state=rng).features)
        there, back = evidence_for(features), evidence_for([one[::-1] for one in features])
        differ += there.strength != back.strength
        apart.append(abs(there.share - back.share))
    # Frames fall into other parts: of 400 sets, 19 had an order in one of the directions alone.
    assert differ <= binom.isf(RARE, n_sets, 0.08)
    assert np.median(apart) < 0.1


def test_copies_of_a_recording_share_all(seed: int) -> None:
    one = standardise(make_recordings(1, 4, random_state=seed).features[0])
    evidence = find_order([one] * 5)
    assert evidence.share == pytest.approx(1)
    assert max(evidence.by_chance) <= evidence.share


@pytest.mark.parametrize("n_recordings", [1, 3])
def test_nobody_to_agree_with_or_nothing_to_agree_on(n_recordings: int, seed: int) -> None:
    one = standardise(make_recordings(1, 4, random_state=seed).features[0])
    X = [one] if n_recordings == 1 else [np.ones((20, 4), np.float32)] * n_recordings
    evidence = find_order(X)
    assert (evidence.strength, evidence.p_value, evidence.by_chance) == (0.0, 1.0, [])


@pytest.mark.parametrize("lengths", [[1, 1], [1, 2, 3], [3, 500]])
def test_odd_lengths(lengths: list[int], rng: np.random.Generator) -> None:
    evidence = find_order([rng.normal(size=(n, 3)).astype(np.float32) for n in lengths])
    assert 0 <= evidence.strength <= 1
    assert np.isfinite(evidence.share)
