"""Bad input is refused before any work, with one sentence that names what is wrong."""

from __future__ import annotations

import inspect
from dataclasses import MISSING, fields
from typing import Any

import numpy as np
import pytest
import torch

from asot.errors import ArgumentError
from asot.transport import Dense, FeatureBand, append_background, solve, temporal_prior
from asot.transport.request import Request

# Of the rule for forward derivatives, which torch makes in its own way.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated:DeprecationWarning")


class NotAMatrix:
    def apply(self, coupling: torch.Tensor) -> torch.Tensor:
        return coupling.sum(dim=2, keepdim=True)


COST = np.linspace(0, 1, 24).reshape(8, 3)
NAN = COST.copy()
NAN[2, 1] = np.nan


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"cost": NAN}, ["cost", "finite"]),
        ({"cost": np.full((4, 2), np.inf)}, ["cost", "finite"]),
        ({"cost": np.zeros((0, 3))}, ["cost", "(0, 3)"]),
        ({"cost": np.zeros((3, 0))}, ["cost", "(3, 0)"]),
        ({"cost": np.zeros((0, 3, 2))}, ["cost", "(0, 3, 2)"]),
        ({"cost": np.zeros(3)}, ["cost", "(3,)"]),
        ({"cost": np.array([["a", "b"]])}, ["cost", "numbers"]),
        ({"cost": COST + 1j}, ["cost", "numbers"]),
        ({"cost": torch.zeros(3, 2, dtype=torch.complex64)}, ["cost", "real"]),
        ({"alpha": 1.0}, ["alpha", "below 1", "1.0"]),
        ({"alpha": -0.1}, ["alpha", "at least 0", "-0.1"]),
        ({"alpha": float("nan")}, ["alpha", "nan"]),
        ({"epsilon": 0.0}, ["epsilon", "above 0", "0.0"]),
        ({"epsilon": "0.1"}, ["epsilon", "'0.1'"]),
        ({"radius": 0}, ["radius", "above 0"]),
        ({"radius": True}, ["radius", "True"]),
        ({"lambda_actions": -1.0}, ["lambda_actions", "-1"]),
        ({"lambda_frames": 0.0}, ["lambda_frames", "above 0"]),
        ({"step_size": 0.0}, ["step_size", "above 0"]),
        ({"tolerance": -1e-3}, ["tolerance", "at least 0"]),
        ({"max_iterations": -1}, ["max_iterations", "-1"]),
        ({"max_iterations": 2.5}, ["max_iterations", "2.5"]),
        ({"inner_iterations": 0}, ["inner_iterations", "from 1"]),
        ({"mode": "exact"}, ["mode", "parity", "'exact'"]),
        ({"lengths": [9]}, ["lengths", "8", "9"]),
        ({"lengths": [0]}, ["lengths", "recording 0", "0"]),
        ({"lengths": [4, 4]}, ["lengths", "(2,)"]),
        ({"lengths": [4.0]}, ["lengths", "integers"]),
        ({"frame_marginal": np.full(8, 0.2)}, ["frame_marginal", "sum to 1", "1.6"]),
        ({"frame_marginal": np.ones(3) / 3}, ["frame_marginal", "(3,)"]),
        ({"action_marginal": [1.5, -0.5, 0.0]}, ["action_marginal", "negative", "-0.5"]),
        ({"action_marginal": [np.nan, 0.5, 0.5]}, ["action_marginal", "finite"]),
        (
            {"action_marginal": [0.5, 0.5, 0.0], "lambda_actions": None},
            ["action_marginal", "positive", "action 2"],
        ),
        ({"allowed": np.zeros((8, 3), dtype=bool)}, ["allowed", "frame 0"]),
        ({"allowed": np.ones((8, 3))}, ["allowed", "bool"]),
        ({"allowed": np.ones(4, dtype=bool)}, ["allowed", "(4,)"]),
        (
            {"allowed": [True, True, False], "lambda_actions": None},
            ["allowed", "action 2"],
        ),
        ({"initial": -COST}, ["initial", "non-negative"]),
        ({"initial": np.ones((2, 2))}, ["initial", "(2, 2)"]),
        ({"structure": Dense(torch.eye(5))}, ["structure matrix", "5 frames"]),
        ({"structure": FeatureBand(torch.ones(5, 2))}, ["structure", "[5]", "[8]"]),
        ({"structure": object()}, ["structure", "apply"]),
        ({"structure": NotAMatrix()}, ["structure.apply", "(1, 8, 3)", "(1, 8, 1)"]),
        ({"allowed": ["yes"] * 3}, ["allowed", "numbers"]),
        ({"cost": [[1.0, 2.0], [3.0]]}, ["cost"]),
        ({"initial": torch.ones(8, 3) + 1j}, ["initial", "real"]),
        ({"epsilon": 10**400}, ["epsilon", "finite"]),
        ({"radius": 10**40}, ["radius", "finite"]),
        ({"max_iterations": 10**12}, ["max_iterations", "1,000,000"]),
        ({"cost": torch.ones(4, 2).to_sparse()}, ["cost", "dense"]),
        ({"lengths": []}, ["lengths", "empty"]),
        ({"mode": "parity", "tolerance": 0.1}, ["parity", "tolerance"]),
        ({"mode": "parity", "radius": 3}, ["parity", "radius in frames"]),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ArgumentError) as raised:
        solve(**{"cost": COST, **arguments})
    message = str(raised.value)
    assert message.endswith(".")
    assert raised.value.setting in arguments
    for word in words:
        assert word in message


