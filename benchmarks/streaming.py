"""Live labels: how fast frames are taken one by one, and how many are labelled as offline.

Agreement is measured on real recordings where they are here: the watch sessions that seglearn
carries, and the 50 Salads scores in ``../shared`` beside the repository; and on generated costs.
Real costs are cosine distances to the centres of k-means over all frames of a set.
"""

from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import asot
from asot.data import watch_sessions
from asot.errors import AsotError
from asot.simulation import make_affinity

Costs = list[NDArray[np.float32]]

N_ACTIONS = 20
REAL_TIME = 1000.0  # frames a second that are to be kept up with
RADII = (15, 30, 60)
# The published parameters of training, which are the defaults, and of decoding.
PARAMETERS: dict[str, dict[str, Any]] = {
    "decoding": {"epsilon": 0.04, "alpha": 0.6, "lambda_actions": 0.01},
    "default": {},
}
# In radii.
DELAYS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
SCORES = Path(__file__).resolve().parents[2] / "shared/data/50salads_eval_svmscores10.npz"


def measure_streaming(quick: bool) -> dict[str, Any]:
    """Times of single pushes, and the share of frames labelled as offline by delay.

    Parameters
    ----------
    quick : bool
        A few frames, one radius, generated costs alone.
    """
    n_frames, radii, n_made = (1000, RADII[:1], 1) if quick else (20_000, RADII, 4)
    report: dict[str, Any] = {"real_time": REAL_TIME, "pushes": [], "agreement": [], "absent": {}}
    for radius in radii:
        for hop in (None, 1):
            report["pushes"].append(_time_pushes(n_frames, radius, hop))
    sets: dict[str, tuple[Costs, int]] = {
        "generated": ([1.0 - make_affinity(1500, 8, random_state=i)[0] for i in range(n_made)], 15)
    }
    if not quick:
        for name, read, radius in (("50 salads", _scores, 10), ("watch", _watch, 20)):
            try:
                sets[name] = read(), radius
            except (AsotError, OSError, ImportError) as error:
                report["absent"][name] = str(error)
    for name, (costs, radius) in sets.items():
        for kind, parameters in PARAMETERS.items():
            one = {"data": name, "parameters": kind, "radius": radius}
            report["agreement"].append(one | _agreement(costs, radius, parameters))
    return report


def _time_pushes(n_frames: int, radius: int, hop: int | None) -> dict[str, Any]:
    """Seconds of each of ``n_frames`` pushes of one row, past those that fill the window."""
    decoder = asot.StreamingDecoder(
        N_ACTIONS, radius=radius, delay=2 * radius, hop=hop, dtype="float32"
    )
    cost = 1.0 - make_affinity(n_frames, N_ACTIONS, random_state=radius)[0]
    decoder.push(cost[:1000])
    seconds, labelled = np.empty(n_frames), np.empty(n_frames, dtype=bool)
    gc.collect()
    for i, row in enumerate(cost):
        before = time.perf_counter()
        new = decoder.push(row)
        seconds[i] = time.perf_counter() - before
        labelled[i] = len(new) > 0
    rate = n_frames / float(seconds.sum())
    return {
        "n_actions": N_ACTIONS,
        "radius": radius,
        "delay": decoder.delay,
        "hop": decoder.hop,
        "frames_held": decoder.n_held,
        "frames_per_second": rate,
        "times_real_time": rate / REAL_TIME,
        "microseconds": {
            "median": 1e6 * float(np.median(seconds)),
            "percentile_99": 1e6 * float(np.quantile(seconds, 0.99)),
            "worst": 1e6 * float(seconds.max()),
            "median_with_a_solve": 1e6 * float(np.median(seconds[labelled])),
        },
        "share_later_than_a_frame": float((seconds > 1.0 / REAL_TIME).mean()),
    }


def _agreement(costs: Costs, radius: int, parameters: dict[str, Any]) -> dict[str, Any]:
    """Shares of frames labelled as offline: by the nearest centre, and live by delay."""
    offline = [asot.solve(cost, radius=radius, **parameters).labels for cost in costs]

    def share(found: list[NDArray[np.int64]]) -> float:
        return float(np.mean(np.concatenate(found) == np.concatenate(offline)))

    def live(cost: NDArray[np.float32], delay: int) -> NDArray[np.int64]:
        decoder = asot.StreamingDecoder(cost.shape[1], radius=radius, delay=delay, **parameters)
        return np.concatenate([new.labels for new in decoder.decode([cost])])

    return {
        "nearest": share([cost.argmin(axis=1) for cost in costs]),
        "by_delay_in_radii": {
            f"{delay:g}": share([live(cost, round(delay * radius)) for cost in costs])
            for delay in DELAYS
        },
    }


def _scores() -> Costs:
    with np.load(SCORES) as data:
        return _distances([data[name] for name in data.files if name.endswith("/X")], 10)


def _watch() -> Costs:
    features = [np.asarray(one.features) for one in watch_sessions(0)]
    every = np.concatenate(features)
    return _distances([(one - every.mean(axis=0)) / every.std(axis=0) for one in features], 7)


def _distances(features: list[NDArray[Any]], n_actions: int) -> Costs:
    from sklearn.cluster import KMeans

    def unit(rows: NDArray[Any]) -> NDArray[Any]:
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)

    frames = [unit(one.astype(np.float64)) for one in features]
    found = KMeans(n_actions, n_init=3, random_state=0).fit(np.concatenate(frames))
    centres = unit(found.cluster_centers_)
    return [(1.0 - one @ centres.T).astype(np.float32) for one in frames]
