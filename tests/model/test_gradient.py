"""The gradient in closed form, beside autograd's of the loss as the network defines it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from asot.model.network import ActionModel, loss_and_gradients
from asot.model.parts import ForwardPass, Parts
from asot.model.recipe import Recipe, TrainingSettings
from asot.model.training import Adam

MakeRecipe = Callable[..., Recipe]

recipes = st.builds(
    lambda hidden, width, temperature, order_prior: Recipe.from_dict(
        {
            "order_prior": order_prior,
            "transport_train": {"radius": 0.04},
            "encoder": {"hidden": hidden, "width": width},
            "training": {"temperature": temperature},
        }
    ),
    st.lists(st.integers(1, 9), max_size=3),
    st.integers(1, 7),
    st.sampled_from([1e-3, 0.1, 2.0]),
    st.sampled_from([0.0, 0.2]),
)


def draw(
    recipe: Recipe, n_actions: int, lengths: list[int], seed: int
) -> tuple[ActionModel, Tensor]:
    """A model and a batch in float64, with noise, not zeros, on the rows that do not exist."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ActionModel(recipe, 5, n_actions).double()
        return model, torch.randn(len(lengths), max(lengths), 5, dtype=torch.float64)


@settings(deadline=None, max_examples=40)
@given(
    recipe=recipes,
    n_actions=st.integers(1, 5),
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=3),
    seed=st.integers(0, 2**31),
    weighed=st.booleans(),
)
def test_the_closed_form_is_autograds(
    recipe: Recipe, n_actions: int, lengths: list[int], seed: int, weighed: bool
) -> None:
    model, features = draw(recipe, n_actions, lengths, seed)
    model.normalise_actions()
    counts = torch.tensor(lengths)
    forward = ForwardPass.of(model, features, counts)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        weights = torch.rand(features.shape[:2], dtype=torch.float64) if weighed else None
    forward.weights = weights
    expected = model.loss_of(forward)
    if weights is not None:
        by_frame = -(forward.targets * model.log_probabilities(forward.similarity)).sum(dim=2)
        plain = ForwardPass.of(model, features, counts).targets
        torch.testing.assert_close(forward.targets, weights[..., None] * plain)
        torch.testing.assert_close(expected, by_frame.sum() / counts.sum())
    gradients = torch.autograd.grad(expected, list(model.parameters()))
    given = ForwardPass.of(model, features, counts)
    given.weights = weights
    loss, found = loss_and_gradients(model, given)
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-9, atol=1e-9)
    for one, two in zip(found, gradients, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-9 * float(two.abs().max() + 1))


class Loss(torch.autograd.Function):
    """The loss for autograd, with the gradients in closed form."""

    @staticmethod
    def forward(ctx: Any, model: ActionModel, x: Tensor, lengths: Tensor, *own: Tensor) -> Tensor:
        loss, gradients = loss_and_gradients(model, ForwardPass.of(model, x, lengths))
        ctx.save_for_backward(*gradients)
        return loss

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Any:
        return None, None, None, *(slopes[0] * gradient for gradient in ctx.saved_tensors)


def test_finite_differences(make_recipe: MakeRecipe, seed: int) -> None:
    lengths = [6, 3]
    model, features = draw(make_recipe(), 3, lengths, seed)
    targets = torch.softmax(torch.randn(2, 6, 3, dtype=torch.float64), dim=2)
    targets[1, 3:] = 0
    model.parts = Parts(pseudo_labels=lambda given: targets)
    # The loss in the parameters that the graph sees is that of the model's own.
    parameters = list(model.parameters())

    def loss(*values: Tensor) -> Tensor:
        with torch.no_grad():
            for parameter, value in zip(parameters, values, strict=True):
                parameter.copy_(value)
        return Loss.apply(model, features, torch.tensor(lengths), *values)

    start = [one.detach().clone().requires_grad_() for one in parameters]
    assert torch.autograd.gradcheck(loss, start)


def test_targets_whose_rows_have_other_sums(make_recipe: MakeRecipe, seed: int) -> None:
    model, features = draw(make_recipe(), 3, [7, 7], seed)
    targets = torch.rand(2, 7, 3, dtype=torch.float64)
    model.parts = Parts(pseudo_labels=lambda given: targets)
    counts = torch.tensor([7, 7])
    expected = torch.autograd.grad(model.loss(features, counts), list(model.parameters()))
    for one, two in zip(
        loss_and_gradients(model, ForwardPass.of(model, features, counts))[1], expected, strict=True
    ):
        torch.testing.assert_close(one, two)


def test_pseudo_labels_may_be_whole_numbers(make_recipe: MakeRecipe, seed: int) -> None:
    model, features = draw(make_recipe(), 3, [7, 7], seed)
    counts, one_hot = torch.tensor([7, 7]), torch.eye(3, dtype=torch.int64)[torch.arange(7) % 3]
    found = []
    for kind in (torch.int64, torch.float16, torch.float64):
        model.parts = Parts(pseudo_labels=lambda given, kind=kind: one_hot.to(kind).expand(2, 7, 3))
        found.append(loss_and_gradients(model, ForwardPass.of(model, features, counts))[0])
    assert found[0] == found[1] == found[2]


def test_adam_is_torchs_to_the_last_bit(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(7, 40), (128, 61), (128,), (3,)]
    own = [torch.randn(shape, generator=generator) for shape in shapes]
    others = [torch.nn.Parameter(one.clone()) for one in own]
    options = TrainingSettings(learning_rate=0.01, weight_decay=0.1)
    adam = Adam(own, options)
    torchs = torch.optim.Adam(others, lr=0.01, weight_decay=0.1, fused=True)
    for _ in range(5):
        gradients = [torch.randn(shape, generator=generator) for shape in shapes]
        for one, other in zip(gradients, others, strict=True):
            other.grad = one.clone()
        adam.step(gradients)
        torchs.step()
    for one, other in zip(own, others, strict=True):
        assert torch.equal(one, other.detach())
