"""asot decode: cut recordings by affinity or cost matrices that you already have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jsonargparse import Namespace
from numpy.typing import NDArray

from asot.cli.parsing import Parser, out_folder
from asot.errors import ArgumentError, ConfigurationError, MissingExtraError
from asot.model.recipe import TransportSettings, load_recipe

if TYPE_CHECKING:
    from asot.transport import Solution

USAGE = "FILE.npy [FILE.npy ...] [--cost | --affinity] [--out DIR] [settings]"
SUMMARY = (
    "Decode (frames, actions) matrices in .npy files into temporally consistent labels, a segment "
    "table and a picture each. An affinity is high, a cost is low where a frame fits an action; "
    "the cost of an affinity A is 1 - A. The settings start as those that recipes decode with. "
    "--decoder semi_markov keeps rules on the way from the soft assignment to labels: how long "
    "segments are at least, and which action may follow which."
)


def run(words: Sequence[str]) -> None:
    """Run the command."""
    values = _parse(words)
    files = [Path(file) for file in values.files]
    place = None if values.ground_truth is None else Path(values.ground_truth)
    _check_names(files, place)
    settings = {name: values[name] for name in TransportSettings.__dataclass_fields__}
    out = out_folder(values.out)
    from asot.cli.console import console, new_table, progress, say, score_table, show_files
    from asot.cli.matrices import read_matrix, read_truth
    from asot.decoding import transcript
    from asot.files import write_text
    from asot.metrics import evaluate
    from asot.text import printable

    matrices = [read_matrix(file) for file in files]
    truths = [
        read_truth(place, file, len(matrix)) for file, matrix in zip(files, matrices, strict=True)
    ]
    rules = [_rules(values, file, matrix) for file, matrix in zip(files, matrices, strict=True)]
    counts = ("frames", "segments", "actions used", "confidence")
    table = new_table("recording", *counts, right=counts)
    scores: dict[str, Any] = {}
    transcripts = ""
    pictures = True
    with progress() as told:
        jobs = zip(files, matrices, truths, rules, strict=True)
        for done, (file, matrix, truth, own) in enumerate(jobs, 1):
            solution = solve_matrix(file, matrix, values.cost, values.order_prior, settings)
            labels, shares = decode(solution, own)
            write(out, file.stem, labels, shares, values.frame_rate)
            actions = transcript(labels).tolist()
            transcripts += f"{printable(file.stem)}\t{' '.join(map(str, actions))}\n"
            if truth is not None:
                scores[file.stem] = evaluate([labels], [truth])
            if pictures:
                try:
                    draw(out, file.stem, matrix, truth, labels, values.cost, values.frame_rate)
                except MissingExtraError as error:
                    pictures = False
                    reason = str(error)
            table.add_row(
                printable(file.stem),
                f"{len(matrix):,}",
                f"{len(actions):,}",
                f"{len(set(actions)):,}",
                f"{shares.max(axis=1).mean():.2f}",
            )
            told("Decoding", done, len(files))
    write_text(out / "transcripts.txt", transcripts)
    console().print(table)
    say()
    if scores:
        say("One matching for each recording, in percent", style="bold")
        console().print(score_table(scores))
        say()
    kinds = {".segments.csv": "the segments", ".labels.txt": "an action number for each frame"}
    if pictures:
        kinds[".png"] = "the matrix and its segments"
    else:
        say(f"No pictures: {reason}")
    order = (out / "transcripts.txt", "the actions of each recording in their order")
    if len(files) == 1:
        show_files([*((out / f"{files[0].stem}{end}", kind) for end, kind in kinds.items()), order])
    else:
        each = ", ".join(f"NAME{end}" for end in kinds)
        show_files([(out, f"for each recording, {each}"), order])


def _parse(words: Sequence[str]) -> Namespace:
    parser = Parser("decode", SUMMARY, USAGE)
    parser.add_argument("files", type=str, nargs="+", help="Matrices, one row a frame.")
    parser.add_argument("--affinity", action="store_true", help="High is a good fit (default).")
    parser.add_argument("--cost", action="store_true", help="Low is a good fit.")
    parser.add_argument("--out", type=str, default="decoded", help="Folder for the results.")
    parser.add_argument("--frame_rate", type=float, help="Frames per second, for times in seconds.")
    parser.add_argument(
        "--ground_truth",
        type=str,
        help="A file, or a folder of files named as the matrices, with one action name a line.",
    )
    parser.add_argument(
        "--order_prior", type=float, default=0.0, help="Strength of the order prior."
    )
    parser.add_argument(
        "--decoder",
        type=str,
        default="argmax",
        help="argmax: each frame has its largest share; semi_markov: the best segmentation that "
        "keeps to --minimum_duration and --transitions.",
    )
    parser.add_argument(
        "--minimum_duration",
        type=str,
        help="Shortest segment, in frames (25) or with --frame_rate in seconds (2.5s).",
    )
    parser.add_argument(
        "--transitions",
        type=str,
        help="File with a line of zeros and ones an action, 1 for each that may follow it; or with "
        "a line FROM TO for each pair of actions that may follow each other. Actions count from 0.",
    )
    parser.add_class_arguments(TransportSettings)
    parser.set_defaults(asdict(load_recipe("paper").transport_eval))
    values = parser.parse(words)
    if values.cost and values.affinity:
        parser.error("Give --cost or --affinity, not both.")
    if values.frame_rate is not None and not 0 < values.frame_rate < float("inf"):
        raise ConfigurationError(f"--frame_rate must be above 0, but is {values.frame_rate}.")
    if not 0 <= values.order_prior < float("inf"):
        raise ConfigurationError(f"--order_prior must be at least 0, but is {values.order_prior}.")
    if values.decoder not in ("argmax", "semi_markov"):
        raise ConfigurationError(
            f"--decoder must be argmax or semi_markov, but is {values.decoder!r}."
        )
    for name in ("minimum_duration", "transitions"):
        if values.decoder == "argmax" and values[name] is not None:
            raise ConfigurationError(f"--{name} needs --decoder semi_markov.")
    return values


def _rules(values: Namespace, file: Path, matrix: NDArray[Any]) -> dict[str, Any] | None:
    """The rules that one recording's segments keep to; None for plain argmax."""
    from asot.cli.matrices import read_duration, read_transitions

    if values.decoder == "argmax":
        return None
    rules: dict[str, Any] = {}
    if values.minimum_duration is not None:
        rules["minimum_duration"] = read_duration(values.minimum_duration, values.frame_rate)
    if values.transitions is not None:
        rules["transitions"] = read_transitions(Path(values.transitions), file, matrix.shape[1])
    return rules


