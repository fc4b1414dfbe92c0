"""Correcting in a real browser: each edit, undo, the file, and the next doubtful place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace as replaced

from asot.page import ActionView, Page, RecordingView, render_page
from asot.timeline.corrections import Corrected, Patch, read_corrections
from asot.timeline.segments import run_lengths

Visit = Callable[..., Any]
K = 4
LABELS = np.repeat([0, 1, 2, 3, 1, 2], 20)
SURE = np.repeat([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], 20)
# Frames that last longer from the 60th on, as those of a log with a gap may.
TIMES = np.concatenate([np.arange(60) / 10, 6 + np.arange(61) / 5])
SHOWN = """() => [...document.querySelectorAll('.segments tbody tr')].map((row) => [
  row.querySelector('th button').innerText.trim(),
  row.querySelector('.checked .unseen')?.innerText ?? '',
  row.querySelector('.noted')?.innerText ?? ''])"""
STARTS = """() => [...document.querySelectorAll('.segments tbody tr')].map((row) => [
  row.children[2].innerText, row.querySelector('th button').innerText.trim()])"""


def written(folder: Path, corrected: Corrected | None = None, *added: str) -> Path:
    actions = [ActionView(k) for k in range(K)]
    actions += [ActionView(K + k, name, added=True) for k, name in enumerate(added)]
    soup, sure = np.repeat([3, 0], 30), np.repeat([0.99, 0.2], 30)
    shares = np.repeat([[0, 0, 0.01, 0.99], [0.2, 0.1, 0.7, 0]], 30, axis=0)
    views = [
        RecordingView("tea", LABELS, TIMES, SURE, corrected=corrected),
        RecordingView("soup", soup, np.arange(61) / 10, sure, shares=shares),
    ]
    return render_page(Page("Kitchen", actions, views), folder).parent


def saved(page: Any, folder: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name="Download corrections").click()
    download.value.save_as(folder / download.value.suggested_filename)
    return folder / "corrections.json"


def shown(page: Any) -> list[tuple[str, str, str]]:
    return [tuple(row) for row in page.evaluate(SHOWN)]


def labels_shown(page: Any) -> list[tuple[float, str]]:
    """The starts and names of the segments in the table."""
    return [(float(start.split(":")[1]), name) for start, name in page.evaluate(STARTS)]


def opened(page: Any) -> Any:
    page.wait_for_selector(".segments tbody tr")
    return page


def goto(page: Any, n: int, t: float) -> None:
    page.evaluate(
        """(address) => new Promise((done) => {
          addEventListener('hashchange', done, {once: true});
          location.hash = address;
        })""",
        f"#/recording/{n}/{t}",
    )
    opened(page)


def test_everything_is_corrected_by_keys(visit: Visit, tmp_path: Path) -> None:
    page = opened(visit(written(tmp_path / "page"), "#/recording/0"))
    press = page.keyboard.press
    press("Enter")  # tea [0, 20) is right
    press("ArrowRight")
    press("3")  # [20, 40) is action 3, one with what follows
    assert shown(page)[:2] == [("action 1", "checked", ""), ("action 3", "partly checked", "")]
    goto(page, 0, 5.85)
    for clock in ("0:05.900", "0:06.000", "0:06.200"):
        press(".")  # also where frames are uneven
        assert page.inner_text(".clock") == clock
    goto(page, 0, 5.04)
    press("]")  # it ends at frame 50, and what follows it begins there
    assert labels_shown(page)[:3] == [(0, "action 1"), (2, "action 3"), (5, "action 4")]
    press("m")
    page.keyboard.type("left <b>hand</b>")
    press("Enter")
    goto(page, 0, 8.05)  # frame 70, of action 4
    press("s")
    press("a")
    page.keyboard.type("wa")
    press("Enter")  # [70, 80) is a new action
    goto(page, 0, 11.8)  # frame 89
    press("[")
    press("X")  # also with Caps Lock; [89, 100) is no action, and [80, 89) is action "wa"
    goto(page, 0, 17)
    press("j")
    expected = [
        ("action 1", "checked", ""),
        ("action 3", "checked", ""),
        ("action 4", "checked", "left <b>hand</b>"),
        ("wa", "checked", ""),
        ("no action", "checked", ""),
    ]
    assert shown(page) == expected
    assert "5 segments" in page.inner_text(".lead")
    page.locator('canvas[aria-label*="wa 21 %"]').wait_for()

    path = saved(page, tmp_path)
    found = read_corrections(path, K)
    assert (found.names.names, found.names.added) == ({4: "wa"}, 1)
    one = found.recordings["tea"]
    now = one.apply(LABELS)
    starts, _, labels = run_lengths(now)
    named = {**{k: f"action {k + 1}" for k in range(K)}, 4: "wa", -1: "no action"}
    assert labels_shown(page) == [
        (TIMES[start], named[label]) for start, label in zip(starts, labels, strict=True)
    ]
    assert one.checked.all()

    # All of it is taken back and done again, step by step, and is there after a reload.
    for _ in range(9):
        press("Control+z")
    assert shown(page)[1:3] == [("action 2", "", ""), ("action 3", "", "")]
    assert page.get_by_role("button", name="wa (5)").count() == 0
    for key in ("Control+Shift+z", *["Control+y"] * 8):
        press(key)
    assert shown(page) == expected
    page.reload()
    assert shown(opened(page)) == expected
    assert json.loads(saved(page, tmp_path).read_text()) == json.loads(path.read_text())

    # Whoever opens the file elsewhere goes on from there.
    other = opened(visit(tmp_path / "page", "#/recording/0"))
    other.get_by_role("button", name="Corrections: your name").click()
    other.get_by_label("Your name", exact=True).fill("Ada")
    for wrong, sentence in (
        ("{", "not a file of corrections"),
        ('{"format": 1, "recordings": null}', "not a file of corrections"),
        (path.read_text().replace('"page": "', '"page": "0'), "the page of other results"),
        (path.read_text().replace('"frames": 120', '"frames": 99'), "which has 120 here"),
        (path.read_text().replace('"action": 4', '"action": 5'), "an action that it does not know"),
    ):
        (tmp_path / "wrong.json").write_text(wrong)
        other.get_by_label("A file of corrections").set_input_files(tmp_path / "wrong.json")
        other.get_by_role("alert").filter(has_text=sentence).wait_for()
    other.get_by_label("A file of corrections").set_input_files(path)
    other.locator("dialog:has(#corrections)").wait_for(state="detached")
    assert shown(other) == expected
    assert read_corrections(saved(other, tmp_path), K) == replace(found, by="Ada")
    # A page written with them shows the same, also where the browser has kept them as changes.
    again = written(tmp_path / "again", one, "wa") / "index.html"
    for window in (page, visit(again.parent)):
        window.goto(f"{again.as_uri()}#/recording/0")
        assert shown(opened(window)) == expected
        assert "news" not in str(window.locator("#download").get_attribute("class"))
    assert json.loads(saved(page, tmp_path).read_text()) == json.loads(path.read_text())
    # A file that says nothing of a recording takes its corrections away, as relabel would; what
    # was merged is found by its own name too.
    (tmp_path / "merged.json").write_text(
        '{"format": 1, "names": {"0": "stir"}, "merged": {"0": 1}, "recordings": {}}'
    )
    window.get_by_role("button", name="Corrections: your name").click()
    window.get_by_label("A file of corrections").set_input_files(tmp_path / "merged.json")
    window.wait_for_function("() => !document.querySelector('.segments .checked')")
    window.keyboard.press("a")
    window.keyboard.type("stir")
    assert window.locator("#choices li").all_inner_texts() == ["action 2\n2"]
    # Where others added actions meanwhile, those of this browser are told by their names.
    theirs = written(tmp_path / "theirs", Corrected(120, (Patch(0, 5, 4),)), "stir", "wa")
    page.goto(f"{(theirs / 'index.html').as_uri()}#/recording/0")
    opened(page)
    merged = read_corrections(saved(page, tmp_path), K)
    assert (merged.names.names, merged.names.added) == ({4: "stir", 5: "wa"}, 2)
    renamed = [
        replaced(patch, action=5 if patch.action == 4 else patch.action) for patch in one.segments
    ]
    assert list(merged.recordings["tea"].segments) == renamed
    # What is corrected after that lies over it; a browser that keeps nothing is said to.
    goto(page, 0, 0.01)
    page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error('full'); }; }")
    press("x")
    assert shown(page)[0] == ("no action", "checked", "")
    assert page.get_by_text("This browser does not keep what you enter").first.is_visible()


def test_a_mouse_corrects_too_and_doubt_leads_on(visit: Visit, tmp_path: Path) -> None:
    page = opened(visit(written(tmp_path), "#/recording/0"))
    box = page.locator(".stage").bounding_box()
    left = box["x"] + 132

    def x_of(t: float) -> float:
        return left + t / TIMES[-1] * (box["width"] - 132)

    # The boundary at 4 s is drawn to 5.02 s, where it snaps to a frame; a drag may be given up.
    for end, key in ((9, "Escape"), (5.02, None)):
        page.mouse.move(x_of(4), box["y"] + 45)
        page.mouse.down()
        page.mouse.move(x_of(4.5), box["y"] + 45)
        page.mouse.move(x_of(end), box["y"] + 45)
        if key:
            page.keyboard.press(key)
        page.mouse.up()
    segments = json.loads(saved(page, tmp_path).read_text())["recordings"]["tea"]["segments"]
    assert segments == [
        {"start": 20, "end": 50, "action": 1},
        {"start": 50, "end": 60, "action": 2},
    ]
    page.get_by_role("button", name="No action (x)").click()
    page.get_by_role("button", name="Undo (Ctrl+Z)").click()
    assert "Undone: No action in tea" in page.inner_text("#toast")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("s")
    assert "Put the cursor where the segment is to be split" in page.inner_text("#toast")
    # Who presses buttons by keys stays where they are, or goes to the timeline from a dead end.
    role = "() => document.activeElement.role || document.activeElement.innerText"
    for button, times, after in (
        (page.get_by_role("button", name="action 1 (1)"), 1, "action 1"),
        (page.locator(".segments tbody button").nth(1), 1, "action 2"),
        (page.get_by_role("button", name="Undo (Ctrl+Z)"), 2, "slider"),
    ):
        button.focus()
        for _ in range(times):
            page.keyboard.press("Enter")
        assert page.evaluate(role).split("\n")[-1] == after
    page.keyboard.press("Control+Shift+z")

    # Of what nobody looked at: 24 of soup's last thirty frames, 12 and 10 of tea's, and so on.
    page.get_by_role("button", name="Next doubtful place (n)").click()
    page.wait_for_function("document.querySelector('h1').innerText === 'soup'")
    opened(page)
    assert page.inner_text(".clock") == "0:03.000"
    page.get_by_role("button", name="action 2 (2)").click()
    assert shown(page) == [("action 4", "", ""), ("action 2", "checked", "")]
    for start in ("0:14.000", "0:10.000", "0:06.000"):
        page.keyboard.press("n")
        page.wait_for_function(f"document.querySelector('.clock')?.innerText === '{start}'")
    page.keyboard.press("Shift+Enter")
    assert {checked for _, checked, _ in shown(page)} == {"checked"}
    page.keyboard.press("n")
    page.wait_for_function("document.querySelector('h1').innerText === 'soup'")
    opened(page)
    page.keyboard.press("Enter")
    page.keyboard.press("n")
    assert "Every doubtful place has been looked at" in page.inner_text("#toast")
    page.keyboard.press("Backspace")
    assert shown(page) == [("action 4", "", ""), ("action 2", "checked", "")]
    page.goto(page.url.partition("#")[0] + "#/")
    marks = page.locator(".recordings .checked").all_inner_texts()
    assert [" ".join(mark.split()) for mark in marks] == ["✓ 50 % checked", "✓ checked"]
    page.locator('.strip[aria-label="Timeline: action 2 50 %, action 4 50 %"]').wait_for()
    page.keyboard.press("n")  # in every view
    page.wait_for_function("location.hash === '#/recording/1/0'")
    # Soup's doubt is mostly between actions 1 and 3: it ends as these are merged.
    page.evaluate("""() => {
      const {id} = JSON.parse(document.getElementById('page-data').textContent);
      localStorage.setItem(`asot-page-${id}`, JSON.stringify({names: [[0, 'merged', 2]]}));
    }""")
    page.reload()
    opened(page).keyboard.press("n")
    page.wait_for_function("location.hash === '#/recording/0/14'")
