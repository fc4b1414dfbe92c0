"""What axe-core, a checker of accessibility, finds in the views: nothing serious."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

VIEWS = ("#/", "#/recording/0", "#/recording/2", "#/actions", "#/action/3", "#/map", "#/overview")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 390)])
def test_no_view_has_a_serious_fault(
    visit: Callable[..., Any], real_page: Path, scheme: str, width: int
) -> None:
    checker = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = visit(real_page, color_scheme=scheme, viewport={"width": width, "height": 900})
    found = []
    for view in VIEWS:
        page.goto(page.url.partition("#")[0] + view)
        page.wait_for_selector(".segments tbody tr" if "recording" in view else "main > *")
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        for one in checker.Axe().run(page, options={"preload": False}).response["violations"]:
            if one["impact"] in ("serious", "critical"):
                found.append((view, one["id"], one["nodes"][0]["html"][:200]))
    assert found == []
