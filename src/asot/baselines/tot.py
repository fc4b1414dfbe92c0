"""TOT: balanced optimal transport with a temporal order prior, decoded in the estimated order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asot.baselines.cte_decoding import estimated_order, ordered_viterbi
from asot.baselines.sela import equipartition
from asot.errors import require_number
from asot.model.features import PreparedFeatures
from asot.model.recipe import Recipe
from asot.model.segmenter import RecipeSegmenter, log_probabilities

if TYPE_CHECKING:
    from torch import Tensor

    from asot.model.network import ActionModel
    from asot.model.parts import ForwardPass, Parts


class TOTSegmenter(RecipeSegmenter):
    """Learns from pseudo-labels in one order of the actions, and decodes with that order.

    The pseudo-labels Q of a recording's N frames and K actions maximise
    ``<Q, S> - epsilon KL(Q || R)`` over the couplings with uniform marginals, S being the cosine
    similarities and ``R[i, k]`` a Gaussian of the distance of the cell (i, k) from the diagonal::

        R[i, k] ~ exp(-d^2 / (2 sigma^2)),    d = |i / N - k / K| / sqrt(1 / N^2 + 1 / K^2)

    For decoding, the actions are ordered by the mean relative time of the frames that each is most
    probable for; Viterbi then finds the best labelling that goes through them in that order.

    The network and its training are the recipe's, as in the paper's comparison with ASOT, with its
    k-means start. Frames and actions are taken at their centres, ``(i + 1/2) / N``. The paper sets
    ``sigma`` for each data set; one action's width is taken here.

    Parameters
    ----------
    recipe : Recipe, optional
        Every setting; of ``transport_train`` only ``epsilon``, of ``transport_eval`` and
        ``order_prior`` nothing.
    sigma : float
        Width of the prior, above 0: about in widths of an action.
    n_actions, device, keep_epochs, random_state
        As for :class:`~asot.model.segmenter.RecipeSegmenter`.

    Attributes
    ----------
    order_ : (K,) int64 array
        The actions in their estimated order.

    References
    ----------
    S. Kumar, S. Haresh, A. Ahmed, A. Konin, M. Z. Zia and Q.-H. Tran, "Unsupervised action
    segmentation by joint representation learning and online clustering", CVPR 2022.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> recordings = make_recordings(n_recordings=3, n_actions=3, random_state=0)
    >>> recipe = Recipe.from_dict({"training": {"epochs": 1}})
    >>> labels = TOTSegmenter(recipe, 3, random_state=0).fit_predict(recordings.features)
    >>> [int((np.diff(one) != 0).sum()) for one in labels]
    [2, 2, 2]
    """

    def __init__(
        self,
        recipe: Recipe | None = None,
        n_actions: int = 8,
        *,
        sigma: float = 1.0,
        device: str = "auto",
        keep_epochs: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            recipe, n_actions, device=device, keep_epochs=keep_epochs, random_state=random_state
        )
        self.sigma = sigma

    def _recipe(self) -> Recipe:
        require_number("sigma", self.sigma, above=0)
        return super()._recipe()

    def _parts(self, recipe: Recipe) -> Parts:
        import torch

        from asot.model.parts import Parts

        epsilon = recipe.transport_train.epsilon

        def pseudo_labels(given: ForwardPass) -> Tensor:
            cost, lengths = given.cost, given.lengths
            prior = torch.zeros_like(cost)
            for b, n_frames in enumerate(lengths.tolist()):
                squares = squared_distances(n_frames, cost.shape[-1])
                prior[b, :n_frames] = torch.from_numpy(squares).to(cost)
            # epsilon KL(Q || R) is the entropy's epsilon sum Q log Q, and a cost -epsilon log R.
            return equipartition(cost + epsilon * prior / (2 * self.sigma**2), lengths, epsilon)

        return Parts(pseudo_labels=pseudo_labels)

    def _segmented(
        self, model: ActionModel, prepared: PreparedFeatures, known: Any = None
    ) -> list[NDArray[np.int64]]:
        likeliest = [log_probabilities(model, one).argmax(dim=-1).numpy() for one in prepared]
        self.order_ = estimated_order(likeliest, model.n_actions)
        return super()._segmented(model, prepared)

    def _labels(self, model: ActionModel, features: NDArray[np.float32]) -> NDArray[np.int64]:
        return ordered_viterbi(log_probabilities(model, features).numpy(), self.order_)


def squared_distances(n_frames: int, n_actions: int) -> NDArray[np.float64]:
    """Square the distances (N, K) of the cells from the diagonal: the prior's d^2."""
    frame = (np.arange(n_frames) + 0.5) / n_frames
    action = (np.arange(n_actions) + 0.5) / n_actions
    distances: NDArray[np.float64] = (frame[:, None] - action) ** 2
    return distances / (1 / n_frames**2 + 1 / n_actions**2)
