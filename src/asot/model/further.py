"""Training that goes on with new recordings: actions keep their numbers.

Each network goes on from where it is, with the actions where they are, so that a number keeps its
meaning as long as the new recordings show actions like those of before. Of a team the networks of
all learners do; its prototypes, its views and the weights of its vote stay.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np

from asot.discover.prototypes import derived_seed
from asot.errors import ArgumentError
from asot.model.features import TrainingFeatures, ViewedFeatures
from asot.model.learners import team_training
from asot.model.network import ActionModel
from asot.model.parts import Parts
from asot.model.recipe import TrainingSettings
from asot.model.team import Learner, TeamModel
from asot.model.training import train
from asot.processes import single_threaded


@single_threaded
def train_further(
    model: ActionModel | TeamModel,
    features: TrainingFeatures,
    training: TrainingSettings,
    seed: int,
    device: str,
    parts: Parts,
) -> tuple[ActionModel | TeamModel, float | None]:
    """Train a copy of a model on prepared recordings, and return it; the model stays as it is.

    A network goes on with the ``parts`` of one's own; modules that only its training needed begin
    anew. Return the loss of its last epoch, too; None of a team, or without epochs.
    """
    if isinstance(model, TeamModel):
        if parts.given or parts.callbacks:
            name = (*parts.given, "callbacks")[0]
            raise ArgumentError(
                f"{name} must be left out of partial_fit for a team, whose learners have no parts "
                "of one's own: call fit, which then trains a single network.",
                setting=name,
            )
        if model.lessons is not None:
            raise ArgumentError(
                "partial_fit would move what the known frames in y were learnt by: fit all "
                "recordings again, or the first ones without y.",
                setting="y",
            )
        training = team_training(len(features), training)
        learners = []
        for place, one in enumerate(model.learners):
            if isinstance(one.model, ActionModel) and one.view is not None:
                seen, own = ViewedFeatures(one.view, features), derived_seed(seed, place)
                network = _go_on(one.model, seen, training, own, device, Parts())
                one = Learner(one.title, one.view, network)
            learners.append(one)
        return replace(model, learners=learners), None
    losses: list[float] = []
    parts = replace(parts, callbacks=(lambda epoch: losses.append(epoch.loss), *parts.callbacks))
    network = _go_on(model, features, training, seed, device, parts)
    return network, losses[-1] if losses else None


def require_same_parts(fitted: Parts, given: Parts) -> None:
    """Refuse other parts than were fitted where a network that goes on would not heed them."""
    for name in ("encoder", "actions", "cost", "update_actions"):
        before, now = getattr(fitted, name), getattr(given, name)
        is_same = np.array_equal(before, now) if name == "actions" else before is now
        if not is_same:
            raise ArgumentError(
                f"{name} must stay in partial_fit, which goes on with what was fitted, but was "
                "changed since: call fit, which begins anew.",
                setting=name,
            )


def _go_on(
    model: ActionModel,
    features: TrainingFeatures,
    training: TrainingSettings,
    seed: int,
    device: str,
    parts: Parts,
) -> ActionModel:
    begun = copy.deepcopy(model)
    begun.recipe = replace(copy.deepcopy(model.recipe), training=training)
    begun.begin(parts)
    return train(features, begun.recipe, model.n_actions, seed, device, begun=begun)
