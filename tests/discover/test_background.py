from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from sklearn.metrics.pairwise import cosine_distances

from asot.data import Recordings, standardise
from asot.discover.background import (
    BackgroundEvidence,
    background_frames,
    find_background,
    frame_distances,
    reference_frames,
    two_groups,
)
from asot.errors import ArgumentError
from asot.simulation import make_recordings
from benchmarks.background import assign_background

RADIUS = 12
CLEAR = BackgroundEvidence(0.4, 0.5, 3.0, 0.2, 0.6, [], [])
NONE = BackgroundEvidence(None, 0.0, 1.0, 0.2, 0.6, [], [])


def drawn(seed: int, share: float, n_recordings: int = 20) -> Recordings:
    return make_recordings(
        n_recordings,
        8,
        (250, 400),
        noise=0.5,
        order="varied" if seed % 2 else "fixed",
        random_state=seed,
        background=share,
    )


def found_frames(corpus: Recordings, evidence: BackgroundEvidence) -> np.ndarray:
    references = reference_frames(corpus.features, RADIUS)
    found = []
    for index, one in enumerate(corpus):
        others = references[:index] + references[index + 1 :]
        distances = frame_distances(one.features, others, RADIUS)
        found.append(background_frames(distances, evidence, RADIUS))
    return np.concatenate(found)


def test_background_is_found_where_it_is(seed: int) -> None:
    corpus = drawn(seed, 0.5)
    evidence = find_background(corpus.features, RADIUS)
    assert evidence.cost is not None
    assert evidence.near < evidence.cost < evidence.far
    assert evidence.share == pytest.approx(0.5, abs=0.15)
    truth = np.concatenate([one.ground_truth for one in corpus]) < 0
    assert f1_score(truth, found_frames(corpus, evidence)) > 0.75


def test_where_all_frames_belong_to_actions_none_is_dropped(seed: int) -> None:
    corpus = drawn(seed, 0.0)
    evidence = find_background(corpus.features, RADIUS)
    assert evidence.cost is None
    assert evidence.share == 0.0
    assert not found_frames(corpus, evidence).any()


def test_neither_scale_nor_a_rotation_of_the_features_matters(
    seed: int, rng: np.random.Generator
) -> None:
    corpus = drawn(seed, 0.5, n_recordings=10)
    turn = np.linalg.qr(rng.standard_normal((16, 16)))[0]
    changed = [(1000 * one.features @ turn).astype(np.float64) for one in corpus]
    plain = find_background([one.features.astype(np.float64) for one in corpus], RADIUS)
    other = find_background(changed, RADIUS)  # type: ignore[arg-type]
    assert other.near == pytest.approx(plain.near, abs=1e-3)
    assert other.far == pytest.approx(plain.far, abs=1e-3)
    assert (other.cost is None) == (plain.cost is None)


def test_the_order_of_the_recordings_does_not_matter(seed: int, rng: np.random.Generator) -> None:
    corpus = drawn(seed, 0.5, n_recordings=10)
    shuffled = [corpus.features[index] for index in rng.permutation(10)]
    plain, other = find_background(corpus.features, RADIUS), find_background(shuffled, RADIUS)
    assert other.separation == pytest.approx(plain.separation, rel=1e-6)
    assert other.share == plain.share


def test_few_recordings_or_no_features_give_no_evidence(seed: int) -> None:
    assert find_background(drawn(seed, 0.5, n_recordings=7).features, RADIUS).cost is None
    blank = find_background([np.zeros((50, 3), dtype=np.float32)] * 9, RADIUS)
    assert blank.cost is None
    assert blank.share == 0.0


def test_frames_without_features_are_not_taken_for_a_group(seed: int) -> None:
    features = [one.copy() for one in drawn(seed, 0.0).features]
    for one in features:
        one[:40] = 0.0
    assert find_background(features, RADIUS).cost is None


def test_evidence_as_plain_numbers(seed: int) -> None:
    values = find_background(drawn(seed, 0.5, 8).features, RADIUS).to_dict()
    assert len(values["edges"]) == len(values["counts"]) + 1
    assert sum(values["counts"]) == 8 * 64


