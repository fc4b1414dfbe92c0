"""The network: a frame encoder and one embedding for each action, their loss and its gradient.

Frame features x become ``z = normalise(MLP(x))``; the cost of action k is ``1 - z . c_k`` plus the
order prior. Source: Xu and Gould, CVPR 2024, section 4.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from asot.errors import ConfigurationError
from asot.model.recipe import Recipe, TransportSettings
from asot.processes import single_threaded
from asot.transport import Solution, solve, temporal_prior

# Takes a cost (B, N, K), 1 - cosine similarity, and lengths (B,); returns an assignment (B, N, K)
# whose rows sum to 1, and to 0 beyond each length.
PseudoLabels = Callable[[Tensor, Tensor], Tensor]

FRAME_S = 2e-6  # of decoding, for each learner
_DRAWING = threading.Lock()


class ActionModel(nn.Module):
    """A frame encoder and one embedding for each action.

    ``pseudo_labels``, where it is set, makes the pseudo-labels in place of the recipe's transport.
    """

    def __init__(self, recipe: Recipe, n_features: int, n_actions: int) -> None:
        super().__init__()
        if isinstance(recipe.order_prior, str):
            raise ConfigurationError(
                "order_prior must be a number by the time a model is made, but is "
                f"{recipe.order_prior!r}: find it with asot.model.automatic.settle.",
                setting="order_prior",
            )
        self.recipe = recipe
        self.n_features = n_features
        self.n_actions = n_actions
        self.order_prior = recipe.order_prior
        self.pseudo_labels: PseudoLabels | None = None
        self._last_prior: tuple[tuple[Any, ...], Tensor] | None = None
        widths = [n_features, *recipe.encoder.hidden, recipe.encoder.width]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths[:-1]):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.encoder = nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))
        self.layers = tuple(layer for layer in self.encoder if isinstance(layer, nn.Linear))
        embeddings = torch.randn(n_actions, recipe.encoder.width)
        self.actions = nn.Parameter(F.normalize(embeddings, dim=-1))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_last_prior": None}

    def embed(self, features: Tensor) -> Tensor:
        """Return unit-length frame embeddings (..., d) of features (..., D)."""
        return F.normalize(self.encoder(features), dim=-1)

    def place_actions(self, centres: Tensor) -> None:
        """Put the action embeddings at ``centres`` (K, d), scaled to unit length."""
        with torch.no_grad():
            self.actions.copy_(F.normalize(centres.to(self.actions), dim=-1))

    @torch.no_grad()
    def normalise_actions(self) -> None:
        """Scale the action embeddings back to unit length."""
        norm = torch.linalg.vector_norm(self.actions, dim=1, keepdim=True)
        self.actions.div_(norm.clamp_min_(1e-12))

    def similarity(self, embeddings: Tensor) -> Tensor:
        """Return the cosine similarities ``z . c``, (..., K)."""
        return embeddings @ self.actions.T

    def log_probabilities(self, similarity: Tensor) -> Tensor:
        """Return ``log softmax(z . c / temperature)``, (..., K)."""
        return F.log_softmax(similarity / self.recipe.training.temperature, dim=-1)

    @torch.no_grad()
    def transport(
        self, similarity: Tensor, lengths: Tensor | None, settings: TransportSettings
    ) -> Solution:
        """Assign frames to actions by their similarities (N, K) or, padded, (B, N, K)."""
        cost = 1.0 - similarity
        if self.order_prior > 0:
            cost += self._prior(cost, lengths, settings.mode)
        return solve(cost, lengths=lengths, **vars(settings))

    def _prior(self, cost: Tensor, lengths: Tensor | None, mode: str) -> Tensor:
        """Return the order prior of a batch, kept for the next of the same shape and lengths."""
        n_frames = cost.shape[-2]
        own = None if lengths is None else tuple(lengths.tolist())
        key = n_frames, own, mode, cost.device, cost.dtype
        if self._last_prior is None or self._last_prior[0] != key:
            prior = temporal_prior(
                n_frames, self.n_actions, self.order_prior, lengths=lengths, mode=mode, like=cost
            )
            self._last_prior = key, prior
        return self._last_prior[1]

    def loss(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Return the cross-entropy of a padded batch (B, N, D), the mean over its real frames."""
        similarity = self.similarity(self.embed(features))
        targets = self.targets(similarity.detach(), lengths)
        # Padded rows of the assignment are zero, so that they add nothing.
        likelihood = (targets * self.log_probabilities(similarity)).sum()
        return -likelihood / lengths.sum()

    @torch.no_grad()
    def targets(self, similarity: Tensor, lengths: Tensor) -> Tensor:
        """Make the pseudo-labels of a batch's similarities, (B, N, K); rows of padding are zero."""
        if self.pseudo_labels is not None:
            return self.pseudo_labels(1.0 - similarity, lengths)
        return self.transport(similarity, lengths, self.recipe.transport_train).assignment

    @torch.no_grad()
    def decode(self, features: Tensor) -> Solution:
        """Segment one recording's prepared features (N, D), independently of all others."""
        similarity = self.similarity(self.embed(features))
        settings = self.recipe.transport_eval
        solution = self.transport(similarity, None, settings)
        if settings.mode == "default" and settings.lambda_actions is not None:
            solution.require_sound(settings.lambda_frames is None)
        return solution


