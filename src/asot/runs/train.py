"""Training: a model for each activity of a plan, and the segments of its recordings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asot.data import Recordings
from asot.errors import ConfigurationError
from asot.figures.evidence_file import EVIDENCE_FILE
from asot.files import file_hash, write_json
from asot.folders import in_turn, remove_folder, scratch_beside, sole_use
from asot.model.devices import Devices, count_started, find_devices, is_main_process
from asot.model.recipe import Recipe
from asot.progress import Progress, part_of, silent
from asot.runs.numbers import choose_order, keep_order, read_order
from asot.runs.predictions import PredictionFolder
from asot.runs.run import RUN_FILE, Run, TrainingPlan, plan_run, refuse_to_fill
from asot.runs.segmenting import Segmenting
from asot.schema import read_json
from asot.shards import Shard, ShardResult
from asot.workers import DEFAULT_WORKERS, Workers

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from asot.model.automatic import Evidence
    from asot.model.features import PreparedFeatures
    from asot.model.loggers import Logger
    from asot.model.network import ActionModel
    from asot.model.team import Learner, TeamModel

FOUND = "found.json"  # the evidence for settings, to go on later
DRAFTS = "drafts"  # folder of segments under the models' own numbers, until theirs are chosen


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
    first: Callable[[PredictionFolder, int], None] | None = None,
    workers: Workers = DEFAULT_WORKERS,
    progress: Progress = silent,
) -> Run | None:
    """Train a recipe on a data folder and segment every recording of it.

    A run in ``out`` that was interrupted goes on from there. Wrong arguments are refused before
    training. In the helping processes of a training with several devices, return None. Where one
    team is trained, ``first`` is called with the segments of its first learner, in a folder that
    lasts as long as the call, and the number of learners.
    """
    run = Run(out)
    is_helper = not is_main_process()
    devices = count_started() if str(devices) == "1" else devices
    if is_helper:
        progress = silent
        # It waits for the first process, which begins the run.
        place = find_devices(device, devices)
    goes_on = (out / RUN_FILE).is_file()
    if not goes_on:
        refuse_to_fill(out)
    plan = _plan(run, recipe, data_dir, activities, seed, progress)
    if not is_helper:
        run.begin(recipe, seed, plan)
    from asot.model.network import warm_up

    warm_up()
    progress("Loading the libraries", 1, 1)
    folder = run.predictions
    with nullcontext() if is_helper else sole_use(out):
        if not is_helper:
            place = find_devices(device, devices)
            folder.begin(keep_names=goes_on)
        models: dict[str, str] = {}
        preparation, drafts = recipe.preparation, PredictionFolder(out / DRAFTS)

        def show(model: Learner, n_learners: int) -> None:
            (name,) = plan.activities
            recordings = plan.activities[name]
            with scratch_beside(out / "first") as place:
                # Alone in it, as what lies beside counts.
                draft, early = (PredictionFolder(place / one) for one in ("draft", "predictions"))
                models = dict.fromkeys(recordings.names, name)
                Segmenting({name: model}, draft, preparation).write_all(recordings, models)
                order = choose_order(draft, recordings, plan.n_actions[name])
                numbered = Segmenting(
                    {name: model}, early, preparation, {name: order}, drafts=draft
                )
                numbered.write_all(recordings, models)
                early.finish(plan.source, recordings, models)
                if first is not None:
                    first(early, n_learners)

        early = show if first is not None and len(plan.activities) == 1 else None
        for index, (activity, recordings) in enumerate(plan.activities.items()):
            tell = part_of(progress, index, list(plan.activities))
            options: Any = seed, logger_name, place, early, tell, workers
            model = fit_model(out, plan, activity, recipe, *options)
            if is_helper or model is None:
                continue
            order = read_order(out, activity, model.n_actions)
            chosen = dict.fromkeys(recordings.names, activity)
            by_name = {activity: model}
            hashes = {activity: file_hash(run.checkpoint(activity))}
            rest: Any = recordings, chosen, None, workers, tell
            # Names that people gave hold for the numbers of before.
            if order is None and not folder.named(activity):
                Segmenting(by_name, drafts, preparation, {}, hashes).write_all(*rest)
                order = choose_order(drafts, recordings, model.n_actions)
                _renumber_pairs(out, activity, model, order)
                keep_order(out, activity, order)
            orders = {activity: order}
            Segmenting(by_name, folder, preparation, orders, hashes, drafts).write_all(*rest)
            remove_folder(drafts.root)
            models |= chosen
        if is_helper:
            return None
        everything = Recordings([one for group in plan.activities.values() for one in group])
        checkpoints = {name: run.checkpoint(name) for name in plan.activities}
        folder.finish(plan.source, everything, models, checkpoints)
        return run


def train_share(
    recipe: Recipe,
    data_dir: Path,
    out: Path,
    shard: Shard,
    *,
    activities: Sequence[str] | None = None,
    seed: int = 0,
    logger_name: str = "csv",
    device: str = "auto",
    workers: Workers = DEFAULT_WORKERS,
    progress: Progress = silent,
) -> ShardResult:
    """Train the share of a shard of the learners of a run's teams; the rest is for train_run."""
    from asot.model.learners import TeamTraining

    if not recipe.team:
        rule = "--shard shares out the learners of a team, and this recipe trains one network"
        raise ConfigurationError(f"{rule}: leave it out.", setting="shard")
    run, shares = Run(out), list[ShardResult]()
    with sole_use(out, str(shard)):
        plan = _plan(run, recipe, data_dir, activities, seed, progress)
        with in_turn(out / RUN_FILE):
            run.begin(recipe, seed, plan)
        place = str(find_devices(device, 1).device)
        for index, (name, n_actions) in enumerate(plan.n_actions.items()):
            if run.checkpoint(name).is_file():
                continue
            tell = part_of(progress, index, list(plan.activities))
            _, features = plan.in_order(name, recipe.preparation, out)
            settled, _ = _settle(out, plan, name, recipe, features, seed, tell)
            make_log = _logger_maker(out, name, recipe, logger_name)
            kept = run.checkpoint(name).with_suffix("")
            team = TeamTraining(features, settled, n_actions, seed, place, kept, make_log)
            shares.append(team.learn_share(shard, _workers_of(logger_name, workers), tell))
    own, left, total = (
        sum(getattr(one, part) for one in shares) for part in ("own", "left", "total")
    )
    return ShardResult("learners", own, left, total)


