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
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asot.errors import AsotError
    from asot.estimator import ActionSegmenter
    from asot.metrics import evaluate
    from asot.transport import (
        Band,
        Dense,
        FeatureBand,
        Solution,
        StreamingDecoder,
        append_background,
        solve,
        temporal_prior,
    )

__version__ = _version("asot")

_HOMES = {
    "ActionSegmenter": "asot.estimator",
    "AsotError": "asot.errors",
    "Band": "asot.transport",
    "Dense": "asot.transport",
    "FeatureBand": "asot.transport",
    "Solution": "asot.transport",
    "StreamingDecoder": "asot.transport",
    "append_background": "asot.transport",
    "evaluate": "asot.metrics",
    "solve": "asot.transport",
    "temporal_prior": "asot.transport",
}

__all__ = [
    "ActionSegmenter",
    "AsotError",
    "Band",
    "Dense",
    "FeatureBand",
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
    raise AttributeError(f"module 'asot' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
