"""Ground truth and mapping files: one action name a line, and ``<id> <action name>`` a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asot.data.textfiles import and_more, read_lines
from asot.errors import Defect, FileError
from asot.text import listing, plural, printable, quote

_INT64 = np.iinfo(np.int64)


def read_mapping(path: str | Path) -> dict[str, int]:
    """Read a mapping file: ``<id> <action name>`` a line.

    Several names may have one id, as in the coarser mappings of 50 Salads: they are one class.

    Parameters
    ----------
    path : path-like
        The file. Names may hold spaces, ids may be negative, empty lines are skipped.

    Returns
    -------
    dict of str to int
        Action name to class id, in the file's order.

    Raises
    ------
    FileError
        A :class:`~asot.errors.DataError` that holds every malformed line, and every name that
        comes twice, each with its line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mapping.txt"
    >>> _ = path.write_text("-1 background\\n0 pour milk\\n0 pour coffee\\n")
    >>> read_mapping(path)
    {'background': -1, 'pour milk': 0, 'pour coffee': 0}
    """
    path = Path(path)
    ids: dict[str, int] = {}
    lines: dict[str, int] = {}
    problems: list[Defect] = []
    for number, line in enumerate(read_lines(path), 1):
        if not line:
            continue
        key, *rest = line.split(None, 1)
        class_id = _class_id(key)
        if class_id is None or not rest:
            problems.append(Defect(path, number, f"{quote(line)} is not '<id> <action name>'"))
            continue
        name = rest[0]
        if name in ids:
            message = f"{quote(name)} is already on line {lines[name]}"
            problems.append(Defect(path, number, message))
        else:
            ids[name], lines[name] = class_id, number
    if problems:
        raise FileError.of(problems)
    return ids


def class_names(ids: Mapping[str, int]) -> dict[int, str]:
    """Class id to what it is called: its name, or the first of several and how many more.

    Examples
    --------
    >>> class_names({"cut_cheese": 4, "cut_tomato": 4, "peel": 7})
    {4: 'cut_cheese +1', 7: 'peel'}
    """
    names: dict[int, list[str]] = {}
    for name, class_id in ids.items():
        names.setdefault(class_id, []).append(name)
    return {
        class_id: found[0] if len(found) == 1 else f"{found[0]} +{len(found) - 1}"
        for class_id, found in names.items()
    }


def _class_id(text: str) -> int | None:
    digits = text[1:] if text[:1] in "+-" else text
    # The length is limited because int() of a very long number is slow, or refused.
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
        return None
    value = int(text)
    return value if _INT64.min <= value <= _INT64.max else None


class GroundTruthFile:
    """The frame labels of one recording, in a file with one action name a line.

    Parameters
    ----------
    path : Path
        The file.
    classes : ClassTable
        Where the class ids come from.
    """

    def __init__(self, path: Path, classes: ClassTable) -> None:
        self.path = path
        self._classes = classes

    def read(self) -> NDArray[np.int64]:
        """Read the class ids.

        Returns
        -------
        (N,) int64 array
            One class id a frame.

        Raises
        ------
        FileError
            If the file cannot be read, or holds an empty line or a name that has no id.
        """
        names = read_lines(self.path)
        ids = self._classes.ids
        problems = label_problems(self.path, names, ids, self._classes.source)
        if problems:
            raise FileError.of(problems)
        return np.fromiter((ids[name] for name in names), dtype=np.int64, count=len(names))


class ClassTable:
    """Class ids of action names: those of a mapping file or, without one, of the names found.

    Parameters
    ----------
    mapping : mapping of str to int, or None
        Action name to class id. Without it, ids 0, 1, ... go to the sorted names found in
        ``files``, which are read when the ids are first asked for.
    source : Path or None
        The mapping's file, for messages.
    files : iterable of Path
        The ground-truth files.
    """

    def __init__(
        self, mapping: Mapping[str, int] | None, source: Path | None, files: Iterable[Path]
    ) -> None:
        self.source = source
        self._files = tuple(files)
        self._ids: dict[str, int] | None = None if mapping is None else dict(mapping)

    @property
    def names(self) -> dict[int, str] | None:
        """Class id to action name; None when there is neither a mapping nor ground truth."""
        return class_names(self.ids) if self._files or self._ids is not None else None

    @property
    def ids(self) -> dict[str, int]:
        """Action name to class id."""
        if self._ids is None:
            found = {name for path in self._files for name in read_lines(path)}
            self._ids = {name: i for i, name in enumerate(sorted(found - {""}))}
        return self._ids


def label_problems(
    path: Path, names: list[str], ids: Mapping[str, int], mapping: Path | None
) -> list[Defect]:
    """Find the empty lines and the unknown names among a recording's labels.

    Parameters
    ----------
    path : Path
        The ground-truth file, for the messages.
    names : list of str
        Its lines.
    ids : mapping of str to int
        The known action names.
    mapping : Path or None
        The mapping's file, for the messages.

    Returns
    -------
    list of Defect
        One for each unknown name, at its first line; past five names, one for all the others.
    """
    lines: dict[str, list[int]] = {}
    for number, name in enumerate(names, 1):
        if not name or name not in ids:
            lines.setdefault(name, []).append(number)
    problems = []
    if "" in lines:
        empty = lines.pop("")
        problems.append(Defect(path, empty[0], "is empty" + and_more(len(empty))))
    unknown = list(lines)
    where = (
        f"not in {printable(mapping.name)}"
        if mapping is not None
        else "not among the known actions"
    )
    for name in unknown[:5]:
        message = f"label {quote(name)} is {where}{and_more(len(lines[name]))}"
        problems.append(Defect(path, lines[name][0], message))
    if unknown[5:]:
        message = f"{plural(len(unknown) - 5, 'more label')} {where}: {listing(unknown[5:])}"
        problems.append(Defect(path, lines[unknown[5]][0], message))
    return problems
