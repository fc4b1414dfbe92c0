"""Dataset folders in the layout of the action-segmentation benchmarks."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from asot.data.features import FeatureFile
from asot.data.labels import ClassTable, GroundTruthFile, read_mapping
from asot.data.layout import compile_pattern, is_folder, scan
from asot.data.recordings import Recording, Recordings
from asot.errors import ArgumentError, DataError, FileError
from asot.text import listing

logger = logging.getLogger(__name__)


class DatasetFolder:
    """A data set on disk: features, and where there are any ground truth and mapping.

    ::

        root/features/[<activity>/]<recording>.npy|.txt   (N, D), one row a frame
        root/groundTruth/<recording>[.txt]                one action name a line, N lines
        root/mapping/mapping.txt                          "<id> <action name>" a line
        root/times/<recording>.npy, root/origins/<recording>.json       see ``asot.data.origin``

    The features make the recordings; where both exist, ``.npy`` is read and not ``.txt``. Hidden
    files are ignored. Without a mapping, ids 0, 1, ... go to the sorted names of all ground truth.
    Names of files and the mapping are looked at when the folder is opened; contents when they are
    first used. :func:`asot.data.check_dataset` reads everything and lists all that is wrong.

    Parameters
    ----------
    root : path-like
        The folder that holds ``features/``.
    mapping : path-like, optional
        A file in ``mapping/`` to use in place of ``mapping.txt``.
    activity_pattern : str, optional
        A regular expression with one group, searched in a recording's name: the activity, such as
        ``_([^_]+)$`` for Breakfast and ``^(.+)_[^_]+$`` for YouTube Instructions. By default, the
        sub-folder of ``features/``.
    frame_rate : float, optional
        Frames per second.

    Raises
    ------
    ArgumentError
        If the pattern or the frame rate cannot be used.
    DataError
        If there is no features file, a recording's name comes twice or does not match the
        pattern, or the mapping is malformed.

    Examples
    --------
    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "features").mkdir()
    >>> np.save(root / "features" / "P03_coffee.npy", np.zeros((4, 2), np.float32))
    >>> data = DatasetFolder(root, activity_pattern="_([^_]+)$")
    >>> data.activities, data.recordings("coffee")[0].n_frames
    (('coffee',), 4)
    """

    def __init__(
        self,
        root: str | Path,
        mapping: str | Path | None = None,
        activity_pattern: str | None = None,
        frame_rate: float | None = None,
    ) -> None:
        if frame_rate is not None and not (np.isfinite(frame_rate) and frame_rate > 0):
            raise ArgumentError(f"frame_rate must be positive, got {frame_rate}.")
        self.root = Path(root)
        layout = scan(self.root, mapping, compile_pattern(activity_pattern))
        errors = [problem for problem in layout.problems if problem.severity == "error"]
        if errors:
            raise FileError.of(errors)
        files = [entry.ground_truth for entry in layout.entries if entry.ground_truth is not None]
        ids = None if layout.mapping is None else read_mapping(layout.mapping)
        self._classes = ClassTable(ids, layout.mapping, files)
        self._recordings = Recordings(
            Recording(
                entry.name,
                FeatureFile(entry.features),
                ground_truth=None
                if entry.ground_truth is None
                else GroundTruthFile(entry.ground_truth, self._classes),
                activity=entry.activity,
                frame_rate=frame_rate,
                times=entry.times,
                origin=entry.origin,
            )
            for entry in layout.entries
        )

    @property
    def class_names(self) -> dict[int, str] | None:
        """Class id to action name; None when there is neither a mapping nor ground truth."""
        return self._classes.names

    @property
    def activities(self) -> tuple[str, ...]:
        """The activities found, sorted; empty when recordings have none."""
        return tuple(sorted({name for name in self._recordings.activities if name is not None}))

    def recordings(self, activity: str | None = None) -> Recordings:
        """Give the recordings, sorted by activity folder and name.

        Parameters
        ----------
        activity : str, optional
            Only those of this activity.

        Raises
        ------
        ArgumentError
            If there is no such activity.
        """
        if activity is None:
            return self._recordings
        if activity not in self.activities:
            known = listing(self.activities, 20) or "none"
            raise ArgumentError(
                f"activity must be one of those in {self.root}: {known}; got {activity!r}."
            )
        return self._recordings[[name == activity for name in self._recordings.activities]]

    def __repr__(self) -> str:
        return f"<DatasetFolder {str(self.root)!r}: {len(self._recordings)} recordings>"


def find_dataset(data_dir: str | Path, dataset: str | None = None) -> Path:
    """Find the folder that holds ``features/``.

    Parameters
    ----------
    data_dir : path-like
        The dataset folder itself, or a folder of dataset folders.
    dataset : str, optional
        The name of the sub-folder to take.

    Returns
    -------
    Path
        ``data_dir`` if it holds ``features/``; else ``data_dir/dataset``; else the only
        sub-folder that holds ``features/``.

    Raises
    ------
    DataError
        If none of the three is there; the message lists what is.

    Examples
    --------
    >>> import tempfile
    >>> data = Path(tempfile.mkdtemp())
    >>> (data / "Breakfast" / "features").mkdir(parents=True)
    >>> find_dataset(data).name
    'Breakfast'
    """
    data_dir = Path(data_dir)
    if is_folder(data_dir / "features"):
        return data_dir
    if dataset is not None and is_folder(data_dir / dataset / "features"):
        return data_dir / dataset
    try:
        names = sorted(path.name for path in data_dir.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{data_dir} cannot be read: {error.strerror}.") from error
    found = [name for name in names if is_folder(data_dir / name / "features")]
    if len(found) == 1:
        if dataset is not None:
            logger.warning("%s holds no %s: using %s", data_dir, dataset, found[0])
        return data_dir / found[0]
    if found:
        raise DataError(
            f"{data_dir} holds several data sets, {listing(found, 20)}: name one of them"
            + (f" (there is no {dataset!r})." if dataset is not None else ".")
        )
    raise DataError(
        f"{data_dir} holds no data set: neither it nor a folder in it has a folder 'features'; "
        f"it holds {listing(names, 10) or 'nothing'}."
    )
