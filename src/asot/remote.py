"""Folders of a store (``s3://``, ``gs://``, ``https://``) as local folders that mirror them.

A URL becomes a folder in the cache, ``CACHE/remote/s3/bucket/folder``, in which everything is read
and written as in any other. A large file is there as an empty one until somebody opens it, which
fetches it. A file that is written, see :func:`asot.files.atomic_path`, is in the store before the
work goes on, so that what marks finished work comes last there too; and the store alone decides
what is finished, on whatever machine the same command goes on. From the store goes only what
:func:`asot.files.remove` and its like remove, never what is merely missing here. A file has the
time of change that it has in the store, in whole seconds: one that has another is not the same.

In files of ours the URL stands where the local path stood, so that any machine can read them. User
names, passwords and queries of a URL are in neither.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from asot.errors import AsotError, ConfigurationError
from asot.locks import lock
from asot.stores import (
    AT_ONCE,
    WEB,
    Version,
    list_files,
    open_store,
    shown,
    split_url,
    tried,
    version_of,
)

Job = TypeVar("Job")
Result = TypeVar("Result")

SMALL = 1 << 16  # bytes of files that are fetched at once
ROOM = 10 << 30  # bytes of recordings that may be kept for the next look at them
_OPEN = "ASOT_MIRRORS"  # JSON: the URL by local place; in the environment, for processes of ours

# What this process knows to lie in the stores, by the local path.
_known: dict[str, Version] = {}
_fetched: dict[str, int] = {}  # the bytes of large files that were fetched


def cache_folder() -> Path | None:
    """Return ``$ASOT_CACHE``, ``$XDG_CACHE_HOME/asot`` or ``~/.cache/asot``; None if unknown."""
    if os.environ.get("ASOT_CACHE"):
        return Path(os.environ["ASOT_CACHE"])
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]) / "asot"
    try:
        return Path.home() / ".cache" / "asot"
    except RuntimeError:
        return None


@contextmanager
def mirrored(*urls: str) -> Iterator[list[Path]]:
    """Yield local paths that stand for URLs; at the end the store holds what was written there.

    ``file://`` is the path itself. What lies in the store is listed, and small files are fetched.
    A file that is missing here at the end stays there: :func:`asot.files.remove` removes both.
    Where the block raises, what was written before is stored all the same, as far as possible.

    Raises
    ------
    ConfigurationError
        If there is no such store, or a URL is malformed.
    MissingExtraError
        If the library for the store is not installed.
    FileError
        If the store refuses to be read.
    UnfinishedError
        If the store cannot be reached for some minutes.

    Examples
    --------
    >>> with mirrored("file:///tmp") as [folder]:
    ...     folder.as_posix()
    '/tmp'
    """
    before = os.environ.get(_OPEN)
    with ExitStack() as stack:
        stack.callback(_restore, before)
        paths = [_open(url, stack) for url in urls]
        try:
            yield paths
        except BaseException:
            with suppress(AsotError, OSError):
                _finish()
            raise
        _finish()


def url_of(path: str | os.PathLike[str]) -> str | None:
    """Return the URL for which a local path stands, without credentials; None where for none."""
    name = os.fspath(path)
    said = told(name)
    return None if said == name else said


def told(text: str) -> str:
    """Put URLs in a text in place of the local paths that stand for them.

    Examples
    --------
    >>> told(f"{_root() / 's3' / 'bucket' / 'tea.csv'} is empty")
    's3://bucket/tea.csv is empty'
    """
    if "remote" not in text or cache_folder() is None:
        return text
    place, stroke = re.escape(str(_root()) + os.sep), re.escape(os.sep)
    return re.sub(rf"(?:file://)?{place}([a-z][a-z0-9+.-]*){stroke}", r"\1://", text)


def localised(content: bytes) -> bytes:
    """Put local paths in JSON in place of all strings that are URLs; see :func:`told`."""
    if b"://" not in content or cache_folder() is None:
        return content

    def local(found: re.Match[bytes]) -> bytes:
        scheme, rest = found[1].decode(), found[2].decode("utf-8", "replace")
        if scheme == "file" or ".." in rest.split("/"):
            return found[0]
        return json.dumps(str(_root() / scheme / rest), ensure_ascii=False).encode()

    return re.sub(rb'"([a-z][a-z0-9+.-]*)://([^"\\]+)"', local, content)


def is_away(path: Path) -> bool:
    """Tell whether a file is in a store, and was not fetched yet."""
    if _place(path) is None or not path.is_file():
        return False
    return not path.stat().st_size and _known.get(str(path), (-1, 0))[0] != 0


def fetch(path: Path) -> None:
    """Fetch a file that is away, and leave others as they are."""
    if not is_away(path):
        return
    system, name = _where(path)
    known, part = _known.get(str(path)), _part(path)

    def get() -> None:
        system.get_file(name, str(part))
        if known is not None and known[0] not in (-1, part.stat().st_size):
            raise ConnectionError("the connection ended in the middle of the file")

    try:
        tried(get, told(str(path)), "read")
        size, when = part.stat().st_size, path.stat().st_mtime_ns
        os.utime(part, ns=(when, when))
        os.replace(part, path)  # noqa: PTH105 - atomic, as other processes may do the same
    finally:
        part.unlink(missing_ok=True)
    _known[str(path)] = size, when
    if size > SMALL:
        _fetched[str(path)] = size


def renew(path: Path) -> None:
    """Bring a file to what the store holds by now, as processes on other machines write it too."""
    if _place(path) is None:
        return
    system, name = _where(path)

    def look() -> Version | None:
        system.invalidate_cache()
        with suppress(FileNotFoundError):
            return version_of(system.info(name))
        return None

    found = tried(look, told(str(path)), "read")
    if found is not None and (found != _known.get(str(path)) or not path.is_file()):
        _known[str(path)] = found
        _stand_in(path, found[1])
    fetch(path)


@contextmanager
def fetched(path: Path) -> Iterator[None]:
    """Fetch a file that is away for the time of the block."""
    fetch(path)
    try:
        yield
    finally:
        release(path)


def release(path: Path, room: int = 0) -> None:
    """Remove the local copy of a file that was fetched, if all that were exceed the ``room``."""
    if sum(_fetched.values()) > room and _fetched.pop(str(path), None) is not None:
        _stand_in(path, path.stat().st_mtime_ns)


def read_parts(path: Path, spans: Sequence[tuple[int, int]]) -> list[bytes]:
    """Read parts of a file, each from a byte on and so many; of one that is away only these."""
    if is_away(path):
        size = file_size(path)
        ends = [(start, max(start, min(start + many, size))) for start, many in spans]
        system, name = _where(path)
        parts = [
            tried(partial(system.cat_file, name, start=start, end=end), told(str(path)), "read")
            if start < end
            else b""
            for start, end in ends
        ]
        # Servers may send the whole file instead.
        if [len(one) for one in parts] == [end - start for start, end in ends]:
            return parts
        fetch(path)
    parts = []
    with path.open("rb") as stream:
        for start, many in spans:
            stream.seek(start)
            parts.append(stream.read(many))
    return parts


def file_size(path: Path) -> int:
    """Return the bytes of a file, wherever it is."""
    if not is_away(path):
        return path.stat().st_size
    if str(path) not in _known:
        system, name = _where(path)
        info = tried(lambda: system.info(name), told(str(path)), "read")
        _known[str(path)] = version_of(info)
    if _known[str(path)][0] < 0:
        fetch(path)
    return _known[str(path)][0]


def version(path: Path) -> str | None:
    """Return what tells the content of a file in a store from any other; None where unknown."""
    when = path.stat().st_mtime_ns // 10**9 if _place(path) and path.is_file() else 0
    return f"{file_size(path)}-{when}" if when else None


def is_of_this_process(path: Path) -> bool:
    """Tell whether a file lies in a store that other processes do not see."""
    return _place(path) is not None and path.relative_to(_root()).parts[0] == "memory"


def store(path: Path) -> None:
    """Store a file that was written, if it lies in a folder that stands for a URL."""
    if not _is_stored(path):
        return
    _refuse_web(path)
    system, name = _where(path)
    tried(lambda: system.put_file(str(path), name), told(str(path)), "written")
    info = tried(lambda: system.info(name), told(str(path)), "written")
    size, when = version_of(info)
    os.utime(path, ns=(when, when))
    _known[str(path)] = size, when
    _fetched.pop(str(path), None)


def removed(path: Path) -> None:
    """Remove a file from the store as well, if it lies in a folder that stands for a URL."""
    if not _is_stored(path):
        return
    system, name = _where(path)

    def remove() -> None:
        with suppress(FileNotFoundError):
            system.rm_file(name)

    tried(remove, told(str(path)), "removed")
    _known.pop(str(path), None)


def require_writable(folder: Path) -> None:
    """Refuse a folder that stands for a URL where nothing can be written, before any work."""
    if _place(folder) is None:
        return
    _refuse_web(folder)
    system, name = _where(folder)
    name = f"{name.rstrip('/')}/.asot"
    tried(lambda: system.pipe_file(name, b""), told(str(folder)), "written")
    with suppress(Exception):  # some may write, and not remove
        system.rm_file(name)


def _refuse_web(path: Path) -> None:
    if path.relative_to(_root()).parts[0] in WEB:
        message = f"{told(str(path))} cannot be written: use s3://, gs:// or a local folder."
        raise ConfigurationError(message, file=path)


def carried(function: Callable[[Job], Result]) -> Callable[[Job], Result]:
    """Return a function that knows what URLs stand for, wherever the cache is the same folder."""
    opened = os.environ.get(_OPEN)
    return function if opened is None else partial(_carried, function, opened, str(cache_folder()))


def _carried(function: Callable[[Job], Result], opened: str, cache: str, job: Job) -> Result:
    os.environ |= {_OPEN: opened, "ASOT_CACHE": cache}
    return function(job)


def _root() -> Path:
    folder = cache_folder()
    if folder is None:
        raise ConfigurationError("URLs need a folder for files on their way: set ASOT_CACHE.")
    return folder.absolute().resolve() / "remote"


def _restore(before: str | None) -> None:
    os.environ.pop(_OPEN, None)
    if before is not None:
        os.environ[_OPEN] = before


def _open(url: str, stack: ExitStack) -> Path:
    """Take a URL's place in the cache, and bring it to what lies in the store."""
    from concurrent.futures import ThreadPoolExecutor

    scheme, rest = split_url(url)
    if scheme in ("file", "local"):
        return Path(unquote(rest))
    if scheme in WEB:
        # What follows may be a key to the file, and belongs to no name.
        rest = unquote(re.split("[?#]", rest)[0])
    host, stroke, inner = rest.partition("/")
    parts = (host.rpartition("@")[2] + stroke + inner).strip("/").split("/")
    if not all(part.strip(".") for part in parts) or not (host or scheme == "memory"):
        raise ConfigurationError(f"{shown(url)} has a part that is empty or made of dots.")
    local = _root().joinpath(scheme, *parts)
    mirrors = json.loads(os.environ.get(_OPEN, "{}"))
    os.environ[_OPEN] = json.dumps({**mirrors, str(local): url})
    listed = _listed(local, url)
    _bring(local, listed, alone=_hold(local, stack))
    small = [path for path, (size, _) in listed.items() if 0 < size <= SMALL and is_away(path)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(fetch, small))
    return local


