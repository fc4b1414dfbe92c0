"""Pictures of a prediction, beside its ground truth where there is some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.metrics import Evaluation
from asot.progress import Progress
from asot.runs.predictions import PredictionFolder
from asot.runs.run import find_training
from asot.runs.scores import Scored

Labels = NDArray[np.int64]

# Recordings in the picture of a corpus.
MOST_IN_CORPUS = 30


def draw(folder: PredictionFolder, scored: Scored | None, most: int, progress: Progress) -> None:
    """Draw each model's corpus, and ``most`` of its recordings by themselves, as PNG files."""
    from asot.figures import draw_evidence, plot_corpus, plot_matrix, plot_segmentation, save_figure
    from asot.figures.evidence_file import EVIDENCE_FILE, read_evidence

    index = folder.index()
    rate = index.source.frame_rate
    labelled = {} if scored is None else {one.name: one for one in scored.recordings}
    matchings = {} if scored is None else scored.matchings
    # Negative ids of classes cannot be drawn, so all ids move up.
    shift = max([0, *(-one for pairs in matchings.values() for one in pairs.values())])
    if shift > 0:
        matchings = {
            model: {action: one + shift for action, one in pairs.items()}
            for model, pairs in matchings.items()
        }

    def truth_of(name: str) -> Labels | None:
        """Read the ground truth of a recording, which is not held: there may be very many."""
        truth = labelled[name].ground_truth if name in labelled else None
        return None if truth is None else truth + shift

    groups: dict[str, list[str]] = {}
    for one in index.recordings:
        groups.setdefault(one.model, []).append(one.name)
    total = sum(1 + 2 * min(most, len(members)) for members in groups.values())
    done = count(1)

    def save(figure: Any, name: str) -> None:
        save_figure(figure, folder.root / "figures" / f"{name}.png")
        progress("Drawing", next(done), total)

    run = find_training(folder)
    evidence = {} if run is None else read_evidence(run.root / EVIDENCE_FILE)
    known = {model: one for model, one in evidence.items() if model in groups}
    draw_evidence(known, folder.root / "figures" / "evidence.png")
    for model, members in groups.items():
        # Without ground truth, actions keep their numbers; with it, unmatched actions lack a class.
        matching = None if scored is None else matchings.get(model, {})
        found = (truth for name in members if (truth := truth_of(name)) is not None)
        names = None if scored is None else _names_of(scored, found, shift, matching)
        shown = members[:MOST_IN_CORPUS]
        figure = plot_corpus(
            [folder.labels(name) for name in shown],
            [truth_of(name) for name in shown] if labelled else None,
            names=names,
            matching=matching,
            recordings=shown,
            frame_rate=rate,
            title=f"{model}: {len(shown)} of {len(members)} recordings",
        )
        save(figure, f"corpus-{model}")
        for name in members[:most]:
            labels, truth = folder.labels(name), truth_of(name)
            shared: dict[str, Any] = {"frame_rate": rate, "title": name}
            tracks = {"asot": labels} if truth is None else {"asot": labels, "ground truth": truth}
            pairs = None if matching is None else {"asot": matching}
            figure = plot_segmentation(tracks, names=names, matching=pairs, **shared)
            save(figure, f"{name}-segments")
            shared |= {"ground_truth": truth, "action_names": names, "matching": matching}
            matrix = folder.assignment(name)
            figure = plot_matrix(matrix, kind="assignment", labels=labels, **shared)
            save(figure, f"{name}-assignment")


def _names_of(
    scored: Scored, truths: Iterable[Labels], shift: int, matching: Mapping[int, int] | None
) -> dict[int, str]:
    """Name the classes that recordings of these ``truths`` hold: few classes get plain colours.

    A class has the place of the action that it is matched with, as on the page.
    """
    classes = sorted({one for truth in truths for one in np.unique(truth).tolist()})
    pairs = matching or {}
    # An action without a class leaves its place to no class, under a number that none has.
    placed = [pairs.get(action, -2 - action) for action in range(max(pairs, default=-1) + 1)]
    ordered = [*placed, *(one for one in classes if one not in placed)]
    return {one: scored.class_names.get(one - shift, str(one - shift)) for one in ordered}


def draw_comparison(
    folder: PredictionFolder, scored: Scored, others: dict[str, tuple[list[Any], Evaluation]]
) -> list[Path]:
    """Draw other methods beside ours: the first recording's segments, and the scores of all.

    ``scored`` is of a single model; ``others`` are, by name, the labels of the same recordings and
    their evaluation at activity level.
    """
    from asot.figures import plot_comparison, plot_segmentation, save_figure

    first = scored.recordings[0]
    tracks = {"asot": folder.labels(first.name)}
    matchings: dict[str, Any] = {"asot": next(iter(scored.matchings.values()))}
    for name, (labels, evaluation) in others.items():
        tracks[name] = labels[0]
        matchings[name] = evaluation.matching
    if first.ground_truth is not None:
        tracks["ground truth"] = first.ground_truth
    shared: dict[str, Any] = {"frame_rate": first.frame_rate, "title": first.name}
    segments = plot_segmentation(tracks, names=scored.class_names, matching=matchings, **shared)
    evaluations = {"asot": scored.evaluations["activity"]}
    evaluations |= {name: evaluation for name, (_, evaluation) in others.items()}
    scores = plot_comparison(evaluations, ["mof", "miou", "f1_macro", "f1@25", "f1@50", "edit"])
    paths = [folder.root / "figures" / name for name in ("comparison.png", "scores.png")]
    save_figure(segments, paths[0])
    save_figure(scores, paths[1])
    return paths
