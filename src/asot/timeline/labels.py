"""Labels of frames as text, one a line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from asot.errors import FileError
from asot.files import read_lines
from asot.text import as_label, is_control, quote

_NUMBERED = re.compile(r"(\d+(?:[.,]\d+)?)[\s,;:]+\S")


def read_labels(path: Path) -> list[str]:
    """Read labels, one a line and frame; a FileError where numbers of the lines stand before them.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tea"
    >>> _ = path.write_text("boil\\r\\nboil \\r\\npour  milk\\r\\n", newline="")
    >>> read_labels(path)
    ['boil', 'boil', 'pour milk']
    """
    lines = read_lines(path, western=True)
    distinct = dict.fromkeys(lines)
    numbered = [_NUMBERED.match(line) for line in lines] if len(distinct) == len(lines) else [None]
    if len(lines) > 2 and all(numbered):
        numbers = np.array([float(found[1].replace(",", ".")) for found in numbered if found])
        if (np.diff(numbers) > 0).all():
            message = f"has a number before each label, as in {quote(lines[0])}: keep the labels"
            raise FileError.at(path, f"{message} alone, or name the columns of a table", 1)
    labels = {line: as_label(line) for line in distinct}
    wrong = next((line for line, one in labels.items() if any(map(is_control, one))), None)
    if wrong is not None:
        message = f"label {quote(wrong)} holds a control character: name the action in letters"
        raise FileError.at(path, message, lines.index(wrong) + 1)
    return list(map(labels.__getitem__, lines))
