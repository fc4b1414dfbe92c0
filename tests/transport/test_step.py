"""The length of a step: no single number shortens it, and with it J falls as far as is proved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr

from asot.errors import ArgumentError
from asot.metrics import evaluate
from asot.timeline.segments import run_lengths
from asot.transport import Band, Dense, FeatureBand, StreamingDecoder, solve
from asot.transport.solution import MOST_MASS, NEAR_MOST
from asot.transport.step import Weights, band_curvature
from tests.transport.problems import SIDES, make_cost

seeds = st.integers(0, 2**32 - 1)
backends = pytest.mark.parametrize("backend", ["torch", "cpu"])
settings_in_use = st.sampled_from(
    [{}, {"epsilon": 0.04, "alpha": 0.6, "lambda_actions": 0.01}, {"epsilon": 0.01, "radius": 5}]
)


def draw_cost(seed: int) -> tuple[np.random.Generator, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng, make_cost(rng, int(rng.integers(2, 120)), int(rng.integers(2, 9)))


@backends
@given(seed=seeds, options=settings_in_use, size=st.floats(0, 6))
def test_a_number_added_to_a_frame_changes_nothing(
    backend: str, seed: int, options: dict[str, Any], size: float
) -> None:
    rng, cost = draw_cost(seed)
    shift = 10.0**size * rng.normal(size=(len(cost), 1))
    plain = solve(cost, backend=backend, **options)
    shifted = solve(cost + shift, backend=backend, **options)
    np.testing.assert_allclose(shifted.assignment, plain.assignment, atol=1e-13 * 10**size + 1e-9)
    assert shifted.status[0].step_size == plain.status[0].step_size


@backends
@given(seed=seeds, options=settings_in_use, size=st.floats(4, 25))
def test_one_entry_of_any_size_is_one_entry_that_is_out(
    backend: str, seed: int, options: dict[str, Any], size: float
) -> None:
    rng, cost = draw_cost(seed)
    where = int(rng.integers(len(cost))), int(rng.integers(cost.shape[1]))
    # Steps are short where recordings are: it takes this much to be out after one.
    cost[where] = 1e4
    out = solve(cost, backend=backend, **options)
    cost[where] = 10.0**size
    far_out = solve(cost, backend=backend, **options)
    assert out.assignment[where] < 1e-20
    np.testing.assert_allclose(far_out.assignment, out.assignment, atol=1e-9)
    # A mask takes it out from the start on, a cost from the first step on.
    allowed = np.ones(cost.shape, dtype=bool)
    allowed[where] = False
    masked = solve(cost, allowed=allowed, backend=backend, **options)
    found = solve(cost, initial=allowed / cost.shape[1], backend=backend, **options)
    np.testing.assert_allclose(found.assignment, masked.assignment, atol=1e-7)


@backends
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_number_is_too_large(backend: str, dtype: type, rng: np.random.Generator) -> None:
    cost = make_cost(rng, 90, 5, dtype=dtype)
    cost[40, 2], cost[41, 3] = 1e3, -1e3
    expected = solve(cost, backend=backend).assignment
    largest = np.finfo(dtype).max
    for high, low in ((1e30, -1e30), (0.5 * largest, -0.5 * largest), (largest, -largest)):
        cost[40, 2], cost[41, 3] = high, low
        found = solve(cost, backend=backend).assignment
        np.testing.assert_allclose(found, expected, atol=1e-5 if dtype is np.float32 else 1e-9)
    cost[:30, 2], cost[:30, 3], cost[60:] = -largest, largest, largest
    several = solve(cost, backend=backend)
    assert several.status[0].ending == "iteration limit"
    assert np.isfinite(several.objective.trace).all()
    assert (several.labels[:30] == 2).all()
    for bad in (np.inf, -np.inf, np.nan):
        cost[40, 2] = bad
        with pytest.raises(ArgumentError, match="finite"):
            solve(cost, backend=backend)


@backends
@given(seed=seeds, options=settings_in_use, size=st.floats(4, 25))
def test_an_action_that_costs_too_much_is_an_action_that_is_forbidden(
    backend: str, seed: int, options: dict[str, Any], size: float
) -> None:
    rng, cost = draw_cost(seed)
    action = int(rng.integers(cost.shape[1]))
    masked = solve(cost, allowed=np.arange(cost.shape[1]) != action, backend=backend, **options)
    cost[:, action] = 10.0**size
    found = solve(cost, backend=backend, **options)
    np.testing.assert_allclose(found.assignment, masked.assignment, atol=1e-7)
    assert (found.labels == masked.labels).all()


@backends
@given(seed=seeds, factor=st.floats(1e-3, 1e3))
def test_a_common_factor_changes_nothing_without_a_band(
    backend: str, seed: int, factor: float
) -> None:
    _, cost = draw_cost(seed)
    plain = solve(cost, alpha=0.0, epsilon=0.07, lambda_actions=0.1, backend=backend)
    scaled = solve(
        factor * cost,
        alpha=0.0,
        epsilon=factor * 0.07,
        lambda_actions=factor * 0.1,
        backend=backend,
    )
    np.testing.assert_allclose(scaled.assignment, plain.assignment, atol=1e-9)


@backends
@given(
    seed=seeds,
    epsilon=st.floats(0.005, 1.0),
    alpha=st.floats(0.0, 0.95),
    penalty=st.floats(0.005, 20.0),
    radius=st.one_of(st.floats(0.01, 0.6), st.integers(1, 60)),
    scale=st.floats(-3, 3),
)
def test_no_full_step_is_ever_taken_back(
    backend: str,
    seed: int,
    epsilon: float,
    alpha: float,
    penalty: float,
    radius: float | int,
    scale: float,
) -> None:
    """Each falls by a divergence over its length at least, as the bound of the curvature says."""
    _, cost = draw_cost(seed)
    options = {"epsilon": epsilon, "alpha": alpha, "lambda_actions": penalty, "radius": radius}
    options |= {"backend": backend, "max_iterations": 3}
    before = solve(10**scale * cost, **options)
    after = solve(10**scale * cost, **{**options, "max_iterations": 4})
    first = solve(10**scale * cost, **{**options, "max_iterations": 0}).status[0].step_size
    step = after.status[0].step_size
    assert step == first
    divergence = rel_entr(before.coupling, np.maximum(after.coupling, 1e-300)).sum()
    size = sum(abs(part) for part in after.objective.parts.values())
    fall = before.objective.trace[3] - after.objective.trace[4]
    assert fall >= divergence / step * (1 - 1e-6) - 1e-12 * size


@given(half_width=st.integers(1, 40), n_frames=st.integers(1, 60), seed=seeds)
def test_the_curvature_bounds_the_spectrum(half_width: int, n_frames: int, seed: int) -> None:
    """Twice the curvature, times N, is no less than minus the least eigenvalue of Cv."""
    rng = np.random.default_rng(seed)
    lengths = torch.tensor([n_frames])
    eye = torch.eye(n_frames, dtype=torch.float64)[None]
    features = torch.from_numpy(rng.normal(size=(n_frames, 3)))
    for band in (Band(half_width, lengths, n_frames), FeatureBand(features, half_width)):
        least = float(np.linalg.eigvalsh(band.apply(eye)[0].numpy()).min())
        assert -least / n_frames <= 2 * float(band.curvature[0]) + 1e-12


def test_a_structure_of_ones_own_has_a_step_too(rng: np.random.Generator) -> None:
    cost = make_cost(rng, 40, 4)
    matrix = rng.random((40, 40)) * 40
    structure = Dense(torch.from_numpy(matrix + matrix.T))
    solution = solve(cost, structure=structure)
    rows = float((matrix + matrix.T).sum(axis=1).max()) / 40
    expected = Weights(0.07, 0.3, None, 0.1).full_step(0.5 * rows)
    assert solution.status[0].step_size == pytest.approx(expected)
    assert (np.diff(solution.objective.trace) < 0).all()


@pytest.mark.parametrize("curvature", [1.0, torch.ones(2), torch.tensor([-1.0]), np.ones(1)])
def test_a_curvature_that_is_none_is_refused(curvature: Any) -> None:
    structure = Dense(torch.ones(6, 6))
    structure.curvature = curvature  # type: ignore[attr-defined]
    with pytest.raises(ArgumentError, match=r"structure\.curvature must be a tensor"):
        solve(np.zeros((6, 2)), structure=structure)


def test_the_paper_s_settings_give_the_paper_s_length() -> None:
    """Near enough for 25 steps to go as far; the release's first is 3 to 6 in training."""
    curvature = band_curvature(10, 256, 0.04)
    assert 3.0 < Weights(0.07, 0.3, None, 0.1).full_step(curvature) < 6.0


