"""The content of a page as plain values, without reading of files or computing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError
from asot.figures.evidence import Finding
from asot.figures.verdicts import VerdictText
from asot.page.alike import Alike
from asot.page.groups import GroupsView
from asot.page.poses import PoseView
from asot.timeline.corrections import Corrected
from asot.timeline.segments import UNLABELLED, require_times


class Identity:
    """The name of a page, a hash of its actions and of their labels in the recordings."""

    def __init__(self, actions: Iterable[int]) -> None:
        self._digest = hashlib.sha256(repr(sorted(actions)).encode())

    def add(self, recording: str, labels: NDArray[np.int64]) -> None:
        """Add the next recording, with its labels (N,)."""
        self._digest.update(recording.encode("utf-8", "surrogatepass") + labels.tobytes())

    @property
    def text(self) -> str:
        """Return the name in sixteen characters."""
        return self._digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class ActionView:
    """One action of the page.

    Parameters
    ----------
    id : int
        Its label in the recordings, 0 or more.
    name : str
        Its name; without one it is shown as "action 1", "action 2" and so on.
    merged_into : int, optional
        The action that people merged it into.
    background : bool
        Whether people marked it as nothing of interest.
    added : bool
        Whether people added it, so that the model knows nothing of it.
    """

    id: int
    name: str = ""
    merged_into: int | None = None
    background: bool = False
    added: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Another opinion on a recording's frames, shown under the prediction.

    Parameters
    ----------
    name : str
        Such as "ground truth" or "k-means".
    labels : (N,) int array
        A label a frame, -1 for none.
    names : mapping of int to str, optional
        Meaning of the labels; None where they are the page's own actions.
    """

    name: str
    labels: NDArray[np.int64]
    names: Mapping[int, str] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RecordingView:
    """One recording of the page.

    Parameters
    ----------
    name : str
        Any text that no other recording has for a name.
    labels : (N,) int array
        The action that the model gave each frame, -1 for none; N is at least 1.
    times : (N + 1,) float array, optional
        Seconds of its file: frame ``i`` lasts from ``times[i]`` to ``times[i + 1]``. Without them
        the page counts in frames, and a video cannot follow the timeline.
    confidence : (N,) float array, optional
        How sure the action of each frame is, in [0, 1].
    tracks : tuple of Track
        Other opinions on the same frames.
    media : Path, optional
        The video.
    media_fingerprint : str, optional
        The :func:`asot.files.fingerprint` of the video: another file in its place is not shown.
    media_start_s : float
        The time of the video's first frame in its file, in seconds.
    media_shift_s : float
        The seconds by which the clock of the video's file is ahead of ``times``.
    media_rate : float, optional
        The video's frames a second, to step through it.
    media_sound : bool
        False for a damaged video, which browsers may not play.
    signals : (N q, C) float array, optional
        Signals, one row a frame, or q rows at even times of each.
    signal_names : tuple of str
        Names of the C columns; numbers if empty.
    pose : PoseView, optional
        The stick figure of a recording of poses.
    scores : mapping of str to float
        Fractions, shown in percent; NaN for a missing score.
    activity : str, optional
        The recording's activity.
    verdict : str
        How right its segments are, in a word; empty where nothing is said.
    remarks : tuple of str
        Sentences people should see.
    corrected : Corrected, optional
        The segments that people corrected, which lie over the labels.
    shares : (N, K) float array, optional
        The share in each frame of the actions 0 to K - 1: a doubt between two of them ends where
        people merge them.
    steps : (N,) int array, optional
        The step of each frame within the action of its label, from 0; -1 for none.

    Raises
    ------
    ArgumentError
        If the arrays do not fit each other.
    """

    name: str
    labels: NDArray[np.int64]
    times: NDArray[np.float64] | None = None
    confidence: NDArray[np.float32] | None = None
    tracks: tuple[Track, ...] = ()
    media: Path | None = None
    media_fingerprint: str | None = None
    media_start_s: float = 0.0
    media_shift_s: float = 0.0
    media_rate: float | None = None
    media_sound: bool = True
    signals: NDArray[np.float32] | None = None
    signal_names: tuple[str, ...] = ()
    pose: PoseView | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    activity: str | None = None
    verdict: str = ""
    remarks: tuple[str, ...] = ()
    corrected: Corrected | None = None
    shares: NDArray[np.float32] | None = None
    steps: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        where = f"recording {self.name!r}"
        labels = np.asarray(self.labels)
        if labels.ndim != 1 or not labels.size or labels.dtype.kind not in "iu":
            raise ArgumentError(
                f"labels of {where} must be integers of shape (N,) with N >= 1, "
                f"but they are {labels.dtype} of shape {labels.shape}."
            )
        if self.times is not None:
            require_times(self.times, labels.size)
        arrays: dict[str, Any] = {f"labels of the track {t.name!r}": t.labels for t in self.tracks}
        arrays |= {"confidence": self.confidence, "steps": self.steps}
        for what, array in arrays.items():
            if array is not None and np.shape(array) != labels.shape:
                raise ArgumentError(
                    f"{what} of {where} must have one value for each of its {labels.size} "
                    f"frames, but the shape is {np.shape(array)}."
                )
        if self.shares is not None and np.shape(self.shares)[:-1] != labels.shape:
            raise ArgumentError(
                f"shares of {where} must be (N, K) with N = {labels.size} frames, but their shape "
                f"is {np.shape(self.shares)}."
            )
        if self.corrected is not None and self.corrected.frames != labels.size:
            raise ArgumentError(
                f"corrected of {where} must be of its {labels.size} frames, "
                f"not of {self.corrected.frames}."
            )
        if self.signals is not None:
            shape = np.shape(self.signals)
            if len(shape) != 2 or not shape[0] or shape[0] % labels.size or not shape[1]:
                raise ArgumentError(
                    f"signals of {where} must be (N q, C) with N = {labels.size} frames, q >= 1 "
                    f"and C >= 1, but their shape is {shape}."
                )
            if self.signal_names and len(self.signal_names) != shape[1]:
                raise ArgumentError(
                    f"{where} has {shape[1]} signals but {len(self.signal_names)} signal_names."
                )


