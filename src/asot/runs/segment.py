"""From files to segments in one go: extract, train or apply a model, decode.

::

    OUT/segment.json    what was asked for
    OUT/data/           the features, a data set like any other
    OUT/run/            the training, as asot train leaves it; none where a model was given
    OUT/predictions/    the segments, where a model was given; else in OUT/run/predictions
    OUT/report/         the page
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asot.data import DatasetFolder
from asot.data.folder import is_folder
from asot.errors import ConfigurationError, DataError
from asot.files import write_json
from asot.inputs.extract import Outcome, VideoSettings, extract
from asot.inputs.find import DESCRIPTION, find_inputs, is_ours
from asot.model.recipe import Recipe
from asot.progress import Progress
from asot.runs.predictions import PredictionFolder, fingerprints
from asot.runs.run import Run, predict_run, train_run
from asot.schema import first_difference
from asot.text import listing

if TYPE_CHECKING:
    from asot.inputs.series import SeriesSettings

logger = logging.getLogger(__name__)

# What decides the features, and what is learnt of them.
EXTRACTION = ("inputs", "video", "series")
LEARNING = ("model", "recipe", "seed")
# What decides how fast videos are extracted, and nothing else.
SPEED = ("device", "batch_size")


@dataclass(frozen=True)
class Segmented:
    """What a segmentation left.

    Attributes
    ----------
    folder : PredictionFolder
        The segments.
    outcome : Outcome or None
        What became of the extraction; None where there were features already.
    """

    folder: PredictionFolder
    outcome: Outcome | None


def segment(
    named: Sequence[str | Path],
    out: Path,
    *,
    recipe: Recipe,
    seed: int,
    video: VideoSettings,
    series: SeriesSettings,
    model: Path | None,
    progress: Progress,
) -> Segmented:
    """Segment recordings, going on from whatever an earlier call with the same words finished.

    Parameters
    ----------
    named : sequence of path-like
        Videos, tables or arrays, or folders of them; or one data folder, which holds features.
    out : Path
        Folder for the results.
    recipe : Recipe
        How to train, with the number of actions; not used where a model is given.
    seed : int
        Decides everything that is drawn.
    video, series : VideoSettings, SeriesSettings
        How to extract.
    model : Path or None
        A folder of an earlier segmentation or training, to apply.
    progress : Progress
        Hears of the progress.

    Raises
    ------
    ConfigurationError, DataError
        Before anything long begins: if the folder holds the results of something else, the model
        cannot be used, or no recording can be.
    """
    trained = None if model is None else find_run(model)
    data = data_folder(named)
    inputs = [] if data is not None else find_inputs(named)
    in_video = {key: value for key, value in asdict(video).items() if key not in SPEED}
    asked: dict[str, Any] = {
        "inputs": {one.name: str(one.path) for one in inputs} or {"data": str(data)},
        "video": in_video if inputs and inputs[0].is_video else None,
        "series": asdict(series) if inputs and not inputs[0].is_video else None,
        "model": None if trained is None else str(trained.root.resolve()),
        "recipe": recipe.to_dict() if trained is None else None,
        "seed": seed if trained is None else None,
    }
    asked = json.loads(json.dumps(asked))
    _begin(out, asked)
    outcome = None
    if data is None:
        data = out / "data"
        expected = None if trained is None else trained.extractor()
        outcome = extract(inputs, data, video, series, progress, expected)
    if trained is not None:
        folder = _apply(trained, data, out / "predictions", progress)
    else:
        folder = _train(recipe, data, out / "run", seed, progress)
    return Segmented(folder, outcome)


def find_run(root: Path) -> Run:
    """The training in a folder: of asot segment, whose model may be another one's, or asot train.

    Raises
    ------
    DataError
        If there is none, or it is not finished.
    """
    applied = _read(root / DESCRIPTION).get("model") if (root / DESCRIPTION).is_file() else None
    for place in (Path(applied) if applied else root / "run", root):
        if (place / "run.json").is_file():
            run = Run(place)
            if not run.finished:
                raise DataError(
                    f"The model in {place} is not finished: give its command again first."
                )
            return run
    raise DataError(f"{root} holds no trained model: name a folder of asot segment or asot train.")


def earlier_settings(root: Path) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """How the videos, and how the series, of an earlier segmentation were extracted."""
    path = root / DESCRIPTION
    if not path.is_file():
        return None, None
    asked = _read(path)
    return asked.get("video"), asked.get("series")


def data_folder(named: Sequence[str | Path]) -> Path | None:
    """The data folder that was named in place of recordings, if one was."""
    if len(named) != 1:
        return None
    place = Path(named[0])
    if (place / DESCRIPTION).is_file():
        place = _data_of(place)
    # The features of recordings may lie beside them, in a folder that has this name too.
    if is_folder(place / "features") and not is_ours(place / "features"):
        return place.resolve()
    return None


def _begin(out: Path, asked: dict[str, Any]) -> None:
    """Write what is asked for, or see that what is here already was made of it."""
    path = out / DESCRIPTION
    if path.is_file():
        before = _read(path)
        made = [*(EXTRACTION if _extracted(out) else ()), *(LEARNING if _learnt(out) else ())]
        old, new = ({key: one.get(key) for key in made} for one in (before, asked))
        difference = first_difference(old, new)
        if difference is not None:
            difference = _others(old.get("inputs"), new.get("inputs")) or difference
            raise ConfigurationError(
                f"{out} holds the results of something else ({difference}): choose another --out, "
                "or remove it. To segment new recordings with its actions, use --model "
                f"{out}; to use its features again, name {_data_of(out)} in place of the "
                "recordings."
            )
    elif is_folder(out) and any(not one.name.startswith(".") for one in out.iterdir()):
        raise ConfigurationError(
            f"{out} holds something else already: choose another --out, or remove it."
        )
    write_json(path, asked)


def _others(old: Any, new: Any) -> str | None:
    """Which recordings came or went, in words."""
    if not (isinstance(old, dict) and isinstance(new, dict)) or old.keys() == new.keys():
        return None
    came, went = ([one for one in a if one not in b] for a, b in ((new, old), (old, new)))
    said = [f"{listing(came)} came"] if came else []
    said += [f"{listing(went)} went"] if went else []
    return " and ".join(said)


def _data_of(out: Path) -> Path:
    """The features of an earlier segmentation: its own, or those it was given."""
    given = _read(out / DESCRIPTION).get("inputs", {}).get("data")
    # The name of a recording may be "data", too.
    own = out / "data"
    return own if is_folder(own / "features") or not given else Path(given)


def _extracted(out: Path) -> bool:
    return any((out / "data" / "features").glob("[!.]*.npy")) or _learnt(out)


def _learnt(out: Path) -> bool:
    return (out / "run" / "run.json").is_file() or (out / "predictions").is_dir()


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    if not isinstance(values, dict):
        raise DataError(f"{path} does not describe a segmentation: choose another folder.")
    return values


def _train(
    recipe: Recipe, data: Path, root: Path, seed: int, progress: Progress
) -> PredictionFolder:
    run = Run(root)
    recordings = DatasetFolder(data).recordings()
    if run.predictions.covers(recordings):
        return run.predictions
    if run.finished:
        before = run.predictions.fingerprints()
        new = [name for name, one in fingerprints(recordings).items() if before.get(name) != one]
        if new:
            logger.warning(
                "%s changed since the actions were learnt, and the model stays as it is: remove "
                "%s to learn from all recordings anew.",
                listing(new),
                root,
            )
    trained = train_run(recipe, data, root, seed=seed, logger_name="csv", progress=progress)
    assert trained is not None
    return trained.predictions


def _apply(trained: Run, data: Path, out: Path, progress: Progress) -> PredictionFolder:
    folder = PredictionFolder(out)
    if folder.covers(DatasetFolder(data).recordings()):
        return folder
    return predict_run(trained, data, out, keep_names=True, progress=progress)
