"""The release's functions, and its descendants', under their own names: defaults and numbers."""

from __future__ import annotations

import inspect
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import asot
import asot.compat as release
from asot.errors import ArgumentError

GOLDEN = Path(__file__).parent / "transport" / "golden"
CASES = {
    case["name"]: case["kwargs"]
    for case in json.loads((GOLDEN / "reference_solver.json").read_text())
}
DESCENDANTS = json.loads((GOLDEN / "descendants.json").read_text())


def figures(file: str, case: str) -> dict[str, torch.Tensor]:
    """Return what a golden file holds of a case."""
    with np.load(GOLDEN / file) as golden:
        keys = [key for key in golden if key.startswith(f"{case}/")]
        return {key.split("/", 1)[1]: torch.from_numpy(golden[key]) for key in keys}


def test_names_and_defaults_are_the_releases() -> None:
    signature = inspect.signature(release.segment_asot)
    given = {name: one.default for name, one in signature.parameters.items()}
    assert given.pop("cost_matrix") is inspect.Parameter.empty
    assert given == {
        **{"mask": None, "eps": 0.07, "alpha": 0.3, "radius": 0.04},
        **{"ub_frames": False, "ub_actions": True, "lambda_frames": 0.1, "lambda_actions": 0.05},
        **{"n_iters": (25, 1), "stable_thres": 7.0, "step_size": None},
        **{"dx": None, "dy": None},  # after the release's own
    }
    assert list(inspect.signature(release.temporal_prior).parameters) == [
        *("n_frames", "n_clusters", "rho", "device")
    ]


@pytest.mark.parametrize("name", sorted(CASES))
def test_numbers_are_the_releases(name: str) -> None:
    case = figures("reference_solver.npz", name)
    cost, mask, expected = case["cost"], case.get("mask"), case["assignment"]
    batch = cost if cost.ndim == 3 else cost[None]
    assignment, trace = release.segment_asot(batch, mask, **CASES[name])
    assert assignment.dtype == trace.dtype == torch.float32
    found = assignment.reshape(cost.shape)
    assert (found - expected).abs().max() < 1e-4
    np.testing.assert_array_equal(found.argmax(-1), expected.argmax(-1))
    assert len(trace) == len(batch) * (CASES[name].get("n_iters", (25, 1))[0] + 1)
    if "objective_trace" in case:
        np.testing.assert_allclose(trace, case["objective_trace"].ravel(), atol=1e-5)


@pytest.mark.parametrize("name", sorted(DESCENDANTS))
def test_numbers_are_the_descendants(name: str) -> None:
    """Alignments of VASOT and VAOT, marginals of one's own, a structure after FIS-OT.

    And of the release itself: frames left out in the middle, and limits that it takes.
    """
    case = figures("descendants.npz", name)
    expected, trace = case.pop("assignment"), case.pop("trace", None)
    if "structure" in case:
        cost, structure = case["cost"], case["structure"]
        solution = asot.solve(cost, structure=structure, mode="parity", **DESCENDANTS[name])
        found = solution.assignment
    else:
        solver = release.align_ot if "mask_X" in case else release.segment_asot
        found, logged = solver(case.pop("cost"), **case, **DESCENDANTS[name])
        np.testing.assert_allclose(logged, trace, atol=1e-5)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(found.argmax(-1), expected.argmax(-1))


def test_structures_of_parity_are_those_of_the_objective(rng: np.random.Generator) -> None:
    """The band and ``1 - I`` in full give what they give by moving sums; zeros take no part."""
    cost = rng.random((2, 30, 4))
    apart = np.abs(np.subtract.outer(np.arange(30), np.arange(30)))
    band = np.where((apart > 0) & (apart <= 3), 1 / 0.1, 0.0)
    options = {"radius": 0.1, "mode": "parity", "step_size": 2.0}
    expected = asot.solve(cost, **options)
    found = asot.solve(cost, structure=band, action_structure=1.0 - np.eye(4), **options)
    np.testing.assert_allclose(found.assignment, expected.assignment, atol=1e-12)
    np.testing.assert_allclose(found.objective.trace, expected.objective.trace, atol=1e-12)

    marginal = np.array([0.0, 0.2, 0.5, 0.3])
    with_zero = asot.solve(cost, action_marginal=marginal, **options)
    without = asot.solve(cost[..., 1:], action_marginal=marginal[1:], **options)
    assert not with_zero.assignment[..., 0].any()
    np.testing.assert_allclose(with_zero.assignment[..., 1:], without.assignment, atol=1e-12)


@pytest.mark.parametrize("relaxed", [True, False])
def test_frames_without_mass_have_none(relaxed: bool, rng: np.random.Generator) -> None:
    """Saliency as ``dx`` is 0 on padding, where a division by it would spread NaN."""
    cost, mass = torch.from_numpy(rng.random((2, 12, 3))), torch.from_numpy(rng.random((2, 12)))
    mask = torch.arange(12) < torch.tensor([[12], [9]])
    mass = torch.where(mask, mass, 0.0)
    dx = (mass / mass.sum(dim=1, keepdim=True))[..., None]
    plan, trace = release.segment_asot(cost, mask, dx=dx, ub_frames=relaxed, ub_actions=not relaxed)
    assert bool(torch.isfinite(plan).all())
    assert bool(torch.isfinite(trace).all())
    assert not plan[~mask].any()
    assert bool((plan[mask].sum(dim=1) > 0).all())
    if not relaxed:
        np.testing.assert_allclose(plan.sum(dim=2), dx[..., 0] * mask.sum(dim=1, keepdim=True))


