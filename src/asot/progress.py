"""One way to tell of progress, for every job that takes a while."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A function that is told of the progress: ``asot.cli.console`` draws bars of it."""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Take the stage ("Reading the recordings"), the steps done, all steps, and a note."""


def silent(stage: str, done: int, total: int, note: str = "") -> None:
    """Tell nobody."""
