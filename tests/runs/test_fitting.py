"""The models of a run whose settings are found: the evidence, teams and networks, going on."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.data import Recordings, write_dataset
from asot.model import learners as room
from asot.model.checkpoint import load_model
from asot.model.network import ActionModel
from asot.model.recipe import Recipe, load_recipe
from asot.model.team import KINDS, SCALES, TeamModel
from asot.runs.predict import predict_run
from asot.runs.predictions import PredictionFolder
from asot.runs.run import Run
from asot.runs.train import train_run
from asot.simulation import make_recordings
from asot.workers import Workers

MakeRecipe = Callable[..., Recipe]
Train = Callable[..., Run]
ACTIVITIES = ("tea", "tea", "tea", "coffee", "coffee", "coffee")
# Left to be found.
OPEN = {
    **{"order_prior": "auto", "transport_train": {"radius": "auto"}},
    "transport_eval": {"radius": "auto"},
}


class PowerCutError(Exception):
    """What a test stops a training with."""


@pytest.fixture
def data(tmp_path: Path, seed: int) -> Path:
    """Six unlabelled recordings of two activities."""
    made = make_recordings(6, 3, (30, 60), width=5, random_state=seed)
    recordings = Recordings.from_arrays(
        [one.features for one in made],
        names=[f"P{i}" for i in range(6)],
        activities=ACTIVITIES,
    )
    return write_dataset(recordings, tmp_path / "toys")


@pytest.fixture
def train(data: Path, seed: int, tmp_path: Path) -> Train:
    def train(recipe: Recipe, out: str = "run", **options: Any) -> Run:
        options = {"seed": seed, "device": "cpu", **options}
        run = train_run(recipe, data, tmp_path / out, **options)
        assert run is not None
        return run

    return train


def evidence(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.root / "evidence.json").read_text(encoding="utf-8"))
    return found


def contents(folder: PredictionFolder) -> dict[str, tuple[bytes, bytes]]:
    return {
        one.name: (
            folder.labels(one.name).tobytes(),
            folder.assignment(one.name).tobytes(),
        )
        for one in folder.index().recordings
    }


def test_a_team_of_a_run(train: Train, make_recipe: MakeRecipe, data: Path, tmp_path: Path) -> None:
    recipe = make_recipe(team=1, dataset={"frame_rate": 25.0}, **OPEN)
    run = train(recipe)
    (name, found), *others = evidence(run).items()
    assert (name, others) == ("all", [])
    model = load_model(run.checkpoint("all"))
    assert isinstance(model, TeamModel)
    settled = model.recipe
    assert settled.transport_eval.radius == found["radius"]["chosen"]
    assert settled.order_prior == pytest.approx(0.15 * found["order"]["strength"])
    assert found["n_actions"] is None, "given"
    assert found["frame_rate"] == 25
    assert [one["name"] for one in found["learners"]] == [one.title for one in model.learners]
    assert sum(one["weight"] for one in found["learners"]) == pytest.approx(1)
    assert all(-1 <= one["agreement"] <= 1 for one in found["learners"])
    assert [one.name for one in (run.root / "models").iterdir()] == ["all.ckpt"]
    # The run's recipe is still open: it can be used for other recordings.
    assert run.recipe() == recipe
    assert load_recipe(str(run.root / "recipe.yaml")) == recipe
    again = predict_run(run, data, tmp_path / "again")
    assert contents(again) == contents(run.predictions)
    for labels, assignment in contents(again).values():
        shares = np.frombuffer(assignment, np.float32).reshape(-1, 3)
        assert len(shares) == len(np.frombuffer(labels, np.int64))
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)


def test_each_activity_has_evidence_of_its_own(train: Train, make_recipe: MakeRecipe) -> None:
    heard: list[str] = []
    run = train(
        make_recipe(team=1, n_actions="auto", training={"epochs": 1}, **OPEN),
        activities=["each"],
        progress=lambda stage, done, total, note="": heard.append(
            f"{stage} of {note.partition(':')[0]}"
        ),
    )
    found = evidence(run)
    assert set(found) == {"tea", "coffee"}
    assert {name: one["n_actions"]["chosen"] for name, one in found.items()} == run.n_actions()
    for name, one in found.items():
        model = load_model(run.checkpoint(name))
        assert model.n_actions == one["n_actions"]["chosen"]
        assert model.recipe.transport_eval.radius == one["radius"]["chosen"]
        assert one["frame_rate"] is None
        assert f"Training of {name}" in heard
        assert f"Finding the time scale of {name}" in heard
        assert f"Counting the actions of {name}" in heard


def test_a_single_network_whose_settings_are_found(train: Train, make_recipe: MakeRecipe) -> None:
    run = train(make_recipe(**OPEN))
    found = evidence(run)["all"]
    assert "learners" not in found
    model = load_model(run.checkpoint("all"))
    assert isinstance(model, ActionModel)
    lengths = [len(run.predictions.labels(f"P{i}")) for i in range(6)]
    radius = found["radius"]["chosen"]
    assert model.recipe.transport_eval.radius == radius
    assert model.recipe.transport_train.radius == pytest.approx(radius / np.mean(lengths))
    assert model.order_prior == pytest.approx(0.15 * found["order"]["strength"])
    assert (run.root / "logs" / "all" / "metrics.csv").is_file()


@pytest.mark.parametrize("team", [0, 1])
def test_what_is_given_is_not_looked_for(train: Train, make_recipe: MakeRecipe, team: int) -> None:
    run = train(make_recipe(team=team, training={"epochs": 1}))
    if team:
        found = evidence(run)["all"]
        assert (found["radius"], found["order"], found["n_actions"]) == (None, None, None)
        assert found["choice"]["names"] == ["team", "frames alone", "the paper's network"]
        assert found["trust"]["verdict"] in ("good", "mixed", "weak")
        counts = {"team": (len(KINDS) + 1) * len(SCALES) + 1, "frames alone": 1 + len(SCALES)}
        assert len(found["learners"]) == counts.get(found["choice"]["chosen"], 1)
    else:
        assert not (run.root / "evidence.json").exists()


def test_training_twice_gives_the_same(train: Train, make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(team=1, **OPEN)
    first, second = train(recipe, "one"), train(recipe, "two")
    assert contents(first.predictions) == contents(second.predictions)
    assert evidence(first) == evidence(second)


@pytest.mark.slow
def test_all_that_a_run_leaves_is_the_same_from_other_processes(
    train: Train, make_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe(team=1, **OPEN)
    here = train(recipe, "here")
    alone = partial(Workers(1).run, apart=True)
    monkeypatch.setattr(Workers, "run", lambda self, *jobs, **options: alone(*jobs))
    there = train(recipe, "there")
    files = sorted(one.relative_to(here.root) for one in here.root.rglob("*") if one.is_file())
    assert files == sorted(
        one.relative_to(there.root) for one in there.root.rglob("*") if one.is_file()
    )
    for one in files:
        assert (here.root / one).read_bytes() == (there.root / one).read_bytes(), one


def test_a_team_that_was_cut_goes_on_from_its_learners(
    train: Train, make_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # learners one by one, so that they can be counted
    recipe = make_recipe(team=1, **OPEN)
    whole = train(recipe, "whole")
    original, calls = room.train, 0

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise PowerCutError
        return original(*arguments, **options)

    monkeypatch.setattr(room, "train", counted)
    with pytest.raises(PowerCutError):
        train(recipe, "cut")
    assert not Run(tmp_path / "cut").finished
    assert len(list((tmp_path / "cut" / "models" / "all").rglob("*.ckpt"))) == 2
    run = train(recipe, "cut")
    # Networks alone are counted; the third began twice.
    networks = sum(one.encoder is not None for one in KINDS) * len(SCALES) + 1
    assert calls == networks + 1, "the two that were done were not trained again"
    assert contents(run.predictions) == contents(whole.predictions)
    assert evidence(run) == evidence(whole)
    assert [one.name for one in (run.root / "models").iterdir()] == ["all.ckpt"]
    train(recipe, "cut")
    assert calls == networks + 1, "a run that is finished trains nothing"


def test_a_network_that_was_cut_goes_on_with_what_was_found(
    train: Train, make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    recipe = make_recipe(**OPEN)
    whole = train(recipe, "whole")

    def cut(stage: str, done: int, total: int, note: str = "") -> None:
        if (stage, done) == ("Training", 2):
            raise PowerCutError

    with pytest.raises(PowerCutError):
        train(recipe, "cut", progress=cut)
    assert Run(tmp_path / "cut").checkpoint("all").is_file()
    run = train(recipe, "cut")
    assert contents(run.predictions) == contents(whole.predictions)
    assert evidence(run) == evidence(whole)


def test_the_default_recipe_does_not_collapse(tmp_path: Path, seed: int) -> None:
    """With a setting under which single networks leave actions empty."""
    made = make_recordings(6, 5, (80, 160), random_state=seed)
    data = write_dataset(made, tmp_path / "data", {k: f"act {k}" for k in range(5)})
    recipe = load_recipe("default")
    recipe.n_actions, recipe.team = 5, 1
    recipe.transport_train.lambda_actions = 0.03
    recipe.training.frames_per_recording, recipe.training.kmeans_restarts = 64, 3
    run = train_run(recipe, data, tmp_path / "run", seed=seed, device="cpu")
    assert run is not None
    labels = [run.predictions.labels(name) for name in contents(run.predictions)]
    assert len(np.unique(np.concatenate(labels))) >= 3