@dataclass(frozen=True, slots=True)
class Example:
    """A segment that shows what an action looks like.

    Parameters
    ----------
    recording : str
        Name of the recording.
    start_frame, end_frame : int
        The half-open run of frames ``[start_frame, end_frame)``.
    typicality : float
        Larger is more typical; shown as it is.
    """

    recording: str
    start_frame: int
    end_frame: int
    typicality: float


@dataclass(frozen=True, slots=True)
class Portrait:
    """What tells an action apart in measured signals: a line of words, and the channels to show."""

    sentence: str
    channels: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """The content of one page.

    Parameters
    ----------
    title : str
        Heading of the page.
    actions : sequence of ActionView
        All actions, also without frames; their order gives the colours.
    recordings : sequence of RecordingView
        May be lazy: it is read once, and one recording is held at a time.
    typical, atypical : mapping of int to sequence of Example
        Best and worst examples of each action; the best and the worst come first.
    portraits : mapping of int to Portrait
        What tells each action apart, where signals were measured.
    alike : Alike, optional
        Which actions and segments are alike.
    scores : mapping of str to mapping of str to float
        For each way of matching, the scores as fractions.
    meanings : mapping of str to str
        What a score says, in words.
    matching : mapping of int to str, optional
        The class each action was matched with.
    confusion : ((K, C) int array, sequence of C str), optional
        Frames that action ``k`` (in the order of ``actions``) shares with class ``c``, and the
        names of the classes.
    verdict : VerdictText, optional
        How right the whole is, shown first.
    findings : sequence of Finding
        Evidence for the settings that were found from the recordings.
    groups : GroupsView, optional
        Groups of recordings that were compared.
    settings, versions : mapping of str to str
        Shown as tables, folded away.
    remarks : sequence of str
        Sentences that people should see.
    identity : str, optional
        What tells the actions from those of other pages; of the labels unless given.

    Raises
    ------
    ArgumentError
        If two actions have one id, a merged action has no target or merges go round in a circle,
        an example is empty, or the confusion does not fit the actions.
    """

    title: str
    actions: Sequence[ActionView]
    recordings: Sequence[RecordingView]
    typical: Mapping[int, Sequence[Example]] = field(default_factory=dict)
    atypical: Mapping[int, Sequence[Example]] = field(default_factory=dict)
    portraits: Mapping[int, Portrait] = field(default_factory=dict)
    alike: Alike | None = None
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    meanings: Mapping[str, str] = field(default_factory=dict)
    matching: Mapping[int, str] | None = None
    confusion: tuple[NDArray[np.int64], Sequence[str]] | None = None
    verdict: VerdictText | None = None
    findings: Sequence[Finding] = ()
    groups: GroupsView | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()
    identity: str | None = None

    def __post_init__(self) -> None:
        merged = {action.id: action.merged_into for action in self.actions}
        if len(merged) < len(self.actions) or min(merged, default=0) <= UNLABELLED:
            raise ArgumentError(
                f"actions must have ids of their own, 0 or more, but they are "
                f"{[action.id for action in self.actions]}."
            )
        for action in merged:
            passed: list[int] = []
            at: int | None = action
            while at is not None:
                if at not in merged or at in passed:
                    raise ArgumentError(
                        f"merged_into of action {action} leads to {at}, which is "
                        f"{'the action itself' if at in passed else 'not an action of the page'}: "
                        f"merge into an action that stays."
                    )
                passed.append(at)
                at = merged[at]
        for example in chain(*self.typical.values(), *self.atypical.values()):
            if not 0 <= example.start_frame < example.end_frame:
                raise ArgumentError(
                    "an example needs 0 <= start_frame < end_frame, but that of "
                    f"{example.recording!r} is [{example.start_frame}, {example.end_frame})."
                )
        if self.confusion is not None:
            counts, classes = self.confusion
            if np.shape(counts) != (len(self.actions), len(classes)):
                raise ArgumentError(
                    f"confusion must have a row for each of {len(self.actions)} actions and a "
                    f"column for each of {len(classes)} classes, but it is {np.shape(counts)}."
                )
