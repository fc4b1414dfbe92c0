"""Train, predict and evaluate, from a folder of features to tables, scores and pictures."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from asot.data import DatasetFolder, write_dataset
from asot.export.tables import COLUMNS
from asot.figures.evidence import tell_verdict
from asot.figures.evidence_file import EVIDENCE_FILE, read_evidence
from asot.metrics import PUBLISHED, evaluate
from asot.metrics.evaluate import plain_title
from asot.simulation import make_recordings
from tests.cli.outcome import CLASSES, SHORT, in_shards, shown_paths

if TYPE_CHECKING:
    from asot.model.team import Learner

PARTS = {"predictions.json", "segments.csv", "labels", "assignments", "figures", "scores.json"}
PARTS |= {"made.json"}


def labels(folder: Path) -> dict[str, list[int]]:
    return {
        path.stem: [int(line) for line in path.read_text().splitlines()]
        for path in (folder / "labels").iterdir()
    }


def contents(folder: Path) -> dict[str, bytes]:
    """What a run or a prediction holds, but for its pictures and logs."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if not {"figures", "logs"} & set(path.relative_to(folder).parts)
    }


def check_folder(folder: Path, data: Path, frame_rate: float | None) -> None:
    """A prediction's files agree with each other, and its segments cover each recording."""
    frames = {one.name: one.n_frames for one in DatasetFolder(data).recordings()}
    found = labels(folder)
    assert {name: len(one) for name, one in found.items()} == frames
    with (folder / "segments.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    assert tuple(rows[0]) == COLUMNS
    table: dict[str, list[list[str]]] = {}
    for recording, *rest in rows[1:]:
        table.setdefault(recording, []).append(rest)
    assert set(table) == set(frames)
    for name, segments in table.items():
        rebuilt: list[int] = []
        for start, end, start_s, end_s, action, confidence, *_ in segments:
            assert int(start) == len(rebuilt), "each begins where the one before ends"
            assert int(end) > int(start)
            rebuilt += [int(action.removeprefix("action ")) - 1] * (int(end) - int(start))
            assert 0 < float(confidence) <= 1
            if frame_rate is None:
                assert start_s == end_s == ""
            else:
                assert float(start_s) == pytest.approx(int(start) / frame_rate)
                assert float(end_s) == pytest.approx(int(end) / frame_rate)
        assert rebuilt == found[name]
        assignment = np.load(folder / "assignments" / f"{name}.npy", allow_pickle=False)
        assert assignment.shape == (frames[name], 4)
        np.testing.assert_allclose(assignment.sum(axis=1), 1, atol=1e-4)
        # Votes, which are decoded once more: nearly always for the label.
        assert (assignment.argmax(axis=1) == found[name]).mean() > 0.8


def test_what_training_leaves(trained: Path, toys: Path) -> None:
    assert {path.name for path in trained.iterdir()} >= {"run.json", "recipe.yaml", "models"}
    assert (trained / "models" / "all.ckpt").is_file()
    evidence = json.loads((trained / "evidence.json").read_text())
    assert {"radius", "order", "learners"} <= set(evidence["all"])
    assert [path.name for path in (trained / "models").iterdir()] == ["all.ckpt"]
    predictions = trained / "predictions"
    assert {path.name for path in predictions.iterdir()} == PARTS
    check_folder(predictions, toys, frame_rate=10)
    pictures = {path.name for path in (predictions / "figures").iterdir()}
    assert pictures == {"corpus-all.png", "evidence.png"} | {
        f"recording-{number}-{kind}.png"
        for number in (1, 2, 3)
        for kind in ("segments", "assignment")
    }
    assert not list(trained.rglob(".*")), "nothing half-written is left"


def test_the_same_command_again(asot, trained: Path, toys: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(trained, tmp_path / "run")
    before = contents(copy)
    words = ("train", "default", *SHORT, "--dataset.frame_rate", "10")
    outcome = asot(*words, "--data", toys, "--out", copy)
    assert (outcome.code, outcome.err) == (0, "")
    assert contents(copy) == before
    verdict = tell_verdict(read_evidence(copy / EVIDENCE_FILE)["all"])
    assert verdict.word != "not known"
    assert outcome.out.splitlines()[1:3] == [verdict.sentence, verdict.advice]
    assert len(shown_paths(outcome, copy)) == 6
    assert all(path.exists() for path in shown_paths(outcome, copy))


def test_another_training_into_the_same_folder(asot, trained: Path, toys: Path) -> None:
    before = contents(trained)
    words = ("train", "default", *SHORT, "--data", toys, "--out", trained)
    outcome = asot(*words, "--dataset.frame_rate", "10", "--order_prior", "0.9")
    assert outcome.code == 2
    assert outcome.sentence == (
        f"{trained} holds another run (recipe.order_prior was 'auto', now 0.9): "
        "choose another --out, or remove it."
    )
    assert contents(trained) == before


def test_its_recipe_trains_the_same(asot, trained: Path, toys: Path, tmp_path: Path) -> None:
    recipe = trained / "recipe.yaml"
    words = ("--data", toys, "--out", tmp_path / "run", "--logger", "none", "--figures", "0")
    outcome = asot("train", recipe, *words)
    assert (outcome.code, outcome.err) == (0, "")
    assert labels(tmp_path / "run" / "predictions") == labels(trained / "predictions")
    assert asot("train", recipe, "--print_config").out == recipe.read_text()
    assert not (tmp_path / "run" / "logs").exists()
    assert not (tmp_path / "run" / "predictions" / "figures").exists()


def test_interrupted_and_given_again(
    asot, trained: Path, toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asot.model.learners import save

    done = []

    def press_ctrl_c(path: Path, learner: Learner) -> None:
        done.append(learner)
        if len(done) == 3:
            raise KeyboardInterrupt
        save(path, learner=learner)

    words = ("train", "default", *SHORT, "--dataset.frame_rate", "10")
    words = (*words, "--data", str(toys), "--out", str(tmp_path / "run"))
    with monkeypatch.context() as patch:
        patch.setattr("asot.model.learners.save", press_ctrl_c)
        outcome = asot(*words)
    assert outcome.code == 130
    assert outcome.sentence == "Interrupted. The same command goes on from here."
    outcome = asot(*words)
    assert (outcome.code, outcome.err) == (0, "")
    assert labels(tmp_path / "run" / "predictions") == labels(trained / "predictions")


def test_learners_in_shards_of_which_one_never_came(
    asot, trained: Path, toys: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    words = ["train", "default", *SHORT, "--data", toys, "--out", out]
    words += ["--dataset.frame_rate", "10"]
    outcome = asot(*words, "--shard", "2/3")
    assert (outcome.code, outcome.err) == (0, "")
    kept = list((out / "models" / "all").rglob("*.ckpt"))
    assert outcome.out.startswith(f"Shard 2/3 was {len(kept)} of ")
    assert asot(*words).code == 0
    ours, theirs = contents(out), contents(trained)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []


def test_predict_the_recordings_trained_on(
    asot, command, environment, trained: Path, toys: Path, tmp_path: Path
) -> None:
    out = tmp_path / "my predictions"
    outcome = asot("predict", trained, "--data", toys, "--out", out)
    assert (outcome.code, outcome.err) == (0, "")
    ours, theirs = contents(out), contents(trained / "predictions")
    assert set(ours) == set(theirs)
    for name in theirs:
        if name.startswith(("labels/", "assignments/", "segments.csv", "scores.json")):
            assert ours[name] == theirs[name], name
    assert len(shown_paths(outcome, out)) == 5
    assert all(path.exists() for path in shown_paths(outcome, out))
    shared = tmp_path / "shared"
    words = "predict", trained, "--data", toys, "--out", shared
    assert sum("and all are done" in one for one in in_shards(command, environment, *words)) >= 1
    assert contents(shared) == ours


def test_predict_without_ground_truth_and_with_odd_names(
    asot, trained: Path, toys: Path, tmp_path: Path
) -> None:
    (tmp_path / "new [b]data :x:" / "features").mkdir(parents=True)
    data = tmp_path / "new [b]data :x:"
    names = ["a b", "c.d", "$x_1$", "ü[bold]"]
    for number, name in enumerate(names, 1):
        shutil.copy(toys / f"features/recording-{number}.npy", data / "features" / f"{name}.npy")
    np.savetxt(data / "features" / "text.txt", np.load(toys / "features/recording-5.npy"))
    run = shutil.copytree(trained, tmp_path / "run")
    outcome = asot("predict", run, "--data", data, "--figures", "5")
    assert outcome.code == 0
    assert "what was parsed is kept in .asot-store, which may be removed" in outcome.err
    assert outcome.out.startswith("There is no ground truth, so there are no scores.\n")
    out = run / "predictions-new [b]data :x:"
    check_folder(out, data, frame_rate=10)
    assert not (out / "scores.json").exists()
    assert all(path.exists() for path in shown_paths(outcome, run))
    there = labels(trained / "predictions")
    here = labels(out)
    for number, name in enumerate(names, 1):
        assert here[name] == there[f"recording-{number}"]
    outcome = asot("evaluate", out)
    assert outcome.code == 2
    assert "has no ground truth to be compared with" in outcome.sentence


def test_predict_features_of_another_width(asot, trained: Path, tmp_path: Path) -> None:
    corpus = make_recordings(2, n_actions=3, n_frames=(20, 30), width=7, random_state=0)
    data = write_dataset(corpus, tmp_path / "wide", {0: "a", 1: "b", 2: "c"})
    outcome = asot("predict", trained, "--data", data, "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "has features of 7 columns, but the model 'all' of" in outcome.sentence


@pytest.mark.parametrize("damage", [b"", b"hello", None])
def test_predict_with_a_damaged_model(
    asot, trained: Path, toys: Path, tmp_path: Path, damage: bytes | None
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    model = run / "models" / "all.ckpt"
    model.write_bytes(model.read_bytes()[:2000] if damage is None else damage)
    outcome = asot("predict", run, "--data", toys)
    assert outcome.code == 2
    assert (
        outcome.sentence == f"{model}: cannot be read as a checkpoint: remove it and train again."
    )
    model.unlink()
    outcome = asot("predict", run, "--data", toys)
    assert outcome.code == 2
    assert outcome.sentence.startswith(f"{model}: is missing: the training is not finished")


def printed_scores(output: str) -> dict[str, str]:
    """The scores of the first table of each kind, which are laid down."""
    found: dict[str, str] = {}
    for line in output.splitlines():
        parts = re.match(r"(\S.*?) +(-?[0-9]+\.[0-9])( |$)", line)
        if parts:
            found.setdefault(parts[1], parts[2])
    return {title: one for title, one in found.items() if not title.startswith("One matching")}


def test_evaluate_prints_and_writes_the_scores(
    asot, trained: Path, toys: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    file = run / "predictions" / "scores.json"
    before = file.read_bytes()
    file.unlink()
    outcome = asot("evaluate", run)
    assert (outcome.code, outcome.err) == (0, "")
    assert shown_paths(outcome, run) == [file]
    assert file.read_bytes() == before
    recordings = DatasetFolder(toys).recordings()
    found = labels(run / "predictions")
    expected = evaluate(
        [found[one.name] for one in recordings], recordings.ground_truth, n_actions=4
    )
    written = json.loads(before)["evaluations"]["activity"]["scores"]
    assert written == pytest.approx(dict(expected))
    scores = printed_scores(outcome.out)
    # The recipe is held to no published figures, so that scores of papers are not shown.
    order = ("mof", "miou", "f1_macro", "f1@10", "f1@25", "f1@50", "edit", "boundary_f1", "jsd")
    shown = {plain_title(name): f"{100 * expected[name]:.1f}" for name in order}
    assert scores == shown
    assert "frames right (MoF)" in scores
    outcome = asot("evaluate", run, "--published")
    published = {plain_title(name): f"{100 * expected[name]:.1f}" for name in PUBLISHED}
    assert printed_scores(outcome.out) == shown | published
    assert outcome.out.count("can exceed 100.") == 1
    assert file.read_bytes() == before


def test_evaluate_by_the_names_that_people_gave(
    asot, trained: Path, toys: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    file = run / "predictions" / "scores.json"
    outcome = asot("evaluate", run, "--by_name")
    assert outcome.code == 2
    assert outcome.sentence.startswith(f"{run / 'predictions'}: has no action with the name of a ")
    matching = json.loads(file.read_bytes())["evaluations"]["activity"]["matching"]["all"]
    names = {"0": CLASSES[matching["0"]], "1": "no such class", "2": CLASSES[matching["2"]]}
    (tmp_path / "names.json").write_text(json.dumps({"names": names, "background": [3]}))
    assert asot("relabel", run, tmp_path / "names.json").code == 0
    outcome = asot("evaluate", run, "--by_name")
    assert (outcome.code, outcome.err) == (0, "")
    recordings = DatasetFolder(toys).recordings()
    found = labels(run / "predictions")
    words = [[names.get(str(one), "") for one in found[name]] for name in recordings.names]
    truth = [[CLASSES[one] for one in truth.tolist()] for truth in recordings.ground_truth]
    expected = evaluate(words, truth, matching="name", n_actions=4)
    written = json.loads(file.read_bytes())["evaluations"]["name"]
    assert written["scores"] == pytest.approx(dict(expected))
    assert written["matching"] == {str(matching[one]): matching[one] for one in ("0", "2")}
    lines = outcome.out.splitlines()
    place = lines.index(next(one for one in lines if one.startswith("Actions with the names of ")))
    scores = printed_scores("\n".join(lines[place:]))
    assert scores["frames right (MoF)"] == f"{100 * expected['mof']:.1f}"


def test_evaluate_after_the_data_moved(asot, toys: Path, tmp_path: Path) -> None:
    here = shutil.copytree(toys, tmp_path / "here")
    run = tmp_path / "run"
    words = ("--logger", "none", "--figures", "0")
    assert asot("train", "default", *SHORT, "--data", here, "--out", run, *words).code == 0
    there = here.rename(tmp_path / "there")
    outcome = asot("evaluate", run)
    assert outcome.code == 2
    assert outcome.sentence == (f"{here}: is gone: say where the data set is now with --data.")
    assert asot("evaluate", run, "--data", there).code == 0
    assert asot("evaluate", run, "--data", tmp_path).code == 0, "the only one in that folder"
    assert asot("predict", run, "--data", there).code == 0
    assert asot("evaluate", run / "predictions-there").code == 0


def test_several_activities(asot, tmp_path: Path) -> None:
    for activity, seed in (("[b]tea", 0), ("coffee", 1)):
        corpus = make_recordings(3, n_actions=3, n_frames=(40, 50), width=5, random_state=seed)
        part = write_dataset(corpus, tmp_path / "part", {0: "a", 1: "b", 2: "c"}, overwrite=True)
        for kind, suffix in (("features", ".npy"), ("groundTruth", "")):
            (tmp_path / "all" / kind).mkdir(parents=True, exist_ok=True)
            for number in (1, 2, 3):
                (part / kind / f"recording-{number}{suffix}").rename(
                    tmp_path / "all" / kind / f"{number}_{activity}{suffix}"
                )
    pattern = ("--dataset.activity_pattern", "_([^_]+)$")
    words = ("train", "default", *pattern, "--training.epochs", "1", "--logger", "none")
    words = (*words, "--figures", "1", "--data", str(tmp_path / "all"))
    both = ("--n_actions", "{coffee: 3, '[b]tea': 3}")
    outcome = asot(*words, *both, "--out", tmp_path / "run")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    for one in read_evidence(tmp_path / "run" / EVIDENCE_FILE).values():
        assert any(line.endswith(tell_verdict(one).sentence) for line in lines)
    heads = [line for line in lines if line.startswith("One matching")]
    assert [head.split(" (")[0] for head in heads] == [
        "One matching for each activity",
        "One matching for each recording",
        "One matching for all activities",
    ]
    for name in ("coffee", "[b]tea", "unweighted mean", "frame-weighted mean"):
        assert len([line for line in lines if line.startswith(f"{name} ")]) == 3
    assert len([line for line in lines if line.startswith("recordings' mean ")]) == 1
    models = {path.name for path in (tmp_path / "run" / "models").iterdir()}
    assert models == {"coffee.ckpt", "[b]tea.ckpt"}
    one = ("--n_actions", "3", "--activities", "coffee")
    outcome = asot(*words, *one, "--out", tmp_path / "one")
    assert outcome.code == 0
    assert [line for line in outcome.out.splitlines() if line.split()[:2] == ["score", "coffee"]]
    assert {path.name for path in (tmp_path / "one" / "models").iterdir()} == {"coffee.ckpt"}
    outcome = asot("predict", tmp_path / "run", "--data", tmp_path / "all", "--figures", "0")
    assert (outcome.code, outcome.err) == (0, "")
    there = labels(tmp_path / "run" / "predictions")
    assert labels(tmp_path / "run" / "predictions-all") == there


@contextmanager
def full_disk(limit: int) -> Iterator[None]:
    """A disk that takes no more than ``limit`` bytes of a file."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("limit", [500, 5_000])
def test_the_disk_is_full(asot, trained: Path, toys: Path, tmp_path: Path, limit: int) -> None:
    words = ("train", "default", *SHORT, "--data", toys, "--out", tmp_path / "run")
    with full_disk(limit):
        trains = asot(*words)
        predicts = asot("predict", trained, "--data", toys, "--out", tmp_path / "out")
    for outcome in (trains, predicts):
        assert outcome.code == 1
        assert "File too large" in outcome.sentence or str(tmp_path) in outcome.sentence
    outcome = asot(*words)
    assert outcome.code == 0, "with room on the disk, the same command goes on"
    assert not [name for _, _, files in os.walk(tmp_path) for name in files if name[0] == "."]


def test_pictures_without_matplotlib(
    asot, trained: Path, toys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asot.errors import MissingExtraError

    def draw(*_: object) -> None:
        raise MissingExtraError("matplotlib", "plot", "drawing a figure")

    monkeypatch.setattr("asot.cli.console.draw", draw)
    outcome = asot("predict", trained, "--data", toys, "--out", tmp_path / "out")
    assert (outcome.code, outcome.err) == (0, "")
    assert "No pictures: drawing a figure needs the library 'matplotlib'" in outcome.out
    assert all(path.exists() for path in shown_paths(outcome, tmp_path))
