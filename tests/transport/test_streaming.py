"""Live labels: a stated delay, bounded memory, and in the end the offline answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import asot
from asot.errors import ArgumentError, MissingExtraError
from asot.simulation import make_affinity, make_recordings
from asot.transport import FrameLabels, StreamingDecoder, solve
from tests.transport.problems import make_cost

seeds = st.integers(0, 2**32 - 1)
# As recipes decode.
DECODING = {"epsilon": 0.04, "alpha": 0.6, "lambda_actions": 0.01}


def blocks_of(cost: Any, rng: np.random.Generator) -> Iterator[Any]:
    """Blocks of any size, none and single rows without their axis among them."""
    at = 0
    while at < len(cost):
        size = int(rng.choice([0, 1, 2, 7, 40]))
        yield cost[at] if size == 1 and rng.random() < 0.5 else cost[at : at + size]
        at += size


def joined(parts: list[FrameLabels]) -> tuple[np.ndarray, np.ndarray]:
    """Labels and assignment of a whole stream; each frame once, in order."""
    ends = [0, *(part.end for part in parts)]
    assert [part.start for part in parts] == ends[:-1]
    labels, assignment = (
        np.concatenate([np.asarray(getattr(part, name)) for part in parts])
        for name in ("labels", "assignment")
    )
    assert len(labels) == len(assignment) == ends[-1]
    return labels, assignment


def decoded(cost: np.ndarray, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    return joined(list(StreamingDecoder(cost.shape[1], **options).decode([cost])))


@st.composite
def streams(draw: st.DrawFn) -> dict[str, Any]:
    """A cost and the options of a decoder with a delay."""
    rng = np.random.default_rng(draw(seeds))
    shape = draw(st.integers(1, 150)), draw(st.integers(1, 6))
    delay = draw(st.integers(0, 30))
    context = draw(st.one_of(st.none(), st.integers(0, 60)))
    hop = draw(st.one_of(st.none(), st.integers(1, max(1, delay))))
    options = {"radius": draw(st.integers(1, 20)), "delay": delay, "context": context, "hop": hop}
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return {"cost": make_cost(rng, *shape, dtype=dtype), "rng": rng, "options": options}


@settings(max_examples=60)
@given(
    seed=seeds,
    shape=st.tuples(st.integers(1, 120), st.integers(1, 6)),
    radius=st.integers(1, 150),
    extra=st.one_of(st.none(), st.integers(0, 40)),
    dtype=st.sampled_from([np.float32, np.float64]),
    backend=st.sampled_from(["auto", "torch"]),
    parameters=st.sampled_from([{}, DECODING, {"max_iterations": 3}]),
)
def test_with_all_the_delay_it_is_the_offline_answer(
    seed: int,
    shape: tuple[int, int],
    radius: int,
    extra: int | None,
    dtype: type,
    backend: str,
    parameters: dict[str, Any],
) -> None:
    rng = np.random.default_rng(seed)
    cost = make_cost(rng, *shape, dtype=dtype)
    delay = None if extra is None else shape[0] + extra
    options = {"radius": radius, "backend": backend, **parameters}
    decoder = StreamingDecoder(shape[1], delay=delay, **options)
    labels, assignment = joined(list(decoder.decode(blocks_of(cost, rng))))
    offline = solve(cost, **options)
    assert assignment.dtype == dtype
    np.testing.assert_array_equal(assignment, offline.assignment)
    np.testing.assert_array_equal(labels, offline.labels)


@given(stream=streams())
def test_blocks_do_not_matter(stream: dict[str, Any]) -> None:
    cost, rng, options = stream.values()
    labels, assignment = decoded(cost, **options)
    for blocks in (list(cost), blocks_of(cost, rng)):
        decoder = StreamingDecoder(cost.shape[1], **options)
        others, other_assignment = joined(list(decoder.decode(blocks)))
        np.testing.assert_array_equal(others, labels)
        np.testing.assert_array_equal(other_assignment, assignment)


@given(stream=streams())
def test_the_delay_is_kept_each_frame_comes_once_and_memory_is_bounded(
    stream: dict[str, Any],
) -> None:
    cost, rng, options = stream.values()
    delay, n_actions = options["delay"], cost.shape[1]
    decoder = StreamingDecoder(n_actions, **options)
    context = options["context"]
    context = 3 * options["radius"] + 256 if context is None else context
    parts = []
    for block in blocks_of(cost, rng):
        parts.append(decoder.push(block))
        # Frame i is n_frames - 1, and frames up to i - delay have their labels.
        assert decoder.n_labelled >= decoder.n_frames - delay
        assert parts[-1].end == decoder.n_labelled <= decoder.n_frames
        assert decoder.n_held == rows_held(decoder) <= context + delay + 1
    assert decoder.n_frames == len(cost)
    parts.append(decoder.finish())
    labels, assignment = joined(parts)
    assert len(labels) == decoder.n_labelled == len(cost)
    np.testing.assert_allclose(assignment.sum(axis=1), 1.0, atol=1e-5)
    assert ((labels >= 0) & (labels < n_actions)).all()


def rows_held(decoder: StreamingDecoder) -> int:
    """Rows of all tensors that a decoder has, whatever they are called."""
    found, left = [], [decoder]
    while left:
        values = list(vars(left.pop()).values())
        found += [value for value in values if isinstance(value, torch.Tensor)]
        left += [value for value in values if type(value).__module__.startswith("asot")]
    assert found
    return sum(
        value.untyped_storage().nbytes() // value[:1].nbytes for value in found if len(value)
    )


def test_memory_is_bounded_in_a_long_stream(rng: np.random.Generator) -> None:
    decoder = StreamingDecoder(4, radius=3, delay=50, context=40, max_iterations=1)
    kept = []
    for _ in range(200):
        kept.append(decoder.push(make_cost(rng, 300, 4)))
        assert rows_held(decoder) <= 40 + 50 + 1
    assert decoder.n_frames == 60_000
    for part in kept:
        for values in (part.labels, part.assignment):
            storage = torch.from_numpy(values).untyped_storage()
            assert storage.nbytes() == values.nbytes


@given(stream=streams())
def test_windows_are_what_they_are_said_to_be(stream: dict[str, Any]) -> None:
    """Each hop by a solve of rows gathered anew: the thinned past, the near past, the rest."""
    cost, _, options = stream.values()
    radius, delay = options["radius"], options["delay"]
    context = 3 * radius + 256 if options["context"] is None else options["context"]
    hop = max(1, delay // 8) if options["hop"] is None else options["hop"]
    near = min(context, 3 * radius)
    expected, decided = [], 0
    for end in [*range(1, len(cost) + 1), None]:
        if end is not None and end - decided <= delay:
            continue
        count = len(cost) - decided if end is None else hop
        if count == 0:
            continue
        start = max(0, decided - near)
        stride = 1
        while -(-start // stride) > context - near and context > near:
            stride *= 2
        distant = cost[0:start:stride] if context > near else cost[:0]
        rows = np.concatenate([distant, cost[start:end]])
        first = len(distant) + decided - start
        known = 1.0 if end is None else end / (end + max(0, 10 * radius - delay))
        solution = solve(rows, radius=radius, lambda_actions=known * 0.1)
        expected.append(solution.assignment[first : first + count])
        decided += count
    np.testing.assert_array_equal(decoded(cost, **options)[1], np.concatenate(expected))


@given(stream=streams(), share=st.floats(0, 1))
def test_what_comes_later_changes_no_label(stream: dict[str, Any], share: float) -> None:
    cost, rng, options = stream.values()
    other = cost.copy()
    at = int(share * len(cost))
    other[at:] = rng.random(other[at:].shape)
    first, second = (StreamingDecoder(cost.shape[1], **options) for _ in range(2))
    early = joined([first.push(cost[:at]), first.push(cost[at:]), first.finish()])
    late = joined([second.push(other[:at]), second.push(other[at:]), second.finish()])
    known = max(0, at - options["delay"])
    np.testing.assert_array_equal(early[1][:known], late[1][:known])


@given(stream=streams())
def test_permuting_actions_permutes_the_labels(stream: dict[str, Any]) -> None:
    cost, rng, options = stream.values()
    cost = cost.astype(np.float64)
    order = rng.permutation(cost.shape[1])
    _, expected = decoded(cost, **options)
    _, found = decoded(cost[:, order], **options)
    np.testing.assert_allclose(found, expected[:, order], atol=1e-7)


def agreement(costs: list[np.ndarray], radius: int, delay: int, **parameters: Any) -> float:
    alike = []
    for cost in costs:
        offline = solve(cost, radius=radius, **parameters).labels
        alike.append(decoded(cost, radius=radius, delay=delay, **parameters)[0] == offline)
    return float(np.concatenate(alike).mean())


def test_agreement_with_the_offline_answer_grows_with_the_delay(seed: int) -> None:
    costs = [1.0 - make_affinity(1200, 8, random_state=seed + i)[0] for i in range(4)]
    now, some, much = (agreement(costs, 12, delay, **DECODING) for delay in (0, 12, 48))
    assert now < some < much
    assert much > 0.97


def test_recordings_with_cosine_costs(seed: int) -> None:
    costs = []
    for one in make_recordings(4, 6, (600, 900), noise=1.5, order="varied", random_state=seed):
        truth = np.asarray(one.ground_truth)
        means = np.stack([one.features[truth == k].mean(axis=0) for k in range(6)])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        features = one.features / np.linalg.norm(one.features, axis=1, keepdims=True)
        costs.append(1.0 - features @ means.T)
    now, much = (agreement(costs, 15, delay, **DECODING) for delay in (0, 60))
    assert now < much
    assert much > 0.97


def test_agreement_on_real_scores(shared: Any) -> None:
    with np.load(shared / "data" / "50salads_eval_svmscores10.npz") as data:
        scores = [data[name] for name in list(data.files) if name.endswith("/X")][:10]
    costs = [-one / np.abs(one).max() for one in scores]
    found = [agreement(costs, 10, delay, **DECODING) for delay in (0, 10, 40)]
    assert found[0] < found[1] < found[2]
    assert found[2] > 0.97


def test_actions_that_do_not_come_are_not_drawn_in(rng: np.random.Generator) -> None:
    truth = np.repeat([3, 11, 7, 3, 7], 120)
    cost = np.where(np.arange(20) == truth[:, None], 0.4, 1.0) + 0.1 * rng.random((600, 20))
    np.testing.assert_array_equal(decoded(cost, radius=10, delay=20)[0], truth)
    # A penalty so strong that the offline answer itself takes frames away from their action.
    options = {"radius": 10, "lambda_actions": 0.2}
    alone = np.concatenate([solve(part, **options).labels for part in np.split(cost, 10)])
    live = (decoded(cost, delay=20, **options)[0] == truth).mean()
    # By .05 to .18 in 60 drawn streams.
    assert live > 0.02 + (alone == truth).mean()
    assert live > (solve(cost, **options).labels == truth).mean()


def test_the_offline_use_of_actions_needs_the_distant_past(seed: int) -> None:
    """Under a strong penalty what an action costs depends on all that came before."""
    costs = [1.0 - make_affinity(1500, 8, 0.9, random_state=seed + i)[0] for i in range(4)]
    near, far = (agreement_with_context(costs, context) for context in (3 * 10, None))
    assert far > near


def agreement_with_context(costs: list[np.ndarray], context: int | None) -> float:
    alike = []
    for cost in costs:
        offline = solve(cost, radius=10).labels
        labels, _ = decoded(cost, radius=10, delay=40, context=context)
        alike.append(labels == offline)
    return float(np.concatenate(alike).mean())


def test_kinds_of_costs(rng: np.random.Generator) -> None:
    cost = make_cost(rng, 60, 3, dtype=np.float32)
    expected = decoded(cost, radius=4, delay=8)
    decoder = StreamingDecoder(3, radius=4, delay=8)
    tensors = [decoder.push(row) for row in torch.from_numpy(cost)] + [decoder.finish()]
    assert all(isinstance(part.labels, torch.Tensor) for part in tensors)
    assert all(isinstance(part.assignment, torch.Tensor) for part in tensors)
    for found, wanted in zip(joined(tensors), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    # The first one decides.
    decoder = StreamingDecoder(3, radius=4, delay=8)
    mixed = [decoder.push(cost[:1]), decoder.push(cost[1:30].astype(np.float64))]
    asking = torch.from_numpy(cost[30:40]).requires_grad_()
    mixed += [decoder.push(asking), decoder.push(cost[40:].tolist()), decoder.finish()]
    assert all(isinstance(part.labels, np.ndarray) for part in mixed)
    np.testing.assert_array_equal(joined(mixed)[1], expected[1])
    whole = (9 * cost).astype(int)
    found = decoded(whole, radius=4, delay=None)
    np.testing.assert_array_equal(found[1], solve(whole, radius=4).assignment)
    half = StreamingDecoder(3, radius=4, delay=8).decode([torch.from_numpy(cost).half()])
    assert next(half).assignment.dtype == torch.float32
    named = StreamingDecoder(3, radius=4, delay=None, dtype="float64")
    assert joined(list(named.decode([cost])))[1].dtype == np.float64
    strided = np.asfortranarray(cost)[:, ::-1]
    np.testing.assert_array_equal(
        decoded(strided, radius=4, delay=8)[1], decoded(strided.copy(), radius=4, delay=8)[1]
    )


@given(seed=seeds, radius=st.integers(1, 8), shift=st.integers(0, 300))
def test_a_window_is_the_same_problem_as_the_recording(seed: int, radius: int, shift: int) -> None:
    """Where the actions' masses count for nothing, an iteration looks no further than a radius."""
    rng = np.random.default_rng(seed)
    cost = make_cost(rng, 400, 4)
    options = {"radius": radius, "lambda_actions": 1e-12, "max_iterations": 4}
    whole, window = solve(cost, **options), solve(cost[shift : shift + 100], **options)
    assert whole.status[0].step_size == pytest.approx(window.status[0].step_size, rel=1e-12)
    inside = slice(5 * radius, 100 - 5 * radius)
    np.testing.assert_allclose(
        window.assignment[inside], whole.assignment[shift : shift + 100][inside], atol=1e-9
    )


