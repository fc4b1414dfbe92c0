"""Timelines, and labels that come back from people and their tools as the ground truth."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from asot.errors import ArgumentError, FileError
from asot.export import read, read_frames
from asot.export.annotations import known_name
from asot.export.formats import READ, SUFFIXES
from asot.export.labelstudio import INTERFACE
from asot.export.spreadsheets import is_table
from asot.files import write_text
from asot.runs.people import Gathered, gather_corrections, refuse_others
from asot.runs.predictions import PredictionFolder
from asot.text import listing, plural
from asot.timeline.corrections import is_corrections
from asot.timeline.segments import (
    BACKGROUND,
    STEP_TABLE,
    Interval,
    Timeline,
    even_times,
    frame_intervals,
)

logger = logging.getLogger(__name__)

# Endings of files that are not read back.
OTHERS = frozenset({".xml", ".xls", ".ods", ".npy", ".mat"})


def timelines(
    folder: PredictionFolder,
    data: Path | None = None,
    frame_rate: float | None = None,
    given: Gathered | None = None,
) -> list[Timeline]:
    """Return the segments of a prediction, under the names that its actions have now.

    ``data`` is where the data set is now, and ``frame_rate`` the frames a second of recordings
    whose times are not known. Corrections that are ``given`` take the place of those stored.
    """
    recordings = folder.open_data(data).recordings
    models = folder.models()
    for model in set(models.values()):
        folder.n_actions(model)  # refuses what is not the same for all recordings
    new = {} if given is None else {given.model: given.corrections}
    found = [folder.timeline(one, model := models[one.name], new.get(model)) for one in recordings]
    for i, one in enumerate(found):
        if frame_rate is not None and one.times is None:
            found[i] = one.timed(even_times(one.n_frames, frame_rate))
    return found


@dataclass(frozen=True)
class Given:
    """What people say of a recording: the label of each frame, or None, and the notes on them."""

    file: Path
    labels: list[str | None]
    notes: list[str]


def given_labels(
    folder: PredictionFolder,
    files: Sequence[Path],
    data: Path | None = None,
    frame_rate: float | None = None,
    from_zero: bool = False,
    tier: str | None = None,
    unknown: list[str] | None = None,
) -> dict[str, Given]:
    """Read the labels in files of other tools, by recording of a prediction.

    With ``from_zero``, files count time from the first frame, not by the recording's own clock.
    ``tier`` is whose labels are read, as for :func:`asot.export.read`. ``data`` and ``frame_rate``
    are as for :func:`timelines`. Recordings that were not predicted are refused, unless there is a
    list, ``unknown``, to take their names.
    """
    known = {one.recording: one for one in timelines(folder, data, frame_rate)}
    if from_zero:
        for name, one in known.items():
            known[name] = one if one.times is None else one.timed(one.times - one.times[0])
    found: dict[str, Given] = {}
    for file in files:
        for recording, given in _read(file, known, tier, unknown).items():
            if recording in found:
                raise FileError.at(file, f"names {recording}, which was named before")
            n_labels, n_frames = len(given.labels), known[recording].n_frames
            if n_labels != n_frames:
                message = f"has {plural(n_labels, 'label')} for {recording}, which has"
                message += f" {plural(n_frames, 'frame')}: let it have one a frame"
                raise FileError.at(file, message)
            found[recording] = given
    return found


def take_truth(
    folder: PredictionFolder,
    named: Sequence[Path],
    data: Path | None = None,
    frame_rate: float | None = None,
    from_zero: bool = False,
    tier: str | None = None,
) -> dict[str, list[str]]:
    """Make corrected labels the ground truth of a prediction, and return them by recording.

    ``named`` are files of a format that is read back, or folders of them; frames without a label
    are "background". Of corrections from the page, which may be several people's, frames that
    nobody looked at are "(not looked at)", and do not count. The other arguments are those of
    :func:`given_labels`.
    """
    files = label_files(named)
    of_people = [file for file in files if is_corrections(file)]
    labels = gather_corrections(folder, of_people).labels() if of_people else {}
    if of_people and not labels:
        message = "holds no corrected segments: correct some in the page, and download it again"
        raise FileError.at(of_people[0], message)
    others = [file for file in files if file not in of_people]
    given = given_labels(folder, others, data, frame_rate, from_zero, tier)
    for name, one in given.items():
        if name in labels:
            raise FileError.at(one.file, f"names {name}, which was named before")
    return write_truth(folder, given, labels)


def write_truth(
    folder: PredictionFolder,
    given: Mapping[str, Given],
    others: Mapping[str, list[str]] = MappingProxyType({}),
) -> dict[str, list[str]]:
    """Make labels the ground truth of their recordings, and return them.

    Of those that are ``given``, frames without a label are "background"; ``others`` have one each.
    """
    labels = {name: [label or BACKGROUND for label in one.labels] for name, one in given.items()}
    labels |= others
    for recording, frames in labels.items():
        write_text(folder.truth_path(recording), "".join(f"{one}\n" for one in frames))
    return labels


def label_files(named: Sequence[Path]) -> list[Path]:
    """Return files, and those of folders: the files in seconds, if any are, or else all."""
    return [file for place in named for file in _files(place)]


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    inner = place / "groundTruth"
    place = inner if inner.is_dir() else place
    shown = [one for one in sorted(place.iterdir()) if one.name[0] != "." and one.is_file()]
    shown = [one for one in shown if one.name != STEP_TABLE]
    timed = [one for one in shown if not _is_text(one)]
    if not shown:
        raise FileError.at(place, "holds no labels")
    others = [one.name for one in shown if one not in timed and one.name != INTERFACE]
    if timed and others:
        logger.warning("%s holds what is not read as labels: %s.", place, listing(others))
    return timed or shown


def _read(
    file: Path, known: Mapping[str, Timeline], tier: str | None, unknown: list[str] | None
) -> dict[str, Given]:
    """Read a label for each frame of each recording in a file."""
    if file.suffix.lower() in OTHERS:
        cure = f"use {', '.join(READ)}"
        raise FileError.at(file, f"is of a format that is not read back: {cure}")
    if _is_text(file):
        frames = {known_name([name], known): one for name, one in read_frames(file).items()}
        _refuse_useless(file, frames, known, unknown)
        return {name: Given(file, [*one], [""] * len(one)) for name, one in frames.items()}
    times = {name: one.times for name, one in known.items() if one.times is not None}
    if not times:
        raise FileError.at(
            file,
            "cannot be used, because the recordings have frames but no times: give their frames a "
            "second with --frame_rate, or labels as text, one a line and frame",
        )
    kind = None if file.suffix.lower() in SUFFIXES else "csv"
    by_recording: dict[str, list[Interval]] = {}
    for interval in read(file, kind, tier=tier, times=times):
        by_recording.setdefault(interval.recording, []).append(interval)
    _refuse_useless(file, by_recording, known, unknown)
    return {name: _on_frames(file, known[name], found) for name, found in by_recording.items()}


def _on_frames(file: Path, timeline: Timeline, intervals: Sequence[Interval]) -> Given:
    """Lay intervals on the frames of a recording, whose time they must lie in."""
    name = timeline.recording
    try:
        edges = timeline.seconds
    except ArgumentError as error:
        raise FileError.at(file, f"cannot be used: {error}".rstrip(".")) from error
    longest, usual = float(np.diff(edges).max()), float(np.median(np.diff(edges)))
    last: Interval | None = None
    for one in sorted(intervals, key=lambda one: one.start_s):
        where = f"{one.action!r} from {one.start_s:.3f} to {one.end_s:.3f} s of {name}"
        if one.start_s < edges[0] - longest or one.end_s > edges[-1] + longest:
            raise FileError.at(
                file,
                f"has {where}, which lasts from {edges[0]:.3f} to {edges[-1]:.3f} s: is it of "
                "another recording, not in seconds (name the columns start_ms and end_ms), or does "
                "it count from the first frame (--from_zero)",
            )
        # What is less than a frame is the hand that drew the boundary: the later start counts.
        shared = 0 if last is None else min(last.end_s, one.end_s) - one.start_s
        if last is not None and one.action != last.action and shared > usual:
            both = f"{last.action!r} from {last.start_s:.3f} to {last.end_s:.3f} s and {where}"
            cure = "let each moment have one label, or choose one tier of several with --tier"
            raise FileError.at(file, f"has {both}, which overlap: {cure}")
        if last is None or one.end_s > last.end_s:
            last = one
    middles = (edges[:-1] + edges[1:]) / 2
    lost = [
        one for one in intervals if np.diff(np.searchsorted(middles, [one.start_s, one.end_s])) == 0
    ]
    if lost:
        message = (
            "%s has %s of %s between the middles of frames, such as %r at %s s: they are lost."
        )
        count = plural(len(lost), "label")
        logger.warning(message, file, count, name, lost[0].action, f"{lost[0].start_s:g}")
    laid = frame_intervals(intervals, edges)
    labels = [one.action if one else None for one in laid]
    return Given(file, labels, [one.note if one else "" for one in laid])


def _is_text(file: Path) -> bool:
    """Tell whether labels are text with a label a line; recordings' names may have dots."""
    suffix = file.suffix.lower()
    return suffix not in SUFFIXES and (suffix in OTHERS or not is_table(file))


def _refuse_useless(
    file: Path, found: dict[str, Any], known: Mapping[str, Timeline], unknown: list[str] | None
) -> None:
    """Refuse, or leave out, recordings that were not predicted; refuse files without labels."""
    others = [name for name in found if name not in known]
    if unknown is None or len(others) == len(found):
        refuse_others(file, found, known)
    else:
        unknown += others
        for name in others:
            del found[name]
    if not found:
        raise FileError.at(file, "holds no labels")
