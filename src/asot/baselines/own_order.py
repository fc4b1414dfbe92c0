"""ASOT with an order of the actions for each recording, estimated and learnt in turn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asot.baselines.cte_decoding import estimated_order
from asot.data import even_frames
from asot.errors import require_integer
from asot.model.automatic import PAPER_STRENGTH
from asot.model.features import PreparedFeatures, as_tensor
from asot.model.network import ActionModel
from asot.model.parts import Epoch, ForwardPass, Parts
from asot.model.recipe import AUTO, Recipe
from asot.model.segmenter import NetworkSegmenter
from asot.transport import solve


class OwnOrderSegmenter(NetworkSegmenter):
    """Learns with an order prior that pulls each recording towards its own order of the actions.

    The paper's prior pulls action k of K towards the place ``(k + 1/2) / K`` of every recording. It
    does so in the first epoch. From then on the order of each recording is estimated every few
    epochs, and its prior pulls action k towards ``(rank + 1/2) / K``, its rank in that order. The
    orders come from the network, which learns from the orders, in turn.

    An order is that of the mean times of the actions in the labels of evenly spaced frames, which
    are decoded without an order prior; actions without frames come last. Recordings are decoded
    with the order that is estimated for them in this way, new ones too, each by itself.

    UFSA predicts the orders by a transformer, which is then matched with the frames; here they
    change the prior of the paper's network alone. The rule of mean times and its estimate after
    every epoch are of this project.

    Parameters
    ----------
    recipe : Recipe, optional
        Every setting; ``order_prior`` is the strength of the pull, also in decoding. Where it is
        "auto", it is the paper's 0.15, whether or not the recordings share an order.
    every : int
        Epochs from one estimate to the next; 0 keeps the one order of the paper, in decoding too.
    n_actions, device, keep_epochs, random_state
        As for :class:`~asot.model.segmenter.RecipeSegmenter`.

    Attributes
    ----------
    orders_ : list of (K,) int64 arrays
        The actions of each fitted recording in its order.

    References
    ----------
    Q.-H. Tran, A. Mehmood, M. Ahmed, M. Naufil, A. Zafar, A. Konin and M. Z. Zia,
    "Permutation-aware action segmentation via unsupervised frame-to-segment alignment" (UFSA), WACV
    2024.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> recordings = make_recordings(n_recordings=3, n_actions=3, random_state=0)
    >>> recipe = Recipe.from_dict({"training": {"epochs": 2}, "order_prior": 0.15})
    >>> segmenter = OwnOrderSegmenter(recipe, 3, random_state=0).fit(recordings.features)
    >>> [sorted(one.tolist()) for one in segmenter.orders_]
    [[0, 1, 2], [0, 1, 2], [0, 1, 2]]
    """

    def __init__(
        self,
        recipe: Recipe | None = None,
        n_actions: int | str = 8,
        *,
        every: int = 1,
        device: str = "auto",
        keep_epochs: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            recipe, n_actions, device=device, keep_epochs=keep_epochs, random_state=random_state
        )
        self.every = every

    def _recipe(self) -> Recipe:
        require_integer("every", self.every, at_least=0)
        recipe = super()._recipe()
        if self.every and recipe.order_prior == AUTO:  # which looks for one order that all share
            recipe = replace(recipe, order_prior=PAPER_STRENGTH)
        return recipe

    def _parts(self, recipe: Recipe) -> Parts:
        orders: list[NDArray[np.int64]] = []

        def estimate(epoch: Epoch) -> None:
            if self.every and epoch.done % self.every == 0:
                orders[:] = [self._order(epoch.model, one) for one in epoch.features]

        def pseudo_labels(given: ForwardPass) -> Tensor:
            if not orders:
                return given.solve().assignment
            return in_order(given, [orders[index] for index in given.indices])

        return Parts(pseudo_labels=pseudo_labels, callbacks=[estimate])

    @torch.no_grad()
    def _order(self, model: ActionModel, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the order (K,) of the actions in one recording's prepared features (N, D)."""
        settings = model.recipe
        if not self.every:
            return np.arange(model.n_actions)
        chosen = even_frames(len(features), settings.training.frames_per_recording)
        free = solve(
            ForwardPass.alone(model, as_tensor(features[chosen])).cost[0],
            **vars(settings.transport_train),
        )
        return estimated_order([free.labels.cpu().numpy()], model.n_actions)

    def _segmented(
        self, model: Any, prepared: PreparedFeatures, known: Any = None
    ) -> list[NDArray[np.int64]]:
        self.orders_ = [self._order(model, prepared[place]) for place in prepared.given]
        return super()._segmented(model, prepared, known)

    @torch.no_grad()
    def _labels(self, model: ActionModel, features: NDArray[np.float32]) -> NDArray[np.int64]:
        order = self._order(model, features)
        cost = ForwardPass.alone(model, as_tensor(features)).cost[0][:, order]
        found = model.transport(cost, None, model.recipe.transport_eval)
        return order[found.labels.numpy()]


def in_order(given: ForwardPass, orders: list[NDArray[np.int64]]) -> Tensor:
    """Solve for pseudo-labels (B, N, K) with an order (K,) of the actions for each recording.

    The prior is that of the columns' places: they are put in order, and back.
    """
    rows = torch.from_numpy(np.stack(orders)).to(given.cost.device)[:, None, :]
    columns = rows.expand(given.cost.shape)
    solved = given.solve(cost=given.cost.gather(2, columns)).assignment
    return torch.empty_like(solved).scatter_(2, columns, solved)
