"""Decoding in an order, against all the labellings there are."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.baselines import estimated_order, ordered_viterbi
from asot.errors import ArgumentError


def all_paths(n_frames: int, n_states: int) -> list[tuple[int, ...]]:
    """Every path that goes through all states in order, or through as many as there are frames."""
    if n_frames < n_states:
        return list(combinations(range(n_states), n_frames))
    steps = combinations_with_replacement(range(n_states), n_frames)
    return [path for path in steps if len(set(path)) == n_states]


@st.composite
def problems(draw: Any) -> tuple[np.ndarray, list[int]]:
    n_frames, n_actions = draw(st.integers(1, 8)), draw(st.integers(1, 5))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    scale = draw(st.sampled_from([1e-3, 1.0, 1e4]))
    ties = draw(st.booleans())
    size = (n_frames, n_actions)
    likelihood = rng.integers(-2, 3, size) if ties else scale * rng.normal(size=size)
    order = draw(st.permutations(range(n_actions)))
    kept = draw(st.integers(1, n_actions))
    return likelihood, order[:kept]


@given(problems())
def test_it_is_the_best_of_all_paths(problem: tuple[np.ndarray, list[int]]) -> None:
    likelihood, order = problem
    labels = ordered_viterbi(likelihood, order)
    paths = all_paths(len(likelihood), len(order))
    assert tuple(order.index(label) for label in labels) in paths
    values = [sum(likelihood[i, order[m]] for i, m in enumerate(path)) for path in paths]
    found = likelihood[np.arange(len(labels)), labels].sum()
    np.testing.assert_allclose(found, max(values), rtol=1e-12, atol=1e-12)


@given(problems(), st.integers(0, 2**32 - 1))
def test_constants_and_action_numbers_change_nothing(
    problem: tuple[np.ndarray, list[int]], seed: int
) -> None:
    likelihood, order = problem
    rng = np.random.default_rng(seed)
    # Irrational parts leave no ties for rounding to break in another way.
    likelihood = likelihood + rng.normal(size=likelihood.shape)
    labels = ordered_viterbi(likelihood, order)
    shifted = likelihood + rng.normal(size=(len(likelihood), 1)) * 100
    np.testing.assert_array_equal(ordered_viterbi(shifted, order), labels)
    renumbered = rng.permutation(likelihood.shape[1])
    permuted = np.empty_like(likelihood)
    permuted[:, renumbered] = likelihood
    np.testing.assert_array_equal(ordered_viterbi(permuted, renumbered[order]), renumbered[labels])
    backwards = ordered_viterbi(likelihood[::-1], order[::-1])[::-1]
    np.testing.assert_array_equal(backwards, labels)


def test_a_long_recording_keeps_its_digits(rng: np.random.Generator) -> None:
    """Huge common terms, as densities in many dimensions have, do not drown the differences."""
    truth = np.sort(rng.integers(0, 20, 10_000))
    likelihood = rng.normal(size=(10_000, 20)) + 3 * (truth[:, None] == np.arange(20))
    # Multiples of 2^-10, so that the sums with what is common are exact.
    likelihood = np.round(likelihood * 1024) / 1024
    common = np.float64(2**36) * rng.integers(-9, 9, (10_000, 1))
    labels = ordered_viterbi(likelihood + common, np.arange(20))
    np.testing.assert_array_equal(labels, ordered_viterbi(likelihood, np.arange(20)))
    assert (labels == truth).mean() > 0.95


@pytest.mark.parametrize(
    "likelihood, order, sentence",
    [
        (np.zeros(3), [0], "log_likelihood must be a (frames, actions) array of numbers, but"),
        (np.zeros((0, 2)), [0], "log_likelihood must be a (frames, actions) array of numbers, but"),
        ([[0, -np.inf]], [0, 1], "log_likelihood must be finite, but is -inf for frame 0 and"),
        (np.zeros((3, 2)), [0, 2], "order must hold actions 0 to 1, but holds 2."),
        (np.zeros((3, 2)), [-1], "order must hold actions 0 to 1, but holds -1."),
        (np.zeros((3, 2)), [0, 0], "order must hold each action once, but is [0, 0]."),
        (np.zeros((3, 2)), [], "order must be a list of at least one action number, but has"),
        (np.zeros((3, 2)), [0.0], "order must be a list of at least one action number, but has"),
    ],
)
def test_bad_arguments_are_named(likelihood: Any, order: Any, sentence: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        ordered_viterbi(likelihood, order)
    assert str(caught.value).startswith(sentence)


def test_order_by_mean_relative_time() -> None:
    # Action 1: .1 and .3 of the first, .25 of the second: mean .217. Action 0: .5, .7, .75.
    # Action 3: .9 alone. Action 2 never.
    assert estimated_order([[1, 1, 0, 0, 3], [1, 0]], 4).tolist() == [1, 0, 3, 2]
    # Relative, not absolute: frame 3 of 4 is later than frame 40 of 100.
    long = np.full(100, -1)
    long[40] = 0
    assert estimated_order([long, [-1, -1, -1, 1]], 2).tolist() == [0, 1]


@given(st.integers(0, 2**32 - 1))
def test_hard_labels_are_the_soft_assignments_of_ones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = [rng.integers(-1, 5, n) for n in rng.integers(0, 9, 4)]
    soft = [(one[:, None] == np.arange(5)).astype(np.float32) for one in labels]
    order = estimated_order(labels, 5)
    np.testing.assert_array_equal(order, estimated_order(iter(soft), 5))
    times = np.concatenate([(np.arange(len(one)) + 0.5) / max(len(one), 1) for one in labels])
    every = np.concatenate(labels)
    means = [times[every == k].mean() if (every == k).any() else np.inf for k in range(5)]
    assert sorted(order.tolist()) == list(range(5))
    ordered = [means[k] for k in order]
    assert all(a <= b + 1e-12 for a, b in pairwise(ordered))


def test_what_is_no_assignment_is_named() -> None:
    with pytest.raises(ArgumentError, match=r"assignments\[1\] must be whole-number labels"):
        estimated_order([[0, 1], np.zeros((3, 3))], 2)
    with pytest.raises(ArgumentError, match=r"assignments\[0\] must hold actions 0 to 1, or -1"):
        estimated_order([[0, 2]], 2)
