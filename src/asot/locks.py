"""Locks on open files and folders, which end with the process that holds them."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Any

HAS_LOCKS = find_spec("fcntl") is not None  # Windows has others

logger = logging.getLogger(__name__)


def lock(opened: Any, *, shared: bool = False, wait: bool = False) -> bool | None:
    """Lock an open file or a descriptor until it is closed.

    Return False where another process has it, unless this one is to ``wait``, and None where the
    system cannot lock it, such as on some network disks.
    """
    if not HAS_LOCKS:
        return None
    import fcntl

    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(opened, kind | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        logger.debug("%s cannot be locked: %s", opened, error)
        return None
    return True
