"""Files: written so that a reader never sees half of one, and looked at before they are opened."""

from __future__ import annotations

import codecs
import csv
import errno
import hashlib
import io
import json
import logging
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from asot.errors import FileError, unreadable
from asot.remote import fetch, file_size, read_parts, removed, store, told
from asot.text import as_cell, listing

logger = logging.getLogger(__name__)

# Errors of the system where a disk takes no more, or a file may not grow.
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# The bytes of a block and the blocks of a large file that its fingerprint reads.
_BLOCK, _BLOCKS = 1 << 20, 8
# Contents of more bytes are likely to be none where they take so many times fewer on the disk.
MANY, TIMES = 3 << 27, 200


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that replaces ``path`` when the block succeeds.

    Parameters
    ----------
    path : path-like
        The file to write; its folder is made if it is missing.

    Yields
    ------
    Path
        A path in the same folder, with the same suffix. If the block raises, it is removed and
        ``path`` stays as it was. After a loss of power ``path`` is the old file or the new one, and
        the new one where a later one is new.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "notes.txt"
    >>> with atomic_path(target) as temporary:
    ...     _ = temporary.write_text("done")
    >>> target.read_text()
    'done'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Named before it is made, so that an interruption in between leaves nothing.
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        temporary.touch(exist_ok=False)
        yield temporary
        # Else a loss of power may leave the new name with nothing in it.
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        put(temporary, path)
    except OSError as error:
        # Where the disk is full, the system names no file.
        if error.errno is not None and error.filename in (None, str(temporary), temporary):
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a file, if it is there; from the store first where its folder stands for a URL."""
    if os.path.lexists(path):
        removed(path)
        path.unlink(missing_ok=True)


def put(made: Path, path: Path) -> None:
    """Give what is finished, and on the disk, its name; what had that name before is replaced."""
    os.replace(made, path)  # noqa: PTH105 - the atomic rename is the point
    sync_folder(path.parent)
    store(path)


def sync_folder(folder: Path) -> None:
    """Have the disk keep which files a folder holds, before anything is built on it.

    Else a loss of power may undo the last renames and removals, and some of them alone.
    """
    # Windows opens no folders, and some network disks cannot do it.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` to ``path`` in UTF-8, atomically; line ends stay as they are.

    What lies in a store is named by its URL.
    """
    with atomic_path(path) as temporary:
        # Nothing becomes of the ends of lines on Windows, where CSV would get empty lines.
        temporary.write_text(told(text), encoding="utf-8", newline="")


