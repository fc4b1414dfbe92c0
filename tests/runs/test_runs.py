"""Runs: training a folder, using the models again, and everything that can be in the way."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.data import Recordings, write_dataset
from asot.errors import AsotError, ConfigurationError, DataError
from asot.inputs.settings import VideoSettings
from asot.model import features as features_module
from asot.model import training
from asot.model.recipe import Recipe, load_recipe
from asot.runs.page import rewrite_page
from asot.runs.predict import predict_run, predict_share
from asot.runs.predictions import PredictionFolder
from asot.runs.run import Run, plan_run
from asot.runs.scores import score
from asot.runs.segment import earlier_settings
from asot.runs.train import train_run
from asot.shards import Shard
from asot.simulation import make_recordings
from tests.runs.regimes import snapshot

NAMES = {0: "take cup", 1: "pour tea", 2: "stir"}
MakeRecipe = Callable[..., Recipe]
MakeData = Callable[..., Path]


class PowerCutError(Exception):
    """What a test stops a training with."""


@pytest.fixture
def make_data(tmp_path: Path, seed: int) -> MakeData:
    """Writes a folder of recordings; by default without activities."""

    def make(
        name: str = "toys",
        names: tuple[str, ...] = ("P1 cup", "P2 Grüße 茶", "P3"),
        activities: tuple[str, ...] | None = None,
        labelled: bool = True,
        width: int = 5,
        shift: int = 0,
    ) -> Path:
        toys = make_recordings(len(names), 3, (20, 90), width=width, random_state=seed + shift)
        recordings = Recordings.from_arrays(
            [one.features for one in toys],
            names=names,
            ground_truth=[one.ground_truth if labelled else None for one in toys],
            activities=activities,
        )
        return write_dataset(recordings, tmp_path / name, NAMES if labelled else None)

    return make


@pytest.fixture
def train(recipe: Recipe, seed: int, tmp_path: Path) -> Callable[..., Run]:
    def train(data: Path, recipe: Recipe = recipe, out: str = "run", **options: Any) -> Run:
        options = {"seed": seed, "device": "cpu", **options}
        run = train_run(recipe, data, tmp_path / out, **options)
        assert run is not None
        return run

    return train


Train = Callable[..., Run]


def contents(folder: PredictionFolder) -> dict[str, tuple[Any, ...]]:
    return {
        name: (folder.labels(name).tolist(), folder.assignment(name).tobytes())
        for name in folder.models()
    }


def test_a_run_holds_all_that_its_page_says(make_data: MakeData, train: Train) -> None:
    run = train(make_data())
    assert sorted(one.name for one in run.root.iterdir()) == [
        *("logs", "models", "numbers.json", "predictions", "recipe.yaml", "run.json"),
    ]
    assert run.models() == ["all"]
    assert (run.root / "logs" / "all" / "metrics.csv").is_file()
    described = json.loads((run.root / "run.json").read_text())
    parts = {"recipe", "seed", "data", "activities", "extractor", "versions"}
    assert set(described) == parts
    assert load_recipe(str(run.root / "recipe.yaml")) == run.recipe()
    folder = run.predictions
    names = ["P1 cup", "P2 Grüße 茶", "P3"]
    assert list(folder.models()) == names
    for name in names:
        labels, assignment = folder.labels(name), folder.assignment(name)
        assert assignment.shape == (len(labels), 3)
        assert labels.tolist() == assignment.argmax(axis=1).tolist()
    table = (folder.root / "segments.csv").read_text(encoding="utf-8").splitlines()
    assert (
        table[0] == "recording,start_frame,end_frame,start_s,end_s,action,confidence,checked,note"
    )
    assert {line.split(",")[0] for line in table[1:]} == set(names)


def test_a_model_gives_a_training_recording_the_labels_of_training(
    make_data: MakeData, train: Train, tmp_path: Path
) -> None:
    data = make_data()
    run = train(data)
    again = predict_run(run, data, tmp_path / "again")
    assert contents(again) == contents(run.predictions)
    assert (again.root / "segments.csv").read_text() == (
        run.predictions.root / "segments.csv"
    ).read_text()


@pytest.mark.parametrize("standardise", [True, False])
def test_a_recordings_labels_do_not_depend_on_its_company(
    make_data: MakeData, train: Train, make_recipe: MakeRecipe, tmp_path: Path, standardise: bool
) -> None:
    data = make_data()
    run = train(data, make_recipe(dataset={"standardise": standardise}))
    for path in (data / "features").iterdir():
        alone = tmp_path / f"alone {path.stem}"
        (alone / "features").mkdir(parents=True)
        shutil.copy(path, alone / "features" / path.name)
        found = contents(predict_run(run, alone, tmp_path / f"out {path.stem}"))
        assert found == {path.stem: contents(run.predictions)[path.stem]}


def test_training_twice_gives_the_same(make_data: MakeData, train: Train) -> None:
    data = make_data()
    first, second = train(data, out="one"), train(data, out="two")
    assert contents(first.predictions) == contents(second.predictions)


def test_another_folder_without_ground_truth(
    make_data: MakeData, train: Train, tmp_path: Path
) -> None:
    run = train(make_data(labelled=False))
    with pytest.raises(DataError, match="has no ground truth to be compared with"):
        score(run.predictions)
    other = make_data("others", names=("Q1", "Q2"), labelled=False, shift=1)
    folder = predict_run(run, other, tmp_path / "out")
    assert sorted(contents(folder)) == ["Q1", "Q2"]


def test_scores_are_those_of_evaluate(make_data: MakeData, train: Train) -> None:
    from asot.data import DatasetFolder
    from asot.metrics import evaluate

    data = make_data()
    folder = train(data).predictions
    scored = score(folder)
    recordings = DatasetFolder(data).recordings()
    labels = [folder.labels(name) for name in recordings.names]
    # An action may be left without a frame, and is counted all the same.
    expected = evaluate(labels, recordings.ground_truth, n_actions=folder.n_actions("all"))
    assert dict(scored.evaluations["activity"]) == dict(expected)
    written = json.loads((folder.root / "scores.json").read_text())
    assert set(written["evaluations"]) == {"activity", "video"}
    assert written["class_names"] == {str(key): name for key, name in NAMES.items()}


def test_some_recordings_without_ground_truth(make_data: MakeData, train: Train) -> None:
    data = make_data()
    (data / "groundTruth" / "P3").unlink()
    scored = score(train(data).predictions)
    assert scored.recordings.names == ("P1 cup", "P2 Grüße 茶")


def test_the_data_may_move_after_training(
    make_data: MakeData, train: Train, tmp_path: Path
) -> None:
    data = make_data()
    run = train(data)
    expected = dict(score(run.predictions).evaluations["activity"])
    moved = tmp_path / "elsewhere"
    data.rename(moved)
    with pytest.raises(DataError, match="toys"):
        score(run.predictions)
    assert dict(score(run.predictions, moved).evaluations["activity"]) == expected
    assert contents(predict_run(run, moved, tmp_path / "out")) == contents(run.predictions)


ACTIVITIES = ("tea", "tea", "black coffee", "black coffee")
PAIRS = ("T1", "T2", "C1", "C2")


@pytest.fixture
def both(make_recipe: MakeRecipe) -> Recipe:
    return make_recipe(n_actions={"tea": 3, "black coffee": 2, "juice": 4})


def test_each_activity_has_a_model_of_its_own(
    make_data: MakeData, train: Train, both: Recipe, tmp_path: Path
) -> None:
    data = make_data(names=PAIRS, activities=ACTIVITIES)
    run = train(data, both)
    assert sorted(run.models()) == ["black coffee", "tea"]
    found = contents(run.predictions)
    assert run.predictions.assignment("T1").shape[1] == 3
    assert run.predictions.assignment("C1").shape[1] == 2
    assert contents(predict_run(run, data, tmp_path / "again")) == found
    alone = train(data, both, out="alone", activities=["tea"])
    assert contents(alone.predictions) == {name: found[name] for name in ("T1", "T2")}
    scored = score(run.predictions)
    assert set(scored.evaluations) == {"activity", "video", "corpus"}
    # Any recording may be given to one of the models.
    mixed = predict_run(run, data, tmp_path / "mixed", model="tea")
    assert contents(mixed)["T1"] == found["T1"]
    assert mixed.assignment("C1").shape[1] == 3


def test_activities_that_do_not_fit_are_named(
    make_data: MakeData, train: Train, both: Recipe, make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    data = make_data(names=PAIRS, activities=ACTIVITIES)
    with pytest.raises(DataError, match="no recordings of cake; its activities are: black coffee"):
        train(data, both, activities=["cake"])
    with pytest.raises(DataError, match="no recordings of juice"):
        train(data, make_recipe(n_actions={"juice": 3}))
    assert not (tmp_path / "run").exists()
    run = train(data, both)
    other = make_data("others", names=("Q1",), activities=("juice",))
    with pytest.raises(DataError, match=r"activity 'juice', for which .* has no model; it has:"):
        predict_run(run, other, tmp_path / "out")
    with pytest.raises(ConfigurationError, match="has no model 'juice'; it has: black coffee, tea"):
        predict_run(run, other, tmp_path / "out", model="juice")
    assert not (tmp_path / "out").exists()
    assert predict_run(run, other, tmp_path / "out", model="tea").labels("Q1").size


def test_names_that_do_not_fit_the_pattern_do_not_matter_to_a_single_model(
    make_data: MakeData, train: Train, make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    recipe = make_recipe(n_actions={"tea": 3}, dataset={"activity_pattern": "_([^_]+)$"})
    run = train(make_data(names=("P1_tea", "P2_tea")), recipe)
    other = make_data("others", names=("anything",))
    assert list(contents(predict_run(run, other, tmp_path / "out"))) == ["anything"]


def test_a_run_that_was_cut_goes_on(
    make_data: MakeData, train: Train, both: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_data(names=PAIRS, activities=ACTIVITIES)
    whole = train(data, both, out="whole")

    def cut(stage: str, done: int, total: int, note: str = "") -> None:
        if stage == "Training" and note.startswith("tea: ") and done == total // 2 + 2:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        train(data, both, progress=cut)
    run = Run(whole.root.parent / "run")
    with pytest.raises(DataError, match=r"tea\.ckpt is missing|holds no finished predictions"):
        run.predictions.index()
    finished = run.checkpoint("black coffee")
    written = finished.stat().st_mtime_ns
    heard: list[tuple[str, int, int]] = []
    told = lambda stage, done, total, note="": heard.append((stage, done, total))  # noqa: E731
    train(data, both, progress=told)
    assert [one for one in heard if one[0] == "Training"] == [("Training", n, 8) for n in (7, 8)]
    assert finished.stat().st_mtime_ns == written
    assert contents(run.predictions) == contents(whole.predictions)


def test_a_finished_run_may_be_run_again(
    make_data: MakeData, train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_data()
    found = contents(train(data).predictions)
    monkeypatch.setattr(training, "find_devices", None)
    run = train(data)
    assert contents(run.predictions) == found
    assert [one.name for one in (run.root / "logs" / "all").iterdir()] == ["metrics.csv"]


def test_another_run_in_the_same_folder_is_refused(
    make_data: MakeData, train: Train, both: Recipe, seed: int
) -> None:
    data = make_data(names=PAIRS, activities=ACTIVITIES)
    run = train(data, both)
    before = contents(run.predictions)
    other = make_data("others", names=PAIRS, activities=ACTIVITIES)
    stronger = Recipe.from_dict({**both.to_dict(), "order_prior": 0.3})
    attempts: dict[str, Callable[[], Run]] = {
        "recipe.order_prior was 0.15, now 0.3": lambda: train(data, stronger),
        f"seed was {seed}, now {seed + 1}": lambda: train(data, both, seed=seed + 1),
        "activities.black coffee was 2, now None": lambda: train(data, both, activities=["tea"]),
        f"data was '{data}', now '{other}'": lambda: train(other, both),
    }
    for difference, attempt in attempts.items():
        with pytest.raises(ConfigurationError) as caught:
            attempt()
        assert str(caught.value) == (
            f"{run.root} holds another run ({difference}): choose another --out, or remove it."
        )
    assert contents(run.predictions) == before


def test_another_width_is_named(make_data: MakeData, train: Train, tmp_path: Path) -> None:
    run = train(make_data())
    wide = make_data("wide", width=7)
    with pytest.raises(DataError, match=r"features of 7 columns, but the model 'all' .* on 5"):
        predict_run(run, wide, tmp_path / "out")


def test_what_is_no_run_is_named(make_data: MakeData, train: Train, tmp_path: Path) -> None:
    data = make_data()
    with pytest.raises(DataError, match=r"is not a run: it holds no run\.json"):
        predict_run(Run(tmp_path / "nothing"), data, tmp_path / "out")
    run = train(data)
    good = json.loads((run.root / "run.json").read_text())
    for values in (
        *(None, [], {**good, "seed": "x"}, {**good, "seed": -1}, {**good, "activities": {}}),
        *({**good, "activities": {name: 3}} for name in ("../../up", "/etc/passwd", "..", "")),
        *({**good, "activities": {"all": count}} for count in (0, 10**30, 4, True)),
        *({**good, "recipe": recipe} for recipe in (3, {"team": "x"}, {"strange": 1})),
        {name: one for name, one in good.items() if name != "extractor"},
    ):
        (run.root / "run.json").write_text("{" if values is None else json.dumps(values))
        with pytest.raises(AsotError) as caught:
            predict_run(run, data, tmp_path / "out")
        assert caught.value.file is not None
        assert caught.value.file.parent in (run.root, run.root / "models")
    assert not (tmp_path / "out").exists()


def test_a_missing_or_damaged_model_is_named(
    make_data: MakeData, train: Train, tmp_path: Path
) -> None:
    data = make_data()
    run = train(data)
    run.checkpoint("all").write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"all\.ckpt: cannot be read as a checkpoint"):
        predict_run(run, data, tmp_path / "out")
    run.checkpoint("all").unlink()
    with pytest.raises(DataError, match=r"all\.ckpt: is missing: the training is not finished"):
        predict_run(run, data, tmp_path / "out")


def test_defects_of_the_data_are_found_before_training(
    make_data: MakeData, train: Train, tmp_path: Path
) -> None:
    data = make_data()
    np.save(data / "features" / "P3.npy", np.full((9, 5), np.nan, dtype=np.float32))
    with pytest.raises(DataError, match=r"P3\.npy"):
        train(data)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of frames of all recordings that were decoded."""
    from asot.model import network

    heard: list[int] = []
    original = network.decode

    def decode(model: Any, features: Any, known: Any = None) -> Any:
        heard.append(len(features))
        return original(model, features, known)

    monkeypatch.setattr(network, "decode", decode)
    return heard


