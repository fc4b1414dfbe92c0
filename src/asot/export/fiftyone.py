"""Timelines as a data set of FiftyOne, in its layout for temporal detections.

::

    fiftyone/data.json     {NAME.mp4: path of the video}
    fiftyone/labels.json   {"classes": [...], "labels": {NAME: [
                               {"label": index, "timestamps": [s, s], "confidence": c}]}}

``fiftyone.Dataset.from_dir("fiftyone", fiftyone.types.FiftyOneTemporalDetectionDataset)`` reads it.
NAME is the recording's, with what FiftyOne would take for a folder escaped.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from asot.errors import ArgumentError
from asot.export.names import actions
from asot.files import write_text
from asot.text import file_stems
from asot.timeline.timelines import Timeline


def write(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write the folder ``fiftyone`` into the folder ``out``; see :func:`asot.export.export`.

    Raises
    ------
    ArgumentError
        If a recording has no times or no video.
    """
    classes = actions(timelines)
    videos: dict[str, str] = {}
    labels: dict[str, list[dict[str, Any]]] = {}
    stems = file_stems([timeline.recording for timeline in timelines])
    for stem, timeline in zip(stems, timelines, strict=True):
        if timeline.media is None:
            raise ArgumentError(
                f"FiftyOne shows videos, but {timeline.recording} was made from none: leave it out."
            )
        times = timeline.seconds
        # FiftyOne drops the ending, and would take the dot of a name without one for its start.
        videos[stem + (timeline.media.suffix or ".video")] = str(timeline.media.absolute())
        labels[stem] = [
            {
                "label": classes.index(row.action),
                "timestamps": [
                    round(float(times[row.start_frame]), 6),
                    round(float(times[row.end_frame]), 6),
                ],
            }
            | ({} if row.confidence is None else {"confidence": row.confidence})
            for row in timeline.rows
        ]
    folder = out / "fiftyone"
    files = {
        folder / "data.json": videos,
        folder / "labels.json": {"classes": classes, "labels": labels},
    }
    for path, values in files.items():
        # ASCII, because FiftyOne reads files in the encoding of the machine it runs on.
        write_text(path, json.dumps(values, indent=1) + "\n")
    return list(files)
