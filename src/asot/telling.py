"""What a job tells whoever spread it: values, what it logs, and what it warns of."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler
from typing import Any, TextIO

# Called with a job and what it tells of itself while it runs.
Told = Callable[[Any, Any], None]

_WARNED: dict[Any, Any] = {}  # of what was warned of in other processes, as each module has one


def tell(value: Any) -> None:
    """Tell whoever spread the jobs of the one that runs here; nobody, outside of a job."""
    _teller(value)


def hear(told: Callable[[Any], None], value: Any) -> None:
    """Take what a job in another process tells; what it logged and warned of, log and warn here."""
    if isinstance(value, logging.LogRecord):
        logging.getLogger(value.name).handle(value)
    elif isinstance(value, warnings.WarningMessage):
        said = str(value.message), value.category, value.filename, value.lineno
        warnings.warn_explicit(*said, registry=_WARNED)
    else:
        told(value)


def logged_from() -> int:
    """Return the level from which on this process logs, which is that of its jobs in others."""
    return logging.getLogger("asot").getEffectiveLevel()


def _silent(value: Any) -> None:
    """Tell nobody."""


_teller: Callable[[Any], None] = _silent


@contextmanager
def telling(teller: Callable[[Any], None]) -> Iterator[None]:
    """Let ``tell`` call ``teller`` within the block."""
    global _teller
    _teller, before = teller, _teller
    try:
        yield
    finally:
        _teller = before


class _Forwarding(QueueHandler):
    """A handler that gives each record, in words, to a function."""

    def __init__(self, teller: Any) -> None:
        super().__init__(teller)

    def enqueue(self, record: logging.LogRecord) -> None:
        """Give a record away."""
        teller: Any = self.queue
        teller(record)


@contextmanager
def logging_to(teller: Callable[[Any], None], level: int) -> Iterator[None]:
    """Let what is logged and warned of within the block be told, to be heard by ``hear``."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        teller(warnings.WarningMessage(str(message), category, filename, lineno))

    handler, root, ours = _Forwarding(teller), logging.getLogger(), logging.getLogger("asot")
    shown, logged = warnings.showwarning, ours.level
    warnings.showwarning = show
    root.addHandler(handler)
    ours.setLevel(level)
    try:
        yield
    finally:
        root.removeHandler(handler)
        warnings.showwarning = shown
        ours.setLevel(logged)
