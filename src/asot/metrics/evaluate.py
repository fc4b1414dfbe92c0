"""Evaluation: matching, scores, means, and the parts that they are made of."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from asot.errors import ArgumentError, require_integer
from asot.metrics.matching import Frames, Label, Matched, Paired, match_paired, pair
from asot.metrics.scores import (
    boundary_f1,
    cte_f1,
    edit,
    f1_macro,
    finch_f1,
    finch_iou,
    hvq_jsd,
    jsd,
    legacy_f1,
    miou,
    mof,
    segmental_f1,
)
from asot.text import listing

_log = logging.getLogger(__name__)

Scores = dict[str, float]
LabelMap = dict[Label, Label]

MATCHINGS = ("activity", "video", "corpus", "name")
# The scores as people read them, in the order of every table.
SCORE_TITLES = {
    "mof": "MoF",
    "miou": "mIoU",
    "f1_macro": "F1 macro",
    "f1@10": "F1@10",
    "f1@25": "F1@25",
    "f1@50": "F1@50",
    "edit": "Edit",
    "boundary_f1": "Boundary F1",
    "jsd": "JSD",
    "legacy_f1": "Legacy F1",
    "cte_f1": "CTE F1",
    "finch_f1": "TW-FINCH F1",
    "finch_iou": "TW-FINCH IoU",
    "hvq_jsd": "HVQ JSD",
}
# The same for people who meet them for the first time: a plain name, and what a score says.
SCORE_MEANINGS = {
    "mof": ("frames right", "the share of all frames that have the right action"),
    "miou": ("overlap", "frames that action and class share, of those of either; mean of classes"),
    "f1_macro": ("frames of each class", "how pure and how complete they are; mean of classes"),
    "f1@10": ("segments found", "segments that overlap a true one by a tenth; extra ones cost"),
    "f1@25": ("segments found", "the same, with an overlap of a quarter"),
    "f1@50": ("segments found", "the same, with an overlap of half"),
    "edit": ("order of segments", "how alike the sequences are, whatever the lengths"),
    "boundary_f1": ("boundaries", "changes of action found about where they are"),
    "jsd": ("lengths of segments", "how unlike the true lengths; lower is better"),
    "legacy_f1": ("published F1", "ASOT's published F1, to compare with it alone; can exceed 100"),
}
_MATCHING_TITLES = {
    "activity": "One matching for each activity",
    "video": "One matching for each recording",
    "corpus": "One matching for all activities",
    "name": "Actions with the names of classes, not matched",
}
# For comparing with the tables of single papers, and with nothing else.
PUBLISHED = ("legacy_f1", "cte_f1", "finch_f1", "finch_iou", "hvq_jsd")


def plain_title(score: str) -> str:
    """Return a score's name for people who meet it for the first time.

    Examples
    --------
    >>> plain_title("mof")
    'frames right (MoF)'
    """
    title = SCORE_TITLES[score]
    return f"{SCORE_MEANINGS[score][0]} ({title})" if score in SCORE_MEANINGS else title


def matching_title(evaluation: Evaluation) -> str:
    """Say which recordings of an evaluation share a matching."""
    alone = evaluation.scope == "activity" and len(evaluation.per_activity or {}) < 2
    return "One matching for all recordings" if alone else _MATCHING_TITLES[evaluation.scope]


@dataclass(frozen=True, repr=False, eq=False)
class Evaluation(Mapping[str, float]):
    """The scores of an evaluation, a mapping from name to value, with the matching behind them.

    Parameters
    ----------
    scores : dict
        Value of each score; also ``evaluation["mof"]``.
    scope : {"activity", "video", "corpus", "name"}
        The recordings that shared a matching, or "name" for labels that were names already.
    matching : dict or list
        Predicted label to ground-truth label. For scope "activity" with activities, one such
        dict for each activity, by name; for scope "video" a list with one for each recording,
        None for those left out. Unmatched predicted labels are missing.
    per_recording : list of dict or None
        Scores of each recording by itself under the matching of its scope, in the order given;
        None for those left out.
    per_activity : dict of dict, optional
        Scores of each activity under the matching of its scope (for scope "video": mean over
        its recordings). None without activities; an activity without frames is missing.
    unweighted_mean, frame_weighted_mean : dict, optional
        Means of ``per_activity``, each activity counting the same or by its frames.
    left_out : tuple of int
        Indices of the recordings whose frames are all excluded.
    n_recordings, n_frames : int
        Recordings given, and frames that were not excluded.
    """

    scores: Scores
    scope: str
    matching: LabelMap | dict[str, LabelMap] | list[LabelMap | None]
    per_recording: list[Scores | None]
    per_activity: dict[str, Scores] | None
    unweighted_mean: Scores | None
    frame_weighted_mean: Scores | None
    left_out: tuple[int, ...]
    n_recordings: int
    n_frames: int

    def __getitem__(self, name: str) -> float:
        return self.scores[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    def __repr__(self) -> str:
        columns: list[tuple[str, Scores]] = [("score", self.scores)]
        if self.unweighted_mean is not None and self.frame_weighted_mean is not None:
            columns.append(("unweighted mean", self.unweighted_mean))
            columns.append(("frame-weighted mean", self.frame_weighted_mean))
        lines = [
            f"Evaluation: matching '{self.scope}', {self.n_recordings} recordings, "
            f"{self.n_frames} frames",
            f"{'':<12}" + "".join(f"{title:>21}" for title, _ in columns),
        ]
        for name in self.scores:
            lines.append(f"{name:<12}" + "".join(f"{s[name]:>21.4f}" for _, s in columns))
        if self.left_out:
            lines.append(f"left out, all frames excluded: recordings {list(self.left_out)}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as plain dicts and lists that :mod:`json` can write.

        Labels that are keys become strings.

        Examples
        --------
        >>> from asot.metrics import evaluate
        >>> evaluate([[7, 7]], [["stir", "stir"]]).to_dict()["matching"]
        {'7': 'stir'}
        """
        return _plain(asdict(self))