def _plan(
    run: Run,
    recipe: Recipe,
    data_dir: Path,
    activities: Sequence[str] | None,
    seed: int,
    progress: Progress,
) -> TrainingPlan:
    """Plan a run, or what is left of it."""
    known = run.n_actions() if (run.root / RUN_FILE).is_file() else None
    found = run.root / FOUND
    return plan_run(recipe, data_dir, activities, progress, seed=seed, known=known, found=found)


def _workers_of(logger_name: str, workers: Workers) -> Workers:
    """Return the workers of learners: one program has one run at a time in Weights and Biases."""
    return Workers(1, "serial") if logger_name == "wandb" else workers


def _settle(
    root: Path,
    plan: TrainingPlan,
    name: str,
    recipe: Recipe,
    features: PreparedFeatures,
    seed: int,
    progress: Progress,
) -> tuple[Recipe, Evidence]:
    """Find the settings of a model that its recipe leaves open, and keep them in ``root``."""
    from asot.model.automatic import settle
    from asot.model.found import Found

    number, kept = plan.numbers.get(name), Found(root / FOUND)
    options: Any = {"seed": seed, "number": number, "found": kept, "name": name}
    return settle(recipe, features, plan.n_actions[name], progress=progress, **options)


def fit_model(
    root: Path,
    plan: TrainingPlan,
    name: str,
    recipe: Recipe,
    seed: int,
    logger_name: str,
    place: Devices,
    first: Callable[[Learner, int], None] | None,
    progress: Progress,
    workers: Workers = DEFAULT_WORKERS,
) -> ActionModel | TeamModel | None:
    """Train the model ``name`` of a plan, or go on with it, in a run's folder ``root``.

    Return None on devices whose help is not needed.
    """
    n_actions = plan.n_actions[name]
    # Late, as they import torch, and the command line must show its help at once.
    from asot.model.checkpoint import load_model, load_training, save
    from asot.model.found import source_of
    from asot.model.learners import TeamTraining, begin_team, train_team
    from asot.model.sub_actions import find_sub_actions
    from asot.model.training import is_worth_sharing, train

    checkpoint = root / "models" / f"{name}.ckpt"
    kept = checkpoint.with_suffix("")
    if recipe.team and place.from_first(checkpoint.is_file):
        if place.rank > 0:
            return None
        remove_folder(kept)
        return load_model(checkpoint)
    recordings, features = plan.in_order(name, recipe.preparation, root)
    frame_rate = _frame_rate(plan.activities[name])

    make_log = _logger_maker(root, name, recipe, logger_name)
    if not recipe.team and not is_worth_sharing(recipe, features.width):
        if place.rank > 0:
            return None
        place = place.alone()

    if place.count == 1:
        begin_team(features, recipe, str(place.device), workers)
    find = partial(_settle, root, plan, name, recipe, features, seed, progress)
    settled, evidence = place.from_first(find)
    arguments = features, settled, n_actions, seed
    if not recipe.team:
        if place.rank == 0:
            _note(root, name, evidence, frame_rate, None)
        source = source_of(features, settled.to_dict(), n_actions, seed)
        network = train(
            *arguments,
            place,
            checkpoint=checkpoint,
            source=source,
            make_log=make_log,
            ground_truth=recordings.truths,
            validate=logger_name != "none",
            progress=progress,
        )
        if settled.sub_actions and not network.steps and place.rank == 0:
            find_sub_actions(network, features, seed, progress, _half_window(recordings))
            asked = settled, features.width, n_actions, seed, source
            save(checkpoint, network=network, training=load_training(checkpoint, *asked)[1])
        return network
    if place.count > 1:
        learners = TeamTraining(*arguments, str(place.device), kept, make_log)
        learners.learn_share(Shard(place.rank + 1, place.count), Workers(1, "serial"), progress)
        place.join({})  # all have ended
    if place.rank > 0:
        return None
    team = train_team(
        *arguments,
        str(place.device),
        kept=kept,
        make_log=make_log,
        workers=_workers_of(logger_name, workers),
        first=first,
        order=evidence.order,
        progress=progress,
    )
    find_sub_actions(team, features, seed, progress, _half_window(recordings))
    _note(root, name, evidence, frame_rate, team)
    save(checkpoint, team=team)
    remove_folder(kept)
    return team


