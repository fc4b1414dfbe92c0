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
