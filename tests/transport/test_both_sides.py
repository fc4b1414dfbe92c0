"""Structure, lengths and a border on both sides of the coupling, against J written out in full."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr, softmax
from torch._subclasses.fake_tensor import FakeTensorMode

from asot.errors import ArgumentError
from asot.transport import Complement, Dense, Joined, Structure, solve
from asot.transport.problem import Problem
from asot.transport.request import Request
from asot.transport.structure import Band, zero_sum_spectrum
from tests.transport.problems import FRAMES_HARD, SIDES, make_cost, require_gradient

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=3)
N, K = 9, 5


def matrix_of(structure: Structure, size: int) -> np.ndarray:
    return structure.apply(torch.eye(size, dtype=torch.float64)[None])[0].numpy()


def band_matrix(half_width: int, size: int) -> np.ndarray:
    distance = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    return np.where((distance > 0) & (distance <= half_width), size / half_width, 0.0)


def symmetric(rng: np.random.Generator, size: int) -> np.ndarray:
    values = rng.normal(size=(size, size))
    return values + values.T


def bordered(values: np.ndarray, corner: float = 0.0) -> np.ndarray:
    padded = np.pad(values, [*[(0, 0)] * (values.ndim - 2), (0, 1), (0, 1)])
    padded[..., -1, -1] = corner
    return padded


def draw_case(kind: str, rng: np.random.Generator) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Options of ``solve``, Cv of each action (K, N, N), and Ca (K, K)."""
    Cv, Ca = np.stack([band_matrix(2, N)] * K), 1.0 - np.eye(K)
    options: dict[str, Any] = {"radius": 2}
    if kind == "a matrix of actions":
        Ca = symmetric(rng, K)
        options["action_structure"] = Ca
    elif kind == "matrices on both sides":
        Ca, own = symmetric(rng, K), symmetric(rng, N)
        Cv = np.stack([own] * K)
        options.update(action_structure=torch.from_numpy(Ca), structure=own)
    elif kind == "a complement":
        near = np.abs(np.subtract.outer(np.arange(K), np.arange(K))) <= 1
        Ca = 1.0 - near
        options["action_structure"] = Complement(1, [K])
    elif kind == "a radius for each action":
        radius = rng.integers(1, 6, size=K)
        Cv = np.stack([band_matrix(r, N) for r in radius])
        options["radius"] = radius
    elif kind == "radii and a matrix":
        radius, Ca = rng.integers(1, 6, size=K), symmetric(rng, K)
        Cv = np.stack([band_matrix(r, N) for r in radius])
        options.update(radius=radius, action_structure=Ca)
    elif kind == "a border":
        Cv, Ca = bordered(Cv), bordered(Ca)
        Cv = np.concatenate([Cv, Cv[:1]])
        options["border"] = 0.7
    return options, Cv, Ca


KINDS = (
    *("a matrix of actions", "matrices on both sides", "a complement", "a radius for each action"),
    *("radii and a matrix", "a border"),
)


def objective(
    T: torch.Tensor, cost: Any, Cv: Any, Ca: Any, p: Any, q: Any, options: dict[str, Any]
) -> torch.Tensor:
    """J as it stands on paper, with all pairs of entries."""
    cost, Cv, Ca, p, q = (torch.as_tensor(one) for one in (cost, Cv, Ca, p, q))
    pairs = 0.5 * (Cv[:, None] + Cv[None, :])  # (K, K, N, N)
    value = (1 - options["alpha"]) * (cost * T).sum()
    value = value + options["alpha"] / 2 * torch.einsum("ik,klij,kl,jl->", T, pairs, Ca, T)
    for weight, mass, target in (
        (options["lambda_frames"], T.sum(1), p),
        (options["lambda_actions"], T.sum(0), q),
    ):
        if weight is not None:
            terms = mass * torch.log(mass / target) - mass + target
            value = value + (torch.as_tensor(weight) * terms).sum()
    return value + options["epsilon"] * (T * (torch.log(T) - 1)).sum()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", SIDES)