@single_threaded
def decode(
    model: Any, features: ArrayLike, known: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return a network's or a team's labels (N,) and assignment (N, K) of prepared features.

    A team keeps labels that are ``known``.
    """
    given = () if known is None else (known,)
    solution = model.decode(as_tensor(features), *given)
    return solution.labels.numpy(), solution.assignment.numpy()


def decoding_seconds(model: Any, n_frames: int) -> float:
    """Return about how long a network, or the learners of a team, take for frames on one core."""
    return FRAME_S * n_frames * len(getattr(model, "learners", " "))


def warm_up() -> None:
    """Compile the solver, or read it from the cache, before the first training needs it."""
    solve(torch.zeros(2, 2))


def as_tensor(features: ArrayLike) -> torch.Tensor:
    """Return prepared features as a tensor, copied only where torch cannot share their memory."""
    return torch.from_numpy(np.require(features, np.float32, ["C", "W"]))


@torch.no_grad()
def loss_and_gradients(
    model: ActionModel, features: Tensor, lengths: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """Return ``model.loss`` and its gradients in the order of ``model.parameters()``.

    In networks this small autograd takes longer than the arithmetic, so training uses the
    gradient in closed form. With a row for each of n frames, ``y = encoder(x)``,
    ``s = y c' / |y|``, ``P = softmax(s / temperature)`` and the pseudo-labels T::

        loss                      = -sum(T log P) / n
        d loss / d s              = (P * sum_k(T) - T) / (n temperature)
        d loss / d c              = G' y                         where G = (d loss / d s) / |y|
        d loss / d y              = G c - y * sum_k(G * s) / |y|

    From there back, with d the gradient at the output of a linear layer ``x W' + b``:
    ``d loss / d W = d' x``, ``d loss / d b = d' 1`` and ``d loss / d x = d W``, which a ReLU lets
    through where its output is above 0. The first gradient is that of the action embeddings c.
    """
    layers, actions, temperature = model.layers, model.actions, model.recipe.training.temperature
    x = features.flatten(0, 1)
    inputs = [x]
    for layer in layers[:-1]:
        inputs.append(torch.addmm(layer.bias, inputs[-1], layer.weight.T).relu_())
    y = torch.addmm(layers[-1].bias, inputs[-1], layers[-1].weight.T)
    # Transposed, (K, frames): torch's softmax is far quicker along few rows than few columns.
    length = torch.linalg.vector_norm(y, dim=1).clamp_min_(1e-12)
    s = (actions @ y.T).div_(length)
    similarity = s.T.contiguous().view(*features.shape[:2], -1)
    targets = model.targets(similarity, lengths).to(similarity)
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


@contextmanager
def own_draws(seed: int) -> Iterator[None]:
    """Draw from a seed, and leave the global generators as they were; one thread at a time."""
    with _DRAWING, torch.random.fork_rng(devices=[]):
        # torch.manual_seed would seed the GPUs too.
        torch.default_generator.manual_seed(seed)
        yield
