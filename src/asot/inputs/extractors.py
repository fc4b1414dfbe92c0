"""Extractors: what makes features of files, which one of each file, and what it made before."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from asot.data.features import FeatureFile
from asot.data.origin import Origin, origin_path, read_origin
from asot.data.recordings import transposed_hint
from asot.errors import ConfigurationError, DataError, FileError
from asot.files import remove, require_file
from asot.inputs.faults import PassingError, blame
from asot.inputs.find import Input
from asot.inputs.kinds import ARRAYS
from asot.inputs.settings import SeriesSettings
from asot.inputs.shared import Agreement, Look, agree
from asot.processes import Died
from asot.progress import Progress
from asot.remote import ROOM, file_size, is_of_this_process, release, version
from asot.schema import first_difference
from asot.workers import Workers

if TYPE_CHECKING:
    from asot.inputs.series.extraction import SeriesExtractor

logger = logging.getLogger(__name__)

BYTE_S = 1e-7  # on one core, for a byte of a table

# The arrays of a recording, by the folder in which they are kept.
Arrays = dict[str, NDArray[Any]]


class Extractor(Protocol):
    """A way to make features of the files of a kind."""

    @property
    def stage(self) -> str:
        """Name the work for the progress."""

    @property
    def folders(self) -> tuple[str, ...]:
        """List the folders in which the arrays of a finished recording lie."""

    @property
    def cores(self) -> int | None:
        """Return how many cores it keeps busy by itself; None for all of them."""

    @property
    def identity(self) -> dict[str, Any]:
        """Return all that decides the features, except the file, as plain JSON values."""

    def fingerprint(self, path: Path) -> str:
        """Return a text that tells the content of a file from any other."""

    def length(self, path: Path) -> float:
        """Return the amount of work of a file, in the unit of the stage."""

    def features(
        self, path: Path, target: Path, tell: Callable[[float], None]
    ) -> AbstractContextManager[tuple[Arrays, Origin]]:
        """Make the arrays and the origin of a file, to be written before the context ends.

        ``target`` is the file for the features, beside which a long extraction keeps its unfinished
        store; ``tell`` is called with the work that is done.
        """


class ArrayExtractor:
    """The extractor of arrays that are features already: (frames, columns), without times.

    ``transposed`` arrays are (columns, frames).
    """

    stage = "Reading the recordings"
    folders = ("features",)
    cores = 1

    def __init__(self, transposed: bool = False) -> None:
        self.transposed = transposed
        self.identity: dict[str, Any] = {"kind": "features"}
        if transposed:
            self.identity["transposed"] = True

    def fingerprint(self, path: Path) -> str:
        """Return the file's size and time of change."""
        status = require_file(path)
        return f"{status.st_size}-{status.st_mtime_ns}"

    def look(self, path: Path) -> Look:
        """Look at the number of columns."""
        return Look("features", (f"{FeatureFile(path, self.transposed).shape[1]} columns",))

    def length(self, path: Path) -> float:
        """Return 1: recordings are counted."""
        return 1

    @contextmanager
    def features(
        self, path: Path, target: Path, tell: Callable[[float], None]
    ) -> Iterator[tuple[Arrays, Origin]]:
        """Map the array into memory."""
        origin = Origin("features", str(path), self.fingerprint(path), self.identity)
        yield {"features": FeatureFile(path, self.transposed).open()}, origin


def of_tables(
    inputs: Sequence[Input],
    root: Path | None,
    settings: SeriesSettings,
    progress: Progress,
    expected: dict[str, Any] | None,
    shared_with: Sequence[Input],
) -> tuple[list[Extractor], dict[str, str], dict[str, list[str]]]:
    """Look at all recordings for the columns that they share.

    Returned are the extractor of each input, why recordings do not go with the others, and remarks.
    """
    from asot.inputs.series.extraction import SeriesExtractor

    if not settings.transposed:
        _warn_of_transposed(inputs)
    partly = expected is not None
    arrays = ArrayExtractor(settings.transposed)
    signals = SeriesExtractor(settings, partly=partly)

    def is_ready(path: Path) -> bool:
        """Tell an array that holds features already, as its rows have no rate."""
        return settings.rate is None and path.suffix.lower() in ARRAYS

    paths = {one.name: one.path for one in (*inputs, *shared_with)}
    jobs = [
        (Input(name, path), arrays if is_ready(path) else signals)
        for name, path in sorted(paths.items())
    ]
    if expected is not None:
        for _, taken in jobs:
            require_expected(taken.identity, expected)
    found, failed = dict[str, Look](), dict[str, str]()
    for done, (name, look) in enumerate(_looks(jobs, root), start=1):
        if isinstance(look, Look):
            found[name] = look
        elif look is not None:
            failed[name] = look
        progress("Comparing the recordings", done, len(paths))
    looks = {name: found[name] for name in sorted(found)}
    agreement = Agreement(())
    if looks:
        agreement = agree(looks, signals.manner, expected)
        failed |= {name: str(FileError.at(paths[name], why)) for name, why in agreement.odd.items()}
        signals = SeriesExtractor(settings, agreement.columns, partly)
    extractors: list[Extractor] = [arrays if is_ready(one.path) else signals for one in inputs]
    if root is not None:
        for one in inputs:
            if one.name in agreement.odd:
                remove(origin_path(root, one.name))  # earlier features do not fit
    return extractors, failed, agreement.remarks