def test_j_and_its_gradient_are_those_on_paper(
    kind: str, side: str, rng: np.random.Generator
) -> None:
    options, Cv, Ca = draw_case(kind, rng)
    weights = {"epsilon": 0.2, "alpha": 0.4, **SIDES[side]}
    cost = rng.random((N, K))
    problem = Problem.of(Request(torch.from_numpy(cost), **weights, **options))
    p, q = np.full(N, 1 / N), np.full(K, 1 / K)
    if "border" in options:
        cost = np.pad(cost, (0, 1), constant_values=0.7)
        cost[-1, -1], p, q = 0.0, np.append(p, 1.0), np.append(q, 1.0)
    T = torch.from_numpy(rng.uniform(0.1, 1, size=cost.shape) * p[:, None]).requires_grad_()
    paper = objective(T, cost, Cv, Ca, p, q, weights)
    (expected,) = torch.autograd.grad(paper, T)
    assignment = T.detach()[None] / problem.row_weight
    parts, gradient = problem.evaluate(torch.log(assignment), assignment)
    if side == "both relaxed":
        assert float(parts.sum()) == pytest.approx(float(paper.detach()))
    # The problem lacks what hard sides pay in any case.
    if weights["lambda_frames"] is None:
        expected = expected - expected.mean(dim=1, keepdim=True)
        gradient = gradient - gradient.mean(dim=2, keepdim=True)
    if weights["lambda_actions"] is None:
        expected = expected - expected.mean(dim=0, keepdim=True)
        gradient = gradient - gradient.mean(dim=1, keepdim=True)
    torch.testing.assert_close(gradient[0], expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", SIDES)
def test_j_falls_and_is_what_is_reported(kind: str, side: str, rng: np.random.Generator) -> None:
    options, Cv, Ca = draw_case(kind, rng)
    weights = {"epsilon": 0.2, "alpha": 0.4, **SIDES[side]}
    cost = rng.random((N, K))
    solution = solve(cost, **weights, **options)
    assert (np.diff(solution.objective.trace) <= 1e-12).all()
    if "border" not in options:
        p, q = np.full(N, 1 / N), np.full(K, 1 / K)
        T = torch.from_numpy(solution.coupling)
        paper = objective(T, cost, Cv, Ca, p, q, weights)
        assert solution.objective.total == pytest.approx(float(paper.detach()))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "a border"])
def test_scipy_from_the_same_start_finds_nothing_lower(kind: str, rng: np.random.Generator) -> None:
    options, Cv, Ca = draw_case(kind, rng)
    weights = {"epsilon": 0.1, "alpha": 0.3, "lambda_frames": None, "lambda_actions": 0.1}
    cost, p, q = rng.random((N, K)), np.full(N, 1 / N), np.full(K, 1 / K)
    found = solve(cost, tolerance=1e-11, max_iterations=20_000, **weights, **options)
    assert found.status[0].ending == "converged"

    def from_scores(scores: np.ndarray) -> float:
        T = torch.from_numpy(softmax(scores.reshape(N, K), axis=1).clip(1e-300) / N)
        return float(objective(T, cost, Cv, Ca, p, q, weights))

    start = np.log(found.assignment.clip(1e-12)).ravel()
    polished = scipy.optimize.minimize(from_scores, start, method="BFGS", options={"gtol": 1e-9})
    assert found.objective.total <= polished.fun + 1e-8


@pytest.mark.parametrize("side", SIDES)
def test_the_default_structure_of_actions_is_its_matrix(
    side: str, rng: np.random.Generator
) -> None:
    cost = make_cost(rng, 30, 4)
    plain = solve(cost, backend="torch", **SIDES[side])
    given = solve(cost, action_structure=1.0 - np.eye(4), **SIDES[side])
    np.testing.assert_allclose(given.assignment, plain.assignment, atol=1e-12)
    assert given.status[0].step_size == pytest.approx(plain.status[0].step_size)
    each = solve(cost, radius=[0.04] * 4, **SIDES[side])
    np.testing.assert_allclose(each.assignment, plain.assignment, atol=1e-12)


