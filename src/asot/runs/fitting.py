"""One model of a run: its settings found, then one network trained, or a team of learners."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asot.data import Recordings
from asot.discover.stability import NumberEvidence
from asot.errors import ConfigurationError
from asot.figures.evidence import FILE
from asot.files import write_json
from asot.model.automatic import Evidence, settle
from asot.model.checkpoint import load_model, save
from asot.model.features import PreparedFeatures
from asot.model.loggers import make_logger
from asot.model.network import ActionModel
from asot.model.recipe import Recipe
from asot.model.team import TeamModel
from asot.model.training import is_main_process, train, train_team
from asot.progress import Progress
from asot.schema import read_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from asot.model.loggers import Logger


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

    ``name`` is the model's; the recipe may leave the radius and the order prior to be found, and
    ``number`` is how K was found. The rest is as for ``train_run``.
    """
    checkpoint = root / "models" / f"{name}.ckpt"
    kept = checkpoint.with_suffix("")
    if recipe.team and str(devices) not in ("1", "auto"):
        raise ConfigurationError(
            f"--devices {devices} cannot be used here: the learners of a team are trained on one; "
            "--team 0 trains a single network on several.",
            setting="devices",
        )
    if recipe.team and checkpoint.is_file():
        shutil.rmtree(kept, ignore_errors=True)
        return load_model(checkpoint)
    features = PreparedFeatures(recordings.features, recipe.dataset.standardise)
    frame_rate = _frame_rate(recordings)

    def heard(stage: str, done: int, total: int, note: str = "") -> None:
        progress(stage if name == "all" else f"{stage} of {name}", done, total, note)

    def make_log(learner: str = "") -> Logger | None:
        folder = root / "logs" / name / learner
        title = f"{recipe.name}-{name}{f'-{learner}' if learner else ''}"
        return make_logger(logger_name, folder, title, _draw if find_spec("matplotlib") else None)

    settled, evidence = settle(
        recipe, features, n_actions, seed=seed, number=number, progress=heard
    )
    arguments = features, settled, n_actions, seed, device
    if not recipe.team:
        _note(root, name, evidence, frame_rate, None)
        return train(
            *arguments,
            devices=devices,
            checkpoint=checkpoint,
            make_log=make_log,
            ground_truth=recordings.ground_truth,
            validate=logger_name != "none",
            progress=heard,
        )
    team = train_team(*arguments, kept=kept, make_log=make_log, progress=heard)
    _note(root, name, evidence, frame_rate, team)
    save(checkpoint, team=team)
    shutil.rmtree(kept, ignore_errors=True)
    return team


def _frame_rate(recordings: Recordings) -> float | None:
    """Return the frames a second of the recordings, where the first of them says."""
    first = recordings[0]
    if first.frame_rate or first.times is None:
        return first.frame_rate
    return float(first.n_frames / (first.times[-1] - first.times[0]))


def _draw(
    probabilities: NDArray[Any], assignment: NDArray[Any], embeddings: NDArray[Any]
) -> dict[str, Figure]:
    """Draw a recording of a validation for loggers that take pictures."""
    from asot.figures import plot_matrix, plot_pairwise_distances

    return {
        "affinity": plot_matrix(probabilities, kind="affinity"),
        "assignment": plot_matrix(assignment, kind="assignment"),
        "pairwise": plot_pairwise_distances(embeddings),
    }


def _note(
    root: Path, name: str, evidence: Evidence, frame_rate: float | None, team: TeamModel | None
) -> None:
    """Add how the settings of a model were found to the run's evidence, where any were."""
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
    before = read_json(path, dict[str, Any], "remove it") if path.is_file() else {}
    write_json(path, {**before, name: {**found, "frame_rate": frame_rate}})
