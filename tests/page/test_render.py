"""What is written: the files, the values in them, and what never gets into them."""

from __future__ import annotations

import base64
import itertools
import json
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asot.errors import ArgumentError
from asot.files import fingerprint
from asot.page import ActionView, Example, Page, RecordingView, Track, render_page
from asot.page.render import _json
from asot.timeline.corrections import Corrected, Patch
from tests.page.examples import HOSTILE, late_view, series_view, small_page, video_view

Labels = st.lists(st.integers(-1, 4), min_size=1, max_size=60)


class Elements(HTMLParser):
    """The elements of a page, as a browser would find them, and what data elements hold."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.data: dict[str, str] = {}
        self.title = ""
        self._inside: str | None = None
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        name = dict(attrs).get("id") if tag == "script" else tag
        self._inside = name
        if tag == "script" and name:
            self.data[name] = ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self.title += data
        elif self._inside in self.data:
            self.data[self._inside] += data


def index_of(page: Path) -> dict[str, Any]:
    return json.loads(Elements(page).data["page-data"])


def recording_of(folder: Path, place: int) -> dict[str, Any]:
    text = (folder / "data" / f"{place}.js").read_text(encoding="utf-8")
    match = re.fullmatch(rf"asotReceive\({place},(.*)\);\n", text, re.DOTALL)
    assert match
    return json.loads(match[1])


def runs(labels: Sequence[int]) -> list[tuple[int, int]]:
    return [(label, len(list(same))) for label, same in itertools.groupby(labels)]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(Labels, min_size=1, max_size=4))
def test_statistics_agree_with_plain_counting(tmp_path: Path, corpus: list[list[int]]) -> None:
    views = [
        RecordingView(f"r{n}", np.array(labels), 3 + np.arange(len(labels) + 1) / 10)
        for n, labels in enumerate(corpus)
    ]
    page = render_page(Page("r", [ActionView(k) for k in range(5)], views), tmp_path)
    index = index_of(page)
    for action in index["actions"]:
        mine = [
            length for labels in corpus for label, length in runs(labels) if label == action["id"]
        ]
        assert action["segments"] == len(mine)
        assert action["amount"] == pytest.approx(sum(mine) / 10)
        assert sum(action["histogram"]) == len(mine)
    follow = Counter(
        (a, b)
        for labels in corpus
        for (a, _), (b, _) in itertools.pairwise(runs(labels))
        if a >= 0 and b >= 0
    )
    assert {(a, b): n for a, b, n in index["transitions"]} == dict(follow)
    for n, labels in enumerate(corpus):
        row, own = index["recordings"][n], recording_of(tmp_path, n)["tracks"][0]
        assert list(zip(own["labels"], np.diff(own["frames"]), strict=True)) == runs(labels)
        np.testing.assert_allclose(own["edges"], 3 + np.array(own["frames"]) / 10)
        assert row["strip"] == [value for run in runs(labels) for value in run]
        counts = Counter(x for x in labels if x >= 0)
        assert dict(map(tuple, row["used"])) == pytest.approx(
            {action: count / len(labels) for action, count in counts.items()}, abs=1e-6
        )


def test_corrected_segments_lie_over_the_labels(tmp_path: Path, rng: np.random.Generator) -> None:
    labels = [np.repeat(rng.permutation(3), rng.integers(2, 20, size=3)) for _ in range(3)]
    sure = [rng.uniform(size=len(one)).astype(np.float32) for one in labels]
    shares = [rng.dirichlet(np.ones(3), size=len(one)).astype(np.float32) for one in labels]
    cut = int(np.flatnonzero(np.diff(labels[0]))[0]) + 1
    fixed = Corrected(len(labels[0]), (Patch(0, cut - 1, 3, "left"), Patch(cut - 1, cut, -1)))
    views = [
        RecordingView(f"r{n}", labels[n], confidence=sure[n], shares=shares[n]) for n in range(3)
    ]
    plain = index_of(render_page(Page("r", [ActionView(k) for k in range(3)], views), tmp_path))
    views[0] = replace(views[0], corrected=fixed)
    actions = [*(ActionView(k) for k in range(3)), ActionView(3, "wave", added=True)]
    index = index_of(render_page(Page("r", actions, views), tmp_path))
    assert index["id"] == plain["id"]
    row = index["recordings"][0]
    assert row["corrected"] == [[0, cut - 1, 3, "left"], [cut - 1, cut, -1, ""]]
    now = fixed.apply(labels[0])
    assert row["strip"] == [value for run in runs(now.tolist()) for value in run]
    assert dict(map(tuple, row["used"])) == pytest.approx(
        {k: (now == k).mean() for k in set(now.tolist()) - {-1}}, abs=1e-6
    )
    assert row["confidence"] == pytest.approx(np.append(np.ones(cut), sure[0][cut:]).mean())
    assert index["actions"][3]["amount"] == cut - 1
    # The model's own segments stay beneath.
    own = recording_of(tmp_path, 0)["tracks"][0]
    assert list(zip(own["labels"], np.diff(own["frames"]), strict=True)) == runs(labels[0].tolist())
    # Places to ask about: frames times what is lacking in confidence, of what nobody looked at.
    expected = []
    for n, one in enumerate(labels):
        at = 0
        for action, length in runs(one.tolist()):
            end = at + length
            doubt = length - float(sure[n][at:end].sum(dtype=np.float64))
            parts = shares[n][at:end].sum(axis=0)
            rivals = [k for k in np.argsort(-parts).tolist() if k != action]
            if (n, at) != (0, 0):
                expected.append((doubt, [n, at, end, float(at), action], rivals, parts[rivals]))
            at = end
    expected.sort(key=lambda one: -one[0])
    for (doubt, place, rivals, parts), shown in zip(expected, index["doubts"], strict=True):
        assert (place, rivals) == (shown[:5], [one for one, _ in shown[6]])
        assert [doubt, *parts] == pytest.approx([shown[5], *(part for _, part in shown[6])], 1e-4)


@given(st.text() | st.just(HOSTILE))
def test_values_survive_a_script_element_and_cannot_leave_it(text: str) -> None:
    written = _json({text: [text]})
    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(written) == {text: [text]}


@pytest.mark.parametrize("embed", [False, True])
def test_hostile_names_add_no_element(tmp_path: Path, embed: bool) -> None:
    def page(name: str) -> Elements:
        view = RecordingView(
            name,
            np.array([0, 1]),
            np.arange(3.0),
            tracks=(Track(name, np.array([0, 1]), {0: name, 1: name}),),
            signals=np.eye(2, dtype=np.float32),
            signal_names=(name, name),
            scores={name: 0.5},
            activity=name,
            remarks=(name,),
        )
        shown = Page(
            name,
            [ActionView(0, name), ActionView(1)],
            [view],
            typical={0: [Example(name, 0, 1, 0.5)]},
            scores={name: {name: 0.5}},
            matching={0: name},
            settings={name: name},
            versions={name: name},
            remarks=[name],
        )
        return Elements(render_page(shown, tmp_path / str(len(name)), embed=embed))

    hostile, tame = page(HOSTILE), page("tea")
    assert hostile.tags == tame.tags
    assert hostile.title == HOSTILE
    assert json.loads(hostile.data["page-data"])["actions"][0]["name"] == HOSTILE


def test_names_that_are_no_text_are_written_all_the_same(tmp_path: Path) -> None:
    broken = "caf\udce9"
    view = RecordingView(broken, np.array([0]), remarks=(broken,))
    page = render_page(Page(broken, [ActionView(0)], [view]), tmp_path)
    assert index_of(page)["recordings"][0]["name"] == broken


def test_the_page_goes_through_lazy_recordings_once(tmp_path: Path) -> None:
    class Lazy(Sequence[RecordingView]):
        made = 0
        alive = 0

        def __len__(self) -> int:
            return 5

        def __getitem__(self, place: Any) -> Any:
            raise AssertionError("not one by one")

        def __iter__(self) -> Iterator[RecordingView]:
            for n in range(5):
                self.made += 1
                yield series_view(f"r{n}", n)

    lazy = Lazy()
    told: list[tuple[str, int, int]] = []
    render_page(small_page(lazy), tmp_path, progress=lambda *step: told.append(step))
    assert lazy.made == 5
    assert told == [("Page: recordings", n, 5) for n in range(6)]


@pytest.mark.parametrize(
    ("views", "rest", "sentence"),
    [
        ([series_view("a", 0), series_view("a", 1)], {}, "two recording 'a'"),
        ([RecordingView("a", np.array([9]))], {}, "label 9, which is not an action"),
        (
            [series_view("a", 0)],
            {"typical": {0: [Example("b", 0, 1, 1.0)]}},
            "example is of 'b'",
        ),
        ([series_view("a", 0)], {"typical": {0: [Example("a", 0, 161, 1.0)]}}, "161"),
        (
            [RecordingView("a", np.array([0]), tracks=(Track("t", np.array([3]), {}),))],
            {},
            "the track 't' of recording 'a' has the label 3",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(
    tmp_path: Path, views: list[RecordingView], rest: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ArgumentError) as error:
        render_page(small_page(views, **rest), tmp_path)
    assert sentence in str(error.value)
    assert not (tmp_path / "index.html").exists()


def test_the_id_follows_the_segmentation_and_nothing_else(tmp_path: Path) -> None:
    def identity(seed: int, **rest: Any) -> str:
        return index_of(render_page(small_page([series_view("a", seed)], **rest), tmp_path))["id"]

    assert identity(0) == identity(0, remarks=["another"]) != identity(1)


def test_an_earlier_page_leaves_nothing_behind(tmp_path: Path, late_clip: Path) -> None:
    pytest.importorskip("av")
    notes = tmp_path / "media" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("mine", encoding="utf-8")
    examples = {0: [Example("late", 0, 25, 0.9)]}
    two = [late_view(late_clip), series_view("b", 0)]
    render_page(small_page(two, typical=examples), tmp_path)
    first = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "media").iterdir()}
    assert len(first) == 5  # a preview with its notes, a clip with its still, and the stranger
    render_page(small_page(two, typical=examples), tmp_path)
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "media").iterdir()} == first
    render_page(small_page(two[1:]), tmp_path)
    assert [path.name for path in (tmp_path / "media").iterdir()] == ["notes.txt"]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["0.js"]


def test_an_original_is_linked_where_browsers_play_it(tmp_path: Path, bikes: Path) -> None:
    pytest.importorskip("av")
    source = tmp_path / "my videos" / "a#1 & ü.mp4"
    source.parent.mkdir()
    shutil.copy(bikes, source)
    out = tmp_path / "results" / "page"
    render_page(small_page([video_view("bikes", source)]), out)
    link = recording_of(out, 0)["media"]["src"]
    assert not link.startswith(("/", "file:"))
    assert (out / unquote(link)).resolve() == source
    assert not list((out / "media").glob("*"))


def test_a_video_that_starts_late_gets_a_preview_on_its_own_clock(real_page: Path) -> None:
    media = recording_of(real_page, 1)["media"]
    assert media["offset"] == pytest.approx(0.54, abs=1e-3)
    assert (real_page / media["src"]).is_file()
    assert media["note"] == ""


@pytest.mark.parametrize("notes", ["{", '{"start_s": "late"}', "[]"])
def test_a_preview_with_damaged_notes_is_made_again(
    tmp_path: Path, late_clip: Path, notes: str
) -> None:
    pytest.importorskip("av")
    render_page(small_page([late_view(late_clip)]), tmp_path)
    [beside] = (tmp_path / "media").glob("*.json")
    beside.write_text(notes, encoding="utf-8")
    render_page(small_page([late_view(late_clip)]), tmp_path)
    assert recording_of(tmp_path, 0)["media"]["offset"] == pytest.approx(0.54, abs=1e-3)
    assert json.loads(beside.read_text(encoding="utf-8"))["start_s"] == pytest.approx(0.54)


def test_what_cannot_be_shown_is_said(real_page: Path, tmp_path: Path) -> None:
    lost = recording_of(real_page, 3)["media"]
    assert lost["src"] is None
    assert "missing" in lost["note"]
    assert "lost.mp4" in lost["note"]
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"no video at all")
    render_page(small_page([video_view("broken", broken)]), tmp_path / "out")
    media = recording_of(tmp_path / "out", 0)["media"]
    assert media["src"] is None
    assert "No preview could be made" in media["note"]


@pytest.mark.parametrize("embed", [False, True])
def test_a_file_that_took_the_place_of_a_video_is_not_shown(
    tmp_path: Path, bikes: Path, embed: bool
) -> None:
    """A stranger's results may name any file here, which must not go into the page."""
    view = video_view("bikes", bikes)
    examples = {1: [Example("bikes", 0, 25, 0.9)]}
    for mark, shown in (("another file's", False), ("", False), (fingerprint(bikes), True)):
        page = small_page([replace(view, media_fingerprint=mark)], typical=examples)
        path = render_page(page, tmp_path / str(shown), embed=embed)
        clip = index_of(path)["examples"]["typical"]["1"][0]
        assert (clip["src"] is not None) == shown
        assert ("is not the file that it was" in path.read_text()) == (embed and not shown)
        if not embed:
            media = recording_of(tmp_path / str(shown), 0)["media"]
            assert ("is not the file that it was" in media["note"]) == (not shown)