def evaluate(
    predictions: Sequence[Any],
    ground_truth: Sequence[Any],
    matching: str = "activity",
    exclude: Label | Iterable[Label] | None = None,
    activities: Sequence[str] | None = None,
    tolerance: float | None = None,
    n_actions: int | Mapping[str, int] | None = None,
    unseen: Label | None = None,
) -> Evaluation:
    """Compare predicted labels with the ground truth.

    Clusters have no names, so a one-to-one matching to the ground-truth classes that maximises
    agreeing frames comes first. The recordings that share a matching are a scope:

    - ``"activity"``: the recordings of an activity, or all recordings where ``activities`` is
      not given. Scores are the unweighted mean over the activities.
    - ``"video"``: each recording by itself. Scores are the mean over the recordings.
    - ``"corpus"``: all recordings of all activities. Scores are those of the one scope.
    - ``"name"``: all recordings as well, but nothing is matched. The predictions have the names,
      or the numbers, of the classes already, as those of a zero-shot method do: a label is right
      where the ground truth has the same. A label that the ground truth lacks is never right, and
      its frames and segments count against the prediction.

    Within a scope the scores pool what they count: ``mof``, ``miou`` and ``f1_macro`` the frames
    of all its recordings, ``f1@k`` the hits and the segments, ``boundary_f1`` the boundaries
    (with one tolerance, from the scope's mean ground-truth segment), ``jsd`` the segment
    lengths; ``edit`` is the mean over the scope's recordings. Classes are those present in the
    scope's ground truth.

    Other scores have been published under the same names. Those of five papers' own code are
    there for comparing with their tables, each documented at the function of its name in
    :mod:`asot.metrics`: ``legacy_f1`` (the F1 of ASOT) and ``cte_f1`` (the F1 of CTE, TOT, UFSA
    and HVQ) lay the recordings of a scope end to end in the order given; ``finch_f1`` and
    ``finch_iou`` (of TW-FINCH) are published for matching "video"; ``hvq_jsd`` (of HVQ) is the
    mean over a scope's recordings, published as the frame-weighted mean over activities.

    Parameters
    ----------
    predictions, ground_truth : sequence of label sequences
        One sequence of N_i labels for each recording: a list, NumPy array or torch tensor of
        integers or strings. The number -1 in a prediction means "unassigned", which is never
        right.
    matching : {"activity", "video", "corpus", "name"}
        The recordings that share a matching, or "name" for none.
    exclude : int, str or iterable of these, optional
        Ground-truth labels whose frames are dropped before matching (background). Segments are
        found before the frames go, so that none is joined to another across the hole, and a
        predicted segment ends where the hole begins; ``legacy_f1`` alone finds its segments
        afterwards, as the reference does. A recording that loses all frames is left out of
        every mean, but still counts as a recording in its scope's ``legacy_f1``.
    activities : sequence of str, optional
        Name of each recording's activity. Adds the scores of each activity, and their
        unweighted and frame-weighted mean, under any ``matching``.
    tolerance : float, optional
        Of ``boundary_f1``, in frames; by default 5 % of the mean ground-truth segment length.
    n_actions : int or mapping of str to int, optional
        K, the number of actions that the method was asked for, or that of each activity. Only
        ``cte_f1`` and ``finch_iou`` divide by it: by default the first by the number of classes,
        the second by the number of predicted labels.
    unseen : int or str, optional
        Ground-truth label of frames that nobody looked at, which are dropped as ``exclude`` drops
        them. For ``f1@k``, ``edit``, ``jsd`` and ``boundary_f1`` alone, a wrong predicted segment
        of which more than half was dropped so is counted to its neighbour: what is left
        of it at the edge of what somebody looked at is no segment too many.

    Returns
    -------
    Evaluation
        A mapping from score name to value (all in [0, 1] but ``legacy_f1`` and ``cte_f1``, which
        can exceed 1; higher is better but for ``jsd`` and ``hvq_jsd``), with the matching and all
        parts as attributes.

    Raises
    ------
    ArgumentError
        If the sequences do not fit each other, ``exclude`` leaves no frame, or another argument
        breaks its rule.

    Examples
    --------
    >>> scores = evaluate([[7, 7, 3, 3]], [["stir", "stir", "stir", "pour"]])
    >>> scores["mof"], scores.matching
    (0.75, {7: 'stir', 3: 'pour'})
    >>> list(scores)  # doctest: +NORMALIZE_WHITESPACE
    ['mof', 'miou', 'f1_macro', 'f1@10', 'f1@25', 'f1@50', 'edit', 'jsd', 'boundary_f1',
     'legacy_f1', 'cte_f1', 'finch_f1', 'finch_iou', 'hvq_jsd']
    >>> evaluate([["stir", "wait"]], [["stir", "pour"]], matching="name").matching
    {'stir': 'stir'}
    """
    if matching not in MATCHINGS:
        raise ArgumentError(
            f"matching must be one of {', '.join(map(repr, MATCHINGS))}, but it is {matching!r}."
        )
    paired = pair(predictions, ground_truth, exclude, unseen)
    return evaluate_paired(paired, matching, activities, tolerance, n_actions)