@given(st.integers(2, 6), st.integers(1, 40), st.integers(0, 2**31))
@settings(max_examples=15)
def test_distances_are_those_to_the_closest_third(n_others: int, n_frames: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    others = [random.standard_normal((random.integers(1, 9), 4)) for _ in range(n_others)]
    others = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in others]
    # One frame repeated, which smoothing leaves as it is.
    features = np.tile(random.standard_normal(4), (n_frames, 1)).astype(np.float32)
    nearest = sorted(cosine_distances(features[:1], one).min() for one in others)
    expected = np.mean(nearest[: max(1, round(n_others / 3))])
    np.testing.assert_allclose(frame_distances(features, others, 4), expected, atol=1e-6)


def test_without_evidence_labels_are_those_of_the_actions(rng: np.random.Generator) -> None:
    cost = rng.random((60, 3))
    with_none = assign_background(cost, rng.random(60), NONE, 5)
    near = assign_background(cost, np.full(60, 0.2), CLEAR, 5)
    np.testing.assert_array_equal(with_none, near)
    assert with_none.min() >= 0


@given(st.integers(2, 6), st.integers(0, 2**31))
@settings(max_examples=15)
def test_permuted_actions_permute_the_labels(n_actions: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = np.repeat(random.integers(n_actions, size=6), 10)
    cost = 1.0 - 0.8 * np.eye(n_actions)[truth] + 0.02 * random.random((60, n_actions))
    distances = np.where(np.repeat(random.random(6) < 0.5, 10), 0.65, 0.15)
    plain = assign_background(cost, distances, CLEAR, 4)
    order = random.permutation(n_actions)
    other = assign_background(cost[:, order], distances, CLEAR, 4)
    np.testing.assert_array_equal(np.where(other < 0, -1, order[other]), plain)


@given(st.floats(0.01, 100), st.integers(0, 2**31))
@settings(max_examples=15)
def test_the_unit_of_the_distances_does_not_matter(scale: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    distances = np.where(np.repeat(random.random(8) < 0.5, 10), 0.6, 0.2)
    distances = distances + 0.05 * random.standard_normal(80)
    scaled = BackgroundEvidence(0.4 * scale, 0.5, 3.0, 0.2 * scale, 0.6 * scale, [], [])
    np.testing.assert_array_equal(
        background_frames(scale * distances, scaled, 6), background_frames(distances, CLEAR, 6)
    )


def test_a_share_of_background_is_not_pulled_towards_that_of_an_action() -> None:
    for n_background in (10, 50, 90):
        distances = np.repeat([0.6, 0.2], [n_background, 100 - n_background])
        cost = np.tile(np.linspace(0.0, 1.0, 10), (100, 1))
        labels = assign_background(cost, distances, CLEAR, 3)
        assert (labels < 0).sum() == n_background


def test_two_groups_against_a_mixture_of_scikit_learn(rng: np.random.Generator) -> None:
    from sklearn.mixture import GaussianMixture

    values = np.concatenate([rng.normal(0.2, 0.03, 600), rng.normal(0.5, 0.06, 400)])
    theirs = GaussianMixture(2, random_state=0, tol=1e-8, max_iter=500).fit(values[:, None])
    lower, upper, separation = two_groups(values)
    means = np.sort(theirs.means_[:, 0])
    assert [lower, upper] == pytest.approx(means.tolist(), abs=2e-3)
    deviation = np.sqrt(theirs.covariances_.mean())
    assert separation == pytest.approx((means[1] - means[0]) / deviation, rel=0.02)


def test_one_group_does_not_stand_apart(rng: np.random.Generator) -> None:
    assert two_groups(rng.normal(size=2000))[2] < 2.3
    assert two_groups(np.full(10, 0.3)) == (pytest.approx(0.3), pytest.approx(0.3), 0.0)


def test_distances_need_another_recording() -> None:
    with pytest.raises(ArgumentError, match="at least one other recording"):
        frame_distances(np.ones((4, 2), dtype=np.float32), [], 2)


def test_prepared_features_of_real_recordings_lose_no_frame() -> None:
    watch = pytest.importorskip("asot.data.bundled")
    pytest.importorskip("seglearn")
    recordings = list(watch.watch_sessions(0))
    features = [standardise(one.features) for one in recordings]
    for radius in (24, 48, 96):
        assert find_background(features, radius).cost is None
