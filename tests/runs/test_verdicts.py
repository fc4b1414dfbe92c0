"""What the actions of a folder's results give reason to try."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from asot.runs.verdicts import verdict_of
from tests.figures.evidences import found


@pytest.mark.parametrize(
    ("labels", "hint"),
    [
        ([0] * 40 + [2] * 2 + [1] * 40 + [2] * 2 + [0] * 40, True),
        ([0] * 40 + [2] * 10 + [1] * 40 + [2] * 10 + [0] * 40, False),
        ([0] * 40 + [1] * 40, False),
    ],
)
def test_an_action_of_short_segments_may_be_a_change(labels: list[int], hint: bool) -> None:
    folder: Any = SimpleNamespace(
        models=lambda: {"a": "all", "b": "all", "c": "other"},
        n_actions=lambda model: 3,
        labels=lambda name: np.array(labels if name != "c" else [2] * 500),
    )
    given = found()
    given.n_actions = None
    told = verdict_of(folder, "all", given, trained_here=True)
    assert ("Action 3 is short wherever it comes" in told.advice) == hint
    assert ("(--n_actions 4)" in told.advice) == hint
    # Where the number was found, it is not the user's to change.
    assert "is short" not in verdict_of(folder, "all", found(), trained_here=True).advice
