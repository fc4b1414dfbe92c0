"""The network: a frame encoder and one embedding for each action, and how they label frames.

Frame features x become ``z = normalise(MLP(x))``; the cost of action k is ``1 - z . c_k`` plus the
order prior. Source: Xu and Gould, CVPR 2024, section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from asot.errors import ConfigurationError
from asot.model.recipe import Recipe, TransportSettings
from asot.transport import Solution, solve, temporal_prior

# From a cost (B, N, K) and lengths (B,) to an assignment (B, N, K).
PseudoLabels = Callable[[Tensor, Tensor], Tensor]


class ActionModel(nn.Module):
    """Encoder and action embeddings.

    Parameters
    ----------
    recipe : Recipe
        Its encoder, temperature, prior and transports are used.
    n_features : int
        D, columns of the input.
    n_actions : int
        K.

    Attributes
    ----------
    layers : tuple of torch.nn.Linear
        Those of the encoder, with a ReLU between each and the next.
    encoder_size : int
        Their weights, which is what a frame costs in multiplications.
    pseudo_labels : callable or None
        Makes the pseudo-labels in place of the recipe's transport; see ``loop.train``.
    """

    def __init__(self, recipe: Recipe, n_features: int, n_actions: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.n_features = n_features
        self.n_actions = n_actions
        self.order_prior = settled(recipe.order_prior, "order_prior")
        self.pseudo_labels: PseudoLabels | None = None
        self._last_prior: tuple[tuple[Any, ...], Tensor] | None = None
        widths = [n_features, *recipe.encoder.hidden, recipe.encoder.width]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths[:-1]):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.encoder = nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))
        self.encoder_size = sum(before * after for before, after in pairwise(widths))
        self.layers = tuple(layer for layer in self.encoder if isinstance(layer, nn.Linear))
        embeddings = torch.randn(n_actions, recipe.encoder.width)
        self.actions = nn.Parameter(F.normalize(embeddings, dim=-1))

    def embed(self, features: Tensor) -> Tensor:
        """Unit-length frame embeddings, shape (..., d), of features of shape (..., D)."""
        return F.normalize(self.encoder(features), dim=-1)

    def place_actions(self, centres: Tensor) -> None:
        """Put the action embeddings at ``centres``, shape (K, d), scaled to unit length."""
        with torch.no_grad():
            self.actions.copy_(F.normalize(centres.to(self.actions), dim=-1))

    @torch.no_grad()
    def normalise_actions(self) -> None:
        """Scale the action embeddings back to unit length, as is due after every training step.

        All else takes it that they are.
        """
        norm = torch.linalg.vector_norm(self.actions, dim=1, keepdim=True)
        self.actions.div_(norm.clamp_min_(1e-12))

    def similarity(self, embeddings: Tensor) -> Tensor:
        """Cosine similarities ``z . c``, shape (..., K)."""
        return embeddings @ self.actions.T

    def log_probabilities(self, similarity: Tensor) -> Tensor:
        """``log softmax(z . c / temperature)``, shape (..., K)."""
        return F.log_softmax(similarity / self.recipe.training.temperature, dim=-1)

    @torch.no_grad()
    def transport(
        self, similarity: Tensor, lengths: Tensor | None, settings: TransportSettings
    ) -> Solution:
        """Assign frames to actions, without gradient.

        Parameters
        ----------
        similarity : Tensor, shape (N, K) or (B, N, K)
            Cosine similarities; the cost is 1 less these, and the order prior.
        lengths : Tensor of int64, shape (B,), or None
            Frames of each recording of a padded batch.
        settings : TransportSettings
            The recipe's ``transport_train`` (pseudo-labels) or ``transport_eval`` (decoding).
        """
        cost = 1.0 - similarity
        if self.order_prior > 0:
            cost += self._prior(cost, lengths, settings.mode)
        return solve(cost, lengths=lengths, **vars(settings))

    def _prior(self, cost: Tensor, lengths: Tensor | None, mode: str) -> Tensor:
        """The order prior of a batch, kept for the next batch of the same shape and lengths."""
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
        """Cross-entropy against the pseudo-labels, the mean over the frames that exist.

        Parameters
        ----------
        features : Tensor, shape (B, N, D)
            A padded batch.
        lengths : Tensor of int64, shape (B,)
            Frames of each recording.
        """
        similarity = self.similarity(self.embed(features))
        targets = self._targets(similarity.detach(), lengths)
        # Padded rows of the assignment are zero, so that they add nothing.
        likelihood = (targets * self.log_probabilities(similarity)).sum()
        return -likelihood / lengths.sum()

    @torch.no_grad()
    def _targets(self, similarity: Tensor, lengths: Tensor) -> Tensor:
        """The pseudo-labels of a batch's similarities, (B, N, K); rows of padding are zero."""
        if self.pseudo_labels is not None:
            return self.pseudo_labels(1.0 - similarity, lengths)
        return self.transport(similarity, lengths, self.recipe.transport_train).assignment

    @torch.no_grad()
    def decode(self, features: Tensor) -> Solution:
        """Segment one recording at full length.

        Parameters
        ----------
        features : Tensor, shape (N, D)
            Prepared features, on the model's device.

        Returns
        -------
        Solution
            ``labels`` of shape (N,) and ``assignment`` of shape (N, K). It depends on nothing but
            the recording and the weights.
        """
        similarity = self.similarity(self.embed(features))
        return self.transport(similarity, None, self.recipe.transport_eval)


class Decodes(Protocol):
    """A model that segments a recording: a network, or a team of learners."""

    def decode(self, features: Tensor) -> Solution:
        """Segment one recording's prepared features, (N, D)."""


def settled(value: float | str, name: str) -> float:
    """A setting that a model needs as a number."""
    if isinstance(value, str):
        raise ConfigurationError(
            f"{name} must be a number by the time a model is made, but is {value!r}: find it with "
            "asot.model.automatic.settle."
        )
    return value


def decode(model: Decodes, features: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Labels (N,) and assignment (N, K) of one recording's prepared features, (N, D) float32."""
    solution = model.decode(as_tensor(features))
    return solution.labels.numpy(), solution.assignment.numpy()


def as_tensor(features: ArrayLike) -> torch.Tensor:
    """Prepared features as a tensor, copied only where torch cannot share their memory."""
    return torch.from_numpy(np.require(features, np.float32, ["C", "W"]))
