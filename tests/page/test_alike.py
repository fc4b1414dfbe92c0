"""Merging, splitting and choosing on the map in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.page import ActionView, Alike, Page, Pair, RecordingView, Spot, render_page

Visit = Callable[..., Any]
# Where the segments of two recordings lie: action 0 on the left, 1 in the middle, 2 on the right.
SPOTS = [
    Spot("tea", 0, 20, 0, 0.0, 0.0),
    Spot("tea", 20, 50, 1, 5.0, 0.5),
    Spot("tea", 50, 60, 2, 9.0, 1.0, kind=1),
    Spot("milk", 0, 40, 0, 1.0, 3.0),
    Spot("milk", 40, 60, 2, 10.0, 5.0),
]


@pytest.fixture
def shown(tmp_path: Path) -> Path:
    signals = np.sin(np.arange(120).reshape(60, 2)).astype(np.float32)
    tea = np.repeat([0, 1, 2], [20, 30, 10])
    views = [
        RecordingView("tea", tea, np.arange(61) / 10, signals=signals),
        RecordingView("milk", np.repeat([0, 2], [40, 20])),
    ]
    alike = Alike(
        leaves=[0, 1, 2],
        joins=[(0, 2, 0.25), (1, 3, 1.0)],
        pairs=[Pair((0, 2), (0.14, 0.02), closest=True, same=True)],
        kinds={2: ([SPOTS[4]], [SPOTS[2]])},
        spots=SPOTS,
        n_segments=7,
        method="t-SNE",
    )
    page = Page("Tea", [ActionView(k) for k in range(4)], views, alike=alike)
    return render_page(page, tmp_path).parent


def saved(page: Any) -> dict[str, Any]:
    with page.expect_download() as download:
        page.get_by_role("button", name="Download corrections").click()
    return json.loads(Path(download.value.path()).read_text(encoding="utf-8"))


def given(page: Any) -> dict[str, list[tuple[int, int, int]]]:
    return {
        name: [(one["start"], one["end"], one["action"]) for one in own["segments"]]
        for name, own in saved(page)["recordings"].items()
    }


def go(page: Any, address: str) -> None:
    page.goto(page.url.partition("#")[0] + address)
    page.wait_for_selector("h1")


def test_merge_split_and_choose_on_the_map(visit: Visit, shown: Path) -> None:
    page = visit(shown, "#/actions")
    asked = page.get_by_role("complementary", name="Actions that may be one")
    assert (
        "Nothing tells their segments apart; 14 % of action 1 may as well be action 3; "
        "no action is closer." in asked.inner_text()
    )
    # The tree has its tips in order, each a link.
    assert page.locator(".tree text").all_text_contents() == ["action 2", "action 1", "action 3"]
    page.get_by_label("Name of action 1").fill("pour")
    asked.get_by_role("button", name="Merge action 3 into pour").click()
    assert saved(page)["merged"] == {"2": 0}
    assert not asked.is_visible()
    assert page.locator(".tree text").all_text_contents() == ["action 2", "pour", "pour (action 3)"]
    page.get_by_role("button", name="Reset action 3").focus()
    page.keyboard.press("Control+z")
    assert asked.is_visible()
    asked.get_by_role("button", name="Merge").click()
    page.get_by_role("button", name="Undo").click()
    assert asked.is_visible()

    # An action that holds two kinds gives the second away, with a click.
    go(page, "#/action/2")
    two = page.get_by_role("region", name="May be two")
    assert two.locator("h3").all_inner_texts() == ["1 segment like this", "1 segment like this"]
    assert two.locator(".clip").count() == 2
    two.get_by_role("button", name="Make the second kind a new action").click()
    assert "1 segment is now action 3, second kind." in page.inner_text("#toast")
    assert not two.is_visible()
    assert given(page) == {"tea": [(50, 60, 4)]}
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert given(page) == {}
    assert saved(page)["added"] == 0

    # A line around the points on the left, which become a new action together.
    go(page, "#/map")
    assert "It shows 5 of 7 segments" in page.inner_text(".lead")
    box = page.locator(".map").bounding_box()

    def at(x: float, y: float) -> tuple[float, float]:
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    page.mouse.move(*at(0.01, 0.01))
    page.mouse.down()
    for corner in ((0.3, 0.01), (0.3, 0.99), (0.01, 0.99)):
        page.mouse.move(*at(*corner), steps=3)
    page.mouse.up()
    assert "2 segments chosen" in page.inner_text(".group")
    page.get_by_label("Name of the new action").fill("stir")
    page.keyboard.press("Enter")
    assert "2 segments are now stir." in page.inner_text("#toast")
    assert given(page) == {"tea": [(0, 20, 4)], "milk": [(0, 40, 4)]}
    assert saved(page)["names"] == {"0": "pour", "4": "stir"}
    assert "stir 2" in " ".join(page.inner_text(".legend").split())
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert given(page) == {}

    # The same by keyboard: all points of an action, then a single one, which shows its segment.
    page.get_by_label("Actions to show").select_option("action 3")
    page.get_by_role("button", name="Choose all shown").press("Enter")
    page.get_by_label("An action that is there").select_option("action 2")
    page.get_by_role("button", name="Give it").press("Enter")
    assert given(page) == {"tea": [(50, 60, 1)], "milk": [(40, 60, 1)]}
    page.get_by_label("Actions to show").select_option("all actions")
    page.locator(".map").press("ArrowRight")
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    page.wait_for_selector(".preview .snippet")
    assert "2 segments chosen" in page.inner_text(".group"), "to look at one keeps the choice"
    page.get_by_role("link", name="Open the recording here").click()
    page.wait_for_selector(".segments")
    assert page.url.endswith("#/recording/0/5")
