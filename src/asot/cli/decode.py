"""asot decode: cut recordings by affinity or cost matrices that you already have."""

from __future__ import annotations

import logging
import math
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jsonargparse import Namespace
from numpy.typing import NDArray

from asot.cli.console import console, drawing, new_table, progress, say, score_table, show_files
from asot.cli.parsing import Parser
from asot.data import map_array
from asot.decoding import decode_segments, segment_confidence, transcript
from asot.errors import ArgumentError, ConfigurationError, FileError, require_number
from asot.export import write_csv
from asot.files import read_lines, write_text
from asot.metrics import evaluate, match
from asot.model.recipe import AUTO, TransportSettings, load_recipe
from asot.text import plural, printable, quote
from asot.timeline.labels import read_labels
from asot.timeline.segments import segment_table

_log = logging.getLogger(__name__)

# A recording may have fewer frames than actions, but hardly more actions than this.
MOST_ACTIONS = 64
# The start of the solver's remark on a plan that tells little.
HARDLY = "The plan hardly moved"
# The files that each matrix gets.
KINDS = {
    ".segments.csv": "the segments",
    ".labels.txt": "an action number for each frame",
    ".png": "the matrix and its segments",
}


def _add_transport(parser: Parser) -> None:
    parser.add_class_arguments(TransportSettings)
    parser.set_defaults(asdict(load_recipe("paper").transport_eval))


def run(
    files: list[Path],
    *,
    affinity: bool = False,
    cost: bool = False,
    out: Path = Path("decoded"),
    frame_rate: float | None = None,
    ground_truth: Path | None = None,
    order_prior: float = 0.0,
    decoder: Literal["argmax", "semi_markov"] = "argmax",
    minimum_duration: str | None = None,
    transitions: Path | None = None,
    settings: Annotated[Namespace, _add_transport],
) -> None:
    """Decode (frames, actions) matrices in .npy files into temporally consistent labels.

    Each gets a segment table and a picture. An affinity is high, a cost is low where a frame fits
    an action; the cost of an affinity A is 1 - A. The settings start as those that the recipes of
    the paper decode with. --decoder semi_markov keeps rules on the way from the soft assignment to
    labels: how long segments are at least, and which action may follow which.

    files: Matrices, with a row for each frame.
    affinity: High is a good fit: so it is taken unless --cost is given.
    cost: Low is a good fit.
    frame_rate: Frames per second, for times in seconds.
    ground_truth: A file, or a folder of files named as the matrices, with an action name a line.
    order_prior: Strength of the order prior.
    decoder: argmax: each frame has its largest share; semi_markov: the best segmentation that keeps
        to --minimum_duration and --transitions.
    minimum_duration: Shortest segment, in frames (25) or with --frame_rate in seconds (2.5s).
    transitions: File with a line of zeros and ones for each action, 1 for each that may follow it;
        or with a line FROM TO for each pair of actions that may follow each other. Actions count
        from 0.
    """
    if cost and affinity:
        raise ConfigurationError("--cost must be left out with --affinity.", setting="cost")
    require_number("--order_prior", order_prior, at_least=0)
    for name, rule in (("minimum_duration", minimum_duration), ("transitions", transitions)):
        if decoder == "argmax" and rule is not None:
            raise ConfigurationError(f"--{name} needs --decoder semi_markov.", setting=name)
    shortest = 1 if minimum_duration is None else read_duration(minimum_duration, frame_rate)
    stems = [file.stem for file in files]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise ConfigurationError(
            f"Two files are called {twice!r}, so their results would overwrite each other: "
            "decode them into different --out folders."
        )
    if len(files) > 1 and ground_truth is not None and not ground_truth.is_dir():
        rule = f"must be a folder where there are several matrices, but is {ground_truth}"
        raise ConfigurationError(f"--ground_truth {rule}.", setting="ground_truth")
    jobs = []
    for file in files:
        matrix = read_matrix(file)
        truth = None if ground_truth is None else read_truth(ground_truth, file, matrix)
        follow = None if transitions is None else read_transitions(transitions, file, matrix)
        jobs.append((file, matrix, truth, {"minimum_duration": shortest, "transitions": follow}))
    counts = ("frames", "segments", "actions used", "confidence")
    table = new_table("recording", *counts, right=counts)
    scores: dict[str, Any] = {}
    transcripts, drawn, remarks = "", [], []
    with progress() as bars:
        for done, (file, matrix, truth, kept) in enumerate(jobs, 1):
            name = file.stem
            rules = None if decoder == "argmax" else kept
            labels, shares, status = decode(file, matrix, settings, rules)
            remarks += [f"{file}: {one}" for one in re.findall(f"{HARDLY}.*", status)]
            write_csv(out / f"{name}.segments.csv", segment_table(name, labels, shares, frame_rate))
            write_text(out / f"{name}.labels.txt", "".join(f"{one}\n" for one in labels.tolist()))
            drawn.append((out / f"{name}.png", matrix, truth, labels))
            actions = transcript(labels).tolist()
            transcripts += f"{printable(name)}\t{' '.join(map(str, actions))}\n"
            if truth is not None:
                scores[name] = evaluate([labels], [truth])
            sizes = (f"{count:,}" for count in (len(matrix), len(actions), len(set(actions))))
            table.add_row(printable(name), *sizes, f"{shares.max(axis=1).mean():.2f}")
            bars("Decoding", done, len(files))
        write_text(out / "transcripts.txt", transcripts)
        with drawing():
            for done, picture in enumerate(drawn, 1):
                draw(*picture, kind="cost" if cost else "affinity", frame_rate=frame_rate)
                bars("Drawing", done, len(files))
    console().print(table)
    say()
    if scores:
        say("One matching for each recording, in percent", style="bold")
        console().print(score_table(scores))
        say()
    if len(files) == 1:
        shown = [(out / f"{files[0].stem}{end}", kind) for end, kind in KINDS.items()]
    else:
        shown = [(out, f"for each recording, {', '.join(f'NAME{end}' for end in KINDS)}")]
    show_files(*shown, (out / "transcripts.txt", "the actions of each recording in their order"))
    sys.stdout.flush()
    for remark in remarks:
        _log.warning("%s", remark)


