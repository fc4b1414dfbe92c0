"""ASOT on uncertain embeddings: frames have a mean and a spread, and plans are means of samples."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize

from asot.errors import require_integer, require_number
from asot.model.features import PreparedFeatures, as_tensor
from asot.model.network import ActionModel, own_draws, perceptron
from asot.model.parts import ForwardPass, Parts
from asot.model.recipe import EncoderSettings, Recipe, TransportSettings
from asot.model.segmenter import NetworkSegmenter, label_each


class UncertainEncoder(nn.Module):
    """The paper's encoder, (..., D) to (..., d), which also gives each frame a spread.

    All frames begin with one ``spread``.
    """

    def __init__(self, settings: EncoderSettings, spread: float, n_features: int) -> None:
        super().__init__()
        layers = perceptron(n_features, settings)
        self.trunk, self.mean = layers[:-1], layers[-1]
        # Not a layer, which would draw numbers that the paper's network does not.
        self.spread_weight = nn.Parameter(torch.zeros([n_features, *settings.hidden][-1]))
        self.log_start = nn.Parameter(torch.tensor(math.log(spread)))

    def forward(self, features: Tensor) -> Tensor:
        """Return the mean embeddings (..., d), not yet of unit length."""
        mean: Tensor = self.mean(self.trunk(features))
        return mean

    def log_spread(self, features: Tensor) -> Tensor:
        """Return the logarithm of each frame's spread, (...)."""
        hidden: Tensor = self.trunk(features)
        return hidden @ self.spread_weight / math.sqrt(hidden.shape[-1]) + self.log_start


