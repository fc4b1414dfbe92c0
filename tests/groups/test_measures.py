"""Bouts and transitions of one recording, against pandas and by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from asot.groups.measures import Bouts, measure
from asot.timeline.segments import Timeline, segment_table

NAMES = {0: "pour", 1: "stir", 2: "wait"}


def timeline(labels: list[int], times: list[float] | None = None) -> Timeline:
    rows = segment_table("tea", labels, action_names=NAMES, times=times)
    return Timeline("tea", tuple(rows), len(labels), None if times is None else np.array(times))


def test_a_recording_by_hand() -> None:
    # The clock starts at 2 s, and its third frame lasts 4 s; no action at 11 s.
    labels = [1, 0, 0, 1, -1, 0]
    found = measure(timeline(labels, [2, 4, 5, 9, 11, 12, 14]), ["pour", "stir", "wait"], True)
    assert found.length == 12
    pour, stir, wait = found.bouts
    # Two bouts, of 5 s from 4 s on and of 2 s from 12 s on.
    expected = ("pour", 2, 7, 7 / 12, 3.5, math.sqrt(4.5), 3.5, 2, 5, 2, 3, math.nan, 10)
    assert pour == pytest.approx(Bouts(*expected), nan_ok=True) or all(
        getattr(pour, name) == pytest.approx(value, nan_ok=True)
        for name, value in zip(Bouts.__dataclass_fields__, expected, strict=True)
        if name != "action"
    )
    assert (stir.count, stir.total, stir.latency, stir.interval_mean) == (2, 4, 0, 5)
    assert (wait.count, wait.total, wait.share, wait.rate) == (0, 0, 0, 0)
    for name in ("mean", "sd", "median", "shortest", "longest", "latency", "interval_mean"):
        assert math.isnan(getattr(wait, name))
    # Nothing follows the second stir at once, as a frame without an action is between.
    assert found.transitions.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]


def test_frames_count_where_times_are_not_known() -> None:
    pour = measure(timeline([0, 0, 1, 0]), ["pour", "stir"], in_seconds=False).bouts[0]
    assert (pour.total, pour.share, pour.rate, pour.mean) == (3, 0.75, 500, 1.5)


def test_a_recording_without_any_action() -> None:
    found = measure(timeline([-1, -1]), ["pour"], in_seconds=False)
    assert (found.bouts[0].count, found.length, found.transitions.tolist()) == (0, 2, [[0]])


def test_measures_are_those_of_pandas(rng: np.random.Generator) -> None:
    labels = np.repeat(rng.integers(-1, 3, 60), rng.integers(1, 6, 60))
    times = 3 + np.cumsum(rng.uniform(0.5, 1.5, len(labels) + 1))
    one = timeline(labels.tolist(), times.tolist())
    found = measure(one, list(NAMES.values()), in_seconds=True)
    table = pd.DataFrame([(row.action, row.start_s, row.end_s) for row in one.rows])
    table.columns = pd.Index(["action", "start", "end"])
    table["length"] = table["end"] - table["start"]
    whole = times[-1] - times[0]
    for bouts, lengths in zip(found.bouts, found.lengths, strict=True):
        own = table[table["action"] == bouts.action]
        between = own["start"].shift(-1) - own["end"]
        expected = [
            *(len(own), own["length"].sum(), own["length"].sum() / whole),
            *own["length"].agg(["mean", "std", "median", "min", "max"]),
            *(own["start"].min() - times[0], between.mean(), between.std()),
            60 * len(own) / whole,
        ]
        values = [getattr(bouts, name) for name in Bouts.__dataclass_fields__ if name != "action"]
        np.testing.assert_allclose(values, expected)
        np.testing.assert_allclose(lengths, own["length"])
    following = table["action"].shift(-1)[table["end"] == table["start"].shift(-1)]
    pairs = pd.crosstab(table["action"][following.index], following)
    pairs = pairs.reindex(index=NAMES.values(), columns=NAMES.values(), fill_value=0)
    np.testing.assert_array_equal(found.transitions, pairs)
