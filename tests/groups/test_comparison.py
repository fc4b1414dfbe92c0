"""Groups compared: what is a unit, what is tested, what is said of few."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import false_discovery_control, mannwhitneyu

from asot.groups.comparison import Comparison, compare
from asot.groups.design import Design, units_of
from asot.groups.measures import RecordingBouts, measure
from asot.groups.words import how_different, how_tested, what_differs
from asot.timeline.segments import Timeline, segment_table

ACTIONS = ["pour", "stir"]


def recording(name: str, pours: int, n_frames: int = 20) -> RecordingBouts:
    """One bout of pouring, and the rest stirred."""
    labels = [0] * pours + [1] * (n_frames - pours)
    rows = segment_table(name, labels, action_names=ACTIONS)
    return measure(Timeline(name, tuple(rows), n_frames), ACTIONS, in_seconds=False)


def columns(groups: str, **more: str) -> dict[str, dict[str, str]]:
    """One recording a letter of ``groups``, with further columns a letter each."""
    return {
        f"r{k}": {"group": group.strip(), **{name: text[k] for name, text in more.items()}}
        for k, group in enumerate(groups)
    }


def compared(pours: list[int], design: Design) -> Comparison:
    measured = [recording(f"r{k}", n) for k, n in enumerate(pours)]
    return compare({"all": (ACTIONS, units_of(measured, design))}, design)


def test_each_action_and_measure_is_tested_and_all_are_corrected_together() -> None:
    pours = [2, 3, 4, 5, 9, 11, 12, 13]
    found = compared(pours, Design(columns("aaaabbbb")))
    assert [(one.action, one.measure) for one in found.tests] == [
        (action, one) for action in ACTIONS for one in ("share", "rate", "duration")
    ]
    shares = np.array(pours) / 20
    first = found.tests[0]
    assert (first.statistic, first.p) == tuple(mannwhitneyu(shares[:4], shares[4:]))
    assert first.means == pytest.approx((shares[:4].mean(), shares[4:].mean()))
    adjusted = false_discovery_control([one.p for one in found.tests])
    assert [one.p_adjusted for one in found.tests] == pytest.approx(adjusted)
    assert [one.differs for one in found.tests] == [True, False, True] * 2
    assert how_different(first).startswith("b > a, Cliff's delta -1.00")
    assert [one.what for one in found.overall] == ["shares", "transitions"]
    assert [one.p for one in found.overall] == pytest.approx([2 / 70, 1])
    said = [*how_tested(Design({}), found, "frames"), *what_differs(found, several=False)]
    assert "Mann-Whitney U, two-sided, 6 tests, all corrected together" in said[0]
    assert said[1] == "2 actions differ between the groups, in 4 of 6 tests."


def test_a_subject_counts_once_by_the_mean_of_its_recordings() -> None:
    design = Design(columns("aaaabbb ", who="uuvwxyzz"), subject="who")
    units = units_of([recording(f"r{k}", n) for k, n in enumerate(range(1, 9))], design)
    assert [(one.group, one.names, one.recordings) for one in units] == [
        ("a", ("u", "v", "w"), 4),
        ("b", ("x", "y", "z"), 3),
    ]
    assert units[0].values["share"][:, 0] == pytest.approx([1.5 / 20, 3 / 20, 4 / 20])
    assert units[0].transitions[:, 0, 1].tolist() == [2, 1, 1]


def test_units_without_a_bout_have_no_mean_length() -> None:
    found = compared([0, 0, 3, 4, 5, 6], Design(columns("aaabbb"), measures=("share", "duration")))
    share, duration = found.tests[:2]
    assert (share.n, duration.n) == ((3, 3), (1, 3))
    assert math.isnan(duration.p)
    assert math.isnan(duration.p_adjusted)
    assert not duration.differs
    made = sum(math.isfinite(one.p) for one in found.tests)
    said = " ".join([*how_tested(Design({}), found, "s"), *what_differs(found, several=False)])
    assert said.count(f"{made} tests") == 2 < made < len(found.tests)
    assert f"No action differs between the groups ({made} tests)." in said


def test_paired_groups_are_of_subjects_that_each_group_has() -> None:
    design = Design(columns("aaaabbbbb", who="uvwxwvuyx"), subject="who", paired=True)
    units = units_of([recording(f"r{k}", k + 1) for k in range(9)], design)
    assert [one.names for one in units] == [("u", "v", "w", "x")] * 2
    assert (units[1].values["share"][:, 0] * 20).tolist() == [7, 6, 5, 9]
    found = compare({"all": (ACTIONS, units)}, design)
    assert {one.test for one in found.tests} == {"Wilcoxon signed-rank"}
    assert any("4 pairs are few" in one and "it takes 6" in one for one in found.remarks)


def test_pairs_of_groups_differ_only_where_the_groups_do() -> None:
    design = Design(columns("aaaaabbbbbccccc"))
    pours = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 6, 7, 8, 9, 10]
    found = compared(pours, design)
    shares = {one.groups: one for one in found.pairs if one.measure == "share"}
    assert [shares[pair].differs for pair in (("a", "b"), ("a", "c"), ("b", "c"))] == [
        *(True, True, False)
    ]
    assert found.tests[0].test == "Kruskal-Wallis"
    rates = [one for one in found.pairs if one.measure == "rate"]
    assert not any(one.differs for one in rates)
    said = list(how_tested(design, found, "s"))
    assert "Kruskal-Wallis, 6 tests" in said[0]
    assert said[1].startswith("Pairs of groups by Mann-Whitney U")


def test_few_units_are_said_before_p_values_are_read() -> None:
    three = compared([1, 2, 3, 7, 8, 9], Design(columns("aaabbb")))
    (sentence,) = three.remarks
    assert "3 and 3 recordings are few" in sentence
    assert "no difference can ever be found at 5%: it takes 4 in each" in sentence
    four, pours = Design(columns("aaaabbbb")), [1, 2, 3, 4, 7, 8, 9, 10]
    (sentence,) = compared(pours, four).remarks
    assert "p = 0.029, and 0.17 after the correction for 6 tests" in sentence
    assert compared(pours, replace(four, measures=("rate",))).remarks != []
    assert compared(pours, replace(four, test="t")).remarks == []
    one = compared([1, 2, 3], Design(columns("aab")))
    assert one.tests == []
    assert "'b' has fewer than 2 recordings" in one.remarks[0]


def test_actions_that_occur_nowhere_are_not_tested() -> None:
    found = compared([0] * 6, Design(columns("aaabbb")))
    assert {one.action for one in found.tests} == {"stir"}
