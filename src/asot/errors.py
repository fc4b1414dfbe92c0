"""The errors that asot raises on purpose, and the checks of arguments that raise them.

Each message is one sentence that names the file or argument, the rule and the value, and where
possible the cure. The command line prints that sentence alone; a traceback from asot is a bug.
"""

from __future__ import annotations

import copyreg
import numbers
import os
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from asot.text import plural, printable, short


class AsotError(Exception):
    """Base of every error that asot raises on purpose.

    Parameters
    ----------
    message : str
        The sentence.
    setting : str, optional
        The argument, setting or option that breaks a rule.
    file : path-like, optional
        The file or folder that does.
    """

    def __init__(
        self,
        message: str,
        *,
        setting: str | None = None,
        file: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(short(message))
        self.setting = setting
        self.file = None if file is None else Path(file)

    def __reduce__(self) -> tuple[Any, ...]:
        # Other processes make it again without ``__init__``, whose arguments differ by class.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class ArgumentError(AsotError, ValueError):
    """An argument breaks a rule of the function it was given to."""


class DataError(AsotError):
    """A file or folder does not hold what it should."""


class ConfigurationError(AsotError):
    """A recipe, a setting or a checkpoint cannot be used."""


class SolverError(AsotError):
    """A solver returned what cannot be a solution."""


class UnfinishedError(AsotError):
    """A part of the work failed; the same command does that part again."""


class MissingExtraError(AsotError, ImportError):
    """A library of an optional extra is not installed.

    Parameters
    ----------
    library : str
        The library that could not be imported.
    extra : str or None
        The extra that brings it, as in ``pip install "asot[extra]"``; None to install it itself.
    purpose : str
        What it is needed for, as the subject of the sentence.
    """

    def __init__(self, library: str, extra: str | None, purpose: str) -> None:
        cure = library if extra is None else f'"asot[{extra}]"'
        super().__init__(
            f"{purpose} needs the library '{library}', which is not installed: "
            f"run pip install {cure}."
        )


def require_extra(extra: str, purpose: str, *modules: str) -> None:
    """Refuse work that needs modules of an extra, before it begins, where one is not installed."""
    for module in modules:
        if find_spec(module) is None:
            raise MissingExtraError(module, extra, purpose)


# Beyond this, float32 overflows.
LARGEST = 1e30


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that is wrong with one file or folder.

    Parameters
    ----------
    path : Path
        The file or folder.
    line : int or None
        The line of a text file, counted from 1.
    message : str
        What is wrong, as the rest of a sentence that begins with the file.
    severity : {"error", "warning"}
        Errors keep the data from being used; warnings do not.

    Examples
    --------
    >>> print(Defect(Path("mapping.txt"), 3, "'7' is not '<id> <action name>'"))
    mapping.txt, line 3: '7' is not '<id> <action name>'
    """

    path: Path
    line: int | None
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        path = printable(self.path)
        where = path if self.line is None else f"{path}, line {self.line}"
        return f"{where}: {self.message}"


class FileError(DataError):
    """A file cannot be used; ``problems`` holds all that is wrong with it.

    Parameters
    ----------
    message : str
        The sentence to show.
    problems : sequence of Defect
        What was found in the file, the first being the one in the message.
    """

    def __init__(self, message: str, problems: Sequence[Defect] = ()) -> None:
        super().__init__(message, file=problems[0].path if problems else None)
        self.problems = tuple(problems)

    @classmethod
    def of(cls, problems: Sequence[Defect]) -> FileError:
        """Make the error that shows the first problem and says how many more there are."""
        more = len(problems) - 1
        suffix = f" (and {plural(more, 'more problem')})" if more else ""
        sentence = f"{problems[0]}{suffix}"
        return cls(sentence if sentence.endswith("?") else f"{sentence}.", problems)

    @classmethod
    def at(cls, path: Path, message: str, line: int | None = None) -> FileError:
        """Make the error of a file with a single problem."""
        return cls.of([Defect(path, line, message)])


def unreadable(error: BaseException) -> str:
    """Say in a few words why the system would not read a file."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"cannot be read: {reason}"


def line_of_ours(error: BaseException) -> str | None:
    """Return the line of asot that raised an error, or None where a library did."""
    last, code = traceback.extract_tb(error.__traceback__)[-1], Path(__file__).parent
    place = Path(last.filename)
    if not place.is_relative_to(code):
        return None
    return f"{place.relative_to(code).as_posix()}, line {last.lineno}"


def require_number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
) -> None:
    """Refuse ``value`` unless it is a finite number within the bounds."""
    # A plain float is the common case, and the question for other numbers a slow one.
    is_number = type(value) is float or (
        isinstance(value, numbers.Real) and not isinstance(value, bool)
    )
    fits = (
        is_number
        and abs(value) <= LARGEST
        and (above is None or value > above)
        and (at_least is None or value >= at_least)
        and (below is None or value < below)
    )
    if not fits:
        bounds = [
            text
            for bound, text in (
                (above, f"above {above:g}" if above is not None else ""),
                (at_least, f"at least {at_least:g}" if at_least is not None else ""),
                (below, f"below {below:g}" if below is not None else ""),
            )
            if bound is not None
        ]
        raise ArgumentError(
            f"{name} must be a finite number{' that is ' if bounds else ''}"
            f"{' and '.join(bounds)}, but is {value!r}.",
            setting=name,
        )


def require_integer(name: str, value: Any, *, at_least: int, at_most: int | None = None) -> None:
    """Refuse ``value`` unless it is an integer within the bounds."""
    is_integer = type(value) is int or (
        isinstance(value, numbers.Integral) and not isinstance(value, bool)
    )
    if not is_integer or value < at_least or (at_most is not None and value > at_most):
        bounds = f"of at least {at_least}" if at_most is None else f"from {at_least} to {at_most:,}"
        raise ArgumentError(f"{name} must be an integer {bounds}, but is {value!r}.", setting=name)
