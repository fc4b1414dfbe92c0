"""The compiled solver against the torch one: same steps, same answers."""

from __future__ import annotations

import copy
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asot.errors import ArgumentError, MissingExtraError
from asot.transport import Dense, solve
from asot.transport.structure import band_half_width
from tests.transport.problems import make_cost

pytest.importorskip("numba", reason="the compiled solver is in the extra 'fast'")
from asot.transport.cpu import kernel
from tests.transport.naive import solve_naively

GOLDEN = Path(__file__).parent / "golden"
RELAXED = {
    "frames hard": {"lambda_frames": None, "lambda_actions": 0.1},
    "both relaxed": {"lambda_frames": 0.1, "lambda_actions": 0.1},
}
# By how much assignments may differ; J, relative to its parts; and a fall of J that is rounding.
CLOSE = {np.float32: (1e-5, 2e-6, 1e-6), np.float64: (1e-11, 1e-12, 1e-13)}


def compare(cost: np.ndarray, **options: Any) -> float:
    """Both backends, to rounding: where rounding decides, to what it does to the torch one.

    Returns by how much the assignments differ.
    """
    expected = solve(cost, backend="torch", **options)
    fused = solve(cost, backend="cpu", **options)
    assert fused.assignment.dtype == cost.dtype
    in_assignment, in_objective, bottom = CLOSE[cost.dtype.type]
    outcomes = {tuple(status.iterations for status in expected.status)}
    # What a gradient is made of, and so the size that its rounding has.
    radius, lengths = options.get("radius", 0.04), options.get("lengths")
    shortest = cost.shape[-2] if lengths is None else int(np.min(lengths))
    reach = radius / shortest if isinstance(radius, int) else radius
    steepness = np.nanmax(np.abs(cost)) + options.get("epsilon", 0.07)
    steepness = steepness + options.get("alpha", 0.3) * max(2.0, 1 / (reach * shortest))
    for seed in range(3):
        nudge = np.random.default_rng(seed).choice([-2, 2], size=cost.shape)
        nudged = cost + nudge * (np.finfo(cost.dtype).eps * steepness).astype(cost.dtype)
        other = solve(nudged.astype(cost.dtype), backend="torch", **options)
        moved = float(np.abs(other.assignment - expected.assignment).max())
        in_assignment = max(in_assignment, 20 * moved)
        outcomes.add(tuple(status.iterations for status in other.status))
    size = sum(np.abs(part) for part in expected.objective.parts.values())
    falls = -np.diff(np.atleast_2d(expected.objective.trace), axis=1)
    if (falls <= bottom * np.reshape(size, (-1, 1))).any():
        # A step that leaves J as it was, to its last digit, may be taken by one and not by the
        # other: from there on their steps differ in length. Both are on their way down.
        in_assignment = max(in_assignment, 1e3 * np.finfo(cost.dtype).eps ** 0.5)
        outcomes.clear()
    worst = float(np.abs(fused.assignment - expected.assignment).max())
    if not outcomes and worst > in_assignment:
        assert (np.abs(fused.objective.total - expected.objective.total) <= 1e-2 * size).all()
        return worst
    assert worst <= in_assignment
    np.testing.assert_allclose(fused.frame_weight, expected.frame_weight, rtol=1e-6)
    size = size + options.get("epsilon", 0.07) + 2 * options.get("lambda_actions", 0.1)
    allowed = (in_objective + in_assignment) * size
    for name, part in expected.objective.parts.items():
        assert (np.abs(fused.objective.parts[name] - part) <= allowed).all(), name
    # Where two actions are all but equal, rounding decides.
    ranked = np.sort(expected.assignment, axis=-1)
    if cost.shape[-1] > 1:
        lead = ranked[..., -1] - ranked[..., -2]
        assert (lead[fused.labels != expected.labels] <= 2 * in_assignment).all()
    if len(outcomes) != 1:
        return worst
    assert [status.ending for status in fused.status] == [s.ending for s in expected.status]
    assert [status.iterations for status in fused.status] == list(outcomes.pop())
    trace, found = expected.objective.trace, fused.objective.trace
    np.testing.assert_array_equal(np.isnan(found), np.isnan(trace))
    scale = np.reshape(allowed, (*np.shape(allowed), 1)) + 1e3 * in_objective * np.abs(trace)
    assert (np.abs(found - trace) <= scale)[~np.isnan(trace)].all()
    return worst