def test_results_are_the_callers_own(rng: np.random.Generator) -> None:
    cost = make_cost(rng, 80, 3)
    expected = decoded(cost, radius=4, delay=8)[1]
    decoder = StreamingDecoder(3, radius=4, delay=8)
    given_row, parts = np.empty(3), []
    for row in cost:
        given_row[:] = row
        part = decoder.push(given_row)
        given_row[:] = np.nan
        parts.append(part.assignment.copy())
        part.assignment[:] = np.nan
    parts.append(decoder.finish().assignment)
    np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_a_stream_without_frames() -> None:
    decoder = StreamingDecoder(3, radius=4, delay=8)
    assert len(decoder.push(np.empty((0, 3)))) == 0
    nothing = decoder.finish()
    assert (nothing.start, nothing.end, nothing.assignment.shape) == (0, 0, (0, 3))
    assert list(StreamingDecoder(3, radius=4, delay=8).decode([])) == []
    labelled = StreamingDecoder(3, radius=4, delay=0)
    assert labelled.push(np.eye(3)).end == 3
    assert len(labelled.finish()) == 0


@pytest.mark.parametrize(
    "cost, sentence",
    [
        (np.zeros(4), r"shape \(3,\) or \(frames, 3\), for 3 actions, but has \(4,\)"),
        (np.zeros((2, 4)), r"but has \(2, 4\)"),
        (np.zeros((1, 2, 3)), r"but has \(1, 2, 3\)"),
        (0.5, r"but has \(\)"),
        ([[0.0, 0.0, 0.0], [0.0, np.nan, 0.0]], "frame 6 of the stream has .*nan"),
        ([0.0, np.inf, 0.0], "frame 5 of the stream"),
        ([0.0, 1e300, 0.0], "frame 5 of the stream"),
        ([0.0, 1j, 0.0], "numbers"),
        (torch.zeros(3, dtype=torch.complex64), "real"),
        (["a", "b", "c"], "numbers"),
    ],
)
def test_costs_that_are_refused_leave_no_trace(
    cost: Any, sentence: str, rng: np.random.Generator
) -> None:
    given_costs = make_cost(rng, 30, 3, dtype=np.float32)
    decoder = StreamingDecoder(3, radius=2, delay=4)
    parts = [decoder.push(given_costs[:5])]
    with pytest.raises(ArgumentError, match=sentence):
        decoder.push(cost)
    parts += [decoder.push(given_costs[5:]), decoder.finish()]
    np.testing.assert_array_equal(joined(parts)[1], decoded(given_costs, radius=2, delay=4)[1])


