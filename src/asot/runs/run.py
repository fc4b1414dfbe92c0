"""Runs: a recipe trained on a data folder, with everything needed to use it again.

::

    run.json                    recipe, seed, data set, activities, versions
    recipe.yaml                 the recipe with every setting, to train it again
    models/<activity>.ckpt      one model an activity; all.ckpt where there are none
    evidence.json               how settings were found from the recordings, where they were
    logs/<activity>/            what the logger wrote; resumed-1/ in it after an interruption
    predictions/                see ``predictions``
"""

from __future__ import annotations

import json
import logging
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from asot.data import DatasetFolder, Recordings, check_dataset, find_dataset
from asot.errors import ConfigurationError, DataError
from asot.files import write_json, write_text
from asot.model.recipe import AUTO, DatasetSettings, Recipe
from asot.progress import Progress, silent
from asot.runs.predictions import INDEX, PredictionFolder, Source
from asot.schema import first_difference

if TYPE_CHECKING:
    from asot.discover.number import NumberEvidence

logger = logging.getLogger(__name__)

# The model of a data set without activities.
WHOLE = "all"
# In place of names of activities: each that the data set has.
EACH = "each"
LIBRARIES = (
    *("asot", "torch", "lightning", "numpy", "scipy", "scikit-learn"),
    *("numba", "hmmlearn"),
)


@dataclass(frozen=True)
class Plan:
    """What a run trains: checked before anything starts.

    Attributes
    ----------
    dataset : DatasetFolder
        The data set.
    source : Source
        How it was opened.
    activities : dict of str to Recordings
        What each model is trained on.
    n_actions : dict of str to int
        K of each model.
    numbers : dict of str to NumberEvidence
        How K was found, where it was.
    """

    dataset: DatasetFolder
    source: Source
    activities: dict[str, Recordings]
    n_actions: dict[str, int]
    numbers: dict[str, NumberEvidence]

    @property
    def extractor(self) -> dict[str, Any] | None:
        """What made the features, where the data set says so; the same for all of them."""
        origin = self.dataset.recordings()[0].origin
        return None if origin is None else origin.extractor


def open_checked(
    data_dir: Path, settings: DatasetSettings, progress: Progress = silent, processes: int = 1
) -> tuple[DatasetFolder, Source]:
    """Find, check and open a data set.

    Raises
    ------
    DataError
        If anything in it is wrong; ``asot data check`` lists it all.
    """
    root = find_dataset(data_dir, settings.folder).resolve()
    mapping = settings.mapping
    if mapping is not None and not (root / "mapping" / mapping).is_file():
        mapping = None if not (root / "mapping").is_dir() else mapping
    found = check_dataset(
        root,
        mapping,
        settings.activity_pattern,
        frame_rate=settings.frame_rate,
        progress=progress,
        processes=processes,
    )
    found.require_valid()
    source = Source(
        str(root), mapping, settings.activity_pattern, settings.frame_rate, settings.exclude
    )
    return source.open(), source


def plan_run(
    recipe: Recipe,
    data_dir: Path,
    activities: Sequence[str] | None = None,
    progress: Progress = silent,
    processes: int = 1,
    seed: int = 0,
    known: Mapping[str, int] | None = None,
) -> Plan:
    """Decide what to train on what.

    A recipe that names activities trains a model for each of them that the data set has; one that
    does not trains a single model on everything. One that does not say how many actions to look
    for takes as many as the ground truth has classes; where there is no ground truth, or it asks
    for "auto", the number is found from the recordings.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    data_dir : Path
        The data folder.
    activities : sequence of str, optional
        Only these, each by itself; the word "each" alone stands for all of the data set.
    progress : Progress
        Hears of the progress.
    processes : int
        As for ``check_dataset``.
    seed : int
        Of the search for the number of actions.
    known : mapping of str to int, optional
        Numbers of actions that were found before.

    Raises
    ------
    ConfigurationError, DataError
        If the recipe and the data set do not fit, or either is wrong.
    """
    recipe.check()
    dataset, source = open_checked(data_dir, recipe.dataset, progress, processes)
    if not recipe.activities and not activities:
        groups = {WHOLE: dataset.recordings()}
        return _counted(Plan(dataset, source, groups, {}, {}), recipe, seed, progress, known or {})
    if list(activities or []) == [EACH]:
        activities = dataset.activities
    wanted = list(activities or (name for name in dataset.activities if name in recipe.activities))
    missing = [name for name in wanted if name not in dataset.activities]
    if missing or not wanted:
        has = ", ".join(dataset.activities[:20]) or "none"
        asked = ", ".join(missing or recipe.activities)
        raise DataError(
            f"{dataset.root} has no recordings of {asked}; its activities are: {has}. "
            "Name activities of the data with --activities, or set dataset.activity_pattern."
        )
    left = [name for name in dataset.activities if name not in wanted]
    if left and not activities:
        logger.warning("left out, as the recipe does not name them: %s", ", ".join(left))
    groups = {name: dataset.recordings(name) for name in wanted}
    return _counted(Plan(dataset, source, groups, {}, {}), recipe, seed, progress, known or {})


