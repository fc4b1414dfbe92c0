"""Stick figures: how they are packed, averaged, and moved by a browser."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.errors import ArgumentError
from asot.page import ActionView, Example, Page, RecordingView, render_page
from asot.page.poses import Averages, PoseView

NAMES = ("nose", "left_ear", "right_ear", "tail")


def a_pose(frames: int = 300, rate: float = 30.0, **rest: Any) -> PoseView:
    """An animal that nods and runs to the right."""
    t = np.arange(frames) / rate
    points = np.tile(np.array([[0, -20], [-6, -10], [6, -10], [0, 20.0]]), (frames, 1, 1))
    points[:, 0, 0] = 5 * np.sin(2 * np.pi * t)
    path = np.column_stack([40 * t, np.full(frames, 7.0), np.full(frames, np.pi / 2)])
    return PoseView(points, path, 2.0, rate, NAMES, ((0, 3),), (0, 1, 2, 0), **rest)


def integers(text: str) -> np.ndarray[Any, Any]:
    return np.frombuffer(base64.b64decode(text), dtype="<i2")


def test_a_stretch_is_packed_with_its_values() -> None:
    pose = a_pose()
    packed = pose.window(3.0, 4.0)
    assert (packed["start"], packed["rate"]) == (3.0, 30.0)
    points = integers(packed["points"]).reshape(-1, 4, 2) * packed["unit"]
    np.testing.assert_allclose(points, pose.points[30:60], atol=packed["unit"])
    path = integers(packed["path"]).reshape(-1, 3)
    np.testing.assert_allclose(
        path[:, :2] * packed["ground"], pose.path[30:60, :2], atol=packed["ground"]
    )
    np.testing.assert_allclose(path[:, 2] / 32767, 0.5, atol=1e-4)
    assert packed["box"] == pytest.approx([-6, -20, 6, 20])
    # The middle of a long stretch, and never nothing.
    long = pose.window(2.0, 12.0)
    assert (long["start"], len(integers(long["path"])) // 3) == (4.0, 180)
    assert len(integers(pose.window(5.0, 5.0)["path"])) == 3


def test_a_whole_recording_has_fewer_moments() -> None:
    packed = a_pose().whole()
    assert packed["rate"] == 15.0
    assert len(integers(packed["path"])) == 3 * 150
    still = PoseView(np.zeros((2, 4, 2)), np.zeros((2, 3)), 0.0, 1.0, NAMES)
    assert not integers(still.whole()["points"]).any()


def test_slips_of_the_tracker_do_not_widen_the_box() -> None:
    pose = a_pose()
    pose.points[17, 3] = 5000
    assert pose.whole()["box"] == pytest.approx([-6, -20, 6, 20])


def test_averages_of_actions() -> None:
    pose = a_pose()
    labels = np.repeat([0, 1, -1], [40, 40, 20])
    edges = 2 + np.arange(101) / 10
    averages = Averages()
    averages.add(pose, labels, edges)
    pose.points[:, 3] += 6
    averages.add(pose, labels, edges)
    found = averages.values()
    assert found is not None
    assert found["names"] == list(NAMES)
    assert set(found["averages"]) == {"0", "1"}
    nose, *_, tail = found["averages"]["0"]
    assert nose == pytest.approx([0, -20, 5 / np.sqrt(2)], abs=0.1)
    assert tail == pytest.approx([3, 23, np.sqrt(18)], abs=0.01)
    assert found["speeds"] == {"0": pytest.approx(40), "1": pytest.approx(40)}
    assert Averages().values() is None
    other = PoseView(pose.points[:, :3], pose.path, 2.0, 30.0, NAMES[:3])
    with pytest.raises(ArgumentError, match="must have the same points"):
        averages.add(other, labels, edges)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"must be \(M, P, 2\) = \(3, 4, 2\)"):
        PoseView(np.zeros((3, 5, 2)), np.zeros((3, 3)), 0.0, 1.0, NAMES)


SUM = """(canvas) => {
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (let i = 3; i < data.length; i += 4) sum += data[i];
  return sum;
}"""


def test_figures_move_and_pause(visit: Callable[..., Any], tmp_path: Path) -> None:
    labels = np.repeat([0, 1], 50)
    view = RecordingView("mouse", labels, 2 + np.arange(101) / 10, pose=a_pose())
    examples = {k: [Example("mouse", 50 * k, 50 * k + 50, 0.9)] for k in (0, 1)}
    actions = [ActionView(0), ActionView(1)]
    render_page(Page("Mice", actions, [view], typical=examples), tmp_path)
    page = visit(tmp_path, "#/actions")
    moving = page.get_by_role("img", name="Moving figure of mouse").first
    assert page.get_by_role("img", name="Average pose of").count() == 2
    said = "Average pose: travels 1.0 body lengths a second, moves as little as any"
    assert page.locator(".average figcaption span").first.inner_text() == said
    page.wait_for_function("document.querySelector('[aria-label^=Moving]').dataset.frame > 0")
    assert moving.evaluate(SUM) > 1000
    page.get_by_role("button", name="Pause the clips").click()
    stopped = moving.get_attribute("data-frame")
    page.wait_for_timeout(150)
    assert moving.get_attribute("data-frame") == stopped
    page.get_by_role("button", name="Play the clips").click()
    page.wait_for_function(
        "(k) => document.querySelector('[aria-label^=Moving]').dataset.frame !== k", arg=stopped
    )
    # Who wants no motion gets a still, and may play it.
    page.emulate_media(reduced_motion="reduce")
    page.goto(page.url.replace("#/actions", "?calm#/action/1"))
    page.wait_for_selector("canvas.figure")
    page.wait_for_function("document.querySelector('[aria-label^=Moving]').width > 10")
    still = page.get_by_role("img", name="Moving figure of mouse")
    assert still.get_attribute("data-frame") is None
    assert still.evaluate(SUM) > 1000
    # In the place of a video, in step with the timeline.
    page.goto(page.url.replace("#/action/1", "#/recording/0"))
    page.wait_for_selector(".screen.poses canvas")
    figure = page.get_by_role("img", name="Figure of mouse")
    page.keyboard.press("ArrowRight")
    assert page.inner_text(".clock") == "0:07.000"
    assert figure.get_attribute("data-frame") == "75"
    assert figure.evaluate(SUM) > 1000