def decode(
    file: Path, matrix: NDArray[Any], values: Namespace, rules: dict[str, Any] | None
) -> tuple[NDArray[np.int64], NDArray[Any], str]:
    """Return the labels (N,), the share (N, K) of each action in each frame, and the status."""
    from asot.discover.radius import find_radius
    from asot.transport import solve, temporal_prior

    n_frames, n_actions = matrix.shape
    settings = {name: values[name] for name in TransportSettings.__dataclass_fields__}
    if settings["radius"] == AUTO:
        settings["radius"] = find_radius([matrix.astype(np.float32)], n_actions).chosen
        say(f"{printable(file.stem)}: radius {plural(settings['radius'], 'frame')}")
    cost = matrix if values.cost else 1 - matrix
    if values.order_prior > 0:
        prior = temporal_prior(n_frames, n_actions, values.order_prior, mode=settings["mode"])
        cost = cost + prior
    solution = solve(cost.astype(matrix.dtype, copy=False), **settings)
    (status,) = solution.status
    if status.ending in ("not finite", "diverged"):
        raise ArgumentError(f"{file} cannot be decoded: {status}", file=file)
    # Where the frame side is relaxed, a frame may hold more or less than its share of mass.
    mass = solution.assignment.sum(axis=1, keepdims=True)
    shares = solution.assignment / np.where(mass > 0, mass, 1)
    if rules is None:
        return solution.labels, shares, status.message
    # A share that was rounded to nothing does not forbid the action.
    likelihood = np.log(np.maximum(shares, np.finfo(np.float32).tiny))
    labels = decode_segments(likelihood, **rules)
    return labels, segment_confidence(likelihood, labels, **rules).frames, status.message


def draw(
    path: Path, matrix: NDArray[Any], truth: list[str] | None, labels: NDArray[Any], **given: Any
) -> None:
    """Draw a recording's matrix with its segments, and with its ground truth if there is any."""
    from asot.figures import plot_matrix, save_figure

    if truth is not None:
        known, ids = np.unique(truth, return_inverse=True)
        matching = match([labels], [ids]).matching
        names = dict(enumerate(known.tolist()))
        given |= {"ground_truth": ids, "action_names": names, "matching": matching}
    save_figure(plot_matrix(matrix, labels=labels, title=path.stem, **given), path)


