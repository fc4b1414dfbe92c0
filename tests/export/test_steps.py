"""Steps within segments: in a table that joins them, and as tiers below the actions."""

from __future__ import annotations

import csv
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from pympi import Elan, Praat

from asot.export import export, read, read_csv
from asot.timeline.segments import StepRow, Timeline
from asot.timeline.tree import step_rows
from tests.export.timelines import in_milliseconds, recordings, timeline


def stepped(one: Timeline, seed: int = 0) -> Timeline:
    """A timeline whose frames are of steps drawn at random, some of none."""
    steps = np.random.default_rng(seed).integers(-1, 3, one.n_frames)
    return replace(one, steps=tuple(step_rows(one.rows, steps, one.times)))


def test_the_table_joins_steps_to_their_segments(tmp_path: Path) -> None:
    steps = [0, 1, 1, 0, -1]
    one = timeline("aab-b")
    one = replace(one, steps=tuple(step_rows(one.rows, steps, one.times)))
    table, parts = export([one], "csv", tmp_path)
    rows = read_csv(table)
    with parts.open(newline="") as stream:
        found = list(csv.DictReader(stream))
    assert [*found[0]] == [field.name for field in fields(StepRow)]
    assert [(one["segment"], one["action"], one["step"]) for one in found] == [
        ("1", "a", "1"),
        ("1", "a", "2"),
        ("2", "b", "2"),
    ]
    for part in found:
        parent = rows[int(part["segment"]) - 1]
        assert parent.start_frame <= int(part["start_frame"]) < int(part["end_frame"])
        assert int(part["end_frame"]) <= parent.end_frame
        assert float(part["start_s"]) == one.seconds[int(part["start_frame"])]
    assert read(tmp_path) == read(table)  # of the folder, segments alone come back
    plain = tmp_path / "plain"
    assert export([timeline("aab-b")], "csv", plain) == [plain / "segments.csv"]
    assert (plain / "segments.csv").read_bytes() == table.read_bytes()


@given(data=recordings())
def test_elan_shows_steps_below_their_actions(
    tmp_path_factory: pytest.TempPathFactory, data: list[Timeline]
) -> None:
    data = [stepped(one, seed) for seed, one in enumerate(data)]
    for one, path in zip(data, export(data, "elan", tmp_path_factory.mktemp("out")), strict=True):
        document = Elan.Eaf(str(path))
        parents = document.get_annotation_data_for_tier("actions")
        assert parents == in_milliseconds(one)
        if one.steps:
            assert document.get_parameters_for_tier("steps")["PARENT_REF"] == "actions"
            parts = document.get_annotation_data_for_tier("steps")
            assert [text for *_, text in parts] == [f"step {row.step}" for row in one.steps]
            for (start, end, _), row in zip(parts, one.steps, strict=True):
                assert abs(start - 1000 * one.seconds[row.start_frame]) <= 0.5
                first, last, _ = parents[row.segment - 1]
                assert first <= start < end <= last


def test_a_step_that_rounding_leaves_empty_is_left_out(tmp_path: Path) -> None:
    one = timeline("aaa", times=[0.0, 0.0002, 0.0004, 1.0])
    one = replace(one, steps=tuple(step_rows(one.rows, [0, 1, 0], one.times)))
    [path] = export([one], "elan", tmp_path)
    parts = Elan.Eaf(str(path)).get_annotation_data_for_tier("steps")
    assert parts == [(0, 1000, "step 1")]


def test_praat_shows_steps_in_a_tier_of_their_own(tmp_path: Path) -> None:
    one = timeline("aab-b")
    one = replace(one, steps=tuple(step_rows(one.rows, [0, 1, 1, 0, -1], one.times)))
    [path] = export([one], "praat", tmp_path)
    grid = Praat.TextGrid(str(path))
    assert [name for _, name in grid.get_tier_name_num()] == ["actions", "steps"]
    assert [text for *_, text in grid.get_tier("steps").get_all_intervals()] == [
        *("step 1", "step 2", "step 2", ""),
    ]
    assert [got.action for got in read(path)] == ["a", "b", "b"]


def test_steps_count_from_the_first_frame_like_their_segments(tmp_path: Path) -> None:
    one = stepped(timeline("aab-b", times=[5.0, 5.5, 6.0, 6.5, 7.0, 8.0]))
    _, parts = export([one], "csv", tmp_path, from_zero=True)
    with parts.open(newline="") as stream:
        found = [float(row["start_s"]) for row in csv.DictReader(stream)]
    assert found == [row.start_s - 5.0 for row in one.steps if row.start_s is not None]
