"""asot evaluate --truth: labels of people and their tools, laid on the frames of recordings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pympi import Elan

from asot.runs.predictions import find_predictions
from tests.cli.outcome import Asot, refusal_of_truth

CODED = "Time\tSubject\tBehavior\tStatus\n"


def frames(results: Path, recording: str = "r1") -> list[str]:
    path = find_predictions(results).truth_path(recording)
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def expected(results: Path, *stretches: tuple[float, float, str]) -> list[str]:
    times = np.load(results / "data" / "times" / "r1.npy")
    middles = (times[:-1] + times[1:]) / 2
    labels = np.full(len(middles), "background", dtype=object)
    for start, end, label in stretches:
        labels[(middles >= start) & (middles < end)] = label
    return labels.tolist()


def elan(path: Path, *annotations: tuple[str, int, int, str]) -> Path:
    document = Elan.Eaf()
    document.remove_tier("default")
    for tier, start, end, label in annotations:
        if tier not in document.get_tier_names():
            document.add_tier(tier)
        document.add_annotation(tier, start, end, label)
    document.to_file(path)
    return path


@pytest.mark.parametrize("label", ["walk\n(slow)", "walk\r\n(slow)", " walk\u2028(slow)\t"])
def test_a_line_break_in_elan_is_one_label(
    asot: Asot, results: Path, tmp_path: Path, label: str
) -> None:
    path = elan(tmp_path / "r1.eaf", ("a", 2000, 5000, label), ("a", 5000, 8000, "walk (slow)"))
    outcome = asot("evaluate", results, "--truth", path)
    assert (outcome.code, outcome.err) == (0, "")
    assert frames(results) == expected(results, (2, 8, "walk (slow)"))
    scores = json.loads((find_predictions(results).root / "scores.json").read_text())
    assert sorted(scores["class_names"].values()) == ["background", "walk (slow)"]


def test_the_advised_tier_of_elan_is_read(asot: Asot, results: Path, tmp_path: Path) -> None:
    path = elan(tmp_path / "r1.eaf", ("rater A", 2000, 5000, "walk"), ("rater B", 3000, 4000, "x"))
    refused = asot("evaluate", results, "--truth", path)
    assert "which to read with --tier, of 'rater A', 'rater B'." in refused.sentence
    outcome = asot("evaluate", results, "--truth", path, "--tier", "rater B")
    assert (outcome.code, outcome.err) == (0, "")
    assert frames(results) == expected(results, (3, 4, "x"))
    refused = asot("evaluate", results, "--truth", path, "--tier", "rater C")
    assert "has no tier 'rater C', its tiers are 'rater A', 'rater B'." in refused.sentence
    assert asot("evaluate", results, "--tier", "x").sentence == "--tier needs --truth."


def test_the_advised_subject_is_read(asot: Asot, results: Path, tmp_path: Path) -> None:
    path = tmp_path / "r1.tsv"
    rows = [(2, "A", "walk", "START"), (3, "B", "run", "START")]
    rows += [(5, "A", "walk", "STOP"), (6, "B", "run", "STOP")]
    path.write_text(CODED + "".join("\t".join(map(str, row)) + "\n" for row in rows))
    assert "with --tier, of 'A', 'B'." in asot("evaluate", results, "--truth", path).sentence
    assert asot("evaluate", results, "--truth", path, "--tier", "A").code == 0
    assert frames(results) == expected(results, (2, 5, "walk"))


def test_what_was_read_is_said(asot: Asot, results: Path, tmp_path: Path) -> None:
    path = tmp_path / "r1.txt"
    path.write_text("start\tend\tlabel\n0.54\t15\twalk\n15\t15.01\tblink\n")
    outcome = asot("evaluate", results, "--truth", path)
    assert outcome.code == 0
    said = outcome.out.splitlines()[0]
    assert said.startswith("The labels of 1 recording were read as the ground truth: 1 label on ")
    assert "1 label of r1 between the middles of frames, such as 'blink' at 15 s" in outcome.err


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        ("r1,2,8,walk\nr1,6,9,run\n",
         ("'walk' from 2.000 to 8.000 s and 'run' from 6.000 to 9.000 s of r1, which overlap",)),
        ("r1,2,8,walk\nr2,2,8,walk\nr,2,8,run\n", ("speaks of 'r'", "'r0', 'r1', 'r2'")),
        ("r1.csv,2,8,walk\nr11,2,8,run\n", ("speaks of 'r11'", "is 'r1' meant?")),
        ("r1,2,2000,walk\n", ("to 2000.000 s of r1, which lasts", "start_ms and end_ms")),
    ],
)  # fmt: skip
def test_truth_that_does_not_fit_is_named(
    asot: Asot, results: Path, tmp_path: Path, rows: str, parts: tuple[str, ...]
) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("recording,start,end,label\n" + rows)
    sentence = refusal_of_truth(asot, results, path)
    assert all(part in sentence for part in (f"{path}: ", *parts)), sentence


def test_boundaries_drawn_by_hand_may_overlap_by_less_than_a_frame(
    asot: Asot, results: Path, tmp_path: Path
) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("video,start,end,label\nclips/r1.mp4,2,8,walk\nr1,7.95,9,run\n")
    assert asot("evaluate", results, "--truth", path).code == 0
    assert frames(results) == expected(results, (2, 7.95, "walk"), (7.95, 9, "run"))


@pytest.mark.parametrize("more", [-1, 1])
def test_a_label_too_few_or_too_many_is_counted(
    asot: Asot, results: Path, tmp_path: Path, more: int
) -> None:
    n = len(expected(results))
    path = tmp_path / "r1.txt"
    path.write_text("walk\n" * (n + more))
    outcome = asot("evaluate", results, "--truth", path)
    assert f"has {n + more} labels for r1, which has {n} frames" in outcome.sentence


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_label_files_of_any_encoding(
    asot: Asot, results: Path, tmp_path: Path, encoding: str, end: str
) -> None:
    n = len(expected(results))
    path = tmp_path / "r1"
    path.write_bytes((f"rühren {end}" * n + end).encode(encoding))
    outcome = asot("evaluate", results, "--truth", path)
    assert outcome.code == 0
    assert frames(results) == ["rühren"] * n
    assert ("was read as Windows-1252, with 'rühren'" in outcome.err) == (encoding == "cp1252")


@pytest.mark.parametrize("line", ["{} walk", "{}\twalk", "{}, walk", "{:.1f};walk"])
def test_numbers_of_lines_are_not_taken_for_labels(
    asot: Asot, results: Path, tmp_path: Path, line: str
) -> None:
    path = tmp_path / "r1"
    path.write_text("\n".join(line.format(i) for i in range(len(expected(results)))))
    outcome = asot("evaluate", results, "--truth", path)
    assert "line 1: has a number before each label" in outcome.sentence


def test_folders_say_what_they_leave_out(asot: Asot, results: Path, tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    for name in ("r0", "r1"):
        (tmp_path / "truth" / f"{name}.csv").write_text("start,end,label\n2,5,walk\n")
    (tmp_path / "truth" / "notes.txt").write_text("to do\n")
    outcome = asot("evaluate", results, "--truth", tmp_path / "truth")
    assert outcome.code == 0
    assert (
        outcome.sentence == f"{tmp_path / 'truth'} holds what is not read as labels: 'notes.txt'."
    )
    (tmp_path / "truth" / "again.csv").write_text("recording,start,end,label\nr1,2,5,walk\n")
    outcome = asot("evaluate", results, "--truth", tmp_path / "truth")
    assert "r1.csv: names r1, which was named before." in outcome.complaints


def test_labels_that_were_given_before_are_named(asot: Asot, results: Path, tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    head = "recording,start_s,end_s,action\n"
    names = sorted(find_predictions(results).models())
    path.write_text(head + "".join(f"{name},2,8,rest\n" for name in names))
    outcome = asot("evaluate", results, "--truth", path)
    assert outcome.code == 0
    assert "; the others count as background.\n" in outcome.out
    assert "given before" not in outcome.out
    path.write_text(f"{head}{names[0]},2,9,rest\n")
    outcome = asot("evaluate", results, "--truth", path)
    assert outcome.code == 0
    kept = find_predictions(results).root / "truth"
    said = "labels that were given before: remove"
    assert f"{said} {kept} to leave them out" in " ".join(outcome.out.split())
