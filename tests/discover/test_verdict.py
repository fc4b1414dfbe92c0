"""How right a result is, as estimated: by its definition, and where the answer is known."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, silhouette_score

from asot.data import standardise
from asot.discover.verdict import (
    GOOD,
    KAPPA,
    MIXED,
    SILHOUETTE,
    Trust,
    borne_out,
    estimate_trust,
    verdict_on_recording,
)
from asot.simulation import make_recordings
from asot.simulation.features import autoregressive

SURE = {"agreement": 0.9, "share": 0.9}


def in_steps(*segments: tuple[int, float, int]) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of (action, value, frames)."""
    labels, values, lengths = zip(*segments, strict=True)
    frames = np.repeat(np.array(values, dtype=np.float32), lengths)[:, None]
    return frames, np.repeat(np.array(labels), lengths)


def separated(rng: np.random.Generator, n_actions: int = 4) -> tuple[list[np.ndarray], ...]:
    """Recordings whose actions lie far apart, and the truth."""
    made = make_recordings(6, n_actions, (100, 160), noise=0.3, order="varied", random_state=rng)
    return [standardise(one) for one in made.features], list(made.ground_truth)


def unrelated(rng: np.random.Generator) -> list[np.ndarray]:
    """Recordings of noise that share nothing."""
    return [autoregressive(150, 8, 0.8, rng).astype(np.float32) for _ in range(6)]


def test_recordings_bear_each_other_out_by_kappa_over_frames() -> None:
    first, ours = in_steps((0, 0.0, 4), (1, 10.0, 6))
    # The last two stretches are one segment of mean 46 / 11, which lies nearer to the first
    # recording's 0 than to its 1; as a teacher it tells that recording's segments rightly.
    second, theirs = in_steps((0, 0.0, 5), (1, 2.0, 8), (1, 10.0, 3))
    actions = np.concatenate([ours, theirs])
    said = np.concatenate([ours, np.zeros(16, dtype=int)])
    kappa = cohen_kappa_score(actions, said)
    assert 0 < kappa < KAPPA
    found = borne_out([first, second], [ours, theirs])
    assert found == pytest.approx(kappa / KAPPA)


def test_borne_out_wholly_and_not_at_all() -> None:
    first, ours = in_steps((0, 0.0, 4), (1, 10.0, 6), (2, 20.0, 5))
    second, theirs = in_steps((1, 9.0, 9), (2, 21.0, 2), (0, 1.0, 3))
    assert borne_out([first, second], [ours, theirs]) == 1
    assert borne_out([first, second], [ours, (theirs + 1) % 3]) == 0


