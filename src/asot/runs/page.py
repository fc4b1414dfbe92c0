"""Pages of a prediction, one for each model: their content is gathered and written."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
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
from asot.files import fingerprint, write_json
from asot.folders import files_below
from asot.groups.design import Design
from asot.inputs.companions import find_companions, with_companions
from asot.inputs.settings import SeriesSettings
from asot.metrics.evaluate import SCORE_MEANINGS, matching_title, plain_title
from asot.model.recipe import flat_settings
from asot.page import ActionView, Page, render_page
from asot.page.groups import GroupsView
from asot.progress import Progress, silent
from asot.remote import file_size
from asot.runs.alike import Survey
from asot.runs.examples import find_examples
from asot.runs.predictions import INDEX, MADE, PredictionFolder, find_predictions
from asot.runs.run import Run, find_training, told_scores, versions
from asot.runs.scores import Scored, score
from asot.runs.stats import collect, group_view
from asot.runs.verdicts import verdict_of
from asot.runs.views import FoundLabels, ReadOnce, Views, portraits_of
from asot.schema import read_json
from asot.text import in_use, plural, printable
from asot.timeline.segments import UNLABELLED

logger = logging.getLogger(__name__)

PAGE = "page"
SETTINGS = "page.json"
# Parts of a prediction that a page does not show.
ASIDE = {INDEX, MADE, "scores.json", "figures", "earlier"}

Labels = NDArray[np.int64]


class PageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of ``page.json``: the choices to write a page with again.

    A finished page has a hash of all that it was ``made_of``, and its ``files`` with their sizes.
    """

    embed: bool
    others: dict[str, str]
    groups: Design | None = None
    videos: str | None = None
    skeleton: str | None = None
    made_of: str | None = None
    files: dict[str, int] | None = None


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
    keep: bool = False,
    progress: Progress = silent,
) -> list[Path]:
    """Write a page for each model of a prediction, in ``out`` or below it, and return the pages.

    ``embed`` puts a page into one file, ``data`` is where the data set is now, and ``others`` are
    other predictions of the same recordings, to show beneath. ``videos``, a folder, and
    ``skeleton``, a file, go with poses and signals on this page alone: the data set stays as it is.
    A ``notice`` that the result is preliminary takes the place of the verdict; such a page has no
    scores and no clips. ``groups`` are compared on the page, or those that an earlier page of these
    results compared. With ``keep`` an earlier page stays where it would be made of the same and
    none of its files is lost or of another size.
    """
    strangers = out.is_dir() and any(not one.name.startswith(".") for one in out.iterdir())
    if strangers and not (out / SETTINGS).is_file():
        message = f"{out} holds something else: choose another folder for the page."
        raise ConfigurationError(message, file=out)
    roots = {name: str(other.root.resolve()) for name, other in (others or {}).items()}
    groups = groups or earlier_groups(out) or earlier_groups(folder.root.parent / PAGE)
    given = [None if one is None else str(one.resolve()) for one in (videos, skeleton)]
    settings = PageSettings(embed, roots, groups, videos=given[0], skeleton=given[1])
    made = None
    if notice is None and not others and videos is None and skeleton is None:
        made = replace(settings, made_of=_made_of(folder, out, settings, data))
    earlier = _earlier(out) if keep else None
    if earlier is not None and earlier.files and replace(earlier, files=None) == made:
        models = list(dict.fromkeys(folder.models().values()))
        # What the list names becomes no path: it may be a stranger's.
        if earlier.files.items() <= _files(out).items():
            return [out / (one if len(models) > 1 else "") / "index.html" for one in models]
    content = Content.of(folder, data, others, videos, skeleton, notice, groups)
    # Written first, so that the folder of an interrupted page is known as a page's.
    write_json(out / SETTINGS, msgspec.to_builtins(settings))
    pages = [
        render_page(page, out / model, embed=embed, clips=notice is None, progress=progress)
        for model, page in content.pages()
    ]
    if made is not None:
        write_json(out / SETTINGS, msgspec.to_builtins(replace(made, files=_files(out))))
    return pages


def _files(out: Path) -> dict[str, int]:
    """List the files of the pages in ``out``, with their sizes in bytes."""
    found = (one for one in files_below(out) if one.name != SETTINGS)
    return {
        one.relative_to(out).as_posix(): file_size(one)
        for one in found
        if not one.name.startswith(".")
    }


