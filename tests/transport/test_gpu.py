"""The GPU solver against the torch one: on the card where there is one, else in the interpreter.

Triton reads ``TRITON_INTERPRET`` when it is first imported, and other libraries import it too.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asot.transport import solve
from asot.transport.cuda import solver as gpu
from asot.transport.cuda.solver import BlockPlan, CudaBackend
from asot.transport.request import Request
from asot.transport.solution import Answer, LateStatus
from asot.transport.solve import BACKENDS
from asot.transport.step import band_curvature
from asot.transport.structure import band_half_width
from tests.transport import test_backends as backends
from tests.transport.problems import make_cost

if not gpu.is_installed():
    pytest.skip("the GPU solver needs Triton 3.5, which is not installed", allow_module_level=True)
ON_CARD = torch.cuda.is_available() and os.environ.get("TRITON_INTERPRET", "0") == "0"
if not ON_CARD:
    if "triton" not in sys.modules:
        os.environ["TRITON_INTERPRET"] = "1"
    import triton

    if not isinstance(triton.language.sum, triton.runtime.interpreter.InterpretedFunction):
        pytest.skip(
            "Triton was imported before TRITON_INTERPRET=1 was set: set it for the whole run, or "
            "run this file by itself",
            allow_module_level=True,
        )

DEVICE = torch.device("cuda" if ON_CARD else "cpu")
COMPILE = Path(__file__).with_name("compile_for_gpu.py")
# Bytes that may be held on chip, and of a tile: all in one block, or tiles of few frames.
VARIANTS = {"held": (2**20, 2**10), "tiled": (0, 2**10)}


class OnDevice(CudaBackend):
    """Takes the place of the CPU solver in ``solve``: there on the device, and back."""

    def covers(self, request: Request) -> str | None:
        return request.not_compiled("cpu")

    def run(self, request: Request) -> Answer:
        def moved(value: Any) -> Any:
            return value.to(DEVICE) if isinstance(value, torch.Tensor) else value

        # A copy without the checks, which were made.
        there = object.__new__(Request)
        for one in fields(Request):
            setattr(there, one.name, moved(getattr(request, one.name)))
        # NumPy, which the interpreter computes with, warns of what a GPU does not.
        with np.errstate(all="ignore"):
            answer = super().run(there)
        arrays = ("assignment", "labels", "frame_weight", "trace", "parts")
        return replace(
            answer,
            **{name: getattr(answer, name).cpu() for name in arrays},
            status=tuple(answer.status),
        )


@pytest.fixture(scope="module", autouse=True)
def _gpu_in_place_of_cpu() -> Iterator[None]:
    """Have ``solve(backend="cpu")`` run the GPU solver, for the checks of compiled solvers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BACKENDS, "cpu", (OnDevice(),))
        patch.setitem(BACKENDS, "auto", (OnDevice(), *BACKENDS["torch"]))
        yield


def choose(patch: pytest.MonkeyPatch, variant: str) -> None:
    held, tile = VARIANTS[variant]
    patch.setattr(gpu, "HELD_BYTES", held)
    patch.setattr(gpu, "TILE_BYTES", tile)


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    choose(monkeypatch, request.param)
    return request.param