@few
@given(seed=seeds, size=st.integers(1, 40), radius=st.integers(1, 50))
def test_a_complement_is_its_matrix_and_within_its_bounds(
    seed: int, size: int, radius: int
) -> None:
    rng = np.random.default_rng(seed)
    complement = Complement(radius, [size, size + 3])
    distance = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    coupling = torch.from_numpy(rng.random((2, size + 3, 4)))
    coupling[0, size:] = 0
    expected = (distance > radius) @ coupling[0, :size].numpy()
    np.testing.assert_allclose(complement.apply(coupling)[0, :size], expected, atol=1e-9)
    exists = torch.ones(1, size, dtype=torch.bool)
    alone = Complement(radius, [size])
    exact = zero_sum_spectrum(Dense(matrix_of(alone, size)), exists, torch.float64)
    assert float(alone.spectrum[0]) <= float(exact[0]) + 1e-9
    assert float(exact[1]) <= float(alone.spectrum[1]) + 1e-9
    least = np.linalg.eigvalsh(matrix_of(alone, size)).min()
    assert -least / size <= 2 * float(alone.curvature[0]) + 1e-9


@settings(max_examples=12)
@given(
    seed=seeds,
    alpha=st.floats(0.1, 0.95),
    penalty=st.floats(0.005, 20.0),
    kind=st.sampled_from(["a matrix", "a complement", "radii"]),
)
def test_no_full_step_is_ever_taken_back(
    seed: int, alpha: float, penalty: float, kind: str
) -> None:
    rng = np.random.default_rng(seed)
    cost = make_cost(rng, int(rng.integers(2, 60)), n_actions := int(rng.integers(2, 9)))
    options: dict[str, Any] = {"alpha": alpha, "lambda_actions": penalty, "radius": 0.1}
    if kind == "radii":
        options["radius"] = rng.uniform(0.01, 0.5, size=n_actions)
    else:
        matrix = symmetric(rng, n_actions)
        options["action_structure"] = matrix if kind == "a matrix" else Complement(1, [n_actions])
    before = solve(cost, max_iterations=3, **options)
    after = solve(cost, max_iterations=4, **options)
    first = solve(cost, max_iterations=0, **options).status[0].step_size
    assert (step := after.status[0].step_size) == first
    divergence = rel_entr(before.coupling, np.maximum(after.coupling, 1e-300)).sum()
    size = sum(abs(part) for part in after.objective.parts.values())
    fall = before.objective.trace[3] - after.objective.trace[4]
    assert fall >= divergence / step * (1 - 1e-6) - 1e-12 * size


def test_joined_recordings_are_their_matrix(rng: np.random.Generator) -> None:
    lengths, total = [4, 7, 3], 14
    links = [(0, 1, 1, 5), (2, 2, 0, 1), (1, 0, 2, 0)]
    weights = np.array([0.5, 2.0, -1.0])
    joined = Joined(2, lengths, links, weights)
    expected = np.zeros((total, total))
    for first, size in zip((0, 4, 11), lengths, strict=True):
        inside = slice(first, first + size)
        expected[inside, inside] = band_matrix(2, size) * total / size
    for (i, j), weight in zip([(1, 9), (13, 1), (4, 11)], weights, strict=True):
        expected[i, j] += total * weight
        expected[j, i] += total * weight
    coupling = rng.random((2, total, 3))
    np.testing.assert_allclose(joined.apply(torch.from_numpy(coupling)), expected @ coupling)
    least = np.linalg.eigvalsh(expected).min()
    assert -least / total <= 2 * float(joined.curvature[0])
    with pytest.raises(ArgumentError, match="14 frames, but not 5"):
        solve(np.zeros((5, 2)), structure=joined)
    with pytest.raises(ArgumentError, match=r"links must join .* \[0, 4, 1, 0\]"):
        Joined(2, lengths, [(0, 4, 1, 0)])


