"""asot extract and asot segment: from files to segments, interrupted and given again."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asot.cli import main
from asot.cli.summary import show_outcome
from asot.errors import DataError
from asot.inputs.extract import Extraction
from asot.inputs.faults import PassingError
from asot.inputs.series.extraction import SeriesExtractor
from asot.inputs.taken import Taken
from asot.runs.predictions import PredictionFolder
from tests.cli.outcome import in_shards, shown_paths
from tests.conftest import SEED
from tests.runs.regimes import snapshot, write_logs, write_truth

NAMES = ("monday", "ward 2/tuesday", "ward 2/[b]wed")
RECORDINGS = ["monday", "ward 2-[b]wed", "ward 2-tuesday"]
Truth = dict[str, list[tuple[float, float, str]]]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """Three logs of three regimes that start at 0.54 s, and the truth; nothing may be changed."""
    folder = tmp_path_factory.mktemp("logs")
    return folder, write_logs(folder, SEED, *NAMES, start=0.54, jitter=0.5)


@pytest.fixture(scope="module")
def results(logs: tuple[Path, Truth], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What asot segment makes of them; nothing may be changed."""
    out = tmp_path_factory.mktemp("segmented") / "my results"
    assert main(["segment", str(logs[0]), "--n_actions", "3", "--out", str(out)]) == 0
    return out


def labels(results: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in (results / "predictions/labels").iterdir()}


