"""What notebooks show: timelines and verdicts as HTML, figures, and tables of segments."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import asot
from asot.discover.order import OrderEvidence
from asot.discover.verdict import Choice, Trust
from asot.errors import MissingExtraError
from asot.model.automatic import Evidence
from asot.model.segmenter import NotFittedError
from asot.notebook import COLOURS, MOST_RUNS, MOST_TIMELINES, show
from asot.timeline.segments import Timeline, even_times, run_lengths, segment_table


def bars(html: str) -> list[list[tuple[str, str]]]:
    """Read the timelines: the title and the path of each action's bars. HTML must nest rightly."""
    tree = ElementTree.fromstring(html)
    return [[(path[0].text or "", path.get("d", "")) for path in svg] for svg in tree.iter("svg")]


def test_a_timeline_has_each_run_in_its_place() -> None:
    html = show("<Tea>", ["a & b"], [("mon<day>", [1, 1, 0, -1, 1])], names=["pour", "s&t"])
    assert bars(html) == [[("pour", "M2 0h1v1h-1z"), ("s&t", "M0 0h2v1h-2zM4 0h1v1h-1z")]]
    assert "&lt;Tea&gt;" in html
    assert "mon&lt;day&gt;" in html
    assert "a &amp; b" in html


def test_many_recordings_and_many_runs_stay_small() -> None:
    labels = np.tile([0, 1], 20_000)
    html = show("", timelines=[("one", labels)] * (MOST_TIMELINES + 3), names=[])
    found = bars(html)
    assert len(found) == MOST_TIMELINES
    assert "and 3 more" in html
    assert sum(path.count("M") for _, path in found[0]) <= MOST_RUNS
    assert bars(show("", timelines=[("empty", [])])) == [[]]


def test_solutions_are_shown_without_their_padding(rng: np.random.Generator) -> None:
    costs = rng.random((2, 12, 3))
    batch = asot.solve(costs, lengths=[12, 7], max_iterations=3)
    assert repr(batch) == "Solution(2 recordings, 12 frames, 3 actions: 2 iteration limit)"
    for row, labels in zip(bars(batch._repr_html_()), batch.labels, strict=True):
        assert sum(path.count("M") for _, path in row) == len(run_lengths(labels[labels >= 0])[0])
    one = asot.solve(costs[0], max_iterations=3)
    assert repr(one) == "Solution(12 frames, 3 actions: iteration limit)"
    assert one.status[0].message in one._repr_html_()


def test_a_timeline_names_what_it_shows() -> None:
    times = even_times(4, 2.0)
    rows = segment_table("tea", [0, 0, -1, 1], action_names=["pour", "stir"], times=times)
    timeline = Timeline("tea", tuple(rows), 4, times)
    assert repr(timeline) == "Timeline('tea': 4 frames, 2 s, 2 segments of 2 actions)"
    assert bars(timeline._repr_html_()) == [[("pour", "M0 0h2v1h-2z"), ("stir", "M3 0h1v1h-1z")]]
    unnamed = Timeline("tea", tuple(segment_table("tea", [4], action_names={4: "action 5"})), 1)
    html = unnamed._repr_html_()
    assert bars(html) == [[("action 5", "M0 0h1v1h-1z")]]
    assert COLOURS[4] in html
    # Named actions have the colours that they have on the page.
    named = Timeline("tea", tuple(rows), 4, times, labels={"stir": 5, "pour": 2})._repr_html_()
    assert bars(named) == bars(timeline._repr_html_())
    assert COLOURS[5] in named
    assert COLOURS[0] not in named


def test_evidence_begins_with_the_verdict() -> None:
    trust = Trust("good", 0.917, 0.8, 1.0, 0.9)
    chance = [0.01] * 999
    order = OrderEvidence(0.5, chance, 0.001, 1.0)
    evidence = Evidence(order=order, choice=Choice("team", ["team"], [1.0], []), trust=trust)
    lines = repr(evidence).splitlines()
    assert lines[0] == "Good: about 92 % of the frames are likely right."
    assert len(lines) == 3
    assert all(line in evidence._repr_html_() for line in lines)
    assert "0.01" not in repr(order)
    assert "not known" in repr(Evidence())


def test_a_segmenter_shows_and_tabulates_its_recordings(
    seed: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = [rng.random((n, 4)) for n in (30, 20)]
    segmenter = asot.ActionSegmenter(
        3, epochs=1, team=0, radius=4, order_prior=0, n_init=1, random_state=seed
    )
    for early in (segmenter.segments, segmenter.plot):
        with pytest.raises(NotFittedError):
            early()
    html = segmenter.fit(X)._repr_mimebundle_()["text/html"]
    assert len(bars(html)) == 2
    assert "not known" in html

    table = segmenter.segments(frame_rate=5)
    for index, (labels, sure) in enumerate(
        zip(segmenter.labels_, segmenter.predict_proba(X), strict=True)
    ):
        own = table[table.recording == index]
        starts, ends, values = run_lengths(labels)
        assert own.start_frame.tolist() == starts.tolist()
        assert own.action.tolist() == values.tolist()
        np.testing.assert_allclose(own.end_s, ends / 5)
        means = [sure[a:b, k].mean() for a, b, k in zip(starts, ends, values, strict=True)]
        np.testing.assert_allclose(own.confidence, means, rtol=1e-5)
    again = segmenter.segments(X[1:], names=["pour", "stir", "wait"])
    assert set(again.recording) == {0}
    assert set(again.action) <= {"pour", "stir", "wait"}
    assert again.start_s.isna().all()

    png, size = segmenter.plot(frame_rate=5)._repr_png_()
    assert png.startswith(b"\x89PNG")
    assert size["width"] > 300
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r'pip install "asot\[series\]"'):
        segmenter.segments()
