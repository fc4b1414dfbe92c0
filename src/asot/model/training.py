"""Training: one loop for a network, on one device or several."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from torch import Tensor

from asot.data import even_frames, stratified_frames
from asot.discover.prototypes import (
    quiet_kmeans,
    share_out,
)
from asot.errors import ArgumentError, DataError, SolverError
from asot.kept import KEPT_BYTES
from asot.metrics import evaluate
from asot.model.checkpoint import TrainingState, load_training, save
from asot.model.devices import Devices, find_devices
from asot.model.features import (
    Batch,
    Batches,
    TrainingFeatures,
)
from asot.model.loggers import SCORES, Logger
from asot.model.network import (
    ActionModel,
    loss_and_gradients,
    own_draws,
)
from asot.model.parts import Epoch, ForwardPass, Parts, require_tensor
from asot.model.recipe import Recipe, TrainingSettings
from asot.processes import single_threaded
from asot.progress import Progress, silent

MakeLog = Callable[[], Logger | None]
GroundTruth = Sequence[NDArray[np.int64] | None]

RESTART_FRAMES = 10_000  # that choose the best restart of k-means
WORTH_SHARING = 2**26  # multiplications of a step from which an exchange is the shorter part
PICTURED = 5  # recordings whose validation is drawn for loggers that take pictures

logger = logging.getLogger(__name__)


def no_logger(name: str = "") -> Logger | None:
    """Make no logger."""


@single_threaded
def train(
    features: TrainingFeatures,
    recipe: Recipe,
    n_actions: int,
    seed: int = 0,
    device: str | Devices = "auto",
    *,
    checkpoint: Path | None = None,
    source: str = "",
    make_log: MakeLog = no_logger,
    ground_truth: GroundTruth | None = None,
    validate: bool = False,
    parts: Parts | None = None,
    begun: ActionModel | None = None,
    progress: Progress = silent,
) -> ActionModel:
    """Train a network on recordings, and return it on the CPU in evaluation mode.

    The recipe's radius and order prior must be numbers. The seed decides the initial weights,
    k-means and every draw of frames; the global generators are left alone. ``checkpoint`` is
    written after every epoch; if it exists, training goes on from it exactly as it would have gone
    on, unless it began from another ``source``, a text that tells recordings and settings. The log
    takes the losses and, with ``validate`` and ``ground_truth``, the scores. ``parts`` of one's own
    take the place of asot's; their callbacks are called after every epoch. ``begun`` is a network
    to go on with, in place of a new one; it is changed.

    Several devices share each batch, so that the result is that of one to rounding.
    """
    settings = recipe.training
    place = device if isinstance(device, Devices) else None

    def start() -> tuple[ActionModel, TrainingState | None]:
        if checkpoint is not None and checkpoint.is_file():
            width = features.width
            return load_training(checkpoint, recipe, width, n_actions, seed, source, parts)
        if begun is not None:
            return begun, None
        model = draw_model(recipe, features.width, n_actions, seed, parts)
        start_at_kmeans(model, features, seed)
        return model, None

    model, state = start() if place is None else place.from_first(start)
    if state is not None and state.epoch >= settings.epochs:
        return model
    place = find_devices(device) if isinstance(device, str) else device
    if parts is not None:
        model.parts = parts  # of which files, and messages between processes, hold no functions
    model.train().to(place.device)
    log = make_log() if place.rank == 0 else None
    adam = Adam([one for one in model.parameters() if one.requires_grad], settings, state)
    sizes = settings.frames_per_recording, settings.batch_size
    sample = model.parts.sample or stratified_frames
    batches = Batches(features, *sizes, seed, place.rank, place.count, sample)

    def keep(epoch: int) -> None:
        if checkpoint is not None and place.rank == 0:
            memory = TrainingState(epoch, seed, adam.steps, adam.means, adam.squares, source)
            save(checkpoint, network=model, training=memory)

    if state is None and settings.epochs == 0:
        keep(0)
    elif state is None and validate:
        scores = score_evenly(model, batches, ground_truth, place, log, 0)
        if log is not None:
            log.log(scores, 0)
    has_own = bool(model.parts.given)
    for epoch in range(0 if state is None else state.epoch, settings.epochs):
        total = torch.zeros(2, device=place.device)
        for number, batch in enumerate(batches.epoch(epoch)):
            with _draws(seed, epoch, number, place) if has_own else nullcontext():
                given = _on_device(model, batch, features, place)
                loss, gradients, n_frames = _shared_step(given, place)
                adam.step(gradients)
                model.update_actions(given)
            total += torch.stack([loss * n_frames, n_frames])
        done, mean_loss = epoch + 1, float(total[0] / total[1])
        if not math.isfinite(mean_loss):
            raise SolverError(
                f"The loss of epoch {done} is not a finite number: features are too large, or "
                "training.learning_rate or training.temperature is out of any use."
            )
        scores = {}
        if validate and done % settings.validate_every == 0:
            scores = score_evenly(model, batches, ground_truth, place, log, done)
        if log is not None:
            log.log({"train_loss": mean_loss, **scores}, done)
        keep(done)
        epoch_end = Epoch(done, model, mean_loss, features)
        ends = [one(epoch_end) is True for one in model.parts.callbacks]
        if place.rank == 0:
            progress("Training", done, settings.epochs, f"loss {mean_loss:.3f}")
        if any(ends):
            break
    if log is not None:
        log.close()
    model.keep_for_decoding()
    return model.cpu().eval()


def _draws(seed: int, epoch: int, number: int, place: Devices) -> AbstractContextManager[None]:
    """Let parts of one's own that draw, such as dropout, draw from the seed in a step."""
    rng = np.random.default_rng([seed, epoch, number])
    return own_draws(int(rng.integers(2**63)), place.device)


