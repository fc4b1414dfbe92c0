"""Runs: a recipe trained on a data folder, with everything needed to use it again.

::

    run.json                    recipe, seed, data set, activities, versions
    recipe.yaml                 the recipe with every setting, to train it again
    models/<activity>.ckpt      one model an activity; all.ckpt where there are none
    found.json                  the evidence for settings, kept so that none is sought twice
    numbers.json                the numbers of the actions, see ``numbers``
    evidence.json               how settings were found from the recordings, where they were
    logs/<activity>/            losses and scores; of a team, in a folder for each network
    predictions/                see ``predictions``; beside the run where asot segment trained it
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
import yaml
from msgspec import Meta

from asot.data import DatasetFolder, Recordings, check_dataset, find_dataset
from asot.data.check import TURNED
from asot.errors import ConfigurationError, DataError, FileError, require_extra
from asot.files import write_json, write_text
from asot.inputs.find import DESCRIPTION
from asot.metrics import PUBLISHED, SCORE_TITLES
from asot.model.notes import read_notes
from asot.model.recipe import AUTO, DatasetSettings, Preparation, Recipe
from asot.progress import Progress, part_of, silent
from asot.runs.predictions import DatasetSource, PredictionFolder
from asot.schema import FileName, Positive, first_difference, read_json

if TYPE_CHECKING:
    from asot.discover.number import NumberEvidence
    from asot.model.features import PreparedFeatures

logger = logging.getLogger(__name__)

# The model of a data set without activities.
WHOLE = "all"
# Stands for every activity of the data set.
EACH = "each"
RUN_FILE = "run.json"
LIBRARIES = ["asot", "torch", "numpy", "scipy", "scikit-learn", "numba", "hmmlearn"]
MOST_COLUMNS = 20_000


@dataclass(frozen=True)
class TrainingPlan:
    """The models that a run trains, and their recordings, which have been checked.

    ``activities`` are the recordings of each model, ``n_actions`` is K of each model, and
    ``numbers`` is the evidence for each K that was found from the recordings.
    """

    dataset: DatasetFolder
    source: DatasetSource
    activities: dict[str, Recordings]
    n_actions: dict[str, int]
    numbers: dict[str, NumberEvidence]
    _digests: dict[str, list[bytes]] = field(default_factory=dict)

    def in_order(
        self, name: str, preparation: Preparation, folder: Path | None = None
    ) -> tuple[Recordings, PreparedFeatures]:
        """Return a model's recordings in the order in which they are learnt, and their features."""
        from asot.model.features import PreparedFeatures, digests

        recordings = self.activities[name]
        if name not in self._digests:  # all recordings are read for them
            self._digests[name] = digests(recordings.features)
        made = self._digests[name]
        recordings = recordings[sorted(range(len(made)), key=made.__getitem__)]
        settings: Any = {"folder": folder, "digests": sorted(made)}
        return recordings, PreparedFeatures(recordings.features, preparation, **settings)


class RunDescription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of ``run.json``; ``activities`` holds K of each model."""

    recipe: dict[str, Any]
    seed: Annotated[int, Meta(ge=0)]
    data: str
    activities: Annotated[dict[FileName, Positive], Meta(min_length=1)]
    extractor: dict[str, Any] | None
    versions: dict[str, str] = {}


class SegmentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of ``segment.json``: what asot segment was asked for.

    The features come from ``inputs`` (a path by recording) or from the folder ``data``; either
    ``model`` is applied, or ``recipe`` is trained with ``seed``. ``corrected`` is a digest of the
    corrections that the model learnt from before, where it did.
    """

    inputs: dict[str, str]
    data: str | None
    video: dict[str, Any] | None
    series: dict[str, Any] | None
    model: str | None
    recipe: dict[str, Any] | None
    seed: int | None
    corrected: str | None = None

    @property
    def applies(self) -> str | None:
        """Return the run whose model labels the recordings as it is, if one does."""
        return self.model if self.corrected is None else None

    @classmethod
    def of(cls, results: Path) -> SegmentRequest:
        """Read the request in a folder of results."""
        return read_json(results / DESCRIPTION, cls, "choose another folder", urls=True)


