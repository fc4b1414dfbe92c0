"""The Lightning face: a plain Trainer, scores, and loggers."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch

from asot.data import Recordings
from asot.errors import ConfigurationError, MissingExtraError
from asot.metrics import evaluate
from asot.model.datamodule import RecordingsModule
from asot.model.features import prepare
from asot.model.loggers import check_logger, close_logger, make_logger
from asot.model.module import LOGGED_SCORES, ActionSegmentation
from asot.model.network import decode
from asot.model.recipe import Recipe
from asot.model.training import fit, quiet_lightning

MakeRecipe = Callable[..., Recipe]


@pytest.fixture
def module(recipe: Recipe, seed: int) -> ActionSegmentation:
    torch.manual_seed(seed)
    return ActionSegmentation(recipe.to_dict(), 5, 3).eval()


@pytest.fixture
def trainer(tmp_path: Path) -> L.Trainer:
    with quiet_lightning():
        return L.Trainer(
            accelerator="cpu",
            logger=False,
            enable_progress_bar=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            default_root_dir=tmp_path,
        )


def labels_of(module: ActionSegmentation, recordings: Recordings) -> list[np.ndarray]:
    model = module.model
    return [decode(model, prepare(one.features, True))[0] for one in recordings]


def test_scores_of_a_test_are_those_of_evaluate(
    module: ActionSegmentation, trainer: L.Trainer, recordings: Recordings, recipe: Recipe
) -> None:
    data = RecordingsModule(recordings.features, recipe, 0, recordings.ground_truth)
    with quiet_lightning():
        (found,) = trainer.test(module, datamodule=data, verbose=False)
    expected = evaluate(labels_of(module, recordings), recordings.ground_truth)
    assert found == pytest.approx({f"test_{name}": expected[name] for name in LOGGED_SCORES})


def test_recordings_without_truth_are_left_out_of_the_scores(
    module: ActionSegmentation, trainer: L.Trainer, recordings: Recordings, recipe: Recipe
) -> None:
    truth = [one if i in (0, 3) else None for i, one in enumerate(recordings.ground_truth)]
    data = RecordingsModule(recordings.features, recipe, 0, truth)
    with quiet_lightning():
        (found,) = trainer.test(module, datamodule=data, verbose=False)
    some = recordings[[0, 3]]
    expected = evaluate(labels_of(module, some), some.ground_truth)
    assert found == pytest.approx({f"test_{name}": expected[name] for name in LOGGED_SCORES})


@pytest.mark.parametrize("truth", [None, [None] * 5])
def test_no_truth_no_scores(
    module: ActionSegmentation,
    trainer: L.Trainer,
    recordings: Recordings,
    recipe: Recipe,
    truth: Any,
) -> None:
    data = RecordingsModule(recordings.features, recipe, 0, truth)
    with quiet_lightning():
        assert trainer.test(module, datamodule=data, verbose=False) == [{}]
        (found,) = trainer.validate(module, datamodule=data, verbose=False)
    assert set(found) == {"val_loss"}


def test_validation_scores_the_frames_it_takes(
    module: ActionSegmentation, trainer: L.Trainer, recordings: Recordings, recipe: Recipe
) -> None:
    data = RecordingsModule(recordings.features, recipe, 0, recordings.ground_truth)
    with quiet_lightning():
        (found,) = trainer.validate(module, datamodule=data, verbose=False)
    labels, truths, losses, lengths = [], [], [], []
    for batch in data.val_dataloader():
        for b, n in enumerate(batch["lengths"].tolist()):
            x = batch["features"][b, :n]
            labels.append(module.model.decode(x).labels.numpy())
            truths.append(batch["ground_truth"][b, :n].numpy())
            losses.append(module.model.loss(x[None], torch.tensor([n])).item())
            lengths.append(n)
    expected = evaluate(labels, truths)
    assert found["val_loss"] == pytest.approx(np.average(losses, weights=lengths), rel=1e-4)
    for name in LOGGED_SCORES:
        assert found[f"val_{name}"] == pytest.approx(expected[name])


def test_frames_that_are_all_excluded_stop_no_validation(
    trainer: L.Trainer, recordings: Recordings, make_recipe: MakeRecipe, caplog: Any
) -> None:
    recipe = make_recipe(dataset={"exclude": [-1]})
    module = ActionSegmentation(recipe.to_dict(), 5, 3)
    truth = [np.full(one.n_frames, -1) for one in recordings]
    data = RecordingsModule(recordings.features, recipe, 0, truth)
    with quiet_lightning():
        (found,) = trainer.validate(module, datamodule=data, verbose=False)
    assert set(found) == {"val_loss"}
    assert "no val scores" in caplog.text


def test_excluded_classes_are_left_out(
    trainer: L.Trainer, recordings: Recordings, make_recipe: MakeRecipe, seed: int
) -> None:
    recipe = make_recipe(dataset={"exclude": [0]})
    torch.manual_seed(seed)
    module = ActionSegmentation(recipe.to_dict(), 5, 3).eval()
    data = RecordingsModule(recordings.features, recipe, 0, recordings.ground_truth)
    with quiet_lightning():
        (found,) = trainer.test(module, datamodule=data, verbose=False)
    expected = evaluate(labels_of(module, recordings), recordings.ground_truth, exclude=[0])
    assert found["test_mof"] == pytest.approx(expected["mof"])


def test_prediction_gives_every_frame_of_every_recording(
    module: ActionSegmentation, trainer: L.Trainer, recordings: Recordings, recipe: Recipe
) -> None:
    data = RecordingsModule(recordings.features, recipe, 0)
    with quiet_lightning():
        found = trainer.predict(module, datamodule=data)
    assert [one["index"] for one in found] == list(range(5))
    for one, labels in zip(found, labels_of(module, recordings), strict=True):
        assert one["labels"].tolist() == labels.tolist()
        assert one["assignment"].shape == (len(labels), 3)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def fit_logged(
    name: str, folder: Path, recordings: Recordings, recipe: Recipe, **options: Any
) -> None:
    logger = make_logger(name, folder, "toys")
    fit(
        recordings.features,
        recipe,
        3,
        ground_truth=recordings.ground_truth,
        logger=logger,
        validate=True,
        accelerator="cpu",
        **options,
    )
    close_logger(logger)


def test_csv_holds_losses_and_scores(
    recordings: Recordings, make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    recipe = make_recipe(training={"epochs": 4, "validate_every": 2})
    fit_logged("csv", tmp_path / "logs", recordings, recipe)
    found = rows(tmp_path / "logs" / "metrics.csv")
    losses = [float(row["train_loss"]) for row in found if row["train_loss"]]
    assert len(losses) == 4
    # Before the first epoch, after the second and after the fourth.
    for name in ("val_loss", *(f"val_{score}" for score in LOGGED_SCORES)):
        values = [float(row[name]) for row in found if row[name]]
        assert len(values) == 3, name
        assert np.isfinite(values).all()


def test_the_csv_of_an_interrupted_training_is_kept(
    recordings: Recordings, recipe: Recipe, tmp_path: Path
) -> None:
    def interrupt(done: int, total: int, loss: float) -> None:
        if done == 3:
            raise KeyboardInterrupt

    logs, checkpoint = tmp_path / "logs", tmp_path / "one.ckpt"
    with pytest.raises(KeyboardInterrupt):
        fit_logged("csv", logs, recordings, recipe, checkpoint=checkpoint, progress=interrupt)
    fit_logged("csv", logs, recordings, recipe, checkpoint=checkpoint)
    first, second = (
        [int(row["epoch"]) for row in rows(file) if row["train_loss"]]
        for file in (logs / "metrics.csv", logs / "resumed-1" / "metrics.csv")
    )
    # The interruption came before the third epoch's loss was written.
    assert (first, second) == ([0, 1], [3])


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


def test_pictures_need_no_matplotlib_to_train(
    recordings: Recordings, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asot.model import module

    monkeypatch.setattr(module, "find_spec", lambda name: None)
    fit_logged("tensorboard", tmp_path / "logs", recordings[[0]], recipe)


def test_unknown_and_missing_loggers_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from asot.model import loggers

    with pytest.raises(ConfigurationError, match="one of csv, tensorboard, wandb, none, but is 'x"):
        check_logger("xml")
    monkeypatch.setattr(loggers, "find_spec", lambda name: None)
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