@backends
@pytest.mark.parametrize("n_frames", [1, 2])
def test_a_frame_or_two_are_soon_done(
    backend: str, n_frames: int, rng: np.random.Generator
) -> None:
    cost = rng.random((n_frames, 5))
    found = solve(cost, backend=backend)
    best = solve(cost, backend=backend, max_iterations=2000)
    start = found.objective.trace[0]
    assert found.objective.total - best.objective.total <= 0.01 * (start - best.objective.total)
    assert "hardly" not in found.status[0].message


@backends
def test_a_plan_that_hardly_moves_is_said_to(backend: str, rng: np.random.Generator) -> None:
    cost = make_cost(rng, 60, 4)
    for options in ({"step_size": 1e-6}, {"epsilon": 500.0}):
        (status,) = solve(cost, backend=backend, **options).status
        assert status.ending == "iteration limit"
        assert "hardly moved" in status.message
    for options in ({"lambda_actions": 1e3}, {"step_size": 1e-3}):
        outlier = cost.copy()
        outlier[3, 2] = 50.0  # one entry moves far, and says nothing about the others
        assert "hardly moved" in solve(outlier, backend=backend, **options).status[0].message
    forced = np.arange(60) < 50
    one_way = np.where(forced[:, None], np.arange(4) == 2, True)
    assert "hardly" not in solve(cost, allowed=one_way, backend=backend).status[0].message
    q = np.array([0.1, 0.2, 0.3, 0.4])
    allowed = np.array([True, True, False, True])
    still = {"action_marginal": q, "allowed": allowed, "step_size": 1e-9}
    assert "hardly moved" in solve(cost, backend=backend, **still).status[0].message
    start = solve(cost, backend=backend)
    assert "hardly" not in start.status[0].message
    again = solve(cost, initial=start.assignment, step_size=1e-6, backend=backend)
    assert "hardly" not in again.status[0].message  # it need not move from a good start
    assert "hardly" not in solve(cost, max_iterations=0, backend=backend).status[0].message


