from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.figures.timeline import time_ticks

LENGTHS = st.integers(1, 10**6)
RATES = st.floats(0.001, 10_000)


def seconds(label: str, unit: str) -> float:
    if unit == "time (s)":
        return float(label)
    whole, rest = label.split(":")
    assert len(rest.split(".")[0]) == 2
    assert float(rest) < 60
    return (60 * int(whole) + float(rest)) * {"time (min:s)": 1, "time (h:min)": 60}[unit]


@given(LENGTHS, st.integers(2, 12))
def test_frame_ticks_are_whole_frames_and_say_so(n_frames: int, most: int) -> None:
    positions, labels, unit = time_ticks(n_frames, None, most)
    assert unit == "frame"
    assert 2 <= len(positions) <= max(most, 2)
    assert positions[0] == 0
    assert positions[-1] <= n_frames
    assert [int(label.replace(",", "")) for label in labels] == positions.tolist()
    assert len(set(np.diff(positions))) == 1


@given(LENGTHS, RATES, st.integers(2, 12))
def test_clock_ticks_say_the_time_they_stand_at(n_frames: int, rate: float, most: int) -> None:
    positions, labels, unit = time_ticks(n_frames, rate, most)
    assert 2 <= len(positions) <= most
    assert positions[0] == 0
    assert positions[-1] <= n_frames
    assert len(set(labels)) == len(labels)
    duration = n_frames / rate
    for position, label in zip(positions, labels, strict=True):
        assert seconds(label, unit) == pytest.approx(position / rate, abs=1e-6 * duration)


@pytest.mark.parametrize(
    "n_frames, rate, expected",
    [
        (100, 10, ["0:00", "0:02", "0:04", "0:06", "0:08", "0:10"]),
        (36000, 10, ["0:00", "0:15", "0:30", "0:45", "1:00"]),
        (1, 30, ["0", "0.01", "0.02", "0.03"]),
        (20, 10, ["0:00.0", "0:00.5", "0:01.0", "0:01.5", "0:02.0"]),
        (595, 10, ["0:00", "0:10", "0:20", "0:30", "0:40", "0:50"]),
    ],
)
def test_known_clocks(n_frames: int, rate: float, expected: list[str]) -> None:
    assert time_ticks(n_frames, rate, 6)[1] == expected