def run(cost: torch.Tensor, lengths: Any, **options: Any) -> Answer:
    """Run the GPU solver on what it reads of a request, with nothing checked before."""
    request = Request(torch.zeros(cost.shape, dtype=cost.dtype))
    for name, value in {"cost": cost, "lengths": lengths, **options}.items():
        setattr(request, name, value)
    return OnDevice().run(request)


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=6)
@given(problem=backends.batches().filter(lambda problem: problem["cost"].shape[1] <= 80))
def test_the_gpu_solver_is_the_torch_solver(variant: str, problem: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        choose(patch, variant)
        backends.compare(**problem, max_iterations=3)


# The interpreter takes its time: each variant has one precision here, and both in other tests.
@pytest.mark.parametrize("variant, dtype", [("held", np.float32), ("tiled", np.float64)])
def test_golden_cases(dtype: type, variant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    choose(monkeypatch, variant)
    if variant == "tiled":
        monkeypatch.setattr(gpu, "TILE_BYTES", 2**15)
    backends.test_golden_cases(dtype)


def test_steps_are_taken_back_alike(variant: str, rng: np.random.Generator) -> None:
    cost = make_cost(rng, 2, 20, 4)
    for side in backends.RELAXED.values():
        backends.compare(cost, step_size=30.0, max_iterations=12, **side)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_number_shortens_its_steps(variant: str, dtype: type, rng: np.random.Generator) -> None:
    cost = make_cost(rng, 40, 4, dtype=dtype)
    plain = solve(cost, backend="cpu", max_iterations=6)
    shifted = solve(cost + rng.normal(size=(40, 1)).astype(dtype), backend="cpu", max_iterations=6)
    close = 1e-4 if dtype is np.float32 else 1e-9
    np.testing.assert_allclose(shifted.assignment, plain.assignment, atol=close)
    largest = float(np.finfo(dtype).max)
    for value in (50.0, largest):
        cost[:, 1], cost[20, 2], cost[30, 3] = value, value, -value
        expected = solve(cost, backend="torch", max_iterations=6)
        found = solve(cost, backend="cpu", max_iterations=6)
        np.testing.assert_allclose(found.assignment, expected.assignment, atol=close)
        np.testing.assert_allclose(found.objective.total, expected.objective.total, rtol=1e-4)
        assert found.status[0].step_size == pytest.approx(plain.status[0].step_size)
    paid = solve(-20.0 * make_cost(rng, 40, 4, dtype=dtype), backend="cpu", lambda_frames=0.1)
    assert paid.status[0].ending == "diverged"
    assert np.isfinite(paid.assignment).all()


def test_a_tolerance_ends_recordings_alike(variant: str, rng: np.random.Generator) -> None:
    cost = np.stack([make_cost(rng, 20, 3), np.ones((20, 3))])
    for side in backends.RELAXED.values():
        backends.compare(cost, tolerance=1e-3, max_iterations=40, **side)
    backends.compare(cost, tolerance=1e-12, max_iterations=2)
    backends.compare(cost, max_iterations=0)


def test_nothing_is_read_past_the_end_and_a_batch_is_its_recordings(
    variant: str, rng: np.random.Generator
) -> None:
    lengths = [23, 1, 40]
    cost = torch.from_numpy(make_cost(rng, 3, 40, 5))
    p = torch.from_numpy(rng.random((3, 40)))
    initial = torch.from_numpy(rng.random((3, 40, 5)))
    for b, length in enumerate(lengths):
        p[b] /= p[b, :length].sum()
        cost[b, length:] = p[b, length:] = initial[b, length:] = torch.nan
    options = {"max_iterations": 4}
    batch = run(cost, lengths, frame_marginal=p, initial=initial, **options)
    for b, length in enumerate(lengths):
        own = {"frame_marginal": p[b : b + 1], "initial": initial[b : b + 1]}
        one = run(cost[b : b + 1], [length], **own, **options)
        for name in ("assignment", "labels", "frame_weight", "trace"):
            assert torch.equal(getattr(one, name)[0], getattr(batch, name)[b]), name
        assert torch.equal(one.parts[:, 0], batch.parts[:, b])
        assert one.status[0] == batch.status[b]
        assert not batch.assignment[b, length:].any()
        assert not batch.frame_weight[b, length:].any()
        assert (batch.labels[b, length:] == -1).all()
        assert torch.isfinite(batch.assignment[b]).all()
        # Without any padding, blocks differ in shape, and sums in their order.
        cut = (values[b : b + 1, :length] for values in (cost, p, initial))
        short_cost, short_p, short_initial = cut
        own = {"frame_marginal": short_p, "initial": short_initial}
        alone = run(short_cost, [length], **own, **options)
        torch.testing.assert_close(
            alone.assignment[0], batch.assignment[b, :length], rtol=0, atol=1e-12
        )


def test_single_precision_agrees_too(variant: str, rng: np.random.Generator) -> None:
    cost = make_cost(rng, 2, 40, 6, dtype=np.float32)
    for side in backends.RELAXED.values():
        backends.compare(cost, lengths=[40, 21], max_iterations=10, **side)


def test_a_long_recording_keeps_its_precision(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "HELD_BYTES", 0)
    monkeypatch.setattr(gpu, "TILE_BYTES", 2**16)
    cost = make_cost(rng, 1, 30_000, 2, dtype=np.float32)
    for radius in (3, 0.3):
        options: dict[str, Any] = {"radius": radius, "max_iterations": 3}
        exact = solve(cost.astype(np.float64), backend="torch", **options)
        found = solve(cost, backend="cpu", **options)
        np.testing.assert_allclose(found.assignment, exact.assignment, atol=1e-5)


def test_many_actions(variant: str, rng: np.random.Generator) -> None:
    """More than a tile has room for: then it has one frame."""
    backends.compare(make_cost(rng, 1, 5, 300), max_iterations=2)


def test_layouts(variant: str, rng: np.random.Generator) -> None:
    cost = torch.from_numpy(make_cost(rng, 2, 30, 4))
    options = {"max_iterations": 3}
    expected = run(cost, [30, 20], **options).assignment
    apart = cost.repeat_interleave(2, dim=1)[:, ::2]
    turned = cost.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    negative = torch.complex(cost, -cost).conj().imag
    assert negative.is_neg()
    for view in (apart, turned):
        assert not view.is_contiguous()
        assert torch.equal(run(view, [30, 20], **options).assignment, expected)
    opposite = run(negative, [30, 20], **options).assignment
    assert torch.equal(opposite, run(negative.resolve_neg(), [30, 20], **options).assignment)
    same = cost[:1].expand(2, -1, -1)
    assert torch.equal(*run(same, [30, 30], **options).assignment)


def test_lengths_may_be_on_the_device(rng: np.random.Generator) -> None:
    cost = torch.from_numpy(make_cost(rng, 2, 30, 4))
    options = {"max_iterations": 2}
    listed = run(cost, [30, 20], **options)
    found = run(cost, torch.tensor([30, 20], device=DEVICE), **options)
    assert torch.equal(found.assignment, listed.assignment)


@given(
    lengths=st.lists(st.integers(1, 10_000), min_size=1, max_size=5),
    radius=st.one_of(st.floats(1e-4, 2.0), st.integers(1, 3000)),
)
def test_bands_are_those_of_the_structure(lengths: list[int], radius: float | int) -> None:
    request = Request(torch.zeros(len(lengths), max(lengths), 1), lengths=lengths, radius=radius)
    bands = gpu._bands(request).T.tolist()
    for length, band in zip(lengths, bands, strict=True):
        half_width, fraction = band_half_width(length, radius)
        assert band[:3] == [length, half_width, 1.0 / fraction]
        curvature = band_curvature(half_width, length, fraction)
        assert band[3] == pytest.approx(request.weights.full_step(curvature), rel=1e-12)


def test_half_frames_are_rounded_as_python_does() -> None:
    bands = gpu._bands(Request(torch.zeros(3, 250, 1), lengths=[25, 35, 250], radius=0.1))
    assert bands[1].tolist() == [2, 4, 25]


def test_lengths_that_nobody_looks_at_are_brought_into_range() -> None:
    request = Request(torch.zeros(4, 12, 1), radius=0.1)
    request.lengths = torch.tensor([0, -3, 9, 40])
    bands = gpu._bands(request)
    assert bands[0].tolist() == [1, 1, 9, 12]


@given(
    n_frames=st.integers(1, 10**7),
    n_actions=st.integers(1, 10**5),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_plans(n_frames: int, n_actions: int, dtype: torch.dtype) -> None:
    plan = BlockPlan.of(n_frames, n_actions, dtype)
    for size in (plan.block_frames, plan.block_actions, plan.warps):
        assert size & (size - 1) == 0
    assert plan.block_actions >= n_actions
    bytes_of_block = plan.block_frames * plan.block_actions * dtype.itemsize
    if plan.held:
        assert plan.block_frames >= n_frames
        assert bytes_of_block <= gpu.HELD_BYTES
    elif plan.block_frames > 1:
        assert bytes_of_block <= gpu.TILE_BYTES
    assert 1 <= plan.warps <= gpu.MOST_WARPS


def test_a_status_is_read_late_and_once(rng: np.random.Generator) -> None:
    cost = torch.from_numpy(make_cost(rng, 3, 8, 2)).to(DEVICE)
    status = CudaBackend().run(Request(cost, lengths=[8, 8, 8], max_iterations=1)).status
    assert isinstance(status, LateStatus)
    assert len(status) == 3
    assert "_read" not in vars(status)
    assert [one.iterations for one in status] == [1, 1, 1]
    assert status[1:] == tuple(status)[1:]
    assert status[-1] is status[2]
    assert str(status[0]).startswith("Ran all 1")
    assert repr(status) == repr(tuple(status))


def test_a_cost_that_overflows_says_so(variant: str) -> None:
    cost = torch.full((1, 6, 2), 3e38)
    answer = run(cost * torch.tensor([1.0, -1.0]), [6])
    plain = solve(cost * torch.tensor([1.0, -1.0]), backend="torch")
    assert answer.status[0].ending == plain.status[0].ending


def compile_for(capability: int, size: str, folder: Path) -> list[str]:
    """One line a kernel; the interpreter lets pass what the compiler does not."""
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(folder)}
    command = [sys.executable, str(COMPILE), str(capability), size]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def test_it_compiles_without_a_card(tmp_path: Path) -> None:
    assert len(compile_for(90, "small", tmp_path)) == 4


@pytest.mark.slow
@pytest.mark.parametrize("capability", [80, 90])
def test_blocks_of_full_size_compile_without_a_card(capability: int, tmp_path: Path) -> None:
    assert len(compile_for(capability, "full", tmp_path)) == 8


@pytest.mark.skipif(not ON_CARD, reason="needs a CUDA card, and no TRITON_INTERPRET")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_captured_graph_gives_the_same(
    dtype: torch.dtype, variant: str, rng: np.random.Generator
) -> None:
    cost = torch.from_numpy(make_cost(rng, 4, 100, 7)).to(DEVICE, dtype)
    lengths = torch.tensor([100, 80, 3, 51], device=DEVICE)
    request = Request(cost, lengths=lengths, backend="cuda")
    expected = CudaBackend().run(request).assignment.clone()
    plain = solve(cost, lengths=lengths, backend="torch")
    atol = 1e-5 if dtype == torch.float32 else 1e-11
    torch.testing.assert_close(expected, plain.assignment, rtol=0, atol=atol)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = CudaBackend().run(request).assignment
    found.zero_()
    graph.replay()
    torch.cuda.synchronize()
    assert torch.equal(found, expected)
