"""Locks on open files and folders, which end with the process that holds them."""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HAS_FLOCK = find_spec("fcntl") is not None  # Windows has locks of its own
_EXCLUSIVE, _AT_ONCE, _TAKEN = 2, 1, (33, 997)  # flags of LockFileEx, and errors of what is locked

logger = logging.getLogger(__name__)


def open_folder(folder: Path) -> int:
    """Open a folder to be locked.

    Windows opens none: there a file of the user's temporary folder stands for it.
    """
    if HAS_FLOCK:
        return os.open(folder, os.O_RDONLY)
    places = Path(tempfile.gettempdir()) / "asot-locks"
    places.mkdir(exist_ok=True)
    name = os.path.normcase(folder).encode("utf-8", "surrogatepass")
    return os.open(places / hashlib.sha256(name).hexdigest(), os.O_RDWR | os.O_CREAT)


def lock(opened: Any, *, shared: bool = False, wait: bool = False) -> bool | None:
    """Lock an open file or a descriptor until it is closed.

    Return False where another process has it, unless this one is to ``wait``, and None where the
    system cannot lock it, such as on some network disks.
    """
    take = _take_flock if HAS_FLOCK else _take_windows
    try:
        take(opened if isinstance(opened, int) else opened.fileno(), shared, wait)
    except BlockingIOError:
        return False
    except OSError as error:
        logger.debug("%s cannot be locked: %s", opened, error)
        return None
    return True


def _take_flock(descriptor: int, shared: bool, wait: bool) -> None:
    import fcntl

    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    fcntl.flock(descriptor, kind | (0 if wait else fcntl.LOCK_NB))


class _Overlapped(ctypes.Structure):
    """Where to lock: far beyond the end, as nobody can read what others have locked."""

    _fields_ = (
        ("internal", ctypes.c_size_t * 2),
        ("offset", ctypes.c_uint32 * 2),
        ("event", ctypes.c_void_p),
    )


def _take_windows(descriptor: int, shared: bool, wait: bool) -> None:
    # Not imported by name, as type checkers elsewhere know nothing of them.
    windows: Any = ctypes
    kernel = windows.WinDLL("kernel32", use_last_error=True)
    handle = ctypes.c_void_p(import_module("msvcrt").get_osfhandle(descriptor))
    place = ctypes.byref(_Overlapped(offset=(ctypes.c_uint32 * 2)(0, 1 << 30)))
    kernel.UnlockFileEx(handle, 0, 1, 0, place)  # of another kind that this one had
    kind = (0 if shared else _EXCLUSIVE) | (0 if wait else _AT_ONCE)
    if not kernel.LockFileEx(handle, kind, 0, 1, 0, place):
        error = windows.get_last_error()
        if error in _TAKEN:
            raise BlockingIOError(error, "is locked by another process")
        raise OSError(error, "LockFileEx failed")
