"""The alignment's transport and loss against dense formulas; without it, the paper's network."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from asot.baselines import vasot
from asot.baselines.vasot import VASOTSegmenter, align, alignment_loss
from asot.data import even_frames
from asot.errors import ArgumentError, ConfigurationError
from asot.model.network import ActionModel, loss_and_gradients
from asot.model.parts import ForwardPass
from asot.model.recipe import Recipe
from asot.model.segmenter import RecipeSegmenter
from asot.model.training import draw_model
from asot.simulation import make_recordings

Array = NDArray[np.float64]


@pytest.fixture
def recipe() -> Recipe:
    return Recipe.from_dict(
        {
            "team": 0,
            "order_prior": 0.15,
            "transport_train": {"radius": 0.2},
            "transport_eval": {"radius": 0.04},
            "training": {"epochs": 2, "frames_per_recording": 24, "kmeans_restarts": 1},
            "encoder": {"hidden": [12], "width": 6},
        }
    )


def objective(plan: Array, cost: Array, recipe: Recipe, border: float) -> float:
    """J of a plan (N + 1, M + 1) between frames, whose last row and column are the border's."""
    n, m = (size - 1 for size in plan.shape)
    settings = recipe.transport_train
    radius, alpha, epsilon = float(settings.radius), settings.alpha, settings.epsilon
    whole = np.full(plan.shape, border)
    whole[:n, :m], whole[n, m] = cost, 0.0
    apart = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    near = ((apart > 0) & (apart <= max(1, round(n * radius)))) / radius
    across = np.abs(np.subtract.outer(np.arange(m), np.arange(m)))
    far = (across > max(1, round(m * radius))).astype(float)
    inside = plan[:n, :m]
    assert settings.lambda_actions is not None
    marginal, wanted = plan.sum(axis=0), np.append(np.full(m, 1 / m), 1.0)
    divergence = (marginal * np.log(marginal / wanted) - marginal + wanted).sum()
    return float(
        (1 - alpha) * (whole * plan).sum()
        + alpha / 2 * (inside * (near @ inside @ far)).sum()
        + settings.lambda_actions * divergence
        + epsilon * (plan * (np.log(plan) - 1)).sum()
    )


def costs(rng: np.random.Generator, n: int, m: int) -> tuple[torch.Tensor, Array]:
    """Cosines of frames, and their cost with the order prior written out."""
    similarity = rng.uniform(-0.5, 1, (n, m))
    frame, target = (np.arange(n) + 0.5) / n, (np.arange(m) + 0.5) / m
    return torch.from_numpy(similarity), 1 - similarity + 0.15 * np.abs(frame[:, None] - target)


