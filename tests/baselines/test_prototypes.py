"""Prototypes from the plan against plain sums, and the paper's network without them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from asot.baselines import PrototypeSegmenter
from asot.baselines.prototypes import FrameMeans, roughness
from asot.errors import ArgumentError
from asot.model.parts import ForwardPass
from asot.model.recipe import Recipe
from asot.model.segmenter import RecipeSegmenter
from asot.model.training import draw_model
from asot.simulation import make_recordings


@pytest.fixture
def recipe() -> Recipe:
    training = {"epochs": 2, "frames_per_recording": 64, "kmeans_restarts": 1}
    recipe = Recipe.from_dict({"training": training, "encoder": {"hidden": [8], "width": 6}})
    recipe.team, recipe.order_prior = 0, 0.1
    recipe.transport_train.radius = recipe.transport_eval.radius = 0.05
    return recipe


def unit(rows: NDArray[Any]) -> NDArray[Any]:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def batches(rng: np.random.Generator) -> list[Any]:
    """Three batches of two recordings; no frame is the last action's."""
    actions = torch.from_numpy(unit(rng.normal(size=(4, 5))))
    made = []
    for _ in range(3):
        targets = rng.dirichlet(np.ones(3), (2, 9))
        targets = np.concatenate([targets, np.zeros((2, 9, 1))], axis=2)
        targets[1, 6:] = 0
        rows = unit(rng.normal(size=(2, 9, 5)))
        tensors = {"targets": torch.from_numpy(targets), "embeddings": torch.from_numpy(rows)}
        made.append(SimpleNamespace(**tensors, model=SimpleNamespace(actions=actions)))
    return made


def sums(one: Any) -> NDArray[np.float64]:
    """The frames of each action, added a frame at a time."""
    total = np.zeros((4, 5))
    for b in range(2):
        for i in range(9):
            total += np.outer(one.targets[b, i], one.embeddings[b, i])
    return total


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_a_moving_average_of_the_frames_of_each_action(
    rng: np.random.Generator, momentum: float
) -> None:
    means, average = FrameMeans(momentum), np.zeros((4, 5))
    for one in batches(rng):
        average = momentum * average + (1 - momentum) * sums(one)
        found = means(one).numpy()
        np.testing.assert_allclose(found[:3], unit(average[:3]), atol=1e-12)
        np.testing.assert_array_equal(found[3], one.model.actions[3])


def test_an_epochs_means_move_the_actions_at_its_end(rng: np.random.Generator) -> None:
    means, given = FrameMeans(None), batches(rng)
    placed: list[Any] = []
    epoch: Any = SimpleNamespace(model=given[0].model)
    epoch.model.place_actions = placed.append
    for part in (given[:2], given[2:]):  # two epochs: nothing of the first is left in the second
        for one in part:
            assert means(one) is one.model.actions
        means.end(epoch)
        expected = sum(sums(one) for one in part)
        np.testing.assert_allclose(placed[-1][:3], unit(expected[:3]), atol=1e-12)
        np.testing.assert_array_equal(placed[-1][3], epoch.model.actions[3])


@pytest.mark.parametrize("update", ["average", "epoch"])
def test_a_step_of_training_puts_the_actions_there_and_does_not_descend_them(
    recipe: Recipe, seed: int, update: Any
) -> None:
    X = make_recordings(3, 3, (30, 60), width=5, random_state=seed).features
    recipe.training.batch_size, recipe.training.learning_rate = 3, 1e-9  # the encoder stands still
    recipe.training.epochs = 0
    options: dict[str, Any] = {"update": update, "momentum": 0.0, "random_state": seed}
    start = PrototypeSegmenter(recipe, 3, **options).fit(X)
    recipe.training.epochs = 1
    found = PrototypeSegmenter(recipe, 3, **options).fit(X).cluster_centers_
    expected = np.zeros((3, 6))
    for one in start._prepared(X):  # all frames are drawn
        given = ForwardPass.of(start.model_, torch.from_numpy(one)[None], torch.tensor([len(one)]))
        with torch.no_grad():
            expected += (given.targets[0].T @ given.embeddings[0]).numpy()
    np.testing.assert_allclose(found, unit(expected), atol=1e-4)
    assert np.abs(found - start.cluster_centers_).max() > 1e-3


def rough(
    features: NDArray[Any], places: NDArray[Any], rows: NDArray[Any], neighbours: int
) -> list[float]:
    """The squared distances between neighbours of one recording, a pair at a time."""
    n = len(features)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    apart = [
        {(i, j): float(((of[i] - of[j]) ** 2).sum()) for i, j in pairs}
        for of in (features, places[:, None])
    ]
    means = [sum(one.values()) / max(len(pairs), 1) for one in apart]
    found = []
    for i in range(n):
        others = [j for j in range(n) if j != i]
        far = {j: apart[0][i, j] / means[0] + apart[1][i, j] / means[1] for j in others}
        nearest = sorted(others, key=lambda j: far[j])[:neighbours]
        found += [float(((rows[i] - rows[j]) ** 2).sum()) for j in nearest]
    return found


