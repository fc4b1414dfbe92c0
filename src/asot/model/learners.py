"""The learners of a team, trained in this process and others, and brought to a vote."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.discover.background import learn_background
from asot.discover.order import OrderEvidence, find_order
from asot.discover.prototypes import (
    FRAMES,
    Prototypes,
    derived_seed,
    evenly,
    learn_prototypes,
    quiet_kmeans,
)
from asot.discover.views import ViewKind, fit_view
from asot.errors import UnfinishedError
from asot.model.automatic import PAPER_RADIUS, PAPER_STRENGTH
from asot.model.checkpoint import load_learner, save
from asot.model.contrast import learn_contrast
from asot.model.devices import find_devices
from asot.model.features import PreparedFeatures, ViewedFeatures
from asot.model.found import source_of
from asot.model.loggers import Logger
from asot.model.network import warm_up
from asot.model.recipe import Recipe, TrainingSettings
from asot.model.team import (
    KINDS,
    PAPER,
    PAPER_ENCODER,
    SCALES,
    SIMPLE,
    SINGLE,
    TEAM,
    Kind,
    Learner,
    TeamModel,
    Voters,
    choose_candidate,
    join_candidates,
)
from asot.model.training import draw_model, no_logger, start_at_kmeans, train
from asot.processes import Died, single_threaded
from asot.progress import Progress, silent
from asot.shards import Shard, ShardResult
from asot.telling import tell
from asot.text import plural
from asot.workers import AGAIN, DEFAULT_WORKERS, Workers

ORDER_WEIGHT = 0.1  # of a learned order, in units of cost per nat, where the evidence is complete
MOST_RECORDINGS = 100  # to match the learners of a team on, and to choose among candidates
MOST_FRAMES = 10_000  # of them, but of four recordings at least
TEAM_RESTARTS = 3  # of k-means for each learner: they are many
TEAM_FRAMES = 4_000  # that k-means sees for each learner
MANY_RECORDINGS = 10  # over more of which networks pass less often, for as many steps
LONGEST = 2.0  # times the learning rate, where they do
# A learner's k-means and labels, a step of its training, and more for each frame and column.
LEARNER_S, STEP_S, WEIGHT_S = 0.1, 1.6e-3, 2e-9


@dataclass
class TeamTraining:
    """The learners that a team may have, which any process can train; see :func:`train_team`."""

    features: PreparedFeatures
    recipe: Recipe
    n_actions: int
    seed: int
    device: str
    kept: Path | None
    make_log: Callable[[str], Logger | None]
    source: str = ""  # names the folder of learners that were made of the same

    def __post_init__(self) -> None:
        recipe, radius = self.recipe, self.recipe.transport_eval.radius
        assert not isinstance(recipe.order_prior, str)
        assert not isinstance(radius, str)
        if self.kept is not None and not self.source:  # other processes are given it
            made_of = recipe.to_dict(), self.n_actions, self.seed
            self.source = source_of(self.features, *made_of)
        self.mean_frames = float(np.mean([len(one) for one in self.features]))
        self.training = team_training(len(self.features), recipe.training)
        self.half = radius if isinstance(radius, int) else max(1, round(radius * self.mean_frames))
        # Prototypes in no order would see nothing that the smoothed frames do not show.
        kinds = [one for one in KINDS if one.encoder is not None or recipe.order_prior > 0]
        rounds = [
            max(1, round(self.half * scale))
            for number in range(recipe.team)
            for scale in SCALES[number % len(SCALES)]
        ]
        weight = ORDER_WEIGHT * recipe.order_prior / PAPER_STRENGTH
        # What k-means sees of each recording, but for that which is held against the team.
        self.starting = max(1, min(FRAMES, TEAM_FRAMES // len(self.features)))
        frames = {"frames": self.starting}
        ordered: dict[str, Any] = {"rounds": 3, "order_weight": weight, **frames}
        self.plan: list[tuple[str, Callable[[TeamTraining], Learner]]] = []
        for place, at in enumerate(rounds):
            for kind in kinds:
                own_seed = derived_seed(self.seed, place, KINDS.index(kind))
                name = f"{place + 1} {kind.title}"
                make = partial(TeamTraining._network, kind=kind, at=at, seed=own_seed, name=name)
                if kind.encoder is None:
                    own: dict[str, Any] = {"title": kind.title, "seed": own_seed, "at": at}
                    make = partial(TeamTraining._prototypes, **own, **ordered)
                self.plan.append((TEAM, make))
        own = {"kind": PAPER, "at": None, "seed": derived_seed(self.seed)}
        self.plan.append((SINGLE, partial(TeamTraining._network, name=PAPER.title, **own)))
        for place, at in enumerate([0, *rounds]):
            title = "nearest centre" if at == 0 else "prototypes with size"
            own = {"seed": derived_seed(self.seed, place, len(KINDS)), "rounds": min(at, 1)}
            own.update({"restarts": TEAM_RESTARTS, **frames} if at else {})
            make = partial(TeamTraining._prototypes, title=title, at=at, sized=True, **own)
            self.plan.append((SIMPLE, make))
        # Those of one scale at a time: each may keep its frames in memory.
        self._viewed = lru_cache(maxsize=len({kind.view for kind in KINDS}))(self._view)

    def __reduce__(self) -> tuple[Any, ...]:
        # What follows from the fields may be large.
        return type(self), tuple(getattr(self, one.name) for one in fields(self))

    @cached_property
    def compared(self) -> list[NDArray[np.float32]]:
        """Return the recordings that learners are compared on."""
        count = min(MOST_RECORDINGS, max(4, int(MOST_FRAMES / self.mean_frames)))
        # Copied: what is kept of the others may be read from a file.
        return [np.array(one) for one in evenly(self.features, count)]

    @cached_property
    def contrasted(self) -> dict[str, Any]:
        """Return the weights from which the encoders of contrasted learners start."""
        seed = derived_seed(self.seed, len(self.plan))
        settings = self.recipe.training, self.half, seed
        return learn_contrast(self.features, PAPER_ENCODER, *settings).state_dict()

    def learn(self, index: int) -> tuple[Learner, list[NDArray[np.int64]]]:
        """Train a learner of the plan, or read it; return its labels of ``compared`` as well."""
        path = None if self.kept is None else self._path(index)
        if path is not None and path.is_file():
            learner = load_learner(path, self.features.width, self.n_actions)
        else:
            with quiet_kmeans():
                learner = self.plan[index][1](self)
            if path is not None:
                save(path, learner=learner)
        return learner, [learner.labels(frames) for frames in self.compared]

    def learn_all(
        self,
        indices: Sequence[int],
        workers: Workers,
        first: Callable[[Learner, int], None] | None,
        progress: Progress,
    ) -> dict[int, tuple[Learner, list[NDArray[np.int64]]]]:
        """Train some learners of the plan, or read them; see :func:`train_team`."""
        on_gpu = find_devices(self.device, 1).device.type != "cpu"
        if workers.name == "processes" and on_gpu:
            workers = Workers(1, "serial")
        most = dict.fromkeys(indices, 1 + self.training.epochs)  # of prototypes too
        steps, found = dict.fromkeys(indices, 0), dict[int, Any]()

        def told(index: int, done: int) -> None:
            steps[index] = done
            note = f"{len(found)} of {plural(len(most), 'learner')}"
            progress("Training", sum(steps.values()), sum(most.values()), note)

        progress("Training", 0, sum(most.values()))
        seconds = team_seconds(self.features, self.recipe)
        options: dict[str, Any] = {"seconds": seconds, "gpu": on_gpu}
        for index, one in workers.run(self.learn, indices, told, **options):
            if isinstance(one, Died):
                raise UnfinishedError(f"Learner {index + 1} is missing, as {one}: {AGAIN}.")
            found[index] = one
            told(index, most[index])
            if first is not None and not isinstance(one[0].model, Prototypes):
                first(one[0], len(most))
                first = None
        self._viewed.cache_clear()  # at once: they hold memory, and room on the disk
        return found

    def learn_share(self, shard: Shard, workers: Workers, progress: Progress) -> ShardResult:
        """Train the share of a shard, to be kept."""
        assert self.kept is not None
        names = {f"{index:04}": index for index in range(len(self.plan))}
        own = [names[name] for name in sorted(shard.take(dict.fromkeys(names, 1)))]
        self.learn_all(own, workers, None, progress)
        left = sum(not self._path(index).is_file() for index in names.values())
        return ShardResult("learners", len(own), left, len(names))

    def _path(self, index: int) -> Path:
        assert self.kept is not None
        return self.kept / self.source / f"learner-{index:02d}.ckpt"

    def _view(self, kind: ViewKind, at: int) -> ViewedFeatures:
        return ViewedFeatures(
            fit_view(kind, at, self.features), self.features, self.features.folder
        )

    def _network(self, kind: Kind, at: int | None, seed: int, name: str) -> Learner:
        own = copy.deepcopy(self.recipe)
        own.team, own.background, own.sub_actions = 0, False, 0
        assert kind.encoder is not None
        own.encoder = copy.deepcopy(kind.encoder)
        own.training = copy.copy(self.training)
        if at is None:
            own.order_prior = PAPER_STRENGTH
            own.transport_train.radius = own.transport_eval.radius = PAPER_RADIUS
        else:
            own.order_prior = self.recipe.order_prior if kind.ordered else 0.0
            own.transport_train.radius, own.transport_eval.radius = at / self.mean_frames, at
        seen = self._viewed(kind.view, at or self.half)

        def report(stage: str, done: int, total: int, note: str = "") -> None:
            tell(done)

        begun = draw_model(own, seen.width, self.n_actions, seed)
        if kind.contrasted:
            begun.encoder.load_state_dict(self.contrasted)
        start_at_kmeans(begun, seen, seed, self.starting)
        settings: dict[str, Any] = {"make_log": partial(self.make_log, name), "progress": report}
        model = train(seen, own, self.n_actions, seed, self.device, begun=begun, **settings)
        return Learner(kind.title, seen.view, model)

    def _prototypes(self, title: str, seed: int, at: int, **settings: Any) -> Learner:
        found = learn_prototypes(self.features, self.n_actions, at, seed=seed, **settings)
        return Learner(title, None, found)


def team_seconds(features: PreparedFeatures, recipe: Recipe) -> float:
    """Return about how long the learners of a team take on one core that is free."""
    settings, width = team_training(len(features), recipe.training), features.width
    learners = _learners(recipe)
    steps = settings.epochs * -(-len(features) // settings.batch_size) * learners
    frames = settings.batch_size * settings.frames_per_recording
    return learners * LEARNER_S + steps * (STEP_S + frames * width * WEIGHT_S)


def team_training(n_recordings: int, training: TrainingSettings) -> TrainingSettings:
    """Return how the networks of a team are trained: in fewer but longer steps on many recordings.

    They are as many as on ten recordings, or each is seen once.
    """
    # A step takes a batch, even where that holds more.
    enough = training.epochs * max(MANY_RECORDINGS, training.batch_size)
    epochs = min(training.epochs, max(1, round(enough / n_recordings)))
    longer = min(LONGEST, training.epochs / epochs) if epochs else 1.0
    return replace(
        training,
        epochs=epochs,
        learning_rate=training.learning_rate * longer,
        kmeans_restarts=min(training.kmeans_restarts, TEAM_RESTARTS),
    )


def _learners(recipe: Recipe) -> int:
    """Return about how many learners a team has."""
    return recipe.team * sum(map(len, SCALES)) // len(SCALES) * len(KINDS)


class _Libraries:
    """What loads all that learners need in the process that unpacks it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return warm_up, ()