def test_the_alignment_minimises_the_objective(
    rng: np.random.Generator, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With many steps, no plan of the same rows near it is better."""
    monkeypatch.setattr(vasot, "STEPS", 400)
    similarity, cost = costs(rng, 7, 5)
    inside = align([similarity], recipe, 0.5)[0].numpy() / 7
    alone = 1 / 7 - inside.sum(axis=1, keepdims=True)

    def with_row(inside: Array, alone: Array, row: Array) -> Array:
        return np.block([[inside, alone], [row[:-1][None], row[-1:][None]]])

    # The border's row is not told: it is the best one, by the same relaxed problem.
    epsilon, weight = recipe.transport_train.epsilon, recipe.transport_train.lambda_actions
    assert weight is not None
    row = np.full(6, 1 / 6)
    sums, wanted = np.append(inside.sum(axis=0), alone.sum()), np.append(np.full(5, 1 / 5), 1.0)
    dear = np.append(np.full(5, (1 - recipe.transport_train.alpha) * 0.5), 0.0)
    for _ in range(2000):
        slope = dear + weight * np.log((sums + row) / wanted) + epsilon * np.log(row)
        row = row * np.exp(-2 * slope)
        row /= row.sum()
    best = objective(with_row(inside, alone, row), cost, recipe, 0.5)
    for _ in range(60):
        rows = np.hstack([inside, alone]) * np.exp(0.02 * rng.normal(size=(7, 6)))
        rows /= 7 * rows.sum(axis=1, keepdims=True)
        assert objective(with_row(rows[:, :5], rows[:, 5:], row), cost, recipe, 0.5) > best - 1e-9


def test_pairs_do_not_see_each_other_and_keep_their_order(
    rng: np.random.Generator, recipe: Recipe
) -> None:
    pairs = [costs(rng, 9, 6)[0], costs(rng, 5, 8)[0]]
    together = align(pairs, recipe, 0.5)
    for one, pair in zip(together, pairs, strict=True):
        np.testing.assert_allclose(one, align([pair], recipe, 0.5)[0], atol=1e-6)
        assert one.shape == pair.shape
        assert bool((one.sum(dim=1) <= 1 + 1e-6).all())


def test_frames_find_their_partners_and_strangers_have_none(
    rng: np.random.Generator, recipe: Recipe
) -> None:
    """The same frames at another speed, and in the first a stretch that the other lacks."""
    points = np.eye(6)
    first, second = np.repeat([0, 1, 5, 2], [10, 6, 8, 12]), np.repeat([0, 1, 2], [6, 14, 8])
    similarity = torch.from_numpy(points[first] @ points[second].T)
    similarity += torch.from_numpy(0.05 * rng.normal(size=similarity.shape))
    recipe.transport_train.radius = 0.1
    aligned = align([similarity], recipe, 0.5)[0].numpy()
    known = first != 5
    np.testing.assert_array_equal(second[aligned[known].argmax(axis=1)], first[known])
    assert aligned[known].sum(axis=1).mean() > aligned[~known].sum(axis=1).mean() + 0.3


def tiny(rng: np.random.Generator, recipe: Recipe, lengths: list[int]) -> ForwardPass:
    model = draw_model(recipe, 4, 3, int(rng.integers(1000)))
    features = torch.from_numpy(rng.normal(size=(len(lengths), 9, 4))).float()
    return ForwardPass.of(model, features, torch.tensor(lengths))


def test_the_loss_is_the_cross_entropy_of_frames_as_targets(
    rng: np.random.Generator, recipe: Recipe
) -> None:
    given = tiny(rng, recipe, [9, 5])
    x, y = (one.detach().double().numpy() for one in given.embeddings)
    x, y = x[even_frames(9, 6)], y[:5]
    cosines = x @ y.T
    targets = align([torch.from_numpy(cosines)], recipe, 0.5)[0].numpy()
    odds = np.exp(cosines / recipe.training.temperature)
    expected = -(targets * np.log(odds / odds.sum(axis=1, keepdims=True))).sum() / 6
    assert alignment_loss(given, 0.5, 6).item() == pytest.approx(expected, rel=1e-4)


def test_padding_and_a_third_recording_do_not_change_a_pairs_loss(
    rng: np.random.Generator, recipe: Recipe
) -> None:
    given = tiny(rng, recipe, [9, 5, 7])
    pairs = [
        alignment_loss(
            ForwardPass.of(given.model, given.features[at, :longest], given.lengths[at]), 0.5, 64
        )
        for at, longest in ((slice(0, 2), 9), (slice(1, 3), 7))
    ]
    whole = alignment_loss(given, 0.5, 64).item()
    assert whole == pytest.approx(torch.stack(pairs).mean().item(), rel=1e-4)
    alone = ForwardPass.of(given.model, given.features[:1], given.lengths[:1])
    assert alignment_loss(alone, 0.5, 64).item() == 0


def test_the_gradient_is_that_of_finite_differences(
    rng: np.random.Generator, recipe: Recipe
) -> None:
    """By the first layer, with the targets held."""
    given = tiny(rng, recipe, [9, 5])
    x, y = given.embeddings.detach()
    fixed = align([x @ y[:5].T], recipe, 0.5)
    model, features = given.model.double(), given.features.double()

    def loss(model: ActionModel) -> torch.Tensor:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(vasot, "align", lambda *_: fixed)
            return alignment_loss(ForwardPass.of(model, features, given.lengths), 0.5, 64)

    weight = model.layers[0].weight
    (gradient,) = torch.autograd.grad(loss(model), [weight])
    for place in ((0, 0), (3, 2), (7, 1)):
        values = []
        for step in (1e-6, -1e-6):
            with torch.no_grad():
                weight[place] += step
                values.append(loss(model).item())
                weight[place] -= step
        assert float(gradient[place]) == pytest.approx((values[0] - values[1]) / 2e-6, abs=1e-6)


def test_without_weight_it_is_the_papers_network(seed: int, recipe: Recipe) -> None:
    X = make_recordings(3, 3, (30, 50), width=4, random_state=seed).features
    paper = RecipeSegmenter(recipe, 3, random_state=2).fit(X)
    plain = VASOTSegmenter(recipe, 3, weight=0, random_state=2).fit(X)
    np.testing.assert_allclose(plain.cluster_centers_, paper.cluster_centers_, atol=2e-3)
    aligned = VASOTSegmenter(recipe, 3, random_state=2).fit(X)
    again = VASOTSegmenter(recipe, 3, random_state=2).fit(X[::-1])
    np.testing.assert_array_equal(aligned.cluster_centers_, again.cluster_centers_)
    assert aligned.objective_ > paper.objective_ + 0.5  # by the alignment's part


def test_a_weight_joins_the_losses(rng: np.random.Generator, recipe: Recipe) -> None:
    given = tiny(rng, recipe, [9, 5])
    parts = VASOTSegmenter(recipe, 3, weight=0.5, border=0.4)._parts(recipe)
    given.model.parts = pickle.loads(pickle.dumps(parts))  # as other processes get them
    found, _ = loss_and_gradients(given.model, given)
    expected = given.cross_entropy() + 0.5 * alignment_loss(given, 0.4, 64)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"weight": -1.0}, "weight must be a finite number"),
        ({"border": np.nan}, "border must be a finite number"),
        ({"frames": 0}, "frames must be an integer of at least 1, but is 0."),
    ],
)
def test_a_parameter_out_of_range_is_named(settings: dict[str, float], sentence: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        VASOTSegmenter(n_actions=2, **settings).fit([np.ones((6, 5))])  # type: ignore[arg-type]
    assert str(caught.value).startswith(sentence)


def test_batches_of_one_recording_are_refused(recipe: Recipe) -> None:
    recipe.training.batch_size = 1
    with pytest.raises(ConfigurationError, match=r"training\.batch_size must be at least 2"):
        VASOTSegmenter(recipe, 2).fit([np.ones((6, 5))] * 2)
