"""Validation scores, and the loggers that take them: of single networks and of teams."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from asot.data import Recordings
from asot.errors import ConfigurationError, DataError, MissingExtraError
from asot.metrics import evaluate
from asot.model.devices import find_devices
from asot.model.features import Batches, PreparedFeatures
from asot.model.learners import train_team
from asot.model.loggers import SCORES, check_logger, make_logger
from asot.model.network import ActionModel
from asot.model.recipe import Recipe
from asot.model.team import KINDS
from asot.model.training import draw_model, score_evenly, train
from asot.runs.train import _draw

MakeRecipe = Callable[..., Recipe]
Score = Callable[..., dict[str, float]]


@pytest.fixture
def model(recipe: Recipe, seed: int) -> ActionModel:
    return draw_model(recipe, 5, 3, seed).eval()


@pytest.fixture
def score(recordings: Recordings, seed: int, model: ActionModel) -> Score:
    def score(truth: Any, model: ActionModel = model) -> dict[str, float]:
        batches = Batches(PreparedFeatures(recordings.features, True), 32, 2, seed)
        return score_evenly(model, batches, truth, find_devices("cpu"), None, 0)

    return score


def evenly(
    model: ActionModel, recordings: Recordings
) -> tuple[list[np.ndarray], list[np.ndarray], list[float], list[int]]:
    """Labels, ground truth, losses and numbers of the frames that validation takes."""
    batches = Batches(PreparedFeatures(recordings.features, True), 32, 1, 0)
    labels, truths, losses, lengths = [], [], [], []
    for index, (batch, recording) in enumerate(zip(batches.even(), recordings, strict=True)):
        n = int(batch.lengths)
        x = batch.features[:, :n]
        labels.append(model.decode(x[0]).labels.numpy())
        truths.append(recording.ground_truth[batches.frames(index, recording.n_frames, None)])
        losses.append(model.loss(x, torch.tensor([n])).item())
        lengths.append(n)
    return labels, truths, losses, lengths


def test_validation_scores_the_frames_it_takes(
    model: ActionModel, recordings: Recordings, score: Score
) -> None:
    found = score(recordings.ground_truth)
    labels, truths, losses, lengths = evenly(model, recordings)
    expected = evaluate(labels, truths)
    assert found["val_loss"] == pytest.approx(np.average(losses, weights=lengths), rel=1e-4)
    assert found == pytest.approx(
        {"val_loss": found["val_loss"], **{f"val_{name}": expected[name] for name in SCORES}}
    )


def test_recordings_without_truth_are_left_out_of_the_scores(
    model: ActionModel, recordings: Recordings, score: Score
) -> None:
    truth = [one if i in (0, 3) else None for i, one in enumerate(recordings.ground_truth)]
    found = score(truth)
    labels, truths, _, _ = evenly(model, recordings)
    expected = evaluate([labels[0], labels[3]], [truths[0], truths[3]])
    assert {name: found[f"val_{name}"] for name in SCORES} == pytest.approx(
        {name: expected[name] for name in SCORES}
    )


@pytest.mark.parametrize("truth", [None, [None] * 5])
def test_no_truth_no_scores(score: Score, truth: Any) -> None:
    assert set(score(truth)) == {"val_loss"}


def test_labels_of_another_length_are_named(recordings: Recordings, score: Score) -> None:
    truth = [one.ground_truth[:-1] for one in recordings]
    with pytest.raises(DataError, match="Recording 0 has 200 frames, but 199 labels"):
        score(truth)


def test_frames_that_are_all_excluded_stop_no_validation(
    recordings: Recordings, make_recipe: MakeRecipe, score: Score, caplog: Any
) -> None:
    model = draw_model(make_recipe(dataset={"exclude": [-1]}), 5, 3, 0)
    truth = [np.full(one.n_frames, -1) for one in recordings]
    assert set(score(truth, model)) == {"val_loss"}
    assert "no val scores" in caplog.text


def test_excluded_classes_are_left_out(
    recordings: Recordings, make_recipe: MakeRecipe, seed: int, score: Score
) -> None:
    model = draw_model(make_recipe(dataset={"exclude": [0]}), 5, 3, seed)
    labels, truths, _, _ = evenly(model, recordings)
    expected = evaluate(labels, truths, exclude=[0])
    assert score(recordings.ground_truth, model)["val_mof"] == pytest.approx(expected["mof"])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def fit_logged(
    name: str, folder: Path, recordings: Recordings, recipe: Recipe, **options: Any
) -> None:
    train(
        PreparedFeatures(recordings.features, True),
        recipe,
        3,
        device="cpu",
        make_log=lambda: make_logger(name, folder, "toys", _draw),
        ground_truth=recordings.ground_truth,
        validate=True,
        **options,
    )


def test_csv_holds_losses_and_scores(
    recordings: Recordings, make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    recipe = make_recipe(training={"epochs": 4, "validate_every": 2})
    fit_logged("csv", tmp_path / "logs", recordings, recipe)
    found = rows(tmp_path / "logs" / "metrics.csv")
    assert [row["epoch"] for row in found] == ["0", "1", "2", "3", "4"]
    losses = [float(row["train_loss"]) for row in found if row["train_loss"]]
    assert len(losses) == 4
    # Before the first epoch, after the second and after the fourth.
    for name in ("val_loss", *(f"val_{score}" for score in SCORES)):
        values = [float(row[name]) for row in found if row[name]]
        assert len(values) == 3, name
        assert np.isfinite(values).all()


def test_the_csv_of_an_interrupted_training_goes_on(
    recordings: Recordings, recipe: Recipe, tmp_path: Path
) -> None:
    def interrupt(stage: str, done: int, total: int, note: str = "") -> None:
        if done == 3:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "one.ckpt"
    with pytest.raises(KeyboardInterrupt):
        fit_logged("csv", tmp_path, recordings, recipe, checkpoint=checkpoint, progress=interrupt)
    before = rows(tmp_path / "metrics.csv")
    assert [int(row["epoch"]) for row in before] == [0, 1, 2, 3]
    fit_logged("csv", tmp_path, recordings, recipe, checkpoint=checkpoint)
    after = rows(tmp_path / "metrics.csv")
    assert after[:4] == before
    assert [int(row["epoch"]) for row in after] == [0, 1, 2, 3, 4]
    # Trained anew, it is written anew; whatever else the file held is no reason to stop.
    (tmp_path / "metrics.csv").write_bytes(b"epoch\x00,\xff\n1,2,3,4\n\n")
    checkpoint.unlink()
    fit_logged("csv", tmp_path, recordings, recipe, checkpoint=checkpoint)
    assert rows(tmp_path / "metrics.csv") == after


def test_each_learner_of_a_team_logs_under_its_own_name(
    recordings: Recordings, make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    recipe = make_recipe(team=2, transport_eval={"radius": 5}, training={"epochs": 2})
    features = PreparedFeatures(recordings.features, True)
    train_team(features, recipe, 3, make_log=lambda name: make_logger("csv", tmp_path / name, name))
    titles = [one.title for one in KINDS if one.encoder is not None]  # there is no order
    names = [f"{n} {one}" for n in (1, 2, 3, 4) for one in titles]
    names.append("the paper's network")
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(names)
    for name in names:
        losses = [float(row["train_loss"]) for row in rows(tmp_path / name / "metrics.csv")]
        assert len(losses) == 2
        assert np.isfinite(losses).all()


def test_tensorboard_gets_scores_and_pictures(
    recordings: Recordings, recipe: Recipe, tmp_path: Path
) -> None:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    fit_logged("tensorboard", tmp_path / "logs", recordings[[0, 1]], recipe)
    found = accumulators.EventAccumulator(str(tmp_path / "logs")).Reload().Tags()
    assert {"train_loss", "val_loss", "val_mof"} <= set(found["scalars"])
    drawings = {
        f"recording_{i}/{n}" for i in (0, 1) for n in ("affinity", "assignment", "pairwise")
    }
    assert drawings == set(found["images"])


def test_loggers_need_no_pictures(recordings: Recordings, recipe: Recipe, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    train(
        PreparedFeatures(recordings.features, True),
        recipe,
        3,
        make_log=lambda: make_logger("tensorboard", tmp_path, "toys"),
        validate=True,
    )


def test_unknown_and_missing_loggers_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="one of csv, tensorboard, wandb, none, but is 'x"):
        check_logger("xml")
    monkeypatch.setattr("asot.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'run pip install "asot\[wandb\]"'):
        make_logger("wandb", Path("nowhere"), "toys")
    assert make_logger("none", Path("nowhere"), "toys") is None
    assert not Path("nowhere").exists()


def test_wandb_offline(
    recordings: Recordings, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    for name in ("WANDB_DIR", "WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "wandb"))
    monkeypatch.chdir(tmp_path)
    for activity in ("tea", "coffee"):
        fit_logged("wandb", tmp_path / activity, recordings[[0]], recipe)
        # A run of its own for each training, with the pictures.
        (run,) = (tmp_path / activity / "wandb").glob("offline-run-*")
        assert len(list(run.glob("files/media/images/recording_0/*.png"))) >= 3
