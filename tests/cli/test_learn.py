"""asot segment --model --corrected: corrected segments hold, and the model that learnt goes on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from asot.runs.learn import read_said
from asot.runs.people import relabel
from asot.runs.predictions import PredictionFolder, find_predictions
from asot.runs.run import Run
from asot.timeline.corrections import Corrected, Corrections, Patch, write_corrections
from asot.timeline.names import ActionNames
from tests.cli.outcome import Asot
from tests.runs.regimes import snapshot

ADDED = 4  # the label of an action that a person added to four


@pytest.fixture
def corrections(results: Path, tmp_path: Path) -> Path:
    """What a person says of one recording of the results: a new action, an old one, and none."""
    n_frames = len(find_predictions(results).labels("r1"))
    parts = [(0, 12, ADDED), (12, 20, 1), (30, 40, -1)]
    segments = [{"start": a, "end": b, "action": label} for a, b, label in parts]
    said = {"format": 1, "by": "Ada", "names": {"1": "rest", str(ADDED): "wave"}, "added": 1}
    said["recordings"] = {"r1": {"frames": n_frames, "segments": segments}}
    path = tmp_path / "corrections.json"
    path.write_text(json.dumps(said))
    return path


def shown(folder: PredictionFolder, name: str) -> list[int]:
    labels = folder.labels(name)
    return [*labels[:20], *labels[30:40]]


def test_a_model_learns_and_goes_on(
    asot: Asot, results: Path, corrections: Path, tmp_path: Path
) -> None:
    before, out = snapshot(results), tmp_path / "new"
    words = ("segment", results, "--model", results, "--corrected", corrections, "--out", out)
    outcome = asot(*words)
    assert (outcome.code, outcome.err) == (0, "")
    assert "wave" in outcome.out
    folder = find_predictions(out)
    assert shown(folder, "r1") == [ADDED] * 12 + [1] * 8 + [-1] * 10
    assert folder.n_actions("all") == 5
    assert Run(out / "run").n_actions() == {"all": 5}
    names = folder.names("all", 5)
    assert (names.name(1), names.name(ADDED), names.added) == ("rest", "wave", 0)
    table = (folder.root / "segments.csv").read_text()
    assert "wave" in table
    assert ",1.0," in table
    assert snapshot(results) == before

    # The same again has nothing to do, and other corrections are other results.
    done = snapshot(out / "run") | snapshot(folder.root)
    assert asot(*words).code == 0
    assert snapshot(out / "run") | snapshot(folder.root) == done
    corrections.write_text(corrections.read_text().replace('"end": 12', '"end": 11'))
    assert "new holds the results of something else (corrected was" in asot(*words).sentence

    # Its model segments others with the actions and names it has now, where no frame is known.
    other = tmp_path / "other"
    outcome = asot("segment", results, "--model", out, "--out", other)
    assert outcome.code == 0
    assert f"--model {out} --corrected {out}" in outcome.out
    found = find_predictions(other)
    assert found.n_actions("all") == 5
    assert found.names("all", 5).name(ADDED) == "wave"
    assert not list(found.root.glob("corrected/*.json"))
    agree = [np.mean(found.labels(one) == folder.labels(one)) for one in ("r0", "r2")]
    assert agree == [1.0, 1.0]

    # What people corrected in it since is learnt anew with the rest, and each keeps their action.
    for name, called in (("r0", "jump"), ("r2", "turn")):
        n_frames = len(folder.labels(name))
        one = Corrected(n_frames, (Patch(0, 9, 5),))
        names = ActionNames({5: called}, added=1)
        write_corrections(tmp_path / f"{called}.json", Corrections(names, {name: one}))
    relabel(folder, [tmp_path / "jump.json"])
    said = read_said(out, [tmp_path / "turn.json"]).corrections["all"]
    patches = {name: one.segments[0].action for name, one in said.recordings.items()}
    assert {name: said.names.name(one) for name, one in patches.items()} == {
        "r0": "jump",
        "r2": "turn",
    }


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('"r1"', '"r9"'), "speaks of 'r9', which was not predicted"),
        (('"segments": [', '"segments": [], "x": ['), "corrections.json: recordings"),
    ],
)
def test_corrections_that_do_not_fit(
    asot: Asot,
    results: Path,
    corrections: Path,
    tmp_path: Path,
    change: tuple[str, str],
    sentence: str,
) -> None:
    corrections.write_text(corrections.read_text().replace(*change))
    words = ("--model", results, "--corrected", corrections, "--out", tmp_path / "new")
    assert sentence in asot("segment", results, *words).sentence
    assert not (tmp_path / "new").exists()
