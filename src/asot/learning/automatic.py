"""Settings that a recipe leaves open, found from the recordings, with the evidence for them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from asot.evidence.background import BackgroundEvidence
from asot.evidence.number import NumberEvidence, find_n_actions
from asot.evidence.order import OrderEvidence, find_order
from asot.evidence.radius import RadiusEvidence, find_radius
from asot.learning.configuration import AUTO, Recipe
from asot.learning.features import PreparedFeatures

MOST_RHO = 0.15  # of the paper, where the evidence for an order is complete
FIRST_GUESSES = 4, 6, 8  # actions, to find the time scale at which they are counted
Found = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Evidence:
    """What was found for one model; None for what the recipe gave.

    Attributes
    ----------
    radius : RadiusEvidence or None
        The time scale.
    order : OrderEvidence or None
        The common order.
    n_actions : NumberEvidence or None
        The number of actions.
    background : BackgroundEvidence or None
        Frames of no action.
    """

    radius: RadiusEvidence | None = None
    order: OrderEvidence | None = None
    n_actions: NumberEvidence | None = None
    background: BackgroundEvidence | None = None

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers."""
        return {
            name: None if one is None else one.to_dict()
            for name, one in (
                ("radius", self.radius),
                ("order", self.order),
                ("n_actions", self.n_actions),
                ("background", self.background),
            )
        }


def settle_number(
    features: PreparedFeatures, *, seed: int = 0, progress: Found | None = None
) -> NumberEvidence:
    """Find the number of actions in recordings, at the time scale they have by themselves."""
    told = _told(progress, "Finding the time scale")
    radii = [find_radius(features, guess, seed=seed, progress=told) for guess in FIRST_GUESSES]
    middle = sorted(one.chosen for one in radii)[len(radii) // 2]
    told = _told(progress, "Counting the actions")
    return find_n_actions(features, middle, seed=seed, progress=told)


def settle(
    recipe: Recipe,
    features: PreparedFeatures,
    n_actions: int,
    *,
    seed: int = 0,
    number: NumberEvidence | None = None,
    progress: Found | None = None,
) -> tuple[Recipe, Evidence]:
    """The recipe with a time scale and an order prior in place of "auto".

    Parameters
    ----------
    recipe : Recipe
        Stays as it is.
    features : PreparedFeatures
        The recordings.
    n_actions : int
        K.
    seed : int
        Of the searches.
    number : NumberEvidence, optional
        How K was found, for the evidence.
    progress : callable, optional
        Told the stage, what is done of it and of how much.
    """
    settled = copy.deepcopy(recipe)
    radius = order = None
    uses = (settled.transport_train, settled.transport_eval)
    if any(one.radius == AUTO for one in uses):
        radius = find_radius(
            features, n_actions, seed=seed, progress=_told(progress, "Finding the time scale")
        )
        for one in uses:
            if one.radius == AUTO:
                one.radius = radius.chosen
    # Training sees some of the frames of each recording: there, a share of the recording. A single
    # network's own number of frames counts those.
    frames = settled.transport_train.radius
    if isinstance(frames, int) and (settled.team or recipe.transport_train.radius == AUTO):
        mean_frames = float(np.mean([len(one) for one in features]))
        settled.transport_train.radius = frames / mean_frames
    if settled.rho == AUTO:
        order = find_order(features, seed=seed)
        settled.rho = MOST_RHO * order.strength
    return settled, Evidence(radius, order, number)


def _told(progress: Found | None, stage: str) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(stage, done, total)
