"""Training: one loop for a network, on one device or several, and teams of such networks."""

from __future__ import annotations

import copy
import logging
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from torch import Tensor

from asot.data import even_frames
from asot.discover.background import learn_background
from asot.discover.prototypes import (
    derived_seed,
    evenly,
    learn_prototypes,
    quiet_kmeans,
    share_out,
)
from asot.discover.views import ViewKind, fit_view
from asot.errors import ArgumentError, DataError
from asot.kept import KEPT_BYTES
from asot.metrics import evaluate
from asot.model.automatic import PAPER_RADIUS, PAPER_STRENGTH
from asot.model.checkpoint import TrainingState, load_learner, load_training, save
from asot.model.devices import Devices, find_devices
from asot.model.features import (
    Batch,
    Batches,
    PreparedFeatures,
    TrainingFeatures,
    ViewedFeatures,
)
from asot.model.loggers import SCORES, Logger
from asot.model.network import (
    ActionModel,
    PseudoLabels,
    few_threads,
    loss_and_gradients,
    own_draws,
)
from asot.model.recipe import Recipe, TrainingSettings
from asot.model.team import (
    KINDS,
    PAPER,
    SCALES,
    SIMPLE,
    SINGLE,
    TEAM,
    Kind,
    Learner,
    TeamModel,
    Voters,
    choose_candidate,
)
from asot.progress import Progress, silent
from asot.text import plural
from asot.workers import in_threads

# Called with the epochs done, the model, and the training loss of the last epoch.
AfterEpoch = Callable[[int, ActionModel, float], None]
MakeLog = Callable[[], Logger | None]
GroundTruth = Sequence[NDArray[np.int64] | None]

RESTART_FRAMES = 10_000  # that choose the best restart of k-means
WORTH_SHARING = 2**25  # multiplications of a step from which an exchange is the shorter part
PICTURED = 5  # recordings whose validation is drawn for loggers that take pictures
ORDER_WEIGHT = 0.1  # of a learned order, in units of cost per nat, where the evidence is complete
MOST_RECORDINGS = 100  # to match the learners of a team on, and to choose among candidates
MOST_FRAMES = 20_000  # of them, but of four recordings at least
TEAM_RESTARTS = 3  # of k-means for each learner: they are many

logger = logging.getLogger(__name__)


def train(
    features: TrainingFeatures,
    recipe: Recipe,
    n_actions: int,
    seed: int = 0,
    device: str | Devices = "auto",
    *,
    checkpoint: Path | None = None,
    make_log: MakeLog = lambda: None,
    ground_truth: GroundTruth | None = None,
    validate: bool = False,
    after_epoch: AfterEpoch | None = None,
    pseudo_labels: PseudoLabels | None = None,
    progress: Progress = silent,
) -> ActionModel:
    """Train a network on recordings, and return it on the CPU in evaluation mode.

    The recipe's radius and order prior must be numbers. The seed decides the initial weights,
    k-means and every draw of frames; the global generators are left alone. ``checkpoint`` is
    written after every epoch; if it exists, training goes on from it exactly as it would have gone
    on. The log takes the losses and, with ``validate`` and ``ground_truth``, the scores.
    ``pseudo_labels`` replace the recipe's ``transport_train`` and order prior.

    Several devices share each batch, so that the result is that of one to rounding.
    """
    settings = recipe.training
    place = device if isinstance(device, Devices) else None

    def start() -> tuple[ActionModel, TrainingState | None]:
        if checkpoint is not None and checkpoint.is_file():
            return load_training(checkpoint, recipe, features.width, n_actions, seed)
        model = draw_model(recipe, features.width, n_actions, seed)
        start_at_kmeans(model, features, seed)
        return model, None

    model, state = start() if place is None else place.from_first(start)
    if state is not None and state.epoch >= settings.epochs:
        return model
    place = find_devices(device) if isinstance(device, str) else device
    model.pseudo_labels = pseudo_labels
    model.train().to(place.device)
    log = make_log() if place.rank == 0 else None
    adam = Adam(list(model.parameters()), settings, state)
    sizes = settings.frames_per_recording, settings.batch_size
    batches = Batches(features, *sizes, seed, place.rank, place.count)

    def keep(epoch: int) -> None:
        if checkpoint is not None and place.rank == 0:
            memory = TrainingState(epoch, seed, adam.steps, adam.means, adam.squares)
            save(checkpoint, network=model, training=memory)

    if state is None and settings.epochs == 0:
        keep(0)
    elif state is None and validate:
        scores = score_evenly(model, batches, ground_truth, place, log, 0)
        if log is not None:
            log.log(scores, 0)
    for epoch in range(0 if state is None else state.epoch, settings.epochs):
        total = torch.zeros(2, device=place.device)
        for batch in batches.epoch(epoch):
            loss, gradients, n_frames = _shared_step(model, batch, place)
            adam.step(gradients)
            model.normalise_actions()
            total += torch.stack([loss * n_frames, n_frames])
        done, mean_loss = epoch + 1, float(total[0] / total[1])
        scores = {}
        if validate and done % settings.validate_every == 0:
            scores = score_evenly(model, batches, ground_truth, place, log, done)
        if log is not None:
            log.log({"train_loss": mean_loss, **scores}, done)
        keep(done)
        if after_epoch is not None:
            after_epoch(done, model, mean_loss)
        if place.rank == 0:
            progress("Training", done, settings.epochs, f"loss {mean_loss:.3f}")
    if log is not None:
        log.close()
    model.pseudo_labels = None
    return model.cpu().eval()