def read_matrix(file: Path) -> NDArray[Any]:
    """Read a (frames, actions) matrix of finite float32 or float64 numbers."""
    matrix = map_array(file)
    if matrix.dtype not in (np.float32, np.float64) or not matrix.dtype.isnative:
        small = matrix.dtype.kind == "f" and matrix.dtype.itemsize <= 4
        matrix = matrix.astype(np.float32 if small else np.float64)
    n_frames, n_actions = matrix.shape
    if n_actions > max(n_frames, MOST_ACTIONS):
        shape = f"{plural(n_frames, 'row')} and {n_actions:,} columns"
        raise FileError.at(file, f"has {shape}, so it looks transposed: frames are the rows")
    wrong = ~np.isfinite(matrix)
    if wrong.any():
        frame, action = np.argwhere(wrong)[0].tolist()
        message = f"column {action} of frame {frame} (from 0) is {matrix[frame, action]}"
        count = int(wrong.sum())
        more = f", the first of {count:,} numbers that are not finite" if count > 1 else ""
        raise FileError.at(file, message + more)
    return np.asarray(matrix)


def read_truth(place: Path, file: Path, matrix: NDArray[Any]) -> list[str]:
    """Read the action names of a matrix's frames from ``place``, or its file of the same stem."""
    if place.is_dir():
        names = (file.stem, f"{file.stem}.txt")
        place = next((place / name for name in names if (place / name).is_file()), place / names[0])
    truth = read_labels(place)
    if "" in truth:
        raise FileError.at(place, "is empty where an action name is needed", truth.index("") + 1)
    if len(truth) != len(matrix):
        frames = plural(len(matrix), "frame")
        raise FileError.at(place, f"has {plural(len(truth), 'label')} where {file} has {frames}")
    return truth


def read_duration(text: str, frame_rate: float | None) -> int:
    """Read a duration in frames, as ``25``, or in seconds, as ``2.5s``, which are rounded up."""
    words = re.fullmatch(r"(\d+)|(\d+|\d*\.\d+) ?s", text)
    if words is None or not (words[1] or words[2]).strip("0."):
        raise ConfigurationError(
            "--minimum_duration must be a whole number of frames above 0 such as 25, or of seconds "
            f"such as 2.5s, but is {text!r}.",
            setting="minimum_duration",
        )
    if words[1]:
        return int(words[1])
    if frame_rate is None:
        message = "--minimum_duration in seconds needs --frame_rate."
        raise ConfigurationError(message, setting="minimum_duration")
    # Rounded before it is rounded up: 0.1 s at 30 frames a second are three frames.
    return max(1, math.ceil(round(float(words[2]) * frame_rate, 6)))


def read_transitions(file: Path, matrix_file: Path, matrix: NDArray[Any]) -> NDArray[np.bool_]:
    """Read the (K, K) array that is True where the column's action may follow the row's.

    The file holds K lines of K zeros and ones, or a line ``FROM TO`` for each pair that is allowed;
    numbers are parted by blanks or commas.
    """
    n_actions = matrix.shape[1]
    lines = [re.split(r"[,;\s]+", line.strip(" ,;")) for line in read_lines(file)]
    square = len(lines) == n_actions and all(len(words) == n_actions for words in lines)
    if square and all(word in ("0", "1") for words in lines for word in words):
        return np.array(lines) == "1"
    allowed = np.zeros((n_actions, n_actions), dtype=bool)
    for number, words in enumerate(lines, 1):
        if len(words) != 2 or not all(re.fullmatch(r"\d{1,9}", word) for word in words):
            size = f"the file is not {n_actions} lines of {n_actions} zeros and ones"
            message = f"{quote(' '.join(words))} must be a pair FROM TO of actions, as {size}"
            raise FileError.at(file, message, number)
        pair = int(words[0]), int(words[1])
        if max(pair) >= n_actions:
            actions = f"{matrix_file} has actions 0 to {n_actions - 1}"
            raise FileError.at(file, f"names action {max(pair)}, but {actions}", number)
        allowed[pair] = True
    return allowed
