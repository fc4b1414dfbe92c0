"""ASOT with sub-actions: each action has several prototypes, and results are trees of segments."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

from asot.data import even_frames
from asot.discover.prototypes import fit_kmeans
from asot.errors import require_integer
from asot.model.features import PreparedFeatures, as_tensor
from asot.model.network import ActionModel
from asot.model.output import Segmentation, SegmentOutput
from asot.model.parts import Epoch, ForwardPass, Parts
from asot.model.recipe import Recipe
from asot.model.segmenter import NetworkSegmenter, label_each
from asot.transport import solve

Levels = tuple[NDArray[np.int64], NDArray[np.int64]]


class SubActions(nn.Module):
    """The cost of actions by the nearest of their sub-actions.

    A sub-action's prototype is its action's embedding and an offset, (K, alpha, d), scaled to unit
    length.
    """

    def __init__(self, alpha: int) -> None:
        super().__init__()
        self.alpha = alpha
        self.offsets = nn.UninitializedParameter()  # K may be found from the recordings

    def similarity(self, model: ActionModel, embeddings: Tensor) -> Tensor:
        """Return the cosines of frames and sub-actions, (..., K alpha), action by action."""
        if isinstance(self.offsets, nn.UninitializedParameter):
            n_actions, width = model.actions.shape
            self.offsets.materialize((n_actions, self.alpha, width))
            nn.init.zeros_(self.offsets)
        prototypes = normalize(model.actions[:, None] + self.offsets, dim=-1)
        return embeddings @ prototypes.flatten(0, 1).T

    def forward(self, given: ForwardPass) -> Tensor:
        """Return the cost (B, N, K)."""
        temperature = given.model.recipe.training.temperature
        each = self.similarity(given.model, given.embeddings).unflatten(-1, (-1, self.alpha))
        soft = (each / temperature).logsumexp(dim=-1) - math.log(self.alpha)
        return 1.0 - temperature * soft


class HierarchySegmenter(SegmentOutput, NetworkSegmenter):
    """Learns sub-actions under actions, and segments recordings at both levels.

    Each of K actions has ``alpha`` sub-actions with prototypes s of their own, so that an action
    may look in several ways. The similarity of a frame z and an action is the soft maximum over
    its sub-actions, with the temperature t of the loss::

        t log( (1 / alpha) sum_j exp(z . s_j / t) )

    by which the network's softmax gives an action the sum of its sub-actions' probabilities. All
    else is the recipe's. The first epoch is the paper's; then the frames of each action are split
    by k-means on their embeddings, which places its sub-actions. The transport decodes the actions,
    and then, once more, the sub-actions among those of each frame's action.

    HVQ learns both levels by an autoencoder, moves them by averages of what is nearest, and
    clusters the sub-actions into actions; here ASOT's loss trains them, each under one action. Two
    sub-actions for each action and the split after the first epoch, which counts all frames alike
    whatever ``sample_weight`` says, are of this project.

    Parameters
    ----------
    recipe : Recipe, optional
        Every setting.
    n_actions : int or "auto"
        K.
    alpha : int
        Sub-actions of each action; 1 is the paper's network.
    device, keep_epochs, random_state
        As for :class:`~asot.model.segmenter.RecipeSegmenter`.

    Attributes
    ----------
    sub_actions_ : list of (N_i,) int64 arrays
        Labels of the fitted recordings' frames, from 0 to alpha K - 1: those of action k are
        ``alpha k`` to ``alpha k + alpha - 1``.

    References
    ----------
    F. Spurio, E. Bahrami, G. Francesca and J. Gall, "Hierarchical vector quantization for
    unsupervised action segmentation" (HVQ), AAAI 2025.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> recordings = make_recordings(n_recordings=3, n_actions=3, random_state=0)
    >>> recipe = Recipe.from_dict({"training": {"epochs": 2}})
    >>> segmenter = HierarchySegmenter(recipe, 3, random_state=0).fit(recordings.features)
    >>> all((fine // 2 == coarse).all() for fine, coarse in
    ...     zip(segmenter.sub_actions_, segmenter.labels_))
    True
    """

    def __init__(
        self,
        recipe: Recipe | None = None,
        n_actions: int | str = 8,
        *,
        alpha: int = 2,
        device: str = "auto",
        keep_epochs: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            recipe, n_actions, device=device, keep_epochs=keep_epochs, random_state=random_state
        )
        self.alpha = alpha

    def sub_actions(self, X: Any) -> Any:
        """Return the sub-action of each frame, (N_i,) int64 arrays, in the form of X.

        Parameters
        ----------
        X : as for ``fit``
            Recordings that were fitted, or others.
        """
        recordings = self._read_fitted(X)
        return recordings.answer(fine for _, fine in self._each(self._levels, recordings))

    def _segmentation(self, X: Any, lengths: Any) -> dict[Any, Segmentation]:
        if X is None and hasattr(self, "model_"):
            titles = self.recording_names_
            found = list(zip(self.labels_, self.sub_actions_, strict=True))
        else:
            recordings = self._read_fitted(X, lengths)
            titles, found = recordings.names, self._each(self._levels, recordings)
        levels = [(coarse, None, fine % self.alpha) for coarse, fine in found]
        return dict(zip(titles, levels, strict=True))

    def _recipe(self) -> Recipe:
        require_integer("alpha", self.alpha, at_least=1)
        return super()._recipe()

    def _parts(self, recipe: Recipe) -> Parts:
        if self.alpha == 1:
            return Parts()
        return Parts(
            cost=SubActions(self.alpha),
            callbacks=[split],
        )

    def _segmented(
        self, model: Any, prepared: PreparedFeatures, known: Any = None
    ) -> list[NDArray[np.int64]]:
        found = label_each(partial(self._levels, model), prepared, model, prepared.given)
        self.sub_actions_ = [fine for _, fine in found]
        return [coarse for coarse, _ in found]

    def _levels(self, model: ActionModel, features: NDArray[np.float32]) -> Levels:
        """Label one recording's prepared features (N, D) at both levels, (N,) each."""
        ready = as_tensor(features)
        coarse, own = model.decode(ready).labels, model.own("cost")
        if own is None:
            return coarse.numpy(), coarse.numpy()
        with torch.no_grad():
            cost = 1.0 - own.similarity(model, model.embed(ready))
        allowed = one_hot(coarse, model.n_actions).bool().repeat_interleave(self.alpha, dim=1)
        fine = solve(cost, allowed=allowed, **vars(model.recipe.transport_eval)).labels
        return coarse.numpy(), fine.numpy()


@torch.no_grad()
def split(epoch: Epoch) -> None:
    """Place the sub-actions after the first epoch, by k-means on the frames of each action."""
    if epoch.done > 1:
        return
    model, settings = epoch.model, epoch.model.recipe.training
    offsets = model.own("cost").offsets
    embedded, labels = [], []
    for one, own in zip(epoch.features, epoch.labels, strict=True):
        chosen = even_frames(len(one), settings.frames_per_recording)
        embedded.append(model.embed(as_tensor(one[chosen]).to(model.actions.device)).cpu().numpy())
        labels.append(own[chosen])
    rows, actions = np.concatenate(embedded), np.concatenate(labels)
    for action in range(model.n_actions):
        frames = rows[actions == action]
        if len(frames) >= offsets.shape[1]:
            kmeans = fit_kmeans(frames, offsets.shape[1], max(settings.kmeans_restarts, 1), 0)
            centres = torch.from_numpy(kmeans.cluster_centers_).to(offsets)
            offsets[action] = normalize(centres, dim=-1) - model.actions[action]
