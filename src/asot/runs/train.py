"""Training: a model for each activity of a plan, and the segments of everything it saw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asot.data import Recordings
from asot.model.recipe import Recipe
from asot.progress import Progress, silent
from asot.runs.run import FILE, Run, plan_run


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

    If ``out`` holds the same run half done, it goes on from there. What does not fit is refused
    before anything is trained. The helping processes of a training with several devices get None.
    """
    run = Run(out)
    known = run.n_actions() if (out / FILE).is_file() else None
    plan = plan_run(recipe, data_dir, activities, progress, seed=seed, known=known)
    run.begin(recipe, seed, plan)
    from asot.model.features import prepare
    from asot.model.network import decode
    from asot.model.training import is_main_process, leave_processes
    from asot.runs.fitting import fit_model

    folder = run.predictions
    if is_main_process():
        folder.begin(keep_names=known is not None)
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
            progress(f"Segmenting {activity}", done, len(recordings))
    leave_processes()
    if not is_main_process():
        return None
    everything = Recordings([one for group in plan.activities.values() for one in group])
    folder.finish(plan.source, everything, models)
    return run
