"""Settings that a recipe leaves open, found from the recordings, with the evidence for them."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec
import numpy as np

from asot.discover.background import BackgroundEvidence
from asot.discover.number import TYPICAL, NumberEvidence, find_n_actions
from asot.discover.order import OrderEvidence, find_order
from asot.discover.radius import RadiusEvidence, find_radius
from asot.discover.verdict import Choice, Trust
from asot.model.features import PreparedFeatures
from asot.model.found import Found
from asot.model.recipe import AUTO, Recipe
from asot.notebook import show
from asot.processes import single_threaded
from asot.progress import Progress, silent

NOTHING = Found()
PAPER_RADIUS = 0.04  # of a recording
FINER = 0.7  # than the time scale, to count actions: the coarsest hides some
PAPER_STRENGTH = 0.15  # of the paper's order prior, where recordings share an order


@dataclass(frozen=True)
class Evidence:
    """The evidence for the settings of a model; None for a setting that the recipe gave."""

    radius: RadiusEvidence | None = None
    order: OrderEvidence | None = None
    n_actions: NumberEvidence | None = None
    background: BackgroundEvidence | None = None
    choice: Choice | None = None
    trust: Trust | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the evidence as plain numbers."""
        return {name: None if one is None else one.to_dict() for name, one in vars(self).items()}

    def told(self) -> tuple[str, list[str]]:
        """Return the word of the verdict, and the verdict and what was found in sentences."""
        from asot.figures.evidence import findings, tell_verdict
        from asot.figures.evidence_file import ModelEvidence

        values = msgspec.convert(self.to_dict(), ModelEvidence)
        verdict = tell_verdict(values)
        found = [one.sentence for one in findings(values)]
        return verdict.word, list(dict.fromkeys([verdict.sentence, *found]))

    def __repr__(self) -> str:
        return "\n".join(self.told()[1])

    def _repr_html_(self) -> str:
        word, sentences = self.told()
        return show("Evidence", sentences, verdict=word)


@single_threaded
def settle_number(
    features: PreparedFeatures,
    *,
    seed: int = 0,
    progress: Progress = silent,
    found: Found = NOTHING,
    name: str = "",
) -> NumberEvidence:
    """Find the number of actions in recordings, at the time scale of a typical number.

    What was found before under the ``name`` is taken as it is.
    """

    def report(stage: str, done: int, total: int, note: str = "") -> None:
        progress("Finding a first time scale", done, total, note)

    def find() -> NumberEvidence:
        from asot.model.contrast import embed_contrasted  # and torch

        radius = find_radius(features, TYPICAL, seed=seed, progress=report).chosen
        finer = max(1, round(FINER * radius))
        options: dict[str, Any] = {"seed": seed, "progress": progress}
        return find_n_actions(features, finer, embed=embed_contrasted, **options)

    return found.get(find, NumberEvidence, f"{name} n_actions", features, seed)


@single_threaded
def settle(
    recipe: Recipe,
    features: PreparedFeatures,
    n_actions: int,
    *,
    seed: int = 0,
    number: NumberEvidence | None = None,
    progress: Progress = silent,
    found: Found = NOTHING,
    name: str = "",
) -> tuple[Recipe, Evidence]:
    """Return the recipe with a radius and an order prior in place of "auto", and the evidence.

    ``number``, the evidence for K, becomes a part of the whole; ``recipe`` is not changed. What was
    found before under the ``name`` is taken as it is.
    """
    settled = copy.deepcopy(recipe)
    radius = order = None
    uses = (settled.transport_train, settled.transport_eval)
    if any(one.radius == AUTO for one in uses):
        counted = None if number is None else number.radius
        near = None if counted is None else counted / FINER
        find = partial(find_radius, features, n_actions, near=near, seed=seed, progress=progress)
        radius = found.get(find, RadiusEvidence, f"{name} radius", features, n_actions, seed, near)
        for use, one in zip(("training", "decoding"), uses, strict=True):
            if one.radius == AUTO:
                one.radius = radius.chosen
            else:
                radius = replace(radius, fixed=use)
    # Training sees some of the frames of each recording: there, a share of the recording. A single
    # network's own number of frames counts those.
    frames = settled.transport_train.radius
    if isinstance(frames, int) and (settled.team or recipe.transport_train.radius == AUTO):
        mean_frames = float(np.mean([len(one) for one in features]))
        settled.transport_train.radius = frames / mean_frames
    if settled.order_prior == AUTO:
        order = found.get(partial(find_order, features), OrderEvidence, f"{name} order", features)
        settled.order_prior = PAPER_STRENGTH * order.strength
    return settled, Evidence(radius, order, number)
