"""A page for a colleague: its videos play anywhere, and those that are missing are asked for."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.files import fingerprint
from asot.inputs.video.reading import read_frames
from asot.page import RecordingView, Sharing, render_page
from tests.inputs.video.clips import number_of, write_clip
from tests.page.examples import small_page
from tests.page.test_poses import a_pose

pytest.importorskip("av")


def numbered(path: Path, times: np.ndarray, **options: Any) -> RecordingView:
    """A recording of a video whose frames tell their numbers; each is a frame of its own."""
    write_clip(path, times.tolist(), **options)
    edges = np.append(times, 2 * times[-1] - times[-2])
    labels = np.arange(len(times)) // 5 % 3
    start = float(times[0])
    mark = fingerprint(path)
    return RecordingView(
        path.stem, labels, edges, media=path, media_fingerprint=mark, media_start_s=start
    )


def shown_number(page: Any) -> int:
    """The number of the frame that the browser shows."""
    image = pytest.importorskip("PIL.Image")
    page.wait_for_function("!document.querySelector('.screen video').seeking")
    page.wait_for_timeout(150)
    with image.open(io.BytesIO(page.locator(".screen video").screenshot())) as picture:
        return number_of(np.asarray(picture.convert("RGB")))


def show(page: Any, address: str, view: RecordingView, frames: list[int]) -> None:
    """Look at some frames of a recording, a little after each begins."""
    assert view.times is not None
    for frame in frames:
        page.goto(f"{address}#/recording/0/{view.times[frame] + 0.004:.3f}")
        page.wait_for_function("document.querySelector('.screen video')?.readyState >= 2")
        assert shown_number(page) == frame


def test_a_shared_page_shows_the_right_frames_and_asks_for_lost_videos(
    visit: Callable[..., Any], tmp_path: Path, rng: np.random.Generator
) -> None:
    # A clock that starts late, uneven frames, and a codec that no browser knows.
    times = 3.2 + np.concatenate([[0.0], np.cumsum(rng.integers(40, 400, size=59) / 1000)])
    (tmp_path / "my lab").mkdir()
    late = numbered(tmp_path / "my lab" / "late & odd #1.mkv", times, codec="ffv1")
    plain = numbered(tmp_path / "my lab" / "plain.mp4", np.arange(50) / 25)
    remark = f"See {tmp_path}/my lab/notes.txt and /etc/elsewhere/file.csv."
    late = replace(late, remarks=(remark,))
    plain = replace(plain, pose=replace(a_pose(50, 25.0), start=0.0))
    private = (str(tmp_path / "my lab"), str(tmp_path))
    sharing = Sharing(
        tmp_path / "copies", name="Ada", address="ada@lab.org", private=private, longest=64
    )
    out = tmp_path / "send" / "to you"
    shared = small_page([late, plain], settings={"backbone": str(tmp_path / "net.onnx")})
    render_page(shared, out, sharing=sharing)
    for path in out.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert str(tmp_path).encode() not in content, path
        assert b"/etc" not in content
    assert {one.name for one in (out / "media").iterdir()} == {"late & odd #1.mp4", "plain.mp4"}
    assert (out / "media" / "plain.mp4").read_bytes() == plain.media.read_bytes()  # type: ignore[union-attr]
    copied = [one.time_s for one in read_frames(out / "media" / "late & odd #1.mp4")]
    np.testing.assert_allclose(copied, times - times[0], atol=1e-3)

    page = visit(out)
    address = (out / "index.html").as_uri()
    assert page.locator("#download").inner_text() == "Download corrections for Ada"
    mail = page.get_by_role("link", name="Write to Ada").get_attribute("href")
    assert mail.startswith("mailto:ada%40lab.org?subject=Corrections%3A%20Bicycles")
    show(page, address, late, [0, 17, 31, 58])
    assert "notes.txt and file.csv" in page.inner_text(".remarks")
    page.locator("#download").click()  # which asks for a name first
    page.keyboard.type("Ben")
    with page.expect_download() as download:
        page.locator("dialog").get_by_role("button", name="Download corrections").click()
    assert json.loads(Path(download.value.path()).read_text(encoding="utf-8"))["by"] == "Ben"
    assert download.value.suggested_filename == "corrections.json"
    assert "Attach it to a mail: Write to Ada" in page.inner_text("#toast")

    # Sent without its videos.
    kept = tmp_path / "elsewhere"
    shutil.move(out / "media", kept)
    page = visit(out)
    lost = page.locator("aside[aria-label='Missing videos']")
    lost.wait_for()
    assert "2 videos cannot be played here" in lost.inner_text()
    assert "ask Ada for: late & odd #1.mp4, plain.mp4" in lost.inner_text()
    other = write_clip(tmp_path / "other.mp4", (np.arange(20) / 25).tolist())
    lost.locator("input").set_input_files([kept / "plain.mp4", other])
    page.wait_for_function("document.querySelector('#toast').innerText.includes('not one of')")
    assert "1 video cannot be played here" in page.inner_text("aside[aria-label='Missing videos']")
    page.goto(f"{address}#/recording/0")
    page.wait_for_selector(".ask input")
    page.locator(".ask input").set_input_files(other)
    page.wait_for_function("document.querySelector('.ask').innerText.includes('another video')")
    assert "other.mp4 lasts 0.80 s" in page.inner_text(".ask")
    shutil.copy(kept / "late & odd #1.mp4", tmp_path / "renamed.mp4")
    page.locator(".ask input").set_input_files(tmp_path / "renamed.mp4")  # as long, and alone
    page.wait_for_function("document.querySelector('.screen video')?.readyState >= 2")
    show(page, address, late, [17])
    page.goto(f"{address}#/recording/1/1.004")
    page.wait_for_function("document.querySelector('.screen video')?.readyState >= 2")
    assert shown_number(page) == 25
    # The figure stands beside its video, in step with it.
    figures = page.locator(".screen.poses canvas")
    assert (figures.count(), figures.get_attribute("data-frame")) == (1, "12")  # of 12.5 a second
    visit.complaints[:] = [c for c in visit.complaints if "ERR_FILE_NOT_FOUND" not in c]  # type: ignore[attr-defined]


def test_one_file_holds_the_copies(visit: Callable[..., Any], tmp_path: Path) -> None:
    view = numbered(tmp_path / "late.mkv", 1.5 + np.arange(60) / 10)
    out = tmp_path / "out"
    render_page(small_page([view]), out, embed=True, sharing=Sharing(tmp_path / "copies"))
    assert [one.name for one in out.iterdir()] == ["index.html"]
    page = visit(out)
    show(page, (out / "index.html").as_uri(), view, [0, 29, 58])
    assert page.evaluate("document.querySelector('.screen video').src").startswith("blob:")
    # What is corrected in it leaves as a file, with nothing but the page.
    page.goto(f"{page.url.partition('#')[0]}#/recording/0/2.02")
    page.wait_for_function("document.querySelector('.clock').innerText === '0:02.020'")
    page.keyboard.press("Enter")
    page.locator("#download").click()
    with page.expect_download() as download:
        page.locator("dialog").get_by_role("button", name="Download corrections").click()
    written = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert written["recordings"]["late"]["segments"] == [{"start": 5, "end": 10, "action": 1}]
    page.locator("h1").click()
    page.keyboard.press(" ")
    page.wait_for_function("document.querySelector('.screen video')?.currentTime > 0.7")
    page.wait_for_function("document.querySelector('.clock').innerText > '0:02.200'")
