"""The picture of the evidence for settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from matplotlib.figure import Figure

from asot.errors import ArgumentError
from asot.figures.evidence import findings
from asot.figures.evidence_figure import draw_evidence, plot_evidence
from asot.figures.evidence_file import ModelEvidence, RadiusCurve
from tests.figures.evidences import evidences, found

Layout = Callable[[Figure], None]


@settings(max_examples=15)
@given(evidences())
def test_no_text_overlaps_whatever_was_found(check_layout: Layout, evidence: ModelEvidence) -> None:
    told = findings(evidence)
    assume(told)
    check_layout(plot_evidence(told, "How the settings were found"))


@pytest.mark.parametrize("radii, frame_rate", [([26, 4614], None), ([1, 1438], 213.86)])
def test_ticks_over_many_decades_do_not_touch(
    check_layout: Layout, radii: list[int], frame_rate: float | None
) -> None:
    curve = RadiusCurve(radii[0], radii, [0.0, 0.0], [1.0, 1.0])
    check_layout(plot_evidence(findings(ModelEvidence(radius=curve, frame_rate=frame_rate))))


def test_curves_bars_and_shares_are_drawn(check_layout: Layout) -> None:
    evidence = found()
    figure = plot_evidence(findings(evidence), "Tea")
    check_layout(figure)
    axes = {one.get_xlabel(): one for one in figure.axes if one.get_xlabel()}
    radius, order = evidence.radius, evidence.order
    assert radius is not None
    assert order is not None
    first = next(one for one in figure.axes if one.lines)
    curve, choice, dot = first.lines
    assert first.get_xscale() == "log"
    assert curve.get_xdata().tolist() == radius.radii
    assert curve.get_ydata().tolist() == [max(one, 0.0) for one in radius.score]
    assert set(choice.get_xdata()) == {radius.chosen} == set(dot.get_xdata())
    drawn = axes["share of the variation"]
    assert sum(bar.get_height() for bar in drawn.patches) == len(order.by_chance)
    assert drawn.lines[0].get_xdata()[0] == order.share
    shares = [[bar.get_width() for bar in one.patches] for one in figure.axes]
    assert pytest.approx([0.25, 0.75]) in shares


def test_one_picture_a_model(tmp_path: Path) -> None:
    target = tmp_path / "figures" / "evidence.png"
    assert draw_evidence({"all": found()}, target) == [target]
    assert target.read_bytes()[:4] == b"\x89PNG"
    before = target.read_bytes()
    draw_evidence({"all": found()}, target)
    assert target.read_bytes() == before
    several = {"tea": found(), "juice": found(1), "milk": ModelEvidence()}
    assert draw_evidence(several, target) == [
        target.with_name("evidence-tea.png"),
        target.with_name("evidence-juice.png"),
    ]


def test_nothing_to_draw_is_refused(tmp_path: Path) -> None:
    assert draw_evidence({}, tmp_path / "evidence.png") == []
    with pytest.raises(ArgumentError, match="at least one finding"):
        plot_evidence([])


def test_a_models_name_leads_out_of_no_folder(tmp_path: Path) -> None:
    target = tmp_path / "figures" / "evidence.png"
    written = draw_evidence({"../../out": found(), "/tea": found(1)}, target)
    assert {path.parent for path in written} == {target.parent}
    assert all(path.is_file() for path in written)
