"""Background without labels: how much of it is found, and what is lost where there is none.

    python -m benchmarks.background [--quick] [--seeds N] [--out FILE.json]

Recordings are generated with 7 to 12 actions, as in YouTube Instructions, and with shares of
background up to its 70 %; and real recordings (50 Salads scores in ``../shared`` beside the
repository, watch sessions that seglearn carries) get stretches put between their actions that are
other recordings' frames, turned by a rotation of each recording's own. Costs are 1 - cosine to the
prototypes of as many actions as there are, at the radius that the recordings give.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.data import DatasetFolder, standardise, watch_sessions
from asot.discover.background import (
    BackgroundEvidence,
    background_frames,
    find_background,
    frame_distances,
    reference_frames,
)
from asot.discover.prototypes import decoded, learn_prototypes, unit_rows, window_mean
from asot.discover.radius import find_radius
from asot.errors import AsotError
from asot.files import write_json
from asot.metrics import evaluate
from asot.simulation import make_recordings
from asot.transport import append_background
from benchmarks.machine import machine

Set = tuple[list[NDArray[np.float32]], list[NDArray[np.int64]]]
Labels = list[NDArray[np.int64]]

SHARES = (0.0, 0.25, 0.5, 0.7)
NOISES = (0.5, 1.0)
N_RECORDINGS = 30
FIXED = 0.5
GRID = np.linspace(0.1, 0.9, 17)
SHARED = Path(__file__).resolve().parents[2] / "shared/data"
COLUMNS = ("precision", "recall", "f1", "mof", "mof_overall", "dropped")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.background", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--quick", action="store_true", help="one noise, two shares, 10 recordings")
    parser.add_argument("--seeds", type=int, default=6, help="half as many on real data")
    parser.add_argument("--out", type=Path, help="where to write all figures as JSON")
    options = parser.parse_args(words)
    report = {"machine": machine(), **measure_background(options.seeds, options.quick, show)}
    if options.out:
        write_json(options.out, report)


def measure_background(
    n_seeds: int, quick: bool, tell: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Scores of each kind of data, share and way, each the mean over seeds.

    Parameters
    ----------
    n_seeds : int
        Generated data sets of each noise and share; half as many of real ones.
    quick : bool
        A few small ones, generated alone.
    tell : callable
        Gets each row as it comes.
    """
    rows = []
    absent = {}
    n_recordings = 10 if quick else N_RECORDINGS
    for noise in NOISES[:1] if quick else NOISES:
        for share in SHARES[::2] if quick else SHARES:
            sets = [generated(seed, share, noise, n_recordings) for seed in range(n_seeds)]
            rows.append(_row(f"generated, noise {noise:g}", share, sets))
            tell(rows[-1])
    readers = {"50 Salads scores": _salads, "watch": _watch, "five coffee videos": _coffee}
    for name, read in {} if quick else readers.items():
        try:
            original = read()
        except (AsotError, OSError, ImportError) as error:
            absent[name] = str(error)
            continue
        for share in SHARES if len(original[0]) > 5 else SHARES[:1]:
            # Without background, data sets differ in nothing but the seed of the prototypes.
            sets = [with_foreign(*original, share, seed) for seed in range((n_seeds + 1) // 2)]
            rows.append(_row(name, share, sets))
            tell(rows[-1])
    return {"rows": rows, "absent": absent}


def show(row: dict[str, Any]) -> None:
    """One kind of data and share as a few lines."""
    print(
        f"{row['data']}, background {row['share']:g}: found in {row['found']} of {row['sets']}, "
        f"share {row['share_found']:.2f}, separation {row['separation']:.2f}"
    )
    for way, scores in row["ways"].items():
        print(f"  {way:12}", *(f"{name} {100 * scores[name]:5.1f}" for name in COLUMNS), flush=True)


def generated(seed: int, share: float, noise: float, n_recordings: int) -> Set:
    """Recordings of 7 to 12 actions, 300 to 600 frames each; the order varies in half of them."""
    corpus = make_recordings(
        n_recordings,
        7 + seed % 6,
        (300, 600),
        noise=noise,
        order="varied" if seed % 2 else "fixed",
        random_state=seed,
        background=share,
    )
    labels = [np.asarray(one.ground_truth) for one in corpus]
    return [np.asarray(one.features) for one in corpus], labels


def with_foreign(
    features: list[NDArray[np.float32]], labels: Labels, share: float, seed: int
) -> Set:
    """Real recordings, with stretches between the actions that no other recording has."""
    if share == 0:
        return features, labels
    random = np.random.default_rng(seed)
    longer, with_background = [], []
    for own, truth in zip(features, labels, strict=True):
        turn = np.linalg.qr(random.standard_normal((own.shape[1], own.shape[1])))[0]
        cuts = np.concatenate([[0], np.flatnonzero(np.diff(truth)) + 1, [len(truth)]])
        total = share / (1 - share) * len(truth)
        parts, marks = [], []
        for index, length in enumerate(np.rint(random.dirichlet(np.ones(len(cuts))) * total)):
            source = features[random.integers(len(features))]
            first = random.integers(len(source))
            frames = np.arange(first, first + int(length)) % len(source)
            stretch = source[frames] @ turn
            kept = slice(cuts[index], cuts[index + 1] if index + 1 < len(cuts) else None)
            parts += [stretch, own[kept]]
            marks += [np.full(len(stretch), -1), truth[kept]]
        longer.append(np.concatenate(parts).astype(np.float32))
        with_background.append(np.concatenate(marks))
    return longer, with_background


def _row(name: str, share: float, sets: list[Set]) -> dict[str, Any]:
    results = [_compare(*one, seed) for seed, one in enumerate(sets)]
    found = [evidence for _, evidence in results]
    ways = {
        way: {
            column: float(np.mean([one[way][column] for one, _ in results])) for column in COLUMNS
        }
        for way in results[0][0]
    }
    return {
        "data": name,
        "share": share,
        "sets": len(sets),
        "found": sum(one.cost is not None for one in found),
        "share_found": float(np.mean([one.share for one in found])),
        "separation": float(np.mean([one.separation for one in found])),
        "ways": ways,
    }


def _compare(
    features: list[NDArray[np.float32]], truth: Labels, seed: int
) -> tuple[dict[str, dict[str, float]], BackgroundEvidence]:
    prepared = [standardise(one) for one in features]
    classes = np.unique(np.concatenate(truth))
    n_actions = int((classes >= 0).sum())
    radius = find_radius(prepared, n_actions, seed=seed).chosen
    found = learn_prototypes(prepared, n_actions, radius, seed=seed)
    smooth = [unit_rows(window_mean(one, round(radius / 2))) for one in prepared]
    costs = [1.0 - one @ found.centres.T for one in smooth]
    evidence = find_background(prepared, radius)
    references = reference_frames(prepared, radius)
    distances = [
        frame_distances(one, references[:index] + references[index + 1 :], radius)
        for index, one in enumerate(prepared)
    ]
    ways = {
        "none": [_beside(cost, 3.0, radius) for cost in costs],
        "fixed 0.5": [_beside(cost, FIXED, radius) for cost in costs],
        "found": [
            assign_background(cost, own, evidence, radius)
            for cost, own in zip(costs, distances, strict=True)
        ],
    }
    scores = {way: score(labels, truth) for way, labels in ways.items()}
    tried = [score([_beside(cost, dummy, radius) for cost in costs], truth) for dummy in GRID]
    # With an eye on the labels: the dummy's cost with the most frames right, background included.
    scores["best fixed"] = max([*tried, scores["none"]], key=lambda one: one["mof_overall"])
    return scores, evidence


def assign_background(
    cost: NDArray[np.float64],
    distances: NDArray[np.float64],
    evidence: BackgroundEvidence,
    radius: int,
) -> NDArray[np.int64]:
    """Decode a cost (N, K) to actions and background, -1, which distances (N,) tell apart first.

    A dummy action beside all K would win wherever actions share the mass of a frame, all the more
    as it has the larger share.
    """
    labels = np.asarray(decoded(cost, radius).labels)
    return np.where(background_frames(distances, evidence, radius), -1, labels)


def _beside(cost: NDArray[np.float64], dummy: float, radius: int) -> NDArray[np.int64]:
    """Labels with a dummy action of this cost beside the others, -1 for the dummy."""
    labels = decoded(append_background(cost.astype(np.float32), dummy), radius).labels
    return np.where(labels == cost.shape[1], -1, labels)


def score(predictions: Labels, truth: Labels) -> dict[str, float]:
    """Of background, its precision, recall and F1; MoF without it, and with it as a class."""
    found, there = np.concatenate(predictions) < 0, np.concatenate(truth) < 0
    both = int((found & there).sum())
    matched = evaluate(predictions, truth, exclude=-1 if there.any() else None)
    right = matched["mof"] * int((~there).sum()) + both
    return {
        "precision": both / max(1, int(found.sum())),
        "recall": both / max(1, int(there.sum())),
        "f1": 2 * both / max(1, int(found.sum()) + int(there.sum())),
        "mof": float(matched["mof"]),
        "mof_overall": right / len(there),
        "dropped": float(found[~there].mean()),
    }


def _salads() -> Set:
    with np.load(SHARED / "50salads_eval_svmscores10.npz") as data:
        names = sorted({name.split("/")[0] for name in data.files})
        features = [data[f"{name}/X"].astype(np.float32) for name in names]
        return features, [data[f"{name}/y"].astype(np.int64) for name in names]


def _watch() -> Set:
    recordings = list(watch_sessions(0))
    features = [np.asarray(one.features) for one in recordings]
    return features, [np.asarray(one.ground_truth) for one in recordings]


def _coffee() -> Set:
    recordings = list(DatasetFolder(SHARED / "Breakfast").recordings())
    features = [np.asarray(one.features, dtype=np.float32) for one in recordings]
    return features, [np.asarray(one.ground_truth) for one in recordings]


if __name__ == "__main__":
    main()
