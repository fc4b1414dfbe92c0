"""VASOT: recordings segmented and aligned with one another by one network."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from asot.data import even_frames
from asot.errors import ConfigurationError, require_integer, require_number
from asot.model.recipe import Recipe
from asot.model.segmenter import NetworkSegmenter
from asot.transport import Complement, solve, temporal_prior

# At most 1 / epsilon long. On simulated pairs, they end at a lower objective than 25 of the usual
# length, and take half the time.
STEPS = 5

if TYPE_CHECKING:
    from asot.model.parts import ForwardPass, Parts


class VASOTSegmenter(NetworkSegmenter):
    """Learns from pseudo-labels, and from frames of one recording as targets of another's.

    Each two recordings that follow each other in a batch are aligned: the transport T between
    their frames x and y minimises the pipeline's objective with the cost ``1 - x . y`` and the
    order prior along the diagonal. ``Cv`` is a band in the one recording, and ``Ca`` all but a
    band in the other, so that neighbours go to neighbours. Frames without a partner go to a border
    of fixed cost. The loss of the segmentations is joined by ``weight`` times::

        -(1/N) sum_ij T_ij log softmax_j(x_i . y_j / temperature)

    With frames as targets no action has to be found before recordings agree. The order prior is
    the recipe's: without a common order it is 0, and T is held together by the bands alone. With
    ``sample_weight``, a pair of frames weighs the geometric mean of both.

    The weight of 1 and the border's cost of 0.5 are those of the authors' code, the 64 frames of
    this project. Two more things differ: there ``Ca`` is 1 on its diagonal, which drives neighbours
    off the same frame; and the border is a frame with neighbours and the mass of one.
    ``asot.compat.align_ot`` is as theirs.

    Parameters
    ----------
    recipe : Recipe, optional
        Every setting; ``transport_train`` holds for the alignment too, frames of the other
        recording being its actions. Its batches must have two recordings or more.
    weight : float
        Weight of the alignment, at least 0; 0 leaves the network of the paper.
    border : float
        Cost of a frame without a partner, which both sides of a pair would pay.
    frames : int
        Frames of each recording that are aligned, evenly spaced among those drawn: N M numbers
        make a transport, not N K.
    n_actions, device, keep_epochs, random_state
        As for :class:`~asot.model.segmenter.RecipeSegmenter`.

    References
    ----------
    A. S. Ali, S. A. Mahmood, M. Saeed, A. Konin, M. Z. Zia and Q.-H. Tran, "Joint self-supervised
    video alignment and action segmentation", ICCV 2025, arXiv 2503.16832.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> recordings = make_recordings(n_recordings=3, n_actions=3, random_state=0)
    >>> recipe = Recipe.from_dict({"training": {"epochs": 1}})
    >>> labels = VASOTSegmenter(recipe, 3, random_state=0).fit_predict(recordings.features)
    >>> len(labels)
    3
    """

    def __init__(
        self,
        recipe: Recipe | None = None,
        n_actions: int | str = 8,
        *,
        weight: float = 1.0,
        border: float = 0.5,
        frames: int = 64,
        device: str = "auto",
        keep_epochs: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            recipe, n_actions, device=device, keep_epochs=keep_epochs, random_state=random_state
        )
        self.weight = weight
        self.border = border
        self.frames = frames

    def _recipe(self) -> Recipe:
        require_number("weight", self.weight, at_least=0)
        require_number("border", self.border)
        require_integer("frames", self.frames, at_least=1)
        recipe = super()._recipe()
        if self.weight and recipe.training.batch_size == 1:
            raise ConfigurationError(
                "training.batch_size must be at least 2 for VASOT, which aligns recordings of a "
                "batch, but is 1: take 2.",
                setting="training.batch_size",
            )
        return recipe

    def _parts(self, recipe: Recipe) -> Parts:
        from asot.model.parts import Parts

        return Parts(loss=partial(joint_loss, self.weight, self.border, self.frames))


def joint_loss(weight: float, border: float, frames: int, one: ForwardPass) -> Tensor:
    """Return the loss of a batch's segmentations, and of its alignments times their weight."""
    segmented = one.cross_entropy()
    return segmented + weight * alignment_loss(one, border, frames) if weight else segmented


def alignment_loss(one: ForwardPass, border: float, frames: int) -> Tensor:
    """Return the mean cross-entropy of the pairs of recordings of a batch; 0 without a pair."""
    chosen = [even_frames(length, frames) for length in one.lengths.tolist()]
    each = [own[places] for own, places in zip(one.embeddings, chosen, strict=True)]
    if len(each) < 2:
        return one.embeddings.new_zeros(())
    similarities = [own @ other.T for own, other in pairwise(each)]
    targets = align([own.detach() for own in similarities], one.model.recipe, border)
    if one.weights is not None:
        roots = [own[places].sqrt() for own, places in zip(one.weights, chosen, strict=True)]
        pairs = zip(targets, pairwise(roots), strict=True)
        targets = [own * torch.outer(*both).to(own) for own, both in pairs]
    temperature = one.model.recipe.training.temperature
    losses = [
        -(own_targets * torch.log_softmax(own / temperature, dim=1)).sum() / len(own)
        for own, own_targets in zip(similarities, targets, strict=True)
    ]
    return torch.stack(losses).mean()


def align(similarities: list[Tensor], recipe: Recipe, border: float) -> list[Tensor]:
    """Align pairs of recordings by their cosines (N, M); rows of (N, M) lack what has no partner.

    The order prior is the recipe's, a number.
    """
    settings, prior = recipe.transport_train, float(recipe.order_prior)
    radius = settings.radius
    if isinstance(radius, int):  # of the frames drawn
        radius = radius / recipe.training.frames_per_recording
    costs = [
        1.0 - own + temporal_prior(len(own), own.shape[1], prior, like=own) for own in similarities
    ]
    aligned = solve(
        costs,
        epsilon=settings.epsilon,
        alpha=settings.alpha,
        radius=radius,
        lambda_actions=settings.lambda_actions,
        action_structure=Complement(radius, [own.shape[1] for own in costs]),
        border=border,
        max_iterations=STEPS,
        step_size=1.0 / settings.epsilon,
    ).assignment
    return [one[: len(own), : own.shape[1]] for one, own in zip(aligned, costs, strict=True)]
