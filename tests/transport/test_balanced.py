"""Both sides hard: the projection reaches the marginals in few steps, whatever the lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from asot.transport import projection, solve


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("epsilon", [0.04, 0.5])
def test_the_projection_ends_soon(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, dtype: type, epsilon: float
) -> None:
    """1/60 in float32 is not 1/60: sixty of them miss 1 by more than a step may miss."""
    visits = 0
    visit = projection._visit

    def counted(*arguments: Any) -> Any:
        nonlocal visits
        visits += 1
        return visit(*arguments)

    monkeypatch.setattr(projection, "_visit", counted)
    lengths = [60, 67, 11]
    cost = rng.uniform(0, 2, (3, 70, 4)).astype(dtype)
    solution = solve(
        cost,
        epsilon=epsilon,
        alpha=0.0,
        lambda_actions=None,
        lengths=lengths,
        max_iterations=1,
        step_size=1 / epsilon,
    )
    assert visits < 100
    for b, n_frames in enumerate(lengths):
        shares = solution.assignment[b, :n_frames].mean(axis=0)
        np.testing.assert_allclose(shares, 0.25, atol=1e-5 if dtype == np.float32 else 1e-10)


@pytest.mark.parametrize("size", [1e3, 1e5, 1e7])
def test_a_number_added_to_an_action_changes_nothing(rng: np.random.Generator, size: float) -> None:
    """Its mass underflows before the projection, which must bring it back."""
    cost = rng.random((60, 4))
    plain = solve(cost, lambda_actions=None)
    raised = solve(cost + size * np.eye(4)[1], lambda_actions=None)
    np.testing.assert_allclose(raised.assignment, plain.assignment, atol=1e-5)
    assert (np.diff(raised.objective.trace) <= 1e-13 * size).all()
