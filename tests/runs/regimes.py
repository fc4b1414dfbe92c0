"""Sensor logs of three regimes that anybody can tell apart, and the truth about them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

RATE = 20
REGIMES = ("rest", "walk", "shake")
# Of each regime: where gravity points, the size of the movement, and its Hz.
_GRAVITY = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
_SIZE = (0.05, 1.0, 0.4)
_HERTZ = (0.3, 1.0, 4.0)


def write_logs(
    folder: Path,
    seed: int,
    *names: str,
    start: float = 0.0,
    jitter: float = 0.0,
    seconds: tuple[int, int] = (12, 17),
) -> dict[str, list[tuple[float, float, str]]]:
    """Write a log for each name, every regime once and in an order of its own.

    Returns what is true of each: start and end in seconds, and the regime. ``jitter`` is the part
    of a step by which moments are off.
    """
    rng = np.random.default_rng(seed)
    truth = {}
    for name in names:
        pieces: list[np.ndarray] = []
        spans: list[tuple[float, float, str]] = []
        done = 0
        for regime in rng.permutation(len(REGIMES)).tolist():
            count = int(rng.integers(*seconds)) * RATE
            moments = np.arange(done, done + count) / RATE
            phase = rng.uniform(0, 2 * np.pi, size=3)
            wave = np.sin(2 * np.pi * _HERTZ[regime] * moments[:, None] + phase)
            noise = 0.05 * rng.normal(size=(count, 3))
            pieces.append(_GRAVITY[regime] + _SIZE[regime] * wave + noise)
            spans.append((start + done / RATE, start + (done + count) / RATE, REGIMES[regime]))
            done += count
        values = np.concatenate(pieces)
        off = jitter * rng.uniform(-0.5, 0.5, size=len(values))
        off[0] = 0.0
        times = start + (np.arange(len(values)) + off) / RATE
        path = folder / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = np.column_stack([times, values])
        np.savetxt(path, rows, fmt="%.6f", delimiter=",", header="time,ax,ay,az", comments="")
        truth[name.replace("/", "-")] = spans
    return truth


def write_truth(path: Path, truth: dict[str, list[tuple[float, float, str]]]) -> Path:
    """Write what is true as a table that ``asot evaluate --truth`` takes."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["recording", "start_s", "end_s", "action"])
        writer.writerows([name, *span] for name, spans in truth.items() for span in spans)
    return path


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """When each file of a folder was written, and what it holds."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
