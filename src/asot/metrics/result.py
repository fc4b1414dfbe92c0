"""What an evaluation found: scores, matching, parts and averages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from asot.metrics.paired import Label

Scores = dict[str, float]
LabelMap = dict[Label, Label]


@dataclass(frozen=True, repr=False, eq=False)
class Evaluation(Mapping[str, float]):
    """The scores of an evaluation, a mapping from name to value, and how they came about.

    Parameters
    ----------
    scores : dict
        Value of each score; also ``evaluation["mof"]``.
    scope : {"activity", "video", "corpus"}
        Which recordings shared a matching.
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
        return {
            "scope": self.scope,
            "scores": dict(self.scores),
            "matching": _string_keys(self.matching),
            "per_recording": list(self.per_recording),
            "per_activity": self.per_activity,
            "unweighted_mean": self.unweighted_mean,
            "frame_weighted_mean": self.frame_weighted_mean,
            "left_out": list(self.left_out),
            "n_recordings": self.n_recordings,
            "n_frames": self.n_frames,
        }


def _string_keys(value: Any) -> Any:
    """Copy nested dicts and lists with all keys as strings."""
    if isinstance(value, dict):
        return {str(key): _string_keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_string_keys(item) for item in value]
    return value