def _shared_step(
    model: ActionModel, batch: Batch, place: Devices
) -> tuple[Tensor, list[Tensor], Tensor]:
    """Return the loss of a batch, its gradients and frames, of which each device has a share."""
    lengths = batch.lengths.to(place.device)
    n_frames = lengths.sum()
    if len(lengths):
        loss, gradients = loss_and_gradients(model, batch.features.to(place.device), lengths)
    else:
        loss, gradients = torch.zeros(()), [torch.zeros_like(one) for one in model.parameters()]
    if place.count == 1:
        return loss, gradients, n_frames
    # Both are means over frames, and so weighed by how many this device has.
    means = [loss.to(place.device), *gradients]
    *sums, n_frames = place.add([*[one * n_frames for one in means], n_frames.to(loss)])
    loss, *gradients = [one / n_frames for one in sums]
    return loss, gradients, n_frames


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


def draw_model(recipe: Recipe, n_features: int, n_actions: int, seed: int) -> ActionModel:
    """Draw an untrained model; the global generators are left alone."""
    with own_draws(seed):
        return ActionModel(recipe, n_features, n_actions)


def start_at_kmeans(model: ActionModel, features: TrainingFeatures, seed: int) -> None:
    """Place the action embeddings at the k-means centres of the untrained embeddings.

    Only frames that exist take part: as many evenly spaced ones of each recording as training
    takes, or fewer of very many recordings, so that the start depends on the seed by the weights
    and the restarts alone. Without restarts, and of fewer frames than actions, the actions keep
    their random places.
    """
    settings = model.recipe.training
    if settings.kmeans_restarts == 0:
        return
    which, each = share_out(len(features), settings.frames_per_recording, 1)
    parts: list[NDArray[np.float32]] = []
    waiting: list[NDArray[np.float32]] = []
    for index in which:
        one = features[index]
        waiting.append(one[even_frames(len(one), each)])
        if index == which[-1] or sum(part.nbytes for part in waiting) >= KEPT_BYTES:
            with torch.no_grad():
                parts.append(model.embed(torch.from_numpy(np.concatenate(waiting))).numpy())
            waiting = []
    embeddings = np.concatenate(parts)
    if len(embeddings) < model.n_actions:
        return
    centres = _centres(embeddings, model.n_actions, settings.kmeans_restarts, seed)
    model.place_actions(torch.from_numpy(centres))


