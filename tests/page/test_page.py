"""The page as a whole in a real browser: the index, hostile text, and reading by everyone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.page import ActionView, Example, Page, Portrait, RecordingView, Track, render_page
from tests.page.examples import HOSTILE, series_view, small_page

Visit = Callable[..., Any]
VIEWS = ["#/", "#/recording/0", "#/recording/2", "#/actions", "#/action/3", "#/overview"]


def rows_of(page: Any) -> list[str]:
    return page.locator(".recordings tbody th").evaluate_all("all => all.map((e) => e.innerText)")


def choose(page: Any, label: str, value: str) -> None:
    page.get_by_label(label, exact=True).select_option(value)


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of 2,000 recordings, read one by one."""

    class Lazy(Sequence[RecordingView]):
        def __len__(self) -> int:
            return 2000

        def __getitem__(self, place: Any) -> Any:
            raise NotImplementedError

        def __iter__(self) -> Iterator[RecordingView]:
            for n in range(2000):
                labels = np.repeat(np.arange(n % 5, n % 5 + 6) % 7, 5 + n % 11)
                if n % 100 == 0:
                    labels[-3:] = 7
                score = n / 1999
                yield RecordingView(
                    f"rec {n}",
                    labels,
                    np.arange(len(labels) + 1) / 5,
                    np.full(len(labels), 1 - score, dtype=np.float32),
                    scores={"MoF": score},
                    activity="odd" if n % 2 else "even",
                )

    shown = Page("Many", [ActionView(k) for k in range(9)], Lazy())
    return render_page(shown, tmp_path_factory.mktemp("many")).parent


def test_thousands_of_recordings_sort_and_filter(visit: Visit, many: Path) -> None:
    page = visit(many)
    assert page.locator(".recordings tbody tr").count() == 2000
    assert rows_of(page)[:3] == ["rec 0", "rec 1", "rec 2"]
    assert rows_of(page)[10] == "rec 10"
    page.click(".sort:text-is('MoF')")
    assert rows_of(page)[:2] == ["rec 1999", "rec 1998"]
    assert page.locator("th[aria-sort=descending]").inner_text() == "MoF"
    page.click(".sort:text-is('MoF')")
    assert rows_of(page)[0] == "rec 0"
    page.click(".sort:text-is('Confidence')")
    assert rows_of(page)[0] == "rec 0"

    page.get_by_label("Find").fill("rec 19")
    assert page.locator(".recordings tbody tr").count() == 111
    page.get_by_label("Find").fill("ODD")
    assert page.locator(".recordings tbody tr").count() == 1000
    page.get_by_label("Find").fill("")
    choose(page, "Contains", "action 8")
    assert page.locator(".recordings tbody tr").count() == 20
    choose(page, "Score", "MoF")
    page.get_by_label("At least").fill("50")
    assert set(rows_of(page)) == {f"rec {n}" for n in range(1000, 2000, 100)}
    assert page.locator("[role=status]").first.inner_text() == "10 of 2,000 recordings"
    page.get_by_label("Find").fill("nowhere")
    page.click(".empty button")
    assert page.locator(".recordings tbody tr").count() == 2000


def test_only_what_is_seen_is_drawn(visit: Visit, many: Path) -> None:
    page = visit(many)
    drawn = "[...document.querySelectorAll('canvas.strip')].filter((c) => c.width > 300).length"
    page.wait_for_function(f"{drawn} > 10")
    assert page.evaluate(drawn) < 100
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    last = "document.querySelector('.recordings tr:last-child canvas')"
    page.wait_for_function(f"{last}.getAttribute('aria-label').includes('%')")
    assert (
        page.evaluate(
            f"""() => {{
          const canvas = {last};
          const middle = canvas.getContext('2d').getImageData(canvas.width / 2, 5, 1, 1).data;
          return middle[3];
        }}"""
        )
        > 0
    )
    page.wait_for_function(f"{drawn} < 100")


