"""What the evidence for settings says, and what happens where it is damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given

from asot.errors import FileError
from asot.figures.evidence import Axis, Finding, findings
from asot.figures.evidence_file import EVIDENCE_FILE, ModelEvidence, read_evidence
from tests.figures.evidences import TRUST, evidences, found, found_values


def told_of(values: dict[str, Any]) -> list[Finding]:
    return findings(msgspec.convert(values, ModelEvidence))


def sentences(values: dict[str, Any]) -> dict[str, str]:
    return {one.heading: one.sentence for one in told_of(values)}


@given(evidences())
def test_every_chart_holds_what_it_draws(evidence: ModelEvidence) -> None:
    told = findings(evidence)
    parts = ("radius", "order", "n_actions", "learners", "choice", "trust")
    assert len(told) == sum(getattr(evidence, part) is not None for part in parts)
    for one in told:
        assert one.sentence.endswith(".")
        assert all(len(row) == len(one.head) for row in one.rows)
        if one.shares:
            assert sum(share for _, share in one.shares) == pytest.approx(1)
        for chart in one.charts:
            for axis in (chart.x, chart.y):
                check_axis(axis)
            inside = [(u, v) for u, v, _ in chart.points]
            inside += [(u, height) for start, end, height in chart.bars for u in (start, end)]
            for u, v in inside:
                assert chart.x.low <= u <= chart.x.high
                assert chart.y.low <= v <= chart.y.high
            assert chart.mark is not None
            assert chart.x.low <= chart.mark[0] <= chart.x.high


def check_axis(axis: Axis) -> None:
    assert axis.low < axis.high
    assert not axis.log or axis.low > 0
    ticks = [at for at, _ in axis.ticks]
    assert ticks == sorted(set(ticks))
    assert 1 <= len(ticks) <= 11
    assert all(axis.low <= at <= axis.high for at in ticks)
    assert len({text for _, text in axis.ticks}) == len(ticks)
    for at, text in axis.ticks:
        number = float(text.split("\n")[0].replace("k", "e3"))
        assert number == pytest.approx(at, rel=1e-5, abs=1e-9)


def test_the_curves_are_those_that_were_found() -> None:
    evidence = found_values()
    trust, radius, order, number, learners, choice = told_of(evidence)
    given_radius = evidence["radius"]
    score, lengths = radius.charts
    assert [u for u, _, _ in score.points] == given_radius["radii"]
    # The curve ends at none; the table has what is worse.
    assert [v for _, v, _ in score.points] == [max(one, 0.0) for one in given_radius["score"]]
    assert [row[2] for row in radius.rows] == [f"{one:.3f}" for one in given_radius["score"]]
    assert [5 * v for _, v, _ in lengths.points] == pytest.approx(given_radius["segment_length"])
    (drawn,) = order.charts
    assert sum(n for *_, n in drawn.bars) == len(evidence["order"]["by_chance"])
    assert [v for _, v, _ in number.charts[0].points] == evidence["n_actions"]["score"]
    for finding, part in ((radius, "radius"), (number, "n_actions")):
        marks = {chart.mark[0] for chart in finding.charts if chart.mark is not None}
        assert marks == {evidence[part]["chosen"]}
    assert dict(learners.shares) == pytest.approx({"frames, linear": 0.25, "velocity": 0.75})
    assert choice.rows == (("team", "31.5"), ("frames alone", "-2.2"))
    assert [value for _, value in trust.rows] == ["0.71", "0.62", "0.95"]


def test_how_right_in_a_sentence() -> None:
    said = {
        verdict: sentences({"trust": {**TRUST, "verdict": verdict}})["How right"]
        for verdict in ("good", "mixed", "weak")
    }
    right = "about 71 % of the frames are likely right."
    for verdict, sentence in said.items():
        assert sentence == f"{verdict.capitalize()}: {right}"


def test_what_the_result_is_of_in_a_sentence() -> None:
    names = ["team", "frames alone", "the paper's network"]
    values = {"names": names, "gain": [1.0, 2.0, 3.0], "alike": []}
    said = {one: sentences({"choice": {**values, "chosen": one}}) for one in names}
    assert [one["Result"] for one in said.values()] == [
        "The result is that of the team.",
        "Frames are clear enough alone: prototypes without training vote.",
        "The paper's network alone describes them best.",
    ]
    two = {**values, "chosen": "team", "alike": [[0, 2], [1, 5]]}
    assert sentences({"choice": two})["Result"].endswith("may be one: 1 and 3, 2 and 6.")


def test_how_right_comes_first() -> None:
    headings = [one.heading for one in findings(found())]
    assert headings == [
        *("How right", "Time scale", "Order", "Number of actions", "Learners", "Result")
    ]


def radius_of(score: list[float], lengths: list[float], chosen: int = 12) -> dict[str, Any]:
    values = {"chosen": chosen, "radii": [3, 6, 12, 24]}
    return {"radius": {**values, "score": score, "segment_length": lengths}}


def test_the_time_scale_in_a_sentence() -> None:
    best = radius_of([0.5, 0.6, 1.0, 0.7], [8, 20, 60, 90])
    assert sentences({**best, "frame_rate": 5.0})["Time scale"] == (
        "The recordings are described best at a time scale of 2.4 s (12 frames)."
    )
    assert sentences(best)["Time scale"] == (
        "The recordings are described best at a time scale of 12 frames."
    )
    below = radius_of([0.5, 0.9, 0.97, 1.0], [8, 20, 60, 90])
    assert "nearly as well down to 12 frames" in sentences(below)["Time scale"]
    nearly = radius_of([0.5, 1.0, 0.97, 0.7], [8, 20, 60, 90])
    assert sentences({**nearly, "frame_rate": 5.0})["Time scale"] == (
        "The recordings are described best around 1.2 s, and nearly "
        "as well up to 2.4 s (12 frames), which is taken."
    )
    nearly["radius"]["fixed"] = "decoding"
    assert sentences(nearly)["Time scale"].endswith(
        "12 frames, which training takes. The recipe fixes that of decoding."
    )


def test_a_scale_worse_than_a_single_action_is_drawn_at_zero() -> None:
    (told,) = told_of(radius_of([-7.0, 0.2, 1.0, -0.5], [8, 20, 60, 90]))
    assert [v for _, v, _ in told.charts[0].points] == [0.0, 0.2, 1.0, 0.0]
    assert [row[1] for row in told.rows] == ["-7.000", "0.200", "1.000", "-0.500"]


def test_the_order_in_a_sentence() -> None:
    order = {"share": 0.1, "by_chance": [0.0, 0.2], "p_value": 0.001, "strength": 1.0}
    assert sentences({"order": order})["Order"] == "The recordings share an order (p = 0.001)."
    order.update(p_value=0.08, strength=0.4)
    assert "no sign of a common order (p = 0.08)" in sentences({"order": order})["Order"]
    order.update(p_value=0.73, strength=0.0)
    assert "common order (p = 0.73): none is assumed" in sentences({"order": order})["Order"]
    assert sentences(found_values(1))["Order"].startswith("No order was looked for")


def test_the_number_of_actions_in_a_sentence() -> None:
    values: dict[str, Any] = {
        "chosen": 3,
        "ties": [],
        "numbers": [2, 3, 4],
        "score": [0.1, 0.5, 0.3],
        "agreement": [0.3, 0.6, 0.4],
        "gain": [0.2, 0.6, 1.0],
    }
    (one,) = told_of({"n_actions": values})
    assert one.sentence == "3 actions score best."
    assert [v for _, v, _ in one.charts[1].points] == values["agreement"]
    (one,) = told_of({"n_actions": {**values, "ties": [2, 4]}})
    assert one.sentence == "3 actions score best; 2 and 4 would do nearly as well."
    assert "kinds of segments" not in one.reading
    (one,) = told_of({"n_actions": {**values, "kinds": 4.25}})
    assert "kinds of segments that come again in other recordings, about 4.2;" in one.reading


def test_the_background_in_a_sentence() -> None:
    values: dict[str, Any] = {
        "cost": 0.4,
        "share": 0.62,
        "separation": 3.1,
        "near": 0.2,
        "far": 0.6,
        "edges": [0.0, 0.4, 0.8],
        "counts": [38, 62],
    }
    (one,) = told_of({"background": values})
    assert one.sentence == "About 62 % of the frames belong to no action."
    assert one.charts[0].bars == ((0.0, 0.4, 38.0), (0.4, 0.8, 62.0))
    (one,) = told_of({"background": {**values, "cost": None}})
    assert one.sentence == "All frames belong to actions, as far as can be told."
    (one,) = told_of({"background": {**values, "cost": None, "edges": [], "counts": []}})
    assert "eight recordings" in one.sentence


def test_learners_in_a_sentence() -> None:
    linear = {"name": "linear", "weight": 0.2, "agreement": 0.45}
    (one,) = told_of({"learners": [linear]})
    assert (one.sentence, one.reading) == ("One learner decides: linear.", "")
    (one,) = told_of({"learners": [linear, {**linear, "name": "deep", "weight": 0.6}]})
    assert one.sentence == "2 learners vote; deep counts most (75 %)."
    assert one.rows == (("linear", "25.0 %", "0.450"), ("deep", "75.0 %", "0.450"))
    (one,) = told_of({"learners": [linear, {"name": "deep", "weight": 0.6}]})
    assert one.rows == ()


def test_nothing_found_is_nothing_told(tmp_path: Path) -> None:
    assert told_of({}) == told_of(dict.fromkeys(["radius", "order", "frame_rate"])) == []
    assert read_evidence(tmp_path / EVIDENCE_FILE) == {}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    juice = {**found_values(1), "learners": None, "frame_rate": None}
    written = {"tea": found_values(), "juice": juice}
    (tmp_path / EVIDENCE_FILE).write_text(json.dumps(written), encoding="utf-8")
    read = read_evidence(tmp_path / EVIDENCE_FILE)
    assert read == {"tea": found(), "juice": msgspec.convert(juice, ModelEvidence)}


HISTOGRAM = {
    **{"cost": 0.4, "share": 0.6, "separation": 3.1, "near": 0.2, "far": 0.6},
    **{"edges": [0.0, 0.8], "counts": [38, 62]},
}


def damaged(part: str, **changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda evidence: {**evidence, part: {**evidence[part], **changes}}


@pytest.mark.parametrize(
    "damage, sentence",
    [
        (lambda evidence: 3, "values by name"),
        (lambda evidence: {**evidence, "frame_rate": -1}, "frame_rate"),
        (lambda evidence: {**evidence, "frame_rate": "fast"}, "frame_rate"),
        (lambda evidence: {**evidence, "radius": {"chosen": 3}}, "radius lacks radii"),
        (lambda evidence: {**evidence, "radius": [3]}, "radius"),
        (lambda evidence: {**evidence, "learners": []}, "learners"),
        (lambda evidence: {**evidence, "learners": [{"name": "a"}]}, "lacks weight"),
        (lambda evidence: {**evidence, "learners": [{"name": "a", "weight": 0}]}, "above 0"),
        (damaged("radius", score=[0.5]), "radius must have as many score"),
        (damaged("radius", chosen=7777), "radius must have a chosen value that was tried"),
        (damaged("radius", radii=[], score=[], segment_length=[]), "radius.radii"),
        (damaged("radius", radii=[-1], score=[0.5], segment_length=[1]), "radius.radii"),
        (damaged("radius", segment_length=["x"]), "radius.segment_length"),
        (damaged("order", by_chance=[float("nan")]), "JSON"),
        (damaged("order", by_chance=[1e300]), "order.by_chance"),
        (damaged("order", share=None), "order.share"),
        (damaged("n_actions", chosen=-5), "n_actions.chosen"),
        (damaged("n_actions", gain=[0.5]), "n_actions must have as many gain"),
        (lambda evidence: {**evidence, "background": HISTOGRAM}, "one edge more than counts"),
        (damaged("choice", chosen="nobody"), "choice must have a chosen value that was tried"),
        (damaged("choice", gain=[1.0]), "choice must have as many gain as names, 2, not 1"),
        (damaged("choice", names=[], gain=[]), "choice.names"),
        (damaged("trust", verdict="perfect"), "trust.verdict"),
        (damaged("trust", estimate=1.2), "trust.estimate"),
        (damaged("trust", agreement="high"), "trust.agreement"),
    ],
)
def test_damage_is_said_in_a_sentence(
    tmp_path: Path, damage: Callable[[dict[str, Any]], Any], sentence: str
) -> None:
    path = tmp_path / EVIDENCE_FILE
    path.write_text(json.dumps({"tea": damage(found_values())}), encoding="utf-8")
    with pytest.raises(FileError) as caught:
        read_evidence(path)
    assert caught.value.file == path
    assert sentence in str(caught.value)
    assert str(caught.value).endswith("remove it, or train again.")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "\xff"])
def test_a_file_that_is_none_is_said_in_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / EVIDENCE_FILE).write_bytes(text.encode("latin-1"))
    with pytest.raises(FileError, match=EVIDENCE_FILE):
        read_evidence(tmp_path / EVIDENCE_FILE)
