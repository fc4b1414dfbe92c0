"""Why settings were chosen: evidence of a run's models, told in sentences, curves and shares."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from asot.errors import ArgumentError, DataError
from asot.figures.evidence_chart import Finding
from asot.figures.evidence_parts import (
    tell_background,
    tell_learners,
    tell_number,
    tell_order,
    tell_radius,
)

FILE = "evidence.json"  # in the folder of a run


def read_evidence(path: str | os.PathLike[str]) -> dict[str, dict[str, Any]]:
    """Read the evidence of each model of a run.

    Parameters
    ----------
    path : path-like
        The file; without it nothing was found from the recordings.

    Returns
    -------
    dict of str to dict
        By model, plain values as :func:`findings` takes them; empty where there is no file.

    Raises
    ------
    DataError
        If the file is damaged.

    Examples
    --------
    >>> read_evidence("nowhere/evidence.json")
    {}
    """
    path = Path(path)
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    if not isinstance(loaded, dict):
        raise DataError(f"{path} does not hold evidence by model: remove it, or train again.")
    for model, evidence in loaded.items():
        try:
            findings(evidence)
        except ArgumentError as error:
            reason = str(error).rstrip(".")
            raise DataError(
                f"{path} is damaged in {model!r} ({reason}): remove it, or train again."
            ) from error
    return loaded


def findings(evidence: Mapping[str, Any]) -> list[Finding]:
    """Tell what was found for one model.

    Parameters
    ----------
    evidence : mapping of str to Any
        ``radius``, ``order`` and ``n_actions``: the evidence of ``asot.discover`` as plain
        numbers; ``learners``: a list of ``name``, ``weight`` and perhaps ``agreement``, with
        the other learners; ``frame_rate``: frames a second. What is None or missing was not
        looked for.

    Raises
    ------
    ArgumentError
        If a part is not as it should be.

    Examples
    --------
    >>> order = {"share": 0.0, "by_chance": [], "p_value": 1.0, "strength": 0.0}
    >>> [(one.heading, one.sentence) for one in findings({"order": order})]
    [('Order', 'No order was looked for: it takes two recordings that change along the way.')]
    """
    if not isinstance(evidence, Mapping):
        raise ArgumentError(f"evidence must be a mapping, but it is {type(evidence).__name__}.")
    found = []
    part = "frame_rate"
    try:
        rate = evidence.get(part)
        if rate is not None and not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"{rate} is no rate")
        for part, tell in _TOLD.items():
            if evidence.get(part) is not None:
                found.append(tell(evidence[part], rate))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ArgumentError(f"{part} is no evidence, as {reason}.") from error
    return found


_TOLD: dict[str, Callable[[Any, float | None], Finding]] = {
    "radius": tell_radius,
    "order": tell_order,
    "n_actions": tell_number,
    "background": tell_background,
    "learners": tell_learners,
}
