"""Reading text that people saved, from whichever program."""

from __future__ import annotations

from pathlib import Path

from asot.errors import DataError


def read_text(path: Path) -> str:
    r"""Read text in UTF-8, or in UTF-16 with its mark, line ends as they are.

    Raises
    ------
    DataError
        If the file cannot be read, is blank or is other text.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "table.csv"
    >>> _ = path.write_bytes("boil\r\n".encode("utf-16"))
    >>> read_text(path)
    'boil\r\n'
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"'{path}' is not text in UTF-8: save it as UTF-8.") from error
    if not text.strip():
        raise DataError(f"'{path}' is empty.")
    return text
