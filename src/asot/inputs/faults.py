"""Whom an error is laid to while features are made: a recording, the machine, or asot."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from asot.errors import AsotError, FileError, UnfinishedError, line_of_ours

logger = logging.getLogger(__name__)

# What the system and libraries say of the machine, and of no recording.
OF_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
OF_DEVICE = re.compile(
    r"\b(CUDA|cuDNN|cuBLAS|HIP) |CUDNN_|CUBLAS_|out of memory|not enough memory|allocate memory"
)


class PassingError(UnfinishedError):
    """A recording met a fault of the machine, and may do another time."""


@contextmanager
def blame(path: Path) -> Iterator[None]:
    """Let a recording be listed like others that fail, whatever reading it raises.

    What others wrote may lead any library astray, and one file must not end the work on all. Where
    nothing can be written any more, the work does end. A fault of the machine says nothing of the
    recording.
    """
    try:
        # What is beyond all numbers is looked for in what comes of it.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            yield
    except (AsotError, ImportError, NotImplementedError):
        raise
    except MemoryError as error:
        needs = "needs more memory than there is: choose columns (--columns)"
        raise FileError.at(path, f"{needs}, or fewer rows a second (--frame_rate)") from error
    except Exception as error:  # libraries raise what they like
        named = Path(str(getattr(error, "filename", None) or path))
        elsewhere = named.resolve().parent != path.resolve().parent
        if isinstance(error, OSError) and (elsewhere or error.errno in OF_MACHINE):
            raise
        logger.debug("%s cannot be read", path, exc_info=True)
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
        own = isinstance(error, RuntimeError) or type(error).__module__.startswith("onnxruntime")
        if own and OF_DEVICE.search(reason):
            raise PassingError(f"{path} met a fault of the machine ({reason}).") from error
        place = line_of_ours(error)
        if place is not None:
            cure = "if the file is sound, please report this"
            told = f"asot cannot deal with it ({reason}, in {place}): {cure}"
            raise FileError.at(path, told) from error
        raise FileError.at(path, f"holds what cannot be read ({reason})") from error
