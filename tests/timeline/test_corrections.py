"""Corrected segments: a file that holds what people did, and refuses what makes no sense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asot.errors import DataError
from asot.files import write_json
from asot.timeline.corrections import (
    Corrected,
    Corrections,
    Patch,
    notes_within,
    read_corrections,
    write_corrections,
)
from asot.timeline.names import ActionNames

K, ADDED = 3, 2


@st.composite
def corrected(draw: st.DrawFn) -> Corrected:
    edges = draw(st.lists(st.integers(0, 50), unique=True, min_size=2))
    edges.sort()
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    actions = st.integers(-1, K + ADDED - 1)
    notes = st.text(st.characters(codec="utf-8"))
    segments = tuple(Patch(start, end, draw(actions), draw(notes)) for start, end in pairs)
    return Corrected(edges[-1] + draw(st.integers(0, 5)), segments)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recordings=st.dictionaries(st.text(st.characters(codec="utf-8")), corrected()))
def test_any_corrections_survive(tmp_path: Path, recordings: dict[str, Corrected]) -> None:
    names = ActionNames({0: "pour", 4: "shake"}, {1: 0}, frozenset({2}), ADDED)
    given_ = Corrections(names, recordings, "Ada")
    write_corrections(tmp_path / "c.json", given_)
    assert read_corrections(tmp_path / "c.json", K) == given_


@given(one=corrected())
def test_frames_that_nobody_looked_at_keep_their_labels(one: Corrected) -> None:
    labels = np.full(one.frames, 77)
    result = one.apply(labels)
    assert (result[~one.checked] == 77).all()
    assert (labels == 77).all()
    for patch in one.segments:
        assert set(result[patch.start : patch.end].tolist()) == {patch.action}
        assert one.checked[patch.start : patch.end].all()
    assert one.checked.sum() == sum(patch.end - patch.start for patch in one.segments)


def test_notes_hold_nothing_that_a_terminal_or_a_table_obeys() -> None:
    assert Patch(0, 1, 0, "left\n\x1b[31mhand\x00").note == "left [31mhand"


def test_notes_belong_to_frames() -> None:
    segments = Patch(0, 4, 1, "left hand"), Patch(4, 6, 1), Patch(6, 9, 1, "slow")
    assert notes_within(segments, 3, 7) == "left hand; slow"
    assert notes_within(segments, 4, 6) == ""


@pytest.mark.parametrize(
    ("segments", "sentence"),
    [
        ([(0, 4, 0), (3, 6, 1)], r"\[3, 6\) of 'tea' must lie behind"),
        ([(4, 4, 0)], "end behind its start"),
        ([(4, 11, 0)], "behind the last of 10 frames"),
        ([(4, 6, 5)], "has the action 5, but there are 5 actions"),
        ([(4, 6, -2)], "-1"),
        ([(-4, 6, 0)], "0"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, segments: list[tuple[int, int, int]], sentence: str
) -> None:
    path = tmp_path / "c.json"
    values = [{"start": a, "end": b, "action": k} for a, b, k in segments]
    recordings = {"tea": {"frames": 10, "segments": values}}
    write_json(path, {"format": 1, "added": ADDED, "recordings": recordings})
    with pytest.raises(DataError, match=sentence):
        read_corrections(path, K)
