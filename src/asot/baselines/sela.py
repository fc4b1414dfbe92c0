"""SeLA's pseudo-labels in the ASOT pipeline: standard optimal transport, balanced, without time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asot.model.recipe import Recipe
from asot.model.segmenter import RecipeSegmenter, log_probabilities
from asot.transport import solve

if TYPE_CHECKING:
    from asot.model.network import ActionModel
    from asot.model.parts import Parts


class SeLASegmenter(RecipeSegmenter):
    """Learns from equipartitioned pseudo-labels, and labels each frame by itself.

    The network, its loss, its k-means start and its training are the recipe's. The pseudo-labels
    are the entropic optimal transport between the frames of a recording and the actions, in which
    every action gets equally many frames: no temporal term, no order, no slack. A frame's label is
    the network's most probable action.

    The paper balances the classes over the whole data set; here, as in everything else of the
    pipeline, it is over each recording of a batch.

    Parameters
    ----------
    recipe : Recipe, optional
        Every setting; of ``transport_train`` only ``epsilon``, of ``transport_eval`` and
        ``order_prior`` nothing.
    n_actions, device, keep_epochs, random_state
        As for :class:`~asot.model.segmenter.RecipeSegmenter`.

    References
    ----------
    Y. M. Asano, C. Rupprecht and A. Vedaldi, "Self-labelling via simultaneous clustering and
    representation learning", ICLR 2020.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> recordings = make_recordings(n_recordings=3, n_actions=3, random_state=0)
    >>> recipe = Recipe.from_dict({"training": {"epochs": 1}})
    >>> labels = SeLASegmenter(recipe, 3, random_state=0).fit_predict(recordings.features)
    >>> len(labels)
    3
    """

    def _parts(self, recipe: Recipe) -> Parts:
        from asot.model.parts import Parts

        epsilon = recipe.transport_train.epsilon
        return Parts(pseudo_labels=lambda one: equipartition(one.cost, one.lengths, epsilon))

    def _labels(self, model: ActionModel, features: NDArray[np.float32]) -> NDArray[np.int64]:
        labels: NDArray[np.int64] = log_probabilities(model, features).argmax(dim=-1).numpy()
        return labels


def equipartition(cost: Any, lengths: Any, epsilon: float) -> Any:
    """Transport frames to actions with uniform marginals on both sides, and an entropy weight > 0.

    ``cost`` is a padded batch (B, N, K) of recordings of ``lengths`` frames. Returns assignments
    of the same shape: rows sum to 1, and columns to N / K over a recording of N frames.
    """
    # One step of this length from p q' is exp(-C / epsilon), which is projected on the marginals.
    return solve(
        cost,
        epsilon=epsilon,
        alpha=0.0,
        lambda_actions=None,
        lengths=lengths,
        max_iterations=1,
        step_size=1.0 / epsilon,
    ).assignment
