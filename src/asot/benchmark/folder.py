"""The folder of a benchmark: its description, and the scores and labels of each finished cell.

::

    benchmark.json                              data set, settings, versions
    recipe.yaml                                 the recipe with every setting
    cells/<method>/<activity>/seed-<n>.json     scores of a finished cell
    cells/<method>/<activity>/seed-<n>.npz      its labels
    results.json, results.csv                   everything, for programs and spreadsheets
    table.md, table.tex                         the tables, for people and papers

A cell is one method on one activity with one seed. Its labels are written before its scores, and
both atomically, so that a cell with scores is finished.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import platform
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote
from zipfile import BadZipFile

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from asot.benchmark.methods import known
from asot.data import Recordings
from asot.errors import ConfigurationError, FileError
from asot.files import atomic_path, remove, write_json, write_text
from asot.metrics import PUBLISHED, SCORE_TITLES
from asot.model.recipe import Recipe
from asot.remote import fetch, file_size
from asot.runs.run import WHOLE, TrainingPlan, recipe_yaml, refuse_to_fill, versions
from asot.schema import Count, Positive, first_difference, read_json

DESCRIPTION = "benchmark.json"
# Of a benchmark; in the first, the methods asot and cte were other methods than their names say.
FORM = 2
# The file that marks a data set of asot data simulate.
SIMULATED = "simulation.yaml"
FAILED = ".failed"
RUN_AGAIN = "remove it, to run the cell again"
# What reading a damaged file of labels can raise.
FAULT = (
    *(BadZipFile, zlib.error, EOFError, LookupError, MemoryError, OSError),
    *(RuntimeError, TypeError, ValueError),
)

MATCHINGS = {
    "activity": "one matching of actions to classes for each activity",
    "video": "one matching for each recording",
}
Scores = dict[str, float]
ActionNumber = Annotated[str, Meta(pattern=r"\A-?[0-9]{1,9}\Z")]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, order=True)
class Cell:
    """One method on one activity with one seed."""

    method: str
    activity: str
    seed: int

    def __str__(self) -> str:
        return f"{self.method}, {self.activity}, seed {self.seed}"


@dataclass
class Candidate:
    """One segmentation of a cell: the last, or that of an earlier epoch that was kept."""

    scores: dict[str, Scores]  # by matching: "activity", where labels are shared, and "video"
    objective: float | None = None  # what the method minimises, without ground truth
    epoch: Count | None = None  # epochs trained by then, where epochs were kept

    def __post_init__(self) -> None:
        if self.objective is not None and not math.isfinite(self.objective):
            self.objective = None
        for matching, scores in self.scores.items():
            # Cells that were finished before a published score had its column go on counting.
            needed = (name for name in SCORE_TITLES if name not in PUBLISHED)
            lacking = next((name for name in needed if name not in scores), None)
            if matching not in MATCHINGS or lacking is not None:
                raise ValueError(f"lacks the score {lacking} for the matching {matching!r}")


@dataclass
class CellResult:
    """A finished cell."""

    n_actions: Positive
    n_recordings: Count  # that were scored
    n_frames: Count  # that were scored
    seconds: float  # of fitting and labelling on one thread, for the first cell also of loading
    candidates: Annotated[list[Candidate], Meta(min_length=1)]  # the last is the cell's result
    matching: dict[ActionNumber, int] = field(default_factory=dict)  # class of each action

    @property
    def scores(self) -> dict[str, Scores]:
        """Return the scores of the cell's result, by matching."""
        return self.candidates[-1].scores


@dataclass(frozen=True)
class Failure:
    """A cell that could not be run, and why."""

    cell: Cell
    reason: str


@dataclass(frozen=True)
class Group:
    """The recordings of an activity: how many, how many have ground truth, and a checksum."""

    n_actions: Positive
    recordings: Count
    frames: Count
    labelled: Count
    files: str


