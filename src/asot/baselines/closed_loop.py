"""The closed loop: frames make segments, and segments refine the frames that are decoded."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asot.errors import require_integer, require_number
from asot.model.network import perceptron
from asot.model.parts import ForwardPass, Parts
from asot.model.recipe import EncoderSettings, Recipe
from asot.model.segmenter import NetworkSegmenter
from asot.transport import solve


class ClosedLoopSegmenter(NetworkSegmenter):
    """Learns from three transports: of frames, of segments, and of frames that saw the segments.

    The recipe's encoder makes frame embeddings F (N, d). M learned queries attend to each other
    and to F, in a few layers, and become the embeddings S (M, d) of a recording's segments. The
    frames then attend to S, which refines them::

        R = F + weight * softmax(F S' / temperature) S
        loss = loss(F) + weight * (loss(S) + loss(R))

    All rows are of unit length. Each loss is the mean cross-entropy towards pseudo-labels of its
    own, which the transport makes of the cosines with the same K actions. R is decoded. A weight of
    0 leaves the paper's network.

    The paper compares segments with actions by a sliced Wasserstein distance, of frames that are
    dispatched to them; here, as for frames, the cosine does. Segments have no order, so that their
    transport has neither a temporal term nor the order prior. The temperature is the recipe's, and
    k-means sees R. M, layers and heads are set here. With ``sample_weight``, a recording's segments
    weigh what its mean frame does.

    Parameters
    ----------
    recipe : Recipe, optional
        Every setting; a single network is trained, whatever ``team`` says.
    weight : float
        Of the segments and of what they add, 0 or more.
    n_segments : int
        M, the segments of a recording.
    layers : int
        Layers of the decoder that makes segments.
    heads : int
        Heads of its attention; their greatest common divisor with the embedding's width is taken.
    n_actions, device, keep_epochs, random_state
        As for :class:`~asot.model.segmenter.RecipeSegmenter`.

    References
    ----------
    E. Bueno-Benito and M. Dimiccoli, "CLOT: Closed loop optimal transport for unsupervised action
    segmentation", ICCV 2025.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> recordings = make_recordings(n_recordings=3, n_actions=3, random_state=0)
    >>> recipe = Recipe.from_dict({"training": {"epochs": 1}})
    >>> labels = ClosedLoopSegmenter(recipe, 3, random_state=0).fit_predict(recordings.features)
    >>> len(labels)
    3
    """

    def __init__(
        self,
        recipe: Recipe | None = None,
        n_actions: int | str = 8,
        *,
        weight: float = 1.0,
        n_segments: int = 20,
        layers: int = 2,
        heads: int = 4,
        device: str = "auto",
        keep_epochs: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            recipe, n_actions, device=device, keep_epochs=keep_epochs, random_state=random_state
        )
        self.weight = weight
        self.n_segments = n_segments
        self.layers = layers
        self.heads = heads

    def _recipe(self) -> Recipe:
        require_number("weight", self.weight, at_least=0)
        for name in ("n_segments", "layers", "heads"):
            require_integer(name, getattr(self, name), at_least=1)
        return super()._recipe()

    def _parts(self, recipe: Recipe) -> Parts:
        sizes = self.n_segments, self.layers, self.heads
        temperature = recipe.training.temperature
        encoder = partial(LoopEncoder, recipe.encoder, *sizes, self.weight, temperature)
        return Parts(encoder=encoder, loss=loop_loss)


class LoopEncoder(nn.Module):
    """The encoder of frames and the decoder of segments, which refine the frames."""

    def __init__(
        self,
        settings: EncoderSettings,
        n_segments: int,
        layers: int,
        heads: int,
        weight: float,
        temperature: float,
        n_features: int,
    ) -> None:
        super().__init__()
        width = settings.width
        self.weight = weight
        self.temperature = temperature
        self.frames = perceptron(n_features, settings)
        self.queries = nn.Parameter(torch.randn(n_segments, width))
        heads = math.gcd(heads, width)
        layer = nn.TransformerDecoderLayer(width, heads, 2 * width, dropout=0.0, batch_first=True)
        self.segments = nn.TransformerDecoder(layer, layers)

    def stages(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return unit frames (B, N, d), segments (B, M, d) and refined frames (B, N, d)."""
        frames = F.normalize(self.frames(features), dim=-1)
        seen = frames * frames.shape[-1] ** 0.5  # entries of about 1, as the queries have
        padding = torch.arange(frames.shape[1], device=lengths.device) >= lengths[:, None]
        queries = self.queries.expand(len(frames), -1, -1)
        made = self.segments(queries, seen, memory_key_padding_mask=padding)
        segments = F.normalize(made, dim=-1)
        shares = F.softmax(frames @ segments.mT / self.temperature, dim=-1)
        refined = F.normalize(frames + self.weight * (shares @ segments), dim=-1)
        return frames, segments, refined

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Return the refined frames (B, N, d) of padded recordings."""
        return self.stages(features, lengths)[2]


def loop_loss(given: ForwardPass) -> Tensor:
    """Return the sum of the losses of frames, segments and refined frames."""
    model = given.model
    loop: Any = model.encoder
    frames, segments, given.embeddings = loop.stages(given.features, given.lengths)
    before = replace(given)
    before.embeddings = frames
    if not loop.weight:  # what makes segments would drift by its weight decay
        return before.cross_entropy()
    settings = {**vars(model.recipe.transport_train), "alpha": 0.0}
    counts = torch.full_like(given.lengths, segments.shape[1])
    between = ForwardPass.of(model, segments, counts)
    between.embeddings = segments
    if given.weights is not None:  # a segment weighs what the mean frame does
        means = (given.weights * given.exists).sum(dim=1, keepdim=True) / given.lengths[:, None]
        between.weights = means.expand(segments.shape[:2])
    targets = solve(between.cost, **settings).assignment
    added = between.cross_entropy(targets) + given.cross_entropy()
    return before.cross_entropy() + loop.weight * added
