"""Scores of a prediction, against the ground truth of its data set or of people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from asot.data import Recordings
from asot.errors import FileError
from asot.files import write_json
from asot.metrics import Evaluation, Paired
from asot.metrics.evaluate import evaluate_paired
from asot.metrics.matching import pair_recordings
from asot.runs.predictions import PredictionFolder
from asot.text import listing
from asot.timeline.names import ActionNames
from asot.timeline.segments import BACKGROUND, UNLABELLED

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Scored:
    """Scores of a prediction, and the recordings with ground truth.

    ``evaluations`` are by matching: activity, video, corpus where there are several models, and
    name where that was asked for. Frames of the class ``unseen`` did not count.
    """

    evaluations: dict[str, Evaluation]
    recordings: Recordings
    class_names: dict[int, str]
    unseen: int | None = None

    @property
    def matchings(self) -> dict[str, dict[int, int]]:
        """Return the class that each action was matched with, by model."""
        return cast(dict[str, dict[int, int]], self.evaluations["activity"].matching)


def score(folder: PredictionFolder, data_root: Path | None = None, by_name: bool = False) -> Scored:
    """Compare a prediction with the ground truth of its data set, and write ``scores.json``.

    Each model has a matching of its own, as its recordings share the meaning of their actions.
    Actions that people merged count as a single action. ``data_root`` is as for ``open_data``.
    ``by_name`` adds a comparison of the actions' names with those of the classes.
    """
    models = folder.models()
    opened = folder.open_data(data_root)
    recordings = opened.labelled
    if not recordings:
        raise FileError.at(
            folder.root,
            "has no ground truth to be compared with: put one label a line into "
            "groundTruth/<recording> of its data set, or name corrected labels with --truth",
        )
    names = [models[one.name] for one in recordings]
    counts = {model: folder.n_actions(model) for model in dict.fromkeys(names)}
    given = {model: folder.names(model, count) for model, count in counts.items()}
    numbers = {name: number for number, name in opened.class_names.items()}
    options: dict[str, Any] = {"activities": names, "n_actions": counts}

    def paired(read: Callable[[ActionNames, Labels], Labels]) -> Paired:
        """Lay the labels of a recording after the other beside its ground truth."""
        sides = (
            (read(given[model], folder.labels_of(one)), one.ground_truth)
            for one, model in zip(recordings, names, strict=True)
        )
        return pair_recordings(sides, opened.exclude or None, opened.unseen)

    found = paired(ActionNames.grouped)
    several = len(counts) > 1
    evaluations = {
        one: evaluate_paired(found, one, **options)
        for one in (("activity", "video", "corpus") if several else ("activity", "video"))
    }
    if by_name:
        classes = set(opened.class_names.values())
        if not any(classes.intersection(one.names.values()) for one in given.values()):
            raise FileError.at(
                folder.root,
                f"has no action with the name of a class ({listing(sorted(classes)) or 'none'}): "
                f"give the actions the names of the classes with asot relabel",
            )
        named = paired(partial(_class_numbers, numbers))
        evaluations["name"] = evaluate_paired(named, "name", **options)
    n_frames = np.bincount(found.frames.recording, found.frames.length, len(recordings))
    written = {
        "recordings": list(recordings.names),
        "frames": n_frames.astype(int).tolist(),
        "exclude": opened.exclude,
        "class_names": opened.class_names,
        "evaluations": {name: one.to_dict() for name, one in evaluations.items()},
    }
    write_json(folder.root / "scores.json", written)
    return Scored(evaluations, recordings, opened.class_names, opened.unseen)


def _class_numbers(numbers: dict[str, int], names: ActionNames, labels: Labels) -> Labels:
    """Return the class with the name of each label's action (N,), by ``numbers``.

    A name that no class has is added to ``numbers``. Background is the class of that name.
    """
    result = np.full_like(labels, numbers.get(BACKGROUND, UNLABELLED))
    actions = names.apply(labels)
    for action in np.unique(actions[actions != UNLABELLED]).tolist():
        free = max(numbers.values(), default=UNLABELLED) + 1
        result[actions == action] = numbers.setdefault(names.name(action), free)
    result[labels == UNLABELLED] = UNLABELLED
    return result
