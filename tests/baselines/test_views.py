"""The cost of several views against sums written here, and fixed action vectors as texts are."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import asot
from asot.baselines.views import ViewsSegmenter, columns_of
from asot.errors import ArgumentError
from asot.model.network import loss_and_gradients
from asot.model.parts import ForwardPass
from asot.model.recipe import Recipe
from asot.model.segmenter import RecipeSegmenter
from asot.model.training import draw_model
from asot.simulation import make_recordings

SETTINGS = {
    "team": 0,
    "order_prior": 0.15,
    "transport_train": {"radius": 0.04},
    "transport_eval": {"radius": 0.04},
    "training": {"epochs": 2, "frames_per_recording": 24, "kmeans_restarts": 1},
    "encoder": {"hidden": [12], "width": 6},
}


@pytest.fixture
def recipe() -> Recipe:
    return Recipe.from_dict(SETTINGS)


def unit(values: Any) -> Any:
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def test_the_cost_is_the_weighted_sum_of_the_views_costs(
    rng: np.random.Generator, seed: int, recipe: Recipe
) -> None:
    """With the second view's action vectors fixed, on columns that come twice and out of order."""
    views, weights = [[0, 3], slice(1, 4)], [3.0, 1.0]
    texts = rng.normal(size=(4, 3))
    parts = ViewsSegmenter(recipe, 4, views=views, weights=weights, actions=[None, texts])._parts(
        recipe
    )
    model = draw_model(recipe, 5, 4, seed % 1000, parts)
    encoder: Any = model.encoder
    encoder.encoders[1].weight.data += torch.from_numpy(0.1 * rng.normal(size=(3, 3))).float()
    features = rng.normal(size=(2, 7, 5)).astype(np.float32)
    found = ForwardPass.of(model, torch.from_numpy(features), torch.tensor([7, 5])).cost

    first, last = encoder.encoders[0][0], encoder.encoders[0][2]
    arrays = [one.detach().numpy() for one in (first.weight, first.bias, last.weight, last.bias)]
    hidden = np.maximum(features[..., [0, 3]] @ arrays[0].T + arrays[1], 0)
    z = unit(hidden @ arrays[2].T + arrays[3])
    y = unit(features[..., 1:4] @ encoder.encoders[1].weight.detach().numpy().T)
    learnt = unit(model.actions.detach().numpy()[:, :6])
    expected = 0.75 * (1 - z @ learnt.T) + 0.25 * (1 - y @ unit(texts).T)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_one_view_is_the_papers_network(
    rng: np.random.Generator, seed: int, recipe: Recipe
) -> None:
    """And so are two of which one has no weight: the same loss and gradients, by autograd."""
    X = make_recordings(3, 3, (40, 60), width=4, random_state=seed).features
    paper = RecipeSegmenter(recipe, 3, random_state=3).fit(X)
    found = ViewsSegmenter(recipe, 3, views=1, random_state=3).fit(X)
    np.testing.assert_allclose(found.cluster_centers_, paper.cluster_centers_, atol=2e-3)

    parts = ViewsSegmenter(recipe, 3, views=[4, 1], weights=[1, 0])._parts(recipe)
    model = draw_model(recipe, 5, 3, 0, parts)
    encoder: Any = model.encoder
    encoder.encoders[0].load_state_dict(paper.model_.encoder.state_dict())
    model.actions.data[:, :6] = paper.model_.actions.data
    features = torch.from_numpy(rng.normal(size=(2, 9, 5))).float()
    lengths = torch.tensor([9, 5])
    loss, gradients = loss_and_gradients(model, ForwardPass.of(model, features, lengths))
    narrow = ForwardPass.of(paper.model_, features[..., :4], lengths)
    expected, of_paper = loss_and_gradients(paper.model_, narrow)
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    for one, other in zip(gradients[1:5], of_paper[1:], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gradients[0][:, :6], of_paper[0], rtol=1e-4, atol=1e-5)


def test_a_seed_decides_and_a_recording_stands_alone(seed: int, recipe: Recipe) -> None:
    X = make_recordings(3, 3, (20, 50), width=4, random_state=seed).features
    segmenter = ViewsSegmenter(recipe, 3, random_state=5).fit(X)
    again = ViewsSegmenter(recipe, 3, random_state=5).fit(X[::-1])
    loaded = pickle.loads(pickle.dumps(segmenter))
    for index, labels in enumerate(segmenter.labels_):
        np.testing.assert_array_equal(again.labels_[::-1][index], labels)
        np.testing.assert_array_equal(loaded.predict(X[index]), labels)


