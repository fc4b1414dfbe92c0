"""What a model still finds in recordings that lack some of its signals or points.

    python -m benchmarks.missing [--subsets N] [--seed N] [--out FILE.json]

A model learns from whole recordings: the watch sessions of seglearn as raw logs of six signals, and
people who tell a story, seen by their hands, wrists, head and spine (``../shared`` beside the
repository). Then it is applied to the same recordings without some of them, each time to all. The
agreement is the share of frames that are labelled as with all signals or points.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from asot.data import DatasetFolder
from asot.data import bundled as watch
from asot.files import write_json
from asot.inputs.settings import SeriesSettings, VideoSettings
from asot.metrics import evaluate
from asot.model.recipe import load_recipe
from asot.progress import silent
from asot.runs.segment import segment
from benchmarks.machine import machine

GESTURES = Path(__file__).resolve().parents[2] / "shared/data/real/GESTUREPHASE.npz"
SIGNALS = ("ax", "ay", "az", "gx", "gy", "gz")
POINTS = ("left_hand", "right_hand", "head", "spine", "left_wrist", "right_wrist")
FEATURES = VideoSettings(), SeriesSettings(rate=30.0)

Logs = dict[str, np.ndarray[Any, Any]]


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.missing", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--subsets", type=int, default=6, help="at most, of each size")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="where to write all figures as JSON")
    options = parser.parse_args(words)
    rng = np.random.default_rng(options.seed)
    rows = []
    for name, logs, truth in (("watch", *watch_logs()), ("gestures", *gestures())):
        for row in measure(logs, truth, options.subsets, rng):
            rows.append({"data": name, **row})
            print(" ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    if options.out:
        write_json(options.out, {"machine": machine(), "rows": rows})


def measure(logs: Logs, truth: Logs, most: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Train on whole recordings, and apply to them without one, two and three parts."""
    poses = next(iter(logs.values())).ndim == 3
    parts = POINTS if poses else SIGNALS
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        write(logs, root / "whole", parts, ())
        recipe = load_recipe("default")
        n_actions = len(np.unique(np.concatenate(list(truth.values()))))
        recipe = type(recipe).from_dict({**recipe.to_dict(), "n_actions": n_actions})
        asked: dict[str, Any] = {"seed": 0, "progress": silent}
        learnt = segment([root / "whole"], root / "learnt", recipe, FEATURES, **asked)
        full = {name: learnt.folder.labels(name) for name in logs}
        for count in range(4):
            subsets = list(combinations(parts, count))
            chosen = rng.permutation(len(subsets))[:most]
            found = []
            for number in chosen.tolist():
                lost, place = subsets[number], root / f"{count}-{number}"
                write(logs, place / "logs", parts, lost)
                applied = segment(
                    [place / "logs"],
                    place / "out",
                    recipe,
                    FEATURES,
                    model=root / "learnt",
                    **asked,
                )
                own = {name: applied.folder.labels(name) for name in logs}
                same = np.concatenate([own[name] == full[name] for name in logs]).mean()
                found.append((float(same), score(own, truth, place / "out" / "data")))
            same, mof = np.array(found).T
            rows.append(
                {
                    "without": count,
                    "subsets": len(found),
                    "agreement": round(100 * same.mean(), 1),
                    "least": round(100 * same.min(), 1),
                    "mof": round(100 * mof.mean(), 1),
                }
            )
    return rows


def score(labels: Logs, truth: Logs, data: Path) -> float:
    """Return the MoF against the truth, which has a label for each raw row."""
    found, true = [], []
    for one in DatasetFolder(data).recordings():
        times = one.times
        assert times is not None
        rate = len(truth[one.name]) / float(times[-1])
        rows = np.minimum((times[:-1] + times[1:]) / 2 * rate, len(truth[one.name]) - 1)
        found.append(labels[one.name])
        true.append(truth[one.name][rows.astype(int)])
    return float(evaluate(found, true)["mof"])


def write(logs: Logs, folder: Path, parts: Sequence[str], lost: Sequence[str]) -> None:
    """Write logs (N, 6), or poses (N, 6, 3), as tables, without what is lost."""
    folder.mkdir(parents=True)
    kept = [i for i, name in enumerate(parts) if name not in lost]
    for name, values in logs.items():
        own = values[:, kept].reshape(len(values), -1)
        axes = [f"_{axis}" for axis in "xyz"] if values.ndim == 3 else [""]
        header = ",".join(f"{parts[i]}{axis}" for i in kept for axis in axes)
        rows, first = np.arange(len(own)), "frame" if values.ndim == 3 else "time"
        clock = rows if values.ndim == 3 else rows / 50
        np.savetxt(
            folder / f"{name}.csv",
            np.column_stack([clock, own]),
            fmt="%.6g",
            delimiter=",",
            header=f"{first},{header}",
            comments="",
        )


def watch_logs() -> tuple[Logs, Logs]:
    """Compose the demo's sessions of raw signals, at 50 rows a second, and their exercises."""
    data = watch._load()
    subjects, sides, exercises = (np.asarray(data[key]) for key in ("subject", "side", "y"))
    keys = sorted(set(zip(subjects.tolist(), sides.tolist(), strict=True)))
    orders = watch._orders(len(keys), np.random.default_rng(0))
    logs, truth = Logs(), Logs()
    for (subject, side), order in zip(keys, orders, strict=True):
        own = (subjects == subject) & (sides == side)
        parts = [
            np.asarray(data["X"][int(np.flatnonzero(own & (exercises == k))[0])]) for k in order
        ]
        name = f"{subject}-{side}"
        logs[name] = np.concatenate(parts) * (1 if side else watch._MIRROR)
        truth[name] = np.repeat(order, [len(part) for part in parts])
    return logs, truth


def gestures() -> tuple[Logs, Logs]:
    """Read the people who tell a story: six points in space, and five phases of gestures."""
    archive = np.load(GESTURES)
    names = sorted(key.removesuffix("/X") for key in archive.files if key.endswith("/X"))
    phases = sorted({str(one) for name in names for one in archive[f"{name}/y"]})
    logs = {name: archive[f"{name}/X"][:, :18].reshape(-1, 6, 3) for name in names}
    truth = {name: np.searchsorted(phases, archive[f"{name}/y"]) for name in names}
    return logs, truth


if __name__ == "__main__":
    main()
