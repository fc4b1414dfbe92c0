"""One model of a run: its settings found, then one network trained, or a team of learners."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from asot.data import Recordings
from asot.discover.stability import NumberEvidence
from asot.errors import ConfigurationError
from asot.figures.evidence import FILE
from asot.files import write_json
from asot.model.automatic import Evidence, settle
from asot.model.checkpoints import load_model
from asot.model.features import PreparedFeatures
from asot.model.loggers import close_logger, make_logger
from asot.model.network import ActionModel
from asot.model.recipe import Recipe
from asot.model.team import Learner, TeamModel, train_team
from asot.model.teamfile import learner_state, read_learner, save_team, write
from asot.model.training import fit, is_main_process
from asot.progress import Progress


def fit_model(
    root: Path,
    name: str,
    recordings: Recordings,
    recipe: Recipe,
    n_actions: int,
    *,
    number: NumberEvidence | None,
    seed: int,
    logger_name: str,
    device: str,
    devices: int | str,
    progress: Progress,
) -> ActionModel | TeamModel:
    """Train the model of one activity, or go on with it, in a run's folder.

    Parameters
    ----------
    root : Path
        The folder of the run.
    name : str
        Of the model.
    recordings : Recordings
        What it is trained on.
    recipe : Recipe
        May leave the radius and order_prior to be found.
    n_actions : int
        K.
    number : NumberEvidence or None
        How K was found.
    seed, logger_name, device, devices, progress
        As for ``train_run``.
    """
    checkpoint = root / "models" / f"{name}.ckpt"
    if recipe.team and str(devices) not in ("1", "auto"):
        raise ConfigurationError(
            f"--devices {devices} cannot be used here: the learners of a team are trained on one; "
            "--team 0 trains a single network on several."
        )
    kept = _KeptLearners(checkpoint.with_suffix(""))
    if recipe.team and checkpoint.is_file():
        kept.remove()
        return load_model(checkpoint)
    features = PreparedFeatures(recordings.features, recipe.dataset.standardise)
    frame_rate = _frame_rate(recordings)

    def told(stage: str, done: int, total: int, note: str = "") -> None:
        progress(stage if name == "all" else f"{stage} of {name}", done, total, note)

    settled, evidence = settle(recipe, features, n_actions, seed=seed, number=number, progress=told)
    if not recipe.team:
        _note(root, name, evidence, frame_rate, None)
        logger = make_logger(logger_name, root / "logs" / name, f"{recipe.name}-{name}")
        network = fit(
            features,
            settled,
            n_actions,
            seed=seed,
            checkpoint=checkpoint,
            logger=logger,
            ground_truth=recordings.ground_truth,
            validate=True,
            device=device,
            devices=devices,
            progress=told,
        )
        close_logger(logger)
        return network
    team = train_team(
        features,
        settled,
        n_actions,
        seed=seed,
        device=device,
        kept=kept,
        progress=told,
    )
    if is_main_process():
        _note(root, name, evidence, frame_rate, team)
        save_team(checkpoint, team)
        kept.remove()
    return team


def _frame_rate(recordings: Recordings) -> float | None:
    """Frames a second of the recordings, where the first of them says."""
    first = recordings[0]
    if first.frame_rate or first.times is None:
        return first.frame_rate
    return float(first.n_frames / (first.times[-1] - first.times[0]))


def _note(
    root: Path,
    name: str,
    evidence: Evidence,
    frame_rate: float | None,
    team: TeamModel | None,
) -> None:
    """Add what was found for a model to the run's evidence, where anything was."""
    found: dict[str, Any] = evidence.to_dict()
    if team is not None and team.background is not None:
        found["background"] = team.background.evidence.to_dict()
    if team is not None:
        found["learners"] = [
            {"name": one.title, "weight": float(weight), "agreement": float(agreement)}
            for one, weight, agreement in zip(
                team.learners, team.vote.weights, team.vote.agreement, strict=True
            )
        ]
    if not is_main_process() or not any(found.values()):
        return
    path = root / FILE
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    write_json(path, {**before, name: {**found, "frame_rate": frame_rate}})


class _KeptLearners:
    """Learners that are done, in a folder beside the model that they will be part of."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, index: int) -> Learner | None:
        return read_learner(self._path(index))

    def put(self, index: int, learner: Learner) -> None:
        write(self._path(index), learner_state(learner))

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, index: int) -> Path:
        return self._folder / f"learner-{index:02d}.pt"
