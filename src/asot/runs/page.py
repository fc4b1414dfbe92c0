"""Pages of a prediction, one for each model: their content is gathered and written."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from asot.data import Recording, Recordings
from asot.data.features import map_array
from asot.data.origin import Origin
from asot.errors import AsotError, ConfigurationError, DataError
from asot.figures.evidence import findings
from asot.figures.evidence_file import EVIDENCE_FILE, read_evidence
from asot.figures.verdicts import VerdictText, Word
from asot.files import write_json
from asot.groups.design import Design
from asot.metrics.evaluate import SCORE_MEANINGS, matching_title, plain_title
from asot.page import ActionView, Page, Portrait, RecordingView, Track, render_page
from asot.page.groups import GroupsView
from asot.progress import Progress, silent
from asot.runs.alike import Survey
from asot.runs.examples import find_examples
from asot.runs.portraits import Measured, draw_portraits
from asot.runs.predictions import PredictionFolder, find_predictions
from asot.runs.run import Run, find_training, told_scores, versions
from asot.runs.scores import Scored, score
from asot.runs.stats import collect, group_view
from asot.runs.stick_figures import stick_figure
from asot.runs.verdicts import verdict_of
from asot.schema import read_json
from asot.text import plural
from asot.timeline.names import ActionNames
from asot.timeline.segments import UNLABELLED

logger = logging.getLogger(__name__)

PAGE = "page"
SETTINGS = "page.json"

Labels = NDArray[np.int64]


class PageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of ``page.json``: the choices to write a page with again."""

    embed: bool
    others: dict[str, str]
    groups: Design | None = None