def test_frames_that_a_mask_leaves_out_have_no_mass(rng: np.random.Generator) -> None:
    cost, mask = torch.from_numpy(rng.random((1, 12, 3))), torch.arange(12)[None] < 8
    with pytest.raises(ArgumentError, match=r"must sum to 1 .* but sums to 0\.666667"):
        release.segment_asot(cost, mask, dx=torch.full((1, 12, 1), 1 / 12))
    beyond = torch.where(mask, 1 / 8, 7.0)[..., None]
    plan, _ = release.segment_asot(cost, mask, dx=beyond)
    np.testing.assert_allclose(plan, release.segment_asot(cost, mask)[0], atol=1e-6)


def test_pairs_align_in_batches(rng: np.random.Generator) -> None:
    """A pair's result is its own where the step is given, padded or not at all."""
    cost = torch.from_numpy(rng.random((2, 9, 8)))
    mask = torch.arange(8) < torch.tensor([[8], [6]]), torch.arange(7) < torch.tensor([[5], [7]])
    both, trace = release.align_ot(cost, *mask, step_size=1.5)
    assert both.shape == (2, 8, 7)
    assert len(trace) == 2 * 26
    for b in range(2):
        alone, _ = release.align_ot(
            cost[b : b + 1], *(one[b : b + 1] for one in mask), step_size=1.5
        )
        torch.testing.assert_close(both[b : b + 1], alone, rtol=0, atol=1e-12)
    full = [torch.ones_like(one) for one in mask]
    torch.testing.assert_close(release.align_ot(cost), release.align_ot(cost, *full))


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


def test_a_cost_without_recordings_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"cost_matrix must have .* but has \(3, 2\): add an"):
        release.segment_asot(torch.zeros(3, 2))


HALF = torch.full((2, 9), 0.5)
ONES = torch.ones(2, 9)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"mask": ONES[:, :4]}, r"mask must have the shape \(2, 9\), .* but has \(2, 4\)\."),
        ({"mask": torch.ones(2, 12)}, r"mask must have the shape \(2, 9\), .* has \(2, 12\)\."),
        ({"mask": HALF}, r"mask must hold 0 and 1 alone, or bool, but holds 0\.5\."),
        ({"mask": ONES * math.nan}, r"mask must hold 0 and 1 alone, or bool, but holds nan\."),
        ({"mask": ONES * torch.tensor([[1], [0]])}, r"mask must hold a frame .* recording 1 has"),
        ({"mask": np.ones((2, 9), bool)}, r"mask must be a tensor .* ndarray: give torch\.as_t"),
        ({"cost_matrix": np.zeros((2, 9, 3))}, r"cost_matrix must be a tensor of torch, but is"),
        ({"cost_matrix": torch.zeros(2, 0, 3)}, r"cost_matrix must .* but has \(2, 0, 3\)\."),
        ({"cost_matrix": torch.full((2, 9, 3), math.nan)}, r"cost_matrix must .*: mend them\."),
        ({"dx": HALF}, r"dx must have the shape \(2, 9, 1\), but has \(2, 9\): give dx\[\.\.\., N"),
        ({"dy": HALF[:, :3]}, r"dy must have the shape \(2, 3, 1\), but has \(2, 3\): give dy"),
        ({"dy": HALF[..., None]}, r"dy must have the shape \(2, 3, 1\), but has \(2, 9, 1\)\."),
        ({"dy": HALF[:, :3, None]}, r"dy must sum to 1 over each recording, but sums to 1\.5"),
        ({"dx": HALF[..., None].numpy()}, r"dx must be a tensor of torch, but is of ndarray"),
        ({"eps": -1.0}, r"eps must be a finite number"),
        ({"n_iters": (-1, 1)}, r"n_iters\[0\] must be an integer"),
    ],
)
def test_what_does_not_fit_is_named_as_the_release_does(
    given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ArgumentError, match=f"^{sentence}") as caught:
        release.segment_asot(**{"cost_matrix": torch.zeros(2, 9, 3), **given})
    assert caught.value.setting == str(caught.value).partition(" ")[0]


def test_masks_of_an_alignment_are_those_of_its_frames() -> None:
    cost, mask = torch.rand(1, 5, 4), torch.ones(1, 4)
    with pytest.raises(ArgumentError, match=r"^mask_Y must have the shape \(1, 3\), .* \(1, 4\)"):
        release.align_ot(cost, mask, mask)
    with pytest.raises(ArgumentError, match=r"^mask_X must be a tensor of torch, but is of list"):
        release.align_ot(cost, [1, 1, 1, 1])  # type: ignore[arg-type]


def test_a_marginal_may_be_one_for_all(rng: np.random.Generator) -> None:
    cost, dy = torch.from_numpy(rng.random((2, 9, 3))), torch.tensor([[0.2], [0.3], [0.5]])
    for one, other in zip(
        release.segment_asot(cost, dy=dy),
        release.segment_asot(cost, dy=dy.expand(2, 3, 1)),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


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