def _centres(
    frames: NDArray[np.float32], n_centres: int, restarts: int, seed: int
) -> NDArray[np.float32]:
    """Return the k-means centres (K, d) of frames (M, d), the best of some restarts.

    Where there are many frames, some drawn ones choose the restart, and all of them its centres:
    four times as fast. On simulated Breakfast the inertia was within a thousandth of that of all
    restarts on all frames.
    """
    many = len(frames) > 2 * RESTART_FRAMES
    chosen = frames
    if many:
        rng = np.random.default_rng(seed)
        chosen = frames[np.sort(rng.choice(len(frames), RESTART_FRAMES, replace=False))]
    kmeans = KMeans(n_centres, n_init=restarts, random_state=seed)
    with quiet_kmeans():
        kmeans.fit(chosen)
        if many:
            kmeans = KMeans(n_centres, init=kmeans.cluster_centers_, n_init=1).fit(frames)
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
        device = self.parameters[0].device
        self.means = [torch.zeros_like(one) for one in self.parameters]
        self.squares = [torch.zeros_like(one) for one in self.parameters]
        self.steps = torch.zeros((), device=device)
        if state is not None:
            self.means = [one.to(device) for one in state.means]
            self.squares = [one.to(device) for one in state.squares]
            self.steps = state.steps.to(device)

    def step(self, gradients: list[Tensor]) -> None:
        """Take one step, given the gradients of all parameters."""
        self.steps += 1
        options = {**self._options, "amsgrad": False, "maximize": False}
        steps = [self.steps] * len(self.parameters)
        with few_threads(sum(one.numel() for one in self.parameters)):
            torch._fused_adam_(
                self.parameters, gradients, self.means, self.squares, [], steps, **options
            )


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
        features, lengths = batch.features.to(place.device), batch.lengths.to(place.device)
        n_frames = int(lengths.sum())
        losses[tuple(batch.indices)] = float(model.loss(features, lengths)) * n_frames, n_frames
        embeddings = model.embed(features)
        similarity = model.similarity(embeddings)
        solution = model.transport(similarity, lengths, model.recipe.transport_eval)
        for b, (index, length) in enumerate(zip(batch.indices, lengths.tolist(), strict=True)):
            labels[index] = solution.labels[b, :length].cpu().numpy()
            if log is not None and log.draw is not None and index < PICTURED:
                shares = model.log_probabilities(similarity[b, :length]).exp()
                parts = shares, solution.assignment[b, :length], embeddings[b, :length]
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


