"""The lane of steps in a real browser: its names, its shades, and what corrections hide."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.errors import ArgumentError
from asot.page import ActionView, Page, RecordingView, render_page
from asot.timeline.corrections import Corrected, Patch

Visit = Callable[..., Any]
LABELS = np.repeat([0, 1, 2, 0], 20)
STEPS = np.repeat([0, 1, -1, 0, 2, 1], [10, 10, 20, 10, 10, 20])
LANES = "() => [...document.querySelectorAll('.stage .labels div')].map((one) => one.innerText)"


def written(folder: Path, steps: np.ndarray | None = STEPS, *patches: Patch) -> Path:
    corrected = Corrected(80, patches) if patches else None
    view = RecordingView("tea", LABELS, np.arange(81) / 10, corrected=corrected, steps=steps)
    return render_page(Page("Tea", [ActionView(k) for k in range(3)], [view]), folder).parent


def opened(visit: Visit, folder: Path) -> Any:
    page = visit(folder, "#/recording/0")
    page.wait_for_selector(".segments tbody tr")
    page.evaluate("() => document.querySelector('.stage').scrollIntoView({block: 'center'})")
    return page


def told(page: Any, second: float) -> str:
    """What the tip says of the steps at a moment; empty without one."""
    place = page.evaluate(LANES).index("steps")
    name = page.locator(".stage .labels div").nth(place).bounding_box()
    stage = page.locator(".stage").bounding_box()
    left = stage["x"] + 132
    page.mouse.move(left + second / 8 * (stage["width"] - 132), stage["y"] + 2)
    page.mouse.move(left + second / 8 * (stage["width"] - 132), name["y"] + name["height"] / 2)
    tip = page.locator(".stage .tip")
    return tip.locator("strong").inner_text() if tip.is_visible() else ""


def colour(page: Any, second: float) -> tuple[int, ...]:
    """The colour of the lane near its upper edge, at a moment."""
    place = page.evaluate(LANES).index("steps")
    script = """([place, share]) => {
      const canvas = document.querySelector('.stage canvas');
      const box = canvas.getBoundingClientRect();
      const lane = document.querySelectorAll('.stage .labels div')[place].getBoundingClientRect();
      const scale = canvas.width / box.width;
      const x = 132 + share * (box.width - 132);
      const y = lane.top - box.top + 2;
      const dot = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
      dot.drawImage(canvas, -Math.round(x * scale), -Math.round(y * scale));
      return [...dot.getImageData(0, 0, 1, 1).data];
    }"""
    page.wait_for_timeout(60)
    return tuple(page.evaluate(script, [place, second / 8])[:3])


def test_steps_have_a_lane_with_names_and_shades(tmp_path: Path, visit: Visit) -> None:
    page = opened(visit, written(tmp_path / "page"))
    assert page.evaluate(LANES)[:2] == ["prediction", "steps"]
    assert told(page, 0.5) == "action 1, step 1"
    assert told(page, 1.5) == "action 1, step 2"
    assert told(page, 3.0) == ""  # an action without steps
    assert told(page, 5.5) == "action 3, step 3"
    first, second, third = (colour(page, at) for at in (0.5, 1.5, 4.5))
    assert sum(first) < sum(second)  # lighter, of the same hue
    assert first != third
    page.keyboard.press("ArrowRight")
    spoken = page.locator(".stage").get_attribute("aria-valuetext")
    assert "action 2" in spoken
    assert "step" not in spoken


def test_without_steps_there_is_no_lane(tmp_path: Path, visit: Visit) -> None:
    folder = written(tmp_path / "page", None)
    assert "steps" not in opened(visit, folder).evaluate(LANES)
    nowhere = written(tmp_path / "other", np.full(80, -1))
    for name in ("index.html", "data/0.js"):
        assert (nowhere / name).read_bytes() == (folder / name).read_bytes()


def test_what_people_correct_or_merge_loses_its_steps(tmp_path: Path, visit: Visit) -> None:
    page = opened(visit, written(tmp_path / "page", STEPS, Patch(5, 15, 1), Patch(60, 80, 0)))
    told_at = {at: told(page, at) for at in (0.2, 1.0, 1.8, 7.0)}
    right = {0.2: "action 1, step 1", 1.8: "action 1, step 2", 7.0: "action 1, step 2"}
    assert told_at == {**right, 1.0: ""}
    page.locator(".stage").focus()
    page.keyboard.press("Home")
    page.get_by_role("button", name="action 3", exact=False).first.click()  # the segment at 0
    assert told(page, 0.2) == ""
    page.keyboard.press("Control+z")
    assert told(page, 0.2) == "action 1, step 1"


def test_steps_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ArgumentError, match="steps of recording 'tea'"):
        RecordingView("tea", LABELS, steps=STEPS[:-1])