def _made_of(folder: PredictionFolder, out: Path, settings: PageSettings, data: Path | None) -> str:
    """Return a hash of all that a page in ``out`` is made of, wherever both lie."""
    index, root, run = folder.index(), folder.data_root(data), find_training(folder)
    below = {one: one.relative_to(folder.root).parts[0] for one in files_below(folder.root)}
    files = [one for one, part in below.items() if part not in ASIDE and not part.startswith(".")]
    files += sorted(root.glob("mapping/*"))
    layout = {**asdict(index.source), "root": ""}
    parts: list[Any] = [versions(), bool(find_spec("av")), settings, layout, index.checkpoints]
    if run is not None:
        parts += [run.recipe().to_dict(), run.description().seed]
        files.append(run.root / EVIDENCE_FILE)
    for known, one in zip(index.recordings, folder.open_data(data).recordings, strict=True):
        origin = one.origin
        parts += [known, origin, *_told_of(None if origin is None else origin.video, out)]
        more = (root / part / f"{one.name}.npy" for part in ("times", "signals", "points"))
        files += [*one.files, *more]
    parts += [(path.name, fingerprint(path)) for path in files if path.is_file()]
    return hashlib.sha256(json.dumps(msgspec.to_builtins(parts)).encode()).hexdigest()


def _told_of(video: Path | None, out: Path) -> list[Any]:
    """Return the way from a page to a video, and the video's size and time of change."""
    if video is None:
        return []
    try:
        way = os.path.relpath(video, out)
    except ValueError:  # another drive
        way = str(video)
    status = video.stat() if video.is_file() else None
    return [way, *([] if status is None else [status.st_size, status.st_mtime_ns])]


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
    earlier = _earlier(out)
    return None if earlier is None else earlier.groups


def _earlier(out: Path) -> PageSettings | None:
    """Return the settings of an earlier page, if there is one that tells."""
    with suppress(DataError):
        return read_json(out / SETTINGS, PageSettings)
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

    read = FoundLabels(folder, recordings)
    labelled = Recordings([]) if scored is None else scored.recordings
    truths = ReadOnce(labelled, lambda one: one.ground_truth)

    def labels(one: Recording) -> Labels:
        return read.corrected(one, n_actions)

    survey = Survey(n_actions)
    typical, atypical = find_examples(recordings, labels, survey)
    used = {int(label) for one in recordings for label in np.unique(read.of(one))}
    n_used = len(used - {UNLABELLED})
    run = find_training(folder)
    found = {} if run is None else read_evidence(run.root / EVIDENCE_FILE)
    evidence = found.get(model)
    verdict = notice or verdict_of(folder, model, evidence, run is not None)
    told = {key: plain_title(key) for key in told_scores(run)}
    remarks = []
    if n_used < n_known and notice is None:
        was_found = evidence is not None and evidence.n_actions is not None
        needless = "the number that was found may be too high"
        why = needless if was_found else "the recordings do not need more"
        remarks.append(f"{in_use(n_used, n_known)}: {why}.")
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
        recordings=Views(
            folder, read, recordings, scored, truths, others or {}, verdict.word, names
        ),
        typical=typical,
        atypical=atypical,
        portraits=portraits_of(read, recordings, names, n_actions),
        alike=alike,
        scores={
            matching_title(one): {title: one[key] for key, title in told.items() if key in one}
            for one in ([] if scored is None else scored.evaluations.values())
        },
        meanings={title: SCORE_MEANINGS[key][1] for key, title in told.items()},
        matching=None if scored is None else _matching(scored, model),
        confusion=None
        if scored is None
        else _confusion(read, recordings, truths, scored, n_actions),
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
    read: FoundLabels, recordings: Recordings, truths: ReadOnce, scored: Scored, n_actions: int
) -> tuple[NDArray[np.int64], list[str]]:
    """Count the frames that each action shares with each class, as they were found and scored."""
    known = [one for one in recordings if one.name in truths]
    held = {int(c) for one in known for c in np.unique(truths.of(one))}
    classes = sorted(held - ({UNLABELLED} - scored.class_names.keys()))
    counts = np.zeros((n_actions, len(classes)), dtype=np.int64)
    for one in known:
        labels, truth = read.of(one), truths.of(one)
        seen = (labels != UNLABELLED) & np.isin(truth, classes)
        np.add.at(counts, (labels[seen], np.searchsorted(classes, truth)[seen]), 1)
    return counts, [scored.class_names.get(one, str(one)) for one in classes]


def _settings(run: Run | None, recordings: Recordings) -> dict[str, str]:
    """List the settings of the features and of the training."""
    origin = recordings[0].origin
    extractor = {} if origin is None else origin.extractor
    found = [*flat_settings(extractor, "features: ", whole=())]
    if run is not None:
        found += flat_settings(run.recipe().to_dict(), whole=())
        found.append(("seed", run.description().seed))
    return {name: str(value) for name, value in found}