def test_padding_and_the_batch_change_no_cost(rng: np.random.Generator, recipe: Recipe) -> None:
    parts = ViewsSegmenter(recipe, 3)._parts(recipe)
    model = draw_model(recipe, 4, 3, 0, parts)
    features = torch.from_numpy(rng.normal(size=(2, 9, 4))).float()
    lengths = torch.tensor([9, 5])
    together = ForwardPass.of(model, features, lengths)
    alone = ForwardPass.of(model, features[1:, :5], lengths[1:])
    np.testing.assert_allclose(together.cost[1, :5], alone.cost[0], atol=1e-6)
    np.testing.assert_allclose(together.targets[1, :5], alone.targets[0], atol=1e-4)
    assert not together.targets[1, 5:].any()


def in_joint_space(rng: np.random.Generator) -> tuple[list[NDArray[Any]], Any, Any]:
    """Frames around class means that stand for texts, with noise that hides them in many frames."""
    corpus = make_recordings(
        6, 4, (60, 90), width=16, noise=1.5, random_state=int(rng.integers(99))
    )
    X, truth = list(corpus.features), [np.asarray(one) for one in corpus.ground_truth]
    frames, labels = np.concatenate(X), np.concatenate(truth)
    return X, truth, np.stack([frames[labels == k].mean(axis=0) for k in range(4)])


def test_frames_are_compared_with_texts_as_they_are(rng: np.random.Generator) -> None:
    X, truth, texts = in_joint_space(rng)
    recipe = Recipe.from_dict(
        {**SETTINGS, "training": {"epochs": 0}, "dataset": {"standardise": False}}
    )
    segmenter = ViewsSegmenter(recipe, 4, views=1, actions=[texts]).fit(X)
    for labels, one in zip(segmenter.labels_, X, strict=True):
        cost = 1 - unit(one) @ unit(texts).T
        prior = asot.temporal_prior(len(one), 4, 0.15, like=cost)
        given = vars(recipe.transport_eval)
        np.testing.assert_array_equal(labels, asot.solve(cost + prior, **given).labels)
    assert asot.evaluate(segmenter.labels_, truth, matching="name")["mof"] > 0.6


def test_texts_name_the_actions_of_other_views(rng: np.random.Generator) -> None:
    """Trained beside a view of its own, label k stays text k."""
    X, truth, texts = in_joint_space(rng)
    recipe = Recipe.from_dict({**SETTINGS, "dataset": {"standardise": False}})
    other = [one[:, ::-1] + rng.normal(size=one.shape) for one in X]
    both = [np.hstack(pair) for pair in zip(X, other, strict=True)]
    segmenter = ViewsSegmenter(recipe, 4, actions=[texts, None], random_state=0).fit(both)
    assert asot.evaluate(segmenter.labels_, truth, matching="name")["mof"] > 0.6


@pytest.mark.parametrize(
    "settings, sentence",
    [
        ({"views": 0}, "views must be an integer of at least 1, but is 0."),
        ({"views": [4, 3]}, "views must each have some of the 5 columns"),
        ({"weights": [1.0]}, "weights must have one entry for each of 2 views, but has 1."),
        ({"weights": [1.0, -1.0]}, "weights[1] must be a finite number"),
        ({"weights": [0, 0]}, "weights must not all be 0."),
        ({"views": 1, "actions": [np.ones((2, 5))]}, "actions[0] must be finite vectors, one for"),
        ({"views": 1, "actions": [np.ones((3, 4))]}, "actions must have a number for each of a"),
    ],
)
def test_a_parameter_out_of_range_is_named(settings: Any, sentence: str, recipe: Recipe) -> None:
    with pytest.raises(ArgumentError) as caught:
        ViewsSegmenter(recipe, 3, **settings).fit([np.ones((6, 5))])
    assert str(caught.value).startswith(sentence)


def test_parts_of_equal_width() -> None:
    assert columns_of(3, 7) == [[0, 1], [2, 3], [4, 5, 6]]
    assert columns_of(2, 1) == [[0], [0]]  # too few to be shared out