def test_joined_recordings_without_links_are_each_alone(rng: np.random.Generator) -> None:
    costs = [make_cost(rng, 20, 3), make_cost(rng, 31, 3)]
    options = {"lambda_actions": 1e-9, "step_size": 1.0, "backend": "torch"}
    together = solve(np.concatenate(costs), structure=Joined(0.1, [20, 31]), **options)
    parts = np.split(together.assignment, [20])
    for cost, part in zip(costs, parts, strict=True):
        np.testing.assert_allclose(part, solve(cost, radius=0.1, **options).assignment, atol=1e-6)


@pytest.mark.parametrize(
    "structure",
    [
        Band(1, [4, 3]),
        Band([[1, 2, 1], [1, 1, 1]], [4, 3]),
        Complement(1, [4, 3]),
        Joined(1, [2, 2], [(0, 0, 1, 1)]),
        Dense(np.eye(4)),
    ],
    ids=["band", "band of each action", "complement", "joined", "dense"],
)
def test_a_structure_made_on_the_cpu_serves_a_coupling_elsewhere(structure: Structure) -> None:
    with FakeTensorMode(allow_non_fake_inputs=True):  # devices without values
        found = structure.apply(torch.empty(2, 4, 3, device="cuda"))
    assert found.device.type == "cuda"
    assert found.shape == (2, 4, 3)


LINK = [(0, 0, 1, 1)]


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Joined(1, [4, 3], np.zeros((4, 3), int)), ["links", "(L, 4)", "(4, 3)"]),
        (lambda: Joined(1, [4, 3], LINK[0]), ["links", "(L, 4)", "(4,)"]),
        (lambda: Joined(1, [4, 3], 3), ["links", "(L, 4)", "()"]),
        (lambda: Joined(1, [4, 3], [(0, 0.7, 1, 1)]), ["links", "integers", "float64"]),
        (lambda: Joined(1, [4, 3], [(0, 4, 1, 1)]), ["links", "[0, 4, 1, 1]", "[4, 3]"]),
        (lambda: Joined(1, [4, 3], LINK, [1.0, 2.0]), ["weights", "(1,)", "(2,)"]),
        (lambda: Joined(1, [4, 3], LINK, np.ones((1, 1))), ["weights", "(1,)", "(1, 1)"]),
        (lambda: Joined(1, [4, 3], LINK, [np.nan]), ["weights", "finite"]),
        (lambda: Joined([[1, 2], [1, 2]], [4, 3]), ["radius", "(2,)", "(2, 2)"]),
        (lambda: Joined([1, 2, 3], [4, 3]), ["radius", "(2,)", "(3,)"]),
        (lambda: Joined(1, [4.5, 3]), ["lengths", "integers"]),
        (lambda: Joined(1, [[4, 3]]), ["lengths", "[[4, 3]]"]),
        (lambda: Joined(1, [4, 0]), ["lengths", "[4, 0]"]),
        (lambda: Joined(1, []), ["lengths"]),
        (lambda: Complement([[1, 2]], [4]), ["radius", "(1,)", "(1, 2)"]),
        (lambda: Complement(1, [4.0]), ["lengths", "integers"]),
        (lambda: Complement(1, 4), ["lengths", "4"]),
        (lambda: Complement(0.04), ["lengths", "must be given", "Complement(0.04, [len(y)])"]),
        (lambda: Band(1, [[4]]), ["lengths", "[[4]]"]),
    ],
)
def test_structures_refuse_what_does_not_fit(make: Any, words: list[str]) -> None:
    with pytest.raises(ArgumentError) as raised:
        make()
    for word in words:
        assert word in str(raised.value)


def test_no_links_are_none() -> None:
    alone = matrix_of(Joined(1, [2, 2]), 4)
    for none in ([], np.zeros((0, 4)), torch.zeros(0, 4, dtype=torch.int64)):
        np.testing.assert_array_equal(matrix_of(Joined(1, [2, 2], none), 4), alone)


