"""What is said of actions in signals: levels, spreads and rhythms that were put in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from asot.runs.portraits import Measured, draw_portraits

RATE = 10.0
NAMES = ("acc_x [m/s^2]", "gyr_y (rad/s)", "emg")


def exercises(rng: np.random.Generator, tempo: float = 1.0) -> Measured:
    """Three exercises: swinging, held low, and shaking; each three times, 20 s."""
    labels = np.repeat(np.tile([0, 1, 2], 3), 200)
    t = np.arange(len(labels)) / RATE
    signals = 0.05 * rng.normal(size=(len(labels), 3))
    swinging, held, shaking = (labels == k for k in range(3))
    signals[swinging, 1] += 2 * np.sin(2 * np.pi * 0.4 * tempo * t[swinging])
    signals[held, 0] -= 9.8
    signals[shaking, 2] += rng.normal(size=int(shaking.sum()))
    return measured(signals, labels)


def measured(signals: NDArray[np.float64], labels: NDArray[np.int64]) -> Measured:
    times = np.arange(len(labels) + 1) / RATE
    return Measured(signals.astype(np.float32), NAMES, labels, times)


def test_what_was_put_in_is_said(rng: np.random.Generator) -> None:
    # Another person is a tenth slower.
    drawn = draw_portraits([exercises(rng), exercises(rng, 0.9)])
    said = {action: one.sentence for action, one in drawn.items()}
    assert said[0].startswith("gyr_y swings 0.3") or said[0].startswith("gyr_y swings 0.4")
    assert "acc_x low (about −9.8 m/s^2)" in said[1]
    assert "emg lively" in said[2]
    assert "swings" not in said[1] + said[2]
    assert [drawn[k].channels[0] for k in range(3)] == [1, 0, 2]


def test_recordings_of_other_rates_swing_as_often(rng: np.random.Generator) -> None:
    # The same movements, taken half as often.
    one, other = exercises(rng), exercises(rng, 2.0)
    other = Measured(other.signals, NAMES, other.labels, 2 * other.times)
    assert draw_portraits([one, other])[0].sentence.startswith("gyr_y swings 0.4 times a second")


def test_nothing_is_said_where_nothing_tells_actions_apart(rng: np.random.Generator) -> None:
    labels = np.repeat(np.tile([0, 1, -1], 6), 50)
    ramps = np.linspace(0, rng.normal(size=3), 50)
    drawn = draw_portraits([measured(np.tile(ramps, (18, 1)), labels)])
    assert {action: one.sentence for action, one in drawn.items()} == {0: "", 1: ""}
    # Noise of many segments has no rhythm either: their peaks lie anywhere.
    drawn = draw_portraits([measured(rng.normal(size=(len(labels), 3)), labels)])
    assert "swings" not in "".join(one.sentence for one in drawn.values())
    alone = draw_portraits([measured(ramps, np.zeros(50, np.int64))])
    assert alone[0].sentence == ""
    assert sorted(alone[0].channels) == [0, 1, 2]
    assert draw_portraits([measured(np.zeros((9, 3)), np.full(9, -1))]) == {}


def test_channels_that_differ_between_recordings_are_not_compared(
    rng: np.random.Generator,
) -> None:
    one = exercises(rng)
    other = Measured(one.signals[:, :2], NAMES[:2], one.labels, one.times)
    assert draw_portraits([one, other]) == {}