def test_the_index_is_as_it_was_left(visit: Visit, many: Path) -> None:
    page = visit(many)
    page.get_by_label("Find").fill("rec 1")
    page.evaluate("scrollTo(0, 3000)")
    page.click("a[title='rec 160']")
    page.wait_for_selector(".segments")
    assert page.evaluate("scrollY") == 0
    page.go_back()
    page.wait_for_selector(".recordings")
    assert page.get_by_label("Find").input_value() == "rec 1"
    assert page.evaluate("scrollY") > 1000


@pytest.mark.parametrize("embed", [False, True])
def test_hostile_text_stays_text_everywhere(visit: Visit, tmp_path: Path, embed: bool) -> None:
    labels = np.repeat([0, 1, 0], 10)
    view = RecordingView(
        HOSTILE,
        labels,
        np.arange(31) / 10,
        np.ones(30, dtype=np.float32),
        (Track(HOSTILE, labels, {0: HOSTILE, 1: "__proto__"}),),
        Path("/nowhere/" + HOSTILE.replace("/", "")),
        signals=np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32),
        signal_names=(HOSTILE, "constructor"),
        scores={HOSTILE: 0.5, "__proto__": 0.25, "name": 0.1},
        activity=HOSTILE,
        remarks=(HOSTILE, "x" * 300),
    )
    shown = Page(
        HOSTILE,
        [ActionView(0, HOSTILE), ActionView(1)],
        [view],
        typical={0: [Example(HOSTILE, 0, 10, 1.0)]},
        scores={HOSTILE: {HOSTILE: 0.5}},
        matching={0: HOSTILE},
        confusion=(np.array([[3, 1], [0, 2]]), [HOSTILE, "constructor"]),
        settings={HOSTILE: HOSTILE, "__proto__": "kept"},
        versions={HOSTILE: HOSTILE},
        remarks=[HOSTILE, "x" * 300],
    )
    out = render_page(shown, tmp_path, embed=embed).parent
    page = visit(out)
    for address in [*VIEWS[:2], "#/actions", "#/action/0", "#/overview"]:
        page.evaluate("(address) => { location.hash = address; }", address)
        page.wait_for_timeout(150)
        text = " ".join(HOSTILE.split())
        assert text in " ".join(page.inner_text("body").split())
        assert page.locator("img, main script").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 1200
        assert page.evaluate("window.harmed") is None
        assert text in " ".join(page.title().split())
    page.locator("summary", has_text="Settings").click()
    page.get_by_text("kept").wait_for()
    page.goto(page.url.replace("overview", "actions"))
    page.get_by_label("Name of action 2").fill(HOSTILE)
    page.goto(page.url.replace("actions", "recording/0"))
    page.wait_for_selector(".segments")
    box = page.locator(".stage").bounding_box()
    page.mouse.move(box["x"] + 132 + box["width"] / 2, box["y"] + 45)
    assert "</script>" in page.inner_text(".tip")
    assert page.locator("img").count() == 0
    assert page.evaluate("window.harmed") is None


# What a page must have to be used by ear or by keys; the accessible name as browsers compute it.
CHECK = """() => {
  const faults = [];
  const shown = (e) => e.checkVisibility();
  const named = (e) => (e.getAttribute('aria-label') ?? '').trim()
    || [...(e.labels ?? [])].some((l) => l.innerText.trim()) || e.title.trim()
    || (e.matches('button, a, summary') && e.innerText.trim());
  const tell = (what, e) => faults.push(`${what}: ${e.outerHTML.slice(0, 120)}`);
  for (const e of document.querySelectorAll('input, select, textarea, button, a[href], summary')) {
    if (shown(e) && !e.closest('svg, [aria-hidden=true]') && !named(e)) tell('no name', e);
  }
  for (const e of document.querySelectorAll('canvas, svg, video, img')) {
    const hidden = e.closest('[aria-hidden=true]');
    if (!hidden && !e.getAttribute('aria-label') && !e.getAttribute('alt')) tell('no text', e);
  }
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  if (new Set(ids).size < ids.length) faults.push(`ids twice: ${ids}`);
  for (const [place, count] of [['main', 1], ['h1', 1], ['header', 1]]) {
    if (document.querySelectorAll(place).length !== count) faults.push(`${place} not once`);
  }
  let level = 1;
  for (const e of document.querySelectorAll('main h1, main h2, main h3')) {
    if (+e.tagName[1] > level + 1) tell('heading skips a level', e);
    level = +e.tagName[1];
  }
  for (const e of document.querySelectorAll('table')) {
    if (!e.caption || !e.querySelector('th[scope]')) tell('table without headings', e);
  }
  if (!document.documentElement.lang || !document.title) faults.push('no language or title');
  return faults;
}"""

