"""The page of a prediction, one for each model."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asot.data import Recordings
from asot.errors import ConfigurationError, DataError
from asot.files import write_json
from asot.page import render_page
from asot.progress import Progress, silent
from asot.runs.gathering import gather
from asot.runs.predictions import PredictionFolder, find_predictions, score
from asot.runs.run import Run
from asot.text import plural

logger = logging.getLogger(__name__)

# How a page was written, so that it can be written again under other names.
SETTINGS = "page.json"
PAGE = "report"


def write_page(
    folder: PredictionFolder,
    out: Path,
    *,
    embed: bool = False,
    data: Path | None = None,
    others: Mapping[str, PredictionFolder] | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Write the page of a prediction.

    Parameters
    ----------
    folder : PredictionFolder
        A finished prediction.
    out : Path
        Folder of the page; of one folder for each model where there are several.
    embed : bool
        Whether to put everything into one file.
    data : Path, optional
        Where the data set is now.
    others : mapping of str to PredictionFolder, optional
        Other predictions of the same recordings, to show beneath.
    progress : Progress
        Hears of the progress.

    Returns
    -------
    list of Path
        The pages.
    """
    strangers = out.is_dir() and any(not one.name.startswith(".") for one in out.iterdir())
    if strangers and not (out / SETTINGS).is_file():
        raise ConfigurationError(f"{out} holds something else: choose another folder for the page.")
    opened = folder.open_data(data)
    scored = score(folder, data) if opened.labelled else None
    models = folder.models()
    known = list(dict.fromkeys(models.values()))
    run = _run_of(folder)
    labels_of_others = _labels_of(others or {}, opened.recordings)
    settings = {
        "embed": embed,
        "others": {name: str(one.root.resolve()) for name, one in (others or {}).items()},
    }
    # First, so that a page that was interrupted half way is known for one.
    write_json(out / SETTINGS, settings)
    pages = []
    for model in known:
        recordings = Recordings([one for one in opened.recordings if models[one.name] == model])
        gathered = gather(
            folder,
            recordings,
            scored,
            title=_title(recordings, model, len(known)),
            run=run,
            others=labels_of_others,
        )
        place = out / model if len(known) > 1 else out
        pages.append(render_page(gathered, place, embed=embed, progress=progress))
    return pages


def page_folder(results: Path) -> Path | None:
    """The page of a folder of results, if one was written."""
    place = results / PAGE
    return place if (place / SETTINGS).is_file() else None


def rewrite_page(
    folder: PredictionFolder, out: Path, data: Path | None = None, progress: Progress = silent
) -> list[Path]:
    """Write a page again as it was written."""
    try:
        settings = json.loads((out / SETTINGS).read_text(encoding="utf-8"))
        roots = {str(name): Path(root) for name, root in settings["others"].items()}
        embed = bool(settings["embed"])
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{out / SETTINGS} cannot be read: {error}.") from error
    others = {}
    for name, root in roots.items():
        try:
            others[name] = find_predictions(root)
        except DataError:
            logger.warning("%s is no longer in %s and left out of the page.", name, root)
    return write_page(folder, out, embed=embed, data=data, others=others, progress=progress)


def named_predictions(words: Sequence[str]) -> dict[str, PredictionFolder]:
    """Predictions from words such as ``k-means=folder``."""
    found = {}
    for word in words:
        name, equals, place = word.partition("=")
        if not (name and equals and place):
            raise ConfigurationError(f"--other takes NAME=FOLDER, not {word!r}.")
        found[name] = find_predictions(Path(place))
    return found


def _labels_of(
    others: Mapping[str, PredictionFolder], recordings: Recordings
) -> dict[str, dict[str, NDArray[np.int64]]]:
    found: dict[str, dict[str, NDArray[np.int64]]] = {}
    for method, folder in others.items():
        predicted = set(folder.models())
        found[method] = {}
        for one in recordings:
            if one.name not in predicted:
                continue
            labels = folder.labels(one.name)
            if len(labels) != one.n_frames:
                raise DataError(
                    f"{folder.root} has {len(labels)} labels for {one.name}, which has "
                    f"{one.n_frames} frames: it segmented something else."
                )
            found[method][one.name] = labels
    return found


def _run_of(folder: PredictionFolder) -> Run | None:
    """The training beside a prediction, where there is one."""
    root = folder.root.parent
    return Run(root) if (root / "run.json").is_file() else None


def _title(recordings: Recordings, model: str, models: int) -> str:
    count = plural(len(recordings), "recording")
    return f"{model}: {count}" if models > 1 else f"Actions in {count}"