def test_smoothness_is_the_mean_over_neighbours_in_features_and_time(
    recipe: Recipe, rng: np.random.Generator, seed: int
) -> None:
    model = draw_model(recipe, 5, 3, seed % 2**31)
    lengths = [12, 7, 3, 1]
    features = torch.zeros(4, 12, 5)
    frames = torch.zeros(4, 12, dtype=torch.int64)
    expected: list[float] = []
    for b, n in enumerate(lengths):
        own = rng.normal(size=(n, 5))
        places = np.sort(rng.choice(90, n, replace=False))
        features[b, :n], frames[b, :n] = torch.from_numpy(own), torch.from_numpy(places)
        rows = model.embed(features[b, :n]).detach().double().numpy()
        expected += rough(own, places, rows, 4)
    given = ForwardPass(model, features, torch.tensor(lengths), frames)
    assert float(roughness(given, 4).detach()) == pytest.approx(np.mean(expected), rel=1e-4)
    alone = ForwardPass.of(model, features[3:, :1], torch.tensor([1]))
    assert float(roughness(alone, 4).detach()) == 0


def test_smoothness_brings_neighbours_together(recipe: Recipe, seed: int) -> None:
    X = make_recordings(3, 3, (40, 60), width=5, random_state=seed).features
    recipe.training.epochs = 10
    found = []
    for smoothness in (0.0, 10.0):
        segmenter = PrototypeSegmenter(recipe, 3, smoothness=smoothness, random_state=seed).fit(X)
        own = []
        for one in segmenter._prepared(X):
            batch = torch.from_numpy(one)[None], torch.tensor([len(one)])
            own.append(float(roughness(ForwardPass.of(segmenter.model_, *batch), 5).detach()))
        found.append(np.mean(own))
    assert found[1] < found[0]


def test_without_its_additions_it_is_the_papers_network(recipe: Recipe, seed: int) -> None:
    X = make_recordings(4, 3, (30, 60), width=5, random_state=seed).features
    paper = RecipeSegmenter(recipe, 3, random_state=seed).fit(X)
    plain = PrototypeSegmenter(recipe, 3, update="descent", random_state=seed).fit(X)
    np.testing.assert_array_equal(plain.cluster_centers_, paper.cluster_centers_)
    moved, again = (PrototypeSegmenter(recipe, 3, random_state=seed).fit(X) for _ in range(2))
    np.testing.assert_array_equal(moved.cluster_centers_, again.cluster_centers_)
    assert np.abs(moved.cluster_centers_ - paper.cluster_centers_).max() > 1e-3


@pytest.mark.parametrize("update", ["average", "epoch"])
def test_plain_actions_are_found(
    recipe: Recipe, rng: np.random.Generator, seed: int, update: Any
) -> None:
    truth = [np.repeat(np.arange(4), rng.integers(15, 25, 4)) for _ in range(4)]
    points = np.eye(8)[:4] * 3
    X = [points[one] + 0.1 * rng.normal(size=(len(one), 8)) for one in truth]
    recipe.encoder.hidden, recipe.encoder.width = [32], 16
    recipe.training.epochs, recipe.training.kmeans_restarts = 8, 3
    starts = [
        PrototypeSegmenter(recipe, 4, update=update, smoothness=0.1, random_state=seed // 8 + i)
        for i in range(3)
    ]
    assert np.median([one.fit(X).score(X, truth) for one in starts]) > 0.95


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"update": "kmeans"}, "update must be of average, epoch, descent, but is 'kmeans'."),
        ({"momentum": 1.0}, "momentum must be a finite number"),
        ({"smoothness": -1.0}, "smoothness must be a finite number"),
        ({"neighbours": 0}, "neighbours must be an integer of at least 1"),
    ],
)
def test_settings_out_of_range_are_named(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        PrototypeSegmenter(n_actions=2, **settings).fit([np.ones((4, 2))])


def test_a_snapshot_sees_the_actions_where_an_epoch_puts_them(recipe: Recipe, seed: int) -> None:
    X = make_recordings(4, 3, (40, 60), width=5, random_state=seed).features
    recipe.training.validate_every, recipe.training.learning_rate = 1, 0.1
    options: dict[str, Any] = {"update": "epoch", "random_state": seed}
    shown = PrototypeSegmenter(recipe, 3, keep_epochs=True, **options).fit(X).snapshots_
    recipe.training.epochs = 1
    ended = PrototypeSegmenter(recipe, 3, **options).fit(X).labels_
    for one, other in zip(shown[0].labels, ended, strict=True):
        np.testing.assert_array_equal(one, other)
