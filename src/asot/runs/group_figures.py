"""Pictures of groups: values of actions, lengths of bouts, transitions, shares, and timelines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.groups.design import Design
from asot.groups.words import measure_words
from asot.progress import Progress
from asot.runs.stats import ModelNumbers, Statistics
from asot.timeline.names import default_name
from asot.timeline.segments import Segment, Timeline, to_labels

MOST_ACTIONS = 40  # in a picture, those of the most time
COLUMNS = 2000  # of a timeline
FORMATS = ("pdf", "png")


def draw_statistics(statistics: Statistics, out: Path, most: int, progress: Progress) -> list[Path]:
    """Draw each model's groups into the folder ``out``, with ``most`` timelines, as PDF and PNG."""
    from asot.figures import save_figure

    paths = []
    for done, model in enumerate(statistics.models):
        suffix = f"-{model}" if len(statistics.models) > 1 else ""
        for name, figure in _figures(statistics, model, most):
            for ending in FORMATS:
                paths.append(out / f"{name}{suffix}.{ending}")
                save_figure(figure, paths[-1])
        progress("Drawing", done + 1, len(statistics.models))
    return paths


def _figures(statistics: Statistics, model: str, most: int) -> Iterator[tuple[str, Any]]:
    from asot.figures import plot_budget, plot_groups, plot_transitions

    numbers, design = statistics.models[model], statistics.design or Design({})
    groups = [one.group for one in numbers.groups]
    if not (numbers.actions and groups):
        return
    order = numbers.by_time[:MOST_ACTIONS]
    tests = [] if statistics.comparison is None else statistics.comparison.tests
    for measure in design.measures:
        samples = {numbers.actions[k]: numbers.samples(measure, k) for k in order}
        marked = {
            one.action
            for one in tests
            if one.differs and (one.model, one.measure) == (model, measure)
        }
        words = measure_words(measure, statistics.unit)
        yield measure, plot_groups(samples, groups, words, marked, point=design.unit)
    lengths = {
        numbers.actions[k]: [_lengths(statistics, numbers, one, k) for one in groups] for k in order
    }
    yield "bouts", plot_groups(lengths, groups, f"length of a bout ({statistics.unit})", boxes=True)
    matrices = dict(zip(groups, numbers.following(order), strict=True))
    shown = [numbers.actions[k] for k in order]
    yield "transitions", plot_transitions(matrices, shown)
    names = action_names(numbers)
    shares = {
        one.group: dict(zip(numbers.labels, one.values["share"].mean(axis=0), strict=True))
        for one in numbers.groups
    }
    bars = {group: [own.get(label, 0.0) for label in names] for group, own in shares.items()}
    yield "budget", plot_budget(bars, names)
    yield "timelines", _corpus(statistics, numbers, groups, names, most)


def _corpus(
    statistics: Statistics,
    numbers: ModelNumbers,
    groups: list[str],
    names: dict[int, str],
    most: int,
) -> Any:
    """Draw the timelines of as many recordings of each group."""
    from asot.figures import plot_corpus

    own = [
        [one for one in numbers.timelines if _group(statistics, one.recording) == group]
        for group in groups
    ]
    most = max(1, most // len(groups))
    shown = [one for some in own for one in some[:most]]
    cut = f"The first {most} recordings of each group" if max(map(len, own)) > most else None
    in_seconds = statistics.unit == "s"
    step = max(one.seconds[-1] - one.seconds[0] for one in shown) / COLUMNS if in_seconds else 1.0
    recordings = [
        f"{_group(statistics, one.recording)}: {one.recording}"
        if statistics.design
        else one.recording
        for one in shown
    ]
    return plot_corpus(
        [_sampled(one, step) if in_seconds else _labels(one) for one in shown],
        names=names,
        recordings=recordings,
        frame_rate=1 / step if in_seconds else None,
        title=cut,
    )


def action_names(numbers: ModelNumbers) -> dict[int, str]:
    """Return the name of each label up to the last in use: its place gives its colour."""
    known = dict(zip(numbers.labels, numbers.actions, strict=True))
    return {one: known.get(one, default_name(one)) for one in range(max(known, default=-1) + 1)}


def _group(statistics: Statistics, recording: str) -> str:
    return statistics.design.group_of(recording) if statistics.design else "all"


def _lengths(
    statistics: Statistics, numbers: ModelNumbers, group: str, place: int
) -> NDArray[np.float64]:
    """Return the lengths of all bouts of an action in a group."""
    own = [one for one in numbers.measured if _group(statistics, one.recording) == group]
    return np.concatenate([np.zeros(0), *(one.lengths[place] for one in own)])


def _labels(timeline: Timeline) -> NDArray[np.int64]:
    found = (
        Segment(row.start_frame, row.end_frame, timeline.labels[row.action])
        for row in timeline.rows
    )
    return to_labels(found, timeline.n_frames)


def _sampled(timeline: Timeline, step: float) -> NDArray[np.int64]:
    """Return the labels of a recording at even times, ``step`` seconds apart."""
    labels, edges = _labels(timeline), timeline.seconds
    moments = edges[0] + step * (0.5 + np.arange(max(1, round((edges[-1] - edges[0]) / step))))
    return labels[np.clip(np.searchsorted(edges, moments, side="right") - 1, 0, len(labels) - 1)]
