"""The recordings of a page, with all that is shown of each: labels, tracks, signals, video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.data import Recording, Recordings
from asot.data.features import map_array
from asot.data.origin import Origin
from asot.figures.verdicts import Word
from asot.kept import Kept
from asot.metrics.evaluate import plain_title
from asot.page import Portrait, RecordingView, Track
from asot.runs.portraits import Measured, draw_portraits
from asot.runs.predictions import PredictionFolder
from asot.runs.scores import Scored
from asot.runs.stick_figures import stick_figure
from asot.timeline.names import ActionNames
from asot.timeline.segments import UNLABELLED

Labels = NDArray[np.int64]


class ReadOnce(Kept):
    """Labels of recordings (N,), read once as far as there is memory for them."""

    def __init__(self, recordings: Recordings, read: Callable[[Recording], Labels | None]) -> None:
        super().__init__(len(recordings))
        self._recordings, self._read_labels = recordings, read
        self._of_name = {name: place for place, name in enumerate(recordings.names)}

    def _make(self, index: int) -> Labels:
        labels = self._read_labels(self._recordings[index])
        assert labels is not None
        return labels

    def __contains__(self, name: object) -> bool:
        return name in self._of_name

    def of(self, one: Recording) -> Labels:
        """Return the labels of a recording."""
        labels: Labels = self[self._of_name[one.name]]
        return labels


class FoundLabels(ReadOnce):
    """The labels of recordings, as they were found."""

    def __init__(self, folder: PredictionFolder, recordings: Recordings) -> None:
        super().__init__(recordings, folder.labels_of)
        self._folder = folder

    def corrected(self, one: Recording, n_actions: int) -> Labels:
        """Return the labels of a recording, with those of corrected segments in their place."""
        labels, found = self.of(one), self._folder.corrected(one.name, n_actions)
        return labels if found is None else found.apply(labels)


class Views(Sequence[RecordingView]):
    """The recordings of a page, each read when it is asked for."""

    def __init__(
        self,
        folder: PredictionFolder,
        found: FoundLabels,
        recordings: Recordings,
        scored: Scored | None,
        truths: ReadOnce,
        others: Mapping[str, Mapping[str, Labels]],
        verdict: Word,
        names: ActionNames,
    ) -> None:
        self._verdict = verdict
        self._names = names
        self._folder = folder
        self._found = found
        self._recordings = recordings
        self._others = others
        self._scores: dict[str, dict[str, float]] = {}
        # Figures are drawn of the points that all have.
        origins = [one.origin for one in recordings]
        poses = [one.media.get("columns", []) for one in origins if one and one.kind == "pose"]
        self._points = (
            [name for name in poses[0] if all(name in own for own in poses)] if poses else None
        )
        self._truths = truths
        self._class_names = {} if scored is None else scored.class_names
        if scored is not None:
            every = scored.evaluations["activity"].per_recording
            for one, scores in zip(scored.recordings, every, strict=True):
                # A score of the few frames that people looked at says nothing of a recording.
                if scored.unseen is not None and np.any(truths.of(one) == scored.unseen):
                    continue
                shown = [key for key in ("mof", "f1@50") if scores and key in scores]
                self._scores[one.name] = {plain_title(key): (scores or {})[key] for key in shown}

    def __len__(self) -> int:
        return len(self._recordings)

    def __getitem__(self, index: Any) -> Any:
        one = self._recordings[index]
        if not isinstance(one, Recording):
            return [self[place] for place in range(*index.indices(len(self)))]
        labels, assignment = self._found.of(one), self._folder.assignment(one.name)
        assignment = np.pad(assignment, ((0, 0), (0, self._names.added)))
        # As in the table of segments: the shares of merged actions are those of one action.
        merged, shares = self._names.apply(labels), self._names.shares(assignment)
        frames = np.arange(len(labels))
        own = shares[frames, np.maximum(merged, 0)]
        own = np.where(merged == UNLABELLED, assignment[frames, labels], own)
        confidence = np.where(labels == UNLABELLED, 0, own).astype(np.float32)
        tracks = []
        if one.name in self._truths:
            truth = self._truths.of(one)
            tracks.append(_as_track("ground truth", truth, self._class_names))
        for method, predicted in self._others.items():
            if one.name in predicted:
                tracks.append(Track(method, predicted[one.name]))
        origin = one.origin
        is_video = origin is not None and origin.kind == "video"
        signals, signal_names = (None, ()) if is_video else _signals(one)
        return RecordingView(
            name=one.name,
            labels=labels,
            times=one.times,
            confidence=confidence,
            shares=shares,
            steps=self._folder.steps(one.name),
            corrected=self._folder.corrected(one.name, assignment.shape[1]),
            tracks=tuple(tracks),
            signals=signals,
            signal_names=signal_names,
            pose=stick_figure(one, self._points),
            scores=self._scores.get(one.name, {}),
            activity=one.activity,
            verdict=self._word(float(confidence.mean())),
            **_of_origin(origin),
        )

    def _word(self, share: float) -> Word:
        # Late, as it imports torch, and the command line must show its help at once.
        from asot.discover.verdict import verdict_on_recording

        whole = self._verdict
        return whole if whole == "not known" else verdict_on_recording(share, whole)


def _of_origin(origin: Origin | None) -> dict[str, Any]:
    """Return what a view takes from the recording's origin: the video and the remarks."""
    if origin is None:
        return {}
    is_video = origin.kind == "video"
    start_s = origin.media.get("start_s" if is_video else "video_start_s", 0.0)
    return {
        "media": origin.video,
        "media_fingerprint": origin.video_fingerprint,
        "media_start_s": float(start_s),
        "media_rate": origin.media.get("frame_rate" if is_video else "video_rate"),
        "media_shift_s": origin.video_shift_s,
        "media_sound": not (is_video and origin.remarks),
        "remarks": (*origin.remarks, *filter(None, [origin.media.get("video_remark")])),
    }


