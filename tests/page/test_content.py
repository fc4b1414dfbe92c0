from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from asot.errors import ArgumentError
from asot.page import ActionView, Example, Page, RecordingView, Track
from asot.timeline.corrections import Corrected

LABELS = np.array([0, 0, 1])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"labels": np.zeros(0, int)}, "N >= 1"),
        ({"labels": np.zeros(3)}, "must be integers"),
        ({"times": np.arange(3.0)}, "one more than the 3 frames"),
        ({"confidence": np.zeros(2)}, "one value for each of its 3 frames"),
        ({"tracks": (Track("truth", np.zeros(4, int)),)}, "the track 'truth'"),
        ({"corrected": Corrected(4, ())}, "must be of its 3 frames, not of 4"),
        ({"signals": np.zeros((2, 2))}, "must be (N q, C) with N = 3"),
        ({"signals": np.zeros((3, 0))}, "C >= 1"),
        ({"signals": np.zeros((3, 2)), "signal_names": ("x",)}, "2 signals but 1 signal_names"),
    ],
)
def test_a_recording_whose_parts_do_not_fit_is_refused(
    values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ArgumentError) as error:
        RecordingView(**{"name": "tea", "labels": LABELS, **values})
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("actions", "values", "sentence"),
    [
        ([ActionView(1), ActionView(1)], {}, "ids of their own"),
        ([ActionView(-1)], {}, "0 or more"),
        ([ActionView(0, merged_into=4)], {}, "not an action"),
        ([ActionView(0, merged_into=0)], {}, "the action itself"),
        ([ActionView(0, merged_into=1), ActionView(1, merged_into=0)], {}, "leads to 0"),
        ([ActionView(0)], {"confusion": (np.zeros((2, 1), int), ["a"])}, "confusion"),
        ([ActionView(0)], {"typical": {0: [Example("tea", 2, 2, 0.5)]}}, "[2, 2)"),
    ],
)
def test_a_page_whose_parts_do_not_fit_is_refused(
    actions: list[ActionView], values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ArgumentError) as error:
        Page("Tea", actions, [], **values)
    assert sentence in str(error.value)


def test_merges_may_follow_each_other() -> None:
    Page("Tea", [ActionView(0, merged_into=1), ActionView(1, merged_into=2), ActionView(2)], [])