@backends
@given(seed=seeds, scale=st.floats(0, 4), penalty=st.sampled_from([0.01, 0.1, 1.0]))
def test_mass_that_is_paid_for_ends_in_a_sentence(
    backend: str, seed: int, scale: float, penalty: float
) -> None:
    _, cost = draw_cost(seed)
    both = {"lambda_frames": penalty, "lambda_actions": penalty}
    solution = solve(-(10.0**scale) * cost, backend=backend, **both)
    mass = float(solution.coupling.sum())
    assert np.isfinite(solution.assignment).all()
    assert mass <= MOST_MASS * (1 + 1e-9)
    trace = solution.objective.trace[: solution.status[0].iterations + 1]
    assert np.isfinite(trace).all()
    assert (solution.status[0].ending == "diverged") == (mass >= NEAR_MOST * MOST_MASS)
    if mass >= NEAR_MOST * MOST_MASS:
        assert "constant" in solution.status[0].message
    # With a constant that leaves no cost negative there is no such end.
    kept = solve(10.0**scale * (cost.max() - cost), backend=backend, **both)
    assert kept.status[0].ending != "diverged"


@given(seed=seeds)
def test_a_stream_survives_a_frame_that_costs_too_much(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cost = make_cost(rng, 200, 4)
    options: dict[str, Any] = {"radius": 8, "delay": 16}
    frame = int(rng.integers(200))
    plain = StreamingDecoder(4, **options).decode([cost])
    labels = np.concatenate([part.labels for part in plain])
    cost[frame] += 20.0
    raised = StreamingDecoder(4, **options).decode([cost])
    np.testing.assert_array_equal(np.concatenate([part.labels for part in raised]), labels)


def test_the_salad_affinity_stands_all_of_it(shared: Path) -> None:
    folder = shared / "data" / "asot_affinities"
    name = "P36_webcam01_P36_salat"
    affinity = np.load(folder / "affinity" / f"{name}.npy", allow_pickle=False).astype(np.float64)
    words = (folder / "gt" / name).read_text().split("\n")[: len(affinity)]
    truth = np.unique(words, return_inverse=True)[1]
    plain = solve(1.0 - affinity)
    assert len(run_lengths(plain.labels)[0]) <= 20
    assert evaluate([plain.labels], [truth])["mof"] >= 0.679
    outlier, forbidden = 1.0 - affinity, 1.0 - affinity
    outlier[2000, 3] = 50.0
    forbidden[:, 0] += 1000.0
    masked = solve(1.0 - affinity, allowed=np.arange(8) != 0)
    for cost, like in ((100.0 - affinity, plain), (outlier, plain), (forbidden, masked)):
        assert (solve(cost).labels == like.labels).mean() >= 0.999


@pytest.mark.parametrize("side", SIDES)
def test_large_costs_leave_no_side_behind(side: str, rng: np.random.Generator) -> None:
    """Both sides hard, a projection is a transport problem of its own: it must not get too hard."""
    solution = solve(1e3 * make_cost(rng, 60, 5), **SIDES[side])
    assert solution.status[0].ending == "iteration limit"
    assert (np.diff(solution.objective.trace) <= 1e-12).all()


@pytest.mark.parametrize("kind", ["a dear action", "dear frames", "twins", "one entry"])
@pytest.mark.parametrize("size", [1e2, 1e4, 1e6])
def test_both_sides_hard_end_on_the_best_coupling(
    kind: str, size: float, rng: np.random.Generator
) -> None:
    cost = rng.random((60, 4))
    if kind == "a dear action":
        cost[:, 1] += size
    elif kind == "dear frames":  # a sixth of all mass must pay
        cost[:40, :2] += size
    elif kind == "twins":
        cost = np.concatenate([size * cost] * 2, axis=1)
    else:
        cost[20, 2] += size
    solution = solve(cost, lambda_actions=None, alpha=0.0)
    assert (np.diff(solution.objective.trace) <= 1e-9 * size).all()
    best = scipy.optimize.linprog(
        cost.ravel() / 60,
        A_eq=np.concatenate(
            [np.kron(np.eye(60), np.ones(cost.shape[1])), np.tile(np.eye(cost.shape[1]), 60)]
        ),
        b_eq=np.concatenate([np.ones(60), np.full(cost.shape[1], 60 / cost.shape[1])]),
    ).fun
    uniform = cost.mean()
    assert solution.objective.linear - best <= 0.1 * (uniform - best) + 0.1