def write_rows(path: str | os.PathLike[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write rows of cells as CSV, atomically; no text is a formula for a spreadsheet."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    for row in rows:
        writer.writerow([as_cell(cell) if isinstance(cell, str) else cell for cell in row])
    write_text(path, stream.getvalue())


def write_json(path: str | os.PathLike[str], values: Any) -> None:
    """Write plain values to ``path`` as indented JSON in UTF-8, atomically."""
    write_text(path, json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def write_array(path: str | os.PathLike[str], array: Any) -> None:
    """Write an array of numbers to a ``.npy`` file, atomically."""
    with atomic_path(path) as temporary:
        save_array(temporary, array)


def save_array(path: Path, array: Any) -> None:
    """Write an array of numbers to a ``.npy`` file.

    Raises
    ------
    OSError
        Also where the disk is full: ``numpy.save`` by itself takes a cut file for a written one.
    """
    import numpy as np

    with path.open("wb") as stream:
        np.save(_OnlyWrite(stream), array, allow_pickle=False)


def read_text(path: Path, western: bool = False) -> str:
    """Read text in UTF-8, UTF-16 or UTF-32, and leave line ends as they are.

    With ``western`` a text may also be in Windows-1252, as older programs of Windows save it: then
    a remark shows some words, as bytes alone do not tell which encoding was meant.

    Raises
    ------
    FileError
        If the file cannot be read, is empty or is no such text.
    """
    require_file(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    wide = wide_encoding(data)
    for encoding in [wide] if wide else ["utf-8-sig"] + ["cp1252"] * western:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        # Words of other alphabets would be long runs of Western letters.
        guessed = encoding.startswith(("utf-16", "cp"))
        if guessed and re.search("[\x00-\x08\x0e-\x1b\x7f-\x9f\ufffe\uffff]", text):
            continue
        if encoding == "cp1252":
            if re.search("[^\x00-\x7f]{4}", text):
                continue
            words = list(dict.fromkeys(re.findall(r"\w*[^\x00-\x7f]+\w*", text)))
            message = "%s is not UTF-8 text, and was read as Windows-1252, with %s: %s."
            cure = "if that is not what it says, save it as UTF-8"
            logger.warning(message, path, listing(words), cure)
        if not text.strip():
            raise FileError.at(path, "is empty")
        return text
    line = data.decode("utf-8", "replace").partition("\ufffd")[0].count("\n") + 1
    raise FileError.at(path, "is not UTF-8 text: save it as UTF-8", line)


def wide_encoding(head: bytes) -> str | None:
    """Tell UTF-16 and UTF-32 by the first bytes of a text; None for other encodings."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a mark, every second byte of the digits and letters is zero.
    for first, name in ((0, "utf-16-be"), (1, "utf-16-le")):
        empty, full = head[first:4096:2], head[1 - first : 4096 : 2]
        if len(head) > 3 and empty.count(0) > 0.7 * len(empty) and not full.count(0):
            return name
    return None


def read_lines(path: Path, western: bool = False) -> list[str]:
    """Read a text file's lines, stripped, without empty lines at its end.

    An empty line in the middle stays, as ``""``. What the text may be, and what is a FileError, is
    as for :func:`read_text`.
    """
    text = read_text(path, western).replace("\r\n", "\n").replace("\r", "\n")
    return list(map(str.strip, text.rstrip().split("\n")))


def file_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's whole content, as hexadecimal digits."""
    digest, path = hashlib.sha256(), Path(path)
    fetch(path)
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def fingerprint(path: Path) -> str:
    """Hash the content of a file, to recognise it by another name or date.

    The hash is the SHA-256 of the size and of eight blocks of a megabyte, at even distances; of the
    whole file up to eight megabytes. So it takes milliseconds for any size, and misses only changes
    that keep the size and fall between the blocks, which recoding, cutting and copying do not make.
    """
    try:
        size = file_size(path)
        last = max(0, size - _BLOCK)
        whole = size <= _BLOCK * _BLOCKS
        starts = [n * _BLOCK if whole else last * n // (_BLOCKS - 1) for n in range(_BLOCKS)]
        parts = read_parts(path, [(start, _BLOCK) for start in starts])
    except OSError as error:
        raise FileError.at(path, unreadable(error)) from error
    digest = hashlib.sha256(f"{size}:".encode())
    for part in parts:
        digest.update(part)
    return f"sha256:{digest.hexdigest()}"


class _OnlyWrite:
    """A file that NumPy cannot tell for one, so that it goes through ``write``, which raises."""

    def __init__(self, stream: Any) -> None:
        self.write = stream.write


def require_file(path: Path, away: bool = False) -> os.stat_result:
    """Look at a file before opening it.

    A named pipe would block a reader for ever, so only regular files pass. One that lies in a store
    is fetched, unless it may stay ``away``.

    Raises
    ------
    FileError
        If it is missing, a broken link, a folder or a device, cannot be looked at, or is a large
        file of next to nothing: a gap takes no room on the disk, but all memory that there is.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        what = "is a broken symbolic link" if path.is_symlink() else "does not exist"
        raise FileError.at(path, what) from None
    except (OSError, ValueError) as error:
        raise FileError.at(path, unreadable(error)) from error
    if not stat.S_ISREG(found.st_mode):
        what = "is a folder" if stat.S_ISDIR(found.st_mode) else "is not a regular file"
        raise FileError.at(path, f"{what} where a file is expected")
    if not found.st_size and not away:
        fetch(path)
        found = path.stat()
    if found.st_size > MANY and _hollow(path, found):
        what = f"announces {found.st_size / 1e9:,.1f} GB and holds next to nothing"
        raise FileError.at(path, f"{what}: it is damaged, or was not copied to its end")
    return found


def _hollow(path: Path, found: os.stat_result) -> bool:
    """Tell whether nearly all of a file is a gap, as far as the system knows of gaps."""
    taken = 512 * getattr(found, "st_blocks", found.st_size)
    if taken * TIMES > found.st_size or not hasattr(os, "SEEK_HOLE"):
        return False
    try:
        with path.open("rb") as stream:
            return os.lseek(stream.fileno(), 0, os.SEEK_HOLE) < found.st_size
    except OSError:
        return False
