"""The network: its layers, its loss and its decoding, beside plain formulas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from asot import solve, temporal_prior
from asot.model.network import ActionModel
from asot.model.recipe import Recipe, load_recipe

MakeRecipe = Callable[..., Recipe]


@pytest.fixture
def make_model(seed: int) -> Callable[..., ActionModel]:
    def make(recipe: Recipe, n_features: int = 5, n_actions: int = 3) -> ActionModel:
        torch.manual_seed(seed)
        return ActionModel(recipe, n_features, n_actions)

    return make


def padded(rng: np.random.Generator, lengths: list[int], width: int = 5) -> torch.Tensor:
    """A batch with noise, not zeros, on the rows that do not exist."""
    return torch.from_numpy(rng.normal(size=(len(lengths), max(lengths), width)).astype(np.float32))


def test_layers_of_the_breakfast_recipe() -> None:
    encoder = ActionModel(load_recipe("breakfast"), 64, 7).encoder
    assert [type(layer) for layer in encoder] == [nn.Linear, nn.ReLU, nn.Linear]
    assert [tuple(layer.weight.shape) for layer in encoder[::2]] == [(128, 64), (40, 128)]


@pytest.mark.parametrize("hidden", [[], [7], [7, 9]])
def test_the_encoder_is_linear_layers_with_relu_between(
    make_model: Callable[..., ActionModel], make_recipe: MakeRecipe, hidden: list[int], rng
) -> None:
    model = make_model(make_recipe(encoder={"hidden": hidden, "width": 4}))
    linear = [layer for layer in model.encoder if isinstance(layer, nn.Linear)]
    assert [layer.out_features for layer in linear] == [*hidden, 4]
    x = rng.normal(size=(11, 5)).astype(np.float32)
    expected = x
    for i, layer in enumerate(linear):
        expected = expected @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
        expected = expected if i == len(linear) - 1 else np.maximum(expected, 0)
    expected = expected / np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(
        model.embed(torch.from_numpy(x)).detach().numpy(), expected, rtol=1e-4, atol=1e-5
    )


def test_action_embeddings_start_at_unit_length_and_return_to_it(
    make_model: Callable[..., ActionModel], recipe: Recipe
) -> None:
    model = make_model(recipe)
    assert model.actions.norm(dim=1).tolist() == pytest.approx([1, 1, 1], abs=1e-6)
    model.place_actions(torch.full((3, 6), 7.0, dtype=torch.float64))
    assert model.actions.norm(dim=1).tolist() == pytest.approx([1, 1, 1], abs=1e-6)
    with torch.no_grad():
        model.actions *= 3.0
    model.normalise_actions()
    assert model.actions.norm(dim=1).tolist() == pytest.approx([1, 1, 1], abs=1e-6)


def expected_loss(model: ActionModel, recipe: Recipe, x: torch.Tensor) -> tuple[float, int]:
    """Sum over one recording's frames of the cross-entropy against its pseudo-labels."""
    z = model.embed(x).detach().double()
    similarity = z @ model.actions.detach().double().T
    cost = 1 - similarity.numpy()
    cost = cost + temporal_prior(*cost.shape, recipe.order_prior)
    settings = recipe.transport_train
    targets = solve(
        cost,
        epsilon=settings.epsilon,
        alpha=settings.alpha,
        radius=settings.radius,
        lambda_actions=settings.lambda_actions,
    ).assignment
    scores = similarity.numpy() / recipe.training.temperature
    scores = scores - scores.max(axis=1, keepdims=True)
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return float(-(targets * log_p).sum()), len(cost)


def test_the_loss_is_the_mean_over_the_frames_that_exist(
    make_model: Callable[..., ActionModel], make_recipe: MakeRecipe, rng: np.random.Generator
) -> None:
    recipe = make_recipe(order_prior=0.2)
    model = make_model(recipe)
    lengths = [40, 7, 1, 23]
    batch = padded(rng, lengths)
    loop = [expected_loss(model, recipe, batch[b, :n]) for b, n in enumerate(lengths)]
    expected = sum(one for one, _ in loop) / sum(n for _, n in loop)
    found = model.loss(batch, torch.tensor(lengths))
    assert found.item() == pytest.approx(expected, rel=1e-4)


def test_padding_carries_no_gradient(
    make_model: Callable[..., ActionModel], recipe: Recipe, rng: np.random.Generator
) -> None:
    lengths = [9, 30]
    batch = padded(rng, lengths)
    other = batch.clone()
    other[0, 9:] = 100.0
    gradients = []
    for features in (batch, other):
        model = make_model(recipe)
        features.requires_grad_()
        model.loss(features, torch.tensor(lengths)).backward()
        assert features.grad is not None
        assert bool((features.grad[0, 9:] == 0).all())
        gradients.append([one.grad for one in model.parameters()])
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(one, two)


def test_pseudo_labels_carry_no_gradient(
    make_model: Callable[..., ActionModel],
    recipe: Recipe,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The gradient is that of a cross-entropy against constants."""
    model = make_model(recipe)
    x, lengths = padded(rng, [25]), torch.tensor([25])
    targets = model.transport(
        1 - model.similarity(model.embed(x)), lengths, recipe.transport_train
    ).assignment
    assert not targets.requires_grad
    loss = model.loss(x, lengths)
    found = torch.autograd.grad(loss, list(model.parameters()))
    constant = -(targets * model.log_probabilities(model.similarity(model.embed(x)))).sum() / 25
    expected = torch.autograd.grad(constant, list(model.parameters()))
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two)
        assert bool(one.abs().sum() > 0)


def test_decoding_is_the_transport_of_the_eval_settings(
    make_model: Callable[..., ActionModel], make_recipe: MakeRecipe, rng: np.random.Generator
) -> None:
    settings = {"epsilon": 0.05, "alpha": 0.5, "radius": 3, "lambda_actions": 0.02}
    recipe = make_recipe(order_prior=0.1, transport_eval=settings)
    model = make_model(recipe)
    x = padded(rng, [60])[0]
    with torch.no_grad():
        cost = (1 - model.embed(x) @ model.actions.T).numpy()
    expected = solve(cost + temporal_prior(60, 3, 0.1, like=torch.ones(1)).numpy(), **settings)
    found = model.decode(x)
    np.testing.assert_allclose(found.assignment.numpy(), expected.assignment, atol=1e-5)
    assert found.labels.tolist() == expected.assignment.argmax(axis=1).tolist()
    assert not found.assignment.requires_grad


def test_the_prior_is_left_out_at_zero(
    make_model: Callable[..., ActionModel], make_recipe: MakeRecipe, rng: np.random.Generator
) -> None:
    model = make_model(make_recipe(order_prior=0.0))
    x = padded(rng, [30])[0]
    forwards, backwards = model.decode(x), model.decode(x.flip(0))
    torch.testing.assert_close(forwards.assignment.flip(0), backwards.assignment)


def test_one_action_takes_every_frame(
    make_model: Callable[..., ActionModel], recipe: Recipe, rng: np.random.Generator
) -> None:
    model = make_model(recipe, n_actions=1)
    x = padded(rng, [12])
    assert model.loss(x, torch.tensor([12])).item() == pytest.approx(0, abs=1e-6)
    solution = model.decode(x[0])
    assert solution.labels.tolist() == [0] * 12
    torch.testing.assert_close(solution.assignment, torch.ones(12, 1))
