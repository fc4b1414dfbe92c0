"""Signals that end a process, put off where an exception in the middle would do harm."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType

ENDING = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows lacks the last


def ending_signals() -> list[signal.Signals]:
    """List the signals that end a process, where this thread can handle them: the main one."""
    ours = threading.current_thread() is threading.main_thread()
    return [signal.Signals[one] for one in ENDING if ours and hasattr(signal, one)]


@contextmanager
def put_off() -> Iterator[None]:
    """Let signals that raise exceptions here do so after the block."""
    came: list[int] = []
    before = {one: signal.getsignal(one) for one in ending_signals()}
    handlers = {one: handler for one, handler in before.items() if callable(handler)}
    for one in handlers:
        signal.signal(one, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)
        for number in came:
            signal.raise_signal(number)


def send_to_main(number: int) -> None:
    """Send a signal to this process's main thread, whatever it waits for."""
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        # Only the main thread runs handlers, and only the one that gets a signal stops waiting.
        signal.pthread_kill(main, number)
    else:  # on Windows
        signal.raise_signal(number)


def is_importing(frame: FrameType | None, within: CodeType) -> bool:
    """Tell whether a frame belongs to an import that began within a function.

    An exception there can end the process: libraries in C++ cannot take it while they load.
    """
    while frame is not None and frame.f_code is not within:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
