"""What the actions of a folder's results give reason to try."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from asot.runs.verdicts import verdict_of
from asot.timeline.names import ActionNames
from tests.figures.evidences import found


@pytest.mark.parametrize(
    ("labels", "hint"),
    [
        ([0] * 40 + [2] * 2 + [1] * 40 + [2] * 2 + [0] * 40, True),
        ([0] * 40 + [2] * 10 + [1] * 40 + [2] * 10 + [0] * 40, False),
        ([0] * 40 + [1] * 40, False),
    ],
)
def test_an_action_of_short_segments_may_be_a_change(
    labels: list[int], hint: bool, tmp_path: Path
) -> None:
    merged: dict[int, int] = {}
    folder: Any = SimpleNamespace(
        models=lambda: {"a": "all", "b": "all", "c": "other"},
        n_actions=lambda model: 3,
        names=lambda model, n_actions: ActionNames(merged=merged),
        corrected_path=lambda name: tmp_path / name,
        labels=lambda name: np.array(labels if name != "c" else [2] * 500),
    )
    given = found()
    given.n_actions = None
    told = verdict_of(folder, "all", given, trained_here=True)
    assert ("Action 3 is short wherever it comes" in told.advice) == hint
    assert ("(--n_actions 4)" in told.advice) == hint
    # Where the number was found, it is not the user's to change.
    assert "is short" not in verdict_of(folder, "all", found(), trained_here=True).advice
    # The estimate is of the first result.
    (tmp_path / "c").touch()
    early = "Estimated before anything was merged or corrected."
    assert early not in verdict_of(folder, "all", given, trained_here=True).sentence
    merged[1] = 0
    assert early in verdict_of(folder, "all", given, trained_here=True).sentence
    merged.clear()
    (tmp_path / "b").touch()
    assert early in verdict_of(folder, "all", given, trained_here=True).sentence
