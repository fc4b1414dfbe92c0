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
from asot.learning.configuration import Recipe, TransportSettings

if TYPE_CHECKING:
    from asot.transport import Solution

USAGE = "FILE.npy [FILE.npy ...] [--cost | --affinity] [--out DIR] [settings]"
SUMMARY = (
    "Decode (frames, actions) matrices in .npy files into temporally consistent labels, a segment "
    "table and a picture each. An affinity is high, a cost is low where a frame fits an action; "
    "the cost of an affinity A is 1 - A. The settings start as those that recipes decode with."
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
    from asot.data.problems import printable
    from asot.metrics import evaluate
    from asot.segments import to_segments

    matrices = [read_matrix(file) for file in files]
    truths = [
        read_truth(place, file, len(matrix)) for file, matrix in zip(files, matrices, strict=True)
    ]
    counts = ("frames", "segments", "actions used", "confidence")
    table = new_table("recording", *counts, right=counts)
    scores: dict[str, Any] = {}
    pictures = True
    with progress() as report:
        for done, (file, matrix, truth) in enumerate(zip(files, matrices, truths, strict=True), 1):
            solution = decode(file, matrix, values.cost, values.rho, settings)
            confidence = write(out, file.stem, solution, values.frame_rate)
            if truth is not None:
                scores[file.stem] = evaluate([solution.labels], [truth])
            if pictures:
                try:
                    draw(out, file.stem, matrix, truth, solution, values.cost, values.frame_rate)
                except MissingExtraError as error:
                    pictures = False
                    reason = str(error)
            segments = [one for one in to_segments(solution.labels) if one.label >= 0]
            table.add_row(
                printable(file.stem),
                f"{len(matrix):,}",
                f"{len(segments):,}",
                f"{len({one.label for one in segments}):,}",
                f"{confidence:.2f}",
            )
            report("Decoding", done, len(files))
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
    if len(files) == 1:
        show_files([(out / f"{files[0].stem}{end}", kind) for end, kind in kinds.items()])
    else:
        show_files([(out, f"for each recording, {', '.join(f'NAME{end}' for end in kinds)}")])


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
    parser.add_argument("--rho", type=float, default=0.0, help="Strength of the order prior.")
    parser.add_class_arguments(TransportSettings)
    parser.set_defaults(asdict(Recipe().transport_eval))
    values = parser.parse(words)
    if values.cost and values.affinity:
        parser.error("Give --cost or --affinity, not both.")
    if values.frame_rate is not None and not 0 < values.frame_rate < float("inf"):
        raise ConfigurationError(f"--frame_rate must be above 0, but is {values.frame_rate}.")
    if not 0 <= values.rho < float("inf"):
        raise ConfigurationError(f"--rho must be at least 0, but is {values.rho}.")
    return values


def decode(
    file: Path, matrix: NDArray[Any], is_cost: bool, rho: float, settings: dict[str, Any]
) -> Solution:
    """Solve the transport of one matrix."""
    from asot.transport import solve, temporal_prior

    cost = matrix if is_cost else 1 - matrix
    if rho > 0:
        cost = cost + temporal_prior(len(cost), cost.shape[1], rho, mode=settings["mode"])
    solution = solve(cost.astype(matrix.dtype, copy=False), **settings)
    if solution.status[0].outcome == "not finite":
        raise ArgumentError(f"{file} cannot be decoded: {solution.status[0]}")
    return solution


def write(out: Path, name: str, solution: Solution, frame_rate: float | None) -> float:
    """Write the labels and the segment table of one recording; give the frames' mean confidence."""
    from asot.export.csv import write_csv
    from asot.files import write_text
    from asot.segments import segment_table

    # Where the frame side is relaxed, a frame may hold more or less than its share of mass.
    mass = solution.assignment.sum(axis=1, keepdims=True)
    shares = solution.assignment / np.where(mass > 0, mass, 1)
    rows = segment_table(name, solution.labels, shares, frame_rate)
    write_csv(out / f"{name}.segments.csv", rows)
    labels = "".join(f"{label}\n" for label in solution.labels.tolist())
    write_text(out / f"{name}.labels.txt", labels)
    return float(shares.max(axis=1).mean())


def draw(
    out: Path,
    name: str,
    matrix: NDArray[Any],
    truth: list[str] | None,
    solution: Solution,
    is_cost: bool,
    frame_rate: float | None,
) -> None:
    """Draw one recording's matrix with its segments, and its ground truth where there is some."""
    from asot.metrics import match
    from asot.report import plot_matrix, save_figure

    matching: Any = None
    ids = names = None
    if truth is not None:
        known = sorted(set(truth))
        names = dict(enumerate(known))
        ids = np.searchsorted(known, truth)
        matching = match([solution.labels], [ids]).matching
    figure = plot_matrix(
        matrix,
        ground_truth=ids,
        kind="cost" if is_cost else "affinity",
        action_names=names,
        matching=matching,
        labels=solution.labels,
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
