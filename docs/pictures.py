"""Make the pictures of the page from the demos: python docs/pictures.py, or make pictures.

The moving picture goes through the list of recordings, a video that plays, and a name that is
typed. Nothing is drawn by hand, so that the pictures can be made again whenever the page changes.
"""

from __future__ import annotations

import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
WATCH, VIDEO = (f"{(ROOT / 'demo' / kind / 'page' / 'index.html').as_uri()}#/"
                for kind in ("watch", "video"))  # fmt: skip
SIZE = {"width": 1080, "height": 690}
SHOWN = 900  # pixels, the width of the moving picture
NAME = "bicycle"


def photograph(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def visit(page: Page, url: str) -> None:
    """Open a view anew, and wait until its clips are there."""
    page.goto("about:blank")
    page.goto(url)
    page.wait_for_timeout(1500)


def main() -> None:
    frames: list[tuple[Image.Image, int]] = []  # each with its milliseconds
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        visit(page, WATCH)
        frames.append((photograph(page), 2200))
        frames[0][0].save(IMAGES / "report-index.png", optimize=True)

        visit(page, VIDEO)
        page.locator("tbody a").first.click()
        page.wait_for_timeout(1500)
        for step in range(40):
            page.evaluate("s => { document.querySelector('video').currentTime = s }", step / 4)
            page.wait_for_timeout(250)
            frames.append((photograph(page), 160))
        frames[20][0].save(IMAGES / "report-recording.jpg", quality=85)

        visit(page, f"{VIDEO}actions")
        frames.append((photograph(page), 900))
        box = page.locator("input[type=text]:visible, input:not([type]):visible").first
        for letter in NAME:
            box.press_sequentially(letter)
            frames.append((photograph(page), 110))
        page.wait_for_timeout(300)
        frames.append((photograph(page), 2200))
        frames[-1][0].save(IMAGES / "report-actions.jpg", quality=85)
        browser.close()
    height = round(SHOWN * SIZE["height"] / SIZE["width"])
    small = [one.resize((SHOWN, height), Image.Resampling.LANCZOS) for one, _ in frames]
    target = IMAGES / "page.webp"
    small[0].save(
        target,
        save_all=True,
        append_images=small[1:],
        duration=[time for _, time in frames],
        loop=0,
        quality=60,
        method=6,
    )
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1e6:.2f} MB, {len(small)} frames")


if __name__ == "__main__":
    main()
