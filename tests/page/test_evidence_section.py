"""How settings were found, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asot.figures.evidence import findings, tell_verdict
from asot.figures.evidence_file import LearnerWeight
from asot.page import render_page
from tests.figures.evidences import found
from tests.page.examples import HOSTILE, series_view, small_page
from tests.page.test_page import CHECK, CONTRAST

Visit = Callable[..., Any]

# Contrast of texts in pictures, whose colour is their fill, to the card that they stand on.
PICTURES = CONTRAST.replace("getComputedStyle(e).color", "getComputedStyle(e).fill").replace(
    "e.closest('svg, option, :disabled, noscript, #toast, .skip, .unseen')",
    "!e.closest('.finding svg') || e.closest('title')",
)
# Texts of a picture that leave it or lie on another one.
CROWDED = """() => {
  const faults = [];
  for (const picture of document.querySelectorAll('.finding svg')) {
    const page = picture.getBoundingClientRect();
    const all = [...picture.querySelectorAll('text')].map((e) => [e, e.getBoundingClientRect()]);
    for (const [e, a] of all) {
      if (a.left < page.left - 1 || a.right > page.right + 1 || a.top < page.top - 1
        || a.bottom > page.bottom + 1) faults.push(`outside: ${e.textContent}`);
      for (const [other, b] of all) {
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (other === e || wide <= 1 || high <= 4) continue;
        faults.push(`${e.textContent} on ${other.textContent}`);
      }
    }
  }
  return faults;
}"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    evidence = found()
    assert evidence.learners is not None
    evidence.learners.append(LearnerWeight(HOSTILE, 0.1))
    view = replace(series_view("watch", 1), verdict="mixed")
    verdict = tell_verdict(evidence)
    shown = small_page([view], findings=findings(evidence), verdict=verdict)
    return render_page(shown, tmp_path_factory.mktemp("told")).parent


def test_the_overview_tells_how_settings_were_found(visit: Visit, told: Path) -> None:
    page = visit(told, "#/overview")
    evidence, cards = found(), page.locator(".finding")
    assert cards.locator("h3").all_inner_texts() == [
        *("How right", "Time scale", "Order", "Number of actions", "Learners", "Result")
    ]
    for card, one in zip(cards.all(), findings(evidence), strict=True):
        if one.heading in ("How right", "Time scale", "Order", "Result"):
            assert one.sentence in card.inner_text()
    # The marked point is that of the choice, and lies where its neighbours say.
    right, radius_card, order_card, number_card, learners_card, _ = cards.all()
    assert right.locator("svg").count() == 0
    scale = radius_card.locator("svg").first
    radius = evidence.radius
    assert radius is not None
    radii = radius.radii
    assert scale.locator("circle").count() == len(radii)
    sizes = scale.locator("circle").evaluate_all("all => all.map((e) => +e.getAttribute('r'))")
    assert radii[sizes.index(max(sizes))] == radius.chosen
    across = scale.locator("circle").evaluate_all("all => all.map((e) => e.cx.baseVal.value)")
    at = scale.locator(".choice").evaluate("e => e.x1.baseVal.value")
    assert at == pytest.approx(across[sizes.index(max(sizes))])
    doubled = [
        across[j] - across[i]
        for i, a in enumerate(radii)
        for j, b in enumerate(radii)
        if b == 2 * a
    ]
    assert doubled == pytest.approx([doubled[0]] * len(doubled), abs=1e-3)
    piles = order_card.locator(".pile")
    assert sum(piles.evaluate_all("all => all.map((e) => e.height.baseVal.value)")) > 0
    assert number_card.locator("svg").count() == 2

    radius_card.get_by_text("The same as a table").click()
    assert radius_card.locator("tbody tr").count() == len(radii)
    assert " ".join(HOSTILE.split()) in " ".join(learners_card.inner_text().split())
    assert page.locator("img, main script").count() == 0
    assert page.evaluate("window.harmed") is None


def test_the_verdict_comes_first(visit: Visit, told: Path) -> None:
    verdict = tell_verdict(found())
    page = visit(told)
    box = page.locator("h1 ~ .verdict").first
    assert verdict.sentence in box.inner_text()
    assert verdict.advice in box.inner_text()
    assert page.evaluate(CONTRAST) == []
    box.get_by_role("link", name="Details").click()
    page.get_by_role("heading", name="Details").wait_for()
    page.goto(page.url.partition("#")[0] + "#/recording/0")
    assert "verdict: mixed" in page.locator(".lead").inner_text()


@pytest.mark.parametrize("width", [1200, 360])
def test_it_can_be_read_by_everyone(visit: Visit, told: Path, width: int) -> None:
    page = visit(told, "#/overview", viewport={"width": width, "height": 900})
    assert page.evaluate(CHECK) == []
    page.evaluate(
        "document.querySelectorAll('.finding details').forEach((e) => { e.open = true; })"
    )
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(CONTRAST) == [], scheme
        assert page.evaluate(PICTURES) == [], scheme
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CROWDED) == []
    page.emulate_media(media="print")
    assert page.evaluate(CROWDED) == []
    assert page.pdf(format="A4")[:4] == b"%PDF"


def test_without_evidence_nothing_is_said(visit: Visit, tmp_path: Path) -> None:
    page = visit(render_page(small_page([series_view("a", 0)]), tmp_path).parent, "#/overview")
    assert page.get_by_role("heading", name="Details").count() == 0
    assert page.locator(".verdict").count() == 0