def write_page(
    folder: PredictionFolder,
    out: Path,
    *,
    embed: bool = False,
    data: Path | None = None,
    others: Mapping[str, PredictionFolder] | None = None,
    notice: VerdictText | None = None,
    groups: Design | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Write a page for each model of a prediction, in ``out`` or below it, and return the pages.

    ``embed`` puts a page into one file, ``data`` is where the data set is now, and ``others`` are
    other predictions of the same recordings, to show beneath. A ``notice`` that the result is
    preliminary takes the place of the verdict; such a page has no scores and no clips. ``groups``
    are compared on the page, or those that an earlier page of these results compared.
    """
    strangers = out.is_dir() and any(not one.name.startswith(".") for one in out.iterdir())
    if strangers and not (out / SETTINGS).is_file():
        message = f"{out} holds something else: choose another folder for the page."
        raise ConfigurationError(message, file=out)
    opened = folder.open_data(data)
    scored = score(folder, data) if opened.labelled and notice is None else None
    models = folder.models()
    known = list(dict.fromkeys(models.values()))
    beneath: dict[str, dict[str, Labels]] = {}
    for name, other in (others or {}).items():
        predicted = other.models()
        own = [one for one in opened.recordings if one.name in predicted]
        beneath[name] = {one.name: other.labels_of(one) for one in own}
    roots = {name: str(other.root.resolve()) for name, other in (others or {}).items()}
    groups = groups or _compared(out) or _compared(folder.root.parent / PAGE)
    compared = {} if notice else _group_views(folder, groups, data)
    # Written first, so that the folder of an interrupted page is known as a page's.
    write_json(out / SETTINGS, msgspec.to_builtins(PageSettings(embed, roots, groups)))
    pages = []
    for model in known:
        recordings = Recordings([one for one in opened.recordings if models[one.name] == model])
        count = plural(len(recordings), "recording")
        title = f"{model}: {count}" if len(known) > 1 else f"Actions in {count}"
        gathered = gather(
            folder,
            recordings,
            scored,
            title=title,
            others=beneath,
            notice=notice,
            groups=compared.get(model),
        )
        place = out / model if len(known) > 1 else out
        pages.append(
            render_page(gathered, place, embed=embed, clips=notice is None, progress=progress)
        )
    return pages


def rewrite_page(
    folder: PredictionFolder,
    results: Path,
    data: Path | None = None,
    progress: Progress = silent,
    groups: Design | None = None,
) -> list[Path]:
    """Write the page of a folder of results again, with the same choices, if it has a page.

    ``groups`` take the place of those that were compared on it.
    """
    out = results / PAGE
    if not (out / SETTINGS).is_file():
        return []
    settings = read_json(out / SETTINGS, PageSettings, "write the page again with asot page")
    others = {}
    for name, root in settings.others.items():
        try:
            others[name] = find_predictions(Path(root))
        except DataError:
            logger.warning("%s is no longer in %s and left out of the page.", name, root)
    choices: dict[str, Any] = {"embed": settings.embed, "others": others, "groups": groups}
    return write_page(folder, out, data=data, **choices, progress=progress)


def _compared(out: Path) -> Design | None:
    """Return the groups that an earlier page compared, if there is one that tells."""
    with suppress(DataError):
        return read_json(out / SETTINGS, PageSettings).groups
    return None


def _group_views(
    folder: PredictionFolder, design: Design | None, data: Path | None
) -> dict[str, GroupsView]:
    """Compare groups, if any, for the page of each model; where that fails, say so and go on."""
    if design is None:
        return {}
    try:
        statistics = collect(folder, design, data)
        return {model: group_view(statistics, model) for model in statistics.models}
    except AsotError as error:
        logger.warning("The page does not compare the groups: %s Run asot stats again.", error)
        return {}


def named_predictions(words: Sequence[str]) -> dict[str, PredictionFolder]:
    """Find the predictions that are named by words such as ``k-means=folder``."""
    found = {}
    for word in words:
        name, equals, place = word.partition("=")
        if not (name and equals and place):
            raise ConfigurationError(f"--other takes NAME=FOLDER, not {word!r}.", setting="other")
        found[name] = find_predictions(Path(place))
    return found


def gather(
    folder: PredictionFolder,
    recordings: Recordings,
    scored: Scored | None,
    *,
    title: str,
    others: Mapping[str, Mapping[str, Labels]] | None = None,
    notice: VerdictText | None = None,
    groups: GroupsView | None = None,
) -> Page:
    """Gather the content of the page of one model's recordings; see ``write_page``."""
    models = folder.models()
    (model,) = {models[one.name] for one in recordings}
    n_known = folder.n_actions(model)
    names = folder.names(model, n_known)
    n_actions = n_known + names.added

    def labels(one: Recording) -> Labels:
        return _labels(folder, one, n_actions)

    survey = Survey(n_actions)
    typical, atypical = find_examples(recordings, labels, survey)
    used = {int(label) for one in recordings for label in np.unique(folder.labels(one.name))}
    n_used = len(used - {UNLABELLED})
    remarks = []
    if n_used < n_known and notice is None:
        used_of = f"{n_used} of {plural(n_known, 'action')} are in use"
        remarks.append(f"{used_of}: the recordings do not need more.")
    run = find_training(folder)
    found = {} if run is None else read_evidence(run.root / EVIDENCE_FILE)
    verdict = notice or verdict_of(folder, model, found.get(model), run is not None)
    told = {key: plain_title(key) for key in told_scores(run)}
    evidence = found.get(model)
    pairs: list[tuple[int, int]] = []
    if evidence is not None and evidence.choice is not None:
        # They are shown where the actions are, to be merged, and not once more in words.
        pairs = evidence.choice.alike
        evidence = replace(evidence, choice=replace(evidence.choice, alike=[]))
    alike = None
    if notice is None:
        for one in recordings:
            survey.add_shares(labels(one), folder.assignment(one.name))
        alike = survey.alike(pairs)
    return Page(
        title=title,
        actions=[
            ActionView(
                *(k, names.names.get(k, ""), names.merged.get(k)),
                background=k in names.background,
                added=k >= n_known,
            )
            for k in range(n_actions)
        ],
        recordings=Views(folder, recordings, scored, others or {}, verdict.word, names),
        typical=typical,
        atypical=atypical,
        portraits=_portraits(folder, recordings, names, n_actions),
        alike=alike,
        scores={
            matching_title(one): {title: one[key] for key, title in told.items() if key in one}
            for one in ([] if scored is None else scored.evaluations.values())
        },
        meanings={title: SCORE_MEANINGS[key][1] for key, title in told.items()},
        matching=None if scored is None else _matching(scored, model),
        confusion=None if scored is None else _confusion(folder, recordings, scored, n_actions),
        verdict=verdict,
        findings=[] if evidence is None else findings(evidence),
        groups=groups,
        settings=_settings(run, recordings),
        versions=versions(),
        remarks=remarks,
    )


class Views(Sequence[RecordingView]):
    """The recordings of a page, each read when it is asked for."""

    def __init__(
        self,
        folder: PredictionFolder,
        recordings: Recordings,
        scored: Scored | None,
        others: Mapping[str, Mapping[str, Labels]],
        verdict: Word,
        names: ActionNames,
    ) -> None:
        self._verdict = verdict
        self._names = names
        self._folder = folder
        self._recordings = recordings
        self._others = others
        self._scores: dict[str, dict[str, float]] = {}
        self._truth = {} if scored is None else {one.name: one for one in scored.recordings}
        self._class_names = {} if scored is None else scored.class_names
        if scored is not None:
            found = scored.evaluations["activity"].per_recording
            for one, scores in zip(scored.recordings, found, strict=True):
                shown = [key for key in ("mof", "f1@50") if scores and key in scores]
                self._scores[one.name] = {plain_title(key): (scores or {})[key] for key in shown}

    def __len__(self) -> int:
        return len(self._recordings)

    def __getitem__(self, index: Any) -> Any:
        one = self._recordings[index]
        if not isinstance(one, Recording):
            return [self[place] for place in range(*index.indices(len(self)))]
        labels, assignment = self._folder.labels_of(one), self._folder.assignment(one.name)
        assignment = np.pad(assignment, ((0, 0), (0, self._names.added)))
        # As in the table of segments: the shares of merged actions are those of one action.
        merged, shares = self._names.apply(labels), self._names.shares(assignment)
        frames = np.arange(len(labels))
        own = shares[frames, np.maximum(merged, 0)]
        own = np.where(merged == UNLABELLED, assignment[frames, labels], own)
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
        return RecordingView(
            name=one.name,
            labels=labels,
            times=one.times,
            confidence=confidence,
            corrected=self._folder.corrected(one.name, assignment.shape[1]),
            tracks=tuple(tracks),
            signals=signals,
            signal_names=signal_names,
            pose=stick_figure(one),
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


def _labels(folder: PredictionFolder, one: Recording, n_actions: int) -> Labels:
    """Return the labels of a recording, with those of corrected segments in their place."""
    labels = folder.labels_of(one)
    found = folder.corrected(one.name, n_actions)
    return labels if found is None else found.apply(labels)


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


def _matching(scored: Scored, model: str) -> dict[int, str]:
    names, pairs = scored.class_names, scored.matchings.get(model, {})
    return {int(action): names.get(int(one), str(one)) for action, one in pairs.items()}


def _confusion(
    folder: PredictionFolder, recordings: Recordings, scored: Scored, n_actions: int
) -> tuple[NDArray[np.int64], list[str]]:
    """Count the frames that each action shares with each class."""
    wanted = set(recordings.names)
    found = [(one, one.ground_truth) for one in scored.recordings if one.name in wanted]
    truths = [(one, truth) for one, truth in found if truth is not None]
    held = {int(c) for _, truth in truths for c in np.unique(truth)}
    classes = sorted(held - ({UNLABELLED} - scored.class_names.keys()))
    counts = np.zeros((n_actions, len(classes)), dtype=np.int64)
    for one, truth in truths:
        labels = _labels(folder, one, n_actions)
        known = (labels != UNLABELLED) & np.isin(truth, classes)
        np.add.at(counts, (labels[known], np.searchsorted(classes, truth)[known]), 1)
    return counts, [scored.class_names.get(one, str(one)) for one in classes]


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


def _portraits(
    folder: PredictionFolder, recordings: Recordings, names: ActionNames, n_actions: int
) -> dict[int, Portrait]:
    """Say what tells the actions of sensor logs apart; of poses, levels and spreads say nothing."""

    def measured() -> Iterator[Measured]:
        for one in recordings:
            origin, times = one.origin, one.times
            found = _measured(one) if origin is not None and origin.kind == "series" else None
            if found is not None and found[1] and times is not None:
                yield Measured(*found, names.apply(_labels(folder, one, n_actions)), times)

    return draw_portraits(measured())


def _settings(run: Run | None, recordings: Recordings) -> dict[str, str]:
    """List the settings of the features and of the training."""
    origin = recordings[0].origin
    extractor = {} if origin is None else origin.extractor
    found = {f"features: {key}": str(value) for key, value in extractor.items()}
    if run is not None:
        found |= _flat(run.recipe().to_dict())
        found["seed"] = str(run.description().seed)
    return found


def _flat(values: Mapping[str, Any], place: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in values.items():
        name = f"{place}{key}"
        found |= _flat(value, f"{name}.") if isinstance(value, Mapping) else {name: str(value)}
    return found
