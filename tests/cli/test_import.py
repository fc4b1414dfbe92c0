"""asot import: labels of other tools as truth, and as corrections."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from asot.runs.predictions import find_predictions
from asot.timeline.corrections import Patch, read_corrections
from tests.cli.outcome import Asot
from tests.runs.regimes import snapshot

HEAD = "recording,start_s,end_s,label,note\n"


def rows(results: Path, recording: str = "r1") -> list[dict[str, str]]:
    with (find_predictions(results).root / "segments.csv").open(newline="") as stream:
        return [row for row in csv.DictReader(stream) if row["recording"] == recording]


def test_labels_become_corrections(asot: Asot, results: Path, tmp_path: Path) -> None:
    folder = find_predictions(results)
    times = np.load(results / "data" / "times" / "r1.npy")
    at = [int(np.searchsorted((times[:-1] + times[1:]) / 2, one)) for one in (2, 4, 6, 8, 9)]
    (tmp_path / "names.json").write_text(json.dumps({"action 1": "Pour", "action 4": "rest"}))
    assert asot("relabel", results, tmp_path / "names.json").code == 0
    labels = {path: path.read_bytes() for path in folder.root.glob("labels/*")}
    path = tmp_path / "mine.csv"
    text = "r1,2,4,pour,slow\nr1,4,6,action 4,\nr1,6,8,shake,\nr1,8,9,background,\nr9,1,2,pour,\n"
    path.write_text(HEAD + text)
    outcome = asot("import", results, path, "--as", "corrections", "--by", "Ada")
    assert (outcome.code, outcome.err) == (0, "")
    assert "Left out, as they are not among the results: 'r9'." in outcome.out
    assert "1 action added: 'shake'." in outcome.out
    assert {path: path.read_bytes() for path in labels} == labels
    written = read_corrections(folder.root / "corrections.json", 4)
    assert (written.by, written.names.added, written.names.name(4)) == ("Ada", 1, "shake")
    places = list(zip(at, at[1:], (0, 3, 4, -1), ("slow", "", "", ""), strict=False))
    assert written.recordings["r1"].segments == tuple(Patch(*one) for one in places)
    assert folder.corrected("r1", 5) == written.recordings["r1"]
    shown = {row["action"]: row for row in rows(results)}
    assert shown["shake"]["checked"] == "1.0"
    assert (int(shown["shake"]["start_frame"]), int(shown["shake"]["end_frame"])) == (at[2], at[3])
    assert any(row["note"] == "slow" and row["action"] == "Pour" for row in rows(results))
    # Of an export, nothing differs; one segment is called another way now.
    assert asot("export", results, "--to", "csv").code == 0
    table = results / "exports" / "csv" / "segments.csv"
    words = ("import", results, table, "--as", "corrections", "--changed")
    assert "0 segments differ from the results" in asot(*words).out
    name = next(row for row in rows(results, "r2") if row["checked"] == "0.0")["action"]
    first, found, rest = table.read_text().partition("\nr2,")
    table.write_text(first + found + rest.replace(f",{name},", ",dance,", 1))
    outcome = asot(*words)
    assert "1 segment differs from the results" in outcome.out
    assert sum(row["checked"] != "0.0" for row in rows(results, "r2")) == 1
    # Exported, and imported again: every frame is the same, and was looked at now.
    before = rows(results)
    assert asot("export", results, "--to", "elan").code == 0
    outcome = asot("import", results, results / "exports" / "elan", "--as", "corrections")
    assert (outcome.code, outcome.err) == (0, "")
    same = ("start_frame", "end_frame", "action", "note")
    assert [[row[key] for key in same] for row in rows(results)] == [
        [row[key] for key in same] for row in before
    ]
    assert {row["checked"] for row in rows(results, "r2")} == {"1.0"}


def test_labels_become_the_truth(asot: Asot, results: Path, tmp_path: Path) -> None:
    path = tmp_path / "r1.csv"
    path.write_text("start,end,label\n2,5,walk\n5,8,run\n")
    outcome = asot("import", results, path)
    assert (outcome.code, outcome.err) == (0, "")
    assert asot("import", results, path, "--as", "corrections").code == 0
    refused = asot("import", results, find_predictions(results).root / "corrections.json")
    assert "is of the page, not of another tool: give it to asot relabel" in refused.sentence
    root = find_predictions(results).root
    assert "'walk', 'run'" in outcome.out
    assert json.loads((root / "scores.json").read_text())["recordings"] == ["r1"]


@pytest.mark.parametrize(
    ("words", "text", "sentence"),
    [
        (("--by", "Ada"), "r1,1,2,a,\n", "--by needs --as corrections."),
        (("--as", "corrections"), "r8,1,2,a,\nr9,1,2,a,\n", "speaks of 'r8'"),
        (("--as", "corrections"), "r1,1,4,a,\nr1,2,5,b,\n", "of r1, which overlap"),
        (("--as", "corrections", "--tier", "x"), "r1,1,4,a,\n", "has no tier 'x'"),
    ],
)
def test_what_does_not_fit_changes_nothing(
    asot: Asot, results: Path, tmp_path: Path, words: tuple[str, ...], text: str, sentence: str
) -> None:
    (tmp_path / "mine.csv").write_text(HEAD + text)
    before = snapshot(results)
    outcome = asot("import", results, tmp_path / "mine.csv", *words)
    assert outcome.code == 2
    assert sentence in outcome.sentence
    assert snapshot(results) == before
