"""Label sequences without features, as runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.data.layout import compile_pattern
from asot.errors import ArgumentError, DataError
from asot.text import quote
from asot.timeline.segments import run_lengths


@dataclass(frozen=True, slots=True)
class LabelSequence:
    """The labels of one recording, as runs.

    Parameters
    ----------
    name : str
        The recording's name.
    values : (S,) int64 array
        The class id of each run.
    lengths : (S,) int64 array
        Its frames.

    Examples
    --------
    >>> sequence = LabelSequence.of("P03_tea", [0, 0, 5, 5, 5])
    >>> sequence.values.tolist(), sequence.lengths.tolist(), sequence.n_frames
    ([0, 5], [2, 3], 5)
    """

    name: str
    values: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, name: str, labels: ArrayLike) -> LabelSequence:
        """Make it of (N,) frame labels."""
        starts, ends, values = run_lengths(labels)
        return cls(name, values.astype(np.int64), ends - starts)

    @property
    def n_frames(self) -> int:
        """The number of frames, N."""
        return int(self.lengths.sum())

    @property
    def labels(self) -> NDArray[np.int64]:
        """The (N,) frame labels."""
        return np.repeat(self.values, self.lengths)


@dataclass(frozen=True)
class LabelCorpus:
    """Label sequences and the names of their classes.

    Parameters
    ----------
    sequences : sequence of LabelSequence
        One a recording; their names differ.
    class_names : mapping of int to str
        Class id to action name, for all ids that occur.

    Raises
    ------
    DataError
        If there is none, a recording has no frame or a name that a file cannot have, a name comes
        twice, or a class has no name.
    """

    sequences: Sequence[LabelSequence]
    class_names: Mapping[int, str]

    def __post_init__(self) -> None:
        if not self.sequences:
            raise DataError("there are no label sequences.")
        seen: set[str] = set()
        for sequence in self.sequences:
            name = sequence.name
            if not name.isprintable() or "/" in name or "\\" in name or name[:1] in ("", "."):
                raise DataError(f"{quote(name)} is no name that a recording's file can have.")
            if name in seen:
                raise DataError(f"recording {quote(name)} comes twice.")
            seen.add(name)
            if not len(sequence.lengths):
                raise DataError(f"recording {quote(name)} has no frames.")
            unnamed = [int(one) for one in sequence.values if int(one) not in self.class_names]
            if unnamed:
                raise DataError(f"class {unnamed[0]} of recording {quote(name)} has no name.")
        names = list(self.class_names.values())
        for name in names:
            if not name.isprintable() or name != name.strip() or not name:
                raise DataError(f"{quote(name)} is no name for a class: it must fill one line.")
        if len(set(names)) != len(names):
            twice = next(name for i, name in enumerate(names) if name in names[:i])
            raise DataError(f"two classes have the name {quote(twice)}.")

    @property
    def n_frames(self) -> int:
        """Frames of all recordings."""
        return sum(sequence.n_frames for sequence in self.sequences)

    def activities(self, pattern: str | None) -> list[str | None]:
        """Find each recording's activity in its name.

        Parameters
        ----------
        pattern : str or None
            A regular expression whose one group is the activity; None for no activities.

        Raises
        ------
        ArgumentError
            If the pattern is none, or finds no activity in a name, or one that no folder can have.
        """
        compiled = compile_pattern(pattern)
        if compiled is None:
            return [None] * len(self.sequences)
        found = [compiled.search(sequence.name) for sequence in self.sequences]
        for sequence, match in zip(self.sequences, found, strict=True):
            if match is None or not match[1] or match[1].startswith("."):
                raise ArgumentError(
                    f"activity_pattern {pattern!r} finds no activity in the name "
                    f"{quote(sequence.name, 80)}."
                )
        return [match[1] for match in found if match is not None]

    def first(self, count: int, pattern: str | None = None) -> LabelCorpus:
        """Keep the first recordings of each activity.

        Parameters
        ----------
        count : int
            How many of each, from 1.
        pattern : str or None
            Where the activity is, as in :meth:`activities`.

        Raises
        ------
        ArgumentError
            If the count is less than 1.
        """
        if count < 1:
            raise ArgumentError(f"recordings must be at least 1, got {count}.")
        kept: dict[str | None, list[LabelSequence]] = {}
        for sequence, activity in zip(self.sequences, self.activities(pattern), strict=True):
            kept.setdefault(activity, []).append(sequence)
        sequences = [sequence for found in kept.values() for sequence in found[:count]]
        return LabelCorpus(sequences, self.class_names)
