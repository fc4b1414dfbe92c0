"""The default with a part changed or taken away, and other ways to segment, all without labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, cast
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

import asot.model.learners as learners
import asot.model.team as teams
from asot import ActionSegmenter
from asot.baselines import KMeansSegmenter
from asot.discover.prototypes import Frames
from asot.model.automatic import PAPER_RADIUS
from asot.model.features import PreparedFeatures
from asot.model.recipe import Recipe
from asot.model.team import (
    KINDS,
    PAPER,
    TEAM,
    Learner,
    Outcome,
    TeamModel,
    Vote,
    Voters,
    choose_candidate,
    hold_vote,
)

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
        self._answers: dict[int, Labels] = {}

    @cached_property
    def default(self) -> ActionSegmenter:
        """The default, fitted."""
        return self._fit[0]

    @property
    def asked(self) -> tuple[Sequence[Voters], Frames, Recipe, int, int]:
        """What ``choose_candidate`` chose the default's learners from."""
        return self._fit[1]

    @cached_property
    def _fit(self) -> tuple[ActionSegmenter, Any]:
        asked: list[Any] = []

        def choose(*given: Any) -> Outcome:
            asked.append(given[:5])  # without the progress
            return choose_candidate(*given)

        with patch.object(learners, "choose_candidate", choose):
            return self.fitted(), asked[0]

    def fitted(self, **settings: Any) -> ActionSegmenter:
        """The default with other settings, fitted."""
        settings = {"n_actions": self.n_actions, "random_state": self.seed} | settings
        return cast(ActionSegmenter, ActionSegmenter(**settings).fit(self.features))

    @property
    def team(self) -> TeamModel:
        """The default's learners and their vote."""
        return cast(TeamModel, self.default.model_)

    @cached_property
    def prepared(self) -> list[NDArray[np.float32]]:
        """The recordings as the default's learners take them."""
        return list(PreparedFeatures(self.features, self.team.recipe.preparation))

    def answers(self, learner: Learner) -> Labels:
        """A learner's labels of each recording."""
        if id(learner) not in self._answers:
            self._answers[id(learner)] = [learner.labels(frames) for frames in self.prepared]
        return self._answers[id(learner)]

    def shares(self, team: TeamModel | Outcome) -> list[NDArray[np.float64]]:
        """The vote of some of the learners on each recording."""
        each = zip(*map(self.answers, team.learners), strict=True)
        return [team.vote.shares(list(said)) for said in each]


def decode_again(case: Case, team: TeamModel | Outcome | None = None) -> Labels:
    """The labels that the default, or a choice among its learners, gives."""
    team = case.team if team is None else team
    pairs = zip(case.shares(team), case.prepared, strict=True)
    return [
        team.decoding.solve(shares, frames, case.team.recipe).labels.numpy()
        for shares, frames in pairs
    ]


def choose_again(case: Case, kept: Callable[[Voters, int], bool] = lambda one, at: True) -> Labels:
    """The labels that the default would have given, had each candidate only the learners kept."""
    candidates, compared, recipe, n_actions, radius = case.asked
    fewer = []
    for one in candidates:
        own = [at for at in range(len(one.learners)) if kept(one, at)]
        if own:
            learners, labels = [one.learners[at] for at in own], [one.labels[at] for at in own]
            worth = np.broadcast_to(one.worth, len(one.learners))[own]
            fewer.append(Voters(one.name, learners, labels, worth))
    return decode_again(case, choose_candidate(fewer, compared, recipe, n_actions, radius))


