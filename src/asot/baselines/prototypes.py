"""Prototypes from the plan: actions are the means of their frames, and are not descended."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor

from asot.errors import ArgumentError, require_integer, require_number
from asot.model.parts import Epoch, ForwardPass, Parts
from asot.model.recipe import Recipe
from asot.model.segmenter import NetworkSegmenter

Update = Literal["average", "epoch", "descent"]


class PrototypeSegmenter(NetworkSegmenter):
    """Puts the action embeddings at the means of the frames that the plan gives them.

    With pseudo-labels T (N, K) of a batch and its frame embeddings Z (N, d), the actions are the
    directions of ``T' Z``, summed over an epoch and taken at its end, or averaged over steps::

        A <- momentum * A + (1 - momentum) * T' Z            C = unit rows of A

    An action without frames stays where it is. ``smoothness`` adds to the loss how far frames are
    from their neighbours j in the same recording, the nearest by the squared distance of features
    and by that of time, each divided by its mean over the recording::

        smoothness * mean over i and its neighbours j of |z_i - z_j|^2

    The encoder, its loss, the k-means start and decoding are the recipe's; ``update="descent"`` and
    a smoothness of 0 leave the paper's network. The constants are set here.

    Parameters
    ----------
    recipe : Recipe, optional
        Every setting; a single network is trained, whatever ``team`` says.
    update : {"average", "epoch", "descent"}
        Moves the actions after each step, by a moving average; at the end of each epoch; or by the
        gradient, as in the paper's network.
    momentum : float
        Of the moving average, in [0, 1): 0 takes the means of each batch.
    smoothness : float
        Weight of the distances between neighbours, 0 or more.
    neighbours : int
        Neighbours of each frame.
    n_actions, device, keep_epochs, random_state
        As for :class:`~asot.model.segmenter.RecipeSegmenter`.

    References
    ----------
    The mean of a cluster by a moving average: A. van den Oord, O. Vinyals and K. Kavukcuoglu,
    "Neural discrete representation learning", NeurIPS 2017. Smoothness over a graph of neighbours:
    M. Belkin and P. Niyogi, "Laplacian eigenmaps", NIPS 2001. In unsupervised action segmentation:
    D-CLOT, 2026.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> recordings = make_recordings(n_recordings=3, n_actions=3, random_state=0)
    >>> recipe = Recipe.from_dict({"training": {"epochs": 1}})
    >>> labels = PrototypeSegmenter(recipe, 3, random_state=0).fit_predict(recordings.features)
    >>> len(labels)
    3
    """

    def __init__(
        self,
        recipe: Recipe | None = None,
        n_actions: int | str = 8,
        *,
        update: Update = "average",
        momentum: float = 0.9,
        smoothness: float = 0.0,
        neighbours: int = 5,
        device: str = "auto",
        keep_epochs: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            recipe, n_actions, device=device, keep_epochs=keep_epochs, random_state=random_state
        )
        self.update = update
        self.momentum = momentum
        self.smoothness = smoothness
        self.neighbours = neighbours

    def _recipe(self) -> Recipe:
        if self.update not in get_args(Update):
            choices = ", ".join(get_args(Update))
            raise ArgumentError(
                f"update must be of {choices}, but is {self.update!r}.", setting="update"
            )
        require_number("momentum", self.momentum, at_least=0, below=1)
        require_number("smoothness", self.smoothness, at_least=0)
        require_integer("neighbours", self.neighbours, at_least=1)
        return super()._recipe()

    def _parts(self, recipe: Recipe) -> Parts:
        def loss(given: ForwardPass) -> Tensor:
            return given.cross_entropy() + self.smoothness * roughness(given, self.neighbours)

        own = loss if self.smoothness > 0 else None
        if self.update == "descent":
            return Parts(loss=own)
        means = FrameMeans(self.momentum if self.update == "average" else None)
        callbacks = (means.end,) if self.update == "epoch" else ()
        return Parts(loss=own, update_actions=means, callbacks=callbacks)


class FrameMeans:
    """The sums of the frames of each action: a moving average, or of an epoch without momentum."""

    def __init__(self, momentum: float | None) -> None:
        self.momentum = momentum
        self._sums: Tensor | None = None

    def __call__(self, given: ForwardPass) -> Tensor:
        """Take in a batch; return the actions (K, d), which stay until the end of an epoch."""
        own = torch.einsum("bnk,bnd->kd", given.targets.to(given.embeddings), given.embeddings)
        if self._sums is None:
            self._sums = torch.zeros_like(own)
        if self.momentum is None:
            self._sums = self._sums + own
            return given.model.actions
        self._sums = self.momentum * self._sums + (1 - self.momentum) * own
        return self._moved(given.model.actions)

    def end(self, epoch: Epoch) -> None:
        """Move the actions to the means of an epoch."""
        epoch.model.place_actions(self._moved(epoch.model.actions))
        self._sums = None

    def _moved(self, actions: Tensor) -> Tensor:
        assert self._sums is not None
        lengths = torch.linalg.vector_norm(self._sums, dim=1, keepdim=True)
        return torch.where(lengths > 1e-12, self._sums / lengths.clamp_min(1e-12), actions)


def roughness(given: ForwardPass, neighbours: int) -> Tensor:
    """Return the mean squared distance of frame embeddings from those of their neighbours."""
    count = min(neighbours, given.features.shape[1] - 1)
    distances = _distances(given)
    nearest = distances.topk(count, dim=-1, largest=False)
    batch = torch.arange(len(distances), device=distances.device)[:, None, None]
    there = given.embeddings[batch, nearest.indices]
    squares = given.weighed((given.embeddings[:, :, None] - there).square().sum(dim=-1))
    real = nearest.values.isfinite()
    return squares.where(real, 0.0).sum() / real.sum().clamp_min(1)


@torch.no_grad()
def _distances(given: ForwardPass) -> Tensor:
    """Return the distances (B, N, N) between frames of a recording; infinite ones to no frame."""
    exists = given.exists
    pairs = exists[:, :, None] & exists[:, None]
    pairs = pairs & ~torch.eye(pairs.shape[1], dtype=torch.bool, device=pairs.device)
    counts = pairs.sum(dim=(1, 2), keepdim=True).clamp_min(1)
    total = torch.zeros(pairs.shape, device=pairs.device)
    for rows in (given.features, given.frames[..., None].to(given.features)):
        squares = torch.cdist(rows, rows).square()
        mean = squares.where(pairs, 0.0).sum(dim=(1, 2), keepdim=True) / counts
        total = total + squares / mean.clamp_min(1e-12)
    return total.where(pairs, torch.inf)
