"""Labels of people and their tools as corrections of a prediction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from asot.errors import DataError
from asot.runs.corrections import Given
from asot.runs.predictions import PredictionFolder
from asot.text import as_label
from asot.timeline.corrections import Corrected, Patch, write_corrections
from asot.timeline.names import MOST_ADDED, ActionNames, default_name
from asot.timeline.segments import BACKGROUND, UNLABELLED, Timeline

T = TypeVar("T")


@dataclass(frozen=True)
class Imported:
    """What an import changed: the actions that were added, and the files for others."""

    added: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def take_corrections(
    folder: PredictionFolder, given: Mapping[str, Given], data: Path | None = None, by: str = ""
) -> Imported:
    """Lay people's labels over a prediction as corrected segments, and write its table anew.

    A label is the action of that name, also where capitals differ, and "action 3" is action 3. A
    label that no action has becomes an added action, and "background" is none. Frames without a
    label stay as they are, also where they were corrected before. What is corrected then, of all
    recordings of a model, is also written as a file that others can take.
    ``by`` is who says it, and ``data`` where the data set is now.
    """
    recordings, models = folder.open_data(data).recordings, folder.models()
    done = Imported()
    named: dict[str, ActionNames] = {}
    corrected: dict[str, Corrected] = {}
    for model in dict.fromkeys(models[name] for name in given):
        n_actions = folder.n_actions(model)
        names = folder.names(model, n_actions)
        actions = _Actions(names, n_actions)
        for name, one in given.items():
            if models[name] == model:
                before = folder.corrected(name, n_actions + names.added)
                corrected[name] = Corrected(len(one.labels), (*_patches(one, actions, before),))
        named[model] = actions.names
        done.added.extend(actions.added)
    # Names first: segments of an action that is not there yet could not be read again.
    for model, names in named.items():
        folder.write_names(model, names)
    for name, segments in corrected.items():
        folder.write_corrected(name, segments)
    for model, names in named.items():
        folder.rename(recordings, model, names)
        several = f"-{model}" if len(set(models.values())) > 1 else ""
        path = folder.root / f"corrections{several}.json"
        write_corrections(path, replace(folder.corrections(model), by=by))
        done.files.append(path)
    return done


def only_changed(
    given: Mapping[str, Given], found: Sequence[Timeline]
) -> tuple[dict[str, Given], int]:
    """Leave out segments that are as they were found, which perhaps nobody looked at.

    Return what is left, by recording, and how many segments are.
    """
    same = {
        (row.recording, row.start_frame, row.end_frame, as_label(row.action), as_label(row.note))
        for one in found
        for row in one.rows
    }
    left, count = {}, 0
    for name, one in given.items():
        labels = list(one.labels)
        for start, end, label in _runs(one.labels):
            note = "; ".join(dict.fromkeys(filter(None, one.notes[start:end])))
            if label is None or (name, start, end, label, note) in same:
                labels[start:end] = [None] * (end - start)
            else:
                count += 1
        if any(label is not None for label in labels):
            left[name] = replace(one, labels=labels)
    return left, count


class _Actions:
    """The labels of a model's K actions by their names, which grow with each new name."""

    def __init__(self, names: ActionNames, n_actions: int) -> None:
        self.names, self.n_actions, self.added = names, n_actions, list[str]()
        self.known = {BACKGROUND: UNLABELLED}
        actions = range(n_actions + names.added)
        for called in (default_name, lambda one: as_label(names.name(one)).casefold()):
            self.known.update({called(one): names.target(one) for one in reversed(actions)})
        self.known.update({as_label(names.name(one)): names.target(one) for one in actions})

    def label(self, name: str) -> int:
        """Return the label of an action, which is added where there is none of the name."""
        found = self.known.get(name, self.known.get(name.casefold()))
        if found is not None:
            return found
        if self.names.added == MOST_ADDED:
            rule = f"at most {MOST_ADDED:,} actions can be added"
            raise DataError(f"{rule}, but {name!r} is one more: import fewer kinds of labels.")
        label = self.n_actions + self.names.added
        names = {**self.names.names, label: name}
        self.names = replace(self.names, names=names, added=self.names.added + 1)
        self.known[name] = self.known[name.casefold()] = label
        self.added.append(name)
        return label


def _patches(given: Given, actions: _Actions, before: Corrected | None) -> Iterator[Patch]:
    """Yield a segment for each run of frames with the same action, new or ``before``."""
    n_frames = len(given.labels)
    frames: list[tuple[int, str] | None] = [None] * n_frames
    for old in before.segments if before and before.frames == n_frames else ():
        frames[old.start : old.end] = [(old.action, old.note)] * (old.end - old.start)
    for i, (label, note) in enumerate(zip(given.labels, given.notes, strict=True)):
        if label is not None:
            frames[i] = actions.label(label), note
    for start, end, action in _runs([one and one[0] for one in frames]):
        if action is not None:
            notes = dict.fromkeys(one[1] for one in frames[start:end] if one and one[1])
            yield Patch(start, end, action, "; ".join(notes))


def _runs(values: Sequence[T]) -> Iterator[tuple[int, int, T]]:
    """Yield the start, the end and the value of each run of equal values."""
    start = 0
    for value, run in groupby(values):
        end = start + len(list(run))
        yield start, end, value
        start = end
