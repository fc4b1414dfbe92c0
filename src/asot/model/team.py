"""A team of learners that vote, so that no single view, scale, start or order prior decides.

Each learner is the paper's network, or prototypes without any training, on a view of its own, at
one of four time scales. Their labellings are matched, and weighed by their agreement with the
others and, where recordings stand out from noise, by how well they describe the frames: a learner
that collapsed into a single action, or follows noise, agrees with no other and counts for nothing.
The result of the vote is decoded once more by the transport.

Simpler candidates are held against the team: k-means with the size of the frames, and the paper's
network alone. The score of the whole segmentations chooses, as it does the band of the last
decoding and how equal it makes the actions.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from asot.decoding.boundaries import sharpen_boundaries
from asot.discover.background import Background
from asot.discover.noise import compare_with_noise
from asot.discover.number import adjusted_rand, count_pairs
from asot.discover.prototypes import Frames, Prototypes, band, unit_rows
from asot.discover.score import (
    FEW_DIRECTIONS,
    SegmentationScore,
    count_segments,
    drawn_in,
    main_directions,
)
from asot.discover.steps import Steps
from asot.discover.verdict import Choice, Trust, estimate_trust
from asot.discover.views import View, ViewKind
from asot.model.features import as_tensor
from asot.model.lessons import LEAST, Lessons
from asot.model.network import ActionModel
from asot.model.recipe import EncoderSettings, Recipe
from asot.progress import Progress, silent
from asot.timeline.segments import UNLABELLED
from asot.transport import Solution, solve
from asot.workers import in_order

LINEAR = EncoderSettings([], 128)
PAPER_ENCODER = EncoderSettings([128], 40)
# Of the radius, at which learners are trained: in every other round the same.
SCALES = ((1.0, 0.6), (0.8, 0.45))
BANDS = (0.5, 0.25, 1.0)  # of the radius, in which the vote may be decoded
PENALTIES = (0.05, 0.005)  # how equal the last decoding may make the actions
WORTH = 0.5  # nats a segment by which another decoding must describe the frames better
NEARLY = 0.9  # of the team's gain, for single frames: nearly as good, and simpler
CLEARLY = 6.0  # nats a segment by which one description of the frames is better than another
SIZED = 0.7  # what prototypes with size are worth in a team: half the say, as they are alike
ROUNDS = 5  # of matching the learners to the vote
COMPARED = 5_000  # frames, to measure their agreement


@dataclass(frozen=True)
class Kind:
    """A kind of learner, ``ordered`` if it has the order prior; without an encoder: prototypes.

    An encoder may start from what it can learn from time alone (``contrasted``).
    """

    title: str
    view: ViewKind
    encoder: EncoderSettings | None
    ordered: bool
    contrasted: bool = False


PAPER = Kind("the paper's network", "frames", PAPER_ENCODER, True)
KINDS = (
    Kind("frames, contrasted", "frames", PAPER_ENCODER, False, contrasted=True),
    Kind("frames, contrasted, in order", "frames", PAPER_ENCODER, True, contrasted=True),
    Kind("smoothed, linear", "smooth", LINEAR, False),
    Kind("motion, linear", "motion", LINEAR, False),
    Kind("motion, linear, in order", "motion", LINEAR, True),
    Kind("prototypes, learned order", "smooth", None, True),
)


@dataclass(frozen=True)
class Learner:
    """A learner of a team: a view, and a network or prototypes behind it."""

    title: str
    view: View | None
    model: ActionModel | Prototypes

    def labels(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """Label one recording's prepared features: (N,)."""
        return next(label_by_each([self], features))

    def decode(self, features: Tensor) -> Solution:
        """Segment one recording's prepared features (N, D) by the network alone."""
        assert self.view is not None
        assert isinstance(self.model, ActionModel)
        return self.model.decode(as_tensor(self.view.apply(features.numpy())))

    def embedding(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return frame embeddings, unit rows (N, d); an action is a direction among them."""
        if isinstance(self.model, Prototypes):
            return unit_rows(self.model.rows(features)).astype(np.float32)
        assert self.view is not None
        with torch.no_grad():
            rows = self.model.embed(torch.from_numpy(self.view.apply(features)))
        embedded: NDArray[np.float32] = rows.numpy()
        return embedded

    @property
    def centres(self) -> NDArray[np.float32]:
        """Return the actions in the space of ``embedding``, (K, d)."""
        if isinstance(self.model, Prototypes):
            return unit_rows(self.model.centres).astype(np.float32)
        centres: NDArray[np.float32] = self.model.actions.detach().numpy()
        return centres


def label_by_each(
    learners: Sequence[Learner], features: NDArray[np.float32]
) -> Iterator[NDArray[np.int64]]:
    """Label one recording's prepared features by each learner: (N,).

    What is seen through a view is made once for learners that follow each other.
    """
    view, seen = None, features
    for one in learners:
        if isinstance(one.model, Prototypes):
            yield one.model.labels(features)
            continue
        assert one.view is not None
        if view is None or not one.view.is_same(view):
            view, seen = one.view, one.view.apply(features)
        yield one.model.decode(as_tensor(seen)).labels.numpy()


@dataclass(frozen=True)
class Vote:
    """A matching of M labellings, and their weights; ``agreement`` is about 0 after a collapse."""

    columns: NDArray[np.int64]  # (M, K): the common number of action k of labelling m
    weights: NDArray[np.float64]  # (M,), sum to 1
    agreement: NDArray[np.float64]  # (M,), mean adjusted Rand index with the other labellings

    def shares(self, labels: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
        """Return the weight for each action, (N, K), given the labels (N,) of each labelling."""
        votes = np.zeros((len(labels[0]), self.columns.shape[1]))
        frames = np.arange(len(votes))
        for own, columns, weight in zip(labels, self.columns, self.weights, strict=True):
            votes[frames, columns[own]] += weight
        return np.minimum(votes, 1.0)  # which the sum of all weights may exceed by rounding


def hold_vote(labels: Sequence[NDArray[np.int64]], n_actions: int, worth: ArrayLike = 1.0) -> Vote:
    """Match the actions of labellings, and weigh labellings by their agreement with the others.

    All are matched to the labelling of most weight, then to the outcome of the vote, until that
    stays the same. All label the same frames with actions 0 to K - 1. What else a labelling is
    ``worth``, (M,), counts as its agreement does.

    Examples
    --------
    >>> vote = hold_vote([np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])], 2)
    >>> vote.shares([np.array([0, 1]), np.array([1, 0])]).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    from scipy.optimize import linear_sum_assignment

    thin = [one[:: max(1, len(one) // COMPARED)] for one in labels]
    several = [len(np.unique(one)) > 1 for one in thin]
    count = len(labels)
    rand = np.ones((count, count))
    for a in range(count):
        for b in range(a):
            # Two labellings with a single action are the same, which is not evidence.
            both = several[a] and several[b]
            rand[a, b] = rand[b, a] = adjusted_rand(thin[a], thin[b]) if both else 0.0
    agreement = (rand.sum(axis=1) - 1) / max(1, count - 1) if count > 1 else np.ones(1)
    weights = (np.maximum(agreement, 1e-3) * worth) ** 2
    weights /= weights.sum()
    reference = labels[int(np.argmax(weights))]
    columns = np.zeros((count, n_actions), dtype=np.int64)
    for _ in range(ROUNDS):
        for index, own in enumerate(labels):
            rows, matched = linear_sum_assignment(-count_pairs(own, reference, n_actions))
            columns[index, rows] = matched
        vote = Vote(columns, weights, agreement)
        outcome = vote.shares(labels).argmax(axis=1)
        if np.array_equal(outcome, reference):
            break
        reference = outcome
    return vote


@dataclass(frozen=True)
class LastDecoding:
    """How a vote is decoded."""

    band: float = 0.7  # half-width of the band, as a share of the radius
    penalty: float = 0.05  # on the action marginal

    def solve(
        self,
        shares: NDArray[np.float64],
        frames: NDArray[np.float32],
        recipe: Recipe,
        known: NDArray[np.int64] | None = None,
    ) -> Solution:
        """Decode the shares (N, K) of a vote on a recording's prepared features (N, D).

        Frames with a label that is ``known``, (N,), have no other; -1 leaves them free.
        """
        settings = recipe.transport_eval
        assert not isinstance(settings.radius, str)
        radius = settings.radius
        if isinstance(radius, float):
            radius = max(1, round(radius * len(frames)))
        allowed = None
        if known is not None:
            is_own = np.arange(shares.shape[1]) == known[:, None]
            allowed = torch.from_numpy(is_own | (known < 0)[:, None])
        decoded = solve(
            torch.from_numpy((1.0 - shares).astype(np.float32)),
            epsilon=settings.epsilon,
            alpha=settings.alpha,
            radius=band(max(1, round(self.band * radius)), len(frames)),
            lambda_actions=self.penalty,
            allowed=allowed,
        )
        decoded.require_sound()
        # Windows blur the cuts by up to half their width.
        sharp = sharpen_boundaries(decoded.labels.numpy(), frames, round(radius / 4))
        if known is not None:
            sharp = np.where(known < 0, sharp, known)
        return replace(decoded, labels=torch.from_numpy(sharp))


@dataclass(frozen=True)
class Voters:
    """Learners that could vote, and their labels of the recordings they are compared on."""

    name: str
    learners: list[Learner]
    labels: list[list[NDArray[np.int64]]]  # by learner and recording
    worth: ArrayLike = 1.0  # of each learner, beside what the vote is told

    def vote(
        self, n_actions: int, worth: ArrayLike = 1.0
    ) -> tuple[Vote, list[NDArray[np.float64]]]:
        """Hold their vote, see :func:`hold_vote`; return its shares (N_i, K), too."""
        worth = np.multiply(worth, self.worth)
        vote = hold_vote([np.concatenate(labels) for labels in self.labels], n_actions, worth)
        return vote, [vote.shares(list(each)) for each in zip(*self.labels, strict=True)]


@dataclass(frozen=True)
class Outcome:
    """The learners that vote, how, and what is known of the result."""

    learners: list[Learner]
    vote: Vote
    decoding: LastDecoding
    choice: Choice
    trust: Trust | None


TEAM, SIMPLE, SINGLE = "team", "frames alone", "the paper's network"


def join_candidates(team: Voters, simple: Voters, single: Voters) -> Voters:
    """Let a team vote with the paper's network and the prototypes with size, all but the first."""
    learners, labels = single.learners + simple.learners[1:], single.labels + simple.labels[1:]
    worth = np.repeat([1.0, SIZED], [len(team.learners) + 1, len(simple.learners) - 1])
    return Voters(TEAM, team.learners + learners, team.labels + labels, worth)


def choose_candidate(
    candidates: Sequence[Voters],
    compared: Frames,
    recipe: Recipe,
    n_actions: int,
    radius: int,
    progress: Progress = silent,
    one_order: bool = False,
) -> Outcome:
    """Choose the learners that vote, and the decoding of their vote, by the score of the results.

    The candidates are the team, frames alone, whose first learner gives each frame its nearest
    centre, and the paper's network. Learners that describe the ``compared`` recordings, (N_i, D),
    better have more say, where these are several and more than noise. Frames alone are taken where
    their first learner describes them nearly as well as the whole team, or where all of them do so
    clearly better, if recordings are more than noise; the network, where it does so clearly. How
    right the result is, is estimated too: there, recordings are more than noise where they surely
    stand out from it, share ``one_order``, or are a single one.
    """
    seen = main_directions(drawn_in(compared))
    noise = compare_with_noise(seen, n_actions, radius) if len(seen) > 1 else None
    beyond_noise = noise is not None and noise.beyond_noise
    shares = candidates[0].vote(n_actions)[1]
    likely = _decode_all(shares, compared, recipe, LastDecoding())
    score, n_segments = SegmentationScore(seen, [likely]), count_segments(likely)
    found: dict[str, _Result] = {}
    done, total = itertools.count(1), len(candidates) * len(BANDS) * len(PENALTIES)
    progress("Voting", 0, total)
    for one in candidates:
        worth: ArrayLike = 1.0
        if beyond_noise:
            described = np.array([score.gain(labels, n_actions) for labels in one.labels])
            worth = np.maximum(described / n_segments, 0.0) + CLEARLY
        vote, shares = one.vote(n_actions, worth)
        ways = [
            LastDecoding(share, penalty) for share, penalty in itertools.product(BANDS, PENALTIES)
        ]
        decode = partial(_decode_all, shares, compared, recipe)
        results = []
        for decoding, labels in zip(ways, in_order(decode, ways), strict=True):
            gain = score.gain(labels, n_actions)
            results.append(_Result(one, vote, shares, decoding, labels, gain))
            progress("Voting", next(done), total)
        first, best = results[0], max(results, key=lambda result: result.gain)
        is_better = best.gain > first.gain + WORTH * first.n_segments
        found[one.name] = best if is_better else first
    team, name = found[TEAM], TEAM
    segments = team.n_segments
    clearly = team.gain + CLEARLY * segments
    if SINGLE in found and found[SINGLE].gain > clearly:
        name = SINGLE
    if SIMPLE in found:
        simple = found[SIMPLE]
        nearest = score.gain(simple.candidate.labels[0], n_actions)
        nearly = min(NEARLY * team.gain, team.gain)  # which may be below 0
        if nearest > nearly or (beyond_noise and simple.gain > clearly):
            name = SIMPLE
    gains = [one.gain / segments for one in found.values()]
    chosen = found[name]
    trust = estimate_trust(
        seen,
        chosen.labels,
        agreement=team.agreement(chosen.labels),
        share=chosen.share(),
        beyond_noise=noise is None or noise.surely_beyond or one_order,
    )
    few = SegmentationScore(seen, [chosen.labels], FEW_DIRECTIONS)
    alike = few.alike(chosen.labels, n_actions)
    choice = Choice(name, list(found), gains, alike)
    return Outcome(chosen.candidate.learners, chosen.vote, chosen.decoding, choice, trust)


def _decode_all(
    shares: list[NDArray[np.float64]], compared: Frames, recipe: Recipe, decoding: LastDecoding
) -> list[NDArray[np.int64]]:
    """Decode the shares (N_i, K) of a vote on each recording."""
    pairs = zip(shares, compared, strict=True)
    return [decoding.solve(own, frames, recipe).labels.numpy() for own, frames in pairs]


@dataclass(frozen=True)
class _Result:
    """What the vote of a candidate comes to on the recordings that are compared."""

    candidate: Voters
    vote: Vote
    shares: list[NDArray[np.float64]]
    decoding: LastDecoding
    labels: list[NDArray[np.int64]]
    gain: float

    @property
    def n_segments(self) -> int:
        """Count the segments of all recordings."""
        return count_segments(self.labels)

    def agreement(self, result: list[NDArray[np.int64]]) -> float:
        """Return the mean adjusted Rand index of any result and each learner, by weight."""
        joined = np.concatenate(result)
        step = max(1, len(joined) // COMPARED)
        rand = [
            adjusted_rand(joined[::step], np.concatenate(labels)[::step])
            for labels in self.candidate.labels
        ]
        return float(np.average(rand, weights=self.vote.weights))

    def share(self) -> float:
        """Return the mean share of the votes for the label given."""
        joined, shares = np.concatenate(self.labels), np.concatenate(self.shares)
        return float(shares[np.arange(len(joined)), joined].mean())


@dataclass
class TeamModel:
    """Learners and their vote, with the methods of ``ActionModel``.

    ``background`` detects frames that belong to no action; None where it is not looked for.
    ``choice`` tells why these learners vote, and ``trust`` how right they are, as estimated.
    ``lessons`` are what corrected segments taught; the learners may know fewer actions than these.
    ``steps`` are the sub-actions of each action, where any were looked for.
    """

    recipe: Recipe
    n_features: int
    n_actions: int
    learners: list[Learner]
    vote: Vote
    background: Background | None = None
    decoding: LastDecoding = LastDecoding()
    choice: Choice | None = None
    trust: Trust | None = None
    lessons: Lessons | None = None
    steps: Steps = ()

    @property
    def actions(self) -> Tensor:
        """Return the actions in the space of ``embed``, (K, d): unit rows.

        An action that no learner knows is the mean of the segments that taught it.
        """
        parts = []
        voters = zip(self.learners, self.vote.columns, self.vote.weights, strict=True)
        for learner, columns, weight in voters:
            own = learner.centres
            centres = np.zeros((self.n_actions, own.shape[1]), dtype=np.float32)
            # There are fewer prototypes than actions where there are fewer frames.
            centres[columns[: len(own)]] = own
            parts.append(np.sqrt(weight) * centres)
        found = np.hstack(parts)
        if self.lessons is not None:
            added = range(self.vote.columns.shape[1], self.n_actions)
            taught = np.maximum(self.lessons.moves[:, added], 0.0).T @ self.lessons.rows
            found[added] = unit_rows(taught)
        return torch.from_numpy(found.astype(np.float32))

    def shares(self, frames: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the learners' vote on one recording's prepared features (N, D), (N, K)."""
        return self.vote.shares(list(label_by_each(self.learners, frames)))

    def embed(self, features: Tensor) -> Tensor:
        """Put the learners' embeddings side by side, (N, d), weighed so that rows are unit."""
        frames = features.numpy()
        voters = zip(self.learners, self.vote.weights, strict=True)
        parts = [np.sqrt(weight) * learner.embedding(frames) for learner, weight in voters]
        return torch.from_numpy(np.hstack(parts).astype(np.float32))

    def decode(self, features: Tensor, known: NDArray[np.int64] | None = None) -> Solution:
        """Segment one recording's prepared features (N, D) at full length.

        ``labels`` (N,) are decoded from the vote, and -1 for background; ``assignment`` (N, K) is
        the vote, the summed weights of the learners for each action, as calibrated probabilities.
        Frames whose label is ``known``, (N,), keep it: an action, or K for none; -1 is unknown.
        """
        frames = features.numpy()
        shares = self.shares(frames)
        if self.lessons is not None:
            shares = self.lessons.apply(shares, self.embed(features).numpy())
        decoded = self.decoding.solve(shares, frames, self.recipe, known)
        labels = decoded.labels.numpy()
        assignment = shares if self.trust is None else self.trust.calibrated(shares, labels)
        if self.background is not None and self.background.evidence.cost is not None:
            labels[self.background.frames(frames)] = UNLABELLED
        if known is not None:
            is_known = known >= 0
            labels[is_known] = known[is_known]
            assignment[is_known] = np.arange(assignment.shape[1]) == known[is_known, None]
        labels[labels == self.n_actions] = UNLABELLED
        if assignment.shape[1] > self.n_actions:
            # Of frames without an action, what is left to the others.
            assignment = assignment[:, : self.n_actions] + LEAST
            assignment /= assignment.sum(axis=1, keepdims=True)
        return replace(decoded, assignment=torch.from_numpy(assignment.astype(np.float32)))
