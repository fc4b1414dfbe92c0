"""The folder of a benchmark: what it compares, and one finished cell a file.

::

    benchmark.json                              data set, settings, versions
    recipe.yaml                                 the recipe with every setting
    cells/<method>/<activity>/seed-<n>.json     scores of a finished cell, and what it took
    cells/<method>/<activity>/seed-<n>.npz      its labels
    results.json, results.csv                   everything, for programs and spreadsheets
    table.md, table.tex                         the tables, for people and papers

A cell is one method on one activity with one seed. Its labels are written before its scores, and
both atomically, so that a cell with scores is finished.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from asot.benchmark.methods import is_method
from asot.data import Recordings
from asot.errors import ConfigurationError, DataError
from asot.files import atomic_path, write_json, write_text
from asot.model.recipe import Recipe
from asot.runs.run import WHOLE, TrainingPlan, recipe_yaml, refuse_to_fill, versions
from asot.schema import first_difference

DESCRIPTION = "benchmark.json"
# What asot data simulate leaves in a data set.
SIMULATED = "simulation.yaml"
FAILED = ".failed"

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
    """One segmentation of a cell: the last, or one of an earlier epoch that was kept.

    Attributes
    ----------
    scores : dict of str to dict of str to float
        By matching ("activity", where labels are shared, and "video"): every score.
    objective : float or None
        What the method minimises, where it is a number; it never sees the ground truth.
    epoch : int or None
        Epochs trained by then, where epochs were kept.
    """

    scores: dict[str, dict[str, float]]
    objective: float | None = None
    epoch: int | None = None


@dataclass
class CellResult:
    """A finished cell.

    Attributes
    ----------
    n_actions : int
        K.
    n_recordings, n_frames : int
        Recordings that were scored, and their frames that were.
    seconds : float
        Wall-clock time of fitting and labelling, on one thread; the first cell of a process
        also loads compiled code.
    candidates : list of Candidate
        The last is the cell's result.
    matching : dict
        For the matching by activity: which action is which class.
    """

    n_actions: int
    n_recordings: int
    n_frames: int
    seconds: float
    candidates: list[Candidate]
    matching: dict[str, Any] = field(default_factory=dict)

    @property
    def scores(self) -> dict[str, dict[str, float]]:
        """The scores of the cell's result, by matching."""
        return self.candidates[-1].scores

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CellResult:
        """The inverse of ``dataclasses.asdict``."""
        candidates = [Candidate(**one) for one in values["candidates"]]
        return cls(**{**values, "candidates": candidates})


