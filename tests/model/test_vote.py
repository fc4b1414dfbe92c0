"""The vote of labellings: matched, weighed, summed."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from asot.model.team import hold_vote


def segmentation(rng: np.random.Generator, n_actions: int, n_frames: int = 200) -> np.ndarray:
    cuts = np.sort(rng.choice(np.arange(1, n_frames), 3 * n_actions, replace=False))
    actions = rng.permutation(np.arange(3 * n_actions + 1) % n_actions)
    return np.repeat(actions, np.diff([0, *cuts, n_frames]))


def best_overlap(own: np.ndarray, reference: np.ndarray, n_actions: int) -> int:
    """Frames in common under the best of all matchings."""
    names = np.array(list(permutations(range(n_actions))))
    return int((names[:, own] == reference).sum(axis=1).max())


def test_permuted_copies_agree_wholly(rng: np.random.Generator) -> None:
    labels = segmentation(rng, 5)
    copies = [rng.permutation(5)[labels] for _ in range(4)]
    vote = hold_vote(copies, 5)
    np.testing.assert_allclose(vote.agreement, 1)
    np.testing.assert_allclose(vote.weights, 1 / 4)
    shares = vote.shares(copies)
    np.testing.assert_allclose(shares.max(axis=1), 1)
    assert adjusted_rand_score(labels, shares.argmax(axis=1)) == 1


@given(st.integers(0, 2**31), st.integers(2, 4), st.integers(1, 5))
def test_each_is_matched_to_the_outcome_as_well_as_can_be(
    seed: int, n_actions: int, n_labellings: int
) -> None:
    rng = np.random.default_rng(seed)
    truth = segmentation(rng, n_actions)
    labels = []
    for _ in range(n_labellings):
        wrong = rng.random(len(truth)) < rng.uniform(0, 0.4)
        drawn = rng.integers(n_actions, size=len(truth))
        labels.append(rng.permutation(n_actions)[np.where(wrong, drawn, truth)])
    vote = hold_vote(labels, n_actions)
    shares = vote.shares(labels)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert vote.weights.sum() == pytest.approx(1)
    outcome = shares.argmax(axis=1)
    for own, columns in zip(labels, vote.columns, strict=True):
        assert sorted(columns.tolist()) == list(range(n_actions))
        found = int((columns[own] == outcome).sum())
        assert found == best_overlap(own, outcome, n_actions)


def test_shares_are_the_weights_of_those_who_say_so(rng: np.random.Generator) -> None:
    labels = [rng.integers(3, size=50) for _ in range(4)]
    vote = hold_vote(labels, 3)
    others = [rng.integers(3, size=20) for _ in range(4)]
    shares = vote.shares(others)
    for frame in range(20):
        for action in range(3):
            expected = sum(
                vote.weights[m] for m in range(4) if vote.columns[m, others[m][frame]] == action
            )
            assert shares[frame, action] == pytest.approx(expected)


def test_the_agreement_is_the_mean_rand_index_with_the_others(rng: np.random.Generator) -> None:
    labels = [rng.integers(3, size=60) for _ in range(3)] + [np.zeros(60, dtype=np.int64)]
    vote = hold_vote(labels, 3)
    for m, own in enumerate(labels):
        others = [adjusted_rand_score(own, labels[n]) for n in range(4) if n != m]
        if m == 3:
            np.testing.assert_allclose(others, 0, atol=1e-12)
        assert vote.agreement[m] == pytest.approx(np.mean(others))


@pytest.mark.parametrize("kind", ["one action", "noise", "almost one action"])
def test_what_nobody_bears_out_has_next_to_no_say(kind: str, rng: np.random.Generator) -> None:
    truth = segmentation(rng, 4)
    good = []
    for _ in range(3):
        wrong = rng.random(200) < 0.1
        good.append(np.where(wrong, rng.integers(4, size=200), truth))
    bad = np.full(200, 2)
    if kind == "noise":
        bad = rng.integers(4, size=200)
    elif kind == "almost one action":
        bad[:3] = 1
    vote = hold_vote([*good, bad], 4)
    assert vote.weights[3] < 0.02
    assert vote.weights[:3].min() > 0.2
    expected = hold_vote(good, 4).shares(good).argmax(axis=1)
    # Where all three differ, their weights decide, which the fourth moves a little.
    clear = (good[0] == good[1]) | (good[1] == good[2]) | (good[0] == good[2])
    found = vote.shares([*good, bad]).argmax(axis=1)
    assert adjusted_rand_score(found[clear], expected[clear]) == pytest.approx(1)


def test_several_that_collapsed_do_not_bear_each_other_out(rng: np.random.Generator) -> None:
    truth = segmentation(rng, 4)
    good = [truth, rng.permutation(4)[truth]]
    vote = hold_vote([*good, *[np.full(200, 1)] * 5], 4)
    assert vote.weights[2:].sum() < 0.02
    np.testing.assert_allclose(vote.agreement[2:], 0)
    assert adjusted_rand_score(vote.shares([*good, *[truth * 0] * 5]).argmax(axis=1), truth) == 1


def test_where_all_collapsed_all_weigh_the_same() -> None:
    labels = [np.zeros(9, dtype=np.int64)] * 3
    vote = hold_vote(labels, 1)
    np.testing.assert_allclose(vote.weights, 1 / 3)
    np.testing.assert_allclose(vote.shares(labels), 1)


def test_many_frames_are_thinned_for_the_agreement_only(rng: np.random.Generator) -> None:
    truth = np.repeat(segmentation(rng, 3), 60)
    assert len(truth) == 12_000
    vote = hold_vote([truth, np.array([2, 0, 1])[truth]], 3)
    np.testing.assert_allclose(vote.agreement, 1)
    assert len(vote.shares([truth, truth])) == 12_000


@pytest.mark.parametrize("n_frames", [1, 2])
@pytest.mark.parametrize("count", [1, 3])
def test_hardly_any_frames(n_frames: int, count: int) -> None:
    labels = [np.zeros(n_frames, dtype=np.int64)] * count
    vote = hold_vote(labels, 4)
    assert vote.weights.sum() == pytest.approx(1)
    assert vote.shares(labels).sum() == pytest.approx(n_frames)


def test_what_labellings_are_worth_decides_between_two_camps(rng: np.random.Generator) -> None:
    one, other = segmentation(rng, 4), segmentation(rng, 4)
    labels = [one, other, rng.permutation(4)[one], rng.permutation(4)[other]]
    for winner, worth in ((one, [2, 1, 2, 1]), (other, [1, 2, 1, 2])):
        vote = hold_vote(labels, 4, np.array(worth))
        assert adjusted_rand_score(vote.shares(labels).argmax(axis=1), winner) == 1
        np.testing.assert_allclose(vote.weights, np.square(worth) / 10, atol=1e-3)


def test_learners_of_one_mind_have_all_votes_and_no_more(rng: np.random.Generator) -> None:
    """Whatever each is worth, their weights in sum are 1 but for rounding."""
    labels = [np.repeat([0, 1, 2], 20)] * 29
    for _ in range(50):
        shares = hold_vote(labels, 3, rng.uniform(0.5, 2.0, len(labels))).shares(labels)
        assert shares.max() <= 1.0
        np.testing.assert_allclose(shares.max(axis=1), 1.0)