def _one_round(case: Case) -> Labels:
    def kept(one: Voters, at: int) -> bool:
        title = one.learners[at].title
        same = [n for n, own in enumerate(one.learners) if own.title == title]
        return title in ONCE or at in same[: len(same) // case.team.recipe.team]

    return choose_again(case, kept)


def _without(title: str, case: Case) -> Labels:
    return choose_again(case, lambda one, at: one.learners[at].title != title)


def _team_always(case: Case) -> Labels:
    return choose_again(case, lambda one, at: one.name == TEAM)


def _equal_weights(case: Case) -> Labels:
    def equal(labels: Sequence[NDArray[np.int64]], n_actions: int) -> Vote:
        vote = hold_vote(labels, n_actions)
        return replace(vote, weights=np.full_like(vote.weights, 1 / len(vote.weights)))

    with patch.object(teams, "hold_vote", equal):
        return choose_again(case)


def _unsharpened(case: Case) -> Labels:
    with patch.object(teams, "sharpen_boundaries", lambda labels, features, reach: labels):
        return decode_again(case)


def _undecoded(case: Case) -> Labels:
    return [shares.argmax(axis=1) for shares in case.shares(case.team)]


def _most_agreed(case: Case) -> Labels:
    team = case.asked[0][0]
    vote = hold_vote([np.concatenate(labels) for labels in team.labels], case.n_actions)
    return case.answers(team.learners[int(np.argmax(vote.agreement))])


def _default(case: Case) -> ActionSegmenter:
    return case.default


def _settings(case: Case, **settings: Any) -> ActionSegmenter:
    return case.fitted(**settings)


def _scales(case: Case, scales: tuple[float, ...]) -> ActionSegmenter:
    with patch.object(learners, "SCALES", (scales,)):
        return case.fitted()


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
        A case's labels, or what was fitted to it.
    revotes : bool
        Whether it is made of the default's own learners, so that nothing else differs.
    """

    title: str
    segment: Callable[[Case], Labels | ActionSegmenter]
    revotes: bool = False


def _fitted(title: str, **settings: Any) -> Variant:
    return Variant(title, partial(_settings, **settings))


def _slug(title: str) -> str:
    return title.removeprefix("the ").replace(",", "").replace("'", "").replace(" ", "-")


ONCE = PAPER.title, "nearest centre"  # trained once, however large the team
PAPERS: dict[str, Any] = {
    "team": 0,
    "radius": PAPER_RADIUS,
    "order_prior": 0.15,
    "lambda_actions_train": 0.11,
}

VARIANTS: dict[str, Variant] = {
    "default": Variant("the default", _default),
    "auto": _fitted("the number of actions found, too", n_actions="auto"),
    "one-round": Variant("each learner once, not twice", _one_round, True),
    **{
        f"no-{_slug(kind.title)}": Variant(
            f"without *{kind.title}*", partial(_without, kind.title), True
        )
        for kind in (*KINDS, PAPER)
    },
    "team-always": Variant("without the simple candidates: the team always", _team_always, True),
    "one-scale": Variant("learners at one scale", partial(_scales, scales=(1.0, 1.0))),
    "scales-0.7": Variant("learners at the scales 1 and .7", partial(_scales, scales=(1.0, 0.7))),
    "scales-0.5": Variant("learners at the scales 1 and .5", partial(_scales, scales=(1.0, 0.5))),
    "equal-weights": Variant("equal weights in the vote", _equal_weights, True),
    "most-agreed": Variant("the one learner that others bear out most", _most_agreed, True),
    "undecoded": Variant("the vote's largest share, not decoded", _undecoded, True),
    "unsharpened": Variant("boundaries as decoded, not sharpened", _unsharpened, True),
    "radius-0.04": _fitted("radius .04 of the recording (the paper's)", radius=0.04),
    "order-0": _fitted("no order prior", order_prior=0.0),
    "order-0.15": _fitted("order prior .15 (the paper's)", order_prior=0.15),
    "raw": _fitted("features not standardised", standardise=False),
    "epochs-0": _fitted("no training: 0 epochs", epochs=0),
    "epochs-30": _fitted("30 epochs", epochs=30),
    "lambda-0.03": _fitted("weaker pull to equal actions: lambda .03", lambda_actions_train=0.03),
    "paper": _fitted("the paper's network and settings", **PAPERS),
    "paper-raw": _fitted("the same, not standardised", standardise=False, **PAPERS),
    "network": _fitted("the paper's network, radius and order found", team=0),
    "kmeans": Variant("k-means, nearest centre", partial(_kmeans, standardise=True)),
    "kmeans-raw": Variant("the same, not standardised", partial(_kmeans, standardise=False)),
}
