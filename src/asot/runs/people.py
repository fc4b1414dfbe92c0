"""What comes back from people: corrections of one or several, brought together and stored."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from asot.errors import DataError, FileError
from asot.files import remove, write_rows
from asot.metrics import cohen_kappa, krippendorff_alpha
from asot.runs.edits import DISAGREEMENTS
from asot.runs.predictions import PredictionFolder
from asot.runs.scores import Scored, score
from asot.schema import read_json
from asot.text import as_label, listing, plural
from asot.timeline.corrections import (
    Corrected,
    Corrections,
    holds_segments,
    read_corrections,
    write_corrections,
)
from asot.timeline.names import default_name
from asot.timeline.segments import BACKGROUND, UNLABELLED, UNSEEN
from asot.timeline.together import NO_LOOK, Together, bring_together

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Disagreement:
    """Frames ``[start, end)`` on which people disagree: what each said, and what is taken.

    Who did not look says nothing, an empty text.
    """

    recording: str
    start: int
    end: int
    said: tuple[str, ...]
    taken: str


@dataclass(frozen=True)
class AgreementOfPeople:
    """How far people agree on the frames that two or more looked at.

    ``share`` is that of frames on which they are of one mind; ``value`` is Cohen's kappa of two
    people and Krippendorff's alpha of more, NaN where that is not defined.
    """

    n_frames: int
    share: float
    value: float


@dataclass(frozen=True)
class Gathered:
    """Corrections of one model's recordings, by each of the ``people`` and ``together``."""

    model: str
    people: tuple[str, ...]
    together: Together

    @property
    def corrections(self) -> Corrections:
        """Return what most people say."""
        return self.together.corrections

    def agreement(self) -> AgreementOfPeople | None:
        """Measure how far people agree; None where no two of them looked at the same frame."""
        looks = [one[:, (one != NO_LOOK).sum(axis=0) > 1] for one in self.together.looks.values()]
        if not any(one.shape[1] for one in looks):
            return None
        said = np.hstack(looks).astype(np.float64)
        said[said == NO_LOOK] = math.nan
        share = float((np.nanmin(said, axis=0) == np.nanmax(said, axis=0)).mean())
        value = cohen_kappa(*said) if len(said) == 2 else krippendorff_alpha(said)
        return AgreementOfPeople(said.shape[1], share, value)

    def disagreements(self) -> Iterator[Disagreement]:
        """Yield the stretches of frames that two or more looked at and do not agree on."""
        for name, looks in self.together.looks.items():
            taken = self._taken(name)
            changes = np.flatnonzero((looks[:, 1:] != looks[:, :-1]).any(axis=0)) + 1
            for start, end in pairwise([0, *changes.tolist(), looks.shape[1]]):
                said = looks[:, start].tolist()
                if len({*said} - {NO_LOOK}) > 1:
                    words = tuple(map(self.called, said))
                    yield Disagreement(name, start, end, words, self.called(taken[start]))

    def labels(self) -> dict[str, list[str]]:
        """Return a label for each frame of each recording: ``UNSEEN`` where nobody looked."""
        return {
            name: [self.called(one) or UNSEEN for one in self._taken(name)]
            for name, one in self.corrections.recordings.items()
            if one.segments
        }

    def called(self, action: int) -> str:
        """Return the name of an action, or what stands for none."""
        if action < 0:
            return {UNLABELLED: BACKGROUND, NO_LOOK: ""}[action]
        return self.corrections.names.name(action)

    def _taken(self, name: str) -> list[int]:
        one = self.corrections.recordings[name]
        labels = one.apply(np.full(one.frames, NO_LOOK))
        labels[one.checked] = self.corrections.names.apply(labels[one.checked])
        return labels.tolist()


def gather_corrections(
    folder: PredictionFolder, named: Sequence[Path], model: str | None = None
) -> Gathered:
    """Read people's corrections of a prediction, and bring them together.

    ``named`` are files as the page downloads them, or folders of these. ``model`` says whose
    actions are meant, where recordings were labelled by several models and the files do not tell.
    Files of names alone leave the corrected segments of the prediction as they are.
    """
    files = [file for place in named for file in _files(place)]
    chosen = _model_of(folder, files, model)
    n_actions, identity = folder.n_actions(chosen), folder.identity(chosen)
    stored = None if any(map(holds_segments, files)) else folder.corrections(chosen)
    if stored is not None:
        n_actions += stored.names.added
    own = [name for name, one in folder.models().items() if one == chosen]
    frames = {name: len(folder.labels(name)) for name in own}
    given = {}
    for file in files:
        if file in given:
            raise FileError.at(file, "is named twice: name the file of each person once")
        given[file] = _checked(file, read_corrections(file, n_actions), frames)
        if given[file].names.page not in (None, identity):
            message = "is from the page of other results, whose actions may be others: "
            raise FileError.at(file, f"{message}download it from the page of these")
    people = [one.by or as_label(file.stem) for file, one in given.items()]
    apart = zip(people, files, strict=True)
    called = (one if people.count(one) == 1 else f"{one} ({file})" for one, file in apart)
    together = bring_together([*given.values()], n_actions)
    if stored is not None:
        names, before = together.corrections.names, stored.names
        known = n_actions - before.added
        added = {action: name for action, name in before.names.items() if action >= known}
        names = replace(names, names={**added, **names.names}, added=names.added + before.added)
        corrections = replace(together.corrections, names=names, recordings=stored.recordings)
        together = replace(together, corrections=corrections)
    return Gathered(chosen, tuple(called), together)