def test_helpers_refuse_bad_arguments() -> None:
    with pytest.raises(ArgumentError, match="n_frames"):
        temporal_prior(0, 3, 0.1)
    with pytest.raises(ArgumentError, match="order_prior"):
        temporal_prior(3, 3, -0.1)
    with pytest.raises(ArgumentError, match="mode"):
        temporal_prior(3, 3, 0.1, mode="paper")
    with pytest.raises(ArgumentError, match="background_cost"):
        append_background(COST, float("nan"))
    with pytest.raises(ArgumentError, match="symmetric"):
        Dense(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    with pytest.raises(ArgumentError, match="finite"):
        Dense(torch.full((2, 2), torch.nan))
    with pytest.raises(ArgumentError, match="shape"):
        Dense(torch.ones(2, 3))
    with pytest.raises(ArgumentError, match="finite"):
        FeatureBand(torch.full((2, 2), torch.nan))
    with pytest.raises(ArgumentError, match="radius"):
        FeatureBand(torch.ones(4, 2), -1)
    with pytest.raises(ArgumentError, match="lengths"):
        FeatureBand(torch.ones(4, 2), lengths=[5])
    with pytest.raises(ArgumentError, match="lengths"):
        temporal_prior(4, 2, 0.1, lengths=[0])
    with pytest.raises(ArgumentError, match="background_cost"):
        append_background(COST, None)


def test_padded_rows_are_never_read() -> None:
    padded = np.concatenate([COST, np.full((4, 3), np.nan)])[None]
    solution = solve(padded, lengths=[8])
    np.testing.assert_allclose(solution.assignment[0, :8], solve(COST).assignment, atol=1e-12)


def test_a_request_has_the_arguments_of_solve() -> None:
    arguments = inspect.signature(solve).parameters.values()
    kinds = {one.name: one.kind for one in arguments}
    assert [name for name, kind in kinds.items() if kind is not inspect.Parameter.KEYWORD_ONLY] == [
        "cost"
    ]
    asked = {one.name: one.default for one in fields(Request) if one.init}
    given = {
        one.name: MISSING if one.default is inspect.Parameter.empty else one.default
        for one in arguments
    }
    assert asked == given


WHOLE = ("max_iterations", "inner_iterations", "radius")
SCALARS = {
    "epsilon": 0.09,
    "alpha": 0.4,
    "radius": 2,
    "lambda_actions": 0.2,
    "lambda_frames": 0.3,
    "border": 0.6,
    "max_iterations": 7,
    "inner_iterations": 3,
    "tolerance": 1e-3,
    "step_size": 0.5,
}


@pytest.mark.parametrize("name", SCALARS)
def test_a_scalar_of_numpy_or_torch_is_a_number(name: str, seed: int) -> None:
    plain = solve(COST, **{name: SCALARS[name]})
    double = torch.tensor(SCALARS[name], dtype=torch.int64 if name in WHOLE else torch.float64)
    with torch.no_grad():
        learnt = double if name in WHOLE else torch.nn.Parameter(double)
        for scalar in (double, double.numpy(), double.numpy()[()], learnt):
            given = solve(COST, **{name: scalar})
            assert np.array_equal(given.assignment, plain.assignment)
            assert given.status == plain.status


@pytest.mark.parametrize("shape", [(), (2,)])
@pytest.mark.parametrize("name", ["epsilon", "alpha", "lambda_actions", "border", "radius"])
def test_a_weight_that_asks_for_a_gradient_is_told_that_it_gets_none(
    name: str, shape: tuple[int, ...]
) -> None:
    cost = torch.from_numpy(np.stack([COST, COST]))
    weight = torch.full(shape, 0.2, dtype=torch.float64)

    def value(weight: torch.Tensor) -> torch.Tensor:
        return solve(cost, **{name: weight}).objective.total.sum()

    told = rf"{name} must not ask for a gradient, .* give {name}\.detach\(\)"
    with pytest.raises(ArgumentError, match=told):
        value(weight.clone().requires_grad_())
    with pytest.raises(ArgumentError, match=told):
        torch.func.grad(value)(weight)
    with torch.autograd.forward_ad.dual_level(), pytest.raises(ArgumentError, match=told):
        value(torch.autograd.forward_ad.make_dual(weight, weight))
    assert value(weight).isfinite()


def test_other_scalars_are_refused_as_before() -> None:
    for name, value, words in (
        ("epsilon", torch.tensor(-0.1), r"epsilon must be .* above 0, but is -0\.1"),
        ("epsilon", torch.tensor(True), "but is True"),
        ("epsilon", torch.tensor(1j), "but is 1j"),
        ("epsilon", np.array(None), "but is None"),
        ("max_iterations", torch.tensor(2.5), "max_iterations must be an integer"),
        ("tolerance", torch.zeros(1), "tolerance must be a finite number"),
    ):
        with pytest.raises(ArgumentError, match=words):
            solve(COST, **{name: value})


def test_priors_take_scalars_too() -> None:
    prior = temporal_prior(5, 3, 0.2, order=[1, 0], absent=0.5)
    assert np.array_equal(
        temporal_prior(5, 3, torch.tensor(0.2, dtype=torch.float64), order=[1, 0],
                       absent=np.array(0.5)), prior
    )  # fmt: skip
    assert append_background(COST, torch.tensor(0.5))[0, 3] == 0.5
