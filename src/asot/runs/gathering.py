"""What the report shows, gathered from a folder of predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from asot.data import Recording, Recordings
from asot.errors import DataError
from asot.figures import evidence
from asot.figures.evidence import Finding
from asot.metrics import Evaluation
from asot.page import ActionView, Page, RecordingView, Track
from asot.runs.examples import find_examples
from asot.runs.predictions import PredictionFolder, Scored
from asot.runs.run import Run, versions
from asot.text import plural
from asot.timeline.names import ActionNames
from asot.timeline.segments import UNLABELLED


def gather(
    folder: PredictionFolder,
    recordings: Recordings,
    scored: Scored | None,
    *,
    title: str,
    run: Run | None = None,
    others: Mapping[str, Mapping[str, NDArray[np.int64]]] | None = None,
    remarks: Sequence[str] = (),
) -> Page:
    """Gather a report.

    Parameters
    ----------
    folder : PredictionFolder
        A finished prediction.
    recordings : Recordings
        What it predicted, of one model.
    scored : Scored, optional
        The comparison with ground truth, where there is some.
    title : str
        Heading of the report.
    run : Run, optional
        The training that the model is from, for the settings and how they were found.
    others : mapping of str to mapping of str to (N,) int64 array, optional
        Labels of other methods: by method, then by recording.
    remarks : sequence of str
        Sentences on what to look at, before those that are found here.
    """
    models = folder.models()
    (model,) = {models[one.name] for one in recordings}
    n_actions = folder.assignment(recordings[0].name).shape[1]
    names = folder.names(model, n_actions)
    views = Views(folder, recordings, scored, others or {})
    typical, atypical = find_examples(folder, recordings)
    used = {int(label) for one in recordings for label in np.unique(folder.labels(one.name))}
    unused = sorted(set(range(n_actions)) - used)
    found = list(remarks)
    if unused:
        found.append(
            f"{n_actions - len(unused)} of {plural(n_actions, 'action')} are in use: the "
            "recordings do not need more."
        )
    settings = _settings(run, recordings)
    return Page(
        title=title,
        actions=[_action(action, names) for action in range(n_actions)],
        recordings=views,
        typical=typical,
        atypical=atypical,
        scores={} if scored is None else {n: e.scores for n, e in scored.evaluations.items()},
        matching=None if scored is None else _matching(scored, model),
        confusion=None if scored is None else _confusion(folder, recordings, scored, n_actions),
        findings=[] if run is None else _findings(run, model),
        settings=settings,
        versions=versions(),
        remarks=found,
    )


class Views(Sequence[RecordingView]):
    """The recordings of a report, each read when it is asked for.

    Parameters
    ----------
    folder : PredictionFolder
        A finished prediction.
    recordings : Recordings
        What it predicted.
    scored : Scored, optional
        Gives scores and ground truth.
    others : mapping
        As for :func:`gather`.
    """

    def __init__(
        self,
        folder: PredictionFolder,
        recordings: Recordings,
        scored: Scored | None,
        others: Mapping[str, Mapping[str, NDArray[np.int64]]],
    ) -> None:
        self._folder = folder
        self._recordings = recordings
        self._others = others
        self._scores = {} if scored is None else _scores_of_recordings(scored)
        self._truth = {} if scored is None else {one.name: one for one in scored.recordings}
        self._class_names = {} if scored is None else scored.class_names

    def __len__(self) -> int:
        return len(self._recordings)

    @overload
    def __getitem__(self, index: int) -> RecordingView: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RecordingView]: ...
    def __getitem__(self, index: int | slice) -> RecordingView | Sequence[RecordingView]:
        if isinstance(index, slice):
            return [self._view(one) for one in self._recordings[index]]
        return self._view(self._recordings[index])

    def __iter__(self) -> Iterator[RecordingView]:
        return (self._view(one) for one in self._recordings)

    def _view(self, one: Recording) -> RecordingView:
        labels, assignment = self._folder.labels_of(one), self._folder.assignment(one.name)
        own = assignment[np.arange(len(labels)), np.maximum(labels, 0)]
        confidence = np.where(labels == UNLABELLED, 0, own).astype(np.float32)
        tracks = []
        if one.name in self._truth:
            truth = self._truth[one.name].ground_truth
            assert truth is not None
            tracks.append(_as_track("ground truth", truth, self._class_names))
        for method, predicted in self._others.items():
            if one.name in predicted:
                tracks.append(Track(method, predicted[one.name]))
        origin = one.origin
        is_video = origin is not None and origin.kind == "video"
        signals, signal_names = (None, ()) if is_video else _signals(one)
        times = one.times
        return RecordingView(
            name=one.name,
            labels=labels,
            times=times,
            confidence=confidence,
            tracks=tuple(tracks),
            media=Path(origin.path) if origin is not None and is_video else None,
            media_start_s=float(origin.media.get("start_s", 0.0)) if origin is not None else 0.0,
            media_sound=origin is None or not origin.remarks,
            signals=signals,
            signal_names=signal_names,
            scores=self._scores.get(one.name, {}),
            activity=one.activity,
            remarks=tuple(origin.remarks) if origin is not None else (),
        )


def _action(action: int, names: ActionNames) -> ActionView:
    return ActionView(
        action, names.names.get(action, ""), names.merged.get(action), action in names.background
    )


def _as_track(name: str, labels: NDArray[np.int64], names: Mapping[int, str]) -> Track:
    """A track of class ids, which may be negative or far apart, as 0, 1, ... in their order."""
    known = sorted({*names, *np.unique(labels).tolist()})
    places = np.searchsorted(known, labels)
    return Track(name, places, {i: names.get(one, str(one)) for i, one in enumerate(known)})


def _scores_of_recordings(scored: Scored) -> dict[str, dict[str, float]]:
    evaluation = scored.evaluations["activity"]
    found = {}
    for one, scores in zip(scored.recordings, evaluation.per_recording, strict=True):
        if scores is not None:
            found[one.name] = {str(key): scores[key] for key in ("mof", "f1@50") if key in scores}
    return found


def _matching(scored: Scored, model: str) -> dict[int, str]:
    pairs = _pairs(scored.evaluations["activity"], model)
    return {action: scored.class_names.get(one, str(one)) for action, one in pairs.items()}


def _pairs(evaluation: Evaluation, model: str) -> dict[int, int]:
    matching: Any = evaluation.matching
    nested = matching.get(model)
    pairs = nested if isinstance(nested, dict) else matching
    return {int(action): int(one) for action, one in pairs.items()}


def _confusion(
    folder: PredictionFolder, recordings: Recordings, scored: Scored, n_actions: int
) -> tuple[NDArray[np.int64], list[str]]:
    wanted = set(recordings.names)
    truths: dict[str, NDArray[np.int64]] = {}
    for one in scored.recordings:
        truth = one.ground_truth
        if one.name in wanted and truth is not None:
            truths[one.name] = truth
    classes = sorted({int(c) for truth in truths.values() for c in np.unique(truth)})
    counts = np.zeros((n_actions, len(classes)), dtype=np.int64)
    for name, truth in truths.items():
        labels = folder.labels(name)
        known = labels != UNLABELLED
        np.add.at(counts, (labels[known], np.searchsorted(classes, truth)[known]), 1)
    return counts, [scored.class_names.get(one, str(one)) for one in classes]


def _signals(one: Recording) -> tuple[NDArray[np.float32] | None, tuple[str, ...]]:
    """What was recorded, where it was no video: the raw signals, or else the features."""
    feature_file = next((path for path in one.files if path.suffix == ".npy"), None)
    if feature_file is not None:
        # features/[<activity>/]<name>.npy beside signals/<name>.npy
        for root in feature_file.parents[1:3]:
            path = root / "signals" / f"{one.name}.npy"
            if path.is_file():
                origin = one.origin
                columns = [] if origin is None else origin.media.get("columns", [])
                try:
                    raw: NDArray[np.float32] = np.load(path, allow_pickle=False)
                except (OSError, ValueError) as error:
                    raise DataError(f"{path} cannot be read: {error}.") from error
                return raw, tuple(columns) if len(columns) == raw.shape[1] else ()
    features = np.asarray(one.features[:, :64], dtype=np.float32)
    return features, ()


def _settings(run: Run | None, recordings: Recordings) -> dict[str, str]:
    found: dict[str, str] = {}
    origin = recordings[0].origin
    if origin is not None:
        for key, value in origin.extractor.items():
            found[f"features: {key}"] = str(value)
    if run is not None:
        found.update(_flat(run.recipe().to_dict()))
        found["seed"] = str(run.seed)
    return found


def _findings(run: Run, model: str) -> list[Finding]:
    of_models = evidence.read_evidence(run.root / evidence.FILE)
    return evidence.findings(of_models[model]) if model in of_models else []


def _flat(values: Mapping[str, Any], place: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in values.items():
        name = f"{place}.{key}" if place else key
        if isinstance(value, Mapping):
            found.update(_flat(value, name))
        else:
            found[name] = str(value)
    return found
