"""A room for a stranger's files, and the kinds of them: what is made, and what asot is asked.

A kind is a function that makes files in a :class:`Room` and returns the words of a command. Its
``codes`` are those that the command may end with: 2 where there is nothing left to use, 0 where the
others go on.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tests.runs.regimes import write_logs

SMALL = "team: 0\ntraining: {epochs: 1, frames_per_recording: 32}\nn_actions: 3\n"


class NothingToAlterError(Exception):
    """The results hold nothing of the kind that is to be altered: a team may have no network."""


@dataclass
class Room:
    """Folders of a command: only ``out`` and ``results`` may be written to, and what it caches."""

    root: Path
    ready: Path  # a folder of results, to copy
    rng: np.random.Generator

    @property
    def data(self) -> Path:
        """The folder that a stranger prepared."""
        return self._folder("data")

    @property
    def outside(self) -> Path:
        """A folder with a secret, which nobody named."""
        folder = self._folder("outside")
        (folder / "secret.txt").write_text("secret\n")
        return folder

    @property
    def out(self) -> Path:
        return self.root / "out"

    def results(self) -> Path:
        """A folder of results of three logs, ``r0`` to ``r2``, to alter."""
        return Path(shutil.copytree(self.ready, self.root / "results", symlinks=True))

    def logs(self, count: int = 2) -> Path:
        """The stranger's folder with sound logs."""
        write_logs(self.data, 7, *(f"r{i}" for i in range(count)), seconds=(3, 5))
        return self.data

    def arrays(self) -> Path:
        """The stranger's folder as a data set of three arrays."""
        for i in range(3):
            self.write(f"features/r{i}.npy", self.rng.normal(size=(60, 4)).astype(np.float32))
        return self.data

    def write(self, name: str, content: str | bytes | np.ndarray[Any, Any]) -> Path:
        """Write a file in the stranger's folder."""
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, np.ndarray):
            np.save(path, content)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, encoding="utf-8", errors="surrogatepass")
        return path

    def small(self) -> Path:
        """A recipe that trains in a moment."""
        path = self.root / "small.yaml"
        path.write_text(SMALL)
        return path

    def _folder(self, name: str) -> Path:
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        return folder

    def segment(self, *more: object) -> list[object]:
        return ["segment", self.data, "--recipe", self.small(), "--out", self.out, *more]

    def extract(self, *more: object) -> list[object]:
        return ["extract", self.data, "--out", self.out, *more]

    def train(self, *more: object) -> list[object]:
        return [
            "train",
            self.small(),
            "--data",
            self.data,
            "--out",
            self.out,
            "--figures",
            0,
            *more,
        ]


Maker: TypeAlias = Callable[[Room], list[object]]
KINDS: dict[str, tuple[Maker, tuple[int, ...]]] = {}


def kind(*codes: int) -> Callable[[Maker], Maker]:
    """Add a kind, by the name of its function."""

    def add(make: Maker) -> Maker:
        name = make.__name__.rstrip("_")
        assert name not in KINDS, name
        KINDS[name] = make, codes
        return make

    return add


def each(prefix: str, values: dict[str, Any], *codes: int) -> Callable[[Any], Any]:
    """Add a kind for each of some values, which the maker takes beside the room."""

    def add(make: Any) -> Any:
        for key, value in values.items():
            name = f"{prefix}_{key}"
            assert name not in KINDS, name
            KINDS[name] = (lambda room, value=value: make(room, value)), codes
        return make

    return add