def train_team(
    features: PreparedFeatures,
    recipe: Recipe,
    n_actions: int,
    seed: int = 0,
    device: str = "auto",
    *,
    kept: Path | None = None,
    make_log: Callable[[str], Logger | None] = lambda name: None,
    threads: int | None = None,
    first: Callable[[Learner, int], None] | None = None,
    progress: Progress = silent,
) -> TeamModel:
    """Train the learners of a team and hold their vote.

    ``kept`` is a folder for trained learners, from which an interrupted training goes on exactly
    as it would have gone on; ``make_log`` makes the logger of a network, given its name. On the
    CPU learners are trained side by side, in ``threads`` or as many as it allows, with the same
    result. ``first`` is called as soon as there is a learner, which is a network, with it and the
    number of all learners, while others are trained. The rest is as for :func:`train`.
    """
    assert not isinstance(recipe.order_prior, str)
    assert not isinstance(recipe.transport_eval.radius, str)
    mean_frames = float(np.mean([len(one) for one in features]))
    radius = recipe.transport_eval.radius
    half = radius if isinstance(radius, int) else max(1, round(radius * mean_frames))
    # Prototypes in no order would see nothing that the smoothed frames do not show.
    kinds = [one for one in KINDS if one.encoder is not None or recipe.order_prior > 0]
    rounds = [
        max(1, round(half * scale))
        for number in range(recipe.team)
        for scale in SCALES[number % len(SCALES)]
    ]

    # Those of one scale at a time: each may keep its frames in memory.
    @lru_cache(maxsize=len({kind.view for kind in KINDS}))
    def viewed(kind: ViewKind, at: int) -> ViewedFeatures:
        return ViewedFeatures(fit_view(kind, at, features), features, features.folder)

    stopped, one_at_a_time, telling = threading.Event(), threading.Lock(), threading.Lock()

    def hurry(index: int, stage: str, done: int, total: int, note: str = "") -> None:
        if stopped.is_set():
            raise InterruptedError("The training was stopped.")
        tell(index, done)

    # Called from any thread.
    def tell(index: int, done: int) -> None:
        with telling:
            steps[index] = done
            note = f"{len(found)} of {plural(len(plan), 'learner')}"
            progress("Training", sum(steps), sum(most), note)

    def network(kind: Kind, at: int | None, own_seed: int, name: str, index: int) -> Learner:
        own = copy.deepcopy(recipe)
        own.team, own.background = 0, False
        assert kind.encoder is not None
        own.encoder = copy.deepcopy(kind.encoder)
        own.training.kmeans_restarts = min(own.training.kmeans_restarts, TEAM_RESTARTS)
        if at is None:
            own.order_prior = PAPER_STRENGTH
            own.transport_train.radius = own.transport_eval.radius = PAPER_RADIUS
        else:
            own.order_prior = recipe.order_prior if kind.ordered else 0.0
            own.transport_train.radius, own.transport_eval.radius = at / mean_frames, at
        with one_at_a_time:
            seen = viewed(kind.view, at or half)
        log = partial(make_log, name)
        told = partial(hurry, index)
        model = train(seen, own, n_actions, own_seed, device, make_log=log, progress=told)
        return Learner(kind.title, seen.view, model)

    def prototypes(title: str, own_seed: int, at: int, **settings: Any) -> Learner:
        found = learn_prototypes(features, n_actions, at, seed=own_seed, **settings)
        return Learner(title, None, found)

    ordered = {"rounds": 3, "order_weight": ORDER_WEIGHT * recipe.order_prior / PAPER_STRENGTH}
    make: Callable[[], Learner]
    plan: list[tuple[str, str, Callable[[], Learner]]] = []
    for place, at in enumerate(rounds):
        for kind in kinds:
            own_seed = derived_seed(seed, place, KINDS.index(kind))
            name = f"{place + 1} {kind.title}"
            if kind.encoder is None:
                make = partial(prototypes, kind.title, own_seed, at, **ordered)
            else:
                make = partial(network, kind, at, own_seed, name, len(plan))
            plan.append((TEAM, kind.title, make))
    paper = partial(network, PAPER, None, derived_seed(seed), PAPER.title, len(plan))
    plan.append((SINGLE, PAPER.title, paper))
    for place, at in enumerate([0, *rounds]):
        title = "nearest centre" if at == 0 else "prototypes with size"
        own_seed = derived_seed(seed, place, len(KINDS))
        settings = {"sized": True, "rounds": min(at, 1)}
        plan.append((SIMPLE, title, partial(prototypes, title, own_seed, at, **settings)))

    count = min(MOST_RECORDINGS, max(4, int(MOST_FRAMES / mean_frames)))
    compared = [np.array(one) for one in evenly(features, count)]

    def learn(index: int) -> tuple[Learner, list[NDArray[np.int64]]]:
        path = None if kept is None else kept / f"learner-{index:02d}.ckpt"
        if path is not None and path.is_file():
            learner = load_learner(path, features.width, n_actions)
        else:
            learner = plan[index][2]()
            if path is not None:
                save(path, learner=learner)
        return learner, [learner.labels(frames) for frames in compared]

    if find_devices(device, 1).device.type != "cpu":
        threads = 1
    most = [1 + recipe.training.epochs] * len(plan)  # prototypes take about as long
    steps = [0] * len(plan)
    found: list[tuple[Learner, list[NDArray[np.int64]]]] = []
    progress("Training", 0, sum(most))
    with quiet_kmeans():
        for one in in_threads(learn, range(len(plan)), threads, stopped.set):
            found.append(one)
            tell(len(found) - 1, most[len(found) - 1])
            if len(found) == 1 and first is not None:
                first(one[0], len(plan))
    candidates = []
    for name in (TEAM, SIMPLE, SINGLE):
        own = [one for one, (group, *_) in zip(found, plan, strict=True) if group == name]
        candidates.append(Voters(name, *map(list, zip(*own, strict=True))))
    team, single = candidates[0], candidates[2]
    both = Voters(TEAM, team.learners + single.learners, team.labels + single.labels)
    candidates[0] = both
    background = learn_background(features, half) if recipe.background else None
    result = choose_candidate(candidates, compared, recipe, n_actions, half, progress)
    return TeamModel(recipe, features.width, n_actions, background=background, **vars(result))
