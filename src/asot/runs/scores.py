"""Scores of a prediction, against the ground truth of its data set or of people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from asot.data import Recordings
from asot.errors import FileError
from asot.files import write_json
from asot.metrics import Evaluation, evaluate
from asot.runs.predictions import PredictionFolder
from asot.text import listing
from asot.timeline.names import ActionNames
from asot.timeline.segments import BACKGROUND, UNLABELLED


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
    predictions, named = [], []
    truths: list[Any] = []
    given: dict[str, ActionNames] = {}
    counts: dict[str, int] = {}
    numbers = {name: number for number, name in opened.class_names.items()}
    for one in recordings:
        labels, model = folder.labels_of(one), models[one.name]
        if model not in given:
            counts[model] = folder.n_actions(model)
            given[model] = folder.names(model, counts[model])
        predictions.append(given[model].grouped(labels))
        truths.append(one.ground_truth)
        if by_name:
            named.append(_class_numbers(given[model], labels, numbers))
    names = [models[one.name] for one in recordings]
    several = len(set(names)) > 1
    options: dict[str, Any] = {"activities": names, "n_actions": counts}
    options |= {"exclude": opened.exclude or None, "unseen": opened.unseen}
    evaluations = {
        one: evaluate(predictions, truths, matching=one, **options)
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
        evaluations["name"] = evaluate(named, truths, matching="name", **options)
    hidden = [*opened.exclude, *([] if opened.unseen is None else [opened.unseen])]
    written = {
        "recordings": list(recordings.names),
        "frames": [int((~np.isin(one, hidden)).sum()) for one in truths],
        "exclude": opened.exclude,
        "class_names": opened.class_names,
        "evaluations": {name: one.to_dict() for name, one in evaluations.items()},
    }
    write_json(folder.root / "scores.json", written)
    return Scored(evaluations, recordings, opened.class_names, opened.unseen)


def _class_numbers(
    names: ActionNames, labels: NDArray[np.int64], numbers: dict[str, int]
) -> NDArray[np.int64]:
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
