"""TextGrids, read by pympi and by this library."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from pympi import Praat

from asot.errors import DataError
from asot.export import export, praat, read
from asot.timeline.segments import Interval, SegmentRow, Timeline
from tests.export.timelines import recordings, timeline

# In the short form, which has no words, and in the long one with remarks and numbers in words.
SHORT = '''File type = "ooTextFile"
Object class = "TextGrid"

0
2.5
<exists>
2
"IntervalTier"
"rater ""A"""
0
2.5
3
0
1e-1
""
1e-1
2
"say ""hi""
to 7 [3]"
2
2.5
"é茶"
"TextTier"
"moments"
0
2.5
1
1.5
"click"
'''
LONG = """File type = "ooTextFile short"
Object class = "TextGrid"

xmin = 0 ! seconds, "all" of them
xmax = 2.5
tiers? <exists>
size = 1
item []:
    item [1]:
        class = "IntervalTier"
        name = "x"
        xmin = 0
        xmax = 2.5
        intervals: size = 1
        intervals [1]:
            xmin = 0.5
            xmax = 2
            text = "stir"
"""


@given(data=recordings())
def test_pympi_reads_every_second_and_name(
    tmp_path_factory: pytest.TempPathFactory, data: list[Timeline]
) -> None:
    out = tmp_path_factory.mktemp("out")
    for one, path in zip(data, export(data, "praat", out), strict=True):
        grid = Praat.TextGrid(str(path))
        [tier] = grid.get_tiers()
        assert tier.name == "actions"
        spans = [span for span in tier.get_intervals() if span[2]]
        assert spans == [(row.start_s, row.end_s, row.action) for row in one.rows]
        edges = [(start, end) for start, end, _ in tier.get_intervals()]
        assert [end for _, end in edges[:-1]] == [start for start, _ in edges[1:]]
        assert one.times is not None
        assert (edges[0][0], edges[-1][1]) == (min(0.0, one.times[0]), one.times[-1])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_what_praat_saves_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "tea.TextGrid"
    path.write_bytes(SHORT.encode(encoding))
    spoken = Interval("tea", 0.1, 2.0, 'say "hi" to 7 [3]')
    assert read(path, tier='rater "A"') == [spoken, Interval("tea", 2.0, 2.5, "é茶")]
    with pytest.raises(DataError, match=r"which to read with --tier, of .*, 'moments'"):
        read(path)
    path.write_bytes(LONG.encode(encoding))
    assert read(path) == [Interval("tea", 0.5, 2.0, "stir")]


def test_notes_are_a_tier_and_other_files_are_refused(tmp_path: Path) -> None:
    one = timeline("ab-a", times=[0.00001, 1, 2, 3, 4])
    rows = (replace(one.rows[0], note='a "note"'), *one.rows[1:])
    [path] = export([replace(one, rows=rows)], "praat", tmp_path)
    text = path.read_text()
    assert "e-05" not in text
    assert [tier.name for tier in Praat.TextGrid(str(path)).get_tiers()] == ["actions", "notes"]
    assert [(each.action, each.note) for each in read(path)] == [
        ("a", 'a "note"'),
        ("b", ""),
        ("a", ""),
    ]
    for other in ("x", text[:300], text.replace("TextGrid", "Pitch"), SHORT.replace("1e-1", "x")):
        path.write_text(other)
        with pytest.raises(DataError, match="is not a TextGrid that Praat saved as text"):
            read(path, tier="actions")


def test_each_note_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a recording of many segments, else, each would be read for each other."""
    read_notes: list[SegmentRow] = []

    def read_one(row: SegmentRow) -> str:
        read_notes.append(row)
        return ""

    monkeypatch.setattr(praat, "note", read_one)
    one = timeline("ab" * 50)
    assert '"notes"' not in praat._grid(one)
    assert len(read_notes) == len(one.rows) == 100