def cut(stage: str, done: int, total: int, note: str = "") -> None:
    """Stop at the second recording that is segmented."""
    if (stage, done) == ("Segmenting", 2):
        raise PowerCutError


def test_a_prediction_that_was_cut_goes_on_and_decodes_nothing_twice(
    make_data: MakeData, train: Train, tmp_path: Path, decoded: list[int]
) -> None:
    data = make_data()
    run = train(data)
    whole = contents(predict_run(run, data, tmp_path / "whole"))
    out = tmp_path / "out"
    decoded.clear()
    with pytest.raises(PowerCutError):
        predict_run(run, data, out, progress=cut)
    with pytest.raises(DataError, match="holds no finished predictions"):
        score(PredictionFolder(out))
    assert len(decoded) == 2
    assert contents(predict_run(run, data, out)) == whole
    assert len(decoded) == len(whole)
    # What is half there, or of other features or another model, is decoded again.
    name = next(iter(whole))
    (out / "labels" / f"{name}.txt").write_text("0\n")
    assert contents(predict_run(run, data, out)) == whole
    assert len(decoded) == len(whole) + 1
    features = data / "features" / f"{name}.npy"
    np.save(features, np.load(features))
    assert contents(predict_run(run, data, out)) == whole
    assert len(decoded) == len(whole) + 2
    other = train(data, out="other", seed=1)
    decoded.clear()
    expected = contents(other.predictions)
    assert contents(predict_run(other, data, out)) == expected
    assert len(decoded) == len(whole)


