"""A run that learnt from corrected segments: an earlier run's models, moved by what people said.

It lies in a folder like any other run, so that its models segment other recordings. Actions that
people added are actions of its models, behind those of the earlier run.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from asot.errors import AsotError, DataError, FileError
from asot.figures.evidence_file import EVIDENCE_FILE
from asot.files import atomic_path, write_json, write_text
from asot.inputs.find import DESCRIPTION
from asot.progress import Progress
from asot.remote import fetch
from asot.runs.numbers import Order, keep_order, read_order
from asot.runs.people import gather_corrections
from asot.runs.predictions import find_predictions
from asot.runs.run import RUN_FILE, Run, SegmentRequest, open_checked, recipe_yaml
from asot.text import listing, plural
from asot.timeline.corrections import Corrected, Corrections
from asot.timeline.names import ActionNames, as_values
from asot.timeline.segments import UNLABELLED
from asot.timeline.together import bring_together


@dataclass(frozen=True)
class Said:
    """What people said of the recordings of an earlier prediction, by model."""

    source: Path
    corrections: Mapping[str, Corrections]

    @property
    def digest(self) -> str:
        """Return a text that another set of corrections does not have."""
        parts = {
            model: (as_values(one.names), msgspec.to_builtins(dict(one.recordings)))
            for model, one in self.corrections.items()
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def read_said(results: Path, named: Sequence[Path]) -> Said:
    """Read the corrections of an earlier prediction's recordings.

    ``named`` are files as the page downloads them, or ``results``, the folder of the prediction,
    for the corrections that are stored in it.
    """
    folder = find_predictions(results)
    if [one.resolve() for one in named] == [results.resolve()]:
        found = {one: folder.corrections(one) for one in dict.fromkeys(folder.models().values())}
    else:
        gathered = gather_corrections(folder, named)
        given, model = gathered.corrections, gathered.model
        if not given.names:
            given = replace(given, names=folder.names(model, folder.n_actions(model)))
        if (results / DESCRIPTION).is_file() and SegmentRequest.of(results).corrected is not None:
            # What it learnt from before is learnt anew, with the rest.
            given = _with_rest(given, folder.corrections(model), folder.n_actions(model))
        found = {model: given}
    found = {
        model: given
        for model, given in found.items()
        if any(one.segments for one in given.recordings.values())
    }
    if not found:
        message = "holds no corrected segments: correct some in the page, and download them there"
        raise FileError.at(named[0], message)
    return Said(results, found)


def holds_corrected(results: Path) -> bool:
    """Tell whether corrected segments are stored in the prediction of a folder of results."""
    try:
        return any(find_predictions(results).root.glob("corrected/*.json"))
    except AsotError:  # a model without a prediction
        return False


def _with_rest(given: Corrections, stored: Corrections, n_actions: int) -> Corrections:
    """Add what is stored of other recordings; of the names, only those that people added."""
    named = {action: name for action, name in stored.names.names.items() if action >= n_actions}
    rest = Corrections(
        ActionNames(named, added=stored.names.added),
        {name: one for name, one in stored.recordings.items() if name not in given.recordings},
    )
    return bring_together([given, rest], n_actions).corrections


def learn_run(
    trained: Run, said: Said, data_dir: Path, run: Run, progress: Progress
) -> dict[str, NDArray[np.int64]]:
    """Let the models of a run learn from corrections, as another run; return the known labels.

    The labels (N,) are the models' own, K for none, by the names of recordings that were corrected.
    Their names and segments are kept beside the new run's predictions. A run that is there already
    stays.
    """
    recipe, counts = trained.recipe(), trained.n_actions()
    dataset, source = open_checked(data_dir, recipe.dataset, progress)
    recordings = dataset.recordings()
    frames = {one.name: one.n_frames for one in recordings}
    learnt = (run.root / RUN_FILE).is_file()
    known: dict[str, NDArray[np.int64]] = {}
    plans = {}
    for model, given in said.corrections.items():
        _refuse_missing(said.source, given, frames)
        before, total = counts[model], counts[model] + given.names.added
        order = read_order(trained.root, model, before)
        order = np.arange(before) if order is None else order
        order = np.append(order, np.arange(before, total))
        known |= {name: _own(one, order) for name, one in given.recordings.items()}
        plans[model] = order, total
    if learnt:
        return known
    from asot.model.checkpoint import load_model, save
    from asot.model.corrected import UNKNOWN, learn_corrected
    from asot.model.features import PreparedFeatures

    activities = dict(counts)
    earlier = find_predictions(said.source)
    of_models = earlier.models()
    for model in counts:
        if model not in plans:
            run.predictions.write_names(model, earlier.names(model, counts[model]))
            _copy(trained.checkpoint(model), run.checkpoint(model))
            kept = read_order(trained.root, model, counts[model])
            if kept is not None:
                keep_order(run.root, model, kept)
            continue
        order, total = plans[model]
        own = [one for one in recordings if of_models.get(one.name) == model]
        features = PreparedFeatures([one.features for one in own], recipe.preparation)
        labels = [known.get(one.name, np.full(one.n_frames, UNKNOWN)) for one in own]
        network = load_model(trained.checkpoint(model))
        progress("Training", 0, 1, "from corrections")
        save(run.checkpoint(model), team=learn_corrected(network, features, labels, total))
        keep_order(run.root, model, order)
        activities[model] = total
        given = said.corrections[model]
        run.predictions.write_names(model, replace(given.names, added=0))
        for name, one in given.recordings.items():
            run.predictions.write_corrected(name, one)
    if (trained.root / EVIDENCE_FILE).is_file():
        _copy(trained.root / EVIDENCE_FILE, run.root / EVIDENCE_FILE)
    write_text(run.root / "recipe.yaml", recipe_yaml(recipe))
    described = msgspec.structs.replace(
        trained.description(), data=source.root, activities=activities
    )
    write_json(run.root / RUN_FILE, msgspec.to_builtins(described))
    return known


def _refuse_missing(place: Path, given: Corrections, frames: Mapping[str, int]) -> None:
    """Refuse corrections of recordings that are not here, or have other frames here."""
    missing = [name for name, one in given.recordings.items() if name not in frames]
    if missing:
        raise DataError(
            f"The corrections are of {listing(missing)}, too, which the recordings do not hold: "
            f"name the recordings of {place}, all of them."
        )
    for name, one in given.recordings.items():
        if one.frames != frames[name]:
            raise DataError(
                f"The corrections are of {plural(one.frames, 'frame')} of {name!r}, which has "
                f"{frames[name]:,} here: name the same recordings as for {place}."
            )


def _own(corrected: Corrected, order: Order) -> NDArray[np.int64]:
    """Return the model's own labels (N,) of corrected frames, K for none, and -1 of others."""
    # The last place is that of -1, which a person gives frames without an action.
    own = np.append(order, len(order))
    said = corrected.apply(np.full(corrected.frames, UNLABELLED))
    return np.where(corrected.checked, own[said], -1)


def _copy(source: Path, target: Path) -> None:
    with atomic_path(target) as temporary:
        fetch(source)
        shutil.copyfile(source, temporary)
