"""Lists of arrays, and parameters of each recording: everyone gets what it gets alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asot.errors import ArgumentError
from asot.transport import solve
from tests.transport.problems import SIDES, make_cost

seeds = st.integers(0, 2**32 - 1)


def own_marginal(rng: np.random.Generator, size: int) -> np.ndarray:
    values = rng.random(size) + 0.1
    return values / values.sum()


@pytest.mark.parametrize("side", SIDES)
@settings(max_examples=3)
@given(seed=seeds)
def test_a_list_is_a_loop(side: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = [(int(rng.integers(2, 40)), int(rng.integers(2, 7))) for _ in range(3)]
    costs = [make_cost(rng, *size) for size in sizes]
    each: dict[str, list[np.ndarray]] = {
        "frame_marginal": [own_marginal(rng, n) for n, _ in sizes],
        "action_marginal": [own_marginal(rng, k) for _, k in sizes],
        "initial": [rng.random(size) for size in sizes],
        "allowed": [np.ones(size, dtype=bool) for size in sizes],
    }
    batch = solve(costs, **each, **SIDES[side])
    for b, (n, k) in enumerate(sizes):
        given_alone = {name: values[b] for name, values in each.items()}
        alone = solve(costs[b], **given_alone, **SIDES[side])
        np.testing.assert_allclose(batch.assignment[b, :n, :k], alone.assignment, atol=1e-7)
        np.testing.assert_array_equal(batch.labels[b, :n], alone.labels)
        assert (batch.labels[b, n:] == -1).all()
        own = batch.each[b]
        np.testing.assert_array_equal(own.coupling, batch.coupling[b, :n, :k])
        assert own.labels.tolist() == alone.labels.tolist()
        assert own.objective.total == batch.objective.total[b]
        assert own.status == (batch.status[b],)
        assert repr(own) == repr(alone)


@pytest.mark.parametrize("side", SIDES)
@settings(max_examples=3)
@given(seed=seeds)
def test_parameters_of_each_recording_are_its_own(side: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    costs = [make_cost(rng, int(rng.integers(2, 40)), 4) for _ in range(3)]
    given_each: dict[str, Any] = {
        "epsilon": rng.uniform(0.02, 0.5, 3),
        "alpha": np.array([0.0, *rng.uniform(0.1, 0.9, 2)]),
        "radius": rng.uniform(0.02, 0.5, 3) if seed % 2 else rng.integers(1, 9, 3),
        "border": rng.uniform(0.2, 0.8, 3),
    }
    for name, weight in SIDES[side].items():
        given_each[name] = None if weight is None else rng.uniform(0.02, 0.5, 3)
    if seed % 3 == 0:
        del given_each["border"]
    batch = solve(costs, **given_each)
    for b, cost in enumerate(costs):
        own = {name: None if one is None else one[b].item() for name, one in given_each.items()}
        alone = solve(cost, backend="torch", **own)
        found = batch.assignment[b, : len(cost)]
        np.testing.assert_allclose(found, alone.assignment, atol=1e-7)
        np.testing.assert_allclose(batch.objective.trace[b], alone.objective.trace, rtol=1e-7)
        assert batch.status[b].step_size == pytest.approx(alone.status[0].step_size)


def test_weights_of_each_action(rng: np.random.Generator) -> None:
    cost = rng.random((2, 40, 3)) + np.array([0.0, 0.5, 0.5])
    strong = [[0.01, 0.01, 20.0]]
    mass = solve(cost, lambda_actions=strong, max_iterations=500).coupling.sum(axis=1)
    np.testing.assert_allclose(mass[:, 2], 1 / 3, atol=2e-2)
    assert (mass[:, 1] < 0.2).all()
    for given_each, single in (([[0.2]] * 2, 0.2), (np.full((2, 3), 0.2), 0.2), ([0.2] * 3, 0.2)):
        found = solve(cost, lambda_actions=given_each, backend="torch")
        expected = solve(cost, lambda_actions=single, backend="torch")
        np.testing.assert_allclose(found.assignment, expected.assignment, atol=1e-12)
    # A border's row and column have the weight of the strongest.
    each = solve(cost, lambda_actions=[[0.2, 0.2, 0.2]], border=0.4)
    one = solve(cost, lambda_actions=0.2, border=0.4)
    np.testing.assert_allclose(each.assignment, one.assignment, atol=1e-12)


@pytest.mark.parametrize("name", ["lambda_actions", "radius"])
@pytest.mark.parametrize("border", [None, 0.3])
def test_what_a_padded_action_weighs_changes_nothing(
    name: str, border: float | None, rng: np.random.Generator
) -> None:
    costs = [make_cost(rng, 12, 4), make_cost(rng, 12, 2)]
    each = rng.uniform(0.05, 0.2, (2, 4))
    each[1, 2:] = 5.0 if name == "lambda_actions" else 0.01  # dear: a short step
    options: dict[str, Any] = {"border": border, "alpha": 0.6}
    batch = solve(costs, **{name: each}, **options)
    for b, cost in enumerate(costs):
        k = cost.shape[1]
        alone = solve(cost, **{name: each[b : b + 1, :k]}, **options)
        np.testing.assert_allclose(batch.assignment[b, :, :k], alone.assignment, atol=1e-7)
        np.testing.assert_allclose(batch.objective.trace[b], alone.objective.trace, rtol=1e-7)
        assert batch.status[b].step_size == pytest.approx(alone.status[0].step_size)


def test_an_action_of_a_long_radius_has_the_longer_segments(rng: np.random.Generator) -> None:
    """Alternating evidence: the short radius keeps it, the long one smooths it away."""
    cost = np.full((240, 3), 1.0)
    frames = np.arange(240)
    cost[:, 0] = np.where(frames // 4 % 2, 0.4, 0.6)
    cost[:, 1] = 1.0 - cost[:, 0]
    options: dict[str, Any] = {"alpha": 0.6, "epsilon": 0.02}

    def changes(radius: Any) -> int:
        labels = solve(cost, radius=radius, **options).labels
        return int((np.diff(labels) != 0).sum())

    assert changes([1, 1, 30]) > 3 * changes([30, 30, 1]) + 10


def test_a_list_of_tensors_comes_back_as_tensors(rng: np.random.Generator) -> None:
    costs = [torch.from_numpy(rng.random((n, 3))).requires_grad_() for n in (7, 4)]
    solution = solve(costs)
    assert isinstance(solution.assignment, torch.Tensor)
    assert solution.assignment.shape == (2, 7, 3)
    gradients = torch.autograd.grad(solution.assignment[:, :, 0].sum(), costs)
    alone = torch.autograd.grad(solve(costs[1]).assignment[:, 0].sum(), costs[1])[0]
    torch.testing.assert_close(gradients[1], alone)
    mixed = solve([np.zeros((3, 2), dtype=np.float32), np.zeros((2, 2))])
    assert mixed.assignment.dtype == np.float64
    same = rng.random((2, 5, 3))
    np.testing.assert_array_equal(solve(list(same)).assignment, solve(same).assignment)


COSTS = [np.linspace(0, 1, 8).reshape(4, 2), np.linspace(0, 1, 6).reshape(3, 2)]
WIDE = [*COSTS, np.zeros((4, 5))]


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"lengths": [4, 3]}, ["lengths", "leave out"]),
        ({"cost": WIDE, "action_lengths": [2, 2, 5]}, ["action_lengths", "leave out"]),
        ({"cost": [COSTS[0], np.zeros((0, 2))]}, ["cost", "recording 1", "(0, 2)"]),
        ({"frame_marginal": [np.full(4, 0.25), np.full(4, 0.25)]}, ["frame_marginal", "(3,)"]),
        ({"initial": [np.ones((4, 2))]}, ["initial", "list of 2", "1"]),
        ({"action_lengths": [2, 3]}, ["action_lengths", "2 actions", "recording 1 has 3"]),
        ({"action_lengths": [2.0, 1.0]}, ["action_lengths", "integers"]),
        ({"epsilon": [0.1, 0.0]}, ["epsilon", "above 0", "0.0"]),
        ({"epsilon": [0.1, 0.1, 0.1]}, ["epsilon", "(2,)", "(3,)"]),
        ({"alpha": [0.1, np.nan]}, ["alpha", "nan"]),
        ({"lambda_actions": [0.1, 0.1]}, ["lambda_actions", "(2, 1)", "(1, 2)"]),
        ({"lambda_frames": np.ones((2, 2))}, ["lambda_frames", "(2, 2)"]),
        ({"radius": [1, 0]}, ["radius", "(2, 1)"]),
        ({"radius": [[1], [0]]}, ["radius", "above 0"]),
        ({"border": np.inf}, ["border", "finite"]),
        ({"border": "0.5"}, ["border", "'0.5'"]),
        ({"action_structure": np.ones((3, 3))}, ["structure matrix", "3", "2"]),
        ({"action_structure": np.triu(np.ones((2, 2)))}, ["matrix", "symmetric"]),
        ({"action_structure": object()}, ["action_structure", "apply"]),
        ({"mode": "parity", "border": 0.5}, ["parity", "border"]),
        ({"mode": "parity", "epsilon": [0.1, 0.2]}, ["parity", "epsilon for each"]),
        ({"backend": "cpu", "border": 0.5}, ["backend", "border"]),
        ({"backend": "cpu", "alpha": [0.1, 0.2]}, ["backend", "alpha for each"]),
        ({"backend": "cpu", "action_structure": np.eye(2)}, ["backend", "structure"]),
    ],
)
def test_what_does_not_fit_is_named(arguments: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ArgumentError) as raised:
        solve(**{"cost": COSTS, **arguments})
    assert str(raised.value).endswith(".")
    for word in words:
        assert word in str(raised.value)


def test_a_spectrum_that_is_none_is_refused() -> None:
    class Own:
        spectrum = torch.ones(2), torch.ones(3)

        def apply(self, coupling: torch.Tensor) -> torch.Tensor:
            return coupling

    with pytest.raises(ArgumentError, match=r"action_structure\.spectrum must be two"):
        solve(np.zeros((6, 2)), action_structure=Own())


def test_each_recording_of_a_padded_batch_or_of_one(seed: int) -> None:
    cost = torch.from_numpy(make_cost(np.random.default_rng(seed), 9, 4))[None].repeat(2, 1, 1)
    cost.requires_grad_()
    one, other = solve(cost, lengths=[9, 5]).each
    assert (one.assignment.shape, other.coupling.shape) == ((9, 4), (5, 4))
    other.assignment[0, 0].backward()
    assert bool((cost.grad[0] == 0).all())
    assert bool((cost.grad[1, :5] != 0).any())
    with torch.no_grad():
        (short,) = solve(cost[1], lengths=[5]).each
    torch.testing.assert_close(short.assignment, other.assignment.detach())
    assert len(short.each[0].labels) == 5
