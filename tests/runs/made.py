"""A prediction that nobody trained, and what people correct in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from asot.data import Recordings, write_dataset
from asot.runs.predictions import DatasetSource, PredictionFolder
from asot.timeline.corrections import Corrected, Corrections, Patch, write_corrections
from asot.timeline.names import ActionNames

K = 3
FRAMES = {"tea": 60, "egg": 40, "jam": 50}
NOBODY = ActionNames()


def make_predictions(root: Path, rng: np.random.Generator) -> PredictionFolder:
    """Predict three recordings of ten frames a second, two by a model "a" and one by "b"."""
    features = [rng.normal(size=(n, 4)) for n in FRAMES.values()]
    recordings = Recordings.from_arrays(features, names=[*FRAMES], frame_rate=10.0)
    data = write_dataset(recordings, root / "data")
    folder = PredictionFolder(root / "out" / "predictions")
    for name, n_frames in FRAMES.items():
        labels = np.repeat(rng.permutation(K), [7, 11, n_frames - 18])
        folder.write(name, labels, np.eye(K, dtype=np.float32)[labels] * 0.7 + np.float32(0.1))
    source = DatasetSource(str(data), frame_rate=10.0)
    folder.finish(source, source.open().recordings(), {"tea": "a", "egg": "a", "jam": "b"})
    return folder


def write_person(
    place: Path, by: str, names: ActionNames = NOBODY, **patches: list[tuple[int, int, int]]
) -> Path:
    """Write the corrections of a person: the start, end and action of each patch."""
    found = {
        name: Corrected(FRAMES[name], tuple(Patch(*one) for one in own))
        for name, own in patches.items()
    }
    write_corrections(place / f"{by}.json", Corrections(names, found, by))
    return place / f"{by}.json"
