"""The ten properties of the default mode, each as a statement that must hold for any problem."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asot.errors import SolverError
from asot.transport import Band, Dense, FeatureBand, solve
from asot.transport.structure import band_half_width
from tests.transport.problems import SIDES, make_cost, problems

seeds = st.integers(0, 2**32 - 1)


def one_of_a_batch(solution: Any, b: int, n_frames: int) -> np.ndarray:
    return solution.assignment[b, :n_frames]


@pytest.mark.parametrize("side", SIDES)
@given(seed=seeds)
def test_a_batch_is_a_loop_and_padding_is_nothing(side: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 90, size=4)
    n_actions = int(rng.integers(1, 7))
    padded = np.full((4, lengths.max() + int(rng.integers(0, 30)), n_actions), np.nan)
    scales = 10.0 ** rng.uniform(-2, 2, size=4)
    for b, length in enumerate(lengths):
        padded[b, :length] = scales[b] * make_cost(rng, length, n_actions)
    batch = solve(padded, lengths=lengths, **SIDES[side])
    for b, length in enumerate(lengths):
        alone = solve(padded[b, :length], **SIDES[side])
        np.testing.assert_allclose(one_of_a_batch(batch, b, length), alone.assignment, atol=1e-9)
        np.testing.assert_array_equal(batch.labels[b, :length], alone.labels)
        np.testing.assert_allclose(batch.objective.trace[b], alone.objective.trace, rtol=1e-9)
        assert batch.status[b].ending == alone.status[0].ending
        assert (batch.assignment[b, length:] == 0).all()
        assert (batch.labels[b, length:] == -1).all()


@given(problem=problems())
def test_the_objective_never_rises(problem: dict[str, Any]) -> None:
    trace = solve(**problem).objective.trace
    assert np.isfinite(trace).all()
    assert (np.diff(trace) <= 1e-12 * (1 + np.abs(trace[:-1]))).all()


@given(problem=problems())
def test_hard_marginals_hold(problem: dict[str, Any]) -> None:
    n_actions = problem["cost"].shape[1]
    for dtype, tolerance in ((np.float32, 1e-5), (np.float64, 1e-10)):
        solution = solve(**{**problem, "cost": problem["cost"].astype(dtype)})
        assert solution.assignment.dtype == dtype
        assert (solution.assignment >= 0).all()
        if problem["lambda_frames"] is None:
            np.testing.assert_allclose(solution.assignment.sum(axis=1), 1.0, atol=tolerance)
        if problem["lambda_actions"] is None:
            mass = solution.coupling.astype(np.float64).sum(axis=0)
            np.testing.assert_allclose(mass, 1 / n_actions, atol=tolerance)


@given(problem=problems())
def test_the_parts_add_up_to_the_objective(problem: dict[str, Any]) -> None:
    objective = solve(**problem).objective
    np.testing.assert_allclose(objective.total, objective.trace[-1], rtol=1e-12)
    assert set(objective.parts) == {
        "linear",
        "temporal",
        "frame_penalty",
        "action_penalty",
        "entropy",
    }


@given(problem=problems(max_frames=40), seed=seeds)
def test_a_constant_on_a_frame_changes_nothing_where_frames_are_hard(
    problem: dict[str, Any], seed: int
) -> None:
    problem["lambda_frames"] = None
    rng = np.random.default_rng(seed)
    shift = 10.0 ** rng.uniform(0, 3) * rng.normal(size=(len(problem["cost"]), 1))
    plain = solve(**problem)
    shifted = solve(**{**problem, "cost": problem["cost"] + shift})
    np.testing.assert_allclose(shifted.assignment, plain.assignment, atol=1e-6)
    more = shifted.objective.trace - plain.objective.trace
    np.testing.assert_allclose(more, (1.0 - problem["alpha"]) * shift.mean(), atol=1e-6)


@given(problem=problems(), seed=seeds)
def test_permuting_actions_permutes_the_result(problem: dict[str, Any], seed: int) -> None:
    order = np.random.default_rng(seed).permutation(problem["cost"].shape[1])
    plain = solve(**problem)
    permuted = solve(**{**problem, "cost": problem["cost"][:, order]})
    np.testing.assert_allclose(permuted.assignment, plain.assignment[:, order], atol=1e-6)


@given(problem=problems())
def test_reversing_time_reverses_the_result(problem: dict[str, Any]) -> None:
    plain = solve(**problem)
    reverse = solve(**{**problem, "cost": problem["cost"][::-1]})
    np.testing.assert_allclose(reverse.assignment, plain.assignment[::-1], atol=1e-6)


@given(problem=problems(max_frames=30), factor=st.floats(1e-3, 1e3))
def test_one_factor_on_all_weights_changes_nothing(problem: dict[str, Any], factor: float) -> None:
    cost = problem["cost"]
    band = Band(problem["radius"], torch.tensor([len(cost)]), len(cost))
    matrix = band.apply(torch.eye(len(cost), dtype=torch.float64)[None])[0]
    plain = solve(**problem, structure=Dense(matrix))
    scaled = {
        **problem,
        "cost": factor * cost,
        "epsilon": factor * problem["epsilon"],
        "structure": Dense(factor * matrix),
    }
    for side in ("lambda_frames", "lambda_actions"):
        scaled[side] = None if problem[side] is None else factor * problem[side]
    np.testing.assert_allclose(solve(**scaled).assignment, plain.assignment, atol=1e-6)


def test_kinds_and_dtypes_come_back_as_they_came(rng: np.random.Generator) -> None:
    cost = make_cost(rng, 30, 4)
    assert solve(cost).assignment.dtype == np.float64
    assert solve(cost).labels.dtype == np.int64
    tensor = solve(torch.from_numpy(cost))
    assert tensor.assignment.dtype == torch.float64
    assert tensor.labels.dtype == torch.int64
    assert isinstance(tensor.objective.trace, torch.Tensor)
    np.testing.assert_array_equal(tensor.assignment.numpy(), solve(cost).assignment)
    for half in (torch.float16, torch.bfloat16):
        low = solve(torch.from_numpy(cost).to(half))
        assert low.assignment.dtype == torch.float32
        np.testing.assert_allclose(low.assignment.sum(1), 1.0, atol=1e-5)
    batched = solve(cost[None])
    assert batched.assignment.shape == (1, 30, 4)
    assert batched.labels.shape == (1, 30)
    assert batched.objective.trace.shape == (1, 26)
    assert solve(cost).objective.trace.shape == (26,)
    read_only = cost.copy()
    read_only.flags.writeable = False
    np.testing.assert_array_equal(solve(read_only).assignment, solve(cost).assignment)


@given(length=st.integers(1, 3000), radius=st.floats(1e-4, 0.5))
def test_a_float_radius_is_at_least_a_frame(length: int, radius: float) -> None:
    half_width, fraction = band_half_width(length, radius)
    assert half_width == max(1, round(length * radius))
    assert fraction == radius


@given(seed=seeds, radius=st.one_of(st.floats(0.001, 0.6), st.integers(1, 40)))
def test_the_band_is_its_matrix(seed: int, radius: float | int) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 30, size=3)
    n_frames = int(lengths.max()) + 3
    coupling = rng.random((3, n_frames, 2))
    for b, length in enumerate(lengths):
        coupling[b, length:] = 0
    band = Band(radius, torch.from_numpy(lengths), n_frames)
    result = band.apply(torch.from_numpy(coupling)).numpy()
    for b, length in enumerate(lengths.tolist()):
        half_width, fraction = band_half_width(length, radius)
        distance = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
        matrix = ((distance > 0) & (distance <= half_width)) / fraction
        np.testing.assert_allclose(result[b, :length], matrix @ coupling[b, :length], rtol=1e-9)


def test_the_band_keeps_its_precision_on_long_recordings(rng: np.random.Generator) -> None:
    coupling = rng.random((1, 200_000, 2)).astype(np.float32)
    band = Band(2, torch.tensor([200_000]), 200_000)
    sums = band.window_sums(torch.from_numpy(coupling)).numpy()[0]
    exact = sum(np.roll(coupling[0].astype(np.float64), shift, axis=0) for shift in (-2, -1, 1, 2))
    np.testing.assert_allclose(sums[2:-2], exact[2:-2], atol=1e-6)


def test_the_feature_band_is_its_matrix(rng: np.random.Generator) -> None:
    features = rng.normal(size=(25, 6))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    distance = np.abs(np.subtract.outer(np.arange(25), np.arange(25)))
    matrix = ((distance > 0) & (distance <= 3)) * (1 + unit @ unit.T) / 2 / (3 / 25)
    coupling = torch.from_numpy(rng.random((1, 25, 4)))
    np.testing.assert_allclose(
        FeatureBand(torch.from_numpy(features), 3).apply(coupling)[0].numpy(),
        matrix @ coupling[0].numpy(),
        rtol=1e-9,
    )
    cost = make_cost(rng, 25, 4)
    banded = solve(cost, structure=FeatureBand(torch.from_numpy(features), 3), step_size=2.0)
    dense = solve(cost, structure=Dense(torch.from_numpy(matrix)), step_size=2.0)
    np.testing.assert_allclose(banded.assignment, dense.assignment, atol=1e-9)


def test_without_a_tolerance_all_iterations_run(rng: np.random.Generator) -> None:
    (status,) = solve(make_cost(rng, 40, 3)).status
    assert status.ending == "iteration limit"
    assert status.iterations == 25


def test_a_tolerance_ends_each_recording_by_itself(rng: np.random.Generator) -> None:
    cost = np.stack([make_cost(rng, 40, 3), np.ones((40, 3))])
    options = {"tolerance": 1e-7, "max_iterations": 5000}
    solution = solve(cost, **options)
    assert [status.ending for status in solution.status] == ["converged", "converged"]
    assert solution.status[1].iterations < solution.status[0].iterations
    ended = solution.status[1].iterations
    assert np.isnan(solution.objective.trace[1, ended + 1 :]).all()
    assert np.isfinite(solution.objective.trace[1, : ended + 1]).all()
    short = solve(cost[0], tolerance=1e-12, max_iterations=3)
    assert short.status[0].ending == "iteration limit"
    assert "raise max_iterations" in short.status[0].message


def test_an_objective_that_overflows_is_said_to(rng: np.random.Generator) -> None:
    cost = make_cost(rng, 5, 3, dtype=np.float32)
    (status,) = solve(cost, initial=np.full((5, 3), 3e38), **SIDES["both relaxed"]).status
    assert status.ending == "not finite"
    assert "initial" in status.message


def test_a_radius_in_numpy_integers_is_frames(rng: np.random.Generator) -> None:
    cost = make_cost(rng, 20, 4)
    frames = solve(cost, radius=3).assignment
    np.testing.assert_array_equal(solve(cost, radius=np.int64(3)).assignment, frames)
    features = torch.from_numpy(rng.normal(size=(20, 2)))
    banded = [solve(cost, structure=FeatureBand(features, r)).assignment for r in (3, np.int64(3))]
    np.testing.assert_array_equal(*banded)


def test_a_ragged_feature_band_is_each_recordings_own(rng: np.random.Generator) -> None:
    lengths = [20, 33]
    cost, features = rng.random((2, 33, 4)), torch.from_numpy(rng.normal(size=(2, 33, 3)))
    features[0, 20:] = torch.nan
    batch = solve(cost, lengths=lengths, structure=FeatureBand(features, 0.1, lengths))
    for b, length in enumerate(lengths):
        alone = solve(cost[b, :length], structure=FeatureBand(features[b, :length], 0.1))
        np.testing.assert_allclose(batch.assignment[b, :length], alone.assignment, atol=1e-9)


@given(seed=seeds)
def test_a_mask_that_forbids_nothing_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cost = 10.0 ** rng.uniform(-2, 2) * make_cost(rng, 30, 5)
    for side in SIDES.values():
        plain = solve(cost, **side)
        masked = solve(cost, allowed=np.ones((30, 5), dtype=bool), **side)
        np.testing.assert_allclose(masked.assignment, plain.assignment, atol=1e-7)


@given(seed=seeds)
def test_hard_marginals_hold_under_masks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    allowed = rng.random((20, 3)) < 0.7
    # Feasible for certain: the frames in three equal shares are a coupling of whole frames.
    allowed[np.arange(20), np.arange(20) * 3 // 20] = True
    q = np.bincount(np.arange(20) * 3 // 20) / 20
    for dtype, tolerance in ((np.float32, 1e-5), (np.float64, 1e-9)):
        cost = (10.0 ** rng.uniform(-2, 2) * rng.random((20, 3))).astype(dtype)
        solution = solve(cost, allowed=allowed, action_marginal=q, lambda_actions=None)
        np.testing.assert_allclose(solution.coupling.sum(axis=0), q, atol=tolerance)
        np.testing.assert_allclose(solution.assignment.sum(axis=1), 1.0, atol=1e-5)
        assert (solution.assignment[~allowed] == 0).all()


@pytest.mark.parametrize("side", SIDES)
def test_gradients_stay_finite_where_steps_are_taken_back(
    side: str, rng: np.random.Generator
) -> None:
    cost = torch.from_numpy(make_cost(rng, 12, 3)).requires_grad_()
    assignment = solve(cost, step_size=1e3, **SIDES[side]).assignment
    (gradient,) = torch.autograd.grad(assignment[:, 0].sum(), cost)
    assert bool(torch.isfinite(gradient).all())


def test_half_precision_priors_count_frames() -> None:
    from asot.transport import temporal_prior

    exact = temporal_prior(3000, 7, 1.0)
    half = temporal_prior(3000, 7, 1.0, like=torch.zeros(1, dtype=torch.float16))
    assert half.dtype == torch.float16
    np.testing.assert_allclose(half.double().numpy(), exact, atol=1e-3)
    assert temporal_prior(5, 2, 1.0, like=np.zeros(1, np.float32)).dtype == np.float32


def test_backgrounds_of_whole_numbers() -> None:
    from asot.transport import append_background

    assert append_background(np.array([[1, 2]]), 0.5).tolist() == [[1.0, 2.0, 0.5]]
    assert append_background(torch.tensor([[1, 2]]), 0.5).tolist() == [[1.0, 2.0, 0.5]]


@pytest.mark.parametrize("fault", ["nan", "negative", "lost", "risen"])
@given(seed=seeds)
def test_what_cannot_be_a_solution_is_refused(fault: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    solution = solve(make_cost(rng, int(rng.integers(5, 60)), 3))
    solution.require_sound()
    frame = int(rng.integers(len(solution.assignment)))
    if fault == "risen":
        solution.objective.trace[0] -= 1.0 + abs(solution.objective.trace[0])
    else:
        change: Any = {"nan": np.nan, "negative": [1.1, 0.0, -0.1], "lost": 0.0}
        solution.assignment[frame] = change[fault]
    with pytest.raises(SolverError, match=r"The solver failed: .* of \d+ frames, and J went"):
        solution.require_sound()
