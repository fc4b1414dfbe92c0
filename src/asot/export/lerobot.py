"""Timelines as subtasks of LeRobot, and subtasks back as intervals.

LeRobot keeps language beside the frames of its Parquet files, in the column
``language_persistent``: a subtask holds from its ``timestamp`` on, in seconds of the episode, until
the next one. ``lerobot.parquet`` has this column for each recording, to be put beside the frames
of its episode. As subtasks leave no gap, frames without an action are ``background``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from asot.errors import FileError, MissingExtraError
from asot.export.annotations import Annotation, known_name, of_tier
from asot.files import atomic_path
from asot.timeline.segments import BACKGROUND, Interval, Timeline

COLUMN, STYLE = "language_persistent", "subtask"


def write_subtasks(timelines: Sequence[Timeline], out: Path) -> list[Path]:
    """Write ``lerobot.parquet`` into the folder ``out``."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("pyarrow", "parquet", "writing LeRobot's subtasks") from error
    text = pa.string()
    # The fields of src/lerobot/datasets/language.py, in their order.
    said = [("role", text), ("content", text), ("style", text), ("timestamp", pa.float32())]
    row = pa.struct([*said, ("camera", text), ("tool_calls", pa.list_(text))])
    columns = [("recording", text), ("episode_index", pa.int64()), ("end", pa.float64())]
    schema = pa.schema([*columns, (COLUMN, pa.list_(row))])
    table = pa.Table.from_pylist([_episode(one) for one in timelines], schema=schema)
    path = out / "lerobot.parquet"
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)
    return [path]


def read_subtasks(
    path: Path, rows: Sequence[dict[str, Any]], known: Iterable[str], tier: str | None
) -> list[Interval]:
    """Read the subtasks in rows of a file that this library or LeRobot wrote.

    The recording of episode 7 is called ``episode_000007``, unless the file has its name. The last
    subtask ends with the frames of its episode.
    """
    try:
        return of_tier(path, list(_annotations(rows, list(known))), tier)
    except (KeyError, TypeError, AttributeError) as error:
        raise FileError.at(path, "is not laid out as LeRobot does") from error


def _episode(timeline: Timeline) -> dict[str, Any]:
    times = timeline.seconds.tolist()
    starts = {row.start_frame: row.action for row in timeline.rows}
    for frame in (0, *(row.end_frame for row in timeline.rows)):
        if frame < timeline.n_frames:
            starts.setdefault(frame, BACKGROUND)
    empty = {"camera": None, "tool_calls": None}
    subtasks = [
        {"role": "assistant", "content": name, "style": STYLE, "timestamp": times[frame], **empty}
        for frame, name in sorted(starts.items())
    ]
    number = re.search(r"episode_(\d+)$", timeline.recording)
    episode = {"episode_index": int(number[1]) if number else None, "end": times[-1]}
    return {"recording": timeline.recording, **episode, COLUMN: subtasks}


def _annotations(rows: Iterable[dict[str, Any]], known: list[str]) -> Iterator[Annotation]:
    episodes: dict[tuple[Any, Any], list[dict[str, Any]]] = {}
    for row in rows:
        episodes.setdefault((row.get("recording"), row["episode_index"]), []).append(row)
    for (name, episode), frames in episodes.items():
        said = [one for one in frames[0][COLUMN] or [] if one["style"] == STYLE]
        starts = sorted((one["timestamp"], one["content"] or "") for one in said)
        if not starts:
            continue
        if "end" in frames[0]:
            end = frames[0]["end"]
        else:  # a frame lasts until the next one
            times = [row["timestamp"] for row in frames]
            end = max(times) + max((b - a for a, b in pairwise(sorted(times))), default=1.0)
        recording = known_name([name or f"episode_{episode:06}"], known)
        for (start, content), (following, _) in pairwise([*starts, (end, "")]):
            yield Annotation(recording, start, following, content)