def test_signals_are_shown_in_place_of_a_lost_video(tmp_path: Path, seed: int) -> None:
    view = replace(series_view("log", seed), media=tmp_path / "lost.mp4")
    page = small_page([view], typical={1: [Example("log", 0, 20, 0.9)]})
    clip = index_of(render_page(page, tmp_path / "out"))["examples"]["typical"]["1"][0]
    assert clip["signals"]["channels"]


def test_without_the_video_library_the_originals_are_linked(
    tmp_path: Path, bikes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    examples = {0: [Example("bikes", 0, 25, 0.9)]}
    render_page(small_page([video_view("bikes", bikes)], typical=examples), tmp_path)
    assert recording_of(tmp_path, 0)["media"]["src"].endswith("bikes.mp4")
    clip = index_of(tmp_path / "index.html")["examples"]["typical"]["0"][0]
    assert (clip["src"], clip["still"]) == (None, None)


def test_one_file_holds_everything(tmp_path: Path, late_clip: Path, bikes: Path) -> None:
    pytest.importorskip("av")
    shown = small_page(
        [video_view("bikes", bikes), late_view(late_clip)],
        typical={1: [Example("late", 25, 50, 0.9)]},
    )
    page = render_page(shown, tmp_path, embed=True)
    assert list(tmp_path.iterdir()) == [page]
    held = Elements(page).data
    for n in range(2):
        source = json.loads(held[f"recording-{n}"])["media"]["src"]
        kind, _, content = held[source].partition(";base64,")
        assert kind == "data:video/mp4"
        assert base64.b64decode(content)[4:8] == b"ftyp"
    clip = index_of(page)["examples"]["typical"]["1"][0]
    assert held[clip["src"]].startswith("data:video/mp4;base64,")
    assert held[clip["still"]].startswith("data:image/jpeg;base64,")


def test_nothing_in_the_page_asks_a_network(real_page: Path) -> None:
    for path in (real_page / "index.html", *(real_page / "assets").iterdir()):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http" not in text.replace("http-equiv", ""), path
        assert not re.search(r"\beval\(|innerHTML|outerHTML|insertAdjacentHTML|\bfetch\(", text)


def test_classes_wear_the_colour_of_the_action_that_matches_them(real_page: Path) -> None:
    index = index_of(real_page / "index.html")
    style = {one["name"]: one["style"] for one in index["classes"]}
    assert style["street"] == index["actions"][0]["style"]
    assert style["wheel"] == index["actions"][3]["style"]
    everything = [tuple(one["style"]) for one in [*index["actions"], *index["classes"]]]
    assert len(set(everything)) == len(everything) - 2


def test_jinja_missing_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match="needs the library 'jinja2'"):
        render_page(small_page([]), tmp_path)