def test_what_it_leaves(results: Path) -> None:
    parts = {"segment.json", "data", "run", "predictions", "page"}
    assert {path.name for path in results.iterdir()} == parts
    for kind in ("features", "times", "signals", "origins"):
        found = sorted(path.stem for path in (results / "data" / kind).iterdir())
        assert found == RECORDINGS
    assert sorted(labels(results)) == RECORDINGS
    assert (results / "run" / "models" / "all.ckpt").is_file()
    assert (results / "page" / "index.html").is_file()
    page = (results / "page" / "index.html").read_text(encoding="utf-8")
    assert "features: settings.frame_rate" in page
    with (results / "predictions" / "segments.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert sorted({row["recording"] for row in rows}) == RECORDINGS
    for name in RECORDINGS:
        own = [row for row in rows if row["recording"] == name]
        times = np.load(results / "data" / "times" / f"{name}.npy")
        assert float(own[0]["start_s"]) == times[0] == 0.54
        for row in own:
            assert float(row["start_s"]) == times[int(row["start_frame"])]
            assert float(row["end_s"]) == times[int(row["end_frame"])]
    assert not list(results.rglob(".*")), "nothing half-written is left"


def test_the_regimes_are_found(
    asot, logs: tuple[Path, Truth], results: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(results, tmp_path / "copy")
    outcome = asot("evaluate", copy, "--truth", write_truth(tmp_path / "truth.csv", logs[1]))
    assert (outcome.code, outcome.err) == (0, "")
    read = "The labels of 3 recordings were read as the ground truth"
    assert outcome.out.startswith(f"{read}: 3 labels on 100% of the frames.\n")
    predictions = copy / "predictions"
    scores = json.loads((predictions / "scores.json").read_text())
    assert scores["evaluations"]["activity"]["scores"]["mof"] > 0.9
    assert sorted(scores["class_names"].values()) == ["rest", "shake", "walk"]
    assert shown_paths(outcome, copy) == [predictions / "scores.json"]
    again = asot("evaluate", copy)
    assert again.out == outcome.out.partition("\n")[2], "they stay the ground truth"


def test_the_same_command_again(asot, logs: tuple[Path, Truth], results: Path) -> None:
    before = snapshot(results)
    outcome = asot("segment", logs[0], "--n_actions", "3", "--out", results)
    assert (outcome.code, outcome.err) == (0, "")
    assert "Features of 3 recordings in " in outcome.out
    assert "features, 3 from before.\n" in outcome.out
    after = snapshot(results)
    assert after.keys() == before.keys()
    # Nothing is made again; only what was asked for may be written down once more.
    assert {name for name in after if after[name] != before[name]} <= {"segment.json"}
    assert after["segment.json"][1] == before["segment.json"][1]
    paths = shown_paths(outcome, results)
    assert paths == [
        results / "page" / "index.html",
        results / "predictions" / "segments.csv",
    ]
    assert all(path.is_file() for path in paths)
    assert f"asot relabel '{results}' corrections.json" in outcome.out


def test_the_page_is_made_anew_where_it_would_be_another(
    asot, logs: tuple[Path, Truth], results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it was not finished, or something else of it is gone."""
    own = shutil.copytree(results, tmp_path / "results")
    page, names = own / "page" / "index.html", own / "predictions" / "names" / "all.json"
    (tmp_path / "names.json").write_text('{"action 1": "tea"}')
    assert asot("relabel", own, tmp_path / "names.json").code == 0
    made: list[Path] = []

    def render(content: object, out: Path, **_: object) -> Path:
        made.append(out)
        return out / "index.html"

    def again(*words: str) -> int:
        made.clear()
        with monkeypatch.context() as patch:
            patch.setattr("asot.runs.page.render_page", render)
            assert asot("segment", logs[0], "--n_actions", "3", "--out", own, *words).code == 0
        return len(made)

    assert again() == 0
    names.write_text(names.read_text().replace("tea", "milk"))
    assert (again(), again()) == (1, 0)
    assert (again("--embed"), again("--embed"), again()) == (1, 0, 1)
    evidence = own / "run" / "evidence.json"
    evidence.write_text(evidence.read_text().replace("\n", " \n", 1))
    assert (again(), again()) == (1, 0)
    page.unlink()
    assert again() == 1
    settings = own / "page" / "page.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "made_of": None}))
    page.touch()
    assert (again(), again()) == (1, 0)
    place = own.rename(tmp_path / "moved")
    labels = place / "predictions" / "labels" / "monday.txt"
    own = place
    assert again() == 0
    labels.write_text(labels.read_text()[::-1].lstrip() + "\n")
    assert again() == 1


def test_a_page_that_lost_files_is_made_whole_again(
    asot, logs: tuple[Path, Truth], results: Path, tmp_path: Path
) -> None:
    own = shutil.copytree(results, tmp_path / "results")
    words = "segment", logs[0], "--n_actions", "3", "--out", own
    assert asot(*words).code == 0
    page, before = own / "page", snapshot(own / "page")
    (page / "data" / "1.js").unlink()
    (page / "assets" / "page.js").unlink()
    (page / "assets" / "page.css").write_text("/* cut")
    assert asot(*words).code == 0
    after = snapshot(page)
    assert {name: one[1] for name, one in after.items()} == {
        name: one[1] for name, one in before.items()
    }
    assert asot(*words).code == 0
    assert snapshot(page) == after


@pytest.mark.parametrize(
    ("words", "difference"),
    [
        (["--n_actions", "4"], "recipe.n_actions was 3, now 4"),
        (["--n_actions", "3", "--seed", "7"], "seed was 0, now 7"),
        (["--n_actions", "3", "--frame_rate", "2"], "series.frame_rate was None, now 2.0"),
        (["--n_actions", "3", "--columns", "ax"], "series.columns was None, now ['ax']"),
    ],
)
def test_other_settings_into_the_same_folder(
    asot, logs: tuple[Path, Truth], results: Path, words: list[str], difference: str
) -> None:
    before = snapshot(results)
    outcome = asot("segment", logs[0], "--out", results, *words)
    assert outcome.code == 2
    assert outcome.sentence == (
        f"{results} holds the results of something else ({difference}): choose another --out, or "
        f"remove it. To segment new recordings with its actions, use --model {results}; to use "
        f"its features again, name {results}/data in place of the recordings."
    )
    assert snapshot(results) == before


def test_other_recordings_into_the_same_folder(
    asot, logs: tuple[Path, Truth], results: Path
) -> None:
    before = snapshot(results)
    outcome = asot("segment", logs[0] / "ward 2", "--n_actions", "3", "--out", results)
    assert outcome.code == 2
    came = "'[b]wed', 'tuesday' came"
    assert f"something else ({came} and 'monday', 'ward 2-[b]wed', " in outcome.sentence
    outcome = asot("segment", results / "data", "--n_actions", "3", "--out", results)
    assert "something else ('monday', 'ward 2-[b]wed', 'ward 2-tuesday' went)" in outcome.sentence
    outcome = asot("segment", logs[0], "--model", results, "--out", results)
    assert "something else (model was None, now " in outcome.sentence
    assert snapshot(results) == before


def test_a_log_that_did_not_fit_may_be_taken_away_again(
    asot, logs: tuple[Path, Truth], results: Path, tmp_path: Path
) -> None:
    grown = shutil.copytree(logs[0], tmp_path / "logs")
    own = shutil.copytree(results, tmp_path / "results")
    request = json.loads((own / "segment.json").read_text())
    request["inputs"] = {
        name: path.replace(str(logs[0]), str(grown)) for name, path in request["inputs"].items()
    }
    request["inputs"]["odd"] = str(grown / "odd.csv")
    (own / "segment.json").write_text(json.dumps(request))
    before = (own / "predictions" / "segments.csv").read_bytes()
    outcome = asot("segment", grown, "--n_actions", "3", "--out", own)
    assert outcome.code == 0, outcome.err
    assert (own / "predictions" / "segments.csv").read_bytes() == before
    assert "odd" not in json.loads((own / "segment.json").read_text())["inputs"]


def test_recordings_that_were_added_are_segmented_into_the_same_actions(
    asot, logs: tuple[Path, Truth], results: Path, tmp_path: Path
) -> None:
    grown = shutil.copytree(logs[0], tmp_path / "logs")
    own = tmp_path / "results"
    words = ["--n_actions", "3", "--seed", "1"]
    later = grown / "monday.csv"
    later.rename(tmp_path / "monday.csv")
    outcome = asot("segment", grown, *words, "--out", own)
    assert (outcome.code, outcome.err) == (0, "")
    before, folder = labels(own), PredictionFolder(own / "predictions")
    identity = folder.identity("all")
    (tmp_path / "monday.csv").rename(later)
    outcome = asot("segment", grown, *words, "--out", own)
    assert outcome.code == 0
    assert "'monday' came or changed since the actions were learnt" in outcome.err
    after = labels(own)
    assert sorted(after) == RECORDINGS
    assert after.items() > before.items()
    assert folder.identity("all") == identity, "corrections of its page hold"
    once = snapshot(own / "predictions")
    outcome = asot("segment", grown, *words, "--out", own)
    assert (outcome.code, outcome.err) == (0, "")
    assert snapshot(own / "predictions") == once


def test_settings_of_tables_may_change_before_anything_was_learnt(
    asot, tmp_path: Path, rng: np.random.Generator
) -> None:
    (tmp_path / "in").mkdir()
    for name, length in zip("abc", (310, 320, 330), strict=True):
        values = rng.normal(size=(6, length)).cumsum(axis=1)
        np.save(tmp_path / "in" / f"{name}.npy", values)
    words = ["segment", tmp_path / "in", "--n_actions", "2", "--out", tmp_path / "out"]
    refused = asot(*words)
    assert refused.code == 2
    assert "--transposed true" in refused.err
    turned = asot(*words, "--transposed", "true")
    assert turned.code == 0
    assert f"those of before are kept in {tmp_path / 'out' / 'earlier' / '1'}" in turned.err


def test_a_folder_of_something_else_is_left_alone(
    asot, logs: tuple[Path, Truth], tmp_path: Path
) -> None:
    (tmp_path / "thesis.tex").write_text("")
    outcome = asot("segment", logs[0], "--n_actions", "3", "--out", tmp_path)
    assert outcome.code == 2
    assert outcome.sentence == (
        f"{tmp_path} holds something else already: choose another --out, or remove it."
    )
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "segment.json").write_text("[]")
    outcome = asot("segment", logs[0], "--n_actions", "3", "--out", tmp_path / "results")
    assert outcome.code == 2
    assert outcome.sentence.startswith(str(tmp_path / "results" / "segment.json"))


def test_what_cannot_be_read_can_be_asked_for_in_another_way(
    asot, logs: tuple[Path, Truth], tmp_path: Path
) -> None:
    words = ("segment", logs[0], "--n_actions", "3", "--out", tmp_path / "out")
    outcome = asot(*words, "--time_column", "clock")
    assert outcome.code == 2
    assert outcome.sentence.startswith("None of the 3 recordings can be used; monday: ")
    assert "has no column 'clock' for the times" in outcome.sentence
    assert not (tmp_path / "out").exists()
    assert asot(*words).code == 0


@pytest.mark.parametrize("before", ["nothing", "an empty folder", "a folder with a hidden file"])
@pytest.mark.parametrize("command", ["segment", "extract"])
def test_a_command_that_is_refused_leaves_nothing(
    asot, tmp_path: Path, command: str, before: str
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "bad.csv").write_text("time,ax\n")
    out = tmp_path / "new" / "out"
    if before != "nothing":
        out.mkdir(parents=True)
    if "hidden" in before:
        (out / ".DS_Store").touch()
    found = sorted(tmp_path.rglob("*"))
    outcome = asot(command, tmp_path / "logs", "--out", out)
    assert outcome.code == 2
    assert outcome.sentence.startswith("None of the 1 recordings can be used; bad: ")
    assert sorted(tmp_path.rglob("*")) == found


def test_a_refusal_leaves_the_features_that_were_made(
    asot, logs: tuple[Path, Truth], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DataError("The recordings are too much alike.")

    monkeypatch.setattr("asot.runs.segment.train_run", refuse)
    out = tmp_path / "out"
    assert asot("segment", logs[0], "--n_actions", "3", "--out", out).code == 2
    assert (out / "segment.json").is_file()
    assert len(list((out / "data" / "features").iterdir())) == 3


def break_after(
    monkeypatch: pytest.MonkeyPatch, name: str, when: Callable[..., bool] = lambda *_: True
) -> None:
    """Press Ctrl-C when a function of the library has been called."""
    from importlib import import_module

    module, _, function = name.rpartition(".")
    real = getattr(import_module(module), function)

    def pressed(*words: object, **named: object) -> object:
        found = real(*words, **named)
        if when(*words):
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(name, pressed)


@pytest.mark.parametrize(
    ("stage", "when"),
    [
        ("asot.inputs.extract.write_features", lambda root, name, *_: name.endswith("[b]wed")),
        ("asot.runs.segment.extract", lambda *_: True),
        ("asot.runs.run.open_checked", lambda *_: True),
        ("asot.model.learners.save", lambda path: path.name == "learner-03.ckpt"),
        ("asot.model.network.decode", lambda model, *_: hasattr(model, "learners")),
        ("asot.runs.segment.train_run", lambda *_: True),
        ("asot.runs.page.gather", lambda folder, *_: folder.root.name == "predictions"),
        ("asot.runs.page.render_page", lambda page, _: "Preliminary" not in page.verdict.sentence),
    ],
)
def test_interrupted_at_any_stage_and_given_again(
    asot,
    logs: tuple[Path, Truth],
    results: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    when: Callable[..., bool],
) -> None:
    words = ("segment", logs[0], "--n_actions", "3", "--out", tmp_path / "out")
    page = tmp_path / "out" / "page" / "index.html"
    with monkeypatch.context() as patch:
        break_after(patch, stage, when)
        outcome = asot(*words)
    assert outcome.code == 130
    if stage in ("asot.model.network.decode", "asot.runs.segment.train_run"):
        assert f"A first page, to look at meanwhile: {page}\nPreliminary: the first" in outcome.out
        assert "Preliminary: the first of" in page.read_text()
    assert outcome.sentence == "Interrupted. The same command goes on from here."
    before = snapshot(tmp_path / "out" / "data")
    outcome = asot(*words)
    assert (outcome.code, outcome.err) == (0, "")
    after = snapshot(tmp_path / "out" / "data")
    assert {name: after[name] for name in before} == before, "what is finished is kept"
    assert labels(tmp_path / "out") == labels(results)
    assert "Preliminary" not in page.read_text()


def test_features_of_other_settings_are_kept_aside(
    asot, logs: tuple[Path, Truth], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("asot.runs.segment._train", stop)
    out = tmp_path / "out"
    words = ("segment", logs[0], "--n_actions", "3", "--out", out)
    assert asot(*words).code == 130
    before = snapshot(out / "data")
    assert asot(*words).complaints.count("\n") == 1
    assert snapshot(out / "data") == before
    warning, _ = asot(*words, "--columns", "ax").complaints.splitlines()
    assert warning == (
        "asot: Features are made anew, with other settings (columns was None, now ['ax']); those "
        f"of before are kept in {out / 'earlier' / '1'}."
    )
    assert snapshot(out / "earlier" / "1") == before
    assert snapshot(out / "data") != before


def test_a_process_that_is_killed(
    asot, logs: tuple[Path, Truth], results: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    script = """
import os, signal
import asot.data.origin as origin
from asot.cli import main
real = origin.write_json
def die(path, values):
    if path.stem == "ward 2-tuesday":
        os.kill(os.getpid(), signal.SIGKILL)
    real(path, values)
origin.write_json = die
main()
"""
    words = [str(word) for word in ("extract", logs[0], "--out", tmp_path / "data")]
    killed = subprocess.run([sys.executable, "-c", script, *words], env=environment, check=False)
    assert killed.returncode == -9
    assert (tmp_path / "data" / "features" / "ward 2-tuesday.npy").is_file()
    assert asot("data", "check", tmp_path / "data").code == 2, "its last recording is unfinished"
    before = snapshot(tmp_path / "data")
    outcome = asot(*words)
    assert (outcome.code, outcome.err) == (0, "")
    assert "2 from before" in outcome.out
    after = snapshot(tmp_path / "data")
    changed = {name for name in after if after[name] != before.get(name)}
    assert {Path(name).stem for name in changed} == {"ward 2-tuesday", "recordings"}
    assert {name: one[1] for name, one in after.items()} == {
        name: one[1] for name, one in snapshot(results / "data").items()
    }


def test_broken_logs_are_listed_and_taken_once_they_are_whole(
    asot, logs: tuple[Path, Truth], tmp_path: Path
) -> None:
    folder = shutil.copytree(logs[0], tmp_path / "logs")
    whole = (folder / "monday.csv").read_bytes()
    (folder / "monday.csv").write_bytes(b"time,ax\n0,[b]\n")
    words = ("segment", folder, "--n_actions", "3", "--out", tmp_path / "out")
    outcome = asot(*words)
    assert (outcome.code, outcome.err) == (0, "")
    assert "Features of 2 recordings in " in outcome.out
    assert "Left out (1)" in outcome.out
    assert str(folder / "monday.csv") in outcome.out
    assert sorted(labels(tmp_path / "out")) == RECORDINGS[1:]
    checkpoint = tmp_path / "out" / "run" / "models" / "all.ckpt"
    trained = checkpoint.stat().st_mtime_ns
    (folder / "monday.csv").write_bytes(whole)
    outcome = asot(*words)
    assert outcome.code == 0
    assert outcome.sentence == (
        "'monday' came or changed since the actions were learnt, and the model stays as it is: "
        f"remove {tmp_path / 'out' / 'run'} to learn from all recordings anew."
    )
    assert "Left out" not in outcome.out
    assert sorted(labels(tmp_path / "out")) == RECORDINGS
    assert checkpoint.stat().st_mtime_ns == trained
    assert asot(*words).err == ""


def test_a_log_that_changed_is_segmented_anew(
    asot, logs: tuple[Path, Truth], tmp_path: Path, seed: int
) -> None:
    folder = shutil.copytree(logs[0], tmp_path / "logs")
    words = ("segment", folder, "--n_actions", "3", "--out", tmp_path / "out")
    assert asot(*words).code == 0
    before = labels(tmp_path / "out")
    write_logs(folder, seed, "monday", seconds=(4, 9))
    outcome = asot(*words)
    assert outcome.code == 0
    assert "'monday' came or changed since the actions were learnt" in outcome.sentence
    after = labels(tmp_path / "out")
    features = np.load(tmp_path / "out" / "data" / "features" / "monday.npy")
    assert len(after["monday"].split()) == len(features) < len(before["monday"].split())
    assert {name: after[name] for name in RECORDINGS[1:]} == {
        name: before[name] for name in RECORDINGS[1:]
    }


def test_a_model_applied_to_its_own_and_to_new_recordings(
    asot, logs: tuple[Path, Truth], results: Path, tmp_path: Path, seed: int
) -> None:
    outcome = asot("segment", logs[0], "--model", results, "--out", tmp_path / "same")
    assert (outcome.code, outcome.err) == (0, "")
    assert labels(tmp_path / "same") == labels(results)
    assert not (tmp_path / "same" / "run").exists()
    truth = write_logs(tmp_path / "new", seed, "thursday")
    words = ("segment", tmp_path / "new", "--out", tmp_path / "out")
    # A folder that a model was applied in stands for that model.
    assert asot(*words, "--model", tmp_path / "same").code == 0
    before = snapshot(tmp_path / "out" / "predictions")
    outcome = asot(*words, "--model", tmp_path / "same")
    assert (outcome.code, outcome.err) == (0, "")
    assert snapshot(tmp_path / "out" / "predictions") == before
    table = write_truth(tmp_path / "truth.csv", truth)
    assert asot("evaluate", tmp_path / "out", "--truth", table).code == 0
    scores = json.loads((tmp_path / "out" / "predictions" / "scores.json").read_text())
    assert scores["evaluations"]["activity"]["scores"]["mof"] > 0.85
    assert asot("export", tmp_path / "out", "--to", "csv").code == 0


def test_names_come_along_with_a_model(
    asot, logs: tuple[Path, Truth], results: Path, tmp_path: Path
) -> None:
    model = shutil.copytree(results, tmp_path / "model")
    (tmp_path / "names.json").write_text('{"0": "rest", "1": "walk", "2": "shake"}')
    assert asot("relabel", model, tmp_path / "names.json").code == 0
    outcome = asot("segment", logs[0], "--model", model, "--out", tmp_path / "out")
    assert (outcome.code, outcome.err) == (0, "")
    ours, theirs = (
        (root / "predictions" / "segments.csv").read_text() for root in (tmp_path / "out", model)
    )
    assert ours == theirs
    assert "action 1" not in ours
    assert asot("segment", logs[0], "--n_actions", "3", "--out", model).code == 0
    assert (model / "predictions" / "segments.csv").read_text() == theirs
    # Without its model, the actions are learnt anew, and the names of the old ones go.
    shutil.rmtree(model / "run")
    assert asot("segment", logs[0], "--n_actions", "3", "--out", model).code == 0
    assert (model / "run" / "models" / "all.ckpt").is_file()
    assert "action 1" in (model / "predictions" / "segments.csv").read_text()


def test_a_model_refuses_features_made_in_another_way(
    asot, logs: tuple[Path, Truth], results: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    words = ("segment", logs[0], "--model", results, "--out", tmp_path / "out")
    outcome = asot(*words, "--frame_rate", "2")
    assert outcome.code == 2
    assert outcome.sentence == (
        "The model was trained on features that were made in another way "
        "(settings.frame_rate was None, now 2.0): give the options that they were made with."
    )
    assert not (tmp_path / "out" / "data").exists(), "refused before anything is extracted"
    # The kind chooses the recordings alone.
    outcome = asot(*words[:4], "--out", tmp_path / "kinds", "--kind", "series")
    assert outcome.code == 0
    (tmp_path / "arrays").mkdir()
    np.save(tmp_path / "arrays" / "a.npy", rng.normal(size=(50, 18)))
    outcome = asot("segment", tmp_path / "arrays", "--model", results, "--out", tmp_path / "out")
    assert outcome.sentence == (
        "The model was trained on sensor logs or poses, and cannot be used for videos or features."
    )
    (tmp_path / "other").mkdir()
    lines = (logs[0] / "monday.csv").read_text().replace("time,ax,ay,az", "time,b,c,d")
    (tmp_path / "other" / "a.csv").write_text(lines)
    outcome = asot("segment", tmp_path / "other", "--model", results, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "None of the 1 recordings can be used; a: " in outcome.sentence
    needs = "a.csv: has nothing of what the model knows, 'ax', 'ay', 'az'; it has 'b', 'c', 'd'."
    assert outcome.sentence.endswith(needs)


def test_a_model_that_is_not_finished(
    asot,
    logs: tuple[Path, Truth],
    results: Path,
    tmp_path: Path,
) -> None:
    model = shutil.copytree(results, tmp_path / "model")
    (model / "predictions" / "predictions.json").unlink()
    outcome = asot("segment", logs[0], "--model", model, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert outcome.sentence == (f"{model / 'run'}: is not finished: give its command again first.")
    assert not (tmp_path / "out").exists()


def test_a_damaged_model_is_refused_before_anything_is_extracted(
    asot, logs: tuple[Path, Truth], results: Path, tmp_path: Path
) -> None:
    model = shutil.copytree(results, tmp_path / "model")
    checkpoint = model / "run" / "models" / "all.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    outcome = asot("segment", logs[0], "--model", model, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert outcome.sentence.startswith(f"{checkpoint}: ")
    assert not (tmp_path / "out" / "data").exists()


def test_results_among_the_recordings_are_no_recordings(
    asot, logs: tuple[Path, Truth], results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(logs[0], tmp_path / "here")
    monkeypatch.chdir(folder)
    for _ in range(2):
        outcome = asot("segment", ".", "--n_actions", "3", "--out", "results")
        assert (outcome.code, outcome.err) == (0, "")
        for name in ("features", "data"):
            assert asot("extract", ".", "--out", name).code == 0
    assert sorted(labels(folder / "results")) == RECORDINGS
    assert labels(folder / "results") == labels(results)


def test_extract_then_segment_what_it_filled(
    asot, command, environment, logs: tuple[Path, Truth], results: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    said = in_shards(command, environment, "extract", logs[0], "--out", data)
    assert sum("and all are done." in out for out in said) >= 1
    assert sorted(path.stem for path in (data / "features").iterdir()) == RECORDINGS
    ours, theirs = snapshot(data), snapshot(results / "data")
    assert {name: one[1] for name, one in ours.items()} == {n: o[1] for n, o in theirs.items()}
    check = asot("data", "check", data)
    assert (check.code, check.err) == (0, "")
    out = tmp_path / "out"
    outcome = asot("segment", data, "--n_actions", "3", "--out", out)
    assert (outcome.code, outcome.err) == (0, "")
    assert not (out / "data").exists()
    assert labels(out) == labels(results)
    before = snapshot(data)
    assert asot("segment", data, "--n_actions", "3", "--out", out).code == 0
    assert snapshot(data) == before
    # The features of results are found by the folder of the results.
    words = ("--n_actions", "2", "--out", tmp_path / "two")
    assert asot("segment", results, *words).code == 0
    assert sorted(labels(tmp_path / "two")) == RECORDINGS


def test_extract_with_a_broken_log(asot, logs: tuple[Path, Truth], tmp_path: Path) -> None:
    folder = shutil.copytree(logs[0], tmp_path / "logs")
    (folder / "broken.csv").write_bytes(b"\x00")
    outcome = asot("extract", folder, "--out", tmp_path / "data")
    assert outcome.code == 2
    assert outcome.sentence == ("1 of 4 recordings could not be used; they are listed above.")
    assert "Features of 3 recordings in " in outcome.out
    assert "Left out (1)" in outcome.out
    kept = ("features/", "times/", "signals/", "origins/")

    def times() -> dict[str, int]:
        found = snapshot(tmp_path / "data").items()
        return {name: one[0] for name, one in found if name.startswith(kept)}

    before = times()
    (folder / "broken.csv").unlink()
    outcome = asot("extract", folder, "--out", tmp_path / "data")
    assert (outcome.code, outcome.err) == (0, "")
    assert "3 from before" in outcome.out
    assert times() == before


def test_extract_in_two_ways_into_one_folder(
    asot, logs: tuple[Path, Truth], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    assert asot("extract", logs[0] / "monday.csv", "--out", data).code == 0
    assert asot("extract", logs[0] / "ward 2", "--out", data, "--frame_rate", "2").code == 0
    for words in (
        ("segment", data, "--n_actions", "3", "--out", tmp_path / "out"),
        ("train", "default", "--n_actions", "3", "--data", data, "--out", tmp_path / "run"),
    ):
        outcome = asot(*words)
        assert outcome.code == 2
        assert "features were made in different ways and cannot be used together: " in (
            outcome.sentence
        )
        assert "monday differ in settings.frame_rate (2.0 and None)" in outcome.sentence
    outcome = asot("data", "check", data)
    assert outcome.code == 2
    assert "features were made in different ways" in outcome.out


def test_arrays_of_features_have_frames_and_no_seconds(
    asot, tmp_path: Path, rng: np.random.Generator
) -> None:
    (tmp_path / "in").mkdir()
    centres = 3 * rng.normal(size=(3, 8))
    truth = {}
    for name in ("a", "b", "c"):
        order = np.repeat(rng.permutation(3), 40)
        values = centres[order] + rng.normal(size=(120, 8))
        np.save(tmp_path / "in" / f"{name}.npy", values.astype(np.float32))
        truth[name] = order
    out = tmp_path / "out"
    outcome = asot("segment", tmp_path / "in", "--n_actions", "3", "--out", out)
    assert (outcome.code, outcome.err) == (0, "")
    assert "mean, frames" in outcome.out
    with (out / "predictions" / "segments.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["start_s"], row["end_s"]) for row in rows} == {("", "")}
    assert (out / "page" / "index.html").is_file()
    assert asot("export", out, "--to", "csv,txt,parquet").code == 0
    outcome = asot("export", out, "--to", "elan,csv")
    assert outcome.code == 0
    assert outcome.sentence.startswith("left out: elan: a has frames but no times: give the frames")
    assert asot("export", out, "--to", "elan", "csv", "--frame_rate", "10").code == 0
    with (out / "exports" / "csv" / "segments.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            assert float(row["start_s"]) == int(row["start_frame"]) / 10
            assert float(row["end_s"]) == int(row["end_frame"]) / 10
    for truth_of in ("exports/elan", "exports/csv/segments.csv"):
        outcome = asot("evaluate", out, "--truth", out / truth_of)
        assert outcome.code == 2
        assert "have frames but no times: give their frames a second with --fr" in outcome.sentence
        outcome = asot("evaluate", out, "--truth", out / truth_of, "--frame_rate", "10")
        assert (outcome.code, outcome.err) == (0, "")
        scores = json.loads((out / "predictions" / "scores.json").read_text())
        assert scores["evaluations"]["activity"]["scores"]["mof"] == 1
    for name, order in truth.items():
        (tmp_path / "truth").mkdir(exist_ok=True)
        (tmp_path / "truth" / f"{name}.txt").write_text("".join(f"is {one}\n" for one in order))
    assert asot("evaluate", out, "--truth", tmp_path / "truth").code == 0
    scores = json.loads((out / "predictions" / "scores.json").read_text())
    assert scores["evaluations"]["activity"]["scores"]["mof"] > 0.9


def test_results_that_were_moved(
    asot, logs: tuple[Path, Truth], results: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    words = ("segment", logs[0], "--n_actions", "3", "--out")
    assert asot(*words, made).code == 0
    moved = made.rename(tmp_path / "moved")
    (tmp_path / "names.json").write_text('{"0": "rest"}')
    truth = write_truth(tmp_path / "truth.csv", logs[1])
    for one in (
        ("page", moved),
        ("relabel", moved, tmp_path / "names.json"),
        ("export", moved, "--to", "csv,elan"),
        ("evaluate", moved, "--truth", truth),
        (*words, moved),
        ("segment", logs[0], "--model", moved, "--out", tmp_path / "applied"),
    ):
        outcome = asot(*one)
        assert (outcome.code, outcome.err) == (0, "")
        assert str(made) not in outcome.out
    assert labels(moved) == labels(tmp_path / "applied") == labels(results)
    shutil.rmtree(moved / "data")
    outcome = asot("page", moved)
    assert outcome.code == 2
    assert outcome.sentence.endswith("is gone: say where the data set is now with --data.")
    assert asot("page", moved, "--data", results / "data").code == 0


def test_the_help_of_the_new_commands_is_light(environment: dict[str, str]) -> None:
    script = """
import contextlib, io, sys
from asot.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    for name in ("segment", "extract", "page", "relabel", "export", "evaluate"):
        assert main([name, "--help"]) == 0
heavy = {"torch", "lightning", "matplotlib", "sklearn", "scipy", "pandas", "av", "onnxruntime"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_folder_that_cannot_be_written_to(asot, logs: tuple[Path, Truth], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = asot("segment", logs[0], "--n_actions", "3", "--out", tmp_path / "file" / "out")
    assert outcome.code == 2
    assert outcome.sentence == f"--out must be a folder, but {tmp_path / 'file'} is a file."


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc here")
@pytest.mark.parametrize("place", ["/proc/asot", "/proc/asot/deeper"])
def test_a_folder_that_cannot_be_made(asot, logs: tuple[Path, Truth], place: str) -> None:
    outcome = asot("segment", logs[0], "--n_actions", "3", "--out", place)
    assert outcome.code == 2
    said = "--out must be a folder to write to, but /proc forbids it."
    if os.access("/proc", os.W_OK):
        why = os.strerror(errno.ENOENT)
        said = f"{place}: cannot be made ({why}): choose another folder."
    assert outcome.sentence == said


def test_names_of_an_applied_model_stay_when_a_recording_changes(
    asot, logs: tuple[Path, Truth], results: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(logs[0], tmp_path / "new")
    words = ("segment", folder, "--model", results, "--out", tmp_path / "out")
    assert asot(*words).code == 0
    (tmp_path / "names.json").write_text('{"0": "mine"}')
    assert asot("relabel", tmp_path / "out", tmp_path / "names.json").code == 0
    path = folder / "monday.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-40]))
    assert asot(*words).code == 0
    assert "mine" in (tmp_path / "out" / "predictions" / "segments.csv").read_text()


def test_features_given_as_a_folder_are_named_by_the_cure_and_used_again(
    asot, results: Path, tmp_path: Path
) -> None:
    data = results / "data"
    words = ("segment", data, "--n_actions", "3", "--out", tmp_path / "one")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / ".DS_Store").touch()
    assert asot(*words).code == 0
    outcome = asot("segment", data, "--n_actions", "4", "--out", tmp_path / "one")
    assert f"name {data.resolve()} in place of the recordings" in outcome.sentence
    assert (
        asot("segment", tmp_path / "one", "--n_actions", "2", "--out", tmp_path / "two").code == 0
    )


def test_a_passing_failure_costs_no_finished_features(
    asot, logs: tuple[Path, Truth], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("extract", logs[0], "--out", tmp_path / "data")
    assert asot(*words).code == 0
    made = tmp_path / "data" / "features" / "monday.npy"
    before = made.read_bytes()

    def fail(extractor: SeriesExtractor, path: Path) -> None:
        raise DataError(f"{path} cannot be read: Input/output error.")

    with monkeypatch.context() as patch:
        patch.setattr(SeriesExtractor, "fingerprint", fail)
        outcome = asot(*words)
    assert outcome.code == 0
    assert "Its earlier features are used, for now: " in outcome.out
    assert made.read_bytes() == before


def test_a_dry_run_tells_what_files_are_taken_for(
    asot, logs: tuple[Path, Truth], tmp_path: Path
) -> None:
    outcome = asot("extract", logs[0], "--dry_run")
    assert (outcome.code, outcome.err) == (0, "")
    [row] = [line for line in outcome.out.splitlines() if "sensor log" in line]
    assert row.split()[0].startswith("'monday'")
    assert row.split()[-3:] == ["ax,", "ay,", "az"]
    folder = shutil.copytree(logs[0], tmp_path / "logs")
    (folder / "broken.csv").write_bytes(b"time,ax\n")
    for dry in (True, False):
        words = ("extract", folder, "--out", tmp_path / "data", *(["--dry_run"] if dry else []))
        outcome = asot(*words)
        assert outcome.code == 2
        assert "1 of 4 recordings could not be used; they are listed above." in outcome.sentence
        assert "Left out (1)" in outcome.out
        assert str(folder / "broken.csv") in outcome.out
        assert (tmp_path / "data").exists() != dry


def test_a_fault_of_the_machine_in_a_dry_run_is_a_failure(
    asot, logs: tuple[Path, Truth], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(extractor: SeriesExtractor, path: Path, *_: object) -> None:
        raise PassingError(f"{path} met a fault of the machine.")

    monkeypatch.setattr(SeriesExtractor, "features", fail)
    outcome = asot("extract", logs[0], "--dry_run")
    assert outcome.code == 1
    assert outcome.sentence == "3 of 3 recordings could not be used; they are listed above."


def test_what_was_read_is_printed_before_learning_and_kept(
    asot, logs: tuple[Path, Truth], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*words: object, **settings: object) -> None:
        raise DataError("Enough.")

    monkeypatch.setattr("asot.runs.segment.train_run", fail)
    outcome = asot("segment", logs[0], "--n_actions", "2", "--out", tmp_path / "out")
    assert outcome.sentence == "Enough."
    assert "What was read" in outcome.out
    with (tmp_path / "out/data/recordings.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["recording"] for row in rows] == RECORDINGS
    assert {row["kind"] for row in rows} == {"sensor log"}


def test_a_thousand_files_are_told_in_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = [Taken(f"r{i}", f"/{i}.csv", "sensor log", 50.0, i, 9, ("x",)) for i in range(1, 1001)]
    odd = [Taken(f"s{i}", f"/{i}.csv", "poses", 9.0, 2.0, 9, (f"y{i}",)) for i in range(1, 41)]
    outcome = Extraction([one.recording for one in kinds], taken=[*kinds, *odd])
    outcome.remarks = {one.recording: ["Something."] for one in kinds}
    show_outcome(outcome, None)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 35
    [row] = [line for line in lines if "sensor log" in line]
    assert "'r1', 'r2', 'r3' and 997 more" in row
    assert "1.0 to 1,000.0" in row
    assert "and 21 more" in lines
    assert "Remarks (1000)" in lines


def test_one_kind_of_a_folder_is_chosen(asot, logs: tuple[Path, Truth], tmp_path: Path) -> None:
    folder = shutil.copytree(logs[0], tmp_path / "logs")
    (folder / "monday.mp4").write_bytes(b"\0")
    outcome = asot("extract", folder, "--out", tmp_path / "data")
    assert outcome.code == 2
    assert "choose one kind with --kind, of video, series, pose, array." in outcome.sentence
    outcome = asot("extract", folder, "--out", tmp_path / "data", "--kind", "series")
    assert (outcome.code, outcome.err) == (0, "")
    assert "Features of 3 recordings in " in outcome.out


def test_a_folder_whose_name_is_no_text(asot, logs: tuple[Path, Truth], tmp_path: Path) -> None:
    import os

    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    try:
        shutil.copytree(logs[0], folder)
    except OSError:
        pytest.skip("the file system takes names in UTF-8 alone")
    outcome = asot("segment", folder, "--n_actions", "2", "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "has a name that is no text: rename it." in outcome.sentence