@st.composite
def batches(draw: st.DrawFn) -> dict[str, Any]:
    """A ragged batch in double precision, with any options that the compiled solver covers."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    batch, n_actions = draw(st.integers(1, 4)), draw(st.integers(1, 9))
    # A tile has 512 frames and a vector 16.
    longest = draw(st.sampled_from([1, 15, 16, 17, 60, 511, 512, 513, 1100]))
    lengths = rng.integers(1, longest + 1, size=batch)
    n_frames = int(lengths.max()) + draw(st.sampled_from([0, 1, 20]))
    scale = draw(st.sampled_from([1e-3, 0.1, 1.0, 30.0]))
    cost = scale * make_cost(rng, batch, n_frames, n_actions)
    for b, length in enumerate(lengths):
        cost[b, length:] = np.nan
    problem: dict[str, Any] = {
        "cost": cost,
        "lengths": lengths,
        "epsilon": draw(st.sampled_from([0.01, 0.07, 0.5])),
        "alpha": draw(st.sampled_from([0.0, 0.3, 0.7, 0.95])),
        "radius": draw(st.sampled_from([0.005, 0.04, 0.3, 2, 700])),
        **RELAXED[draw(st.sampled_from(sorted(RELAXED)))],
    }
    if draw(st.booleans()):
        p = rng.random((batch, n_frames)) + 0.1
        p[np.arange(n_frames) >= lengths[:, None]] = 0.0
        problem["frame_marginal"] = p / p.sum(axis=1, keepdims=True)
    if draw(st.booleans()):
        q = rng.random((batch, n_actions)) + 0.05
        q[:, rng.integers(n_actions)] *= draw(st.sampled_from([0.0, 1.0])) if n_actions > 1 else 1.0
        problem["action_marginal"] = q / q.sum(axis=1, keepdims=True)
    if draw(st.booleans()):
        allowed = rng.random(cost.shape) < 0.7
        used = problem.get("action_marginal", np.ones((batch, n_actions))) > 0
        best = used.argmax(axis=1)
        allowed[np.arange(batch), :, best] = True
        problem["allowed"] = allowed
    if draw(st.booleans()):
        problem["initial"] = rng.random(cost.shape) * (rng.random(cost.shape) < 0.8)
    if draw(st.booleans()):
        problem["step_size"] = min(
            draw(st.sampled_from([0.1, 1.0, 5.0])) / scale, 1.0 / problem["epsilon"]
        )
    return problem


@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.sampled_from([1, 15, 16, 17, 90, 513, 1100]), st.integers(1, 9)),
    radius=st.sampled_from([0.005, 0.04, 0.3, 2, 700]),
    alpha=st.sampled_from([0.0, 0.3, 0.6]),
    lambda_frames=st.sampled_from([None, 0.1]),
    marginals=st.booleans(),
)
def test_the_compiled_solver_is_its_plain_twin(
    seed: int,
    shape: tuple[int, int],
    radius: float | int,
    alpha: float,
    lambda_frames: float | None,
    marginals: bool,
) -> None:
    rng = np.random.default_rng(seed)
    cost = make_cost(rng, *shape)
    p, q = (rng.random(size) + 0.1 if marginals else np.ones(size) for size in shape)
    p, q = p / p.sum(), q / q.sum()
    half_width, fraction = band_half_width(shape[0], radius)
    assignment, trace = solve_naively(
        *(cost, p, q, half_width, fraction, 0.07, alpha),
        *(np.nan if lambda_frames is None else lambda_frames, 0.1, 4),
    )
    options = {"radius": radius, "alpha": alpha, "lambda_frames": lambda_frames}
    if marginals:
        options |= {"frame_marginal": p, "action_marginal": q}
    found = solve(cost, backend="cpu", max_iterations=4, **options)
    np.testing.assert_allclose(found.assignment, assignment, atol=1e-9)
    np.testing.assert_allclose(found.objective.trace[: len(trace)], trace, atol=1e-11)


@given(problem=batches())
def test_the_fused_solver_is_the_torch_solver(problem: dict[str, Any]) -> None:
    """Over the first steps, before extreme settings make much of what rounding decides."""
    compare(**problem, max_iterations=3)


@settings(max_examples=15)
@given(problem=batches())
def test_all_steps_agree_with_settings_in_use(problem: dict[str, Any]) -> None:
    cost = problem["cost"] / np.nanmax(np.abs(problem["cost"]))
    for epsilon, alpha, penalty in ((0.07, 0.3, 0.1), (0.04, 0.6, 0.01)):
        options = {"epsilon": epsilon, "alpha": alpha, "lambda_actions": penalty}
        compare(cost, lengths=problem["lengths"], **options)


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_single_precision_agrees_too(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(30, 700, size=3)
    cost = make_cost(rng, 3, 700, int(rng.integers(2, 20)), dtype=np.float32)
    expected = solve(cost, lengths=lengths, backend="torch").assignment
    exact = solve(cost.astype(np.float64), lengths=lengths, backend="torch").assignment
    # Single precision itself is now and then 1e-5 from the truth, on either side of it.
    own_error = float(np.abs(expected - exact).max())
    assert compare(cost, lengths=lengths) <= max(1e-5, 4 * own_error)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_golden_cases(dtype: type) -> None:
    cases = json.loads((GOLDEN / "reference_solver.json").read_text())
    with np.load(GOLDEN / "reference_solver.npz") as golden:
        for case in cases:
            kwargs, name = case["kwargs"], case["name"]
            if not kwargs.get("ub_actions", True):
                continue
            lengths = golden[f"{name}/mask"].sum(axis=1) if f"{name}/mask" in golden else None
            worst = compare(
                golden[f"{name}/cost"].astype(dtype),
                lengths=lengths,
                epsilon=kwargs.get("eps", 0.07),
                alpha=kwargs.get("alpha", 0.3),
                radius=kwargs.get("radius", 0.04),
                lambda_actions=kwargs.get("lambda_actions", 0.05),
                lambda_frames=kwargs.get("lambda_frames", 0.1) if kwargs.get("ub_frames") else None,
            )
            assert worst <= CLOSE[dtype][0], name


@pytest.mark.parametrize("side", RELAXED)
def test_steps_are_taken_back_alike(side: str, rng: np.random.Generator) -> None:
    cost = make_cost(rng, 3, 90, 5)
    compare(cost, step_size=30.0, max_iterations=40, **RELAXED[side])
    # Neighbours that decide nearly all make steps overshoot.
    options = {"alpha": 0.95, "epsilon": 0.01, "radius": 1, **RELAXED[side]}
    compare(cost, max_iterations=30, **options)


@pytest.mark.parametrize("side", RELAXED)
def test_a_tolerance_ends_recordings_alike(side: str, rng: np.random.Generator) -> None:
    cost = np.stack([make_cost(rng, 40, 3), np.ones((40, 3))])
    compare(cost, tolerance=1e-7, max_iterations=5000, **RELAXED[side])
    compare(cost, tolerance=1e-12, max_iterations=3, **RELAXED[side])
    compare(cost, max_iterations=0, **RELAXED[side])


@pytest.fixture
def three_threads() -> Any:
    """Three threads, for problems however small."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("asot.transport.cpu.solver.WORTH_THREADS", 0)
        yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 5000, 7), (2, 5000, 7), (8, 900, 7)])
