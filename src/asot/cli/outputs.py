"""Standard output and error that may be closed or full, and still end no command in the middle."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO


class Sturdy:
    """A stream whose errors go no further: what is written after one is written nowhere.

    ``error`` is the first one that is worth a word, which a reader who left is not.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text, which a buffer may hold back, with URLs for what lies in a store."""
        if "remote" in text:  # as the folder of the cache is called; else help would wait for it
            from asot.remote import told

            text = told(text)
        return self._try(self._stream.write, text) or len(text)

    def flush(self) -> None:
        """Write what a buffer holds back."""
        self._try(self._stream.flush)

    def _try(self, action: Callable[..., Any], *given: str) -> Any:
        try:
            return action(*given)
        except OSError as error:
            # On Windows, writing to a reader who left is an invalid argument.
            left = isinstance(error, BrokenPipeError) or error.errno == errno.EINVAL
            if self.error is None and not left:
                self.error = error
            # The buffer still holds what could not be written, and is flushed at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            return None


@contextmanager
def sturdy_outputs() -> Iterator[Sturdy]:
    """Let standard output and error be sturdy ones while the block runs; yield the output."""
    # Opened in this order, they get the numbers that were closed, which no file then can get: a
    # library that prints would write into it.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    before = sys.stdout, sys.stderr
    # A name that the terminal's encoding lacks must not end a command.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    output = Sturdy(sys.stdout)
    sys.stdout, sys.stderr = output, Sturdy(sys.stderr)
    try:
        yield output
    finally:
        sys.stderr.flush()
        sys.stdout, sys.stderr = before
