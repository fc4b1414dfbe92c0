"""What can be wrong in a data folder, as data: one :class:`Problem` a defect."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from asot.errors import DataError


@dataclass(frozen=True, slots=True)
class Problem:
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
    >>> print(Problem(Path("mapping.txt"), 3, "'7' is not '<id> <action name>'"))
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
    problems : sequence of Problem
        What was found in the file, the first being the one in the message.
    """

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> FileError:
        """Make the error that shows the first problem and says how many more there are."""
        more = len(problems) - 1
        suffix = f" (and {plural(more, 'more problem')})" if more else ""
        return cls(f"{problems[0]}{suffix}.", problems)

    @classmethod
    def at(cls, path: Path, message: str, line: int | None = None) -> FileError:
        """Make the error of a file with a single problem."""
        return cls.of([Problem(path, line, message)])


def plural(count: int, noun: str) -> str:
    """Count a noun in words for a message.

    Examples
    --------
    >>> plural(1, "frame"), plural(1200, "frame")
    ('1 frame', '1,200 frames')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def quote(text: str, limit: int = 40) -> str:
    """Quote a piece of a file for a message: printable whatever it holds, and short.

    Examples
    --------
    >>> quote("caf\\x00" + "x" * 100)
    "'caf\\\\x00xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'"
    """
    shown = repr(text[:limit] + ("..." if len(text) > limit else ""))
    return shown.encode("utf-8", "backslashreplace").decode("utf-8")


def printable(path: Path | str) -> str:
    """Show a path or name, quoted if it holds line breaks or the like.

    Examples
    --------
    >>> printable("my data"), printable("my\\ndata")
    ('my data', "'my\\\\ndata'")
    """
    text = str(path)
    return text if text.isprintable() else quote(text, len(text))


def listing(names: Sequence[str], limit: int = 3) -> str:
    """List the first few names and count the others.

    Examples
    --------
    >>> listing(["a", "b", "c", "d", "e"])
    "'a', 'b', 'c' and 2 more"
    """
    shown = ", ".join(quote(name, 80) for name in names[:limit])
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def require_file(path: Path) -> os.stat_result:
    """Look at a file before opening it.

    A named pipe would block a reader for ever, so only regular files pass.

    Raises
    ------
    FileError
        If it is missing, a broken link, a folder or a device, or cannot be looked at.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        what = "is a broken symbolic link" if path.is_symlink() else "does not exist"
        raise FileError.at(path, what) from None
    except (OSError, ValueError) as error:
        raise FileError.at(path, unreadable(error)) from error
    if not stat.S_ISREG(found.st_mode):
        what = "is a folder" if stat.S_ISDIR(found.st_mode) else "is not a regular file"
        raise FileError.at(path, f"{what} where a file is expected")
    return found


def unreadable(error: BaseException) -> str:
    """Say in a few words why the system would not read a file."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"cannot be read: {reason}"