def test_links_carry_labels_from_one_recording_to_another() -> None:
    clear = 1.0 - np.eye(2)[np.repeat([0, 1], 20)]
    vague = np.full((40, 2), 0.5)
    links = [(0, i, 1, i) for i in range(40)]
    joined = Joined(0.1, [40, 40], links)
    labels = solve(np.concatenate([clear, vague]), structure=joined).labels
    np.testing.assert_array_equal(labels[40:], np.repeat([0, 1], 20))


@pytest.mark.parametrize("side", FRAMES_HARD)
def test_a_dear_border_is_none_and_a_cheap_one_takes_all(
    side: str, rng: np.random.Generator
) -> None:
    cost = 0.2 + make_cost(rng, 30, 6)
    plain = solve(cost, backend="torch", **SIDES[side])
    dear = solve(cost, border=1e3, **SIDES[side])
    np.testing.assert_allclose(dear.assignment, plain.assignment, atol=1e-9)
    cheap = solve(cost, border=-5.0, **SIDES[side])
    assert (cheap.labels == -1).all()
    assert cheap.assignment.sum() < 0.1
    assert "hardly" not in cheap.status[0].message


@pytest.mark.parametrize("side", FRAMES_HARD)
def test_a_border_is_a_row_and_a_column_without_neighbours(
    side: str, rng: np.random.Generator
) -> None:
    """Written out, with half of the mass: all but the structure, which is squared, is halved."""
    cost, delta = make_cost(rng, 14, 6), 0.45
    Cv, Ca = band_matrix(2, 14), matrix_of(Complement(1, [6]), 6)
    options = {"step_size": 1.0, "epsilon": 0.05, **SIDES[side]}
    structures: dict[str, Any] = {"radius": 2, "action_structure": Complement(1, [6])}
    short = solve(cost, border=delta, **structures, **options)
    wide = np.pad(cost, (0, 1), constant_values=delta)
    wide[-1, -1] = 0.0
    p, q = (np.append(np.full(size, 0.5 / size), 0.5) for size in cost.shape)
    long = solve(
        wide,
        structure=2.0 * bordered(Cv),
        action_structure=bordered(Ca),
        frame_marginal=p,
        action_marginal=q,
        **options,
    )
    np.testing.assert_allclose(short.assignment, long.assignment[:-1, :-1], atol=1e-9)
    np.testing.assert_array_equal(short.labels == -1, long.assignment[:-1, -1] > 0.5)
    if options["lambda_actions"] is None:
        assert (short.coupling.sum(axis=0) <= 1 / 6 + 1e-9).all()


def test_a_warm_start_with_a_border_goes_on_where_it_left(rng: np.random.Generator) -> None:
    cost = make_cost(rng, 20, 8)
    options: dict[str, Any] = {"step_size": 1.0, "border": 0.3, "lambda_actions": None}
    whole = solve(cost, max_iterations=20, **options)
    half = solve(cost, max_iterations=10, **options)
    rest = solve(cost, max_iterations=10, initial=half.assignment, **options)
    np.testing.assert_allclose(rest.assignment, whole.assignment, atol=1e-7)


def test_an_alignment_leaves_out_what_the_other_recording_lacks(rng: np.random.Generator) -> None:
    one, other = np.arange(80), np.concatenate([np.arange(30), np.arange(50, 80)])
    features = rng.normal(size=(80, 8))
    distance = ((features[one][:, None] - features[other][None]) ** 2).mean(axis=2)
    noisy = distance + 0.2 * rng.normal(size=distance.shape)
    expected = np.where((one < 30) | (one >= 50), one - 20 * (one >= 50), -1)
    options: dict[str, Any] = {"border": 0.5, "radius": 3, "max_iterations": 100}
    near = solve(noisy, action_structure=Complement(3, [60]), **options)
    by_cost_alone = solve(noisy, alpha=0.0, **options)
    assert (near.labels == expected).mean() > 0.05 + (by_cost_alone.labels == expected).mean()
    assert near.assignment[expected >= 0].sum(axis=1).mean() > 0.8
    assert near.assignment[expected < 0].sum(axis=1).mean() < 0.6


