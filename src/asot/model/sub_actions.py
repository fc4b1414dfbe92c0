"""The sub-actions of a trained model: found in the segments that it decodes."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.discover.prototypes import spread_frames
from asot.discover.steps import label_steps, learn_steps
from asot.model.features import PreparedFeatures
from asot.model.network import decode
from asot.processes import single_threaded
from asot.progress import Progress, silent

logger = logging.getLogger(__name__)

MOST_FRAMES = 50_000  # that sub-actions are learnt from
FEWEST_RECORDINGS = 12  # even if they are long


@single_threaded
def find_sub_actions(
    model: Any,
    features: PreparedFeatures,
    seed: int,
    progress: Progress = silent,
    margin: int = 0,
) -> None:
    """Let a network or a team know the sub-actions of its actions, where its recipe wants any.

    They are learnt from prepared recordings, evenly chosen ones of many. Neighbours reach into the
    ``margin`` of a segment.
    """
    most = model.recipe.sub_actions
    if not most:
        return
    mean = sum(map(len, features)) / len(features)
    count = max(FEWEST_RECORDINGS, int(MOST_FRAMES / mean))
    labels: list[NDArray[np.int64] | None] = [None] * len(features)
    for index in spread_frames(len(features), count).tolist():
        labels[index] = decode(model, features[index])[0]
    options: Any = {"margin": margin, "seed": seed, "progress": progress}
    model.steps = learn_steps(features, labels, model.n_actions, most, **options)
    if not any(model.steps):
        logger.warning(
            "No action has steps: none is seen to change in the same way within most of its "
            "segments. Where the actions found are the steps themselves, give the number of "
            "actions that consist of them, and a radius of a third of the length of one."
        )


def sub_actions(
    model: Any, features: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.int64] | None:
    """Return the step of each frame within its action, (N,), given the labels (N,).

    It is -1 where the action has no steps; None of a model that was not to look for any.
    """
    steps = getattr(model, "steps", ())
    return label_steps(steps, features, labels) if steps else None