class Run:
    """The folder of a run."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def checkpoint(self, activity: str) -> Path:
        """Return the checkpoint of a model."""
        return self.root / "models" / f"{activity}.ckpt"

    @property
    def predictions(self) -> PredictionFolder:
        """Return the folder with the segments of the recordings that were trained on."""
        place = self.root.absolute()
        segmented = place.name == "run" and (place.parent / DESCRIPTION).is_file()
        # Where another model was applied, the predictions beside the run are that model's.
        if segmented and SegmentRequest.of(place.parent).applies is None:
            return PredictionFolder(self.root.parent / "predictions")
        return PredictionFolder(self.root / "predictions")

    @property
    def finished(self) -> bool:
        """Tell whether every recording has been segmented."""
        return self.predictions.finished

    def begin(self, recipe: Recipe, seed: int, plan: TrainingPlan) -> None:
        """Write the description of a new run, or check that the folder holds the same run."""
        origin = plan.dataset.recordings()[0].origin
        extractor = None if origin is None else origin.extractor
        used = {"python": platform.python_version(), **versions()}
        data, counts = plan.source.root, plan.n_actions
        now = RunDescription(recipe.to_dict(), seed, data, counts, extractor, used)
        if (self.root / RUN_FILE).exists():
            here, recipe_here = self.description(), self.recipe().to_dict()
            before = msgspec.structs.replace(here, recipe=recipe_here, versions=used)
            difference = first_difference(*map(msgspec.to_builtins, (before, now)))
            if difference is not None:
                message = f"{self.root} holds another run ({difference}): choose another --out, or "
                raise ConfigurationError(f"{message}remove it.", file=self.root)
            return
        refuse_to_fill(self.root)
        write_text(self.root / "recipe.yaml", recipe_yaml(recipe))
        write_json(self.root / RUN_FILE, msgspec.to_builtins(now))

    def description(self) -> RunDescription:
        """Read the description that ``begin`` wrote."""
        if not (self.root / RUN_FILE).is_file():
            message = f"is not a run: it holds no {RUN_FILE}, which asot train writes"
            raise FileError.at(self.root, message)
        return read_json(
            self.root / RUN_FILE, RunDescription, "train again into another folder", urls=True
        )

    def recipe(self) -> Recipe:
        """Return the recipe it was trained with."""
        try:
            return Recipe.from_dict(self.description().recipe)
        except ConfigurationError as error:
            path = self.root / RUN_FILE
            raise ConfigurationError(f"{path}: {error}", setting=error.setting, file=path) from None

    def n_actions(self) -> dict[str, int]:
        """Return K of each of its models."""
        return self.description().activities

    def models(self) -> list[str]:
        """Return the names of its models, all of which must be there."""
        names = list(self.n_actions())
        for name in names:
            if not self.checkpoint(name).is_file():
                message = "is missing: the training is not finished, give its command again"
                raise FileError.at(self.checkpoint(name), message)
        return names


def plan_run(
    recipe: Recipe,
    data_dir: Path,
    activities: Sequence[str] | None = None,
    progress: Progress = silent,
    processes: int = 1,
    seed: int = 0,
    known: Mapping[str, int] | None = None,
    found: Path | None = None,
) -> TrainingPlan:
    """Plan the models to train, with their recordings and numbers of actions.

    A recipe that names activities trains a model for each of them that the data set has; other
    recipes train a single model on everything. A recipe without a number of actions takes as many
    as the ground truth has classes; without ground truth, or where the number is "auto", it is
    found from the recordings, unless it is ``known`` from before; the evidence is kept in the file
    ``found``. ``activities`` restricts the
    training to some activities, each by itself; the word "each" alone stands for all of them.
    """
    recipe.check()
    require_extra("learn", "Learning actions", "sklearn")
    dataset, source = open_checked(data_dir, recipe.dataset, progress, processes)
    if not recipe.activities and not activities:
        groups = {WHOLE: dataset.recordings()}
    else:
        named = dataset.activities if list(activities or []) == [EACH] else activities
        wanted = list(named or (name for name in dataset.activities if name in recipe.activities))
        missing = [name for name in wanted if name not in dataset.activities]
        if missing or not wanted:
            has = ", ".join(dataset.activities[:20]) or "none"
            asked = ", ".join(missing or recipe.activities)
            raise DataError(
                f"{dataset.root} has no recordings of {asked}; its activities are: {has}. "
                "Name activities of the data with --activities, or set --dataset.activity_pattern.",
                setting="activities",
            )
        left = [name for name in dataset.activities if name not in wanted]
        if left and not activities:
            logger.warning("left out, as the recipe does not name them: %s", ", ".join(left))
        groups = {name: dataset.recordings(name) for name in wanted}
    for recordings in groups.values():
        if (width := recordings[0].width) > MOST_COLUMNS:
            rule = f"have {width:,} columns, and a model compares each with each: {MOST_COLUMNS:,}"
            raise DataError(f"The features in {dataset.root} {rule} are the most.")
    plan = TrainingPlan(dataset, source, groups, {}, {})
    progress("Loading the libraries", 0, 1)
    for index, (name, recordings) in enumerate(groups.items()):
        count = _actions_of(recipe, None if name == WHOLE else name, recordings)
        before = (known or {}).get(name)
        if count is None and (before is None or (found is not None and found.is_file())):
            from asot.discover.number import NumberEvidence
            from asot.model.automatic import settle_number
            from asot.model.found import Found
            from asot.model.learners import begin_team

            _, features = plan.in_order(name, recipe.preparation)
            report, kept = part_of(progress, index, list(groups)), Found(found)
            # Of recordings that were added later the known number says nothing.
            number = kept.look(NumberEvidence, f"{name} n_actions", features, seed)
            if number is None and before is None:
                begin_team(features, recipe)
                settings: dict[str, Any] = {"seed": seed, "progress": report}
                number = settle_number(features, found=kept, name=name, **settings)
            if number is not None:
                plan.numbers[name] = number
            count = before if number is None else number.chosen
        count = before if count is None else count
        assert count is not None
        plan.n_actions[name] = count
    return plan


def open_checked(
    data_dir: Path, settings: DatasetSettings, progress: Progress = silent, processes: int = 1
) -> tuple[DatasetFolder, DatasetSource]:
    """Find, check and open a data set; raise a DataError where it has errors."""
    root = find_dataset(data_dir, settings.folder).resolve()
    mapping, pattern, rate = settings.mapping, settings.activity_pattern, settings.frame_rate
    if mapping is not None and not (root / "mapping").is_dir():
        mapping = None
    report = check_dataset(
        root,
        mapping,
        pattern,
        frame_rate=rate,
        progress=progress,
        processes=processes,
        transposed=settings.transposed,
    )
    for one in report.warnings:
        if TURNED in one.message:
            logger.warning("%s.", one)
    report.require_valid()
    layout = mapping, pattern, rate, settings.exclude, settings.transposed
    source = DatasetSource(str(root), *layout)
    return source.open(), source


def _actions_of(recipe: Recipe, activity: str | None, recordings: Recordings) -> int | None:
    """Return K of the recipe or of the ground truth, or None to find it from the recordings."""
    if recipe.n_actions == AUTO:
        return None
    if recipe.n_actions is not None:
        return recipe.actions_of(activity)
    seen: set[int] = set()
    for one in recordings:
        seen |= set() if one.ground_truth is None else set(np.unique(one.ground_truth).tolist())
    seen -= set(recipe.dataset.exclude)
    if not seen:
        return None
    logger.warning(
        "%slooking for %d actions, as many as the ground truth has classes; "
        "--n_actions sets another number, or auto",
        "" if activity is None else f"{activity}: ",
        len(seen),
    )
    return len(seen)


def refuse_to_fill(folder: Path) -> None:
    """Refuse to write results into a data set or a run."""
    for mark, kind in (("features", "a data set"), (RUN_FILE, "a run")):
        if (folder / mark).exists():
            raise ConfigurationError(f"{folder} is {kind}: choose another --out.", file=folder)
    place = folder.absolute()
    for part in (place, *place.parents):
        within = part.name in ("features", "groundTruth", "mapping")
        if within and (part.parent / "features").is_dir():
            raise ConfigurationError(
                f"{folder} lies in the data set {part.parent}: choose another --out.", file=folder
            )


def recipe_yaml(recipe: Recipe) -> str:
    """Return the recipe as YAML with every setting."""
    text: str = yaml.safe_dump(recipe.to_dict(), sort_keys=False, allow_unicode=True)
    return text


def versions() -> dict[str, str]:
    """Return the versions of the libraries that decide results."""
    found = {}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def told_scores(run: Run | None) -> tuple[str, ...]:
    """Name the scores that people are shown: one of a paper only where a recipe is held to it."""
    notes = None if run is None else read_notes(run.recipe().name)
    reported = {name for one in (notes.published if notes else ()) for name in one.scores}
    return tuple(one for one in SCORE_TITLES if one not in PUBLISHED or one in reported)


def find_training(folder: PredictionFolder) -> Run | None:
    """Find the run that a prediction's model is from, where it lies beside the prediction."""
    for root in (folder.root.parent, folder.root.parent / "run"):
        if (root / RUN_FILE).is_file():
            return Run(root)
    return None
