"""The model as a LightningModule: training on pseudo-labels, validation, test and prediction."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Any

import lightning as L
import torch
from torch import Tensor

from asot.errors import ArgumentError
from asot.metrics.modules import SegmentationScores
from asot.model.gradient import few_threads, training_loss
from asot.model.network import ActionModel
from asot.model.recipe import Recipe

LOGGED_SCORES = ("mof", "miou", "f1_macro", "f1@10", "f1@25", "f1@50", "edit")
FIGURE_RECORDINGS = 5

logger = logging.getLogger(__name__)


class _Adam(torch.optim.Adam):
    """Adam without threads that wait for each other, as ``loop.Adam``."""

    def step(self, closure: Any = None) -> Any:
        """Torch calls this; the closure is the whole training step."""
        loss = None if closure is None else closure()
        with few_threads(sum(one.numel() for one in self.param_groups[0]["params"])):
            super().step()
        return loss


class ActionSegmentation(L.LightningModule):
    """Trains an :class:`~asot.model.network.ActionModel` on the batches of ``RecordingsModule``.

    A checkpoint carries the three arguments, so that
    ``ActionSegmentation.load_from_checkpoint(path, weights_only=True)`` needs nothing else.

    Parameters
    ----------
    recipe : dict
        ``Recipe.to_dict()``.
    n_features : int
        D, columns of the features.
    n_actions : int
        K.
    """

    def __init__(self, recipe: dict[str, Any], n_features: int, n_actions: int) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.recipe = Recipe.from_dict(recipe)
        self.model = ActionModel(self.recipe, n_features, n_actions)
        exclude = self.recipe.dataset.exclude or None
        self.validation_scores = SegmentationScores(exclude=exclude)
        self.test_scores = SegmentationScores(exclude=exclude)
        self.epoch_loss = float("nan")

    def on_train_epoch_start(self) -> None:
        """Begin the mean over the epoch."""
        self._loss_sum = torch.zeros(2, device=self.device)

    def training_step(self, batch: dict[str, Tensor], batch_index: int) -> Tensor:
        """Loss against the pseudo-labels of the batch."""
        lengths = batch["lengths"]
        loss = training_loss(self.model, batch["features"], lengths)
        # self.log would cost a fifth of a step.
        n_frames = lengths.sum()
        self._loss_sum += torch.stack([loss.detach() * n_frames, n_frames])
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_index: int) -> None:
        """Have ``epoch_loss``, the mean over all frames of all devices, once the epoch is done."""
        if self.trainer.is_last_batch:
            total = self.trainer.strategy.reduce(self._loss_sum, reduce_op="sum")
            self.epoch_loss = float(total[0] / total[1])

    def on_train_epoch_end(self) -> None:
        """Log the epoch's loss."""
        self.log("train_loss", self.epoch_loss, sync_dist=True)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, and bring the action embeddings back to unit length.

        So they have it before every step and before every evaluation.
        """
        super().optimizer_step(*args, **kwargs)
        self.model.normalise_actions()

    def validation_step(self, batch: dict[str, Tensor], batch_index: int) -> None:
        """Loss, and scores where there is ground truth, on evenly spaced frames."""
        lengths = batch["lengths"]
        loss = self.model.loss(batch["features"], lengths)
        n_frames = int(lengths.sum())
        self.log("val_loss", loss, on_epoch=True, batch_size=n_frames, sync_dist=True)
        embeddings = self.model.embed(batch["features"])
        similarity = self.model.similarity(embeddings)
        solution = self.model.transport(similarity, lengths, self.recipe.transport_eval)
        self._score(self.validation_scores, solution.labels, batch)
        for b, index in enumerate(batch["index"].tolist()):
            if index < FIGURE_RECORDINGS and self.trainer.is_global_zero:
                own = slice(int(lengths[b]))
                self._log_figures(index, embeddings[b, own], solution.assignment[b, own])

    def on_validation_epoch_end(self) -> None:
        """Log the scores of all recordings together."""
        self._log_scores(self.validation_scores, "val")

    def test_step(self, batch: dict[str, Tensor], batch_index: int) -> None:
        """Segment one recording at full length."""
        labels = self.model.decode(batch["features"][0]).labels
        self._score(self.test_scores, labels[None], batch)

    def on_test_epoch_end(self) -> None:
        """Log the scores of all recordings together."""
        self._log_scores(self.test_scores, "test")

    def predict_step(self, batch: dict[str, Tensor], batch_index: int) -> dict[str, Any]:
        """``index``, ``labels`` (N,) and ``assignment`` (N, K) of one recording."""
        solution = self.model.decode(batch["features"][0])
        return {
            "index": int(batch["index"][0]),
            "labels": solution.labels,
            "assignment": solution.assignment,
        }

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, over the encoder and the action embeddings."""
        settings = self.recipe.training
        return _Adam(
            self.model.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )

    def _score(self, scores: SegmentationScores, labels: Tensor, batch: dict[str, Tensor]) -> None:
        labelled = batch["labelled"]
        if bool(labelled.any()):
            scores.update(
                labels[labelled],
                batch["ground_truth"][labelled],
                lengths=batch["lengths"][labelled],
                numbers=batch["index"][labelled],
            )

    def _log_scores(self, scores: SegmentationScores, stage: str) -> None:
        # Devices must agree on whether to compute: one may hold no labelled recording.
        seen = torch.tensor(float(scores.update_called), device=self.device)
        if bool(self.trainer.strategy.reduce(seen, reduce_op="sum") > 0):
            try:
                values = scores.compute()
            except ArgumentError as error:
                # Such as frames that are all excluded: nothing to stop a training for.
                logger.warning("no %s scores: %s", stage, error)
                values = {}
            for name in LOGGED_SCORES:
                if name in values:
                    self.log(f"{stage}_{name}", float(values[name]), sync_dist=True)
        scores.reset()

    def _log_figures(self, index: int, embeddings: Tensor, assignment: Tensor) -> None:
        """Draw where a logger can take pictures: affinity, decoding and pairwise distances."""
        from asot.model.loggers import log_figure, takes_figures

        takers = [one for one in self.trainer.loggers if takes_figures(one)]
        if not takers or find_spec("matplotlib") is None:
            return
        from asot.figures import plot_matrix, plot_pairwise_distances

        probabilities = self.model.log_probabilities(self.model.similarity(embeddings)).exp()
        drawings = {
            "affinity": plot_matrix(probabilities.cpu().numpy(), kind="affinity"),
            "assignment": plot_matrix(assignment.cpu().numpy(), kind="assignment"),
            "pairwise": plot_pairwise_distances(embeddings.cpu().numpy()),
        }
        for taker in takers:
            for name, figure in drawings.items():
                log_figure(taker, f"recording_{index}/{name}", figure, self.global_step)
