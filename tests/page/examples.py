"""Recordings and pages to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from asot.page import ActionView, Page, RecordingView, Track

# Frames at which the picture of bikes.mp4 changes, and its length; 25 frames a second.
CUTS = [0, 30, 76, 137, 187, 242, 250]
HOSTILE = "</script><img src=x onerror=\"window.harmed=1;alert('x')\"> & 'quoted' \u2028 {{7*7}}"
LATE_S = 0.54


def video_view(name: str, media: Path, **rest: Any) -> RecordingView:
    """``bikes.mp4``, cut nearly where its shots are."""
    predicted = np.repeat([0, 3, 1, 2, 3, 4], np.diff([0, 31, 75, 137, 190, 242, 250]))
    truth = np.repeat([0, 1, 2, 3, 1, 4], np.diff(CUTS))
    names = dict(enumerate(["street", "wheel", "race", "crowd", "finish"]))
    confidence = np.linspace(0.4, 1.0, 250, dtype=np.float32)
    return RecordingView(
        name,
        predicted,
        np.arange(251) / 25.0,
        confidence,
        (Track("ground truth", truth, names), Track("k-means", np.roll(predicted, 5))),
        media,
        media_rate=25.0,
        scores={"MoF": 0.9, "F1": float("nan")},
        activity="cycling",
        remarks=("One frame is damaged.",),
        **rest,
    )


def late_view(media: Path) -> RecordingView:
    labels = np.repeat([0, 1, 2, 1], 25)
    times = LATE_S + np.arange(101) / 25.0
    return RecordingView("late", labels, times, media=media, media_start_s=LATE_S)


def series_view(name: str, seed: int, channels: int = 3) -> RecordingView:
    rng = np.random.default_rng(seed)
    labels = np.repeat(rng.permutation(5)[:4], 40)
    signals = rng.normal(size=(160, channels)).cumsum(axis=0).astype(np.float32)
    return RecordingView(
        name,
        labels,
        np.arange(161) / 10.0,
        rng.uniform(size=160).astype(np.float32),
        signals=signals,
        scores={"MoF": float(rng.uniform())},
    )


def small_page(recordings: list[RecordingView], **rest: Any) -> Page:
    return Page("Bicycles", [ActionView(k) for k in range(6)], recordings, **rest)
