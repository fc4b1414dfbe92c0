"""The solver against independent means: scipy's optimisers, finite differences, hand-made cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
import torch
from scipy.special import rel_entr, softmax

from asot.errors import ArgumentError
from asot.transport import Dense, append_background, solve, temporal_prior
from asot.transport.structure import Band
from tests.transport.problems import FRAMES_HARD, SIDES, make_cost, require_gradient


def objective(T: np.ndarray, cost: np.ndarray, Cv: np.ndarray, options: dict[str, Any]) -> float:
    """J as it stands on paper."""
    n_actions = cost.shape[1]
    alpha = options["alpha"]
    Ca = 1.0 - np.eye(n_actions)
    value = (1 - alpha) * (cost * T).sum() + alpha / 2 * (T * (Cv @ T @ Ca)).sum()
    for weight, mass in (
        (options["lambda_frames"], T.sum(1)),
        (options["lambda_actions"], T.sum(0)),
    ):
        if weight is not None:
            target = np.full(len(mass), 1 / len(mass))
            value += weight * (rel_entr(mass, target) - mass + target).sum()
    return float(value + options["epsilon"] * (T * (np.log(T) - 1)).sum())


def band_matrix(n_frames: int, radius: float | int) -> np.ndarray:
    band = Band(radius, torch.tensor([n_frames]), n_frames)
    return band.apply(torch.eye(n_frames, dtype=torch.float64)[None])[0].numpy()


@pytest.mark.parametrize("side", SIDES)
def test_the_reported_objective_is_the_one_on_paper(side: str, rng: np.random.Generator) -> None:
    cost = make_cost(rng, 17, 4)
    options = {"epsilon": 0.2, "alpha": 0.4, **SIDES[side]}
    solution = solve(cost, radius=0.2, **options)
    expected = objective(solution.coupling, cost, band_matrix(17, 0.2), options)
    np.testing.assert_allclose(solution.objective.trace[-1], expected, rtol=1e-10)


@pytest.mark.parametrize("side", SIDES)
def test_the_convex_problem_reaches_scipys_minimum(side: str, rng: np.random.Generator) -> None:
    n_frames, n_actions = 6, 3
    cost = rng.random((n_frames, n_actions))
    options = {"epsilon": 0.15, "alpha": 0.0, **SIDES[side]}
    solution = solve(cost, tolerance=1e-12, max_iterations=20_000, **options)
    zero = np.zeros((n_frames, n_frames))
    shape = (n_frames, n_actions)
    constraints = []
    # With both sides hard one of the column sums follows from the others.
    free = n_actions - 1 if options["lambda_frames"] is None else n_actions
    if options["lambda_frames"] is None:
        constraints.append({"type": "eq", "fun": lambda t: t.reshape(shape).sum(1) - 1 / n_frames})
    if options["lambda_actions"] is None:
        constraints.append(
            {"type": "eq", "fun": lambda t: (t.reshape(shape).sum(0) - 1 / n_actions)[:free]}
        )
    found = scipy.optimize.minimize(
        lambda t: objective(t.reshape(shape), cost, zero, options),
        np.full(n_frames * n_actions, 1 / (n_frames * n_actions)),
        bounds=[(1e-12, None)] * (n_frames * n_actions),
        constraints=constraints,
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 2000},
    )
    last = solution.objective.total
    assert last <= found.fun + 1e-8
    np.testing.assert_allclose(last, found.fun, atol=1e-6)
    np.testing.assert_allclose(solution.coupling, found.x.reshape(shape), atol=2e-4)


@pytest.mark.parametrize("alpha", [0.3, 0.6])
def test_scipy_from_the_same_start_finds_nothing_lower(
    alpha: float, rng: np.random.Generator
) -> None:
    cost = make_cost(rng, 9, 3)
    options = {"epsilon": 0.1, "alpha": alpha, "lambda_frames": None, "lambda_actions": 0.1}
    Cv = band_matrix(9, 0.2)
    solution = solve(cost, radius=0.2, tolerance=1e-11, max_iterations=20_000, **options)
    assert solution.status[0].ending == "converged"

    def from_scores(scores: np.ndarray) -> float:
        return objective(softmax(scores.reshape(9, 3), axis=1) / 9, cost, Cv, options)

    start = np.log(solution.assignment.clip(1e-12)).ravel()
    polished = scipy.optimize.minimize(from_scores, start, method="BFGS", options={"gtol": 1e-9})
    assert solution.objective.total <= polished.fun + 1e-8


@pytest.mark.parametrize("side", SIDES)
def test_the_gradient_is_that_of_the_objective(side: str, rng: np.random.Generator) -> None:
    from asot.transport.problem import Problem

    cost = make_cost(rng, 8, 3)
    options = {"epsilon": 0.2, "alpha": 0.4, **SIDES[side]}
    p = torch.full((1, 8, 1), 1 / 8, dtype=torch.float64)
    problem = Problem(
        cost=torch.from_numpy(cost)[None],
        constant=torch.zeros(1),
        frame_marginal=p,
        action_marginal=torch.full((1, 1, 3), 1 / 3, dtype=torch.float64),
        row_weight=p,
        support=None,
        has_mask=False,
        structure=Dense(torch.from_numpy(band_matrix(8, 0.2))),
        **options,
    )
    # Near zero, entropy is too curved for differences.
    T = rng.uniform(0.1, 1, size=(8, 3)) / 24
    assignment = torch.from_numpy(8 * T)[None]
    gradient = problem.evaluate(torch.log(assignment), assignment)[1][0].numpy()
    Cv = band_matrix(8, 0.2)
    difference = np.zeros_like(T)
    for index in np.ndindex(*T.shape):
        step = np.zeros_like(T)
        step[index] = 1e-7
        above, below = (objective(T + s * step, cost, Cv, options) for s in (1, -1))
        difference[index] = (above - below) / 2e-7
    np.testing.assert_allclose(gradient, difference, atol=1e-6)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("step_size", [None, 1.5])
def test_gradients_flow_through_the_assignment(
    side: str, step_size: float | None, rng: np.random.Generator
) -> None:
    cost = torch.from_numpy(make_cost(rng, 7, 3)).requires_grad_()
    weights = torch.from_numpy(rng.normal(size=(7, 3)))
    options = {"max_iterations": 5, "step_size": step_size, "radius": 0.2, **SIDES[side]}

    require_gradient(
        lambda values: (solve(values, **options).assignment * weights).sum(), cost, atol=1e-5
    )


def test_balanced_without_structure_is_sinkhorns_plan(rng: np.random.Generator) -> None:
    cost = rng.random((12, 4))
    epsilon = 0.1
    u, v = np.ones(12), np.ones(4)
    kernel = np.exp(-cost / epsilon)
    for _ in range(20_000):
        u = (1 / 12) / (kernel @ v)
        v = (1 / 4) / (kernel.T @ u)
    solution = solve(
        cost,
        epsilon=epsilon,
        alpha=0.0,
        lambda_actions=None,
        max_iterations=3000,
        tolerance=1e-12,
    )
    np.testing.assert_allclose(solution.coupling, u[:, None] * kernel * v, atol=1e-8)


@pytest.mark.parametrize("side", FRAMES_HARD)
def test_own_marginals_hold(side: str, rng: np.random.Generator) -> None:
    p = rng.random(20)
    p[3] = 0.0
    p /= p.sum()
    q = rng.random(4) + 0.1
    q /= q.sum()
    solution = solve(make_cost(rng, 20, 4), frame_marginal=p, action_marginal=q, **SIDES[side])
    np.testing.assert_allclose(solution.coupling.sum(1), p, atol=1e-10)
    np.testing.assert_allclose(solution.assignment.sum(1), 1.0, atol=1e-10)
    if SIDES[side]["lambda_actions"] is None:
        np.testing.assert_allclose(solution.coupling.sum(0), q, atol=1e-10)
    assert solution.labels.min() >= 0


def test_strong_penalties_approach_the_hard_marginals(rng: np.random.Generator) -> None:
    cost = make_cost(rng, 15, 3)
    options = {"tolerance": 1e-11, "max_iterations": 200_000, "epsilon": 0.3}
    hard = solve(cost, lambda_actions=None, **options)
    soft = solve(cost, lambda_actions=300.0, **options)
    np.testing.assert_allclose(soft.coupling.sum(0), 1 / 3, atol=1e-3)
    np.testing.assert_allclose(soft.assignment, hard.assignment, atol=2e-2)


@pytest.mark.parametrize("side", SIDES)
def test_forbidden_entries_stay_empty(side: str, rng: np.random.Generator) -> None:
    cost = make_cost(rng, 24, 4)
    allowed = np.ones((24, 4), dtype=bool)
    allowed[:8, 3] = allowed[16:, 0] = False
    solution = solve(cost, allowed=allowed, **SIDES[side])
    assert (solution.assignment[~allowed] == 0).all()
    assert allowed[np.arange(24), solution.labels].all()
    if SIDES[side]["lambda_frames"] is None:
        np.testing.assert_allclose(solution.assignment.sum(1), 1.0, atol=1e-9)
    if SIDES[side]["lambda_actions"] is None:
        np.testing.assert_allclose(solution.coupling.sum(0), 0.25, atol=1e-6)
    without_action_2 = solve(cost, allowed=np.array([True, True, False, True]), lambda_actions=0.1)
    assert (without_action_2.assignment[:, 2] == 0).all()


def test_a_mask_without_a_coupling_is_said_to_have_none(rng: np.random.Generator) -> None:
    allowed = np.zeros((10, 2), dtype=bool)
    allowed[:, 0] = True
    allowed[0, 1] = True  # one frame cannot carry half of the mass
    options = {"allowed": allowed, "lambda_actions": None, "max_iterations": 3}
    (status,) = solve(make_cost(rng, 10, 2), **options).status
    assert status.ending == "stalled"
    assert "hard marginal" in status.message


def test_a_warm_start_goes_on_where_it_left(rng: np.random.Generator) -> None:
    cost = make_cost(rng, 50, 5)
    options = {"step_size": 2.0}
    whole = solve(cost, max_iterations=20, **options)
    half = solve(cost, max_iterations=10, **options)
    rest = solve(cost, max_iterations=10, initial=half.assignment, **options)
    np.testing.assert_allclose(rest.assignment, whole.assignment, atol=1e-9)


def test_a_background_action_takes_the_frames_that_fit_nowhere(rng: np.random.Generator) -> None:
    cost = np.full((60, 2), 1.0)
    cost[:20, 0] = cost[40:, 1] = 0.1
    with_background = append_background(cost, 0.5)
    assert with_background.shape == (60, 3)
    labels = solve(with_background, epsilon=0.02).labels
    np.testing.assert_array_equal(labels, [0] * 20 + [2] * 20 + [1] * 20)
    tensor = append_background(torch.from_numpy(cost), 0.5)
    np.testing.assert_array_equal(tensor.numpy(), with_background)


def test_the_prior_is_centred_and_each_recordings_own() -> None:
    plain = temporal_prior(6, 3, order_prior=0.2)
    expected = 0.2 * np.abs((np.arange(6)[:, None] + 0.5) / 6 - (np.arange(3)[None, :] + 0.5) / 3)
    np.testing.assert_allclose(plain, expected)
    np.testing.assert_allclose(plain, plain[::-1, ::-1])
    padded = temporal_prior(9, 3, order_prior=0.2, lengths=[6, 9])
    np.testing.assert_allclose(padded[0, :6], plain)
    assert (padded[0, 6:] == 0).all()
    like = torch.zeros(1, dtype=torch.float32)
    assert temporal_prior(6, 3, order_prior=0.2, like=like).dtype == torch.float32
    parity = temporal_prior(6, 3, order_prior=0.2, mode="parity")
    np.testing.assert_allclose(
        parity, 0.2 * np.abs(np.arange(6)[:, None] / 6 - np.arange(3)[None, :] / 3)
    )


def test_a_users_own_structure_is_used(rng: np.random.Generator) -> None:
    class Doubled:
        def apply(self, coupling: torch.Tensor) -> torch.Tensor:
            return 2.0 * Band(3, torch.tensor([30]), 30).apply(coupling)

    cost = make_cost(rng, 30, 4)
    own = solve(cost, structure=Doubled())
    dense = solve(cost, structure=Dense(torch.from_numpy(2 * band_matrix(30, 3))))
    np.testing.assert_allclose(own.assignment, dense.assignment, atol=1e-10)


@pytest.mark.parametrize("shape", [(1, 1), (1, 64), (20_000, 1), (20_000, 8), (3, 64)])
def test_sizes_from_one_frame_to_many(shape: tuple[int, int], rng: np.random.Generator) -> None:
    solution = solve(make_cost(rng, *shape, dtype=np.float32))
    np.testing.assert_allclose(solution.assignment.sum(1), 1.0, atol=1e-5)
    assert solution.labels.shape == shape[:1]


def test_an_order_is_followed(rng: np.random.Generator) -> None:
    plain = temporal_prior(7, 4, order_prior=0.2)
    np.testing.assert_array_equal(temporal_prior(7, 4, 0.2, order=[0, 1, 2, 3]), plain)
    order = rng.permutation(4)
    np.testing.assert_allclose(temporal_prior(7, 4, 0.2, order=order)[:, order], plain)
    transcripts = [[2, 0, 2], [1]]
    given_each = temporal_prior(7, 4, 0.2, lengths=[7, 5], order=transcripts, absent=0.9)
    for b, (transcript, length) in enumerate(zip(transcripts, (7, 5), strict=True)):
        for i, k in np.ndindex(7, 4):
            places = [p for p, action in enumerate(transcript) if action == k]
            far = [abs((i + 0.5) / length - (p + 0.5) / len(transcript)) for p in places]
            expected = 0.0 if i >= length else min((0.2 * d for d in far), default=0.9)
            assert given_each[b, i, k] == pytest.approx(expected)
    assert (temporal_prior(7, 4, 0.2, order=[1])[:, 0] == 0.2).all()
    each = temporal_prior(7, 4, 0.2, order=np.stack([order, order[::-1]]))
    assert each.shape == (2, 7, 4)
    np.testing.assert_allclose(each[1], temporal_prior(7, 4, 0.2, order=order[::-1]))
    parity = temporal_prior(7, 4, 0.2, order=[0, 1, 2, 3], mode="parity")
    np.testing.assert_array_equal(parity, temporal_prior(7, 4, 0.2, mode="parity"))


@pytest.mark.parametrize("order", [[], [4], [-1], [0.5], [[0, 1], []], [[0], [1], [2]], "01"])
def test_an_order_of_no_actions_is_refused(order: Any) -> None:
    with pytest.raises(ArgumentError, match="order"):
        temporal_prior(5, 4, 0.1, lengths=[5, 3], order=order)