def test_a_plan_among_many_targets_is_seen_to_have_moved(rng: np.random.Generator) -> None:
    """Frames find their step among six, which is far from the start, though no entry is large."""
    step = np.repeat(np.arange(6), 50)
    cost = (step[:, None] != step) + 0.1 * rng.random((300, 300))
    options: dict[str, Any] = {"action_structure": Complement(0.04, [300]), "lambda_actions": None}
    solution = solve(cost, border=0.5, **options)
    right = np.where(step[:, None] == step, solution.assignment, 0.0).sum(axis=1)
    assert np.median(right) > 0.5
    assert solution.assignment.max(axis=1).min() < 0.1
    assert "hardly" not in solution.status[0].message
    for still in ({"step_size": 1e-6}, {"epsilon": 500.0}):
        assert "hardly" in solve(cost, border=0.5, **options, **still).status[0].message


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("border", [None, 0.4])
@few
@given(seed=seeds)
def test_padding_on_both_sides_is_nothing(side: str, border: float | None, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(1, 30, size=3), rng.integers(1, 12, size=3)
    padded = np.full((3, rows.max() + 2, columns.max() + 1), np.nan)
    matrix = symmetric(rng, padded.shape[2])
    costs = [make_cost(rng, n, k) for n, k in zip(rows, columns, strict=True)]
    for b, cost in enumerate(costs):
        padded[b, : rows[b], : columns[b]] = cost
    options = {"border": border, **SIDES[side]}
    complement = Complement(0.2, columns, padded.shape[2])
    for structure in (matrix, complement):
        batch = solve(
            padded,
            lengths=rows,
            action_lengths=columns,
            action_structure=structure,
            **options,
        )
        for b, (n, k) in enumerate(zip(rows, columns, strict=True)):
            own = Complement(0.2, [k]) if structure is complement else structure
            own = matrix[:k, :k] if structure is matrix else own
            alone = solve(costs[b], action_structure=own, **options)
            np.testing.assert_allclose(batch.assignment[b, :n, :k], alone.assignment, atol=1e-7)
            np.testing.assert_allclose(batch.objective.trace[b], alone.objective.trace, rtol=1e-7)
            assert batch.status[b].ending == alone.status[0].ending
            assert (batch.assignment[b, n:] == 0).all()
            assert (batch.assignment[b, :, k:] == 0).all()
            assert (batch.labels[b, n:] == -1).all()


def test_numbers_of_actions_run_compiled(rng: np.random.Generator) -> None:
    cost = rng.random((2, 40, 6))
    compiled = solve(cost, action_lengths=[3, 6], backend="cpu")
    plain = solve(cost, action_lengths=[3, 6], backend="torch")
    np.testing.assert_allclose(compiled.assignment, plain.assignment, atol=1e-9)


def test_gradients_flow_with_a_border_and_a_structure(rng: np.random.Generator) -> None:
    cost = torch.from_numpy(make_cost(rng, 6, 4)).requires_grad_()
    weights = torch.from_numpy(rng.normal(size=(6, 4)))
    options: dict[str, Any] = {"border": 0.3, "action_structure": symmetric(rng, 4)}

    require_gradient(
        lambda values: (solve(values, max_iterations=5, **options).assignment * weights).sum(),
        cost,
        atol=1e-6,
    )


def test_bands_of_a_radius_for_each_action_take_the_shapes_said() -> None:
    coupling = torch.ones(2, 6, 2, dtype=torch.float64)
    band = Band([[1, 2]], [6, 6])
    assert band.window_sums(coupling)[1, 2].tolist() == [2.0, 4.0]
    each = Band(np.array([1, 2]), [6, 6])
    assert each.window_sums(coupling)[:, 2, 0].tolist() == [2.0, 4.0]
    for wrong in (np.ones(3), np.ones((3, 2)), np.ones((1, 0))):
        with pytest.raises(ArgumentError, match="radius must have the shape"):
            Band(wrong, [6, 6])
    with pytest.raises(ArgumentError, match="above 0"):
        Band([1, -1], [6, 6])
