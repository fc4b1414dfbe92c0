"""The default with a part changed or taken away, and other ways to segment, all without labels."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, cast
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray

import asot.model.team as teams
from asot import ActionSegmenter
from asot.baselines import KMeansSegmenter
from asot.model.features import PreparedFeatures
from asot.model.team import KINDS, Learner, TeamModel, Vote, hold_vote

Labels = list[NDArray[np.int64]]


class Case:
    """Recordings, K and a seed; the default is fitted once for all variants made of its learners.

    Parameters
    ----------
    features : list of (N_i, D) float32 arrays
        The recordings.
    n_actions : int
        K.
    seed : int
        Of whatever is fitted.
    """

    def __init__(self, features: list[NDArray[np.float32]], n_actions: int, seed: int) -> None:
        self.features = features
        self.n_actions = n_actions
        self.seed = seed

    @cached_property
    def default(self) -> ActionSegmenter:
        """The default, fitted."""
        return self.fitted()

    def fitted(self, **settings: Any) -> ActionSegmenter:
        """The default with other settings, fitted."""
        segmenter = ActionSegmenter(self.n_actions, random_state=self.seed, **settings)
        return cast(ActionSegmenter, segmenter.fit(self.features))

    @property
    def team(self) -> TeamModel:
        """The default's learners and their vote."""
        return cast(TeamModel, self.default.model_)

    @cached_property
    def prepared(self) -> list[NDArray[np.float32]]:
        """The recordings as the default's learners take them."""
        return list(PreparedFeatures(self.features, self.team.recipe.dataset.standardise))

    @cached_property
    def answers(self) -> list[Labels]:
        """Each learner's labels of each recording."""
        return [[one.labels(frames) for frames in self.prepared] for one in self.team.learners]


@dataclass(frozen=True)
class _Answer:
    """A learner of which only what it says of one recording is known."""

    said: NDArray[np.int64]

    def labels(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        return self.said


def decode_again(
    case: Case, kept: Sequence[int] | None = None, change: Callable[[Vote], Vote] | None = None
) -> Labels:
    """The labels that the default would have given with some of its learners alone.

    Parameters
    ----------
    case : Case
        The recordings and the default.
    kept : sequence of int, optional
        The learners that vote; all of them unless given.
    change : callable, optional
        Changes their vote.
    """
    kept = range(len(case.team.learners)) if kept is None else kept
    vote = hold_vote([np.concatenate(case.answers[index]) for index in kept], case.n_actions)
    team = copy.copy(case.team)
    team.vote = vote if change is None else change(vote)
    labels = []
    for number, frames in enumerate(case.prepared):
        team.learners = [cast(Learner, _Answer(case.answers[index][number])) for index in kept]
        labels.append(np.asarray(team.decode(torch.from_numpy(frames)).labels))
    return labels


def _one_round(case: Case) -> Labels:
    return decode_again(case, range(len(case.team.learners) // case.team.recipe.team))


def _without(title: str, case: Case) -> Labels:
    learners = enumerate(case.team.learners)
    return decode_again(case, [index for index, one in learners if one.title != title])


def _equal_weights(case: Case) -> Labels:
    return decode_again(
        case,
        change=lambda vote: replace(vote, weights=np.ones_like(vote.weights) / len(vote.weights)),
    )


def _unsharpened(case: Case) -> Labels:
    with patch.object(teams, "sharpen_boundaries", lambda labels, features, reach: labels):
        return decode_again(case)


def _undecoded(case: Case) -> Labels:
    vote = case.team.vote
    each = zip(*case.answers, strict=True)
    return [vote.shares(list(answers)).argmax(axis=1) for answers in each]


def _most_agreed(case: Case) -> Labels:
    return case.answers[int(np.argmax(case.team.vote.agreement))]


def _default(case: Case) -> Labels:
    return case.default.labels_


def _settings(case: Case, **settings: Any) -> Labels:
    return case.fitted(**settings).labels_


def _kmeans(case: Case, standardise: bool) -> Labels:
    segmenter = KMeansSegmenter(
        case.n_actions,
        standardise=standardise,
        frames_per_recording=256,
        random_state=case.seed,
    )
    return cast(Labels, segmenter.fit_predict(case.features))


@dataclass(frozen=True)
class Variant:
    """A way to segment.

    Attributes
    ----------
    title : str
        What the row is called.
    segment : callable
        Labels of a case's recordings.
    revotes : bool
        Whether it is made of the default's own learners, so that nothing else differs.
    """

    title: str
    segment: Callable[[Case], Labels]
    revotes: bool = False


def _fitted(title: str, **settings: Any) -> Variant:
    return Variant(title, partial(_settings, **settings))


def _slug(title: str) -> str:
    return title.replace(",", "").replace(" ", "-")


PAPER: dict[str, Any] = {
    "team": 0,
    "radius": 0.04,
    "order_prior": 0.15,
    "lambda_actions_train": 0.11,
}
LINEAR: dict[str, Any] = {"team": 0, "hidden": (), "embedding_width": 128}

VARIANTS: dict[str, Variant] = {
    "default": Variant("the default", _default),
    "one-round": Variant("each learner once, not twice", _one_round, True),
    **{
        f"no-{_slug(kind.title)}": Variant(
            f"without *{kind.title}*", partial(_without, kind.title), True
        )
        for kind in KINDS
    },
    "equal-weights": Variant("equal weights in the vote", _equal_weights, True),
    "most-agreed": Variant("the one learner that others bear out most", _most_agreed, True),
    "undecoded": Variant("the vote's largest share, not decoded", _undecoded, True),
    "unsharpened": Variant("boundaries as decoded, not sharpened", _unsharpened, True),
    "radius-0.04": _fitted("radius .04 of the recording (the paper's)", radius=0.04),
    "radius-0.01": _fitted("radius .01 of the recording", radius=0.01),
    "order-0": _fitted("no order prior", order_prior=0.0),
    "order-0.15": _fitted("order prior .15 (the paper's)", order_prior=0.15),
    "raw": _fitted("features not standardised", standardise=False),
    "epochs-0": _fitted("no training: 0 epochs", epochs=0),
    "epochs-30": _fitted("30 epochs", epochs=30),
    "lambda-0.03": _fitted("weaker pull to equal actions: lambda .03", lambda_actions_train=0.03),
    "paper": _fitted("the paper's network and settings", **PAPER),
    "paper-raw": _fitted("the same, not standardised", standardise=False, **PAPER),
    "network": _fitted("the paper's network, radius and order found", team=0),
    "linear": _fitted("a linear network, radius and order found", **LINEAR),
    "kmeans": Variant("k-means, nearest centre", partial(_kmeans, standardise=True)),
    "kmeans-raw": Variant("the same, not standardised", partial(_kmeans, standardise=False)),
}
