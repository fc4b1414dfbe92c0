"""What is drawn small stays true: each bin against a plain loop over its frames."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.page.packing import bin_means, even_bins, liveliest, moments, packed, packed_signal


def unpacked(text: str, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    levels = np.frombuffer(base64.b64decode(text), dtype=np.uint8).astype(float)
    return np.where(levels == 255, np.nan, low + levels / 254 * (high - low))


@given(st.integers(1, 300), st.integers(1, 60))
def test_even_frames_fall_into_bins_of_equal_length(n_frames: int, most: int) -> None:
    bins = even_bins(np.arange(n_frames + 1) / 25.0, most)
    assert len(bins) == min(n_frames, most)
    expected = [int(np.floor(b * n_frames / len(bins) + 1e-9)) for b in range(len(bins))]
    assert bins.tolist() == expected


@given(st.lists(st.floats(0.01, 5.0), min_size=1, max_size=40), st.integers(0, 2**31))
def test_each_moment_shows_the_frame_that_covers_it(gaps: list[float], seed: int) -> None:
    edges = np.cumsum([0.54, *gaps])
    bins = even_bins(edges)
    spacing = (edges[-1] - edges[0]) / len(bins)
    for place, frame in enumerate(bins):
        moment = edges[0] + (place + 1e-3) * spacing
        assert edges[frame] <= moment <= edges[frame + 1] + 1e-9


@given(st.integers(1, 200), st.integers(1, 30), st.integers(0, 2**31))
def test_bins_agree_with_a_loop_over_their_frames(n: int, most: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=n)
    bins = even_bins(np.arange(n + 1.0), most)
    parts = np.split(values, bins[1:])
    np.testing.assert_allclose(bin_means(values, bins), [part.mean() for part in parts])
    signal = packed_signal("x", values, bins)
    level = (signal["high"] - signal["low"]) / 254
    for name, extreme in (("largest", np.max), ("smallest", np.min)):
        drawn = unpacked(signal.get(name, signal["largest"]), signal["low"], signal["high"])
        if n > 1:
            np.testing.assert_allclose(drawn, [extreme(p) for p in parts], atol=level)


@given(st.lists(st.floats(1e-4, 1e4), min_size=1, max_size=40), st.booleans())
def test_the_moments_of_frames_are_those_of_the_clock(gaps: list[float], even: bool) -> None:
    edges = np.cumsum([0.54, *(gaps[:1] * len(gaps) if even else gaps)])
    found = moments(edges)
    if "step" in found:
        drawn = found["start"] + found["step"] * np.arange(len(edges))
    else:
        units = np.frombuffer(base64.b64decode(found["gaps"]), dtype="<u4").cumsum()
        drawn = found["start"] + found["unit"] * np.append(0, units)
    np.testing.assert_allclose(drawn, edges, atol=3e-6)
    assert ("step" in found) or not even or edges[-1] > 1e5


def test_gaps_stay_gaps() -> None:
    assert np.isnan(unpacked(packed([np.nan, 0.5], 0.0, 1.0))).tolist() == [True, False]
    lost = packed_signal("x", [np.nan, np.inf], np.array([0, 1]))
    assert (lost["low"], lost["high"]) == (0.0, 0.0)
    assert np.isnan(unpacked(lost["largest"])).all()


@pytest.mark.parametrize("channels", [1, 12, 30])
def test_the_liveliest_signals_are_those_of_largest_variance(
    channels: int, rng: np.random.Generator
) -> None:
    signals = rng.normal(size=(50, channels)) * rng.uniform(0, 5, size=channels)
    chosen = liveliest(signals.astype(np.float32), 12)
    assert chosen.tolist() == sorted(chosen.tolist())
    assert set(chosen) == set(np.argsort(-signals.var(axis=0))[:12])
