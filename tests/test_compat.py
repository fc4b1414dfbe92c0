"""The release's functions under their own names: same names, defaults and numbers."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import asot.compat as release
from asot.errors import ArgumentError

GOLDEN = Path(__file__).parent / "transport" / "golden"
CASES = {
    case["name"]: case["kwargs"]
    for case in json.loads((GOLDEN / "reference_solver.json").read_text())
}


def test_names_and_defaults_are_the_releases() -> None:
    signature = inspect.signature(release.segment_asot)
    given = {name: one.default for name, one in signature.parameters.items()}
    assert given.pop("cost_matrix") is inspect.Parameter.empty
    assert given == {
        **{"mask": None, "eps": 0.07, "alpha": 0.3, "radius": 0.04},
        **{"ub_frames": False, "ub_actions": True, "lambda_frames": 0.1, "lambda_actions": 0.05},
        **{"n_iters": (25, 1), "stable_thres": 7.0, "step_size": None},
    }
    assert list(inspect.signature(release.temporal_prior).parameters) == [
        *("n_frames", "n_clusters", "rho", "device")
    ]


@pytest.mark.parametrize("name", sorted(CASES))
def test_numbers_are_the_releases(name: str) -> None:
    with np.load(GOLDEN / "reference_solver.npz") as golden:
        case = {key.split("/", 1)[1]: golden[key] for key in golden if key.startswith(f"{name}/")}
    cost = torch.from_numpy(case["cost"])
    batch = cost if cost.ndim == 3 else cost[None]
    mask = torch.from_numpy(case["mask"]) if "mask" in case else None
    assignment, trace = release.segment_asot(batch, mask, **CASES[name])
    assert assignment.dtype == trace.dtype == torch.float32
    found = assignment.reshape(cost.shape).numpy()
    assert np.abs(found - case["assignment"]).max() < 1e-4
    np.testing.assert_array_equal(found.argmax(-1), case["assignment"].argmax(-1))
    assert len(trace) == len(batch) * (CASES[name].get("n_iters", (25, 1))[0] + 1)
    if "objective_trace" in case:
        np.testing.assert_allclose(trace.numpy(), case["objective_trace"].ravel(), atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.uint8])
def test_a_mask_of_numbers_is_one_of_bool(dtype: torch.dtype, rng: np.random.Generator) -> None:
    cost = torch.from_numpy(rng.random((2, 9, 3)))
    mask = torch.arange(9) < torch.tensor([[9], [5]])
    expected = release.segment_asot(cost, mask)
    found = release.segment_asot(cost, mask.to(dtype))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_the_prior_is_the_releases() -> None:
    prior = release.temporal_prior(6, 3, 0.2, torch.device("cpu"))
    expected = 0.2 * np.abs(np.arange(6)[:, None] / 6 - np.arange(3)[None, :] / 3)
    assert prior.dtype == torch.float32
    np.testing.assert_allclose(prior.numpy(), expected, atol=1e-7)


def test_a_mask_with_gaps_is_refused() -> None:
    mask = torch.tensor([[True, False, True]])
    with pytest.raises(ArgumentError, match="mask must be True on the first frames"):
        release.segment_asot(torch.zeros(1, 3, 2), mask)


def test_a_loop_of_the_releases_shape_runs(rng: np.random.Generator) -> None:
    """As its training does: a padded batch, the prior added in place, no gradient."""
    features = torch.from_numpy(rng.normal(size=(2, 30, 5)).astype(np.float32)).requires_grad_()
    mask = torch.arange(30)[None] < torch.tensor([[30], [21]])
    cost = 1.0 - features.softmax(dim=2)
    with torch.no_grad():
        cost += release.temporal_prior(30, 5, 0.15, features.device)
        codes, _ = release.segment_asot(
            cost, mask, eps=0.07, alpha=0.3, radius=0.04, n_iters=[25, 1], step_size=None
        )
    assert not codes.requires_grad
    np.testing.assert_allclose(codes.sum(dim=2).numpy(), mask.numpy(), atol=1e-5)
