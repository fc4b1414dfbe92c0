"""Parity mode against the authors' release, number for number."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from asot.transport import solve

GOLDEN = Path(__file__).parent / "golden"
CASES = {
    case["name"]: case["kwargs"]
    for case in json.loads((GOLDEN / "reference_solver.json").read_text())
}


def translate(kwargs: dict) -> dict:
    """The release's keyword arguments as ours: its ``ub_`` flags are the negation of "hard"."""
    outer, inner = kwargs.get("n_iters", [25, 1])
    return {
        "epsilon": kwargs.get("eps", 0.07),
        "alpha": kwargs.get("alpha", 0.3),
        "radius": kwargs.get("radius", 0.04),
        "lambda_frames": kwargs.get("lambda_frames", 0.1) if kwargs.get("ub_frames") else None,
        "lambda_actions": (
            kwargs.get("lambda_actions", 0.05) if kwargs.get("ub_actions", True) else None
        ),
        "max_iterations": outer,
        "inner_iterations": inner,
        "step_size": kwargs.get("step_size"),
    }


@pytest.mark.parametrize("name", sorted(CASES))
def test_parity_matches_the_release(name: str) -> None:
    with np.load(GOLDEN / "reference_solver.npz") as golden:
        case = {key.split("/", 1)[1]: golden[key] for key in golden if key.startswith(f"{name}/")}
    lengths = case["mask"].sum(axis=1) if "mask" in case else None
    solution = solve(case["cost"], lengths=lengths, mode="parity", **translate(CASES[name]))
    assert np.abs(solution.assignment - case["assignment"]).max() < 1e-4
    assert (solution.assignment.argmax(-1) == case["assignment"].argmax(-1)).all()
    if "objective_trace" in case:
        trace = np.atleast_2d(solution.objective.trace)
        np.testing.assert_allclose(trace.T.ravel(), case["objective_trace"].ravel(), atol=1e-5)


def test_parity_labels_are_the_largest_assignments(rng: np.random.Generator) -> None:
    # Costs a rounding apart: the logarithms of neighbouring floats are often the same number.
    close = 1.0 + 1e-7 * rng.integers(0, 3, size=(200, 8))
    # Both sides relaxed: frames that lose all their mass have subnormal numbers to the last.
    vanishing = 90.0 + 0.5 * rng.random((200, 3))
    vanishing[0] = 0.0
    for cost, options in (
        (close, {}),
        (vanishing, {"lambda_frames": 0.1, "max_iterations": 1, "step_size": 1.0}),
    ):
        solution = solve(cost.astype(np.float32), alpha=0.0, mode="parity", **options)
        np.testing.assert_array_equal(solution.labels, solution.assignment.argmax(axis=1))


@pytest.mark.parametrize(
    "recording, lambda_actions, radius",
    [("2020-04-19_14-03-25", 0.09, 0.02), ("P36_webcam01_P36_salat", 0.06, 0.04)],
)
def test_parity_labels_on_real_affinities(
    shared: Path, recording: str, lambda_actions: float, radius: float
) -> None:
    affinity = np.load(shared / "data" / "asot_affinities" / "affinity" / f"{recording}.npy")
    with np.load(GOLDEN / "reference_labels_on_real_affinities.npz") as golden:
        expected = golden[recording]
    options = {"epsilon": 0.01, "alpha": 0.6, "lambda_actions": lambda_actions, "radius": radius}
    parity = solve(1.0 - affinity, mode="parity", **options)
    np.testing.assert_array_equal(parity.labels, expected)
    # The default mode mends the release's quirks; on real data it all but agrees with it.
    default = solve(1.0 - affinity, **options)
    assert (default.labels == expected).mean() > 0.99
