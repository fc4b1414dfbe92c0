"""What a data folder holds and what is wrong with it, as the check reports it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from asot.errors import DataError, Defect
from asot.text import plural


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """What there is of one activity.

    Parameters
    ----------
    activity : str or None
        Its name; None for recordings that have no activity.
    recordings : int
        Features files, readable or not.
    frames : int
        Frames of those that can be read.
    hours : float or None
        Their duration; None when the frame rate is not known.
    width : int or None
        Feature columns, as in most of its recordings; None when none can be read.
    labelled : int
        Recordings with ground truth.
    classes : int
        Different actions in that ground truth.
    """

    activity: str | None
    recordings: int
    frames: int
    hours: float | None
    width: int | None
    labelled: int
    classes: int


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What is in a data folder, and what is wrong.

    Parameters
    ----------
    root : Path
        The folder.
    rows : tuple of ActivityRow
        One an activity.
    problems : tuple of Defect
        Errors first, each group by file and line.
    """

    root: Path
    rows: tuple[ActivityRow, ...]
    problems: tuple[Defect, ...]

    @property
    def errors(self) -> tuple[Defect, ...]:
        """The problems that keep the data from being used."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Defect, ...]:
        """The problems that do not."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")

    @property
    def ok(self) -> bool:
        """Whether there is no error; warnings are allowed."""
        return not self.errors


def require_valid(report: DatasetReport) -> None:
    """Refuse to go on with a data folder that has errors.

    Parameters
    ----------
    report : DatasetReport
        What :func:`~asot.data.check_dataset` found.

    Raises
    ------
    DataError
        With the first error, the number of others, and the command that lists them all.

    Examples
    --------
    >>> problem = Defect(Path("toys/features"), None, "does not exist")
    >>> require_valid(DatasetReport(Path("toys"), (), (problem,)))
    Traceback (most recent call last):
    asot.errors.DataError: toys/features: does not exist.
    """
    errors = report.errors
    if not errors:
        return
    more = len(errors) - 1
    command = f"asot data check {shlex.quote(str(report.root))}"
    suffix = f"; and {plural(more, 'more problem')}: run {command}" if more else ""
    raise DataError(f"{errors[0]}{suffix}.")
