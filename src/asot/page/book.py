"""Turn a page's content into the plain values that its scripts read.

Recordings come one at a time, and only the values for the index and the statistics are kept.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from heapq import nlargest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError
from asot.figures.style import HATCHES, Style, class_style
from asot.notebook import COLOURS
from asot.page import packing
from asot.page.alike import Alike, MapRows
from asot.page.content import Example, Identity, Page, RecordingView, Track
from asot.page.media import PlayerMedia
from asot.page.poses import Averages
from asot.timeline.corrections import Corrected
from asot.timeline.names import ActionNames, default_name
from asot.timeline.segments import UNLABELLED, run_lengths
from asot.timeline.tree import segment_tree

FEWEST_SHOWN = 16  # frames of an example's signals, where it has as many
MOST_EXAMPLES = {"typical": 4, "atypical": 2, "first kind": 2, "second kind": 2}
MOST_DOUBTS = 300  # places of all recordings to ask people about
MOST_RIVALS = 3  # other actions that a place may be of
FILLS = [packing.fill(class_style(place)) for place in range(len(COLOURS) * len(HATCHES))]


@dataclass(slots=True)
class Clip:
    """An example of an action, with its signals or with links to its clip and still."""

    action: int
    rank: int
    recording: int
    start: float
    end: float
    typicality: float | None
    signals: packing.Snippet | None = None
    src: str | None = None
    still: str | None = None
    pose: dict[str, Any] | None = None


class Book:
    """The collected content of the index, the actions and the overview, over all recordings."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.positions = {action.id: place for place, action in enumerate(page.actions)}
        self.rows: list[dict[str, Any]] = []
        self.clips: dict[str, list[Clip]] = {kind: [] for kind in MOST_EXAMPLES}
        self.all_in_seconds = True
        self._known: set[str] = set()
        self._classes: dict[str, Style] = {}
        self._columns: dict[str, None] = {}
        self._frames: Counter[int] = Counter()
        self._seconds: defaultdict[int, float] = defaultdict(float)
        self._lengths: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
        self._transitions: Counter[tuple[int, int]] = Counter()
        self._steps: Counter[int] = Counter()  # of each action, the most that were seen
        self._identity = Identity(one.id for one in page.actions if not one.added)
        self._names = ActionNames(
            {one.id: one.name for one in page.actions if one.name},
            {one.id: one.merged_into for one in page.actions if one.merged_into is not None},
        )
        self._doubts: list[tuple[float, list[Any]]] = []
        self._poses = Averages()
        self._map = MapRows(page.alike or Alike())
        shown = _examples(page)
        every = [one for examples in shown.values() for some in examples.values() for one in some]
        spans = [one.end_frame - one.start_frame for one in every]
        # Of every example as much, so that what is fast looks fast.
        self._span = max(FEWEST_SHOWN, int(np.quantile(spans, 0.25))) if spans else 0
        self._examples: defaultdict[str, list[tuple[str, int, int, Example]]] = defaultdict(list)
        for kind, examples in shown.items():
            for action, some in examples.items():
                for rank, example in enumerate(some[: MOST_EXAMPLES[kind]]):
                    self._examples[example.recording].append((kind, action, rank, example))

    def add(
        self, recording: RecordingView, player: PlayerMedia | None
    ) -> tuple[dict[str, Any], list[Clip]]:
        """Add the next recording; return its values, and its examples of actions."""
        place, where = len(self.rows), f"recording {recording.name!r}"
        if recording.name in self._known:
            raise ArgumentError(f"recordings need names of their own, but there are two {where}.")
        self._known.add(recording.name)
        labels = np.asarray(recording.labels, dtype=np.int64)
        corrected = recording.corrected or Corrected(len(labels), ())
        now, checked = corrected.apply(labels), corrected.checked
        strange = {*labels.tolist(), *now.tolist()} - self.positions.keys() - {UNLABELLED}
        if strange:
            raise ArgumentError(
                f"{where} has the label {min(strange)}, which is not an action of the page."
            )
        self._identity.add(recording.name, labels)
        timed = recording.times is not None
        moments = recording.times if timed else np.arange(len(labels) + 1)
        edges = np.asarray(moments, dtype=np.float64)
        self.all_in_seconds &= timed
        used = self._count(now, edges)
        confidence: NDArray[np.float64] | None = None
        if recording.confidence is not None:
            confidence = np.nan_to_num(np.asarray(recording.confidence, dtype=np.float64))
            shares = np.zeros((len(labels), 0)) if recording.shares is None else recording.shares
            self._doubt(place, np.where(checked, UNLABELLED, labels), confidence, shares, edges)
        self._columns.update(dict.fromkeys(recording.scores))
        row = {
            "name": recording.name,
            "frames": len(labels),
            "seconds": packing.rounded(edges[-1] - edges[0]) if timed else None,
            "activity": recording.activity,
            "verdict": recording.verdict,
            "confidence": None
            if confidence is None
            else packing.number(np.where(checked, 1, confidence).mean()),
            "scores": {name: packing.number(score) for name, score in recording.scores.items()},
            "strip": packing.strip(now, edges),
            "corrected": [[one.start, one.end, one.action, one.note] for one in corrected.segments],
            "video": _video(recording.media, player),
            "used": [[action, packing.rounded(share)] for action, share in sorted(used.items())],
        }
        self.rows.append(row)
        signals, media, curve = recording.signals, recording.media, None
        if confidence is not None:
            means = packing.bin_means(confidence, packing.even_bins(edges))
            curve = packing.packed(means, 0.0, 1.0)
        if recording.pose is not None:
            self._poses.add(recording.pose, now, edges)
        self._map.add(place, recording.name, edges)
        tracks = (Track("prediction", labels), *recording.tracks)
        values = {
            "unit": "s" if timed else "frames",
            "start": packing.rounded(edges[0]),
            "end": packing.rounded(edges[-1]),
            "moments": packing.moments(edges),
            "tracks": [
                self._track(track, edges, where, None if place else confidence)
                for place, track in enumerate(tracks)
            ],
            "confidence": curve,
            "signals": []
            if signals is None
            else packing.packed_signals(signals, recording.signal_names, edges),
            "pose": None if recording.pose is None else recording.pose.whole(),
            "media": None if player is None else asdict(player),
            "original": None if media is None else str(media),
            "rate": recording.media_rate,
            "remarks": list(recording.remarks),
        }
        if recording.steps is not None and (recording.steps >= 0).any():
            values["steps"] = self._within(labels, recording.steps)
        filmed = player is not None and player.src is not None
        return values, self._clips(place, recording, edges, filmed)

    def values(self) -> dict[str, Any]:
        """Return the plain values of the index, the actions and the overview, of all recordings."""
        page = self.page
        lost = self._examples.keys() - self._known
        if lost:
            raise ArgumentError(f"an example is of {min(lost)!r}, which is not a recording here.")
        seconds = self.all_in_seconds
        amounts: Mapping[int, float] = self._seconds if seconds else self._frames
        lengths = {
            action: np.array([pair[1 if seconds else 0] for pair in pairs])
            for action, pairs in self._lengths.items()
        }
        edges = packing.histogram_edges(lengths.values())
        every = [clip for clips in self.clips.values() for clip in clips]
        ranges = packing.ranges([one.signals for one in every if one.signals is not None])
        return {
            "id": self.page.identity or self._identity.text,
            "title": page.title,
            "unit": "s" if seconds else "frames",
            "actions": [
                {
                    "id": action.id,
                    "name": action.name,
                    "unnamed": default_name(action.id),
                    "portrait": page.portraits[action.id].sentence
                    if action.id in page.portraits
                    else "",
                    "merged": action.merged_into,
                    "background": action.background,
                    "added": action.added,
                    "style": FILLS[place % len(FILLS)],
                    "segments": len(self._lengths[action.id]),
                    "amount": packing.rounded(amounts[action.id]),
                    "histogram": packing.histogram(lengths.get(action.id, ()), edges),
                    "match": (page.matching or {}).get(action.id),
                }
                for place, action in enumerate(page.actions)
            ],
            "fills": FILLS,
            "doubts": [place for _, place in nlargest(MOST_DOUBTS, self._doubts)],
            "classes": [
                {"name": n, "style": packing.fill(style)} for n, style in self._classes.items()
            ],
            "columns": list(self._columns),
            "measured": any(clip.signals is not None for clip in every),
            "recordings": self.rows,
            "histogram": [packing.rounded(edge) for edge in edges],
            "transitions": [[a, b, count] for (a, b), count in sorted(self._transitions.items())],
            "examples": {
                kind: {
                    str(action.id): [
                        {**asdict(clip), "signals": clip.signals and clip.signals.packed(ranges)}
                        for clip in ranked
                        if clip.action == action.id
                    ]
                    for action in page.actions
                }
                for kind, clips in self.clips.items()
                for ranked in [sorted(clips, key=lambda clip: clip.rank)]
            },
            "poses": self._poses.values(),
            "alike": self._map.values(),
            "scores": {
                matching: {name: packing.number(score) for name, score in scores.items()}
                for matching, scores in page.scores.items()
            },
            "meanings": dict(page.meanings),
            "confusion": page.confusion
            and {"counts": np.asarray(page.confusion[0]).tolist(), "classes": page.confusion[1]},
            "verdict": page.verdict and asdict(page.verdict),
            "findings": [asdict(one) for one in page.findings],
            "groups": page.groups and page.groups.packed(),
            "settings": {str(k): str(v) for k, v in page.settings.items()},
            "versions": {str(k): str(v) for k, v in page.versions.items()},
            "remarks": [str(remark) for remark in page.remarks],
            "shared": None,
            **({"steps": dict(self._steps)} if self._steps else {}),
        }

    def _count(self, labels: NDArray[np.int64], edges: NDArray[np.float64]) -> dict[int, float]:
        """Add the segments of a recording to the statistics; return each action's share of it."""
        starts, ends, values = run_lengths(labels)
        used: defaultdict[int, float] = defaultdict(float)
        before = UNLABELLED
        for start, end, value in zip(starts.tolist(), ends.tolist(), values.tolist(), strict=True):
            if value != UNLABELLED:
                length = float(edges[end] - edges[start])
                used[value] += length / float(edges[-1] - edges[0])
                self._frames[value] += end - start
                self._seconds[value] += length
                self._lengths[value].append((end - start, length))
                if before != UNLABELLED:
                    self._transitions[before, value] += 1
            before = value
        return used

    def _doubt(
        self,
        place: int,
        labels: NDArray[np.int64],
        confidence: NDArray[np.float64],
        shares: NDArray[Any],
        edges: NDArray[np.float64],
    ) -> None:
        """Note the segments of frames that nobody looked at: which, and how doubtful each is.

        Of the doubt, other actions have their part, which goes where people merge them into it.
        """
        starts, ends, actions = run_lengths(self._names.apply(labels))
        doubts = ends - starts - np.add.reduceat(confidence, starts)
        for i in np.flatnonzero(actions != UNLABELLED).tolist():
            start, end, action = int(starts[i]), int(ends[i]), int(actions[i])
            parts = shares[start:end].sum(axis=0, dtype=np.float64)
            rivals = [
                [other, packing.rounded(parts[other])]
                for other in np.argsort(-parts, kind="stable")[: MOST_RIVALS + 1].tolist()
                if other != action and parts[other] > 0
            ]
            doubt, time = packing.rounded(doubts[i]), packing.rounded(edges[start])
            self._doubts.append((doubts[i], [place, start, end, time, action, doubt, rivals]))
        if len(self._doubts) > 100 * MOST_DOUBTS:
            self._doubts = nlargest(MOST_DOUBTS, self._doubts)

    def _track(
        self,
        track: Track,
        edges: NDArray[np.float64],
        where: str,
        confidence: NDArray[np.float64] | None,
    ) -> dict[str, Any]:
        starts, ends, labels = run_lengths(np.asarray(track.labels, dtype=np.int64))
        known: Mapping[int, Any] = self.positions if track.names is None else track.names
        lost = set(labels.tolist()) - known.keys() - {UNLABELLED}
        if lost:
            raise ArgumentError(
                f"the track {track.name!r} of {where} has the label {min(lost)}, without a name."
            )
        shown = labels.tolist()
        if track.names is not None:
            classes = {one: self._class(str(known[one])) for one in shown if one != UNLABELLED}
            shown = [classes.get(one, UNLABELLED) for one in shown]
        means = None
        if confidence is not None:
            means = (np.add.reduceat(confidence, starts) / (ends - starts)).round(4).tolist()
        frames = [*starts.tolist(), len(edges) - 1]
        return {
            "name": track.name,
            "own": track.names is None,
            "frames": frames,
            "edges": [packing.rounded(edges[frame]) for frame in frames],
            "labels": shown,
            "confidence": means,
        }

    def _within(self, labels: NDArray[np.int64], steps: NDArray[np.int64]) -> dict[str, list[Any]]:
        """Return the runs of frames of one step of an action."""
        own = np.where(steps >= 0, labels, UNLABELLED)
        parts = [segment for node in segment_tree([own, steps]) for segment in node.parts]
        starts, values = [one.segment.start for one in parts], [one.segment.label for one in parts]
        for action, step in zip(own[starts].tolist(), values, strict=True):
            self._steps[action] = max(self._steps[action], step + 1)
        ends = [one.segment.end for one in parts]
        return {"starts": starts, "ends": ends, "labels": own[starts].tolist(), "steps": values}

    def _class(self, name: str) -> int:
        """Return the number of a class, with the colour of the action of its name, or its match."""
        if name not in self._classes:
            matching = self.page.matching or {}
            matched = [a for a in self.page.actions if a.name == name]
            matched = matched or [a for a in self.page.actions if matching.get(a.id) == name]
            free = len(self.positions) + len(self._classes)
            place = self.positions[matched[0].id] if matched else free
            self._classes[name] = class_style(place)
        return list(self._classes).index(name)

    def _clips(
        self, place: int, recording: RecordingView, edges: NDArray[np.float64], filmed: bool
    ) -> list[Clip]:
        clips = []
        for kind, action, rank, example in self._examples.get(recording.name, ()):
            if example.end_frame > len(edges) - 1:
                raise ArgumentError(
                    f"an example ends at frame {example.end_frame}, but recording "
                    f"{recording.name!r} has {len(edges) - 1} frames."
                )
            start, end = example.start_frame, example.end_frame
            ends = float(edges[start]), float(edges[end])
            clip = Clip(action, rank, place, *ends, packing.number(example.typicality))
            signals, names = recording.signals, recording.signal_names
            if recording.pose is not None:
                clip.pose = recording.pose.window(*ends)
            elif signals is not None and not filmed:
                portrait = self.page.portraits.get(action)
                columns = None if portrait is None else portrait.channels
                window = slice(start, end)
                clip.signals = packing.cut(signals, names, edges, window, self._span, columns)
            self.clips[kind].append(clip)
            clips.append(clip)
        return clips


def _examples(page: Page) -> dict[str, Mapping[int, Sequence[Example]]]:
    """Return the examples of actions by the kind that they are of."""
    result = {"typical": page.typical, "atypical": page.atypical}
    for place, kind in enumerate(("first kind", "second kind")):
        result[kind] = {
            action: [Example(one.recording, one.start, one.end, 0.0) for one in some[place]]
            for action, some in (page.alike or Alike()).kinds.items()
        }
    return result


def _video(media: Path | None, player: PlayerMedia | None) -> dict[str, str | None] | None:
    """Return where the page looks for a video, and the name of the file to ask for."""
    if media is None or player is None or (player.src is None and not player.lost):
        return None
    return {"src": player.src, "name": media.name}