def _listed(local: Path, url: str) -> dict[Path, Version]:
    found = list_files(url, told(str(local)))
    return {local / inner if inner else local: one for inner, one in found.items()}


def _bring(local: Path, listed: dict[Path, Version], alone: bool) -> None:
    """Let a local folder hold what the store does; large files as empty ones, for the time being.

    Where another process is at work in the folder, what is there stays.
    """
    below = list(local.rglob("*")) if local.is_dir() else [local] * local.is_file()
    for path in sorted(below, reverse=True) if alone else ():
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError):  # it is not empty
                path.rmdir()
        elif path not in listed and ".asot-store" not in path.parts:
            path.unlink()
    for name in [one for one in _known if (one + os.sep).startswith(str(local) + os.sep)]:
        del _known[name]
    for path, (size, when) in listed.items():
        _known[str(path)] = size, when
        if path.is_file() and (not alone or _same(path.stat(), (size, when))):
            continue
        _stand_in(path, when)


def _stand_in(path: Path, when: int) -> None:
    """Put an empty file in the place of one, under another number, as that may be open still."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path)
    part.touch()
    os.utime(part, ns=(when, when))
    os.replace(part, path)  # noqa: PTH105 - the atomic rename is the point


def _part(path: Path) -> Path:
    return path.with_name(f".{path.name[-80:]}-{os.urandom(4).hex()}")


def _hold(local: Path, stack: ExitStack) -> bool:
    """Tell whether no other process is at work in a folder, and let others know of this one."""
    place = _root() / ".held" / hashlib.sha256(str(local).encode()).hexdigest()
    place.parent.mkdir(parents=True, exist_ok=True)
    stream = stack.enter_context(place.open("ab"))
    alone = lock(stream) is True
    lock(stream, shared=True, wait=True)
    return alone


def _finish() -> None:
    """Store what was changed past :func:`store`."""
    for place, url in json.loads(os.environ.get(_OPEN, "{}")).items():
        local = Path(place)
        below = sorted(local.rglob("*")) if local.is_dir() else []
        here = {path: path.stat() for path in below if path.is_file() and _is_stored(path)}
        changed = [path for path in here if not _same(here[path], _known.get(str(path)))]
        # Processes of ours may have stored them.
        listed = _listed(local, url) if changed else {}
        for path in sorted(changed, key=lambda path: here[path].st_mtime_ns):
            if not _same(here[path], listed.get(path)):
                store(path)


def _same(found: os.stat_result, known: Version | None) -> bool:
    return known is not None and found.st_mtime_ns == known[1] and found.st_size in (0, known[0])


def _is_stored(path: Path) -> bool:
    """Tell a file of an open mirror from others, and from hidden ones, which stay here."""
    place = _place(path)
    inner = () if place is None else path.relative_to(place[0]).parts
    return place is not None and not any(part.startswith(".") for part in inner)


def _place(path: Path) -> tuple[Path, str] | None:
    """Return the open mirror in which a path lies, with its URL."""
    name = str(path) + os.sep
    for local, url in _mirrors(os.environ.get(_OPEN, "{}")):
        if name.startswith(local + os.sep):
            return Path(local), url
    return None


@lru_cache(maxsize=4)
def _mirrors(text: str) -> list[tuple[str, str]]:
    """Return the open mirrors with their URLs, those within others first."""
    return sorted(json.loads(text).items(), key=lambda pair: len(pair[0]), reverse=True)


def _where(path: Path) -> tuple[Any, str]:
    """Return the file system of a mirrored path, and its name there."""
    place = _place(path)
    assert place is not None
    system, base = open_store(place[1])
    inner = path.relative_to(place[0]).as_posix()
    if inner == ".":
        return system, base
    web = split_url(place[1])[0] in WEB
    return system, f"{base.rstrip('/')}/{quote(inner) if web else inner}"
