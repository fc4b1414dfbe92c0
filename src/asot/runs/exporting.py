"""Segments on to other tools, and corrected ones back from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError, DataError
from asot.export import read, read_frames
from asot.files import write_text
from asot.runs.predictions import PredictionFolder
from asot.text import listing
from asot.timeline.timelines import BACKGROUND, Interval, Timeline, even_times, frame_actions

# Endings of files that count in seconds; others hold a label a line.
IN_SECONDS = frozenset({".csv", ".tsv", ".eaf", ".json"})
# What asot export writes besides, and nobody corrects.
OTHERS = frozenset({".parquet", ".boris", ".vtt", ".xml"})


def timelines(
    folder: PredictionFolder, data: Path | None = None, frame_rate: float | None = None
) -> list[Timeline]:
    """The segments of a prediction, as its actions are called now.

    Parameters
    ----------
    folder : PredictionFolder
        A finished prediction.
    data : Path, optional
        Where its data set is now.
    frame_rate : float, optional
        Frames a second of recordings whose times are not known.
    """
    recordings = folder.open_data(data).recordings
    models = folder.models()
    found = [folder.timeline(one, models[one.name]) for one in recordings]
    if frame_rate is None:
        return found
    return [one if one.times is not None else _timed(one, frame_rate) for one in found]


def take_truth(
    folder: PredictionFolder,
    named: Sequence[Path],
    data: Path | None = None,
    frame_rate: float | None = None,
    from_zero: bool = False,
) -> list[str]:
    """Make corrected labels the ground truth of a prediction.

    Parameters
    ----------
    folder : PredictionFolder
        A finished prediction.
    named : sequence of Path
        Files of a format that is read back, or folders of them. Frames without a label are
        "background".
    data, frame_rate
        As for :func:`timelines`.
    from_zero : bool
        Whether the labels count time from the first frame, not by the recording's own clock.

    Returns
    -------
    list of str
        The recordings that have ground truth now.

    Raises
    ------
    DataError
        If a file cannot be read, speaks of a recording that was not predicted, or none does.
    """
    known = {one.recording: one for one in timelines(folder, data, frame_rate)}
    if from_zero:
        known = {
            name: one if one.times is None else replace(one, times=one.times - one.times[0])
            for name, one in known.items()
        }
    labels: dict[str, list[str]] = {}
    for place in named:
        for recording, frames in _read(place, known).items():
            if recording in labels:
                raise DataError(f"{recording} was named twice, the second time by {place}.")
            n_frames = known[recording].n_frames
            if len(frames) != n_frames:
                raise DataError(
                    f"{place} has {len(frames)} labels for {recording}, which has {n_frames} "
                    "frames: export it again."
                )
            labels[recording] = frames
    for recording, frames in labels.items():
        write_text(folder.truth_path(recording), "".join(f"{one}\n" for one in frames))
    return list(labels)


def _timed(one: Timeline, frame_rate: float) -> Timeline:
    """A timeline whose frames follow each other evenly, from 0."""
    times = even_times(one.n_frames, frame_rate)
    rows = (
        replace(row, start_s=float(times[row.start_frame]), end_s=float(times[row.end_frame]))
        for row in one.rows
    )
    return replace(one, rows=tuple(rows), times=times)


def _read(place: Path, known: Mapping[str, Timeline]) -> dict[str, list[str]]:
    """One label for each frame of each recording in a file or folder."""
    if _is_text(place):
        labels = read_frames(place)
        _refuse_others(place, labels, known)
        return labels
    times = {name: one.times for name, one in known.items() if one.times is not None}
    if not times:
        raise DataError(
            f"{place} cannot be used, because the recordings have frames but no times: give their "
            "frames a second with --frame_rate, or labels as text, one a line and frame."
        )
    by_recording: dict[str, list[Interval]] = {}
    for interval in read(place, times=times):
        by_recording.setdefault(interval.recording, []).append(interval)
    _refuse_others(place, by_recording, known)
    for name, intervals in by_recording.items():
        if name in times:
            _refuse_outside(place, intervals, times[name])
    try:
        found = {
            name: frame_actions(intervals, known[name].seconds)
            for name, intervals in by_recording.items()
        }
    except ArgumentError as error:
        raise DataError(f"{place} cannot be used: {error}") from error
    return {
        name: [BACKGROUND if one is None else one for one in frames]
        for name, frames in found.items()
    }


def _refuse_outside(place: Path, intervals: Sequence[Interval], times: NDArray[np.float64]) -> None:
    """Refuse labels that begin before a recording, or go on after it, by more than a frame."""
    frame = float(np.diff(times).max())
    for one in intervals:
        if one.start_s < times[0] - frame or one.end_s > times[-1] + frame:
            raise DataError(
                f"{place} has {one.action!r} from {one.start_s:.3f} to {one.end_s:.3f} s of "
                f"{one.recording}, which lasts from {times[0]:.3f} to {times[-1]:.3f} s: are they "
                "of another recording, or counted from the first frame (--from_zero)?"
            )


def _is_text(place: Path) -> bool:
    """Whether labels are text with a label a line; recordings' names may have dots."""
    if not place.is_dir():
        if place.suffix.lower() in OTHERS:
            raise DataError(
                f"{place} is of a format that is not read back: use CSV, ELAN, Label Studio or "
                "text with a label a line."
            )
        return place.suffix.lower() not in IN_SECONDS
    files = [one for one in place.iterdir() if one.is_file() and not one.name.startswith(".")]
    return (place / "groundTruth").is_dir() or (
        bool(files) and not any(one.suffix.lower() in IN_SECONDS for one in files)
    )


def _refuse_others(place: Path, found: Mapping[str, object], known: Mapping[str, Timeline]) -> None:
    others = [name for name in found if name not in known]
    if others:
        raise DataError(
            f"{place} speaks of {others[0]!r}, which was not predicted; the recordings are "
            f"{listing(list(known))}."
        )
    if not found:
        raise DataError(f"{place} holds no labels.")
