"""The numbers of actions, by the time that they fill in the recordings they were learnt from.

A model numbers its actions as it happens to find them. ``numbers.json`` in a run holds the model's
own number of each action, the one that fills most time first, those without a frame last::

    {"all": [3, 0, 1, 2]}

They are chosen once, when all recordings of a training are segmented, and hold for whatever the
model segments later. Models of runs without the file keep their own numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.data import Recordings
from asot.errors import FileError
from asot.files import write_json
from asot.runs.predictions import PredictionFolder
from asot.schema import Count, read_json
from asot.timeline.segments import UNLABELLED

NUMBERS = "numbers.json"

Order = NDArray[np.int64]


def read_order(run: Path, model: str, n_actions: int) -> Order | None:
    """Return a model's own number of each action, (K,); None where they were not chosen yet."""
    path = run / NUMBERS
    cure = "remove it and train again"
    found = read_json(path, dict[str, list[Count]], cure) if path.is_file() else {}
    if model not in found:
        return None
    if sorted(found[model]) != list(range(n_actions)):
        raise FileError.at(
            path, f"must hold each of 0 to {n_actions - 1} once for the model {model!r}: {cure}"
        )
    return np.array(found[model], dtype=np.int64)


def renumber(
    labels: NDArray[np.int64], assignment: NDArray[np.float32], order: Order | None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return labels (N,) and assignment (N, K) in which action ``order[k]`` of the model is k.

    Examples
    --------
    >>> labels, assignment = np.array([2, 0, -1]), np.eye(3, dtype=np.float32)
    >>> renumber(labels, assignment, np.array([2, 0, 1]))[0].tolist()
    [0, 1, -1]
    """
    if order is None:
        return labels, assignment
    # The last place is that of -1.
    numbers = np.append(np.argsort(order), UNLABELLED)
    return numbers[labels], assignment[:, order]


def choose_order(folder: PredictionFolder, recordings: Recordings, n_actions: int) -> Order:
    """Choose the numbers of a model's actions, by seconds where all are known: (K,).

    The recordings have been written under the model's own numbers.
    """
    timed = all(one.times is not None for one in recordings)
    filled = np.zeros(n_actions)
    for one in recordings:
        labels = folder.labels(one.name)
        lengths = np.ones(len(labels)) if not timed or one.times is None else np.diff(one.times)
        known = labels != UNLABELLED
        filled += np.bincount(labels[known], lengths[known], minlength=n_actions)
    return np.argsort(-filled, kind="stable")


def keep_order(run: Path, model: str, order: Order) -> None:
    """Write the numbers of a model's actions for whatever it segments later."""
    path = run / NUMBERS
    before: dict[str, Any] = read_json(path, dict[str, Any], "remove it") if path.is_file() else {}
    write_json(path, {**before, model: order.tolist()})