# Contrast of every text to the nearest opaque background, after WCAG 2.
CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      layers.push(rgba(getComputedStyle(e).backgroundColor));
    }
    return layers.reverse().reduce((under, [r, g, b, a]) =>
      [r, g, b].map((v, i) => (v * a + under[i] * (255 - a)) / 255), [255, 255, 255]);
  };
  const poor = [];
  for (const e of document.querySelectorAll('body *')) {
    const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    const apart = e.closest('svg, option, :disabled, noscript, #toast, .skip, .unseen');
    if (!text || !e.checkVisibility() || apart) continue;
    const [a, b] = [light(rgba(getComputedStyle(e).color)), light(behind(e))].sort();
    const contrast = (b + 0.05) / (a + 0.05);
    if (contrast < 4.5) poor.push(`${contrast.toFixed(2)} ${e.outerHTML.slice(0, 90)}`);
  }
  return poor;
}"""


@pytest.mark.parametrize("address", VIEWS)
def test_every_view_can_be_used_by_ear_and_by_keys(
    visit: Visit, real_page: Path, address: str
) -> None:
    page = visit(real_page, address)
    page.wait_for_timeout(200)
    assert page.evaluate(CHECK) == []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(CONTRAST) == [], scheme
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to the content"


@pytest.mark.parametrize("address", VIEWS)
def test_every_view_fits_a_phone_and_paper(visit: Visit, real_page: Path, address: str) -> None:
    page = visit(real_page, address, viewport={"width": 360, "height": 700})
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    cells = "[...document.querySelectorAll('.recordings td')]"
    ends = f"Math.max(0, ...{cells}.map((cell) => cell.getBoundingClientRect().right))"
    assert page.evaluate(ends) <= 360
    page.emulate_media(media="print")
    # The bars of charts, which share the name of a class with the page's header.
    bars = "[...document.querySelectorAll('.chart rect')]"
    assert page.evaluate(f"{bars}.every((bar) => bar.checkVisibility())")
    assert not page.locator("header.bar").is_visible()
    assert page.pdf(format="A4")[:4] == b"%PDF"


def test_dark_follows_the_system_until_people_choose(visit: Visit, real_page: Path) -> None:
    page = visit(real_page, color_scheme="dark")
    lightness = "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/)[0] > 128"
    assert not page.evaluate(lightness)
    page.emulate_media(color_scheme="light")
    assert page.evaluate(lightness)
    page.get_by_role("button", name="Dark or light").click()
    assert not page.evaluate(lightness)
    page.reload()
    assert not page.evaluate(lightness)


def test_clips_move_unless_people_want_calm(visit: Visit, real_page: Path) -> None:
    playing = "[...document.querySelectorAll('.clip video')].filter((v) => !v.paused).length"
    page = visit(real_page, "#/action/3")
    page.wait_for_function(f"{playing} === 2")
    assert page.evaluate("[...document.querySelectorAll('video')].every((v) => v.muted && v.loop)")
    page.get_by_role("button", name="Pause the clips").click()
    page.wait_for_function(f"{playing} === 0")
    page = visit(real_page, "#/action/3", reduced_motion="reduce")
    page.wait_for_timeout(300)
    assert page.evaluate(playing) == 0
    assert page.evaluate("[...document.querySelectorAll('video')].every((v) => v.poster)")
    page.locator(".clip a").first.click()
    page.wait_for_function("document.querySelector('.clock')?.innerText === '0:01.240'")


def test_examples_of_signals_share_names_scale_and_words(visit: Visit, tmp_path: Path) -> None:
    labels, times = np.repeat([0, 1], 40), np.arange(81) / 10.0
    level = np.repeat([0.0, 4.0], 40) + np.tile([0.0, 1.0], 40)
    signals = np.column_stack([np.zeros(80), level, np.ones(80)]).astype(np.float32)
    names = ("gyr_y", "acc_x [g]", "emg")
    logs = [RecordingView(n, labels, times, signals=signals, signal_names=names) for n in "ab"]
    examples = {0: [Example("a", 0, 40, 1.0)], 1: [Example("b", 40, 80, 1.0)]}
    portraits = {0: Portrait("acc_x low", (1, 0)), 1: Portrait("acc_x high", (1, 2))}
    shown = Page("Logs", [ActionView(0), ActionView(1)], logs, examples, portraits=portraits)
    page = visit(render_page(shown, tmp_path).parent, "#/actions")
    assert page.locator(".portrait").all_inner_texts() == ["acc_x low", "acc_x high"]
    channels = page.locator(".lane .channel").all_inner_texts()
    assert channels == ["acc_x [g]", "gyr_y", "acc_x [g]", "emg"]
    scales = page.locator(".lane:first-child .reach").all_inner_texts()
    assert [one.split() for one in scales] == [["5", "0"], ["5", "0"]]
    # Nothing moves, so there is nothing to pause.
    assert page.get_by_role("button", name="Pause the clips").count() == 0


def test_more_actions_than_colours_have_hatches(visit: Visit, tmp_path: Path) -> None:
    labels = np.repeat(np.arange(30), 10)
    view = RecordingView("all", labels, np.arange(301) / 10)
    shown = Page("Many actions", [ActionView(k) for k in range(30)], [view])
    page = visit(render_page(shown, tmp_path).parent)
    fills = page.evaluate(
        "[...document.querySelectorAll('.legend .swatch')].map((s) => s.style.background)"
    )
    assert len(set(fills)) == 30
    assert all("data:image/png" in fill for fill in fills[12:])
    page.goto(page.url + "overview")
    assert page.locator(".graph .node").count() == 30


def test_the_overview_tells_what_the_numbers_are(visit: Visit, real_page: Path) -> None:
    page = visit(real_page, "#/overview")
    matrix = page.locator(".matrix tbody tr")
    cells = [cell.strip() for cell in matrix.nth(0).locator("td").all_inner_texts()]
    assert cells == ["97", "3"]
    assert matrix.nth(0).locator("td.match").inner_text() == "97"
    assert "80.0 %" in page.locator("main").inner_text()
    page.get_by_text("The same as a table").click()
    times = page.locator("details tbody td:nth-child(3)").all_inner_texts()
    assert sum(map(int, times)) == 5 + 3 + 3 + 5 + 1  # one less than segments, in each recording
    assert "1 action of 6 has no frame: action 6" in page.locator("main").inner_text()


def test_a_page_split_from_its_folder_says_so(visit: Visit, tmp_path: Path) -> None:
    out = render_page(small_page([series_view("a", 0)]), tmp_path)
    (tmp_path / "data" / "0.js").unlink()
    page = visit(out.parent, "#/recording/0")
    assert "data/0.js cannot be read" in page.get_by_role("alert").inner_text()
    visit.complaints[:] = [c for c in visit.complaints if "ERR_FILE_NOT_FOUND" not in c]  # type: ignore[attr-defined]


def test_a_page_of_nothing_is_a_page(visit: Visit, tmp_path: Path) -> None:
    page = visit(render_page(Page("Nothing", [], []), tmp_path).parent)
    assert page.inner_text("h1") == "Nothing"
    for address, heading in (
        ("#/actions", "Actions"),
        ("#/overview", "Overview"),
        ("#/recording/0", "Not here"),
        ("#/action/0", "Not here"),
        ("#/elsewhere", "Not here"),
    ):
        page.evaluate("(address) => { location.hash = address; }", address)
        page.wait_for_function(f"document.querySelector('h1').innerText === {heading!r}")