def test_threads_change_no_bit(
    shape: tuple[int, ...], dtype: type, three_threads: None, rng: np.random.Generator
) -> None:
    cost = make_cost(rng, *shape, dtype=dtype)
    # Few iterations: on busy cores, threads that share a recording wait long for one another.
    many = solve(cost, backend="cpu", max_iterations=4)
    torch.set_num_threads(1)
    one = solve(cost, backend="cpu", max_iterations=4)
    np.testing.assert_array_equal(many.assignment, one.assignment)
    np.testing.assert_array_equal(many.objective.trace, one.objective.trace)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_little_memory_changes_nothing_but_rounding(
    dtype: type, three_threads: None, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = rng.random((3000, 4)) < 0.9
    allowed[:, 0] = True
    for n_actions, own in (
        (3, {}),
        (4, {"allowed": allowed}),
        (5, {"radius": 3000}),
        (2, {"max_iterations": 0}),
        (4, {"step_size": 14.0, "initial": rng.random((3000, 4))}),
    ):
        options = {"max_iterations": 4, **own}
        cost = make_cost(rng, 3000, n_actions, dtype=dtype)
        expected = solve(cost, backend="cpu", **options)
        monkeypatch.setattr("asot.transport.cpu.solver.LEAN_FROM", 0)
        lean = solve(cost, backend="cpu", **options)
        torch.set_num_threads(1)
        alone = solve(cost, backend="cpu", **options)
        torch.set_num_threads(3)
        monkeypatch.undo()
        np.testing.assert_array_equal(alone.assignment, lean.assignment)
        np.testing.assert_allclose(lean.assignment, expected.assignment, atol=CLOSE[dtype][0])
        np.testing.assert_allclose(lean.objective.trace, expected.objective.trace, rtol=1e-5)
        assert [one.ending for one in lean.status] == [one.ending for one in expected.status]
        assert (lean.labels == expected.labels).mean() > 0.999


def test_threads_that_come_late_find_nothing_to_do(
    three_threads: None, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many short solves of which the last work is done in place: once would be too often."""
    monkeypatch.setattr("asot.transport.cpu.solver.LEAN_FROM", 0)
    cost = make_cost(rng, 3000, 3, dtype=np.float32)
    expected = solve(cost, backend="cpu", max_iterations=0).assignment
    for _ in range(500):
        found = solve(cost, backend="cpu", max_iterations=0).assignment
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", [(1, 3000, 4), (5, 600, 4)])
def test_threads_are_started_where_torch_has_none(
    shape: tuple[int, ...],
    three_threads: None,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("asot.transport.cpu.solver.WORTH_STARTING_THREADS", 0)
    cost = make_cost(rng, *shape)
    expected = solve(cost, backend="cpu", max_iterations=4).assignment
    monkeypatch.setattr("asot.transport.cpu.solver._openmp", lambda: None)
    found = solve(cost, backend="cpu", max_iterations=4).assignment
    np.testing.assert_array_equal(found, expected)
    start, calls = threading.Thread.start, []

    def fails_once(thread: threading.Thread) -> None:
        calls.append(thread)
        if len(calls) == 2:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", fails_once)
    found = solve(cost, backend="cpu", max_iterations=4).assignment
    np.testing.assert_array_equal(found, expected)
    assert len(calls) == 2


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from([np.float32, np.float64]))
def test_a_recording_does_not_depend_on_its_batch(seed: int, dtype: type) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 3000, size=4)
    cost = make_cost(rng, 4, int(lengths.max()), 5, dtype=dtype)
    batch = solve(cost, lengths=lengths, backend="cpu", max_iterations=4)
    for b, length in enumerate(lengths):
        alone = solve(cost[b, :length], backend="cpu", max_iterations=4)
        np.testing.assert_array_equal(batch.assignment[b, :length], alone.assignment)
        np.testing.assert_array_equal(batch.objective.trace[b], alone.objective.trace)


def test_a_step_that_is_far_too_long_reports_no_false_fall(rng: np.random.Generator) -> None:
    cost = make_cost(rng, 40, 4, dtype=np.float32)
    allowed = rng.random((40, 4)) < 0.7
    allowed[:, 0] = True
    for options in ({"step_size": 1e20}, {"step_size": 1e11, "allowed": allowed}):
        for scale in (1.0, 1e20):
            fused = solve(scale * cost, backend="cpu", max_iterations=3, **options)
            again = solve(
                (scale * cost).astype(np.float64),
                backend="torch",
                initial=fused.assignment.astype(np.float64),
                allowed=options.get("allowed"),
                max_iterations=0,
            )
            size = sum(np.abs(part) for part in again.objective.parts.values())
            assert abs(fused.objective.total - again.objective.total) <= 1e-4 * size


def test_calls_at_once_do_not_wait_for_each_other(
    three_threads: None, rng: np.random.Generator
) -> None:
    cost = make_cost(rng, 1, 5000, 6)

    def assignment() -> np.ndarray:
        return solve(cost, backend="cpu", max_iterations=4).assignment

    expected = assignment()
    found: list[np.ndarray] = []
    callers = [threading.Thread(target=lambda: found.append(assignment())) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(found) == 4
    for assignment in found:
        np.testing.assert_array_equal(assignment, expected)


def test_a_long_recording_keeps_its_precision(rng: np.random.Generator) -> None:
    cost = make_cost(rng, 1, 100_000, 2, dtype=np.float32)
    for radius in (0.04, 0.3):
        exact = solve(cost.astype(np.float64), radius=radius, max_iterations=5, backend="torch")
        fused = solve(cost, radius=radius, max_iterations=5, backend="cpu")
        np.testing.assert_allclose(fused.assignment, exact.assignment, atol=1e-5)


def test_statuses_are_worded_late(rng: np.random.Generator) -> None:
    cost = make_cost(rng, 2, 20, 3)
    late, plain = (solve(cost, backend=name).status for name in ("cpu", "torch"))
    assert len(late) == 2
    assert late[0].ending == "iteration limit"
    assert late[:1] == (late[0],)
    assert [one.ending for one in late] == [one.ending for one in plain]
    assert late == tuple(late)
    assert late != list(late)
    assert hash(late) == hash(tuple(late))
    assert copy.deepcopy(late) == late
    assert repr(late) == repr(tuple(late))


def test_whole_numbers_under_any_default(rng: np.random.Generator) -> None:
    cost = rng.integers(0, 9, size=(20, 3))
    for default, dtype in ((torch.float16, np.float32), (torch.float64, np.float64)):
        before = torch.get_default_dtype()
        torch.set_default_dtype(default)
        try:
            assert solve(cost).assignment.dtype == dtype
        finally:
            torch.set_default_dtype(before)


def test_layouts_and_kinds(rng: np.random.Generator) -> None:
    cost = make_cost(rng, 60, 4)
    expected = solve(cost, backend="cpu")
    for view in (np.asfortranarray(cost), np.repeat(cost, 2, axis=0)[::2]):
        np.testing.assert_array_equal(solve(view, backend="cpu").assignment, expected.assignment)
    tensor = solve(torch.from_numpy(cost), backend="cpu")
    assert isinstance(tensor.labels, torch.Tensor)
    np.testing.assert_array_equal(tensor.assignment.numpy(), expected.assignment)
    assert solve(torch.from_numpy(cost).half(), backend="cpu").assignment.dtype == torch.float32


def test_what_is_not_covered_goes_to_torch(rng: np.random.Generator) -> None:
    cost = make_cost(rng, 12, 3)
    p = np.full(12, 1 / 11)
    p[3] = 0.0
    for options, word in (
        ({"lambda_actions": None}, "lambda_actions"),
        ({"mode": "parity"}, "parity"),
        ({"structure": Dense(torch.eye(12, dtype=torch.float64))}, "structure"),
        ({"frame_marginal": p}, "frame marginal of 0"),
    ):
        auto, plain = solve(cost, **options), solve(cost, backend="torch", **options)
        np.testing.assert_array_equal(auto.assignment, plain.assignment)
        with pytest.raises(ArgumentError, match=word):
            solve(cost, backend="cpu", **options)
    asking = torch.from_numpy(cost).requires_grad_()
    assert solve(asking).assignment.requires_grad
    with pytest.raises(ArgumentError, match="gradients"):
        solve(asking, backend="cpu")
    with torch.no_grad():
        assert not solve(asking, backend="cpu").assignment.requires_grad


def test_backends_by_name(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    cost = make_cost(rng, 12, 3)
    with pytest.raises(ArgumentError, match='backend="cuda" does not cover a cost on cpu'):
        solve(cost, backend="cuda")
    with pytest.raises(ArgumentError, match="'fast'"):
        solve(cost, backend="fast")
    monkeypatch.setattr("asot.transport.cpu.solver.is_installed", lambda: False)
    np.testing.assert_array_equal(solve(cost).assignment, solve(cost, backend="torch").assignment)
    with pytest.raises(MissingExtraError, match="numba"):
        solve(cost, backend="cpu")


@pytest.mark.filterwarnings("ignore:.*torch.jit.*is deprecated:DeprecationWarning")
def test_derivatives_and_odd_tensors_go_where_they_are_taken(rng: np.random.Generator) -> None:
    cost = torch.from_numpy(make_cost(rng, 1, 40, 3)[0])
    tangent = torch.from_numpy(make_cost(rng, 1, 40, 3)[0])

    def labelled(x: torch.Tensor, backend: str = "auto") -> torch.Tensor:
        return solve(x, backend=backend, max_iterations=3).assignment

    _, found = torch.func.jvp(labelled, (cost,), (tangent,))
    step = 1e-6
    ahead, behind = labelled(cost + step * tangent), labelled(cost - step * tangent)
    torch.testing.assert_close(found, (ahead - behind) / (2 * step), rtol=1e-4, atol=1e-5)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(cost, tangent)
        carried = torch.autograd.forward_ad.unpack_dual(labelled(dual)).tangent
    torch.testing.assert_close(carried, found)
    negative = torch.complex(cost, -cost).conj().imag
    assert negative.is_neg()
    torch.testing.assert_close(labelled(negative), labelled(cost))


def test_a_marginal_that_single_precision_hardly_holds(rng: np.random.Generator) -> None:
    p = np.full(20, 1 / 19, dtype=np.float32)
    p[7] = 1e-42
    found = solve(make_cost(rng, 1, 20, 4, dtype=np.float32)[0], frame_marginal=p)
    np.testing.assert_allclose(found.assignment.sum(axis=1), 1.0, rtol=1e-5)


def test_a_radius_of_one_frame_is_not_the_whole_recording(rng: np.random.Generator) -> None:
    cost = make_cost(rng, 50, 4)
    for radius in (1, 1.0, 1):
        compare(cost, radius=radius)


def test_compiling_is_announced_once_for_both_precisions(caplog: pytest.LogCaptureFixture) -> None:
    kernel._announce.cache_clear()
    for _ in ("float32", "float64"):
        kernel._Announcement().on_start(None)
    assert [one.getMessage()[:20] for one in caplog.records] == ["Compiling the solver"]