def _logger_maker(root: Path, name: str, recipe: Recipe, kind: str) -> Callable[..., Logger | None]:
    """Return what makes the loggers of a model, in this process or another."""
    return partial(_make_log, kind, root / "logs" / name, f"{recipe.name}-{name}")


def _make_log(kind: str, folder: Path, title: str, learner: str = "") -> Logger | None:
    """Make the logger of a network, or of a learner of a team."""
    from asot.model.loggers import make_logger

    draw = _draw if find_spec("matplotlib") else None
    return make_logger(kind, folder / learner, f"{title}-{learner}" if learner else title, draw)


def _frame_rate(recordings: Recordings) -> float | None:
    """Return the frames a second of the first recording, from its times if need be."""
    first = recordings[0]
    if first.frame_rate or first.times is None:
        return first.frame_rate
    return float(first.n_frames / (first.times[-1] - first.times[0]))


def _half_window(recordings: Recordings) -> int:
    """Return half of what a feature describes, in frames, as far as the origin tells it."""
    made = {} if recordings[0].origin is None else recordings[0].origin.extractor
    seconds, rate = made.get("window_s"), made.get("frame_rate")
    if isinstance(seconds, int | float) and isinstance(rate, int | float):
        return math.ceil(seconds * rate / 2)
    return 0


def _draw(
    probabilities: NDArray[Any], assignment: NDArray[Any], embeddings: NDArray[Any]
) -> dict[str, Figure]:
    """Draw a recording of the validation, for loggers that take pictures."""
    from asot.figures import plot_matrix, plot_pairwise_distances

    return {
        "affinity": plot_matrix(probabilities, kind="affinity"),
        "assignment": plot_matrix(assignment, kind="assignment"),
        "pairwise": plot_pairwise_distances(embeddings),
    }


def _renumber_pairs(
    root: Path, name: str, model: ActionModel | TeamModel, order: NDArray[Any]
) -> None:
    """Tell of the actions that may be one by their numbers in place of the model's own."""
    from asot.model.team import TeamModel

    if isinstance(model, TeamModel) and model.choice is not None and model.choice.alike:
        path, numbers = root / EVIDENCE_FILE, order.argsort().tolist()
        found = read_json(path, dict[str, Any], "remove it")
        pairs = [sorted((numbers[a], numbers[b])) for a, b in model.choice.alike]
        found[name]["choice"]["alike"] = pairs
        write_json(path, found)


def _note(
    root: Path, name: str, evidence: Evidence, frame_rate: float | None, team: TeamModel | None
) -> None:
    """Add the evidence for a model's settings to the run's, where any were found."""
    found: dict[str, Any] = evidence.to_dict()
    if team is not None and team.background is not None:
        found["background"] = team.background.evidence.to_dict()
    if team is not None:
        told = {"choice": team.choice, "trust": team.trust}
        found |= {part: one.to_dict() for part, one in told.items() if one is not None}
        found["learners"] = [
            {"name": one.title, "weight": float(weight), "agreement": float(agreement)}
            for one, weight, agreement in zip(
                team.learners, team.vote.weights, team.vote.agreement, strict=True
            )
        ]
    if not any(found.values()):
        return
    path = root / EVIDENCE_FILE
    before = read_json(path, dict[str, Any], "remove it") if path.is_file() else {}
    write_json(path, {**before, name: {**found, "frame_rate": frame_rate}})
