"""Derivatives of a plan by its cost: implicit ones, and torch's transforms of either kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from asot.errors import ArgumentError, SolverError
from asot.transport import Dense, FeatureBand, solve
from tests.transport.problems import FRAMES_HARD, SIDES, make_cost

# Of torch's own, as it differentiates forwards or compiles.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated:DeprecationWarning")

# Of a problem that no small change makes leap, solved to the last digits.
TAME: dict[str, Any] = {
    "epsilon": 0.3,
    "radius": 0.2,
    "tolerance": 1e-11,
    "max_iterations": 5_000,
}
PROBLEMS = (
    *("plain", "padded", "masked", "own structure", "features", "marginals", "no structure"),
    *("own weights", "actions", "border"),
)
KINDS: dict[str, dict[str, Any]] = {
    "unrolled": {"max_iterations": 4},
    "implicit": {"gradient": "implicit", **TAME},
}


def draw_cost(rng: np.random.Generator, *shape: int) -> Tensor:
    return torch.from_numpy(make_cost(rng, *shape))


def assign(**options: Any) -> Callable[[Tensor], Tensor]:
    """The assignment as a function of the cost."""
    return lambda cost: solve(cost, **options).assignment


def draw_options(kind: str, rng: np.random.Generator) -> dict[str, Any]:
    """Arguments of one kind for two recordings of seven frames and three actions."""
    if kind == "padded":
        return {"lengths": [7, 5]}
    if kind == "masked":
        allowed = np.ones((7, 3), dtype=bool)
        allowed[:2, 2] = allowed[6, 0] = False
        return {"allowed": allowed}
    if kind == "own structure":
        matrix = rng.normal(size=(7, 7))
        return {"structure": Dense(torch.from_numpy(0.1 * (matrix + matrix.T)))}
    if kind == "features":
        return {"structure": FeatureBand(torch.from_numpy(rng.normal(size=(2, 7, 4))), 0.3)}
    if kind == "marginals":
        p = rng.random(7) + 0.5
        p[3] = 0.0
        return {"frame_marginal": p / p.sum(), "action_marginal": rng.dirichlet([20, 20, 20])}
    if kind == "own weights":
        weights = {"epsilon": [0.3, 0.4], "alpha": [0.2, 0.4], "radius": [0.1, 0.2, 0.3]}
        return {name: np.array(values) for name, values in weights.items()}
    if kind == "actions":
        matrix = rng.random((3, 3))
        return {"action_structure": matrix + matrix.T, "action_lengths": [3, 2]}
    return {"border": {"border": 0.4}, "no structure": {"alpha": 0.0}}.get(kind, {})


@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize("side", SIDES)
def test_implicit_gradients_are_those_of_finite_differences(
    side: str, kind: str, rng: np.random.Generator
) -> None:
    cost, change, weights = (draw_cost(rng, 2, 7, 3) for _ in range(3))
    options = {**TAME, **SIDES[side], **draw_options(kind, rng)}
    above, below = (assign(**options)(cost + step * change) for step in (1e-5, -1e-5))
    expected = ((above - below) / 2e-5 * weights).sum()
    cost.requires_grad_()
    (gradient,) = torch.autograd.grad(assign(gradient="implicit", **options)(cost), cost, weights)
    torch.testing.assert_close((gradient * change).sum(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("side", SIDES)
def test_implicit_gradients_are_those_of_unrolling_to_the_end(
    side: str, rng: np.random.Generator
) -> None:
    weights = draw_cost(rng, 9, 3)
    cost = draw_cost(rng, 9, 3).requires_grad_()
    options = {**TAME, **SIDES[side]}
    gradients = [
        torch.autograd.grad(solve(cost, gradient=kind, **options).assignment, cost, weights)[0]
        for kind in KINDS
    ]
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-7)


def test_single_precision_is_close_to_double(rng: np.random.Generator) -> None:
    cost = draw_cost(rng, 2, 60, 5)
    weights = torch.from_numpy(rng.normal(size=(2, 60, 5)))
    gradients = []
    for dtype in (torch.float64, torch.float32):
        asking = cost.to(dtype).requires_grad_()
        plan = solve(
            asking, gradient="implicit", epsilon=0.2, tolerance=1e-6, max_iterations=5000
        ).assignment
        (gradient,) = torch.autograd.grad(plan, asking, weights.to(dtype))
        assert gradient.dtype == plan.dtype == dtype
        gradients.append(gradient.double())
    torch.testing.assert_close(*gradients, rtol=1e-2, atol=1e-3)


def test_implicit_gradients_come_from_the_compiled_solver_too(rng: np.random.Generator) -> None:
    pytest.importorskip("numba")
    cost = draw_cost(rng, 30, 4).requires_grad_()
    gradients = [
        torch.autograd.grad(assign(backend=name, **KINDS["implicit"])(cost)[:, 0].sum(), cost)[0]
        for name in ("cpu", "torch")
    ]
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-8)


def test_what_did_not_converge_has_no_implicit_gradient(rng: np.random.Generator) -> None:
    cost = draw_cost(rng, 2, 12, 3)
    cost[0] = torch.tensor([0.0, 1.0, 1.0])  # is solved in no time
    cost.requires_grad_()
    options = {"gradient": "implicit", "tolerance": 1e-5, "alpha": 0.0, "max_iterations": 12}
    solution = solve(cost, **options)
    assert [one.ending for one in solution.status] == ["converged", "iteration limit"]
    (gradient,) = torch.autograd.grad(solution.assignment[0, 0, 0], cost)
    assert bool(gradient[0].any())
    assert not bool(gradient[1].any())
    with pytest.raises(SolverError, match=r"recording 1 did not converge.*raise max_iterations"):
        solve(cost, **options).assignment[1, 0, 0].backward()


def test_a_saddle_has_no_implicit_gradient() -> None:
    cost = torch.zeros(30, 4, dtype=torch.float64, requires_grad=True)
    solution = solve(cost, gradient="implicit", tolerance=1e-9, alpha=0.6)
    assert solution.status[0].ending == "converged"
    with pytest.raises(SolverError, match=r"recording 0 is no strict minimum.*unrolled"):
        solution.assignment[:15, 0].sum().backward()


@pytest.mark.parametrize(
    "options, words",
    [
        ({"gradient": "exact"}, ["gradient", "'exact'", '"implicit"']),
        ({"gradient": "implicit"}, ["gradient", "tolerance="]),
        (
            {"gradient": "implicit", "tolerance": 1e-6, "mode": "parity"},
            ["parity", "gradient"],
        ),
        (
            {"gradient": "implicit", "structure": FeatureBand(torch.ones(8, 2).requires_grad_())},
            ["structure", "detach"],
        ),
        (
            {
                "gradient": "implicit",
                "structure": type("Single", (), {"apply": lambda _, x: torch.eye(8) @ x})(),
            },
            ["structure.apply", "float64"],
        ),
    ],
)
def test_what_has_no_implicit_gradient_is_refused(
    options: dict[str, Any], words: list[str]
) -> None:
    if "structure" in options:
        options = {**options, "tolerance": 1e-6}
    with pytest.raises(ArgumentError) as raised:
        solve(torch.rand(8, 3), **options)
    assert all(word in str(raised.value) for word in words)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", FRAMES_HARD)
def test_torch_func_transforms_a_solve(side: str, kind: str, rng: np.random.Generator) -> None:
    costs, weights = draw_cost(rng, 2, 4, 2), draw_cost(rng, 4, 2)
    each = assign(**KINDS[kind], **SIDES[side])

    def loss(cost: Tensor) -> Tensor:
        return (each(cost) * weights).sum()

    asking = costs.clone().requires_grad_()
    (expected,) = torch.autograd.grad((each(asking) * weights).sum(), asking)
    close = {"rtol": 1e-6, "atol": 1e-8}
    torch.testing.assert_close(torch.func.vmap(each)(costs), each(costs), **close)
    torch.testing.assert_close(torch.func.grad(loss)(costs[0]), expected[0], **close)
    torch.testing.assert_close(torch.func.vmap(torch.func.grad(loss))(costs), expected, **close)
    mapped = torch.func.grad(lambda cost: (torch.func.vmap(each)(cost) * weights).sum())
    torch.testing.assert_close(mapped(costs), expected, **close)
    jacobian = torch.func.jacrev(each)(costs[0])
    torch.testing.assert_close(
        (weights[..., None, None] * jacobian).sum((0, 1)), expected[0], **close
    )
    torch.testing.assert_close(torch.func.jacfwd(each)(costs[0]), jacobian, **close)

    def slope(cost: Tensor) -> Tensor:
        return torch.func.jvp(each, (cost,), (weights,))[1]

    along = torch.einsum("ikjl,jl->ik", jacobian, weights)
    torch.testing.assert_close(torch.func.vmap(slope)(costs)[0], along, **close)


def test_a_mapped_solve_has_a_status_for_each_slice(rng: np.random.Generator) -> None:
    seen = []
    costs = draw_cost(rng, 3, 5, 2)
    labels = torch.func.vmap(lambda cost: seen.append(solve(cost)) or seen[0].labels)(costs)
    assert torch.equal(labels, solve(costs).labels)
    assert len(seen[0].status) == 3


def test_second_derivatives(rng: np.random.Generator) -> None:
    cost = draw_cost(rng, 4, 2).requires_grad_()
    assert torch.autograd.gradgradcheck(assign(max_iterations=3), (cost,))
    (slope,) = torch.autograd.grad(assign(**KINDS["implicit"])(cost)[0, 0], cost, create_graph=True)
    with pytest.raises(ArgumentError, match=r"no second derivative: .*unrolled"):
        slope.sum().backward()


@pytest.mark.parametrize("kind", KINDS)
def test_autocast_does_not_reach_into_a_solve(kind: str, rng: np.random.Generator) -> None:
    matrix = torch.from_numpy(rng.random((12, 12)).astype(np.float32))
    # Both sides hard, and dense: where there are products of matrices to be cast.
    options = {**KINDS[kind], "tolerance": 1e-5, "lambda_actions": None}
    options["structure"] = Dense(matrix + matrix.T)
    layer, frames = torch.nn.Linear(6, 3), torch.rand(2, 12, 6)

    def gradient(cost: Tensor, plan: Tensor) -> Tensor:
        return torch.autograd.grad(plan[..., 0].square().sum(), cost)[0]

    with torch.autocast("cpu", torch.bfloat16):
        cost = layer(frames).sigmoid()
        assert cost.dtype == torch.bfloat16
        plan = assign(**options)(cost)
        mapped = torch.func.vmap(assign(**options))(cost)
    inside = gradient(cost, plan)
    torch.testing.assert_close(plan.mean(dim=1), torch.full((2, 3), 1 / 3), atol=1e-5, rtol=0)
    outside = assign(**options)(cost)
    assert plan.dtype == torch.float32
    assert torch.equal(plan, outside)
    assert torch.equal(mapped, plan)
    assert torch.equal(inside, gradient(cost, outside))
    layer(frames).sigmoid().sum().backward()


# The slope of a tensor that is no leaf is looked at, by torch itself.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_compiled_code_calls_a_solve_as_it_is(kind: str, rng: np.random.Generator) -> None:
    weights, frames = draw_cost(rng, 6, 3), draw_cost(rng, 2, 12, 6)

    def loss(weights: Tensor) -> Tensor:
        plan = solve((frames @ weights).sigmoid(), **KINDS[kind]).assignment
        return (plan * frames[..., :3]).sum()

    # What is generated from the code around a solve is not the question.
    compiled = torch.compile(loss, backend="eager")
    asking = weights.requires_grad_()
    assert compiled(asking).item() == loss(asking).item()
    found, expected = (torch.autograd.grad(one(asking), asking)[0] for one in (compiled, loss))
    assert torch.equal(found, expected)