def evaluate_paired(
    paired: Paired,
    matching: str,
    activities: Sequence[str] | None = None,
    tolerance: float | None = None,
    n_actions: int | Mapping[str, int] | None = None,
) -> Evaluation:
    """Compare labels that were laid beside their ground truth; see :func:`evaluate`."""
    n_recordings = paired.frames.n_recordings
    if activities is not None and len(activities) != n_recordings:
        raise ArgumentError(
            f"activities must name one activity for each of the {n_recordings} recordings, but "
            f"there are {len(activities)} names."
        )
    of_recording = [""] * n_recordings if activities is None else [str(one) for one in activities]
    if isinstance(n_actions, Mapping):
        if activities is None or not set(of_recording) <= set(n_actions):
            raise ArgumentError(
                f"n_actions must have a number for each name in activities, but its names are "
                f"{listing(sorted(n_actions))} and those in activities "
                f"{listing(sorted(set(of_recording) - {''})) or 'not given'}."
            )
        for count in n_actions.values():
            require_integer("n_actions", count, at_least=1)
    elif n_actions is not None:
        require_integer("n_actions", n_actions, at_least=1)
    counts = np.bincount(paired.frames.recording, paired.frames.length, minlength=n_recordings)
    n_frames = counts.astype(np.int64)
    left_out = tuple(np.flatnonzero(n_frames == 0).tolist())
    if left_out:
        _log.warning("left out, all their frames are excluded: recordings %s", list(left_out))

    everything = list(range(n_recordings))
    groups: dict[str, list[int]] = {}
    for recording, activity in enumerate(of_recording):
        groups.setdefault(activity, []).append(recording)
    groups = {name: group for name, group in groups.items() if n_frames[group].any()}
    scopes = [everything]
    if matching == "video":
        scopes = [[recording] for recording in everything]
    elif matching == "activity" and activities is not None:
        scopes = list(groups.values())
    matched: dict[int, Matched] = {}
    for scope in scopes:
        if n_frames[scope].any():
            found = match_paired(paired.select(scope), by_name=matching == "name")
            matched |= dict.fromkeys(scope, found)

    def pooled(recordings: list[int]) -> Scores:
        """Score recordings that share a matching together."""
        asked = n_actions
        if isinstance(asked, Mapping):
            asked = sum(asked[name] for name in {of_recording[r] for r in recordings})
        frames = matched[recordings[0]].frames.select(recordings)
        return _scores(frames, tolerance, asked, matching == "name")

    per_recording = [pooled([r]) if n_frames[r] else None for r in everything]

    def scores_of(recordings: list[int]) -> Scores:
        """Score recordings that share a matching together, others one by one."""
        if matching == "video":
            return _mean([scores for r in recordings if (scores := per_recording[r]) is not None])
        return pooled(recordings)

    per_activity = unweighted = weighted = None
    if activities is not None:
        per_activity = {name: scores_of(group) for name, group in groups.items()}
        unweighted = _mean(list(per_activity.values()))
        weights = [int(n_frames[group].sum()) for group in groups.values()]
        weighted = _mean(list(per_activity.values()), weights)

    pairs: LabelMap | dict[str, LabelMap] | list[LabelMap | None]
    if matching == "video":
        pairs = [matched[r].matching if n_frames[r] else None for r in everything]
    elif matching == "activity" and activities is not None:
        pairs = {name: matched[group[0]].matching for name, group in groups.items()}
    else:
        pairs = matched[0].matching
    return Evaluation(
        scores=unweighted if unweighted and matching == "activity" else scores_of(everything),
        scope=matching,
        matching=pairs,
        per_recording=per_recording,
        per_activity=per_activity,
        unweighted_mean=unweighted,
        frame_weighted_mean=weighted,
        left_out=left_out,
        n_recordings=n_recordings,
        n_frames=len(paired.frames),
    )


def _scores(
    frames: Frames, tolerance: float | None, n_actions: int | None, by_name: bool
) -> Scores:
    """Compute every score of matched frames."""
    settled = frames.settled()
    return {
        "mof": mof(frames),
        "miou": miou(frames),
        "f1_macro": f1_macro(frames),
        "f1@10": segmental_f1(settled, overlap=0.10),
        "f1@25": segmental_f1(settled, overlap=0.25),
        "f1@50": segmental_f1(settled, overlap=0.50),
        "edit": edit(settled),
        "jsd": jsd(settled),
        "boundary_f1": boundary_f1(settled, tolerance),
        "legacy_f1": legacy_f1(frames),
        "cte_f1": cte_f1(frames, n_actions),
        "finch_f1": finch_f1(frames, by_name),
        "finch_iou": finch_iou(frames, n_actions),
        "hvq_jsd": hvq_jsd(frames),
    }


def _mean(scores: list[Scores], weights: list[int] | None = None) -> Scores:
    """Average each score."""
    columns = {name: [each[name] for each in scores] for name in scores[0]}
    return {name: float(np.average(values, weights=weights)) for name, values in columns.items()}


def _plain(value: Any) -> Any:
    """Copy nested dicts and sequences for JSON: with strings for keys, and lists."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
