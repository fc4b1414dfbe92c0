"""Clips made on the spot, whose every frame says which one it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

MakeClip = Callable[..., Path]
BASE = Fraction(1, 90_000)


def paint(number: int, height: int, width: int) -> np.ndarray:
    """A frame that codecs keep: four grey quarters that spell its number to the base of 4.

    The top left is the highest digit, and the bottom right the lowest.
    """
    image = np.zeros((height, width, 3), dtype=np.uint8)
    digits = [(number // 4**place) % 4 for place in (3, 2, 1, 0)]
    for place, digit in enumerate(digits):
        rows = slice(0, height // 2) if place < 2 else slice(height // 2, height)
        columns = slice(0, width // 2) if place % 2 == 0 else slice(width // 2, width)
        image[rows, columns] = 30 + 60 * digit
    return image


def number_of(image: np.ndarray) -> int:
    """The number that ``paint`` drew."""
    height, width = image.shape[:2]
    number = 0
    for row, column in ((1, 1), (1, 3), (3, 1), (3, 3)):
        grey = float(image[height * row // 4, width * column // 4].mean())
        number = 4 * number + round((grey - 30) / 60)
    return number


def write_clip(
    path: Path,
    times: Sequence[float],
    codec: str = "libx264",
    pixels: str = "yuv420p",
    size: tuple[int, int] = (48, 64),
    options: dict[str, str] | None = None,
    sound: bool = False,
    matrix: Sequence[int] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write a video of numbered frames that are shown at ``times``, in seconds."""
    av = pytest.importorskip("av", reason="PyAV is not installed")
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width = size
        stream.pix_fmt = pixels
        if codec not in ("mpeg2video", "mpeg4"):
            stream.codec_context.time_base = BASE
        base = stream.codec_context.time_base or BASE
        stream.options = options or {}
        if matrix is not None:
            if not hasattr(stream, "set_display_matrix"):
                pytest.skip("this PyAV writes no display matrix")
            stream.set_display_matrix(list(matrix))
        audio: Any = container.add_stream("aac", rate=8000) if sound else None
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(paint(number, *size), format="rgb24")
            frame = frame.reformat(format=pixels)
            frame.time_base = base
            frame.pts = round(time / base)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            for start in range(0, 8000, 1024):
                tone = av.AudioFrame.from_ndarray(
                    np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono"
                )
                tone.sample_rate, tone.pts = 8000, start
                container.mux(audio.encode(tone))
            container.mux(audio.encode(None))
    schedule_as_usual()
    return path


def schedule_as_usual() -> None:
    """Take real-time priority from this process, which SVT-AV1 gives it where it may.

    A browser that it starts later would inherit that, and keep all other processes waiting.
    """
    if hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) != os.SCHED_OTHER:
        for thread in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):
                os.sched_setscheduler(int(thread.name), os.SCHED_OTHER, os.sched_param(0))
