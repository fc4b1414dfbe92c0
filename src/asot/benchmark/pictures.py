"""Pictures of a benchmark: what each method makes of a recording, beside the ground truth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.benchmark.folder import BenchmarkFolder, Cell, CellResult, file_name
from asot.benchmark.methods import find_method
from asot.benchmark.summary import ordered
from asot.data import Recording
from asot.metrics import match
from asot.runs.run import TrainingPlan

GROUND_TRUTH = "ground truth"


def draw_timelines(folder: BenchmarkFolder, plan: TrainingPlan, most: int) -> list[Path]:
    """Draw the first labelled recordings of each activity, one track for each method.

    A method is drawn with its first seed, and its actions in the colours of the classes that they
    are matched to: for the activity, or for the recording where they are not shared.

    Parameters
    ----------
    folder : BenchmarkFolder
        The finished cells.
    plan : TrainingPlan
        The data set and its activities.
    most : int
        Recordings of each activity to draw.

    Returns
    -------
    list of Path
        PNG files, ``figures/<activity>-<recording>.png``.
    """
    from asot.figures import plot_segmentation, save_figure

    first: dict[tuple[str, str], tuple[Cell, CellResult]] = {}
    for cell, result in folder.cells():
        first.setdefault((cell.activity, cell.method), (cell, result))
    paths = []
    for activity, recordings in plan.activities.items():
        methods = ordered(name for one, name in first if one == activity)
        cells = {name: first[activity, name] for name in methods}
        labels = {name: folder.labels(cell) for name, (cell, _) in cells.items()}
        shown = [one for one in recordings if one.labelled][:most]
        for recording in shown if methods else []:
            tracks, matchings = _tracks(recording, cells, labels, plan.source.exclude)
            names = _numbered(plan, tracks, matchings)
            figure = plot_segmentation(
                tracks,
                names=names,
                matching=matchings,
                frame_rate=recording.frame_rate,
                title=f"{recording.name}, first seed of each method",
            )
            name = file_name(f"{activity}-{recording.name}")
            paths.append(folder.root / "figures" / f"{name}.png")
            save_figure(figure, paths[-1])
    return paths


def _tracks(
    recording: Recording,
    cells: Mapping[str, tuple[Cell, CellResult]],
    labels: Mapping[str, Mapping[str, NDArray[np.int32]]],
    exclude: list[int],
) -> tuple[dict[str, NDArray[Any]], dict[str, dict[Any, Any]]]:
    truth = recording.ground_truth
    assert truth is not None
    tracks: dict[str, NDArray[Any]] = {}
    matchings: dict[str, dict[Any, Any]] = {}
    for name, (_, result) in cells.items():
        title = find_method(name).title
        own = labels[name][recording.name]
        tracks[title] = own
        shared = "activity" in result.scores
        matchings[title] = (
            {int(action): one for action, one in result.matching.items()}
            if shared
            else dict(match([own], [truth], exclude=exclude or None).matching)
        )
    tracks[GROUND_TRUTH] = truth
    return tracks, matchings


def _numbered(
    plan: TrainingPlan, tracks: dict[str, NDArray[Any]], matchings: dict[str, dict[Any, Any]]
) -> dict[int, str]:
    """Number the classes that are drawn from 0, in place, and name them.

    Few classes get plain colours, and ids may be negative. Frames that are not scored become -1,
    which is left white.
    """
    truth = tracks[GROUND_TRUTH]
    held = set(np.unique(truth).tolist()) - set(plan.source.exclude)
    for matching in matchings.values():
        held |= set(matching.values())
    number = {one: i for i, one in enumerate(sorted(held))}
    tracks[GROUND_TRUTH] = np.array([number.get(one, -1) for one in truth.tolist()])
    for title, matching in matchings.items():
        matchings[title] = {action: number[one] for action, one in matching.items()}
    known = plan.dataset.class_names or {}
    return {i: known.get(one, str(one)) for one, i in number.items()}