def solve_matrix(
    file: Path, matrix: NDArray[Any], is_cost: bool, order_prior: float, settings: dict[str, Any]
) -> Solution:
    """Solve the transport of one matrix."""
    from asot.transport import solve, temporal_prior

    cost = matrix if is_cost else 1 - matrix
    if order_prior > 0:
        cost = cost + temporal_prior(len(cost), cost.shape[1], order_prior, mode=settings["mode"])
    solution = solve(cost.astype(matrix.dtype, copy=False), **settings)
    if solution.status[0].outcome == "not finite":
        raise ArgumentError(f"{file} cannot be decoded: {solution.status[0]}")
    return solution


def decode(
    solution: Solution, rules: dict[str, Any] | None
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """The labels (N,) of one recording, and how likely each action is in each frame (N, K)."""
    from asot.decoding import decode_segments, segment_confidence

    # Where the frame side is relaxed, a frame may hold more or less than its share of mass.
    mass = solution.assignment.sum(axis=1, keepdims=True)
    shares = solution.assignment / np.where(mass > 0, mass, 1)
    if rules is None:
        return solution.labels, shares
    # A share that was rounded to nothing does not forbid the action.
    likelihood = np.log(np.maximum(shares, np.finfo(np.float32).tiny))
    labels = decode_segments(likelihood, **rules)
    return labels, segment_confidence(likelihood, labels, **rules).frames


def write(
    out: Path,
    name: str,
    labels: NDArray[np.int64],
    shares: NDArray[Any],
    frame_rate: float | None,
) -> None:
    """Write the labels and the segment table of one recording."""
    from asot.export.csv import write_csv
    from asot.files import write_text
    from asot.timeline.segments import segment_table

    write_csv(out / f"{name}.segments.csv", segment_table(name, labels, shares, frame_rate))
    write_text(out / f"{name}.labels.txt", "".join(f"{label}\n" for label in labels.tolist()))


def draw(
    out: Path,
    name: str,
    matrix: NDArray[Any],
    truth: list[str] | None,
    labels: NDArray[np.int64],
    is_cost: bool,
    frame_rate: float | None,
) -> None:
    """Draw one recording's matrix with its segments, and its ground truth where there is some."""
    from asot.figures import plot_matrix, save_figure
    from asot.metrics import match

    matching: Any = None
    ids = names = None
    if truth is not None:
        known = sorted(set(truth))
        names = dict(enumerate(known))
        ids = np.searchsorted(known, truth)
        matching = match([labels], [ids]).matching
    figure = plot_matrix(
        matrix,
        ground_truth=ids,
        kind="cost" if is_cost else "affinity",
        action_names=names,
        matching=matching,
        labels=labels,
        frame_rate=frame_rate,
        title=name,
    )
    save_figure(figure, out / f"{name}.png")


def _check_names(files: Sequence[Path], ground_truth: Path | None) -> None:
    stems = [file.stem for file in files]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise ConfigurationError(
            f"Two files are called {twice!r}, so their results would overwrite each other: "
            "decode them into different --out folders."
        )
    if len(files) > 1 and ground_truth is not None and not ground_truth.is_dir():
        raise ConfigurationError(
            f"--ground_truth must be a folder where there are several matrices, but "
            f"{ground_truth} is none."
        )
