"""A recording's page in a real browser: seeking, keys, and the label under the player."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.page import ActionView, Page, RecordingView, render_page
from tests.page.examples import LATE_S, late_view, series_view, small_page, video_view

Visit = Callable[..., Any]
STARTS = [0.0, 1.24, 3.0, 5.48, 7.6, 9.68, 10.0]
LABELS = ["action 1", "action 4", "action 2", "action 3", "action 4", "action 5"]
NOW = ".saying .now"


def video_time(page: Any) -> float:
    return page.evaluate("document.querySelector('.screen video').currentTime")


def ready(page: Any) -> Any:
    page.wait_for_function("document.querySelector('.screen video')?.readyState >= 2")
    return page


def at_time(page: Any, seconds: float, within: float = 0.03) -> None:
    page.wait_for_function(
        "([t, d]) => Math.abs(document.querySelector('.screen video').currentTime - t) <= d",
        arg=[seconds, within],
    )


def press_timeline(page: Any, share: float, y: float = 45) -> None:
    """Click at a share of the axis of time."""
    box = page.locator(".stage").bounding_box()
    left = 132
    page.mouse.click(box["x"] + left + share * (box["width"] - left), box["y"] + y)


def test_a_click_on_the_timeline_moves_the_player(visit: Visit, real_page: Path) -> None:
    page = ready(visit(real_page, "#/recording/0"))
    for share, label in ((0.42, 2), (0.05, 0), (0.99, 5), (0.65, 3)):
        press_timeline(page, share)
        at_time(page, 10 * share)
        assert page.inner_text(NOW) == LABELS[label]
        assert page.locator(".stage").get_attribute("aria-valuenow").startswith(f"{10 * share:.1f}")


def test_keys_go_from_segment_to_segment(visit: Visit, real_page: Path) -> None:
    page = ready(visit(real_page, "#/recording/0"))
    for i, key in enumerate(["ArrowRight"] * 6, start=1):
        page.keyboard.press(key)
        at_time(page, STARTS[min(i, 5)], 0.001)
        assert page.inner_text(NOW) == LABELS[min(i, 5)]
    for i, key in zip((4, 3), ("ArrowLeft",) * 2, strict=True):
        page.keyboard.press(key)
        at_time(page, STARTS[i], 0.001)
        assert page.inner_text(NOW) == LABELS[i]
    current = page.locator(".segments tr[aria-current]")
    assert current.count() == 1
    assert current.locator("td").first.inner_text() == "4"


def test_a_clip_is_stepped_by_frame(visit: Visit, real_page: Path) -> None:
    page = ready(visit(real_page, "#/recording/0/1.17"))
    for key, frame in ((".", 30), (".", 31), (",", 30), (",", 29), (".", 30)):
        page.keyboard.press(key)
        at_time(page, frame / 25, 0.003)
        assert page.inner_text(NOW) == LABELS[int(frame >= 31)]
    page.get_by_role("button", name="Next frame (.)").click()
    at_time(page, 31 / 25, 0.003)
    page.get_by_role("button", name="Previous frame (,)").click()
    at_time(page, 30 / 25, 0.003)
    # Where there is no video, it goes from row to row, and buttons for videos are away.
    page = visit(real_page, "#/recording/2")
    page.wait_for_selector(".segments tbody tr")
    for name in ("Sound", "Full screen"):
        assert not page.get_by_role("button", name=name).is_visible()
    for key, tenth in ((".", 1), (".", 2), (",", 1)):
        page.keyboard.press(key)
        page.wait_for_function("(t) => find('.clock').innerText.startsWith(t)".replace(
            "find", "document.querySelector"), arg=f"0:00.{tenth}")  # fmt: skip


def test_space_plays_and_the_label_follows(visit: Visit, real_page: Path) -> None:
    page = ready(visit(real_page, "#/recording/0/0.9"))
    assert page.inner_text(NOW) == LABELS[0]
    page.keyboard.press(" ")
    page.wait_for_function(
        "document.querySelector('.saying .now').innerText === 'action 4'", timeout=8000
    )
    assert video_time(page) >= STARTS[1] - 0.05
    page.keyboard.press(" ")
    page.wait_for_function("document.querySelector('.screen video').paused")


def test_playing_a_segment_stops_at_its_end(visit: Visit, real_page: Path) -> None:
    page = ready(visit(real_page, "#/recording/0/9.9"))
    page.keyboard.press("ArrowLeft")
    page.locator(".controls select").first.select_option("4")
    page.keyboard.press("ArrowLeft")
    at_time(page, STARTS[3], 0.001)
    page.locator("h1").click()
    page.keyboard.press("p")
    page.wait_for_function("!document.querySelector('.screen video').paused")
    page.wait_for_function("document.querySelector('.screen video').paused")
    at_time(page, STARTS[4], 0.05)
    assert video_time(page) < STARTS[4]
    assert page.inner_text(NOW) == LABELS[3]


def test_looping_goes_back_to_the_start(visit: Visit, real_page: Path) -> None:
    page = ready(visit(real_page, "#/recording/0/9.8"))
    page.keyboard.press("l")
    loop = page.get_by_role("button", name="Loop this segment")
    assert loop.get_attribute("aria-pressed") == "true"
    page.evaluate(
        """() => {
          const video = document.querySelector('.screen video');
          window.seeks = [];
          video.addEventListener('seeking', () => window.seeks.push(video.currentTime));
        }"""
    )
    page.wait_for_function("window.seeks.length >= 2")
    assert page.evaluate("window.seeks") == pytest.approx(
        [STARTS[5]] * page.evaluate("window.seeks.length"), abs=0.002
    )
    page.keyboard.press("l")
    assert loop.get_attribute("aria-pressed") == "false"


def test_the_table_seeks_and_shows_milliseconds(visit: Visit, real_page: Path) -> None:
    page = ready(visit(real_page, "#/recording/0"))
    cells = page.locator(".segments tbody tr").nth(2).locator("td, th").all_inner_texts()
    assert cells[1:5] == ["action 2", "0:03.000", "0:05.480", "2.480"]
    page.locator(".segments tbody tr").nth(3).locator("td").nth(2).click()
    at_time(page, STARTS[3], 0.001)


def test_a_late_video_keeps_the_time_of_its_file(visit: Visit, real_page: Path) -> None:
    page = ready(visit(real_page, "#/recording/1"))
    assert page.inner_text(".clock") == "0:00.540"
    page.keyboard.press("ArrowRight")
    at_time(page, 1.0, 0.001)  # of the preview, whose 0 is 0.54 s
    assert page.inner_text(".clock") == f"0:0{LATE_S + 1:.3f}"
    assert page.inner_text(NOW) == "action 2"
    assert page.evaluate("document.querySelector('.screen video').duration") == pytest.approx(
        4.0, abs=0.05
    )


def test_zoom_moves_the_axis_and_keeps_the_moment(visit: Visit, real_page: Path) -> None:
    page = ready(visit(real_page, "#/recording/0/5"))
    shown = "document.querySelector('.window').getBoundingClientRect().width"
    whole = page.evaluate(shown)
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert page.evaluate(shown) == pytest.approx(whole / 2.25, rel=0.02)
    press_timeline(page, 0.5)
    at_time(page, 5.0, 0.1)
    page.keyboard.press("-")
    page.mouse.wheel(0, -120)  # the timeline has been clicked
    assert page.evaluate(shown) < whole / 2
    page.keyboard.press("0")
    assert page.evaluate(shown) == pytest.approx(whole, rel=0.01)


def test_hovering_tells_the_segment(visit: Visit, real_page: Path) -> None:
    page = ready(visit(real_page, "#/recording/0"))
    box = page.locator(".stage").bounding_box()
    page.mouse.move(box["x"] + 132 + 0.4 * (box["width"] - 132), box["y"] + 45)
    tip = page.inner_text(".tip")
    assert "action 2" in tip
    assert "0:03.000 – 0:05.480 · 2.5 s" in tip
    page.mouse.move(box["x"] + 132 + 0.4 * (box["width"] - 132), box["y"] + 85)
    assert "race" in page.inner_text(".tip")


def test_the_time_is_copied(visit: Visit, real_page: Path) -> None:
    page = ready(visit(real_page, "#/recording/0/3"))
    page.get_by_role("button", name="Copy the time").click()
    page.wait_for_function("document.querySelector('#toast').innerText.includes('Copied')")
    assert page.evaluate("navigator.clipboard.readText()") == "0:03.000"


def test_help_opens_and_closes(visit: Visit, real_page: Path) -> None:
    page = visit(real_page, "#/recording/2")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()


def test_signals_play_without_a_video(visit: Visit, real_page: Path) -> None:
    page = visit(real_page, "#/recording/2")
    assert page.locator(".labels div").all_inner_texts()[2:] == ["signal 0", "signal 1", "signal 2"]
    page.keyboard.press("ArrowRight")
    assert page.inner_text(".clock") == "0:04.000"
    page.keyboard.press(" ")
    page.wait_for_function("document.querySelector('.clock').innerText > '0:04.200'")
    page.keyboard.press(" ")
    stopped = page.inner_text(".clock")
    page.wait_for_timeout(150)
    assert page.inner_text(".clock") == stopped
    page.get_by_text("Signals", exact=True).click()
    page.get_by_label("signal 1").uncheck()
    assert page.locator(".labels div").all_inner_texts()[2:] == ["signal 0", "signal 2"]


def test_a_lost_video_is_said_and_the_timeline_stays(visit: Visit, real_page: Path) -> None:
    page = visit(real_page, "#/recording/3")
    assert "missing" in page.inner_text(".problem")
    press_timeline(page, 0.42)
    assert page.inner_text(NOW) == LABELS[2]


def test_a_video_lost_after_the_page_is_said_too(visit: Visit, tmp_path: Path, bikes: Path) -> None:
    source = shutil.copy(bikes, tmp_path / "bikes.mp4")
    render_page(small_page([video_view("bikes", Path(source))]), tmp_path / "out")
    Path(source).unlink()
    page = visit(tmp_path / "out", "#/recording/0")
    page.wait_for_selector(".problem:not([hidden])")
    assert "cannot be played here" in page.inner_text(".problem")
    page.keyboard.press("ArrowRight")
    assert page.inner_text(NOW) == LABELS[1]
    visit.complaints[:] = [c for c in visit.complaints if "ERR_FILE_NOT_FOUND" not in c]  # type: ignore[attr-defined]


def test_frames_without_times_are_counted(visit: Visit, real_page: Path) -> None:
    page = visit(real_page, "#/recording/4")
    page.keyboard.press("ArrowRight")
    assert page.inner_text(".clock") == "2"
    page.keyboard.press("ArrowRight")
    assert page.inner_text(NOW) == "no action"


def test_the_neighbours_are_those_of_the_index(visit: Visit, real_page: Path) -> None:
    page = visit(real_page, "#/")
    page.get_by_role("button", name="Length").click()
    names = page.locator(".recordings tbody th").all_inner_texts()
    page.get_by_role("link", name=names[1], exact=True).first.click()
    page.wait_for_selector(".segments")
    page.get_by_role("link", name="Next →").click()
    page.wait_for_function(f"document.querySelector('h1').innerText === {names[2]!r}")


def test_merged_neighbours_are_one_segment(visit: Visit, tmp_path: Path) -> None:
    labels = np.repeat([0, 1, 2, 1], 10)
    actions = [ActionView(0, "pour"), ActionView(1, merged_into=0), ActionView(2)]
    view = RecordingView("tea", labels, np.arange(41) / 10, np.repeat([0.2, 0.8, 0.5, 1.0], 10))
    render_page(Page("Tea", actions, [view]), tmp_path)
    page = visit(tmp_path, "#/recording/0")
    page.wait_for_selector(".segments")
    rows = [
        [cell.strip() for cell in row.locator("td, th").all_inner_texts()][1:]
        for row in page.locator(".segments tbody tr").all()
    ]
    assert rows == [
        ["pour", "0:00.000", "0:02.000", "2.000", "50 %"],
        ["action 3", "0:02.000", "0:03.000", "1.000", "50 %"],
        ["pour", "0:03.000", "0:04.000", "1.000", "100 %"],
    ]
    page.goto(page.url.replace("recording/0", "action/0"))
    assert "2" in page.locator(".facts dd").first.inner_text()


def test_one_file_works_alone(visit: Visit, tmp_path: Path, bikes: Path, late_clip: Path) -> None:
    pytest.importorskip("av")
    views = [video_view("bikes", bikes), late_view(late_clip), series_view("watch", 3)]
    page_file = render_page(small_page(views), tmp_path / "made", embed=True)
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.move(page_file, alone / "index.html")
    page = visit(alone, "#/recording/0")
    ready(page)
    press_timeline(page, 0.42)
    at_time(page, 4.2)
    assert page.inner_text(NOW) == LABELS[2]
    page.goto((alone / "index.html").as_uri() + "#/recording/1")
    ready(page)
    assert page.inner_text(".clock") == "0:00.540"
    outside = [url for url in page.requested if not url.startswith(("data:", "blob:"))]
    assert {url.partition("#")[0] for url in outside} == {(alone / "index.html").as_uri()}