def _counted(
    plan: Plan, recipe: Recipe, seed: int, progress: Progress, before: Mapping[str, int]
) -> Plan:
    """The plan with the number of actions of each model."""
    for name, recordings in plan.activities.items():
        known = _actions_of(recipe, None if name == WHOLE else name, recordings)
        known = before.get(name) if known is None else known
        if known is None:
            from asot.model.automatic import settle_number
            from asot.model.features import PreparedFeatures

            features = PreparedFeatures(recordings.features, recipe.dataset.standardise)
            found = settle_number(
                features,
                seed=seed,
                progress=progress,
            )
            plan.numbers[name] = found
            known = found.chosen
        plan.n_actions[name] = known
    return plan


def _actions_of(recipe: Recipe, activity: str | None, recordings: Recordings) -> int | None:
    """K of the recipe, or the number of classes where it has none; None where it is to be found."""
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
        "--n_actions sets another number",
        "" if activity is None else f"{activity}: ",
        len(seen),
    )
    return len(seen)


def train_run(
    recipe: Recipe,
    data_dir: Path,
    out: Path,
    *,
    activities: Sequence[str] | None = None,
    seed: int = 0,
    logger_name: str = "csv",
    device: str = "auto",
    devices: int | str = 1,
    progress: Progress = silent,
) -> Run | None:
    """Train a recipe on a data folder and segment every recording of it.

    If ``out`` holds the same run half done, it goes on from there.

    Returns
    -------
    Run or None
        None on the helping processes of a training with several devices.

    Raises
    ------
    ConfigurationError, DataError
        Before anything is trained.
    """
    run = Run(out)
    known = run.n_actions() if (out / "run.json").is_file() else None
    plan = plan_run(recipe, data_dir, activities, progress, seed=seed, known=known)
    run.begin(recipe, seed, plan)
    from asot.model.features import prepare
    from asot.model.network import decode
    from asot.model.training import is_main_process, leave_processes
    from asot.runs.fitting import fit_model

    folder = run.predictions
    if is_main_process():
        folder.begin(keep_names=True)
    models: dict[str, str] = {}
    for activity, recordings in plan.activities.items():
        model = fit_model(
            out,
            activity,
            recordings,
            recipe,
            plan.n_actions[activity],
            number=plan.numbers.get(activity),
            seed=seed,
            logger_name=logger_name,
            device=device,
            devices=devices,
            progress=progress,
        )
        if not is_main_process():
            continue
        for done, recording in enumerate(recordings, start=1):
            features = prepare(recording.features, recipe.dataset.standardise)
            folder.write(recording.name, *decode(model, features))
            models[recording.name] = activity
            progress(f"Segmenting {activity}", done, len(recordings), "")
    leave_processes()
    if not is_main_process():
        return None
    everything = Recordings([one for group in plan.activities.values() for one in group])
    folder.finish(plan.source, everything, models)
    return run


def predict_run(
    run: Run,
    data_dir: Path,
    out: Path,
    *,
    model: str | None = None,
    keep_names: bool = False,
    progress: Progress = silent,
) -> PredictionFolder:
    """Segment the recordings of a data folder with a trained run.

    A recording of an activity that was trained gets that activity's model; with a single model,
    every recording gets that one. Names that people gave the run's actions come along.

    Parameters
    ----------
    run : Run
        A finished training.
    data_dir : Path
        The data folder; ground truth is not needed.
    out : Path
        Where to write the predictions.
    model : str, optional
        The model to use for every recording.
    keep_names : bool
        Whether names that ``out`` has already, of the same models, stay.
    progress : Progress
        Hears of the progress.

    Raises
    ------
    ConfigurationError, DataError
        If a recording has no model, or its features are not like those trained on.
    """
    recipe = run.recipe()
    settings = recipe.dataset
    trained = run.models()
    if model is not None and model not in trained:
        raise ConfigurationError(
            f"{run.root} has no model {model!r}; it has: {', '.join(trained)}."
        )
    try:
        dataset, source = open_checked(data_dir, settings, progress)
    except DataError:
        if settings.activity_pattern is None or (model is None and len(trained) > 1):
            raise
        # Names that do not fit the recipe's pattern do not matter where one model serves all.
        settings = DatasetSettings(**{**vars(settings), "activity_pattern": None})
        dataset, source = open_checked(data_dir, settings, progress)
    recordings = dataset.recordings()
    chosen: dict[str, str] = {}
    for one in recordings:
        name = model or (trained[0] if len(trained) == 1 else one.activity)
        if name not in trained:
            raise DataError(
                f"{one.name} in {dataset.root} is of the activity {one.activity!r}, for which "
                f"{run.root} has no model; it has: {', '.join(trained)}. Choose one with --model."
            )
        chosen[one.name] = str(name)
    from asot.model.checkpoint import load_model
    from asot.model.features import prepare
    from asot.model.network import decode

    refuse_to_fill(out)
    networks = {name: load_model(run.checkpoint(name)) for name in set(chosen.values())}
    for name, network in networks.items():
        if recordings[0].width != network.n_features:
            raise DataError(
                f"{dataset.root} has features of {recordings[0].width} columns, but the model "
                f"{name!r} of {run.root} was trained on {network.n_features}: extract them the "
                "same way."
            )
    origin, extractor = recordings[0].origin, run.extractor()
    if origin is not None and extractor is not None and origin.extractor != extractor:
        difference = first_difference(extractor, origin.extractor)
        raise DataError(
            f"The features in {dataset.root} were not made as those that {run.root} was trained "
            f"on ({difference}): extract them the same way."
        )
    folder = PredictionFolder(out)
    folder.begin(keep_names)
    for name in networks:
        names = run.predictions.names(name, run.n_actions()[name])
        if names and not folder.named(name):
            folder.write_names(name, names)
    for done, one in enumerate(recordings, start=1):
        features = prepare(one.features, recipe.dataset.standardise)
        folder.write(one.name, *decode(networks[chosen[one.name]], features))
        progress("Segmenting", done, len(recordings), "")
    folder.finish(source, recordings, chosen)
    return folder


