"""asot finds the actions in recordings without labels.

>>> import numpy as np
>>> import asot
>>> cost = 1.0 - np.repeat(np.eye(3), 20, axis=0)  # 60 frames, 3 actions
>>> asot.solve(cost).labels[[0, 25, 59]].tolist()
[0, 1, 2]

The names below are loaded when they are first used, so that ``import asot`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asot.errors import AsotError
    from asot.estimator import ActionSegmenter
    from asot.metrics import evaluate
    from asot.model.parts import EarlyStopping, Epoch, ForwardPass
    from asot.transport import (
        Band,
        Complement,
        Dense,
        FeatureBand,
        Joined,
        Solution,
        StreamingDecoder,
        append_background,
        solve,
        temporal_prior,
    )

    __version__: str

_STRUCTURES = ("Band", "Complement", "Dense", "FeatureBand", "Joined")
_TRANSPORT = (*_STRUCTURES, "Solution", "StreamingDecoder", "append_background")
_HOMES = {
    **dict.fromkeys((*_TRANSPORT, "solve", "temporal_prior"), "asot.transport"),
    **dict.fromkeys(("EarlyStopping", "Epoch", "ForwardPass"), "asot.model.parts"),
    **{"ActionSegmenter": "asot.estimator", "AsotError": "asot.errors", "evaluate": "asot.metrics"},
}

__all__ = [
    "ActionSegmenter",
    "AsotError",
    "Band",
    "Complement",
    "Dense",
    "EarlyStopping",
    "Epoch",
    "FeatureBand",
    "ForwardPass",
    "Joined",
    "Solution",
    "StreamingDecoder",
    "append_background",
    "evaluate",
    "solve",
    "temporal_prior",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        # Kept, so that it is looked up once.
        globals()[name] = getattr(import_module(_HOMES[name]), name)
        return globals()[name]
    if name == "__version__":
        # Later, too: what looks it up takes longer to import than all the rest here.
        return import_module("importlib.metadata").version("asot")
    raise AttributeError(f"module 'asot' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
