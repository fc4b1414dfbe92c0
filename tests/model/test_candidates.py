"""Which learners vote, in what band, and what becomes of frames alone and the paper's network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from asot import ActionSegmenter, evaluate, solve
from asot.data import standardise
from asot.decoding.boundaries import sharpen_boundaries
from asot.discover.noise import NoiseEvidence
from asot.discover.number import adjusted_rand
from asot.discover.prototypes import Prototypes
from asot.discover.score import SegmentationScore, count_segments
from asot.discover.verdict import Trust, estimate_trust
from asot.model import team as room
from asot.model.recipe import Recipe
from asot.model.team import (
    BANDS,
    CLEARLY,
    PENALTIES,
    SIMPLE,
    SINGLE,
    TEAM,
    WORTH,
    LastDecoding,
    Learner,
    Vote,
    Voters,
    choose_candidate,
    hold_vote,
)
from asot.simulation import make_recordings
from asot.simulation.features import autoregressive

Labels = list[np.ndarray]
K, RADIUS = 4, 12


@pytest.fixture
def settled(make_recipe: Callable[..., Recipe]) -> Recipe:
    return make_recipe(transport_eval={"radius": RADIUS})


@pytest.fixture
def noisy(rng: np.random.Generator) -> tuple[Labels, Labels]:
    """Frames that tell little each by itself, in segments of some dozens."""
    made = make_recordings(6, K, (120, 160), noise=1.0, order="varied", random_state=rng)
    return [standardise(one) for one in made.features], list(made.ground_truth)


@pytest.fixture
def sensors(rng: np.random.Generator) -> tuple[Labels, Labels]:
    """Binary sensors, wrong once in twenty times; most segments last a moment, some long."""
    patterns = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1], [1, 0, 0, 1]]).repeat(4, axis=1)
    features, labels = [], []
    for _ in range(6):
        lengths = np.minimum(2 + 2 * rng.pareto(1.0, size=30), 60).astype(int)
        truth = np.repeat((rng.integers(1, K, size=30).cumsum()) % K, lengths)
        wrong = rng.random((len(truth), 16)) < 0.05
        features.append((patterns[truth] ^ wrong).astype(np.float32))
        labels.append(truth)
    return features, labels


def told(rng: np.random.Generator, truth: Labels, wrong: float) -> Labels:
    """Labels of a learner that is wrong in a share of stretches of eight frames."""
    names = rng.permutation(K)
    found = []
    for one in truth:
        stretches = np.repeat(rng.random(len(one) // 8 + 1) < wrong, 8)[: len(one)]
        others = np.repeat(rng.integers(K, size=len(one) // 8 + 1), 8)[: len(one)]
        found.append(names[np.where(stretches, others, one)])
    return found


def smoothed(truth: Labels, half: int) -> Labels:
    """Labels that are the commonest within a window, so that short segments are lost."""
    from asot.discover.prototypes import window_mean

    return [window_mean(np.eye(K)[one], half).argmax(axis=1) for one in truth]


def nearest(features: Labels, truth: Labels) -> Labels:
    """The action whose mean is nearest to each frame."""
    rows, joined = np.concatenate(features), np.concatenate(truth)
    means = np.stack([rows[joined == k].mean(axis=0) for k in range(K)])
    return [((one[:, None] - means) ** 2).sum(axis=2).argmin(axis=1) for one in features]


def candidate(name: str, *labels: Labels) -> Voters:
    model = Prototypes(np.eye(K), 0)
    learners = [Learner(f"{name} {at}", None, model) for at in range(len(labels))]
    return Voters(name, learners, list(labels))


def test_where_frames_tell_little_the_team_votes(
    noisy: tuple[Labels, Labels], settled: Recipe, rng: np.random.Generator
) -> None:
    features, truth = noisy
    team = candidate(TEAM, *(told(rng, truth, 0.1) for _ in range(5)))
    # As k-means of frames: flickering wherever noise leads elsewhere.
    flickering = [
        np.where(rng.random(len(one)) < 0.2, rng.integers(K, size=len(one)), one) for one in truth
    ]
    simple, single = candidate(SIMPLE, flickering), candidate(SINGLE, told(rng, truth, 0.2))
    found = choose_candidate([team, simple, single], features, settled, K, RADIUS)
    assert found.choice.chosen == TEAM
    assert found.choice.names == [TEAM, SIMPLE, SINGLE]
    assert found.learners is team.learners
    assert found.vote.weights.shape == (5,)
    assert found.trust.agreement > 0.7
    assert 0.8 < found.trust.share <= 1


def test_where_frames_tell_all_they_vote_alone(
    sensors: tuple[Labels, Labels], settled: Recipe, rng: np.random.Generator
) -> None:
    features, truth = sensors
    right = nearest(features, truth)
    assert np.mean(np.concatenate(right) == np.concatenate(truth)) > 0.97
    team = candidate(TEAM, *(smoothed(truth, half) for half in (8, 10, 12)))
    simple = candidate(SIMPLE, right, smoothed(truth, 8))
    single = candidate(SINGLE, smoothed(truth, 12))
    found = choose_candidate([team, simple, single], features, settled, K, RADIUS)
    assert found.choice.chosen == SIMPLE
    assert found.learners is simple.learners


@pytest.mark.parametrize(("gain", "chosen"), [(-95.0, SIMPLE), (-105.0, TEAM)])
def test_frames_that_nothing_describes_are_told_by_the_better_description(
    sensors: tuple[Labels, Labels],
    settled: Recipe,
    monkeypatch: pytest.MonkeyPatch,
    gain: float,
    chosen: str,
) -> None:
    features, truth = sensors[0][:1], sensors[1][:1]
    right = nearest(*sensors)[:1]

    def worse_than_none(score: SegmentationScore, labels: Labels, n_actions: int) -> float:
        return gain if labels is right else -100.0

    monkeypatch.setattr(SegmentationScore, "gain", worse_than_none)
    team, simple = candidate(TEAM, truth, truth), candidate(SIMPLE, right)
    found = choose_candidate([team, simple], features, settled, K, RADIUS)
    assert found.choice.chosen == chosen


def test_a_result_is_as_right_as_the_team_finds_it(
    sensors: tuple[Labels, Labels],
    settled: Recipe,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not as those that vote find it, which may be all alike."""
    asked = []

    def spy(seen: Labels, result: Labels, **told: Any) -> Trust | None:
        asked.append(result)
        return estimate_trust(seen, result, **told)

    monkeypatch.setattr(room, "estimate_trust", spy)
    features, truth = sensors
    right = nearest(features, truth)
    team = candidate(TEAM, *(smoothed(truth, half) for half in (8, 10, 12)))
    found = choose_candidate([team, candidate(SIMPLE, right, right)], features, settled, K, RADIUS)
    assert found.choice.chosen == SIMPLE
    result = np.concatenate(asked[0])
    own, *others = (adjusted_rand(result, np.concatenate(one)) for one in (right, *team.labels))
    assert min(others) - 1e-9 <= found.trust.agreement <= max(others) + 1e-9 < own


