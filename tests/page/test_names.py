"""Naming, merging and marking in a real browser, and the file that comes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from asot.page import ActionView, Page, RecordingView, render_page

Visit = Callable[..., Any]


def tea(
    folder: Path, actions: list[ActionView] | None = None, matching: dict[int, str] | None = None
) -> Path:
    labels = np.repeat([0, 1, 2, 3, 1, 2], 20)
    view = RecordingView("tea", labels, np.arange(121) / 10)
    shown = Page("Tea", actions or [ActionView(k) for k in range(5)], [view], matching=matching)
    return render_page(shown, folder).parent


def saved(page: Any) -> dict[str, Any]:
    with page.expect_download() as download:
        page.get_by_role("button", name="Download corrections").click()
    assert download.value.suggested_filename == "corrections.json"
    return json.loads(Path(download.value.path()).read_text(encoding="utf-8"))


def choices(page: Any, action: int) -> list[str]:
    return page.get_by_label(f"Merge action {action + 1} with").locator("option").all_inner_texts()


def test_names_merges_and_background_are_shown_kept_and_saved(visit: Visit, tmp_path: Path) -> None:
    page = visit(tea(tmp_path, matching={0: "pour", 1: "stir"}), "#/actions")
    offer = page.get_by_role("button", name="Take the names of the ground truth")
    offer.click()
    assert page.locator("article h2").all_inner_texts()[:3] == ["pour", "stir", "action 3"]
    assert offer.is_hidden()
    page.keyboard.press("Control+z")
    page.get_by_label("Name of action 1").fill("  pour <b>water</b> ")
    page.get_by_label("Merge action 3 with").select_option("action 2")
    page.get_by_role("article", name="Action 4").get_by_label("Background").check()
    assert page.locator("article h2").all_inner_texts() == [
        "pour <b>water</b>",
        "action 2",
        "action 2",
        "action 4",
    ]
    content = saved(page)
    assert len(content.pop("page")) == 16
    assert content == {
        "format": 1,
        "names": {"0": "pour <b>water</b>"},
        "merged": {"2": 1},
        "background": [3],
        "added": 0,
        "by": "",
        "recordings": {},
    }
    assert "asot relabel RESULTS corrections.json" in page.inner_text("#toast")

    page.reload()
    assert saved(page)["names"] == {"0": "pour <b>water</b>"}
    page.goto(page.url.replace("actions", ""))
    assert page.locator(".legend li").all_inner_texts() == [
        "pour <b>water</b>",
        "action 2",
        "action 4",
    ]
    # Drawn, and described, once it is in view.
    page.locator('.strip[aria-label*="pour <b>water</b> 17 %"]').wait_for()
    page.goto(page.url + "recording/0")
    page.wait_for_selector(".segments")
    named = page.locator(".segments tbody th").all_inner_texts()
    assert [text.strip() for text in named] == [
        "pour <b>water</b>",
        "action 2",
        "action 4",
        "action 2",
    ]
    page.goto(page.url.replace("recording/0", "action/1"))
    facts = dict(
        zip(
            page.locator(".facts dt").all_inner_texts(),
            page.locator(".facts dd").all_inner_texts(),
            strict=True,
        )
    )
    assert facts["Segments"] == "2"
    assert facts["Total"] == "8.0 s"
    assert page.locator("main img, main b").count() == 0


def test_no_merge_closes_a_circle(visit: Visit, tmp_path: Path) -> None:
    page = visit(tea(tmp_path), "#/actions")
    page.get_by_label("Merge action 2 with").select_option("action 1")
    assert choices(page, 0) == ["–", "action 3", "action 4", "action 5"]
    page.get_by_label("Merge action 1 with").select_option("action 3")
    assert choices(page, 2) == ["–", "action 4", "action 5"]
    assert saved(page)["merged"] == {"0": 2, "1": 2}
    page.get_by_label("Merge action 1 with").select_option("–")
    assert saved(page)["merged"] == {"1": 0}


def test_the_pages_own_names_are_where_reset_leads(visit: Visit, tmp_path: Path) -> None:
    actions = [
        ActionView(0, "boil"),
        ActionView(1, merged_into=0),
        ActionView(2, background=True),
        ActionView(3),
    ]
    page = visit(tea(tmp_path, actions), "#/actions")
    own = saved(page)
    assert {k: own[k] for k in ("names", "merged", "background")} == {
        "names": {"0": "boil"},
        "merged": {"1": 0},
        "background": [2],
    }
    page.get_by_label("Name of action 1").fill("")
    page.get_by_label("Merge action 2 with").select_option("–")
    page.get_by_label("Name of action 2").fill("stir")
    changed = saved(page)
    assert (changed["names"], changed["merged"]) == ({"1": "stir"}, {})
    page.get_by_role("button", name="Reset action 2").click()
    assert saved(page)["merged"] == {"1": 0}
    page.get_by_role("button", name="Reset all names").click()
    page.get_by_role("button", name="Undo").click()
    assert saved(page)["names"] == {}
    page.get_by_role("button", name="Reset all names").click()
    assert saved(page) == own


def test_naming_needs_no_mouse(visit: Visit, tmp_path: Path) -> None:
    page = visit(tea(tmp_path), "#/action/3")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.editor input[type=text]')"):
            break
    page.keyboard.type("serve it")
    assert page.inner_text("h1") == "serve it"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert page.inner_text("h1") == "action 1"
    assert saved(page)["merged"] == {"3": 0}


def test_two_windows_agree(visit: Visit, tmp_path: Path) -> None:
    first = visit(tea(tmp_path), "#/actions")
    second = first.context.new_page()
    second.goto(first.url.replace("actions", "overview"))
    first.get_by_label("Name of action 3").fill("serve")
    second.wait_for_function("document.querySelector('.multiples').innerText.includes('serve')")
    second.close()


def test_what_else_is_in_the_browsers_store_does_no_harm(visit: Visit, tmp_path: Path) -> None:
    page = visit(tea(tmp_path), "#/actions")
    shown = saved(page)["page"]
    for stored in (
        "not json",
        '{"0": 1}',
        '[[0, "merged", 1], [1, "merged", 0], [9, "name", "x"], [2, "name", 7], [3, "style", "x"]]',
    ):
        page.evaluate("([k, v]) => localStorage.setItem(k, v)", [f"asot-page-{shown}", stored])
        page.reload()
        page.wait_for_selector("article")
        found = saved(page)
        assert (found["names"], found["background"]) == ({}, [])
        assert found["merged"] in ({}, {"0": 1})


def test_actions_of_one_name_are_one(visit: Visit, tmp_path: Path) -> None:
    page = visit(tea(tmp_path), "#/actions")
    page.get_by_label("Name of action 2").fill("stir")
    page.get_by_label("Name of action 4").fill(" stir ")
    card = page.get_by_role("article", name="Action 4")
    assert "Shares its name with action 2: they are one." in card.inner_text()
    assert saved(page)["names"] == {"1": "stir", "3": "stir"}
    page.get_by_label("Name of action 3").fill("action 1")
    assert (
        "with action 1: they are one" in page.get_by_role("article", name="Action 3").inner_text()
    )
    page.get_by_label("Name of action 3").fill("")
    # As ``asot relabel`` has it: runs of 1, 2, 3, 1, 2 become one of "stir" less a boundary each.
    page.goto(page.url.partition("#")[0] + "#/recording/0")
    page.wait_for_selector(".segments")
    named = [text.strip() for text in page.locator(".segments tbody th").all_inner_texts()]
    assert named == ["action 1", "stir", "action 3", "stir", "action 3"]
    page.get_by_role("link", name="Actions").click()
    page.get_by_role("article", name="Action 4").get_by_label("Background").check()
    assert "they are one" not in page.get_by_role("article", name="Action 4").inner_text()