class UncertainSegmenter(NetworkSegmenter):
    """Learns from the mean plan of sampled embeddings, and tells how unsure each frame's action is.

    The encoder gives each frame a direction u (d,) and a spread s > 0. S samples
    ``normalise(u + s n / sqrt(d))`` with standard normal n are solved as one batch. Their mean plan
    is the pseudo-label of all of them, towards which the mean of their cross-entropies goes. So
    that the spreads do not vanish, the loss has the divergence of u + s n / sqrt(d) from normal
    vectors of mean length 1, by a weight ``beta``; for each frame, up to a constant::

        beta d / 2 (s^2 - log s^2)

    Decoding takes the mean plan of samples too, the same draws for every recording: a frame's label
    is its largest share, its uncertainty the entropy of its shares.

    Of the paper, embeddings that are Gaussian and means over their transports are taken here, not
    its graph network nor its start; its code trains each sample towards a plan of its own, and
    decodes without samples. The defaults are of this project, and a single spread for all d
    directions is, too.

    Parameters
    ----------
    recipe : Recipe, optional
        Every setting.
    samples : int
        S, in training and in decoding; 0 is the paper's network.
    spread : float
        That of all frames before training, above 0; 1 is what the divergence draws them to.
    beta : float
        Weight of the divergence, >= 0.
    n_actions, device, keep_epochs, random_state
        As for :class:`~asot.model.segmenter.RecipeSegmenter`.

    Attributes
    ----------
    uncertainty_ : list of (N_i,) float32 arrays
        Of each fitted recording's frames: the entropy of the mean plan over log K, from 0 (all
        samples give one action all of the frame) to 1 (all actions alike).

    References
    ----------
    S. Li, D. M. Vu and J. Gall, "Learning probabilistic embeddings for unsupervised action
    segmentation" (PEOT), ECCV 2026.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> recordings = make_recordings(n_recordings=3, n_actions=3, random_state=0)
    >>> recipe = Recipe.from_dict({"training": {"epochs": 1}})
    >>> segmenter = UncertainSegmenter(recipe, 3, random_state=0).fit(recordings.features)
    >>> [len(one) for one in segmenter.uncertainty_] == [one.n_frames for one in recordings]
    True
    """

    def __init__(
        self,
        recipe: Recipe | None = None,
        n_actions: int | str = 8,
        *,
        samples: int = 4,
        spread: float = 1.0,
        beta: float = 1e-3,
        device: str = "auto",
        keep_epochs: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            recipe, n_actions, device=device, keep_epochs=keep_epochs, random_state=random_state
        )
        self.samples = samples
        self.spread = spread
        self.beta = beta

    def uncertainty(self, X: Any) -> Any:
        """Return how unsure the action of each frame is, (N_i,) float32 arrays, in the form of X.

        Parameters
        ----------
        X : as for ``fit``
            Recordings that were fitted, or others.
        """
        recordings = self._read_fitted(X)
        found = self._each(self._decoded, recordings)
        return recordings.answer(unsure for _, unsure in found)

    def _recipe(self) -> Recipe:
        require_integer("samples", self.samples, at_least=0)
        require_number("spread", self.spread, above=0)
        require_number("beta", self.beta, at_least=0)
        return super()._recipe()

    def _parts(self, recipe: Recipe) -> Parts:
        if not self.samples:
            return Parts()
        encoder = partial(UncertainEncoder, recipe.encoder, self.spread)
        return Parts(encoder=encoder, loss=partial(sampled_loss, self.samples, self.beta))

    def _segmented(
        self, model: Any, prepared: PreparedFeatures, known: Any = None
    ) -> list[NDArray[np.int64]]:
        found = label_each(partial(self._decoded, model), prepared, model, prepared.given)
        self.uncertainty_ = [unsure for _, unsure in found]
        return [labels for labels, _ in found]

    def _labels(self, model: ActionModel, features: NDArray[np.float32]) -> NDArray[np.int64]:
        return self._decoded(model, features)[0]

    def _decoded(
        self, model: ActionModel, features: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return labels and uncertainties, (N,) each, of one recording's prepared features."""
        if self.samples:
            given = ForwardPass.alone(model, as_tensor(features))
            with torch.no_grad(), own_draws(0):
                similarity = model.similarity(draw(given, self.samples)[0])
            shares = mean_plan(given, similarity, model.recipe.transport_eval)[0]
        else:
            shares = model.decode(as_tensor(features)).assignment
        entropy = torch.special.entr(shares).sum(dim=1) / math.log(max(model.n_actions, 2))
        return shares.argmax(dim=1).numpy(), entropy.float().numpy()


def draw(given: ForwardPass, samples: int) -> tuple[Tensor, Tensor]:
    """Draw embeddings, unit rows (S B, N, d), sample after sample; also return log s, (B, N)."""
    encoder, means = given.model.encoder, given.embeddings
    assert isinstance(encoder, UncertainEncoder)
    log_spread = encoder.log_spread(given.features)
    noise = torch.randn((samples, *means.shape)).to(means) / math.sqrt(means.shape[-1])
    sampled = normalize(means + log_spread.exp()[..., None] * noise, dim=-1)
    return sampled.flatten(0, 1), log_spread


def mean_plan(given: ForwardPass, similarity: Tensor, settings: TransportSettings) -> Tensor:
    """Solve all samples (S B, N, K) as one batch; return the mean assignment (B, N, K)."""
    batch = len(given.lengths)
    lengths = given.lengths.repeat(len(similarity) // batch)
    solution = given.model.transport(1.0 - similarity.detach(), lengths, settings)
    mean: Tensor = solution.assignment.unflatten(0, (-1, batch)).mean(dim=0)
    return mean


def sampled_loss(samples: int, beta: float, given: ForwardPass) -> Tensor:
    """Return the cross-entropy of samples towards their mean plan, and the divergence."""
    sampled, log_spread = draw(given, samples)
    similarity = given.model.similarity(sampled)
    plan = mean_plan(given, similarity, given.model.recipe.transport_train)
    width = given.embeddings.shape[-1]
    divergence = given.weighed(0.5 * width * ((2 * log_spread).exp() - 2 * log_spread))
    likelihood = given.model.log_probabilities(similarity).unflatten(0, (samples, -1)).mean(dim=0)
    own = beta * divergence[given.exists].sum() - (given.weighed(plan) * likelihood).sum()
    return own / given.lengths.sum()
