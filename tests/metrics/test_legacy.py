"""The expectation of the reference's F1, against drawing frames as it does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from asot.metrics import legacy_f1, match
from asot.metrics.scores import majority_probability
from tests.metrics.sequences import noisy_corpus


def simulate(predicted: list, truth: list, n_recordings: int, rng, repeats: int) -> np.ndarray:
    """Draw the reference's F1 again and again, from sequences laid end to end."""
    starts = [i for i in range(len(truth)) if i == 0 or truth[i] != truth[i - 1]]
    ends = [*starts[1:], len(truth) - 1]
    right = np.zeros((repeats, len(starts)), dtype=bool)
    for place, (low, high) in enumerate(zip(starts, ends, strict=True)):
        frames = rng.integers(low, high, size=(repeats, 15), endpoint=True)
        matching = np.array([label == truth[low] for label in predicted])
        right[:, place] = matching[frames].sum(axis=1) > 7.5
    hits = right.sum(axis=1)
    precision, recall = hits / (n_recordings * len(set(truth))), hits / len(starts)
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(2 * precision * recall / (precision + recall))


@pytest.mark.parametrize("exclude", [None, 2])
def test_the_expectation_is_the_mean_of_many_draws(rng: np.random.Generator, exclude) -> None:
    predictions, truths = noisy_corpus(rng)
    matched = match(predictions, truths, exclude=exclude)
    predicted, true = np.concatenate(predictions).tolist(), np.concatenate(truths).tolist()
    named = [matched.matching.get(p) for p, t in zip(predicted, true, strict=True) if t != exclude]
    draws = simulate(named, [t for t in true if t != exclude], len(truths), rng, repeats=4000)
    error = draws.std() / np.sqrt(len(draws))
    # Five standard errors: a seed in a million fails.
    assert abs(legacy_f1(matched.frames) - draws.mean()) < 5 * error + 1e-12


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_the_tail_agrees_with_scipy(fractions: list[float]) -> None:
    expected = binom.sf(7, 15, fractions)
    assert majority_probability(fractions) == pytest.approx(expected, abs=1e-12)


def test_a_segment_reaches_into_the_next_and_recordings_join() -> None:
    """Frame 1 is drawn for the first segment too: half its draws are wrong."""
    alone = majority_probability([0.5])[0]
    frames = match([["a", "b"]], [["a", "b"]], by="name").frames
    assert legacy_f1(frames) == pytest.approx(2 * (alone + 1) / (1 * 2 + 2))
    frames = match([["a"], ["a"]], [["a"], ["a"]], by="name").frames
    assert legacy_f1(frames) == pytest.approx(2 * 1 / (2 * 1 + 1))


def test_a_recording_without_frames_still_counts() -> None:
    frames = match([["a"], ["a"]], [["a"], ["x"]], exclude="x", by="name").frames
    assert legacy_f1(frames) == pytest.approx(2 * 1 / (2 * 1 + 1))


def test_it_can_exceed_one() -> None:
    labels = (["a"] * 20 + ["b"] * 20) * 3
    assert legacy_f1(match([labels], [labels]).frames) > 1.4