@pytest.mark.parametrize("beyond_noise", [True, False])
def test_prototypes_with_size_are_taken_where_they_are_clearly_better_than_noise(
    noisy: tuple[Labels, Labels],
    settled: Recipe,
    monkeypatch: pytest.MonkeyPatch,
    beyond_noise: bool,
) -> None:
    features, truth = noisy
    told_noise = NoiseEvidence(3.5 if beyond_noise else 2.5, 0.0)
    monkeypatch.setattr(room, "compare_with_noise", lambda *given: told_noise)
    monkeypatch.setattr(room, "CLEARLY", CLEARLY / 3)  # some draws tell no more
    useless = [0 * one for one in truth]
    team, simple = candidate(TEAM, useless, useless), candidate(SIMPLE, useless, truth, truth)
    found = choose_candidate([team, simple], features, settled, K, RADIUS)
    assert found.choice.gain[1] > found.choice.gain[0] + CLEARLY / 3
    assert found.choice.chosen == (SIMPLE if beyond_noise else TEAM)


def test_the_papers_network_is_taken_where_it_is_clearly_better(
    noisy: tuple[Labels, Labels],
    settled: Recipe,
    monkeypatch: pytest.MonkeyPatch,
    rng: np.random.Generator,
) -> None:
    features, truth = noisy
    useless = [0 * one for one in truth]
    team, simple = candidate(TEAM, useless, useless), candidate(SIMPLE, useless)
    asked = [team, simple, candidate(SINGLE, truth)], features, settled, K, RADIUS
    with monkeypatch.context() as patched:
        patched.setattr(room, "CLEARLY", CLEARLY / 3)  # some draws tell no more
        found = choose_candidate(*asked)
    assert found.choice.chosen == SINGLE
    assert found.choice.gain[2] > found.choice.gain[0] + CLEARLY / 3
    assert found.trust.agreement == pytest.approx(0), "with the team, not with itself"
    assert found.trust.verdict == "weak"
    # A little better is not enough: one network alone has no vote to show doubt.
    close = candidate(TEAM, *(told(rng, truth, 0.05) for _ in range(5)))
    found = choose_candidate([close, candidate(SINGLE, truth)], features, settled, K, RADIUS)
    assert found.choice.chosen == TEAM


