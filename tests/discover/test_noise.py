"""Recordings held against noise of the same rhythm."""

from __future__ import annotations

import numpy as np
import pytest

from asot.data import standardise
from asot.discover.noise import ENDS, NoiseEvidence, compare_with_noise, surrogate
from asot.discover.prototypes import window_mean
from asot.discover.verdict import MIXED, UNTOLD, estimate_trust
from asot.simulation import make_recordings
from asot.simulation.features import autoregressive


@pytest.mark.parametrize("length", [1, 2, 7, 100])
def test_surrogates_keep_spectra_and_cross_spectra(length: int, rng: np.random.Generator) -> None:
    rows = np.cumsum(rng.normal(size=(length, 3)), axis=0).astype(np.float32)
    ends = max(1, min(length // 4, ENDS))
    first, last = rows[:ends].mean(axis=0), rows[-ends:].mean(axis=0)
    line = first + np.linspace(0, 1, length)[:, None] * (last - first)
    drawn = surrogate(rows, rng)
    assert drawn.shape == rows.shape
    assert drawn.dtype == np.float32
    ours, theirs = (np.fft.rfft(one - line, axis=0) for one in (rows, drawn))
    # At half the rate a real signal has no phase, and keeps a share only.
    whole = slice(None, (length + 1) // 2)
    for a in range(3):
        for b in range(3):
            before, after = (one[whole, a] * one[whole, b].conj() for one in (ours, theirs))
            np.testing.assert_allclose(after, before, atol=1e-3 * (1 + np.abs(before).max()))


def test_drifts_rarely_stand_out_from_noise() -> None:
    """Of 8 sets of random walks at most 2; with a jump in place of the drift, most would."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(8):
        walks = [np.cumsum(rng.normal(size=(300, 6)), axis=0) for _ in range(6)]
        prepared = [standardise(window_mean(one, 6)) for one in walks]
        found += compare_with_noise(prepared, 4, 48).beyond_noise
    assert found <= 2


def test_surrogates_differ_from_each_other(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(50, 2)).astype(np.float32)
    assert not np.allclose(surrogate(rows, rng), surrogate(rows, rng))


def test_actions_stand_out_from_noise(rng: np.random.Generator) -> None:
    """Of three sets at least two: of 120, one did not."""
    found = 0
    for order in ("fixed", "varied", "varied"):
        made = make_recordings(6, 4, (100, 160), noise=0.2, order=order, random_state=rng)
        prepared = [standardise(one) for one in made.features]
        found += compare_with_noise(prepared, 4, 12).beyond_noise
    assert found >= 2


def test_noise_rarely_stands_out_from_noise() -> None:
    """Of 20 sets of several kinds, at most 3, with a chance of 1 in 50 each.

    The sets are always the same, as is the answer.
    """
    rng = np.random.default_rng(0)
    kinds = [(150, 8, 0.8, 4), (150, 3, 0.9, 3), (200, 20, 0.0, 5), (200, 2, 0.95, 3)]
    found = 0
    for length, columns, memory, n_actions in kinds:
        for _ in range(5):
            noise = [autoregressive(length, columns, memory, rng) for _ in range(5)]
            prepared = [standardise(one) for one in noise]
            found += compare_with_noise(prepared, n_actions, 12).beyond_noise
    assert found <= 3


def test_what_does_not_stand_out_is_weak(rng: np.random.Generator) -> None:
    made = make_recordings(6, 4, (100, 160), noise=0.3, order="varied", random_state=rng)
    features, truth = [standardise(one) for one in made.features], made.ground_truth
    sure = {"agreement": 0.9, "share": 0.9}
    known, unknown = (
        estimate_trust(features, truth, **sure, beyond_noise=told) for told in (True, False)
    )
    assert known is not None
    assert unknown is not None
    assert known.verdict == "good"
    assert unknown.verdict == "weak"
    assert unknown.estimate == UNTOLD < MIXED


@pytest.mark.parametrize("away", [(2.9, -5.0), (3.5, 0.0), (-1.0, 3.5), (4.5, -9.0), (0.0, 4.5)])
def test_either_may_stand_out_and_more_is_surer(away: tuple[float, float]) -> None:
    found = NoiseEvidence(*away)
    assert found.beyond_noise == (max(away) > 3)
    assert found.surely_beyond == (max(away) > 4)