def test_large_costs_are_finite() -> None:
    cost = np.full((3, 2), 3e38, dtype=np.float32)
    StreamingDecoder(2, radius=1, delay=8).push(cost)


def test_nothing_comes_after_the_end() -> None:
    decoder = StreamingDecoder(2, radius=1, delay=8)
    decoder.push([0.0, 1.0])
    decoder.finish()
    with pytest.raises(ArgumentError, match="push was called after finish"):
        decoder.push([0.0, 1.0])
    with pytest.raises(ArgumentError, match="finish was called twice"):
        decoder.finish()


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"n_actions": 0}, "n_actions must be an integer of at least 1, but is 0"),
        ({"radius": 0}, "radius must be an integer of at least 1, but is 0"),
        ({"radius": 0.04}, "radius must be an integer"),
        ({"delay": -1}, "delay must be an integer of at least 0, but is -1"),
        ({"delay": 2.5}, "delay must be an integer"),
        ({"context": -1}, "context must be an integer of at least 0"),
        ({"hop": 0}, "hop must be an integer from 1 to 8, but is 0"),
        ({"hop": 9}, "hop must be an integer from 1 to 8, but is 9"),
        ({"hop": 2, "delay": 0}, "hop must be an integer from 1 to 1"),
        ({"hop": 2, "delay": None}, "delay is None"),
        ({"epsilon": 0.0}, "epsilon"),
        ({"alpha": 1.0}, "alpha"),
        ({"lambda_actions": None}, "lambda_actions must be a finite number"),
        ({"lambda_actions": 0.0}, "lambda_actions"),
        ({"max_iterations": -1}, "max_iterations"),
        ({"backend": "quick"}, "backend"),
        ({"dtype": "float16"}, 'dtype must be "float32" or "float64"'),
    ],
)
def test_options_that_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        StreamingDecoder(**{"n_actions": 3, "radius": 2, "delay": 8, **options})


def test_without_the_compiled_solver(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    cost = make_cost(rng, 40, 3)
    expected = decoded(cost, radius=3, delay=6)[1]
    monkeypatch.setattr("asot.transport.cpu.solver.is_installed", lambda: False)
    np.testing.assert_allclose(decoded(cost, radius=3, delay=6)[1], expected, atol=1e-9)
    with pytest.raises(MissingExtraError, match="numba"):
        StreamingDecoder(3, radius=3, delay=6, backend="cpu", dtype="float32")


def test_it_is_at_the_front_door() -> None:
    assert asot.StreamingDecoder is StreamingDecoder