def relabel(
    folder: PredictionFolder,
    named: Sequence[Path],
    model: str | None = None,
    data: Path | None = None,
) -> Gathered:
    """Give a prediction the names and segments of people, in place of those that it had.

    The segment table is written anew, and so is the table of disagreements. The arguments are as
    for :func:`gather_corrections`; ``data`` is where the data set is now.
    """
    found = gather_corrections(folder, named, model)
    recordings, new = folder.open_data(data).recordings, found.corrections.recordings
    _keep_earlier(folder, found)
    folder.write_names(found.model, found.corrections.names)
    for name, one in new.items():
        folder.write_corrected(name, one)
    path, rows = folder.root / DISAGREEMENTS, list(found.disagreements())
    remove(path)
    if rows:
        times = {one.name: one.times for one in recordings}
        write_rows(path, _cells(found.people, rows, times))
    folder.rename(recordings, found.model, found.corrections.names)
    return found


def _keep_earlier(folder: PredictionFolder, found: Gathered) -> None:
    """Set aside what is stored, as a file to relabel with, if new corrections say less."""
    earlier, new = folder.corrections(found.model), found.corrections.recordings
    stored = earlier.recordings
    own = [name for name, one in folder.models().items() if one == found.model]
    paths = [folder.corrected_path(name) for name in own if name not in stored]
    odd = [path for path in paths if path.is_file()]
    folder.set_aside(odd, "they are of other numbers of frames")
    lost = [
        name
        for name, one in stored.items()
        if name not in new or (one.checked & ~new[name].checked).any()
    ]
    if lost:
        place = folder.earlier() / "corrections.json"
        write_corrections(place, earlier)
        logger.warning(
            "%s were corrected before where the new files say nothing: the earlier corrections are "
            "kept in %s, which asot relabel takes, also together with others.",
            listing(lost),
            place,
        )
    for name in stored.keys() - new.keys():
        folder.write_corrected(name, Corrected(stored[name].frames, ()))


def offered_names(folder: PredictionFolder, scored: Scored) -> dict[str, dict[int, str]]:
    """Return the names of the classes that unnamed actions were matched with, by model.

    A class whose name another action has already is left out.
    """
    offered: dict[str, dict[int, str]] = {}
    for model, pairs in scored.matchings.items():
        names = folder.names(model, folder.n_actions(model))
        found = {action: scored.class_names.get(one, "") for action, one in sorted(pairs.items())}
        offered[model] = {
            action: name
            for action, name in found.items()
            if name not in ("", default_name(action), *names.names.values())
            and action not in names.names
            and names.target(action) == action
        }
    return {model: found for model, found in offered.items() if found}


def name_from_truth(
    folder: PredictionFolder, data: Path | None = None
) -> dict[str, dict[int, str]]:
    """Give unnamed actions the names of the classes that they are matched with, and return them.

    The segment table is written anew; see :func:`offered_names`.
    """
    scored = score(folder, data)
    offered = offered_names(folder, scored)
    for model, found in offered.items():
        names = folder.names(model, folder.n_actions(model))
        names = replace(names, names={**names.names, **found})
        folder.rename(folder.open_data(data).recordings, model, names)
    return offered


def refuse_others(file: Path, found: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a file that speaks of recordings that were not predicted."""
    known = list(known)
    others = [name for name in found if name not in known]
    if others:
        close = get_close_matches(others[0], known, 1)
        hint = f": is {close[0]!r} meant?" if close else ""
        recordings = f"the recordings are {listing(known)}{hint}"
        raise FileError.at(file, f"speaks of {others[0]!r}, which was not predicted; {recordings}")


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    found = sorted(place.glob("[!.]*.json"))
    if not found:
        raise FileError.at(place, "holds no corrections: put the files of people there, *.json")
    return found


def _model_of(folder: PredictionFolder, files: Sequence[Path], model: str | None) -> str:
    """Return the model that was named, or the one whose recordings the files speak of."""
    models = folder.models()
    known = list(dict.fromkeys(models.values()))
    meant = known
    if model is None and len(known) > 1:
        contents = (read_json(file, dict[str, Any]).get("recordings") for file in files)
        named = [name for one in contents if isinstance(one, dict) for name in one]
        meant = list(dict.fromkeys(models[name] for name in named if name in models))
    if model is None and len(meant) != 1:
        raise DataError(
            f"{folder.root} has several models, each with actions of its own: say which with "
            f"--model, of {', '.join(known)}.",
            setting="model",
        )
    chosen = model or meant[0]
    if chosen not in known:
        message = f"{folder.root} has no model {chosen!r}; it has: {', '.join(known)}."
        raise DataError(message, setting="model")
    return chosen


def _checked(file: Path, one: Corrections, frames: Mapping[str, int]) -> Corrections:
    """Refuse corrections of other recordings, or of as many frames as they do not have."""
    refuse_others(file, one.recordings, frames)
    for name, own in one.recordings.items():
        if own.frames != frames[name]:
            has = f"which has {frames[name]:,}: correct it in the page of these results"
            raise FileError.at(file, f"is of {plural(own.frames, 'frame')} of {name!r}, {has}")
    return one


def _cells(
    people: Sequence[str], rows: Iterable[Disagreement], times: Mapping[str, Any]
) -> Iterator[tuple[Any, ...]]:
    yield "recording", "start_frame", "end_frame", "start_s", "end_s", *people, "taken"
    for one in rows:
        edges = times[one.recording]
        seconds = ("", "") if edges is None else edges[[one.start, one.end]].tolist()
        yield one.recording, one.start, one.end, *seconds, *one.said, one.taken