@pytest.mark.parametrize("ends", ["decoding", "renumbering"])
def test_a_training_that_was_cut_decodes_nothing_twice(
    make_data: MakeData,
    train: Train,
    tmp_path: Path,
    decoded: list[int],
    ends: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = make_data()
    whole = contents(train(data).predictions)
    decoded.clear()
    if ends == "decoding":
        with pytest.raises(PowerCutError):
            train(data, out="cut", progress=cut)
    else:
        from asot.runs import segmenting

        with monkeypatch.context() as patch:
            patch.setattr(segmenting, "renumber", fail_at_second_number())
            with pytest.raises(PowerCutError):
                train(data, out="cut")
    assert not Run(tmp_path / "cut").finished
    found = train(data, out="cut").predictions
    assert contents(found) == whole
    assert len(decoded) == len(whole)
    assert not (tmp_path / "cut" / "drafts").exists()
    train(data, out="cut")
    assert len(decoded) == len(whole), "a finished run is not decoded again"


def fail_at_second_number() -> Callable[..., Any]:
    """Renumber one recording, and fail at the next."""
    from asot.runs.numbers import renumber

    calls = 0

    def renumbered(labels: Any, assignment: Any, order: Any) -> Any:
        nonlocal calls
        calls += order is not None
        if calls == 2:
            raise PowerCutError
        return renumber(labels, assignment, order)

    return renumbered


def test_settings_that_were_found_are_not_sought_again(
    make_data: MakeData, train: Train, make_recipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asot.model import automatic

    calls: list[str] = []
    for name in ("find_radius", "find_n_actions", "find_order"):
        original = getattr(automatic, name)

        def counted(*given: Any, name: str = name, original: Any = original, **options: Any) -> Any:
            calls.append(name)
            return original(*given, **options)

        monkeypatch.setattr(automatic, name, counted)
    data = make_data(labelled=False)
    recipe = make_recipe(n_actions="auto", order_prior="auto")
    recipe.transport_eval.radius = "auto"

    whole = train(data, recipe)
    assert sorted(calls) == ["find_n_actions", "find_order", "find_radius", "find_radius"]
    calls.clear()

    def stop(stage: str, done: int, total: int, note: str = "") -> None:
        if stage == "Training":
            raise PowerCutError

    with pytest.raises(PowerCutError):
        train(data, recipe, out="cut", progress=stop)
    assert len(calls) == 4
    again = train(data, recipe, out="cut")
    assert len(calls) == 4
    for name in ("evidence.json", "found.json", "run.json"):
        assert (again.root / name).read_bytes() == (whole.root / name).read_bytes()
    train(data, recipe, out="other", seed=5)
    assert len(calls) == 8, "another seed may find others"


def test_shards_that_nobody_tells_of_each_other(
    make_data: MakeData, train: Train, tmp_path: Path
) -> None:
    data, out = make_data(), tmp_path / "out"
    run = train(data)
    whole = contents(predict_run(run, data, tmp_path / "whole"))
    shares = [predict_share(run, data, out, Shard(number, 2)) for number in (2, 1)]
    assert sum(one.own for one in shares) == len(whole)
    assert [one.left for one in shares] == [len(whole) - shares[0].own, 0]
    assert contents(PredictionFolder(out)) == whole
    before = snapshot(out)
    assert predict_share(run, data, out, Shard(1, 2)).left == 0
    assert snapshot(out) == before
    # Features that have changed are segmented anew, by whoever comes first.
    first = Shard(1, 2).take({name: len(labels) for name, (labels, _) in whole.items()})
    path = data / "features" / f"{min(first)}.npy"
    np.save(path, np.load(path)[::-1])
    assert [predict_share(run, data, out, Shard(i, 2)).left for i in (2, 1)] == [1, 0]


def test_no_half_written_file_is_ever_seen(
    make_data: MakeData, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = train(make_data()).predictions
    before = contents(folder)

    def fail(stream: Any, *arguments: Any, **options: Any) -> None:
        stream.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        folder.write("P3", folder.labels("P3"), np.zeros((1, 3), dtype=np.float32))
    assert contents(folder) == before
    assert not [path for path in folder.root.rglob("*") if path.name.startswith(".")]


def test_labels_of_another_length_than_the_truth_are_named(
    make_data: MakeData, train: Train
) -> None:
    data = make_data()
    folder = train(data).predictions
    labels = folder.labels("P3")
    folder.write("P3", labels[:-1], folder.assignment("P3")[:-1])
    with pytest.raises(DataError, match=f"has {len(labels) - 1} labels for P3, which has"):
        score(folder)


def test_damaged_predictions_are_named(make_data: MakeData, train: Train) -> None:
    folder = train(make_data()).predictions
    path, array = folder.root / "labels" / "P3.txt", folder.root / "assignments" / "P3.npy"
    labels, good = folder.labels("P3"), np.load(array)
    lines = [str(label) for label in labels]
    for first in ("nought", "", "-2", "3", "9" * 30, "1.5"):
        path.write_text("\n".join([first, *lines[1:]]))
        with pytest.raises(DataError) as caught:
            folder.labels("P3")
        assert caught.value.file == path
    path.write_text("\n".join(lines[1:]))
    with pytest.raises(DataError, match=f"has {len(lines) - 1} labels where"):
        folder.labels("P3")
    path.write_text("\n".join(lines))
    for values in (good * np.nan, -good, good.astype("U3"), good[..., None], good[0], good[:0]):
        np.save(array, values)
        with pytest.raises(DataError) as caught:
            folder.assignment("P3")
        assert caught.value.file == array
    np.save(array, good[:, :2])
    with pytest.raises(DataError, match="different numbers of actions for the model 'all'"):
        folder.n_actions("all")
    array.write_bytes(b"\x80\x04.")
    for name in ("P3", "nobody"):
        for read in (folder.labels, folder.assignment):
            with pytest.raises(DataError) as caught:
                read(name)
            assert caught.value.file is not None
            assert caught.value.file.stem == name


def test_an_altered_index_is_named(make_data: MakeData, train: Train) -> None:
    folder = train(make_data()).predictions
    path = folder.root / "predictions.json"
    good = json.loads(path.read_text())
    first, *others = good["recordings"]
    altered = [
        *({**first, "model": name} for name in ("/etc/x", "../../x", "..", "", "a\0b", None)),
        *({**first, "name": name} for name in ("/etc/x", "../../x", "..", 3, others[0]["name"])),
        {**first, "strange": 1},
        {"name": "P1"},
    ]
    wrong: list[Any] = [{**good, "recordings": [one, *others]} for one in altered]
    wrong += [{**good, "recordings": []}, {"recordings": [first]}, [], None, "x"]
    wrong += [{**good, "source": {**good["source"], key: value}} for key, value in (
        ("root", 3), ("frame_rate", -1), ("frame_rate", "x"), ("exclude", [10**30]), ("exclude", 1),
    )]  # fmt: skip
    for values in wrong:
        path.write_text(json.dumps(values))
        with pytest.raises(AsotError) as caught:
            folder.index()
        assert caught.value.file == path


def test_a_refused_prediction_leaves_the_earlier_one(tmp_path: Path, make_recipe: Any) -> None:
    for name, width, count in (("five", 5, 2), ("other", 5, 1), ("six", 6, 2)):
        made = make_recordings(count, 3, (40, 60), width=width, random_state=0)
        write_dataset(made, tmp_path / name, {k: f"act {k}" for k in range(3)})
    run = train_run(make_recipe(), tmp_path / "five", tmp_path / "run", device="cpu")
    assert isinstance(run, Run)
    out = tmp_path / "out"
    predict_run(run, tmp_path / "five", out)
    with pytest.raises(DataError, match="6 columns"):
        predict_run(run, tmp_path / "six", out)
    assert (out / "predictions.json").is_file()
    (out / "scores.json").write_text("{}")
    predict_run(run, tmp_path / "other", out)
    assert len(list((out / "labels").iterdir())) == 1
    assert not (out / "scores.json").exists()
    for taken in (tmp_path / "five", tmp_path / "run"):
        with pytest.raises(ConfigurationError, match="choose another --out"):
            predict_run(run, tmp_path / "five", taken)


def test_without_a_number_of_actions_the_classes_are_counted(
    make_data: MakeData,
    make_recipe: MakeRecipe,
    caplog: pytest.LogCaptureFixture,
) -> None:
    data = make_data(names=PAIRS, activities=ACTIVITIES)
    recipe = make_recipe(n_actions=None)
    plan = plan_run(recipe, data)
    truth = [one.ground_truth for one in plan.dataset.recordings()]
    classes = np.unique(np.concatenate([one for one in truth if one is not None]))
    assert plan.n_actions == {"all": len(classes)}
    assert "as many as the ground truth has classes" in caplog.text
    excluded = make_recipe(n_actions=None, dataset={"exclude": [int(classes[0])]})
    assert plan_run(excluded, data).n_actions == {"all": len(classes) - 1}
    assert set(plan_run(recipe, data, ["each"]).activities) == set(ACTIVITIES)
    assert plan_run(recipe, data).numbers == {}, "nothing was looked for"


@pytest.mark.parametrize("n_actions", [None, "auto"])
def test_without_ground_truth_the_number_of_actions_is_found(
    make_data: MakeData, make_recipe: MakeRecipe, seed: int, n_actions: str | None
) -> None:
    data = make_data(labelled=n_actions == "auto")
    heard: list[str] = []

    def report(stage: str, done: int, total: int, note: str = "") -> None:
        heard.append(stage)

    plan = plan_run(make_recipe(n_actions=n_actions), data, progress=report, seed=seed)
    found = plan.numbers["all"]
    assert plan.n_actions == {"all": found.chosen}
    assert found.chosen in found.numbers
    assert {"Finding a first time scale", "Counting the actions"} <= set(heard)
    again = plan_run(make_recipe(n_actions=n_actions), data, seed=seed)
    assert again.numbers == plan.numbers


def test_a_fresh_run_reads_each_recording_once_to_tell_it_from_others(
    make_data: MakeData, make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, digest = [], features_module._digest

    def counted(recording: Any) -> bytes:
        read.append(digest(recording))
        return read[-1]

    monkeypatch.setattr(features_module, "_digest", counted)
    data, recipe = make_data(), make_recipe(n_actions="auto", training={"epochs": 1})
    run = train_run(recipe, data, tmp_path / "run", device="cpu")
    assert run is not None
    assert len(read) == len(set(read)) == len(run.predictions.models())


def test_an_activity_that_the_recipe_has_no_number_for_is_named(
    make_data: MakeData, train: Train, make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    data = make_data(names=PAIRS, activities=ACTIVITIES)
    recipe = make_recipe(n_actions={ACTIVITIES[0]: 3})
    other = next(one for one in ACTIVITIES if one != ACTIVITIES[0])
    with pytest.raises(ConfigurationError, match="does not say how many actions to look for"):
        train(data, recipe, activities=[other])
    assert not (tmp_path / "run").exists()


def test_the_predictions_of_a_segmentation_lie_beside_its_run(tmp_path: Path) -> None:
    request = {"inputs": {}, "data": "x", "video": None, "series": None, "recipe": {}, "seed": 0}
    run = Run(tmp_path / "run")
    assert run.predictions.root == run.root / "predictions"
    (tmp_path / "segment.json").write_text(json.dumps({**request, "model": None}))
    assert run.predictions.root == tmp_path / "predictions"
    assert Run(tmp_path / "other").predictions.root == tmp_path / "other" / "predictions"
    # Where a model was applied, the predictions there are not those of a run.
    (tmp_path / "segment.json").write_text(json.dumps({**request, "model": "elsewhere"}))
    assert run.predictions.root == run.root / "predictions"
    (tmp_path / "segment.json").write_text("[]")
    with pytest.raises(DataError) as caught:
        _ = run.predictions
    assert caught.value.file == tmp_path / "segment.json"


@pytest.mark.parametrize(
    ("backbone", "trusted"),
    [
        ("efficientnet-lite0", True),
        ("nets/own.onnx", True),
        ("hf:somebody/net.onnx", False),
        ("hf:somebody/efficientnet-lite0", False),
        ("module:function", False),
    ],
)
def test_a_network_of_a_strangers_results_is_not_run_unasked(
    tmp_path: Path, backbone: str, trusted: bool
) -> None:
    request = {"inputs": {}, "data": "x", "series": None, "recipe": {}, "seed": 0, "model": None}
    video = {"video": {"backbone": backbone}}
    (tmp_path / "segment.json").write_text(json.dumps(request | video))
    if trusted:
        assert earlier_settings(tmp_path)[0] == VideoSettings(backbone)
    else:
        with pytest.raises(ConfigurationError, match="say --backbone"):
            earlier_settings(tmp_path)
    assert earlier_settings(tmp_path, backbone)[0] == VideoSettings(backbone)


def test_an_altered_page_is_named(make_data: MakeData, train: Train) -> None:
    folder = train(make_data()).predictions
    results = folder.root.parent
    assert rewrite_page(folder, results) == []
    good = {"embed": False, "others": {"gone": "/nowhere"}}
    path = results / "page" / "page.json"
    path.parent.mkdir()
    for values in ([], {**good, "embed": 1}, {**good, "others": {"x": 3}}, {"embed": True}):
        path.write_text(json.dumps(values))
        with pytest.raises(DataError) as caught:
            rewrite_page(folder, results)
        assert caught.value.file == path
    path.write_text(json.dumps(good))
    assert rewrite_page(folder, results) == [results / "page" / "index.html"]
