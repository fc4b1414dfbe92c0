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
from asot.learning.runs import Plan
from asot.metrics import match

GROUND_TRUTH = "ground truth"


def draw_timelines(folder: BenchmarkFolder, plan: Plan, most: int) -> list[Path]:
    """Draw the first labelled recordings of each activity, one track for each method.

    A method is drawn with its first seed, and its actions in the colours of the classes that they
    are matched to: for the activity, or for the recording where they are not shared.

    Parameters
    ----------
    folder : BenchmarkFolder
        The finished cells.
    plan : Plan
        The data set and its activities.
    most : int
        Recordings of each activity to draw.

    Returns
    -------
    list of Path
        PNG files, ``figures/<activity>-<recording>.png``.
    """
    from asot.report import plot_segmentation, save_figure

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
            figure = plot_segmentation(
                tracks,
                names=_names(plan, tracks, matchings),
                matching=matchings,
                frame_rate=recording.frame_rate,
                title=recording.name,
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
    # Frames that are not scored are left white.
    tracks[GROUND_TRUTH] = np.where(np.isin(truth, exclude), -1, truth)
    return tracks, matchings


def _names(
    plan: Plan, tracks: Mapping[str, NDArray[Any]], matchings: Mapping[str, Mapping[Any, Any]]
) -> dict[int, str]:
    """Names of the classes that the tracks hold: few classes get plain colours."""
    held = set(np.unique(tracks[GROUND_TRUTH]).tolist()) - {-1}
    for matching in matchings.values():
        held |= set(matching.values())
    known = plan.dataset.class_names or {}
    return {one: known.get(one, str(one)) for one in sorted(held)}
