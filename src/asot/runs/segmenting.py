"""Decoding of recordings, side by side: what is there already, of the same model, stays.

A recording is decoded by itself, so that it does not matter which process does it, or when.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot import __version__
from asot.data import Recording, Recordings
from asot.data.origin import Origin
from asot.errors import SolverError, UnfinishedError
from asot.model.recipe import Preparation
from asot.processes import Died
from asot.progress import Progress, silent
from asot.remote import file_size
from asot.runs.numbers import Order, renumber
from asot.runs.predictions import PredictionFolder
from asot.text import plural
from asot.workers import AGAIN, DEFAULT_WORKERS, Workers

Task = tuple[Recording, str, "NDArray[np.int64] | None"]


@dataclass(frozen=True)
class Segmenting:
    """Models that decode recordings, the numbers of their actions, and the folder to write to.

    ``hashes`` are those of the models' checkpoints; without them nothing that is there stays. What
    lies in ``drafts`` was decoded already, under the models' own numbers.
    """

    models: Mapping[str, Any]
    folder: PredictionFolder
    preparation: Preparation
    orders: Mapping[str, Order | None] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    drafts: PredictionFolder | None = None

    def write(self, task: Task) -> None:
        """Decode a recording, whose ``known`` labels hold, with one of the models."""
        from asot.model.features import prepare
        from asot.model.network import decode
        from asot.model.sub_actions import sub_actions

        one, name, known = task
        if self.drafts is not None and self.drafts.holds(one):
            decoded = self.drafts.labels(one.name), self.drafts.assignment(one.name)
            steps = self.drafts.steps(one.name)
        else:
            features = prepare(one.features, self.preparation)
            if lacks_columns(one.origin):
                # Frames keep the length that the network learnt with, as in dropout.
                present = max(1, features.any(axis=0).sum())
                features = features * np.float32(math.sqrt(one.width / present))
            try:
                decoded = decode(self.models[name], features, known)
            except SolverError as error:
                raise SolverError(f"{one.name}: {error}") from error
            steps = sub_actions(self.models[name], features, decoded[0])
        self.folder.write(one.name, *renumber(*decoded, self.orders.get(name)), steps)

    def write_all(
        self,
        recordings: Recordings,
        chosen: Mapping[str, str],
        known: Mapping[str, NDArray[np.int64]] | None = None,
        workers: Workers = DEFAULT_WORKERS,
        progress: Progress = silent,
        own: Collection[str] | None = None,
    ) -> None:
        """Decode recordings, each with the model that is ``chosen`` for it, but for those there.

        Where some are this process's ``own``, others are left to other processes.

        Raises
        ------
        UnfinishedError
            If the process of a recording died, twice; the others are written.
        """
        if self.drafts is not None and self.hashes:
            draft = replace(self, folder=self.drafts, orders={})
            self.drafts.resume(recordings, draft.marks(recordings, chosen, known))
        there = self.folder.resume(recordings, self.marks(recordings, chosen, known))
        if own is not None:
            recordings = Recordings([one for one in recordings if one.name in own])
            there &= set(own)
        tasks = [(one, chosen[one.name], (known or {}).get(one.name)) for one in recordings]
        left = [task for task in tasks if task[0].name not in there]
        from asot.model.network import decoding_seconds

        drafts = self.drafts  # what lies there is renumbered, which takes no time
        new = [one for one in left if drafts is None or not drafts.written(one[0].name)]
        seconds = sum(decoding_seconds(self.models[name], one.n_frames) for one, name, _ in new)
        died: dict[str, Died] = {}
        progress("Segmenting", len(there), len(tasks))
        outcomes = workers.run(self.write, left, seconds=seconds)
        for done, (task, result) in enumerate(outcomes, start=len(there) + 1):
            if isinstance(result, Died):
                died[task[0].name] = result
            progress("Segmenting", done, len(tasks))
        if died:
            name, reason = next(iter(died.items()))
            missing = f"{len(died)} of {plural(len(tasks), 'recording')}"
            why = f"{name}, as {reason}"
            raise UnfinishedError(f"{missing} could not be segmented ({why}): {AGAIN}.")

    def marks(
        self,
        recordings: Recordings,
        chosen: Mapping[str, str],
        known: Mapping[str, NDArray[np.int64]] | None = None,
    ) -> dict[str, str | None]:
        """Return texts that change with what decides the labels of each recording."""
        known = known or {}
        return {
            one.name: self._mark((one, chosen[one.name], known.get(one.name))) for one in recordings
        }

    def _mark(self, task: Task) -> str | None:
        """Return a text that changes with what decides the labels of a recording."""
        one, name, known = task
        if name not in self.hashes:
            return None
        origin, order = one.origin, self.orders.get(name)
        parts = [
            __version__,
            self.hashes[name],
            None if order is None else order.tolist(),
            _made_of(one) if origin is None else [origin.fingerprint, origin.extractor],
            None if known is None else hashlib.sha256(known.tobytes()).hexdigest(),
            self.preparation,
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _made_of(one: Recording) -> list[int]:
    """Return the size and time of change of the features' file."""
    path = one.files[0]
    return [file_size(path), path.stat().st_mtime_ns]


def lacks_columns(origin: Origin | None) -> bool:
    """Tell whether features stand for columns that the recording does not have."""
    if origin is None or origin.kind not in ("series", "pose"):
        return False
    return len(origin.media.get("columns", ())) < len(origin.extractor.get("columns", ()))