class Run:
    """The folder of a run.

    Parameters
    ----------
    root : Path
        The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def checkpoint(self, activity: str) -> Path:
        """The checkpoint of a model."""
        return self.root / "models" / f"{activity}.ckpt"

    @property
    def predictions(self) -> PredictionFolder:
        """What the training's own test predicted."""
        return PredictionFolder(self.root / "predictions")

    def begin(self, recipe: Recipe, seed: int, plan: Plan) -> None:
        """Write what is about to be trained, or see that it is the run that is already here.

        Raises
        ------
        ConfigurationError
            If the folder holds another run.
        """
        described = {
            "recipe": recipe.to_dict(),
            "seed": seed,
            "data": plan.source.root,
            "activities": plan.n_actions,
            "extractor": plan.extractor,
        }
        if not (self.root / "run.json").exists():
            refuse_to_fill(self.root)
        path = self.root / "run.json"
        if path.exists():
            here = {**self._description(), "recipe": self.recipe().to_dict()}
            difference = first_difference({name: here.get(name) for name in described}, described)
            if difference is not None:
                raise ConfigurationError(
                    f"{self.root} holds another run ({difference}): "
                    "choose another --out, or remove it."
                )
            return
        write_text(self.root / "recipe.yaml", recipe_yaml(recipe))
        described["versions"] = {"python": platform.python_version(), **versions()}
        write_json(path, described)

    @property
    def finished(self) -> bool:
        """Whether every recording of it has been segmented."""
        return (self.predictions.root / INDEX).is_file()

    def recipe(self) -> Recipe:
        """The recipe it was trained with."""
        return Recipe.from_dict(self._description()["recipe"])

    @property
    def seed(self) -> int:
        """The seed it was trained with."""
        return int(self._description()["seed"])

    def n_actions(self) -> dict[str, int]:
        """K of each of its models."""
        counts: dict[str, int] = self._description()["activities"]
        return counts

    def extractor(self) -> dict[str, Any] | None:
        """What made the features it was trained on, where that is known."""
        return self._description().get("extractor")

    def models(self) -> list[str]:
        """Names of its models.

        Raises
        ------
        DataError
            If one of them is missing: the training is not finished.
        """
        names = list(self._description()["activities"])
        for name in names:
            if not self.checkpoint(name).is_file():
                raise DataError(
                    f"{self.checkpoint(name)} is missing: the training is not finished, run the "
                    "same asot train again."
                )
        return names

    def _description(self) -> dict[str, Any]:
        path = self.root / "run.json"
        try:
            described = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise DataError(
                f"{self.root} is not a run: it holds no run.json, which asot train writes."
            ) from None
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read: {error}.") from error
        if not isinstance(described, dict) or not {"recipe", "seed", "activities"} <= set(
            described
        ):
            raise DataError(f"{path} does not describe a run: train again into another folder.")
        return described


def refuse_to_fill(folder: Path) -> None:
    """Refuse to write results into what holds something else."""
    for mark, kind in (("features", "a data set"), ("run.json", "a run")):
        if (folder / mark).exists():
            raise ConfigurationError(f"{folder} is {kind}: choose another --out.")
    place = folder.absolute()
    for part in (place, *place.parents):
        if (
            part.name in ("features", "groundTruth", "mapping")
            and (part.parent / "features").is_dir()
        ):
            raise ConfigurationError(
                f"{folder} lies in the data set {part.parent}: choose another --out."
            )


def recipe_yaml(recipe: Recipe) -> str:
    """The recipe as YAML, every setting spelt out."""
    text: str = yaml.safe_dump(recipe.to_dict(), sort_keys=False, allow_unicode=True)
    return text


def versions() -> dict[str, str]:
    """Versions of the libraries that decide results."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