def test_units_and_names_do_not_matter(rng: np.random.Generator) -> None:
    features, truth = separated(rng)
    wrong = [np.roll(one, len(one) // 4) for one in truth]
    plain = borne_out(features, wrong)
    names, unit = rng.permutation(4), np.float32(2.0 ** rng.integers(-9, 9))
    assert borne_out([unit * one for one in features], wrong) == pytest.approx(plain, abs=1e-6)
    assert borne_out(features, [names[one] for one in wrong]) == pytest.approx(plain)


def test_a_single_recording_is_borne_out_by_its_silhouette(rng: np.random.Generator) -> None:
    labels = np.repeat([0, 1, 0, 2, 1, 2], rng.integers(5, 20, size=6))
    rows = (rng.normal(size=(len(labels), 3)) + 0.3 * labels[:, None]).astype(np.float32)
    ends = [0, *(np.flatnonzero(np.diff(labels)) + 1), len(labels)]
    means = np.array([rows[a:b].mean(axis=0) for a, b in pairwise(ends)])
    expected = silhouette_score(means, [0, 1, 0, 2, 1, 2]) / SILHOUETTE
    assert borne_out([rows], [labels]) == pytest.approx(np.clip(expected, 0, 1), abs=1e-5)
    assert borne_out([rows], [np.sort(labels)]) == 0, "each action once: nothing comes again"


def test_one_action_everywhere_bears_out_nothing(rng: np.random.Generator) -> None:
    features = unrelated(rng)
    labels = [np.full(len(one), 2) for one in features]
    for count in (1, 2, 6):
        assert borne_out(features[:count], labels[:count]) == 0
    assert estimate_trust(features, labels, **SURE).verdict == "weak"


@pytest.mark.parametrize("lengths", [[1], [1, 1], [2, 1, 1]])
def test_hardly_any_frames(lengths: list[int], rng: np.random.Generator) -> None:
    features = [rng.normal(size=(n, 3)).astype(np.float32) for n in lengths]
    labels = [rng.integers(3, size=n) for n in lengths]
    assert 0 <= borne_out(features, labels) <= 1
    blank = [np.zeros((n, 3), dtype=np.float32) for n in lengths]
    assert 0 <= borne_out(blank, labels) <= 1


@given(st.floats(-1, 1))
def test_the_estimate_is_what_its_parts_say(agreement: float) -> None:
    features, labels = zip(
        in_steps((0, 0.0, 4), (1, 10.0, 6), (2, 20.0, 5)),
        in_steps((1, 9.0, 9), (2, 21.0, 2), (0, 1.0, 3)),
        strict=True,
    )
    trust = estimate_trust(features, labels, agreement=agreement, share=0.7)
    raw = (1 + 2 * agreement) / 3
    assert trust.estimate == pytest.approx(min(max(raw, 0.05), 0.95))
    assert (trust.agreement, trust.share, trust.borne_out) == (agreement, 0.7, 1.0)
    words = "good" if trust.estimate >= GOOD else "mixed" if trust.estimate >= MIXED else "weak"
    assert trust.verdict == words
    assert Trust(**trust.to_dict()) == trust


def test_well_separated_shared_actions_are_good(rng: np.random.Generator) -> None:
    trust = estimate_trust(*separated(rng), **SURE)
    assert trust.borne_out > 0.95
    assert (trust.verdict, trust.estimate >= GOOD) == ("good", True)


def test_two_actions_are_mixed_at_best(rng: np.random.Generator) -> None:
    features, truth = separated(rng)
    few = estimate_trust(features, [np.minimum(one, 1) for one in truth], **SURE)
    assert few.verdict in ("mixed", "weak")
    steps = in_steps((0, 0.0, 4), (1, 10.0, 6)), in_steps((1, 10.0, 9), (0, 0.0, 3))
    both = estimate_trust(*zip(*steps, strict=True), **SURE)
    assert both.estimate >= GOOD
    assert both.verdict == "mixed"


def test_noise_is_weak_however_much_learners_agree(rng: np.random.Generator) -> None:
    features = unrelated(rng)
    labels = [np.repeat(rng.integers(4, size=10), 15) for _ in features]
    trust = estimate_trust(features, labels, **SURE)
    assert trust.verdict == "weak"
    assert trust.borne_out < 0.6


@given(st.floats(0.05, 0.95), st.floats(0.02, 0.98), st.lists(st.floats(0, 1), min_size=2))
def test_the_confidence_grows_with_the_share_from_the_estimate(
    estimate: float, share: float, shares: list[float]
) -> None:
    trust = Trust("mixed", estimate, 0.5, 1.0, share)
    assert float(trust.confidence(share)) == pytest.approx(estimate)
    found = trust.confidence(sorted(shares))
    assert (np.diff(found) >= 0).all()
    assert ((found > 0) & (found < 1)).all()
    for one in found[np.array(sorted(shares)) > share + 1e-3]:
        assert one >= estimate - 1e-12


def test_the_confidence_grows_with_the_estimate() -> None:
    trust = Trust("mixed", 0.3, 0.5, 1.0, 0.6)
    shares = np.linspace(0, 1, 11)
    found = [replace(trust, estimate=one).confidence(shares) for one in (0.3, 0.5, 0.9)]
    assert (np.diff(found, axis=0) > 0).all()
    # Odds, so that shares move a frame by the same factor whatever the estimate.
    odds = [one / (1 - one) for one in found]
    np.testing.assert_allclose(odds[0] / odds[0][5], odds[2] / odds[2][5], rtol=1e-9)


def test_of_a_single_recording_without_repeats_nothing_is_known(rng: np.random.Generator) -> None:
    """As of a clip with six shots: nothing bears any of them out."""
    labels = np.repeat(np.arange(4), 30)
    rows = (np.eye(4)[labels] + 0.1 * rng.normal(size=(120, 4))).astype(np.float32)
    assert estimate_trust([rows], [labels], **SURE) is None
    again = np.where(labels == 3, 0, labels)
    assert estimate_trust([rows], [again], **SURE) is not None


@pytest.mark.parametrize("whole", ["good", "mixed"])
def test_recordings_have_words_of_their_own(whole: Literal["good", "mixed"]) -> None:
    shares = (GOOD, GOOD - 0.01, MIXED, MIXED - 0.01)
    assert [verdict_on_recording(one, whole) for one in shares] == [
        "good",
        "mixed",
        "mixed",
        "weak",
    ]


def test_no_recording_is_better_than_a_weak_whole() -> None:
    assert {verdict_on_recording(share, "weak") for share in (0.1, 0.7, 1.0)} == {"weak"}
