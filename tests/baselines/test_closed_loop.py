"""The closed loop's loss against attention written out, and the paper's network without it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from asot import solve
from asot.baselines import ClosedLoopSegmenter
from asot.errors import ArgumentError
from asot.model.recipe import Recipe
from asot.model.segmenter import RecipeSegmenter
from asot.model.training import draw_model
from asot.simulation import make_recordings

Array = NDArray[np.float64]


@pytest.fixture
def recipe() -> Recipe:
    small = {"epochs": 2, "frames_per_recording": 32, "kmeans_restarts": 1}
    return Recipe.from_dict({"training": small, "encoder": {"hidden": [8], "width": 6}})


def unit(rows: Array) -> Array:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def affine(layer: Any, rows: Array) -> Array:
    return rows @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()


def attention(layer: Any, queries: Array, keys: Array) -> Array:
    """Multi-head attention of queries (M, d) to keys (N, d), a head at a time."""
    weights = layer.in_proj_weight.detach().double().numpy()
    biases = layer.in_proj_bias.detach().double().numpy()
    width = queries.shape[1]
    q, k, v = (
        rows @ weights[at : at + width].T + biases[at : at + width]
        for rows, at in ((queries, 0), (keys, width), (keys, 2 * width))
    )
    each = width // layer.num_heads
    heads = [slice(each * h, each * (h + 1)) for h in range(layer.num_heads)]
    mixed = [softmax(q[:, h] @ k[:, h].T / np.sqrt(each), axis=1) @ v[:, h] for h in heads]
    return affine(layer.out_proj, np.hstack(mixed))


def normal(layer: Any, rows: Array) -> Array:
    centred = rows - rows.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt(rows.var(axis=1, keepdims=True) + layer.eps)
    return scaled * layer.weight.detach().double().numpy() + layer.bias.detach().double().numpy()


def stages(loop: Any, features: Array) -> list[Array]:
    """Frames, segments and refined frames of a recording (N, D) by itself."""
    hidden = np.maximum(affine(loop.frames[0], features), 0)
    frames = unit(affine(loop.frames[2], hidden))
    seen = frames * np.sqrt(frames.shape[1])
    segments = loop.queries.detach().double().numpy()
    for layer in loop.segments.layers:
        segments = normal(layer.norm1, segments + attention(layer.self_attn, segments, segments))
        segments = normal(layer.norm2, segments + attention(layer.multihead_attn, segments, seen))
        hidden = np.maximum(affine(layer.linear1, segments), 0)
        segments = normal(layer.norm3, segments + affine(layer.linear2, hidden))
    segments = unit(segments)
    added = softmax(10 * frames @ segments.T, axis=1) @ segments  # a temperature of .1
    return [frames, segments, unit(frames + loop.weight * added)]


@pytest.mark.parametrize("weight", [0.3, 1.0])
def test_the_loss_is_that_of_three_transports(
    recipe: Recipe, rng: np.random.Generator, seed: int, weight: float
) -> None:
    recipe.order_prior, recipe.transport_train.radius = 0.2, 0.1
    segmenter = ClosedLoopSegmenter(recipe, 3, weight=weight, n_segments=7)  # of 2 heads
    model = draw_model(recipe, 5, 3, seed % 2**31, segmenter._parts(recipe)).eval()
    lengths = [20, 9]
    features = [rng.normal(size=(n, 5)) for n in lengths]
    actions = model.actions.detach().double().numpy()
    settings = vars(recipe.transport_train)
    losses = np.zeros(3)
    for one in features:
        places = np.arange(len(one)) + 0.5
        order = 0.2 * np.abs(places[:, None] / len(one) - (np.arange(3) + 0.5) / 3)
        for which, rows in enumerate(stages(model.encoder, one)):
            count, prior, changes = sum(lengths), order, {}
            if which == 1:
                count, prior, changes = 7 * len(features), 0.0, {"alpha": 0.0}
            cost = (1 - rows @ actions.T + prior).astype(np.float32)
            targets = solve(cost, **{**settings, **changes}).assignment
            likelihoods = log_softmax(rows @ actions.T / recipe.training.temperature, axis=1)
            losses[which] -= (targets * likelihoods).sum() / count
    padded = torch.zeros(2, 20, 5)
    for into, one in zip(padded, features, strict=True):
        into[: len(one)] = torch.from_numpy(one)
    with torch.no_grad():
        found = model.loss(padded, torch.tensor(lengths))
    assert float(found) == pytest.approx(losses[0] + weight * losses[1:].sum(), rel=1e-3)
    # The refined frames are those that are decoded, however much padding follows.
    refined = model.embed(padded, torch.tensor(lengths)).detach().numpy()
    for own, one in zip(refined, features, strict=True):
        np.testing.assert_allclose(own[: len(one)], stages(model.encoder, one)[2], atol=1e-4)
        alone = model.embed(torch.from_numpy(one).float()).detach().numpy()
        np.testing.assert_allclose(own[: len(one)], alone, atol=1e-5)


def test_without_its_addition_it_is_the_papers_network(recipe: Recipe, seed: int) -> None:
    X = make_recordings(4, 3, (30, 60), width=5, random_state=seed).features
    paper = RecipeSegmenter(recipe_of(recipe), 3, random_state=seed).fit(X)
    plain = ClosedLoopSegmenter(recipe_of(recipe), 3, weight=0, heads=2, random_state=seed).fit(X)
    np.testing.assert_allclose(plain.cluster_centers_, paper.cluster_centers_, atol=2e-4)
    assert plain.objective_ == pytest.approx(paper.objective_, rel=1e-3)
    differ = [np.mean(a != b) for a, b in zip(plain.labels_, paper.labels_, strict=True)]
    assert np.mean(differ) < 0.02  # a frame on the edge may go the other way


def recipe_of(recipe: Recipe) -> Recipe:
    recipe.team, recipe.order_prior = 0, 0.1
    recipe.transport_train.radius = recipe.transport_eval.radius = 0.05
    return recipe


def test_all_of_it_is_learnt_alike_with_one_seed(recipe: Recipe, seed: int) -> None:
    X = make_recordings(4, 3, (30, 60), width=5, random_state=seed).features
    options: dict[str, Any] = {"n_actions": 3, "heads": 2, "random_state": seed}
    recipe_of(recipe).training.epochs = 0
    start = ClosedLoopSegmenter(recipe, **options).fit(X)
    recipe.training.epochs = 2
    fitted, again = (ClosedLoopSegmenter(recipe, **options).fit(X) for _ in range(2))
    np.testing.assert_array_equal(fitted.cluster_centers_, again.cluster_centers_)
    before, after = start.model_.state_dict(), fitted.model_.state_dict()
    assert all(bool((before[name] != after[name]).any()) for name in before)
    plain = ClosedLoopSegmenter(recipe, weight=0, **options).fit(X).model_.state_dict()
    stay = {name for name in before if torch.equal(before[name], plain[name])}
    assert stay == {name for name in before if "queries" in name or ".segments." in name}


def test_plain_actions_are_found(rng: np.random.Generator, seed: int) -> None:
    truth = [np.repeat(np.arange(4), rng.integers(15, 25, 4)) for _ in range(4)]
    points = np.eye(8)[:4] * 3
    X = [points[one] + 0.1 * rng.normal(size=(len(one), 8)) for one in truth]
    training = {"epochs": 8, "frames_per_recording": 64, "kmeans_restarts": 3}
    recipe = recipe_of(Recipe.from_dict({"training": training}))
    starts = [ClosedLoopSegmenter(recipe, 4, random_state=seed // 8 + i) for i in range(3)]
    assert np.median([one.fit(X).score(X, truth) for one in starts]) > 0.95


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"weight": -1.0}, "weight must be a finite number"),
        ({"n_segments": 0}, "n_segments must be an integer of at least 1"),
        ({"layers": 0}, "layers must be an integer of at least 1"),
        ({"heads": 0}, "heads must be an integer of at least 1"),
    ],
)
def test_settings_out_of_range_are_named(
    recipe: Recipe, settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        ClosedLoopSegmenter(recipe, 2, **settings).fit([np.ones((4, 2))])
