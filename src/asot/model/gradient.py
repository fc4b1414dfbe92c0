"""A training step's loss with its gradient in closed form.

``ActionModel.loss`` says what the loss is. In networks as small as these autograd takes longer
than the arithmetic, so that training computes the gradient by the formulas below; a test holds
them to what autograd makes of ``ActionModel.loss``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from asot.model.network import ActionModel

# Multiplications from which a second thread is worth having.
WORTH_THREADS = 2**24


@torch.no_grad()
def loss_and_gradients(
    model: ActionModel, features: Tensor, lengths: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """``model.loss``, and its gradients in the order of ``model.parameters()``.

    With a row for each of n frames, ``y = encoder(x)``, ``s = y c' / |y|``,
    ``P = softmax(s / temperature)`` and the pseudo-labels T::

        loss                      = -sum(T log P) / n
        d loss / d s              = (P * sum_k(T) - T) / (n temperature)
        d loss / d c              = G' y                         where G = (d loss / d s) / |y|
        d loss / d y              = G c - y * sum_k(G * s) / |y|

    From there back, with d the gradient at the output of a linear layer ``x W' + b``:
    ``d loss / d W = d' x``, ``d loss / d b = d' 1`` and ``d loss / d x = d W``, which a ReLU lets
    through where its output is above 0.

    Parameters
    ----------
    model : ActionModel
        The network.
    features : Tensor, shape (B, N, D)
        A padded batch.
    lengths : Tensor of int64, shape (B,)
        Frames of each recording.

    Returns
    -------
    loss : Tensor, shape ()
    gradients : list of Tensor
        Those of the action embeddings c and of each layer's W and b.
    """
    layers, actions, temperature = model.layers, model.actions, model.recipe.training.temperature
    x = features.flatten(0, 1)
    work = len(x) * model.encoder_size
    with few_threads(work):
        inputs = [x]
        for layer in layers[:-1]:
            inputs.append(torch.addmm(layer.bias, inputs[-1], layer.weight.T).relu_())
        y = torch.addmm(layers[-1].bias, inputs[-1], layers[-1].weight.T)
        # Transposed, (K, frames): torch's softmax is far quicker along few rows than few columns.
        length = torch.linalg.vector_norm(y, dim=1).clamp_min_(1e-12)
        s = (actions @ y.T).div_(length)
        similarity = s.T.contiguous().view(*features.shape[:2], -1)
    targets = model._targets(similarity, lengths).to(similarity)
    with few_threads(work):
        T = targets.flatten(0, 1).T.contiguous()
        n_frames = lengths.sum()
        log_P = F.log_softmax(s / temperature, dim=0)
        loss = -torch.dot(T.view(-1), log_P.view(-1)) / n_frames
        G = log_P.exp_().mul_(T.sum(dim=0)).sub_(T).div_(length * temperature * n_frames)
        of_actions = G @ y
        d = (G.T @ actions).addcmul_(y, (G * s).sum(dim=0).div_(length)[:, None], value=-1)
        of_layers: list[Tensor] = []
        for layer, given in zip(reversed(layers), reversed(inputs), strict=True):
            of_layers += [d.sum(dim=0), d.T @ given]
            if layer is not layers[0]:
                d = (d @ layer.weight).mul_(given.sign())
    return loss, [of_actions, *reversed(of_layers)]


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, model: ActionModel, features: Tensor, lengths: Tensor, *parameters: Tensor
    ) -> Tensor:
        loss, gradients = loss_and_gradients(model, features, lengths)
        ctx.save_for_backward(*gradients)
        return loss

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Any:
        return None, None, None, *(slopes[0] * gradient for gradient in ctx.saved_tensors)


def training_loss(model: ActionModel, features: Tensor, lengths: Tensor) -> Tensor:
    """``model.loss`` for autograd, with the gradients of ``loss_and_gradients``."""
    loss: Tensor = _Loss.apply(model, features, lengths, *model.parameters())
    return loss


@contextmanager
def few_threads(work: int) -> Iterator[None]:
    """One thread of torch, where there are fewer multiplications to do than ``WORTH_THREADS``.

    Torch would share products of less than a tenth of a millisecond out over threads, which then
    wait for each other. That gains little on an idle machine; on a busy one, where a thread has to
    wait for its turn, a step takes tens of times as long.
    """
    threads = torch.get_num_threads()
    if work >= WORTH_THREADS or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