def _shared_step(
    given: ForwardPass, place: Devices
) -> tuple[Tensor, Sequence[Tensor | None], Tensor]:
    """Return the loss of a batch, its gradients and frames, of which each device has a share."""
    model, n_frames = given.model, given.lengths.sum()
    if place.count == 1:
        return *loss_and_gradients(model, given), n_frames
    trained = [one for one in model.parameters() if one.requires_grad]
    loss = torch.zeros(())
    gradients: Sequence[Tensor | None] = [None for _ in trained]
    if given.indices:
        loss, gradients = loss_and_gradients(model, given)
    # Both are means over frames, and so weighed by how many this device has.
    pairs = zip(trained, gradients, strict=True)
    means = [loss.to(place.device)]
    means += [torch.zeros_like(one) if own is None else own for one, own in pairs]
    *sums, n_frames = place.add([*[one * n_frames for one in means], n_frames.to(loss)])
    loss, *gradients = [one / n_frames for one in sums]
    return loss, gradients, n_frames


def _on_device(
    model: ActionModel, batch: Batch, features: TrainingFeatures, place: Devices
) -> ForwardPass:
    drawn, lengths, frames = (one.to(place.device) for one in batch[:3])
    indices = [features.order[index] for index in batch.indices]
    given = ForwardPass(model, drawn, lengths, frames, indices)
    if features.weights is not None and indices:
        pairs = zip(batch.indices, batch.frames.numpy(), strict=True)
        weights = np.stack([features.weights[index][places] for index, places in pairs])
        given.weights = torch.from_numpy(weights).to(place.device)
    return given


def is_worth_sharing(recipe: Recipe, n_features: int) -> bool:
    """Tell whether a step takes so long that several devices pay, and can be shared.

    What the authors' release does to a recording depends on the others of its batch.
    """
    settings = recipe.training
    widths = [n_features, *recipe.encoder.hidden, recipe.encoder.width]
    frames = settings.batch_size * settings.frames_per_recording
    work = frames * sum(before * after for before, after in pairwise(widths))
    apart = recipe.transport_train.mode == "default" and settings.batch_size > 1
    return apart and work >= WORTH_SHARING


def draw_model(
    recipe: Recipe, n_features: int, n_actions: int, seed: int, parts: Parts | None = None
) -> ActionModel:
    """Draw an untrained model; the global generators are left alone."""
    with own_draws(seed):
        return ActionModel(recipe, n_features, n_actions, parts)


def start_at_kmeans(
    model: ActionModel, features: TrainingFeatures, seed: int, most: int | None = None
) -> None:
    """Place the action embeddings at the k-means centres of the untrained embeddings.

    Only frames that exist take part: as many evenly spaced ones of each recording as training
    takes, ``most`` of them where that is fewer, and fewer of very many recordings, so that the
    start depends on the seed by the weights and the restarts alone. Without restarts, and of fewer
    frames than actions, the actions keep their random places.
    """
    settings, parts = model.recipe.training, model.parts
    if parts.actions is not None or (settings.kmeans_restarts == 0 and parts.initialise is None):
        return
    model.eval()
    each = min(settings.frames_per_recording, most or settings.frames_per_recording)
    which, each = share_out(len(features), each, 1)
    embedded: list[NDArray[np.float32]] = []
    weights: list[NDArray[np.float32]] = []
    waiting: list[NDArray[np.float32]] = []
    for index in which:
        one = features[index]
        frames = even_frames(len(one), each)
        waiting.append(one[frames])
        if features.weights is not None:
            weights.append(features.weights[index][frames])
        full = parts.encoder is not None or sum(part.nbytes for part in waiting) >= KEPT_BYTES
        if full or index == which[-1]:  # an encoder of one's own may see neighbours
            with torch.no_grad():
                embedded.append(model.embed(torch.from_numpy(np.concatenate(waiting))).numpy())
            waiting = []
    embeddings = np.concatenate(embedded)
    counted = np.concatenate(weights) if weights else None
    if (len(embeddings) if counted is None else np.count_nonzero(counted)) < model.n_actions:
        return
    if parts.initialise is None:
        centres = _centres(embeddings, model.n_actions, settings.kmeans_restarts, seed, counted)
    else:
        centres = np.asarray(parts.initialise(embeddings, model.n_actions, seed), dtype=np.float32)
    placed = torch.from_numpy(centres)
    require_tensor("initialise", placed, tuple(model.actions.shape))
    model.place_actions(placed)


