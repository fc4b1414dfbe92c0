"""Several views of a recording in the ASOT pipeline, and texts as fixed action vectors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from asot.errors import ArgumentError, require_integer, require_number
from asot.model.network import perceptron
from asot.model.recipe import EncoderSettings, Recipe
from asot.model.segmenter import NetworkSegmenter

if TYPE_CHECKING:
    from asot.model.parts import ForwardPass, Parts


class ViewsSegmenter(NetworkSegmenter):
    """Learns from a cost that is a weighted sum over views, each some columns of the features.

    Each view v has an encoder and action vectors of its own, and the cost of action k is::

        C[i, k] = sum_v w_v (1 - z_v[i] . c_v[k]),    sum_v w_v = 1

    with unit vectors z and c. Pseudo-labels, loss and decoding see this cost alone. So a camera
    and a microphone, accelerations and turns, or frames and the captions that a language model
    gives them (TASOT) do not have to share an embedding. In TASOT's own code they do: both views
    have the same action vectors, and its loss sees the weighted mean of their embeddings.

    A view may have fixed action vectors, such as embeddings of the actions' names in a space that
    frames and texts share (OVTAS). Its encoder is a linear map that starts as the identity: with
    0 epochs the frames are compared with the texts as they are, nothing is trained, and label k is
    text k. Otherwise the map is learnt, and other views start at the frames that the texts name.

    Parameters
    ----------
    recipe : Recipe, optional
        Every setting; its encoder is that of each view. Joint spaces of frames and texts are to be
        left as they are: ``dataset.standardise`` false.
    n_actions, device, keep_epochs, random_state
        As for :class:`~asot.model.segmenter.RecipeSegmenter`.
    views : int or list
        How many parts of equal width; or for each view its number of columns, a slice of columns,
        or a list of them. Views may share columns, and leave some out.
    weights : sequence of float, optional
        Weight of each view, at least 0, taken as shares of their sum; equal unless given. TASOT
        gives frames .8 and captions .2.
    actions : list, optional
        For each view, its fixed action vectors (K, columns), or None where they are learnt.

    References
    ----------
    O. Mohamed et al., "Multimodal optimal transport for unsupervised temporal segmentation in
    surgical robotics", 2026, arXiv 2602.24138 (TASOT). A. Unmesh et al., "Exploring vision-language
    models for open-vocabulary zero-shot action segmentation", 2026, arXiv 2602.21406 (OVTAS).

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> recordings = make_recordings(n_recordings=3, n_actions=3, width=6, random_state=0)
    >>> recipe = Recipe.from_dict({"training": {"epochs": 1}})
    >>> segmenter = ViewsSegmenter(recipe, 3, views=[4, 2], weights=[0.8, 0.2], random_state=0)
    >>> len(segmenter.fit_predict(recordings.features))
    3
    """

    def __init__(
        self,
        recipe: Recipe | None = None,
        n_actions: int | str = 8,
        *,
        views: int | Sequence[Any] = 2,
        weights: Sequence[float] | None = None,
        actions: Sequence[Any] | None = None,
        device: str = "auto",
        keep_epochs: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            recipe, n_actions, device=device, keep_epochs=keep_epochs, random_state=random_state
        )
        self.views = views
        self.weights = weights
        self.actions = actions

    def _parts(self, recipe: Recipe) -> Parts:
        from asot.model.parts import Parts

        count: Any = len(self.views) if isinstance(self.views, (list, tuple)) else self.views
        require_integer("views", count, at_least=1)
        weights = np.ones(count) if self.weights is None else np.asarray(self.weights, float)
        fixed = [None] * count if self.actions is None else list(self.actions)
        for name, given in (("weights", weights), ("actions", fixed)):
            if len(given) != count:
                raise ArgumentError(
                    f"{name} must have one entry for each of {count} views, but has {len(given)}.",
                    setting=name,
                )
        for index, weight in enumerate(weights.tolist()):
            require_number(f"weights[{index}]", weight, at_least=0)
        if not weights.any():
            raise ArgumentError("weights must not all be 0.", setting="weights")
        scales = np.sqrt(weights / weights.sum()).tolist()
        vectors = [
            None if one is None else self._unit(index, one) for index, one in enumerate(fixed)
        ]
        encoder = partial(ViewEncoder, self.views, scales, vectors, recipe.encoder)
        widths = [recipe.encoder.width if one is None else one.shape[-1] for one in vectors]
        joint = JointCost(widths, scales, vectors)
        texts = any(one is not None for one in vectors)
        return Parts(encoder=encoder, cost=joint, initialise=joint.start if texts else None)

    def _unit(self, index: int, given: Any) -> Tensor:
        """Read the fixed action vectors of a view, and scale them to unit length."""
        vectors = np.asarray(given, dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != self.n_actions or not np.isfinite(vectors).all():
            raise ArgumentError(
                f"actions[{index}] must be finite vectors, one for each of {self.n_actions} "
                f"actions, but has the shape {vectors.shape}.",
                setting="actions",
            )
        return F.normalize(torch.from_numpy(vectors), dim=1)


class ViewEncoder(nn.Module):
    """Encodes each view by itself; the unit vectors stand side by side, times roots of weights."""

    def __init__(
        self,
        views: int | Sequence[Any],
        scales: Sequence[float],
        vectors: Sequence[Tensor | None],
        settings: EncoderSettings,
        n_columns: int,
    ) -> None:
        super().__init__()
        self.columns = columns_of(views, n_columns)
        self.scales = list(scales)
        self.encoders = nn.ModuleList()
        for own, fixed in zip(self.columns, vectors, strict=True):
            if fixed is None:
                self.encoders.append(perceptron(len(own), settings))
                continue
            if fixed.shape[1] != len(own):
                raise ArgumentError(
                    f"actions must have a number for each of a view's {len(own)} columns, but have "
                    f"{fixed.shape[1]}.",
                    setting="actions",
                )
            linear = nn.Linear(len(own), len(own), bias=False)
            nn.init.eye_(linear.weight)
            self.encoders.append(linear)

    def forward(self, features: Tensor) -> Tensor:
        """Turn features (B, N, D) into joint embeddings (B, N, d)."""
        each = zip(self.encoders, self.columns, self.scales, strict=True)
        parts = [scale * F.normalize(own(features[..., at]), dim=-1) for own, at, scale in each]
        return torch.cat(parts, dim=-1)


class JointCost(nn.Module):
    """The weighted sum of the views' costs, with each view's action vectors at unit length."""

    def __init__(
        self, widths: Sequence[int], scales: Sequence[float], vectors: Sequence[Tensor | None]
    ) -> None:
        super().__init__()
        self.widths, self.scales = list(widths), list(scales)
        for index, fixed in enumerate(vectors):
            self.register_buffer(f"fixed{index}", fixed)

    def forward(self, one: ForwardPass) -> Tensor:
        """Return the cost (B, N, K)."""
        return 1.0 - one.embeddings @ self.vectors(one.model.actions).T

    def vectors(self, actions: Tensor) -> Tensor:
        """Put together the action vectors (K, d) of all views, fixed ones in place of learnt."""
        parts = []
        for index, learnt in enumerate(actions.split(self.widths, dim=1)):
            fixed = getattr(self, f"fixed{index}")
            # As in the network, gradients see vectors whose length is mended after the step.
            length = learnt.detach().norm(dim=1, keepdim=True).clamp(min=1e-12)
            parts.append(self.scales[index] * (learnt / length if fixed is None else fixed))
        return torch.cat(parts, dim=1)

    def start(
        self, embeddings: NDArray[np.float32], n_actions: int, seed: int
    ) -> NDArray[np.float32]:
        """Place each action at the mean of the frames that its text names, or its nearest frame."""
        width = embeddings.shape[1]
        texts = self.vectors(torch.zeros(n_actions, width)).numpy()
        similarity = embeddings @ texts.T
        named, nearest = similarity.argmax(axis=1), similarity.argmax(axis=0)
        frames = [embeddings[named == k] for k in range(n_actions)]
        means = [
            own.mean(axis=0) if len(own) else embeddings[nearest[k]] for k, own in enumerate(frames)
        ]
        return np.stack(means)


def columns_of(views: int | Sequence[Any], n_columns: int) -> list[list[int]]:
    """Return the columns of each view of features of ``n_columns`` columns.

    Examples
    --------
    >>> columns_of(2, 5), columns_of([1, 2], 3), columns_of([slice(2), [0, 2]], 3)
    ([[0, 1], [2, 3, 4]], [[0], [1, 2]], [[0, 1], [0, 2]])
    """
    if isinstance(views, int):
        starts = [n_columns * view // views for view in range(views + 1)]
        found = [list(range(start, max(start + 1, end))) for start, end in pairwise(starts)]
    else:
        found, end = [], 0
        for one in views:
            if isinstance(one, (int, np.integer)):
                own = list(range(end, end + int(one)))
                end += int(one)
            else:
                own = list(range(n_columns)[one]) if isinstance(one, slice) else list(one)
            found.append(own)
    for own in found:
        if not own or min(own) < 0 or max(own) >= n_columns:
            raise ArgumentError(
                f"views must each have some of the {n_columns} columns, but {views!r} gives one "
                f"the columns {own}.",
                setting="views",
            )
    return found
