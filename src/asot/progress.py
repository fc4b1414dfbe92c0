"""One way to tell of progress, for every job that takes a while, and how long the job takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

# The stages of all commands, in their order: typical seconds, and seconds more for each second of
# video, on two cores. What is measured takes their place while a job runs.
VIDEO = "Extracting features, seconds of video"
COSTS: dict[str, tuple[float, float]] = {
    "Comparing the recordings": (1, 0),
    "Looking at the recordings": (0.5, 0.001),
    VIDEO: (0, 0.3),
    "Reading the recordings": (1, 0),
    "Checking the data": (0.5, 0.001),
    "Loading the libraries": (4, 0),
    "Finding a first time scale": (2, 0.01),
    "Counting the actions": (2, 0.01),
    "Finding the time scale": (2, 0.01),
    "Training": (8, 0.15),
    "Voting": (2, 0.03),
    "Segmenting": (0.5, 0.003),
    "Cells": (60, 0),
    "k-means alone": (1, 0),
    "Drawing": (2, 0.001),
    "Finding sub-actions": (3, 0.01),
    "Page: videos": (0, 0.1),
    "Page: recordings": (0.5, 0.003),
    "Page: clips": (1, 0.025),
}
READING = tuple(COSTS)[:4]
LEARNING = tuple(COSTS)[4:12]
DRAWING = ("Drawing",)
PAGE = tuple(COSTS)[-2:]
SHARE = tuple(COSTS)[-3:]
KNOWN = 0.2  # of a stage, from which its length is what was measured
EARLY_S = 3.0  # in which nothing is said of the time left
LEAST = 0.1  # of a stage's remaining share, that is left at least however long it takes


class Progress(Protocol):
    """A function that is told of the progress: ``asot.cli.console`` draws a bar of it."""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Take the stage ("Reading the recordings"), the steps done, all steps, and a note."""


def silent(stage: str, done: int, total: int, note: str = "") -> None:
    """Tell nobody."""


def part_of(progress: Progress, index: int, names: Sequence[str]) -> Progress:
    """Tell of one of several equal parts of a job, under its name, as parts of the whole."""

    def report(stage: str, done: int, total: int, note: str = "") -> None:
        name = f"{names[index]}: {note}" if note else names[index]
        progress(stage, index * total + done, len(names) * total, name)

    return progress if len(names) == 1 else report


@dataclass
class _Stage:
    expected: float
    seconds: float = 0.0
    share: float = 0.0  # that is done
    length: float = 0.0  # seconds that it takes, as far as known at the last report

    def left(self) -> float:
        return max(self.length - self.seconds, LEAST * self.length * (1 - self.share), 0.0)


class Job:
    """The share of a whole job that is done, and the seconds that it will still take.

    It takes reports of the stages in ``plan`` and of others, from any thread. A stage takes as
    long as its finished share took, or before that its typical time, longer or shorter as what was
    done before it. Stages that were passed over take none.
    """

    def __init__(
        self, plan: Sequence[str] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock, self._lock = clock, Lock()
        self._began = self._since = clock()
        self._stages = {name: _Stage(COSTS[name][0]) for name in plan}
        self._current: str | None = None
        self._most = 0.0
        self.news = ""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Take a report, as ``Progress``."""
        with self._lock:
            self._spend()
            if stage not in self._stages:
                self._stages[stage] = _Stage(COSTS.get(stage, (1, 0))[0])
            if stage == VIDEO and stage != self._current:
                for name, one in self._stages.items():
                    fixed, each = COSTS.get(name, (1, 0))
                    one.expected = fixed + each * total
            self._current = stage
            one = self._stages[stage]
            one.share = done / total if total else 1.0
            expected, known = one.expected * self._pace(), min(1.0, one.share / KNOWN)
            measured = one.seconds / one.share if one.share else 0.0
            one.length = (1 - known) * expected + known * measured
            counts = f" {done:,} of {total:,}" if total > 1 else ""
            self.news = f"{stage}{counts}" + (f", {note}" if note else "")

    @property
    def elapsed(self) -> float:
        """Return the seconds since the job began."""
        return self._clock() - self._began

    def left(self) -> float | None:
        """Return the seconds that the job will still take, or None while that is not known."""
        with self._lock:
            self._spend()
            known = self.elapsed > EARLY_S and any(one.share for one in self._stages.values())
            return self._left() if known else None

    def share(self) -> float:
        """Return the share of the job's time that has passed, which never falls."""
        with self._lock:
            self._spend()
            whole = self.elapsed + self._left()
            self._most = max(self._most, self.elapsed / whole if whole else 0.0)
            return self._most

    def _spend(self) -> None:
        now = self._clock()
        if self._current is not None:
            self._stages[self._current].seconds += now - self._since
        self._since = now

    def _pace(self) -> float:
        """Return how much longer than is typical the work that is done took."""
        begun = [one for one in self._stages.values() if one.share]
        typical = EARLY_S + sum(one.expected * one.share for one in begun)
        return min(3.0, max(0.4, (EARLY_S + sum(one.seconds for one in begun)) / typical))

    def _left(self) -> float:
        pace, come, total = self._pace(), self._current is None, 0.0
        for name, one in self._stages.items():
            come = come or name == self._current
            if one.share:
                total += one.left() if one.share < 1 else 0.0
            elif come:
                total += one.left() if name == self._current else one.expected * pace
        return total


def about(seconds: float) -> str:
    """Say a time that is an estimate in few words.

    Examples
    --------
    >>> [about(one) for one in (4, 31, 100, 5000)]
    ['a few seconds', 'about 40 s', 'about 2 min', 'about 1 h 23 min']
    """
    if seconds < 10:
        return "a few seconds"
    if seconds <= 50:
        return f"about {10 * -(-seconds // 10):.0f} s"
    minutes = max(1, round(seconds / 60))
    return "about " + (
        f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
    )
