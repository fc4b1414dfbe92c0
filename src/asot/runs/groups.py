"""The table of groups that people write: a row a recording, with its group and further columns."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from asot.errors import FileError
from asot.export.spreadsheets import records
from asot.files import read_text
from asot.groups.design import FEWEST, Design
from asot.text import as_label, listing, plural, quote

logger = logging.getLogger(__name__)

RECORDING = ("recording", "name", "file", "video")  # what its column may be called
# Columns that may say that several recordings are of one subject.
SUBJECTS = ("subject", "animal", "participant", "individual", "person", "mouse", "rat", "infant")


def read_groups(
    path: Path, recordings: Sequence[str], options: Design, taken: Iterable[str]
) -> Design:
    """Read the group and the further columns of each recording, and check that groups compare.

    ``options`` say which columns are the group and the subject, and ``taken`` are names that no
    further column may have. A recording with an empty group is left out of the comparison.
    """
    header, rows = _read(path)
    column = next((one for name in RECORDING for one in header if one.casefold() == name), None)
    if column is None:
        rule = "the header must have a column recording and a column with the group"
        raise FileError.at(path, f"{rule}, but it has {listing(header, 9)}", 1)
    group = _column(path, header, options.group, "--group_column")
    subject = options.subject and _column(
        path, header, options.subject, "--paired" if options.paired else "--subject"
    )
    others = [one for one in header if one != column]
    clash = [one for one in others if one in set(taken) - {"group"}]
    if clash:
        message = f"has a column {clash[0]!r}, as the tables have: give it another name"
        raise FileError.at(path, message, 1)
    known = {as_label(one): one for one in recordings}
    columns: dict[str, dict[str, str]] = {}
    for line, cells in rows:
        said = dict(zip(header, cells, strict=True))
        file = re.split(r"[/\\]", said[column])[-1]
        forms = (said[column], file, file.rpartition(".")[0])
        name = next((known[one] for one in forms if one in known), None)
        if name is None:
            close = get_close_matches(said[column], recordings, 1)
            hint = f"is {close[0]!r} meant" if close else f"there are {listing(recordings)}"
            raise FileError.at(
                path, f"{quote(said[column])} is not a recording of these results: {hint}", line
            )
        if name in columns:
            raise FileError.at(path, f"names {name!r} twice: give each recording one row", line)
        columns[name] = {one: said[one] for one in others}
    missing = [one for one in recordings if one not in columns]
    if missing:
        cure = "give each a row, with an empty group where it is to be left out"
        raise FileError.at(path, f"has no row for {listing(missing)}: {cure}")
    design = replace(options, columns=columns, group=group, subject=subject)
    _check(path, design)
    return design


def _read(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header and the rows of a table, each with its line; empty lines are left out."""
    text = read_text(path, western=True)
    first = text.lstrip().splitlines()[0]
    delimiter = max(",;\t|", key=first.count)
    lines = [
        (line, [as_label(cell) for cell in cells])
        for line, cells in records(path, text, delimiter)
        if any(cell.strip() for cell in cells)
    ]
    (_, header), *rows = lines
    twice = [one for one, count in Counter(header).items() if count > 1]
    if twice:
        raise FileError.at(path, f"has two columns {twice[0]!r}: give each a name of its own", 1)
    for line, cells in rows:
        if len(cells) != len(header):
            counts = f"{plural(len(header), 'cell')}, as the header, but has {len(cells)}"
            raise FileError.at(path, f"the row must have {counts}", line)
    return header, rows


def _column(path: Path, header: Sequence[str], wanted: str, option: str) -> str:
    found = [one for one in header if one.casefold() == as_label(wanted).casefold()]
    if not found:
        message = f"has no column {wanted!r}, but {listing(header, 9)}: name one with {option}"
        raise FileError.at(path, message, 1)
    return found[0]


def _check(path: Path, design: Design) -> None:
    """Refuse groups that nothing can be said of, and say what may be wrong with others."""
    units: dict[str, set[str]] = {one: set() for one in design.groups}
    for recording, said in design.columns.items():
        if design.group_of(recording):
            unit = design.unit_of(recording)
            if not unit:
                cure = f"fill in {design.subject!r}, or leave its group empty"
                raise FileError.at(path, f"{recording!r} has no subject: {cure}")
            units[said[design.group]].add(unit)
    if len(units) < 2:
        only = f"one group, {next(iter(units))!r}" if units else "no group"
        cure = "there must be two or more, or choose another column with --group_column"
        raise FileError.at(path, f"has {only} in the column {design.group!r}: {cure}")
    if design.paired:
        both = set.intersection(*units.values())
        others = sorted(set.union(*units.values()) - both)
        if len(both) < FEWEST:
            message = f"has {plural(len(both), 'subject')} in each of the groups"
            cure = f"paired groups need {FEWEST} or more, others go with --subject"
            raise FileError.at(path, f"{message} {listing(list(units))}; {cure}")
        if others:
            message = (
                "%s lack a recording in one of the groups, and are left out of the comparison."
            )
            logger.warning(message, listing(others))
        return
    for group, own in units.items():
        if len(own) < FEWEST:
            message = f"has the group {group!r} with a single {design.unit}, {min(own)!r}"
            cure = f"a group needs {FEWEST} or more: add some, or leave the group empty"
            raise FileError.at(path, f"{message}; {cure}")
    if design.subject:
        _refuse_shared(path, design.subject, units)
        return
    for name in SUBJECTS:
        for column in {one: None for said in design.columns.values() for one in said}:
            if column.casefold() == name and column != design.group:
                subjects = [said[column] for said in design.columns.values() if said[column]]
                if len(set(subjects)) < len(subjects):
                    logger.warning(
                        "Recordings of one %s are not independent of each other, and make "
                        "differences look surer than they are: let each %s count once with "
                        "--subject %s (or --paired %s, where each is in all groups).",
                        *[column] * 4,
                    )


def _refuse_shared(path: Path, column: str, units: Mapping[str, set[str]]) -> None:
    homes: dict[str, str] = {}
    for group, own in units.items():
        for unit in sorted(own):
            if unit in homes:
                message = f"has the subject {unit!r} in the groups {homes[unit]!r} and {group!r}"
                cure = f"compare groups of the same subjects with --paired {column}"
                raise FileError.at(path, f"{message}: {cure}")
            homes[unit] = group
