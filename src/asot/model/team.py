"""A team of learners that vote, so that no single view, start or order prior decides.

Each learner is the paper's network, or prototypes without any training, on a view of its own. Their
labellings are matched and weighed by how far the others bear them out: a learner that collapsed
into one action, or follows noise, agrees with nobody and has no say. What they settle on is decoded
once more by the transport.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asot.decoding.boundaries import sharpen_boundaries
from asot.discover.background import Background, learn_background
from asot.discover.prototypes import (
    Prototypes,
    band,
    derived_seed,
    evenly,
    learn_prototypes,
    unit_rows,
    window_mean,
)
from asot.model.automatic import PAPER_STRENGTH
from asot.model.features import PreparedFeatures
from asot.model.loop import train
from asot.model.network import ActionModel
from asot.model.recipe import EncoderSettings, Recipe
from asot.model.views import View, ViewedFeatures, fit_view
from asot.model.vote import Vote, hold_vote
from asot.progress import Progress, silent
from asot.timeline.segments import UNLABELLED
from asot.transport import Solution, solve

LINEAR = EncoderSettings([], 128)
HIDDEN = EncoderSettings([128], 40)
ORDER_WEIGHT = 0.1  # of a learned order, in units of cost per nat, where the evidence is complete
# The vote is decoded in a narrower band: it is smooth already.
NARROWER = 0.7
PENALTY = 0.05
MOST_RECORDINGS = 100  # to match the learners on


@dataclass(frozen=True)
class Kind:
    """A kind of learner.

    Attributes
    ----------
    title : str
        Its name for people.
    view : {"frames", "smooth", "motion"}
        What it sees.
    encoder : EncoderSettings or None
        Its network; None for prototypes.
    ordered : bool
        Whether it has the recipe's order prior.
    """

    title: str
    view: str
    encoder: EncoderSettings | None
    ordered: bool


KINDS = (
    Kind("frames, linear", "frames", LINEAR, False),
    Kind("frames, hidden layer", "frames", HIDDEN, True),
    Kind("smoothed, linear", "smooth", LINEAR, False),
    Kind("motion, linear", "motion", LINEAR, False),
    Kind("motion, linear, in order", "motion", LINEAR, True),
    Kind("prototypes, learned order", "smooth", None, True),
)


@dataclass(frozen=True)
class Learner:
    """One of a team: a view, and a network or prototypes behind it."""

    title: str
    view: View | None
    model: ActionModel | Prototypes

    def labels(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """Labels (N,) of one recording's prepared features."""
        if isinstance(self.model, Prototypes):
            return self.model.labels(features)
        assert self.view is not None
        seen = torch.from_numpy(np.require(self.view.apply(features), np.float32, ["C", "W"]))
        labels: NDArray[np.int64] = self.model.decode(seen).labels.numpy()
        return labels

    def embedding(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit rows (N, d) in which its actions are directions."""
        if isinstance(self.model, Prototypes):
            half = round(self.model.radius / 2)
            return unit_rows(window_mean(features, half)).astype(np.float32)
        assert self.view is not None
        with torch.no_grad():
            rows = self.model.embed(torch.from_numpy(self.view.apply(features)))
        embedded: NDArray[np.float32] = rows.numpy()
        return embedded

    @property
    def centres(self) -> NDArray[np.float32]:
        """Its actions in that space, (K, d)."""
        if isinstance(self.model, Prototypes):
            return self.model.centres.astype(np.float32)
        centres: NDArray[np.float32] = self.model.actions.detach().numpy()
        return centres


class Kept(Protocol):
    """Where learners that are done are kept."""

    def get(self, index: int) -> Learner | None:
        """The learner of this number, if it is done."""

    def put(self, index: int, learner: Learner) -> None:
        """Keep a learner."""


class TeamModel:
    """Learners and how they vote; decodes as ``ActionModel`` does.

    Parameters
    ----------
    recipe : Recipe
        With everything settled.
    n_features, n_actions : int
        D and K.
    learners : list of Learner
        The team.
    vote : Vote
        How their labellings are brought together.
    background : Background or None
        What tells frames of no action; None where they are not looked for.
    """

    def __init__(
        self,
        recipe: Recipe,
        n_features: int,
        n_actions: int,
        learners: list[Learner],
        vote: Vote,
        background: Background | None = None,
    ) -> None:
        self.recipe = recipe
        self.n_features = n_features
        self.n_actions = n_actions
        self.learners = learners
        self.vote = vote
        self.background = background

    @property
    def actions(self) -> Tensor:
        """The actions in the space of ``embed``, (K, d): unit rows."""
        parts = []
        for learner, columns, weight in zip(
            self.learners, self.vote.columns, self.vote.weights, strict=True
        ):
            own = learner.centres
            centres = np.zeros((self.n_actions, own.shape[1]), dtype=np.float32)
            # Of fewer frames than actions there are fewer prototypes.
            centres[columns[: len(own)]] = own
            parts.append(np.sqrt(weight) * centres)
        return torch.from_numpy(np.hstack(parts).astype(np.float32))

    def embed(self, features: Tensor) -> Tensor:
        """The learners' embeddings side by side, (N, d), weighed so that rows have length one."""
        frames = features.numpy()
        parts = [
            np.sqrt(weight) * learner.embedding(frames)
            for learner, weight in zip(self.learners, self.vote.weights, strict=True)
        ]
        return torch.from_numpy(np.hstack(parts).astype(np.float32))

    def decode(self, features: Tensor) -> Solution:
        """Segment one recording at full length.

        Parameters
        ----------
        features : Tensor, shape (N, D)
            Prepared features.

        Returns
        -------
        Solution
            ``labels`` of shape (N,), decoded from the vote, and -1 for background; ``assignment``
            of shape (N, K) is the vote itself: the learners' share, by weight, for each action.
        """
        frames = features.numpy()
        shares = self.vote.shares([one.labels(frames) for one in self.learners])
        settings = self.recipe.transport_eval
        assert not isinstance(settings.radius, str)
        frames_radius = settings.radius
        if isinstance(frames_radius, float):
            frames_radius = max(1, round(frames_radius * len(frames)))
        decoded = solve(
            torch.from_numpy((1.0 - shares).astype(np.float32)),
            epsilon=settings.epsilon,
            alpha=settings.alpha,
            radius=band(max(1, round(NARROWER * frames_radius)), len(frames)),
            lambda_actions=PENALTY,
        )
        # Windows blur the cuts by up to half their width.
        labels = sharpen_boundaries(decoded.labels.numpy(), frames, round(frames_radius / 2))
        if self.background is not None and self.background.evidence.cost is not None:
            labels[self.background.frames(frames)] = UNLABELLED
        return Solution(
            assignment=torch.from_numpy(shares.astype(np.float32)),
            frame_weight=decoded.frame_weight,
            labels=torch.from_numpy(labels),
            objective=decoded.objective,
            status=decoded.status,
        )


def train_team(
    features: PreparedFeatures,
    recipe: Recipe,
    n_actions: int,
    *,
    seed: int = 0,
    device: str = "auto",
    kept: Kept | None = None,
    progress: Progress = silent,
) -> TeamModel:
    """Train the learners of a team and hold their vote.

    Parameters
    ----------
    features : PreparedFeatures
        The recordings' features.
    recipe : Recipe
        With everything settled (``automatic.settle``); ``recipe.team`` says how often each learner
        is trained.
    n_actions : int
        K.
    seed : int
        Decides everything that is drawn.
    device : str
        As for ``loop.train``.
    kept : Kept, optional
        Learners that are done, from which an interrupted training goes on.
    progress : callable, optional
        Told the learner, how many are done and of how many.
    """
    assert not isinstance(recipe.order_prior, str)
    assert not isinstance(recipe.transport_eval.radius, str)
    mean_frames = float(np.mean([len(one) for one in features]))
    radius = recipe.transport_eval.radius
    half = radius if isinstance(radius, int) else max(1, round(radius * mean_frames))
    # Prototypes in no order would see nothing that the smoothed frames do not show.
    kinds = [one for one in KINDS if one.encoder is not None or recipe.order_prior > 0]
    rounds = [(number, kind) for number in range(recipe.team) for kind in kinds]
    seen = {kind: ViewedFeatures(fit_view(kind, half, features), features) for kind in _views()}
    learners = []
    for index, (number, kind) in enumerate(rounds):
        progress("Training", index, len(rounds), kind.title)
        learner = None if kept is None else kept.get(index)
        if learner is None:
            own = derived_seed(seed, number, KINDS.index(kind))
            learner = (
                _train_prototypes(kind, features, recipe, n_actions, half, own)
                if kind.encoder is None
                else _train_network(kind, seen[kind.view], recipe, n_actions, own, device)
            )
            if kept is not None:
                kept.put(index, learner)
        learners.append(learner)
    progress("Training", len(rounds), len(rounds), "vote")
    compared = evenly(features, MOST_RECORDINGS)
    labels = [np.concatenate([one.labels(frames) for frames in compared]) for one in learners]
    vote = hold_vote(labels, n_actions)
    background = learn_background(features, half) if recipe.background else None
    return TeamModel(recipe, features.width, n_actions, learners, vote, background)


def _views() -> list[str]:
    return list(dict.fromkeys(kind.view for kind in KINDS if kind.encoder is not None))


def _train_prototypes(
    kind: Kind,
    features: PreparedFeatures,
    recipe: Recipe,
    n_actions: int,
    radius: int,
    seed: int,
) -> Learner:
    strength = float(recipe.order_prior) / PAPER_STRENGTH
    found = learn_prototypes(
        features,
        n_actions,
        radius,
        rounds=3,
        order_weight=ORDER_WEIGHT * strength,
        seed=seed,
    )
    return Learner(kind.title, None, found)


def _train_network(
    kind: Kind,
    seen: ViewedFeatures,
    recipe: Recipe,
    n_actions: int,
    seed: int,
    device: str,
) -> Learner:
    assert kind.encoder is not None
    own = copy.deepcopy(recipe)
    own.team, own.background = 0, False
    own.encoder = copy.deepcopy(kind.encoder)
    own.order_prior = recipe.order_prior if kind.ordered else 0.0
    return Learner(kind.title, seen.view, train(seen, own, n_actions, seed=seed, device=device))