class BenchmarkFolder:
    """Writes and reads the folder of a benchmark.

    Parameters
    ----------
    root : Path
        The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def begin(self, recipe: Recipe, plan: TrainingPlan, keep_epochs: bool) -> None:
        """Write what is compared, or see that it is what the folder already compares.

        Methods, seeds and activities may be added to a benchmark; the recipe and the data may not
        change under it.

        Raises
        ------
        ConfigurationError
            If the folder holds something else.
        """
        described = {
            "recipe": recipe.to_dict(),
            "data": plan.source.root,
            "keep_epochs": keep_epochs,
        }
        shapes = {
            activity: {
                "n_actions": plan.n_actions[activity],
                "recordings": len(recordings),
                "frames": sum(one.n_frames for one in recordings),
                "labelled": sum(one.labelled for one in recordings),
                "files": _fingerprint(recordings),
            }
            for activity, recordings in plan.activities.items()
        }
        path = self.root / DESCRIPTION
        known: dict[str, Any] = {}
        now = {"python": platform.python_version(), **versions()}
        used = [now]
        if path.exists():
            here = self.description()
            known = here["activities"]
            both = {name: known[name] for name in shapes if name in known}
            if (WHOLE in known) != (WHOLE in shapes):
                raise ConfigurationError(
                    f"{self.root} holds a benchmark of {', '.join(known)}: a mean would count "
                    "recordings twice, so choose another --out."
                )
            difference = first_difference(
                {**{name: here.get(name) for name in described}, "activities": both},
                {**described, "activities": {name: shapes[name] for name in both}},
            )
            if difference is not None:
                what = difference
                if ".files " in difference:
                    what = f"the files of {', '.join(both)} have changed since"
                raise ConfigurationError(
                    f"{self.root} holds another benchmark ({what}): "
                    "choose another --out, or remove it."
                )
            used = [*here["versions"], *([] if now in here["versions"] else [now])]
            if len(used) > 1:
                logger.warning(
                    "the cells of %s were run with %d sets of library versions; %s lists them",
                    self.root,
                    len(used),
                    DESCRIPTION,
                )
        else:
            refuse_to_fill(self.root)
            write_text(self.root / "recipe.yaml", recipe_yaml(recipe))
        write_json(
            path,
            {
                **described,
                "activities": {**known, **shapes},
                "simulated": (Path(plan.source.root) / SIMULATED).is_file(),
                "versions": used,
                "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
            },
        )

    def description(self) -> dict[str, Any]:
        """What ``begin`` wrote.

        Raises
        ------
        DataError
            If the folder is no benchmark.
        """
        path = self.root / DESCRIPTION
        try:
            described = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise DataError(
                f"{self.root} is no benchmark: it holds no {DESCRIPTION}, which asot benchmark "
                "writes."
            ) from None
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read: {error}.") from error
        needed = {"recipe", "data", "activities", "versions", "simulated"}
        if not isinstance(described, dict) or not needed <= set(described):
            raise DataError(f"{path} does not describe a benchmark: choose another folder.")
        return described

    def finished(self, cell: Cell) -> bool:
        """Whether a cell is done."""
        return self._path(cell, ".json").is_file()

    def write(
        self, cell: Cell, result: CellResult, labels: Mapping[str, NDArray[np.integer[Any]]]
    ) -> None:
        """Write a finished cell.

        Parameters
        ----------
        cell : Cell
            Which.
        result : CellResult
            Its scores.
        labels : mapping of str to (N_i,) int arrays
            Its labels, by recording.
        """
        with atomic_path(self._path(cell, ".npz")) as path:
            np.savez_compressed(
                path,
                names=np.array(list(labels)),
                lengths=np.array([len(one) for one in labels.values()]),
                labels=np.concatenate(list(labels.values())).astype(np.int32),
            )
        write_json(self._path(cell, ".json"), asdict(result))
        self._path(cell, FAILED).unlink(missing_ok=True)

    def write_failure(self, cell: Cell, reason: str) -> None:
        """Keep why a cell could not be run, until it can."""
        # Where even this cannot be written, the reason is told all the same.
        with suppress(OSError):
            write_text(self._path(cell, FAILED), f"{reason}\n")

    def failures(self) -> Iterator[tuple[Cell, str]]:
        """Cells that could not be run, and why, in order."""
        for cell, path in self._found(FAILED):
            if not self.finished(cell):
                yield cell, path.read_text(encoding="utf-8").strip()

    def read(self, cell: Cell) -> CellResult:
        """A finished cell.

        Raises
        ------
        DataError
            If its file cannot be read.
        """
        path = self._path(cell, ".json")
        try:
            return CellResult.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DataError(f"{path} cannot be read: remove it, to run it again.") from error

    def labels(self, cell: Cell) -> dict[str, NDArray[np.int32]]:
        """The labels (N_i,) of a finished cell, by recording."""
        path = self._path(cell, ".npz")
        try:
            # Opened here, as numpy.load leaves a damaged file open.
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
                ends = np.cumsum(stored["lengths"])[:-1]
                parts = np.split(stored["labels"], ends)
                return dict(zip(stored["names"].tolist(), parts, strict=True))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
            cure = f"remove it and {path.stem}.json, to run the cell again"
            raise DataError(f"{path} cannot be read: {cure}.") from error

    def cells(self) -> Iterator[tuple[Cell, CellResult]]:
        """All finished cells, in order."""
        for cell, _ in self._found(".json"):
            yield cell, self.read(cell)

    def _found(self, suffix: str) -> list[tuple[Cell, Path]]:
        """Cells of known methods with such a file, in order."""
        found = []
        for path in (self.root / "cells").glob(f"*/*/seed-*{suffix}"):
            method, activity, seed = path.parts[-3], path.parts[-2], path.stem[len("seed-") :]
            if seed.isdigit() and is_method(method):
                found.append((Cell(method, unquote(activity), int(seed)), path))
        return sorted(found)

    def _path(self, cell: Cell, suffix: str) -> Path:
        folder = self.root / "cells" / cell.method / file_name(cell.activity)
        return folder / f"seed-{cell.seed}{suffix}"


def _fingerprint(recordings: Recordings) -> str:
    """What changes when a file of the recordings does: of their names, sizes and times."""
    digest = hashlib.sha256()
    for one in recordings:
        for path in one.files:
            found = path.stat()
            digest.update(f"{path.name} {found.st_size} {found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def file_name(activity: str) -> str:
    """An activity as a file's name: what cannot stand in one as in an address, ``%2F``."""
    return re.sub(r'[%/\\<>:"|?*]|^\.', lambda found: f"%{ord(found[0]):02X}", activity)