def _as_track(name: str, labels: Labels, names: Mapping[int, str]) -> Track:
    """Make a track of class ids, which may be negative or far apart, as 0, 1, ... in order.

    The label -1 stands for none where no class has it.
    """
    known = sorted({*names, *np.unique(labels).tolist()} - ({UNLABELLED} - names.keys()))
    places = np.where(np.isin(labels, known), np.searchsorted(known, labels), UNLABELLED)
    return Track(name, places, {i: names.get(one, str(one)) for i, one in enumerate(known)})


def _signals(one: Recording) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Read the raw signals of a recording that is not a video, or else its features."""
    found = _measured(one)
    return (np.asarray(one.features[:, :64], dtype=np.float32), ()) if found is None else found


def _measured(one: Recording) -> tuple[NDArray[np.float32], tuple[str, ...]] | None:
    """Read the measured signals of a recording, with their names, if there are any."""
    feature_file = next((path for path in one.files if path.suffix == ".npy"), None)
    if feature_file is not None:
        # features/[<activity>/]<name>.npy beside signals/<name>.npy
        for root in feature_file.parents[1:3]:
            path = root / "signals" / f"{one.name}.npy"
            if path.is_file():
                raw = np.asarray(map_array(path), dtype=np.float32)
                # Of other features than these.
                if raw.ndim != 2 or not len(raw) or len(raw) % one.n_frames:
                    return None
                origin = one.origin
                columns = [] if origin is None else origin.media.get("columns", [])
                return raw, tuple(columns) if len(columns) == raw.shape[1] else ()
    return None


def portraits_of(
    labels: FoundLabels, recordings: Recordings, names: ActionNames, n_actions: int
) -> dict[int, Portrait]:
    """Say what tells the actions of sensor logs apart; of poses, levels and spreads say nothing."""

    def measured() -> Iterator[Measured]:
        for one in recordings:
            origin, times = one.origin, one.times
            found = _measured(one) if origin is not None and origin.kind == "series" else None
            if found is not None and found[1] and times is not None:
                yield Measured(*found, names.apply(labels.corrected(one, n_actions)), times)

    return draw_portraits(measured())
