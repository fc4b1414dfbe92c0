"""The table of what every file was taken for, in the folder of the features."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from asot.data.features import FeatureFile
from asot.data.origin import Origin, origin_path, read_origin, read_times, times_path
from asot.errors import AsotError
from asot.files import write_text
from asot.folders import in_turn
from asot.inputs.find import Input
from asot.remote import renew, told
from asot.text import as_cell, from_cell, printable

FILE = "recordings.csv"
_KINDS = {"video": "video", "series": "sensor log", "pose": "poses", "features": "features"}


@dataclass(frozen=True)
class Taken:
    """A file, and what it was taken for; None stands for unknown."""

    recording: str
    file: str
    kind: str
    rate: float | None = None  # frames or rows a second, of the file
    duration_s: float | None = None
    rows: int | None = None  # of features
    columns: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()  # columns
    remarks: tuple[str, ...] = ()


def take_down(
    one: Input,
    origin: Origin,
    shape: tuple[int, int] | None,
    duration_s: float | None,
    remarks: Sequence[str] = (),
) -> Taken:
    """Note what a file was taken for, by the origin and the shape of its features."""
    rows, width = shape or (None, None)
    media = origin.media
    columns = tuple(media.get("columns", ())) or (
        (f"1 to {width}",) if origin.kind == "features" else ()
    )
    others = (*media.get("left_out", ()), *media.get("found", ()))
    used = set(columns)
    return Taken(
        one.name,
        printable(one.path),
        _KINDS[origin.kind],
        media.get("frame_rate" if origin.kind == "video" else "rate"),
        duration_s,
        rows,
        columns,
        tuple(name for name in others if name not in used),
        tuple(remarks),
    )


def take_stock(
    inputs: Sequence[Input],
    root: Path,
    failed: Mapping[str, str],
    remarks: Mapping[str, Sequence[str]],
) -> list[Taken]:
    """Note what all files were taken for whose features are in ``root``, and those that failed."""
    found = []
    for one in inputs:
        try:
            origin = None if one.name in failed else read_origin(origin_path(root, one.name))
            if origin is not None:
                shape = FeatureFile(root / "features" / f"{one.name}.npy").shape
                path, length = times_path(root, one.name), None
                if path.is_file():
                    times = read_times(path, shape[0])
                    length = float(times[-1] - times[0])
                found.append(take_down(one, origin, shape, length, remarks.get(one.name, ())))
                continue
            reason = failed.get(one.name, "")
        except AsotError as error:  # another process writes them
            reason = str(error)
        found.append(unused(one, reason))
    return found


def unused(one: Input, reason: str) -> Taken:
    """Note a file that cannot be used."""
    return Taken(one.name, printable(one.path), "not used", remarks=(reason,))


def write_taken(root: Path, found: Sequence[Taken], others: Collection[str] = ()) -> None:
    """Write the table of all files as CSV; rows of ``others``, from other calls, stay."""
    with in_turn(root / FILE):
        renew(root / FILE)
        _write_table(root / FILE, found, others)


def unread(inputs: Sequence[Input], root: Path) -> list[str]:
    """Name the recordings that the table lacks, as nobody has tried to read them yet."""
    renew(root / FILE)
    known = {name for name, _ in _rows(root / FILE)}
    return [one.name for one in inputs if one.name not in known]


def _write_table(path: Path, found: Sequence[Taken], others: Collection[str]) -> None:
    names = {one.recording for one in found}
    rows = [row for name, row in _rows(path) if name in others and name not in names]
    for one in found:
        lists = ("columns", "left_out", "remarks")
        texts = {name: "; ".join(getattr(one, name)) for name in lists}
        texts |= {"recording": one.recording}
        rows.append(asdict(one) | {name: as_cell(text) for name, text in texts.items()})
    before, text = _text(path), io.StringIO(newline="")
    names_of = list(Taken.__dataclass_fields__)
    table = csv.DictWriter(text, names_of, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(sorted(rows, key=lambda row: str(row["recording"])))
    if told(text.getvalue()) != before:
        write_text(path, text.getvalue())


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of the table with their recordings, as far as it can be read."""
    with suppress(csv.Error):  # someone altered it, or names more columns than are read back
        for row in csv.DictReader(io.StringIO(_text(path), newline="")):
            yield from_cell(row.get("recording") or ""), row


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
