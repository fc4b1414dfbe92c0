"""The groups of a page, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.page import render_page
from asot.page.groups import MOST_POINTS, GroupsView, GroupTest
from tests.page.examples import HOSTILE, series_view, small_page
from tests.page.test_page import CHECK, CONTRAST

SENTENCE = f"Groups: {HOSTILE}."


def groups_view(rng: np.random.Generator) -> GroupsView:
    shares = {k: [rng.dirichlet([1, 1], 3)[:, 0] / 2, np.full(250, 0.25)] for k in (3, 1)}
    lengths = {k: [np.array([np.nan, 2.0, 4.0]), np.array([np.nan])] for k in (3, 1)}
    return GroupsView(
        groups={HOSTILE: 3, "old": 250},
        unit="subject",
        measures={"share": "share of the time", "duration": "mean length of a bout (s)"},
        values={"share": shares, "duration": lengths},
        transitions=[np.array([[0, 1], [np.nan, np.nan]]), np.array([[0.25, 0.75], [1, 0]])],
        actions=[3, 1],
        tests=[
            GroupTest(3, "share", 0.0004, True, f"{HOSTILE} > old, Cliff's delta 1.00"),
            GroupTest(1, "share", 0.2, False, "Cliff's delta 0.10"),
            GroupTest(3, "duration", float("nan"), False, ""),
        ],
        pairs=[GroupTest(3, "share", 0.01, True, "delta 1", (HOSTILE, "old"))],
        sentences=[SENTENCE],
        remarks=["Few subjects."],
    )


def test_groups_are_compared(
    visit: Callable[..., Any], tmp_path: Path, rng: np.random.Generator
) -> None:
    shown = small_page([series_view("watch", 1)], groups=groups_view(rng))
    out = render_page(shown, tmp_path).parent
    page = visit(out, "#/", viewport={"width": 360, "height": 700})
    page.click("nav >> text=Groups")
    page.wait_for_selector("h1 >> text=Groups")
    assert page.get_attribute("nav a[aria-current]", "href") == "#/groups"
    assert page.evaluate("document.querySelector('ul.lead').textContent") == SENTENCE
    assert "Few subjects." in page.inner_text(".remarks")
    rows = page.locator("table.groups tbody tr")
    assert [
        one.split("\n")[0] for one in page.locator("table.groups tbody th").all_inner_texts()
    ] == [*("action 4", "action 2")]
    assert "25.0 % ± 0.0 %" in rows.nth(0).inner_text()
    assert "< 0.001 *" in rows.nth(0).inner_text()
    assert "0.20" in rows.nth(1).inner_text()
    assert rows.nth(0).locator(".lanes circle").count() == 3
    assert rows.nth(0).locator(".lanes rect").count() == MOST_POINTS
    assert page.locator(".budget rect[fill]").count() == 4
    cells = page.locator(".matrices figure").nth(1).locator("tbody td").all_inner_texts()
    assert cells == ["25", "75", "100", ""]
    page.click("text=mean length of a bout (s)")
    assert rows.nth(0).locator(".lanes circle").count() == 2
    assert "3 ± 1.41" in rows.nth(0).inner_text()
    assert "–" in rows.nth(0).inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("window.harmed") is None
    assert page.evaluate(CHECK) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(CONTRAST) == [], scheme
    checker = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = checker.Axe().run(page, options={"preload": False}).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


def test_pages_without_groups_have_no_such_view(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit(render_page(small_page([series_view("watch", 1)]), tmp_path).parent, "#/groups")
    assert page.locator("nav >> text=Groups").count() == 0
    assert "No groups were compared." in page.inner_text("main")