@dataclass(frozen=True)
class Description:
    """The settings and data of a benchmark, and the machine that ran it."""

    recipe: dict[str, Any]
    data: str
    keep_epochs: bool
    activities: dict[str, Group]
    simulated: bool
    versions: Annotated[list[dict[str, str]], Meta(min_length=1)]
    machine: str
    form: int = 1
    methods: list[str] = field(default_factory=list)  # asked for last; none in older folders

    def compared(self, activities: Sequence[str]) -> dict[str, Any]:
        """Return the settings and data that must not change between two runs into a folder."""
        groups = {name: asdict(self.activities[name]) for name in activities}
        settings = {"recipe": self.recipe, "data": self.data, "keep_epochs": self.keep_epochs}
        return {**settings, "activities": groups}

    def asks_for(self, method: str) -> bool:
        """Tell whether a method was among those that were asked for last."""
        return not self.methods or method in self.methods


class BenchmarkFolder:
    """The folder of a benchmark, to write and to read."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def begin(
        self,
        recipe: Recipe,
        plan: TrainingPlan,
        keep_epochs: bool,
        methods: Sequence[str] = (),
    ) -> None:
        """Write the description, or refuse a folder that holds another benchmark.

        Methods, seeds and activities may be added to a benchmark; its recipe and its data may not
        change.
        """
        now = Description(
            recipe.to_dict(),
            plan.source.root,
            keep_epochs,
            {name: _group(plan.n_actions[name], one) for name, one in plan.activities.items()},
            simulated=(Path(plan.source.root) / SIMULATED).is_file(),
            versions=[{"python": platform.python_version(), **versions()}],
            machine=f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
            form=FORM,
            methods=list(methods),
        )
        if (self.root / DESCRIPTION).exists():
            now = self._joined(self.description(), now)
        else:
            refuse_to_fill(self.root)
            write_text(self.root / "recipe.yaml", recipe_yaml(recipe))
        write_json(self.root / DESCRIPTION, asdict(now))

    def _joined(self, here: Description, now: Description) -> Description:
        """Add activities and versions to the folder's, whose benchmark must be the same."""
        if (WHOLE in here.activities) != (WHOLE in now.activities):
            message = f"{self.root} holds a benchmark of {', '.join(here.activities)}: a mean would"
            cure = "count recordings twice, so choose another --out."
            raise ConfigurationError(f"{message} {cure}", file=self.root)
        both = [name for name in now.activities if name in here.activities]
        difference = first_difference(here.compared(both), now.compared(both))
        if difference is not None:
            if ".files " in difference:
                difference = f"the files of {', '.join(both)} have changed since"
            message = f"{self.root} holds another benchmark ({difference}): "
            raise ConfigurationError(
                f"{message}choose another --out, or remove it.", file=self.root
            )
        used = [*here.versions, *(one for one in now.versions if one not in here.versions)]
        if len(used) > 1:
            message = "the cells of %s were run with %d sets of library versions; %s lists them"
            logger.warning(message, self.root, len(used), DESCRIPTION)
        return replace(now, activities={**here.activities, **now.activities}, versions=used)

    def description(self) -> Description:
        """Read the description that ``begin`` wrote."""
        path = self.root / DESCRIPTION
        if not path.is_file():
            message = f"is not a benchmark: it lacks {DESCRIPTION}, which asot benchmark writes"
            raise FileError.at(self.root, message)
        described = read_json(path, Description, "choose another folder", urls=True)
        if described.form != FORM:
            message = (
                f"is of the form {described.form}, in which methods had other names, not {FORM}"
            )
            raise FileError.at(path, f"{message}: run the benchmark again, into another folder")
        try:
            return replace(described, recipe=Recipe.from_dict(described.recipe).to_dict())
        except ConfigurationError as error:
            raise FileError.at(path, f"holds a recipe that does not fit: {error}") from error

    def finished(self, cell: Cell) -> bool:
        """Tell whether a cell is finished."""
        return self._path(cell, ".json").is_file()

    def write(self, cell: Cell, result: CellResult, labels: Mapping[str, NDArray[Any]]) -> None:
        """Write a finished cell: its scores, and its labels (N_i,) by recording."""
        with atomic_path(self._path(cell, ".npz")) as path:
            np.savez_compressed(
                path,
                names=np.array(list(labels)),
                lengths=np.array([len(one) for one in labels.values()]),
                labels=np.concatenate(list(labels.values())).astype(np.int32),
            )
        write_json(self._path(cell, ".json"), asdict(result))
        remove(self._path(cell, FAILED))

    def write_failure(self, cell: Cell, reason: str) -> None:
        """Write the reason why a cell failed; a later ``write`` of the cell removes it."""
        # Where the folder cannot be written to, the caller reports the reason all the same.
        with suppress(OSError):
            write_text(self._path(cell, FAILED), f"{reason}\n")

    def failures(self) -> Iterator[Failure]:
        """Yield the cells that failed and have not been run since, in order."""
        for cell, path in self._found(FAILED):
            if not self.finished(cell):
                yield Failure(cell, path.read_text(encoding="utf-8", errors="replace").strip())

    def read(self, cell: Cell) -> CellResult:
        """Read the scores of a finished cell."""
        return read_json(self._path(cell, ".json"), CellResult, RUN_AGAIN)

    def labels(self, cell: Cell) -> dict[str, NDArray[np.int32]]:
        """Read the labels (N_i,) of a finished cell, by recording."""
        path = self._path(cell, ".npz")
        cure = f"remove it and {path.stem}.json, to run the cell again"
        fetch(path)
        try:
            # Opened here, as numpy.load leaves a damaged file open.
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
                names, lengths, labels = (stored[one] for one in ("names", "lengths", "labels"))
            form = names.dtype.kind, labels.dtype, labels.shape
            if form != ("U", np.int32, (lengths.sum(),)):
                raise ValueError("names, lengths and labels do not fit together")
            parts = np.split(labels, np.cumsum(lengths)[:-1])
            return dict(zip(names.tolist(), parts, strict=True))
        except FAULT as error:
            raise FileError.at(path, f"cannot be read: {cure}") from error

    def cells(self) -> Iterator[tuple[Cell, CellResult]]:
        """Yield all finished cells, in order."""
        for cell, _ in self._found(".json"):
            yield cell, self.read(cell)

    def _found(self, suffix: str) -> list[tuple[Cell, Path]]:
        """List the cells of known methods that have a file with this ending, in order."""
        found = []
        for path in (self.root / "cells").glob(f"*/*/seed-*{suffix}"):
            method, activity = map(unquote, path.parts[-3:-1])
            seed = path.stem[len("seed-") :]
            if seed.isdecimal() and known(method) is not None:
                found.append((Cell(method, activity, int(seed)), path))
        return sorted(found)

    def _path(self, cell: Cell, suffix: str) -> Path:
        folder = self.root / "cells" / file_name(cell.method) / file_name(cell.activity)
        return folder / f"seed-{cell.seed}{suffix}"


def file_name(name: str) -> str:
    """Escape characters that file names cannot hold, as in a URL: ``%2F`` for a slash."""
    return re.sub(r'[%/\\<>:"|?*]|^\.', lambda found: f"%{ord(found[0]):02X}", name)


def _group(n_actions: int, recordings: Recordings) -> Group:
    """Describe the recordings of an activity, with the names, sizes and times of their files."""
    digest = hashlib.sha256()
    for one in recordings:
        for path in one.files:
            size, when = file_size(path), path.stat().st_mtime_ns
            digest.update(f"{path.name} {size} {when}\n".encode())
    frames = sum(one.n_frames for one in recordings)
    labelled = sum(one.labelled for one in recordings)
    return Group(n_actions, len(recordings), frames, labelled, digest.hexdigest())