def _centres(
    frames: NDArray[np.float32],
    n_centres: int,
    restarts: int,
    seed: int,
    weights: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return the k-means centres (K, d) of frames (M, d), the best of some restarts.

    Where there are many frames, some drawn ones choose the restart, and all of them its centres:
    four times as fast. On simulated Breakfast the inertia was within a thousandth of that of all
    restarts on all frames.
    """
    if weights is not None:
        frames, weights = frames[weights > 0], weights[weights > 0]
    many = len(frames) > 2 * RESTART_FRAMES
    chosen: Any = slice(None)
    if many:
        rng = np.random.default_rng(seed)
        chosen = np.sort(rng.choice(len(frames), RESTART_FRAMES, replace=False))
    kmeans = KMeans(n_centres, n_init=restarts, random_state=seed)
    with quiet_kmeans():
        kmeans.fit(frames[chosen], sample_weight=None if weights is None else weights[chosen])
        if many:
            kmeans = KMeans(n_centres, init=kmeans.cluster_centers_, n_init=1)
            kmeans.fit(frames, sample_weight=weights)
    centres: NDArray[np.float32] = kmeans.cluster_centers_
    return centres


class Adam:
    """``torch.optim.Adam`` with ``fused=True``, to the last bit.

    Torch's own imports its compiler first, which takes a second, and its bookkeeping takes several
    times as long as the step.
    """

    def __init__(
        self,
        parameters: list[Tensor],
        settings: TrainingSettings,
        state: TrainingState | None = None,
    ) -> None:
        rates = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
        self._options: dict[str, Any] = {**rates, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
        self.parameters = [one.detach() for one in parameters]
        device = self.parameters[0].device if parameters else None
        self.means = [torch.zeros_like(one) for one in self.parameters]
        self.squares = [torch.zeros_like(one) for one in self.parameters]
        self.steps = torch.zeros((), device=device)
        if state is not None:
            self.means = [one.to(device) for one in state.means]
            self.squares = [one.to(device) for one in state.squares]
            self.steps = state.steps.to(device)

    def step(self, gradients: Sequence[Tensor | None]) -> None:
        """Take one step, given the gradients of all parameters; those without stay."""
        self.steps += 1
        memory = zip(self.parameters, gradients, self.means, self.squares, strict=True)
        moved: list[Any] = [one for one in memory if one[1] is not None]
        if moved:
            options = {**self._options, "amsgrad": False, "maximize": False}
            own, slopes, means, squares = map(list, zip(*moved, strict=True))
            steps = [self.steps] * len(moved)
            torch._fused_adam_(own, slopes, means, squares, [], steps, **options)


@torch.no_grad()
def score_evenly(
    model: ActionModel,
    batches: Batches,
    ground_truth: GroundTruth | None,
    place: Devices,
    log: Logger | None,
    epoch: int,
) -> dict[str, float]:
    """Return the loss on evenly spaced frames, and the scores where there is ground truth."""
    losses: dict[Any, tuple[float, int]] = {}
    labels: dict[int, NDArray[np.int64]] = {}
    for batch in batches.even():
        given = _on_device(model, batch, batches.features, place)
        n_frames = int(given.lengths.sum())
        losses[tuple(batch.indices)] = float(model.loss_of(given)) * n_frames, n_frames
        solution = model.transport(given.cost, given.lengths, model.recipe.transport_eval)
        own = zip(batch.indices, batch.lengths.tolist(), strict=True)
        for b, (index, length) in enumerate(own):
            labels[index] = solution.labels[b, :length].cpu().numpy()
            if log is not None and log.draw is not None and index < PICTURED:
                shares = model.log_probabilities(given.similarity[b, :length]).exp()
                parts = shares, solution.assignment[b, :length], given.embeddings[b, :length]
                pictures = log.draw(*(one.cpu().numpy() for one in parts))
                for name, figure in pictures.items():
                    log.picture(f"recording_{index}/{name}", figure, epoch)
    losses, labels = place.join(losses), place.join(labels)
    total, n_frames = (sum(part) for part in zip(*losses.values(), strict=True))
    found = {"val_loss": total / n_frames}
    pairs = []
    for index in sorted(labels):
        truth = None if ground_truth is None else ground_truth[index]
        if truth is not None:
            length = len(batches.features[index])
            if len(truth) != length:
                raise DataError(
                    f"Recording {index} has {length} frames, but {len(truth)} labels: "
                    "ground truth needs one for each frame."
                )
            pairs.append((labels[index], truth[batches.frames(index, length, None)]))
    if pairs:
        exclude = model.recipe.dataset.exclude or None
        try:
            predicted, truths = zip(*pairs, strict=True)
            values = evaluate(predicted, truths, exclude=exclude)
        except ArgumentError as error:
            # Frames that are all excluded, for example, should not stop a training.
            logger.warning("no val scores: %s", error)
            return found
        found.update({f"val_{name}": float(values[name]) for name in SCORES if name in values})
    return found
