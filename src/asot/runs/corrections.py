"""People's corrections: names of actions, and segments that come back from other tools."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from asot.errors import ArgumentError, DataError, FileError
from asot.export import read, read_frames
from asot.files import write_text
from asot.page.content import Identity
from asot.runs.predictions import PredictionFolder
from asot.text import listing
from asot.timeline.names import ActionNames, read_names
from asot.timeline.segments import BACKGROUND, Interval, Timeline, even_times, frame_actions

logger = logging.getLogger(__name__)

# Endings of files that count in seconds; other files hold a label a line.
IN_SECONDS = frozenset({".csv", ".tsv", ".eaf", ".json"})
# Endings of exported files that are not read back.
OTHERS = frozenset({".parquet", ".boris", ".vtt", ".xml"})


def relabel(
    folder: PredictionFolder, path: Path, model: str | None = None, data: Path | None = None
) -> ActionNames:
    """Give the actions of a prediction the names of a file, and write the segment table anew.

    The file is as the page downloads it. ``model`` says whose actions are meant, where recordings
    were labelled by several models; ``data`` is where the data set is now.
    """
    models = folder.models()
    known = list(dict.fromkeys(models.values()))
    if model is None and len(known) > 1:
        raise DataError(
            f"{folder.root} has several models, each with actions of its own: say which with "
            f"--model, of {', '.join(known)}.",
            setting="model",
        )
    chosen = model or known[0]
    labelled = [name for name, one in models.items() if one == chosen]
    if not labelled:
        message = f"{folder.root} has no model {chosen!r}; it has: {', '.join(known)}."
        raise DataError(message, setting="model")
    n_actions = folder.n_actions(chosen)
    names = read_names(path, n_actions)
    identity = Identity(range(n_actions))
    for name in labelled:
        identity.add(name, folder.labels(name))
    if names.page not in (None, identity.text):
        logger.warning(
            "%s comes from the page of other results, where the actions may be others: look at "
            "the page, and download names.json there if the names are wrong.",
            path,
        )
    folder.rename(folder.open_data(data).recordings, chosen, names)
    return names


def timelines(
    folder: PredictionFolder, data: Path | None = None, frame_rate: float | None = None
) -> list[Timeline]:
    """Return the segments of a prediction, under the names that its actions have now.

    ``data`` is where the data set is now, and ``frame_rate`` the frames a second of recordings
    whose times are not known.
    """
    recordings = folder.open_data(data).recordings
    models = folder.models()
    found = [folder.timeline(one, models[one.name]) for one in recordings]
    for i, one in enumerate(found):
        if frame_rate is not None and one.times is None:
            found[i] = one.timed(even_times(one.n_frames, frame_rate))
    return found


def take_truth(
    folder: PredictionFolder,
    named: Sequence[Path],
    data: Path | None = None,
    frame_rate: float | None = None,
    from_zero: bool = False,
) -> list[str]:
    """Make corrected labels the ground truth of a prediction, and return their recordings' names.

    ``named`` are files of a format that is read back, or folders of them; frames without a label
    are "background". With ``from_zero``, they count time from the first frame, not by the
    recording's own clock. ``data`` and ``frame_rate`` are as for :func:`timelines`.
    """
    known = {one.recording: one for one in timelines(folder, data, frame_rate)}
    if from_zero:
        for name, one in known.items():
            known[name] = one if one.times is None else one.timed(one.times - one.times[0])
    labels: dict[str, list[str]] = {}
    for place in named:
        for recording, frames in _read(place, known).items():
            if recording in labels:
                raise FileError.at(place, f"names {recording}, which was named before")
            n_frames = known[recording].n_frames
            if len(frames) != n_frames:
                message = f"has {len(frames)} labels for {recording}, which has {n_frames} frames"
                raise FileError.at(place, f"{message}: export it again")
            labels[recording] = frames
    for recording, frames in labels.items():
        write_text(folder.truth_path(recording), "".join(f"{one}\n" for one in frames))
    return list(labels)


def _read(place: Path, known: Mapping[str, Timeline]) -> dict[str, list[str]]:
    """Read a label for each frame of each recording in a file or folder."""
    if _is_text(place):
        labels = read_frames(place)
        _refuse_others(place, labels, known)
        return labels
    times = {name: one.times for name, one in known.items() if one.times is not None}
    if not times:
        raise FileError.at(
            place,
            "cannot be used, because the recordings have frames but no times: give their frames a "
            "second with --frame_rate, or labels as text, one a line and frame",
        )
    by_recording: dict[str, list[Interval]] = {}
    for interval in read(place, times=times):
        by_recording.setdefault(interval.recording, []).append(interval)
    _refuse_others(place, by_recording, known)
    found = {}
    for name, intervals in by_recording.items():
        try:
            edges = known[name].seconds
        except ArgumentError as error:
            raise FileError.at(place, f"cannot be used: {error}".rstrip(".")) from error
        frame = float(np.diff(edges).max())
        for one in intervals:
            if one.start_s < edges[0] - frame or one.end_s > edges[-1] + frame:
                raise FileError.at(
                    place,
                    f"has {one.action!r} from {one.start_s:.3f} to {one.end_s:.3f} s of {name}, "
                    f"which lasts from {edges[0]:.3f} to {edges[-1]:.3f} s: is it of another "
                    "recording, or does it count from the first frame (--from_zero)",
                )
        frames = frame_actions(intervals, edges)
        found[name] = [BACKGROUND if one is None else one for one in frames]
    return found


def _is_text(place: Path) -> bool:
    """Tell whether labels are text with a label a line; recordings' names may have dots."""
    if not place.is_dir():
        if place.suffix.lower() in OTHERS:
            cure = "use CSV, ELAN, Label Studio or text with a label a line"
            raise FileError.at(place, f"is of a format that is not read back: {cure}")
        return place.suffix.lower() not in IN_SECONDS
    files = [one for one in place.iterdir() if one.is_file() and not one.name.startswith(".")]
    in_seconds = any(one.suffix.lower() in IN_SECONDS for one in files)
    return (place / "groundTruth").is_dir() or (bool(files) and not in_seconds)


def _refuse_others(place: Path, found: Mapping[str, object], known: Mapping[str, Timeline]) -> None:
    """Refuse labels of recordings that were not predicted, and files without labels."""
    others = [name for name in found if name not in known]
    if others:
        recordings = f"the recordings are {listing(list(known))}"
        raise FileError.at(place, f"speaks of {others[0]!r}, which was not predicted; {recordings}")
    if not found:
        raise FileError.at(place, "holds no labels")
