"""What comes back from people, by the commands: relabel, evaluate and export."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from asot.cli.relabel import _agreement
from asot.runs.people import AgreementOfPeople
from asot.timeline.names import ActionNames
from tests.cli.outcome import Asot, shown_paths
from tests.runs.made import K, make_predictions, write_person
from tests.runs.regimes import snapshot


def test_several_people_from_files_to_scores(
    asot: Asot, tmp_path: Path, rng: np.random.Generator
) -> None:
    folder = make_predictions(tmp_path, rng)
    place = tmp_path / "people"
    place.mkdir()
    names = ActionNames({0: "pour", 3: "[b]shake"}, added=1)
    write_person(place, "Ada", names, tea=[(0, 20, 0), (20, 30, 3)])
    write_person(place, "Ben", ActionNames({0: "fill"}), tea=[(10, 24, 0), (24, 30, 1)])
    before = snapshot(folder.root)
    out = tmp_path / "csv"
    words = ("export", folder.root, "--to", "csv", "--out", out, "--corrections", place)
    outcome = asot(*words)
    assert (outcome.code, outcome.err) == (0, "")
    assert "tea,0,20,0.0,2.0,pour," in (out / "csv" / "segments.csv").read_text()
    assert snapshot(folder.root) == before
    outcome = asot("relabel", folder.root, place)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[1] == "Corrected: 2 segments in 1 recording."
    # They agree on half, and would by chance on 0.5 * 0.7.
    assert lines[2] == (
        "Two or more of 'Ada', 'Ben' looked at 20 frames, and agree on 50% of them: "
        "Cohen's kappa is 0.23."
    )
    told = [" ".join(line.split()) for line in lines]
    assert "action 1 pour fill pour" in told
    first = told.index("tea 24-30 [b]shake action 2 [b]shake")
    assert told[first + 1] == "tea 20-24 [b]shake pour [b]shake"
    written = ("segments.csv", "disagreements.csv")
    assert shown_paths(outcome, tmp_path) == [folder.root / name for name in written]
    outcome = asot("evaluate", folder.root, "--truth", place / "Ada.json", place / "Ben.json")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0] == (
        "The labels of 1 recording were read as the ground truth: 2 labels on 50% of the frames; "
        "nobody looked at the other 50%, which do not count."
    )
    assert lines[1] == (
        "Scores of 1 of 3 recordings: 'tea'. 30 of their 60 frames count. The first table is the "
        "one to read."
    )
    assert lines[2].endswith("(1 recording, 30 frames), in percent")
    aside = lines.index("To compare with papers that match otherwise")
    assert "One matching for each recording" in "".join(lines[aside:])


def test_classes_are_offered_as_names(asot: Asot, tmp_path: Path, rng: np.random.Generator) -> None:
    folder = make_predictions(tmp_path, rng)
    words = np.array(["pour", "stir", "[b]wait"], dtype=object)
    truth = tmp_path / "tea.txt"
    truth.write_text("\n".join(words[folder.labels("tea")]))
    outcome = asot("evaluate", folder.root, "--truth", truth)
    assert (outcome.code, outcome.err) == (0, "")
    named = "action 1 is pour, action 2 is stir, action 3 is [b]wait."
    assert f"Matched with actions that have no name: {named}\n" in outcome.out
    command = next(line for line in outcome.out.splitlines() if line.startswith("To name them so"))
    words = command.partition("asot ")[2].split()
    assert words == ["relabel", str(folder.root), "--names_from_truth"]
    outcome = asot(*words)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[0] == f"From the ground truth: {named}"
    assert folder.names("a", K).names == {0: "pour", 1: "stir", 2: "[b]wait"}
    assert "To name them so" not in asot("evaluate", folder.root).out


def test_a_low_kappa_of_high_agreement_is_explained() -> None:
    said = {
        pair: _agreement(AgreementOfPeople(99, *pair), ["Ada", "Ben"])
        for pair in ((0.84, 0.24), (0.84, 0.6), (0.5, 0.24), (0.99, math.nan))
    }
    assert [pair for pair, one in said.items() if "of one action" in one] == [(0.84, 0.24)]
