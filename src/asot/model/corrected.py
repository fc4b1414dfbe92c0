"""Learning from corrected segments: a team's vote is moved by what people said, without training.

The learners stay as they are, so that it takes seconds; :mod:`asot.model.lessons` has the method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from asot.discover.prototypes import Frames, spread_frames
from asot.discover.views import View
from asot.model.lessons import learn_lessons
from asot.model.network import ActionModel
from asot.model.team import Learner, TeamModel, Vote
from asot.timeline.segments import run_lengths

UNKNOWN = -1  # the label of a frame that nobody looked at
MOST_RECORDINGS = 100  # whose segments hold the vote where it is
MOST_HELD = 600  # of these segments
MOST_TAUGHT = 3_000  # corrected segments, of each action as many, that teach; all of them hold


def learn_corrected(
    model: ActionModel | TeamModel,
    recordings: Frames,
    known: Sequence[NDArray[np.int64]],
    n_actions: int,
    *,
    matched: bool = False,
) -> TeamModel:
    """Return the team, or a network as a team of one, that has learnt from corrected frames.

    Parameters
    ----------
    model : ActionModel or TeamModel
        It has at most ``n_actions`` actions.
    recordings : sequence of (N_i, D) arrays
        Prepared features.
    known : sequence of (N_i,) int64 arrays
        The action of frames that people looked at, or ``n_actions`` for none; -1 elsewhere.
    n_actions : int
        K; actions beyond those of the model are known by their corrected frames alone.
    matched : bool
        The numbers of the actions are free, as after a training: each gets that of ``known`` which
        it shares most votes with. Else a number means the same in the model and in ``known``.
    """
    team = _as_team(model)
    most = spread_frames(len(recordings), MOST_RECORDINGS).tolist()
    looked = [index for index, one in enumerate(known) if (one != UNKNOWN).any()]
    rows, shares, labels, lengths = [], [], [], []
    for index in sorted({*most, *looked}):
        features, own = recordings[index], known[index]
        votes = team.shares(features)
        embedded = team.embed(torch.from_numpy(features)).numpy()
        found = team.decoding.solve(votes, features, team.recipe).labels.numpy()
        # Whole segments that nobody looked at, and what people said of others.
        said = [*zip(*run_lengths(own), strict=True)]
        held = [(a, b, UNKNOWN) for a, b, _ in zip(*run_lengths(found), strict=True)]
        held = [(a, b, label) for a, b, label in held if (own[a:b] == UNKNOWN).all()]
        for start, end, label in [one for one in said if one[2] != UNKNOWN] + held:
            rows.append(embedded[start:end].mean(axis=0))
            shares.append(votes[start:end].mean(axis=0))
            labels.append(int(label))
            lengths.append(int(end - start))
    mean, given = np.array(shares), np.array(labels)
    if matched:
        kept = given != UNKNOWN
        numbers = _numbers(mean[kept], given[kept], np.array(lengths)[kept])
        team = replace(team, vote=replace(team.vote, columns=numbers[team.vote.columns]))
        mean = mean[:, np.argsort(numbers)]
    # Frames without an action are one more column, where there are any.
    wide = max(n_actions, max(labels) + 1)
    mean = np.pad(mean, ((0, 0), (0, wide - mean.shape[1])))
    chosen = np.concatenate([_some(given, label) for label in np.unique(given).tolist()])
    lessons = learn_lessons(np.array(rows)[chosen], mean[chosen], given[chosen])
    return replace(team, n_actions=n_actions, lessons=lessons)


def _some(given: NDArray[np.int64], label: int) -> NDArray[np.int64]:
    """Choose from the segments of a label, (P,): what is learnt takes the time of their cube."""
    own = np.flatnonzero(given == label)
    most = MOST_HELD if label == UNKNOWN else max(1, MOST_TAUGHT // len(np.unique(given)))
    return own[spread_frames(len(own), most)]


def _numbers(
    shares: NDArray[np.float64], labels: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Match the model's actions to labels by the votes (P, K) that they share: (K,)."""
    from scipy.optimize import linear_sum_assignment

    n_actions = shares.shape[1]
    shared = 1e-9 * np.eye(n_actions)
    for own, label, length in zip(shares, labels, lengths, strict=True):
        shared[:, label] += length * own
    return np.asarray(linear_sum_assignment(-shared)[1], dtype=np.int64)


def _as_team(model: ActionModel | TeamModel) -> TeamModel:
    if isinstance(model, TeamModel):
        return model
    width = model.n_features
    learner = Learner("the network", View("frames", 1, np.zeros(width), np.ones(width)), model)
    vote = Vote(np.arange(model.n_actions)[None], np.ones(1), np.ones(1))
    return TeamModel(model.recipe, width, model.n_actions, [learner], vote, steps=model.steps)
