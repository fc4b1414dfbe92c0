"""asot decode: cut recordings by affinity or cost matrices that you already have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from asot.cli.parsing import Parser
from asot.errors import ConfigurationError, DataError, MissingExtraError
from asot.learning.configuration import TransportSettings

USAGE = "FILE.npy [FILE.npy ...] [--cost | --affinity] [--out DIR] [settings]"
SUMMARY = (
    "Decode (frames, actions) matrices in .npy files into temporally consistent labels, a segment "
    "table and a picture each. An affinity is high, a cost is low where a frame fits an action; "
    "the cost of an affinity A is 1 - A."
)


def run(words: Sequence[str]) -> None:
    """Run the command."""
    parser = Parser("decode", SUMMARY, USAGE)
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
    files = []
    rest = list(words)
    while rest and not rest[0].startswith("-"):
        files.append(Path(rest.pop(0)))
    if not words:
        rest = ["--help"]
    values = parser.parse_args(rest)
    if not files:
        raise ConfigurationError("Name the files first, as in: asot decode FILE.npy --out DIR")
    if values.cost and values.affinity:
        raise ConfigurationError("Give --cost or --affinity, not both.")
    stems = [file.stem for file in files]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise ConfigurationError(
            f"Two files are called {twice!r}, so their results would overwrite each other: "
            "decode them into different --out folders."
        )
    settings = {name: values[name] for name in TransportSettings.__dataclass_fields__}
    matrices = [_read_matrix(file) for file in files]
    truths = [
        _read_truth(values.ground_truth, file, len(m))
        for file, m in zip(files, matrices, strict=True)
    ]
    decode_all(files, matrices, truths, settings, values)


def decode_all(
    files: list[Path],
    matrices: list[Any],
    truths: list[list[str] | None],
    settings: dict[str, Any],
    values: Any,
) -> None:
    """Decode matrices that were read and checked, and write and print what comes out."""
    from rich.markup import escape
    from rich.table import Table

    from asot.cli.console import console, progress, say, score_table
    from asot.export.csv import write_csv
    from asot.files import write_text
    from asot.metrics import evaluate
    from asot.segments import segment_table
    from asot.transport import solve, temporal_prior

    out = Path(values.out)
    table = Table(title=escape(str(out)), title_justify="left", title_style="bold")
    for heading in ("recording", "frames", "segments", "actions used", "confidence"):
        table.add_column(heading, justify="left" if heading == "recording" else "right")
    labelled = []
    without_pictures = ""
    with progress() as report:
        for done, (file, matrix, truth) in enumerate(zip(files, matrices, truths, strict=True), 1):
            cost = matrix if values.cost else 1.0 - matrix
            if values.rho > 0:
                cost = cost + temporal_prior(
                    len(cost), cost.shape[1], values.rho, mode=settings["mode"]
                )
            solution = solve(cost.astype(matrix.dtype), **settings)
            rows = segment_table(file.stem, solution.labels, solution.assignment, values.frame_rate)
            write_csv(out / f"{file.stem}.segments.csv", rows)
            write_text(
                out / f"{file.stem}.labels.txt", "".join(f"{k}\n" for k in solution.labels.tolist())
            )
            try:
                _draw(file.stem, matrix, truth, solution, values)
            except MissingExtraError as error:
                without_pictures = f"No pictures: {error}"
            confidence = float(np.mean([row.confidence for row in rows]))
            used = len({row.action for row in rows})
            table.add_row(
                escape(file.stem),
                f"{len(matrix):,}",
                str(len(rows)),
                str(used),
                f"{confidence:.2f}",
            )
            if truth is not None:
                labelled.append((file.stem, solution.labels, truth))
            report("Decoding", done, len(files))
    console().print(table)
    if labelled:
        scores = {name: evaluate([labels], [truth]) for name, labels, truth in labelled}
        console().print(score_table("one matching for each recording; percent", scores))
    say(f"For each recording: {out}/*.labels.txt, *.segments.csv and *.png")
    if without_pictures:
        say(without_pictures)


def _read_matrix(file: Path) -> Any:
    try:
        matrix = np.load(file, allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"{file} does not exist.") from None
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{file} is no .npy file of numbers: {error}") from None
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2 or matrix.dtype.kind not in "fiu":
        raise DataError(
            f"{file} must hold one (frames, actions) matrix of numbers, but holds "
            f"{getattr(matrix, 'shape', 'several arrays')} of {getattr(matrix, 'dtype', '.npz')}."
        )
    if 0 in matrix.shape:
        raise DataError(f"{file} is empty: its shape is {matrix.shape}.")
    if not np.isfinite(matrix).all():
        frame, action = np.argwhere(~np.isfinite(matrix))[0].tolist()
        raise DataError(f"{file} holds {matrix[frame, action]} at frame {frame}, action {action}.")
    if len(matrix) < matrix.shape[1]:
        raise DataError(
            f"{file} has {len(matrix)} frames and {matrix.shape[1]} actions, which looks like "
            "(actions, frames): save its transpose."
        )
    return matrix if matrix.dtype.kind == "f" else matrix.astype(np.float64)


def _read_truth(place: str | None, file: Path, n_frames: int) -> list[str] | None:
    if place is None:
        return None
    path = Path(place)
    if path.is_dir():
        options = [path / file.stem, path / f"{file.stem}.txt"]
        path = next((option for option in options if option.is_file()), options[0])
    try:
        names = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: the ground truth of {file} is missing.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is no text in UTF-8.") from None
    names = [name.strip() for name in names]
    while names and not names[-1]:
        names.pop()
    if len(names) != n_frames:
        raise DataError(f"{path} has {len(names)} labels where {file} has {n_frames} frames.")
    return names


def _draw(name: str, matrix: Any, truth: list[str] | None, solution: Any, values: Any) -> None:
    from asot.metrics import match
    from asot.report import plot_matrix, save_figure

    matching: Any = None
    ids = names = None
    if truth is not None:
        known = sorted(set(truth))
        names = dict(enumerate(known))
        ids = np.array([known.index(one) for one in truth])
        matching = match([solution.labels], [ids]).matching
    figure = plot_matrix(
        matrix,
        ground_truth=ids,
        kind="cost" if values.cost else "affinity",
        action_names=names,
        matching=matching,
        labels=solution.labels,
        frame_rate=values.frame_rate,
        title=name,
    )
    save_figure(figure, Path(values.out) / f"{name}.png")