def test_what_learners_are_worth_counts_beside_what_the_vote_is_told(
    noisy: tuple[Labels, Labels], rng: np.random.Generator
) -> None:
    truth = noisy[1]
    own, told_worth = rng.uniform(0.5, 1.5, (2, 4))
    voters = candidate(TEAM, *(told(rng, truth, 0.3) for _ in range(4)))
    weights = voters.vote(K)[0].weights * (own * told_worth) ** 2
    vote = replace(voters, worth=own).vote(K, told_worth)[0]
    np.testing.assert_allclose(vote.weights, weights / weights.sum())


def test_a_team_alone_is_chosen(noisy: tuple[Labels, Labels], settled: Recipe) -> None:
    features, truth = noisy
    found = choose_candidate([candidate(TEAM, truth)], features, settled, K, RADIUS)
    assert (found.choice.chosen, found.choice.names) == (TEAM, [TEAM])
    assert found.trust.agreement > 0.8


def test_weights_and_the_band_follow_the_score_if_it_is_worth_it(
    noisy: tuple[Labels, Labels],
    settled: Recipe,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features, truth = noisy
    # Some draws of so much noise are no more than that.
    monkeypatch.setattr(room, "compare_with_noise", lambda *given: NoiseEvidence(4.5, 0.0))
    team = candidate(TEAM, *(told(rng, truth, 0.3) for _ in range(3)))
    found = choose_candidate([team], features, settled, K, RADIUS)
    joined = [np.concatenate(one) for one in team.labels]

    def decoded(vote: Vote, decoding: LastDecoding) -> Labels:
        return [
            decoding.solve(vote.shares(list(own)), frames, settled).labels.numpy()
            for frames, *own in zip(features, *team.labels, strict=True)
        ]

    likely = decoded(hold_vote(joined, K), LastDecoding())
    score = SegmentationScore(features, [likely])
    # Learners that describe the frames better have more say.
    described = np.array([score.gain(one, K) for one in team.labels]) / count_segments(likely)
    vote = hold_vote(joined, K, np.maximum(described, 0) + CLEARLY)
    np.testing.assert_allclose(found.vote.weights, vote.weights)
    ways = [LastDecoding(one, two) for one in BANDS for two in PENALTIES]
    tried = {decoding: decoded(vote, decoding) for decoding in ways}
    gains = {decoding: score.gain(labels, K) for decoding, labels in tried.items()}
    first, best = LastDecoding(BANDS[0], PENALTIES[0]), max(gains, key=lambda one: gains[one])
    segments = sum(1 + int((np.diff(one) != 0).sum()) for one in tried[first])
    is_better = gains[best] > gains[first] + WORTH * segments
    assert found.decoding == (best if is_better else first)
    labels = tried[found.decoding]
    segments = sum(1 + int((np.diff(one) != 0).sum()) for one in labels)
    assert found.choice.gain == [pytest.approx(gains[found.decoding] / segments)]
    shares = [vote.shares(list(own)) for own in zip(*team.labels, strict=True)]
    given = [own[np.arange(len(one)), one] for own, one in zip(shares, labels, strict=True)]
    assert found.trust.share == pytest.approx(np.concatenate(given).mean())


@pytest.mark.parametrize("radius, frames", [(12, 12), (0.1, 10)])
def test_a_vote_is_decoded_in_its_band(
    radius: float, frames: int, make_recipe: Callable[..., Recipe], rng: np.random.Generator
) -> None:
    recipe = make_recipe(transport_eval={"radius": radius, "epsilon": 0.05, "alpha": 0.5})
    features = rng.normal(size=(100, 3)).astype(np.float32)
    shares = rng.dirichlet(np.ones(K), size=100)
    found = LastDecoding(0.25, 0.005).solve(shares, features, recipe)
    expected = solve(
        torch.from_numpy((1 - shares).astype(np.float32)),
        **{"epsilon": 0.05, "alpha": 0.5, "radius": round(frames / 4), "lambda_actions": 0.005},
    )
    np.testing.assert_array_equal(found.assignment, expected.assignment)
    sharp = sharpen_boundaries(expected.labels.numpy(), features, round(frames / 4))
    np.testing.assert_array_equal(found.labels, sharp)


@pytest.mark.parametrize("n_frames", [1, 2, 5])
def test_a_band_fits_into_any_recording(
    n_frames: int, settled: Recipe, rng: np.random.Generator
) -> None:
    frames = rng.normal(size=(n_frames, 3)).astype(np.float32)
    shares = np.eye(K)[rng.integers(K, size=n_frames)]
    for share in (*BANDS, 1e-6, 50.0):
        assert len(LastDecoding(share).solve(shares, frames, settled).labels) == n_frames


SMALL = {"team": 1, "n_init": 2, "frames_per_recording": 64, "device": "cpu"}


def test_what_a_team_says_of_itself(seed: int, rng: np.random.Generator) -> None:
    """Clear recordings are not weak, and noise is nothing else."""
    made = make_recordings(8, K, (100, 160), noise=0.2, random_state=seed)
    clear = ActionSegmenter(K, epochs=3, random_state=seed, **SMALL).fit(made.features)
    trust = clear.model_.trust
    assert trust.verdict in ("good", "mixed")
    right = evaluate(clear.labels_, made.ground_truth)["mof"]
    assert trust.estimate == pytest.approx(right, abs=0.4)
    noise = [autoregressive(150, 8, 0.8, rng).astype(np.float32) for _ in range(6)]
    none = ActionSegmenter(K, epochs=1, random_state=seed, **SMALL).fit(noise)
    assert none.model_.trust.verdict == "weak"


@pytest.mark.parametrize("kind", ["a single recording", "noise"])
def test_agreement_alone_weighs_where_no_score_can_be_trusted(
    kind: str,
    noisy: tuple[Labels, Labels],
    settled: Recipe,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    features, truth = noisy
    monkeypatch.setattr(room, "compare_with_noise", lambda *given: NoiseEvidence(2.5, 2.9))
    if kind == "a single recording":
        features, truth = features[:1], truth[:1]
    team = candidate(TEAM, *(told(rng, truth, 0.3) for _ in range(3)))
    found = choose_candidate([team], features, settled, K, RADIUS)
    plain = hold_vote([np.concatenate(one) for one in team.labels], K)
    np.testing.assert_array_equal(found.vote.weights, plain.weights)
    ordered = choose_candidate([team], features, settled, K, RADIUS, one_order=True)
    np.testing.assert_array_equal(ordered.vote.weights, plain.weights)
    if kind == "noise":  # but for an order that they share
        assert not found.trust.beyond_noise
        assert ordered.trust.beyond_noise