def _warn_of_transposed(inputs: Sequence[Input]) -> None:
    """Warn of arrays whose rows look like columns."""
    shapes = []
    for one in inputs:
        if one.path.suffix.lower() in ARRAYS:
            # What cannot be opened is listed by whoever reads it.
            with suppress(DataError):
                shapes.append(FeatureFile(one.path).shape)
    hint = transposed_hint(shapes, "--transposed true")
    if hint is not None:
        logger.warning("%s: %s.", inputs[0].path.parent, hint)


def _looks(
    jobs: Sequence[tuple[Input, ArrayExtractor | SeriesExtractor]], root: Path | None
) -> Iterator[tuple[str, Look | str | None]]:
    """Look at recordings, or recall how they looked when their features were made.

    Each comes with its name, or with why it cannot be used, in any order; None is what whoever
    makes features tells, such as a fault of the machine.
    """
    new = []
    for one, extractor in jobs:
        recalled = None if root is None else _recall(one, extractor, root)
        if recalled is None:
            new.append((one, extractor))
        else:
            yield one.name, recalled
    workers, seconds = Workers(), table_seconds([one.path for one, _ in new])
    workers.ahead(len(new), 2 * seconds, jobs[0])  # features are made of them next
    for (one, _), look in workers.run(_look, new, seconds=seconds):
        yield one.name, None if isinstance(look, Died) else look


def _recall(one: Input, extractor: ArrayExtractor | SeriesExtractor, root: Path) -> Look | None:
    """Return how a recording looked when its features were made, if there are any of it."""
    origin = finished(one, extractor, root)
    if origin is None or "found" not in origin.media:
        return None
    try:
        same = is_of(origin, one.path, extractor)
    except DataError:
        same = True  # on a disk that is away for a moment
    return Look(origin.kind, tuple(origin.media["found"]), origin.media["rate"]) if same else None


def _look(job: tuple[Input, ArrayExtractor | SeriesExtractor]) -> Look | str | None:
    """Look at a recording, or tell why it cannot be used."""
    one, extractor = job
    try:
        with suppress(PassingError), blame(one.path):
            return extractor.look(one.path)
    except DataError as error:
        return str(error)
    finally:
        release(one.path, ROOM)
    return None


def table_seconds(paths: Sequence[Path]) -> float:
    """Return about how long reading takes on one core, or 0 where other processes cannot do it."""
    if any(map(is_of_this_process, paths)):
        return 0.0
    return BYTE_S * sum(file_size(path) for path in paths if path.exists())


def require_expected(identity: dict[str, Any], expected: dict[str, Any]) -> None:
    """Refuse an extractor whose features the model cannot use, as far as its identity shows."""
    logs = [one.get("name") == "series" for one in (expected, identity)]
    if logs[0] != logs[1]:
        kinds = ("videos or features", "sensor logs or poses")
        message = f"The model was trained on {kinds[logs[0]]}, and cannot be used for"
        raise ConfigurationError(f"{message} {kinds[logs[1]]}.")
    known = {key: expected.get(key) for key in identity}
    difference = first_difference(known, json.loads(json.dumps(identity)))
    if difference is not None:
        raise ConfigurationError(
            f"The model was trained on features that were made in another way ({difference}): "
            "give the options that they were made with."
        )


def require_same_settings(
    inputs: Sequence[Input], extractors: Sequence[Extractor], root: Path
) -> None:
    """Refuse to replace features of the same files that took other settings: they took hours."""
    for one, extractor in zip(inputs, extractors, strict=True):
        path = origin_path(root, one.name)
        with suppress(DataError):
            origin = read_origin(path)
            asked = json.loads(json.dumps(extractor.identity))
            # Columns follow from the other recordings, and versions from ours.
            asked = {key: asked[key] for key in asked if key not in ("columns", "version")}
            made = {key: None if origin is None else origin.extractor.get(key) for key in asked}
            difference = first_difference(made, asked)
            if origin is None or difference is None:
                continue
            if extractor.fingerprint(one.path) == origin.fingerprint:
                break
    else:
        return
    raise ConfigurationError(
        f"{root} holds features of {one.name} that were made in another way ({difference}): choose "
        "another --out, or remove them.",
        file=root,
    )


def finished(one: Input, extractor: Extractor, root: Path) -> Origin | None:
    """Return the origin of whole features made with the extractor's identity, or None."""
    try:
        origin = read_origin(origin_path(root, one.name))
    except DataError:
        return None
    whole = all((root / part / f"{one.name}.npy").is_file() for part in extractor.folders)
    identity = json.loads(json.dumps(extractor.identity))
    same = origin is not None and identity.items() <= origin.extractor.items()
    return origin if whole and same else None


def is_of(origin: Origin, path: Path, extractor: Extractor) -> bool:
    """Tell whether features are of a file's present content; of one in a store without a look."""
    known = version(path)
    same = known is not None and origin.media.get("version") == known
    return same or origin.fingerprint == extractor.fingerprint(path)
