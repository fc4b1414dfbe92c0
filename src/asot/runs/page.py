"""Pages of a prediction, one for each model: their content is gathered and written."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from asot.data import Recording, Recordings
from asot.errors import AsotError, ConfigurationError, DataError
from asot.figures.evidence import findings
from asot.figures.evidence_file import EVIDENCE_FILE, read_evidence
from asot.figures.verdicts import VerdictText
from asot.files import write_json
from asot.groups.design import Design
from asot.inputs.companions import find_companions, with_companions
from asot.inputs.settings import SeriesSettings
from asot.metrics.evaluate import SCORE_MEANINGS, matching_title, plain_title
from asot.page import ActionView, Page, render_page
from asot.page.groups import GroupsView
from asot.progress import Progress, silent
from asot.runs.alike import Survey
from asot.runs.examples import find_examples
from asot.runs.predictions import PredictionFolder, find_predictions
from asot.runs.run import Run, find_training, told_scores, versions
from asot.runs.scores import Scored, score
from asot.runs.stats import collect, group_view
from asot.runs.verdicts import verdict_of
from asot.runs.views import Views, corrected_labels, portraits_of
from asot.schema import read_json
from asot.text import plural, printable
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
    videos: str | None = None
    skeleton: str | None = None


def write_page(
    folder: PredictionFolder,
    out: Path,
    *,
    embed: bool = False,
    data: Path | None = None,
    others: Mapping[str, PredictionFolder] | None = None,
    videos: Path | None = None,
    skeleton: Path | None = None,
    notice: VerdictText | None = None,
    groups: Design | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Write a page for each model of a prediction, in ``out`` or below it, and return the pages.

    ``embed`` puts a page into one file, ``data`` is where the data set is now, and ``others`` are
    other predictions of the same recordings, to show beneath. ``videos``, a folder, and
    ``skeleton``, a file, go with poses and signals on this page alone: the data set stays as it is.
    A ``notice`` that the result is preliminary takes the place of the verdict; such a page has no
    scores and no clips. ``groups`` are compared on the page, or those that an earlier page of these
    results compared.
    """
    strangers = out.is_dir() and any(not one.name.startswith(".") for one in out.iterdir())
    if strangers and not (out / SETTINGS).is_file():
        message = f"{out} holds something else: choose another folder for the page."
        raise ConfigurationError(message, file=out)
    roots = {name: str(other.root.resolve()) for name, other in (others or {}).items()}
    groups = groups or earlier_groups(out) or earlier_groups(folder.root.parent / PAGE)
    content = Content.of(folder, data, others, videos, skeleton, notice, groups)
    given = (None if one is None else str(one.resolve()) for one in (videos, skeleton))
    # Written first, so that the folder of an interrupted page is known as a page's.
    write_json(out / SETTINGS, msgspec.to_builtins(PageSettings(embed, roots, groups, *given)))
    return [
        render_page(page, out / model, embed=embed, clips=notice is None, progress=progress)
        for model, page in content.pages()
    ]


@dataclass(frozen=True, eq=False)
class Content:
    """What the pages of a prediction show, checked but not yet gathered."""

    folder: PredictionFolder
    recordings: Sequence[Recording]
    scored: Scored | None
    beneath: Mapping[str, Mapping[str, Labels]]
    notice: VerdictText | None
    compared: Mapping[str, GroupsView]

    @classmethod
    def of(
        cls,
        folder: PredictionFolder,
        data: Path | None = None,
        others: Mapping[str, PredictionFolder] | None = None,
        videos: Path | None = None,
        skeleton: Path | None = None,
        notice: VerdictText | None = None,
        groups: Design | None = None,
    ) -> Content:
        """Open what is shown; the arguments are those of :func:`write_page`."""
        opened = folder.open_data(data)
        scored = score(folder, data) if opened.labelled and notice is None else None
        beneath: dict[str, dict[str, Labels]] = {}
        for name, other in (others or {}).items():
            predicted = other.models()
            own = [one for one in opened.recordings if one.name in predicted]
            beneath[name] = {one.name: other.labels_of(one) for one in own}
        root = folder.data_root(data)
        companions = find_companions(videos, skeleton, (), SeriesSettings(), root)
        changed, said = with_companions(companions, root)
        for name, sentence in said.items():
            logger.warning("%s: %s", printable(name), sentence)
        recordings = [
            one.with_origin(changed[one.name]) if one.name in changed else one
            for one in opened.recordings
        ]
        compared = {} if notice else _group_views(folder, groups, data)
        return cls(folder, recordings, scored, beneath, notice, compared)

    def pages(self) -> Iterator[tuple[str, Page]]:
        """Gather the page of each model, with its folder: "" where there is one."""
        models = self.folder.models()
        known = list(dict.fromkeys(models.values()))
        for model in known:
            own = Recordings([one for one in self.recordings if models[one.name] == model])
            count = plural(len(own), "recording")
            title = f"{model}: {count}" if len(known) > 1 else f"Actions in {count}"
            page = gather(
                *(self.folder, own, self.scored),
                title=title,
                others=self.beneath,
                notice=self.notice,
                groups=self.compared.get(model),
            )
            yield model if len(known) > 1 else "", page


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
    settings = read_json(
        out / SETTINGS, PageSettings, "write the page again with asot page", urls=True
    )
    others = {}
    for name, root in settings.others.items():
        try:
            others[name] = find_predictions(Path(root))
        except DataError:
            logger.warning("%s is no longer in %s and left out of the page.", name, root)
    videos, skeleton = (_still(place) for place in (settings.videos, settings.skeleton))
    return write_page(
        folder,
        out,
        embed=settings.embed,
        data=data,
        others=others,
        groups=groups,
        videos=videos,
        skeleton=skeleton,
        progress=progress,
    )


def _still(place: str | None) -> Path | None:
    found = None if place is None else Path(place)
    if found is None or found.exists():
        return found
    logger.warning("%s is no longer there and left out of the page.", place)
    return None


def earlier_groups(out: Path) -> Design | None:
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
        return corrected_labels(folder, one, n_actions)

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
        portraits=portraits_of(folder, recordings, names, n_actions),
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
        identity=folder.identity(model),
    )


def _matching(scored: Scored, model: str) -> dict[int, str]:
    names, pairs = scored.class_names, scored.matchings.get(model, {})
    return {int(action): names.get(int(one), str(one)) for action, one in pairs.items()}


def _confusion(
    folder: PredictionFolder, recordings: Recordings, scored: Scored, n_actions: int
) -> tuple[NDArray[np.int64], list[str]]:
    """Count the frames that each action shares with each class, as they were found and scored."""
    wanted = set(recordings.names)
    found = [(one, one.ground_truth) for one in scored.recordings if one.name in wanted]
    truths = [(one, truth) for one, truth in found if truth is not None]
    held = {int(c) for _, truth in truths for c in np.unique(truth)}
    classes = sorted(held - ({UNLABELLED} - scored.class_names.keys()))
    counts = np.zeros((n_actions, len(classes)), dtype=np.int64)
    for one, truth in truths:
        labels = folder.labels_of(one)
        known = (labels != UNLABELLED) & np.isin(truth, classes)
        np.add.at(counts, (labels[known], np.searchsorted(classes, truth)[known]), 1)
    return counts, [scored.class_names.get(one, str(one)) for one in classes]


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