def begin_team(
    features: PreparedFeatures,
    recipe: Recipe,
    device: str = "cpu",
    workers: Workers = DEFAULT_WORKERS,
) -> None:
    """Let processes for the learners load libraries, within a crew, while settings are found."""
    if recipe.team and find_devices(device, 1).device.type == "cpu":
        workers.ahead(_learners(recipe), team_seconds(features, recipe), _Libraries())


@single_threaded
def train_team(
    features: PreparedFeatures,
    recipe: Recipe,
    n_actions: int,
    seed: int = 0,
    device: str = "auto",
    *,
    kept: Path | None = None,
    make_log: Callable[[str], Logger | None] = no_logger,
    workers: Workers = DEFAULT_WORKERS,
    first: Callable[[Learner, int], None] | None = None,
    order: OrderEvidence | None = None,
    progress: Progress = silent,
) -> TeamModel:
    """Train the learners of a team and hold their vote.

    ``kept`` is a folder for trained learners, from which an interrupted training goes on exactly
    as it would have gone on; those of other recordings or settings are left alone.
    ``make_log`` makes the logger of a network, given its name. Learners
    are shared out over the ``workers`` where that is quicker, on the CPU; a ``make_log`` that other
    processes cannot take keeps them in this one. ``first`` is called as soon as there is a network,
    with it and the number of all learners, while others are trained. Whether the recordings share
    an ``order`` is found, unless it was. The rest is as for :func:`train`.

    Raises
    ------
    UnfinishedError
        If the process of a learner died, twice.
    """
    team = TeamTraining(features, recipe, n_actions, seed, device, kept, make_log)
    found = team.learn_all(range(len(team.plan)), workers, first, progress)
    candidates = []
    for name in (TEAM, SIMPLE, SINGLE):
        own = [found[index] for index, (group, _) in enumerate(team.plan) if group == name]
        candidates.append(Voters(name, *map(list, zip(*own, strict=True))))
    candidates[0] = join_candidates(*candidates)
    background = learn_background(features, team.half) if recipe.background else None
    order = find_order(features) if order is None else order
    told = team.half, progress, order.beyond_noise
    result = choose_candidate(candidates, team.compared, recipe, n_actions, *told)
    return TeamModel(recipe, features.width, n_actions, background=background, **vars(result))
