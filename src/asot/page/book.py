"""From the report's values to the plain values that its page reads.

Recordings come one at a time; of each, only what the index and the statistics need is kept.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError
from asot.figures.palette import Style, class_style
from asot.page.curves import bin_means, even_bins, packed, packed_signals, snippet
from asot.page.media import PlayerMedia
from asot.page.model import Example, Identity, RecordingView, Report, Track
from asot.page.values import fill, histogram, histogram_edges, number, rounded, strip
from asot.timeline.segments import UNLABELLED, run_lengths

MOST_EXAMPLES = {"typical": 4, "atypical": 2}


@dataclass(slots=True)
class Clip:
    """A segment that an action's page shows, and what there is to show of it."""

    action: int
    rank: int
    recording: int
    start: float
    end: float
    typicality: float
    signals: list[dict[str, Any]] | None = None
    src: str | None = None
    still: str | None = None

    def values(self) -> dict[str, Any]:
        """Plain values for the page."""
        return {
            "recording": self.recording,
            "start": rounded(self.start),
            "end": rounded(self.end),
            "typicality": number(self.typicality),
            "signals": self.signals,
            "src": self.src,
            "still": self.still,
        }


class Book:
    """Collects what the index, the actions and the overview say about all recordings.

    Parameters
    ----------
    report : Report
        Its recordings are left alone.
    """

    def __init__(self, report: Report) -> None:
        self.report = report
        self.positions = {action.id: place for place, action in enumerate(report.actions)}
        self.rows: list[dict[str, Any]] = []
        self.clips: dict[str, list[Clip]] = {"typical": [], "atypical": []}
        self.all_in_seconds = True
        self._names: set[str] = set()
        self._classes: dict[str, Style] = {}
        self._columns: dict[str, None] = {}
        self._frames: Counter[int] = Counter()
        self._seconds: defaultdict[int, float] = defaultdict(float)
        self._lengths: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
        self._transitions: Counter[tuple[int, int]] = Counter()
        self._identity = Identity(self.positions)
        self._examples: defaultdict[str, list[tuple[str, int, int, Example]]] = defaultdict(list)
        for kind, examples in (("typical", report.typical), ("atypical", report.atypical)):
            for action, some in examples.items():
                for rank, example in enumerate(some[: MOST_EXAMPLES[kind]]):
                    self._examples[example.recording].append((kind, action, rank, example))

    def add(
        self, recording: RecordingView, player: PlayerMedia | None
    ) -> tuple[dict[str, Any], list[Clip]]:
        """Take in the next recording.

        Returns
        -------
        values : dict
            Plain values for the recording's page.
        clips : list of Clip
            What the actions' pages show of this recording, signals filled in.

        Raises
        ------
        ArgumentError
            If its name is taken, a label is no action, or an example ends after it.
        """
        place, where = len(self.rows), f"recording {recording.name!r}"
        if recording.name in self._names:
            raise ArgumentError(f"recordings need names of their own, but there are two {where}.")
        self._names.add(recording.name)
        labels = np.asarray(recording.labels, dtype=np.int64)
        strange = set(np.unique(labels).tolist()) - self.positions.keys() - {UNLABELLED}
        if strange:
            raise ArgumentError(f"{where} has the label {min(strange)}, which is no action.")
        self._identity.add(recording.name, labels)
        timed = recording.times is not None
        edges = np.asarray(
            recording.times if timed else np.arange(len(labels) + 1), dtype=np.float64
        )
        self.all_in_seconds &= timed
        used = self._count(labels, edges)
        confidence = (
            None
            if recording.confidence is None
            else np.nan_to_num(np.asarray(recording.confidence, dtype=np.float64))
        )
        self._columns.update(dict.fromkeys(recording.scores))
        row = {
            "name": recording.name,
            "frames": len(labels),
            "seconds": rounded(edges[-1] - edges[0]) if timed else None,
            "activity": recording.activity,
            "confidence": None if confidence is None else number(confidence.mean()),
            "scores": {name: number(score) for name, score in recording.scores.items()},
            "strip": strip(labels, edges),
            "used": [[action, frames] for action, frames in sorted(used.items())],
        }
        self.rows.append(row)
        bins = even_bins(edges)
        own = Track("prediction", labels)
        values = {
            "unit": "s" if timed else "frames",
            "start": rounded(edges[0]),
            "end": rounded(edges[-1]),
            "tracks": [
                self._track(track, edges, where, confidence if track is own else None)
                for track in (own, *recording.tracks)
            ],
            "confidence": None
            if confidence is None
            else packed(bin_means(confidence, bins), 0.0, 1.0),
            "signals": []
            if recording.signals is None
            else packed_signals(recording.signals, recording.signal_names, edges),
            "media": None
            if player is None
            else {"src": player.src, "offset": rounded(player.offset), "note": player.note},
            "original": None if recording.media is None else str(recording.media),
            "remarks": list(recording.remarks),
        }
        return values, self._clips(place, recording, edges)

    def values(self) -> dict[str, Any]:
        """Plain values for the index, the actions and the overview, when all are in.

        Raises
        ------
        ArgumentError
            If an example is of a recording that is not there.
        """
        report = self.report
        lost = self._examples.keys() - self._names
        if lost:
            raise ArgumentError(
                f"an example is of {min(lost)!r}, which is not among the {len(self.rows)} "
                f"recordings."
            )
        seconds = self.all_in_seconds
        lengths = {
            action: np.array([pair[1 if seconds else 0] for pair in pairs])
            for action, pairs in self._lengths.items()
        }
        edges = histogram_edges(lengths.values())
        ranked = {
            kind: sorted(clips, key=lambda clip: clip.rank) for kind, clips in self.clips.items()
        }
        return {
            "id": self._identity.text,
            "title": report.title,
            "unit": "s" if seconds else "frames",
            "actions": [
                {
                    "id": action.id,
                    "name": action.name,
                    "merged": action.merged_into,
                    "background": action.background,
                    "style": fill(class_style(place)),
                    "segments": len(self._lengths[action.id]),
                    "frames": self._frames[action.id],
                    "amount": rounded(
                        self._seconds[action.id] if seconds else self._frames[action.id]
                    ),
                    "histogram": histogram(lengths.get(action.id, ()), edges),
                    "match": None if report.matching is None else report.matching.get(action.id),
                }
                for place, action in enumerate(report.actions)
            ],
            "classes": [
                {"name": name, "style": fill(style)} for name, style in self._classes.items()
            ],
            "columns": list(self._columns),
            "recordings": self.rows,
            "histogram": [rounded(edge) for edge in edges],
            "transitions": [[a, b, count] for (a, b), count in sorted(self._transitions.items())],
            "examples": {
                kind: {
                    str(action.id): [c.values() for c in clips if c.action == action.id]
                    for action in report.actions
                }
                for kind, clips in ranked.items()
            },
            "scores": {
                matching: {name: number(score) for name, score in scores.items()}
                for matching, scores in report.scores.items()
            },
            "confusion": None
            if report.confusion is None
            else {
                "counts": np.asarray(report.confusion[0]).tolist(),
                "classes": [str(name) for name in report.confusion[1]],
            },
            "findings": [asdict(one) for one in report.findings],
            "settings": {str(k): str(v) for k, v in report.settings.items()},
            "versions": {str(k): str(v) for k, v in report.versions.items()},
            "remarks": [str(remark) for remark in report.remarks],
        }

    def _count(self, labels: NDArray[np.int64], edges: NDArray[np.float64]) -> dict[int, int]:
        """Add the segments of one recording to the statistics; returns frames by action."""
        starts, ends, values = run_lengths(labels)
        used: Counter[int] = Counter()
        before = UNLABELLED
        for start, end, value in zip(starts.tolist(), ends.tolist(), values.tolist(), strict=True):
            if value != UNLABELLED:
                length = float(edges[end] - edges[start])
                used[value] += end - start
                self._seconds[value] += length
                self._lengths[value].append((end - start, length))
                if before != UNLABELLED:
                    self._transitions[before, value] += 1
            before = value
        self._frames.update(used)
        return dict(used)

    def _track(
        self,
        track: Track,
        edges: NDArray[np.float64],
        where: str,
        confidence: NDArray[np.float64] | None,
    ) -> dict[str, Any]:
        starts, ends, labels = run_lengths(np.asarray(track.labels, dtype=np.int64))
        shown = []
        for label in labels.tolist():
            known: Mapping[int, Any] = self.positions if track.names is None else track.names
            if label != UNLABELLED and label not in known:
                raise ArgumentError(
                    f"the track {track.name!r} of {where} has the label {label}, which has no name."
                )
            if label == UNLABELLED or track.names is None:
                shown.append(label)
            else:
                shown.append(self._class(str(track.names[label])))
        frames = [*starts.tolist(), len(edges) - 1]
        return {
            "name": track.name,
            "own": track.names is None,
            "frames": frames,
            "edges": [rounded(edges[frame]) for frame in frames],
            "labels": shown,
            "confidence": None
            if confidence is None
            else [
                round(float(mean), 4)
                for mean in np.add.reduceat(confidence, starts) / (ends - starts)
            ],
        }

    def _class(self, name: str) -> int:
        """Number of a class; it is coloured as the action that matches it."""
        if name not in self._classes:
            matching = self.report.matching or {}
            matched = [a for a in self.report.actions if matching.get(a.id) == name]
            matched = matched or [a for a in self.report.actions if a.name == name]
            free = len(self.positions) + len(self._classes)
            place = self.positions[matched[0].id] if matched else free
            self._classes[name] = class_style(place)
        return list(self._classes).index(name)

    def _clips(
        self, place: int, recording: RecordingView, edges: NDArray[np.float64]
    ) -> list[Clip]:
        clips = []
        for kind, action, rank, example in self._examples.get(recording.name, ()):
            if example.end_frame > len(edges) - 1:
                raise ArgumentError(
                    f"an example ends at frame {example.end_frame}, but recording "
                    f"{recording.name!r} has {len(edges) - 1} frames."
                )
            clip = Clip(
                action,
                rank,
                place,
                float(edges[example.start_frame]),
                float(edges[example.end_frame]),
                example.typicality,
            )
            if recording.signals is not None and recording.media is None:
                clip.signals = snippet(
                    recording.signals,
                    recording.signal_names,
                    edges,
                    slice(example.start_frame, example.end_frame),
                )
            self.clips[kind].append(clip)
            clips.append(clip)
        return clips
