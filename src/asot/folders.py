"""Folders: held by one process at a time, made beside their place, moved and removed as a whole."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from asot.errors import FileError
from asot.files import FULL, sync_folder
from asot.locks import HAS_FLOCK, lock, open_folder
from asot.remote import fetch, removed, store

logger = logging.getLogger(__name__)

_TEMPORARY = re.compile(r"\..*-[0-9a-f]{8}(\.\w+)?")  # see ``atomic_path``
_SCRATCH = re.compile(r"\..+\.asot")  # see ``scratch_beside``
_TURN = "-10c4ed00"  # ends the name of a file that is held in turn
_HELD: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())


@contextmanager
def sole_use(
    folder: Path, shard: str = "", reading: bool = False, called: Path | None = None
) -> Iterator[None]:
    """Keep other processes out of a folder, and of all that it holds, while the block runs.

    A ``shard`` of a job, such as "3/8", keeps out all but its other shards, and ``reading`` those
    that write. The folder is made if it is missing, and what writing left behind where an earlier
    process was killed is removed, unless others may be writing. The system lets go of the folder
    when a process ends, however it does; where it cannot hold one, nothing happens. Sentences call
    the folder ``called``.

    Raises
    ------
    FileError
        If another process has the folder in use, one of the two that hold it, or one in it; or if
        it cannot be made.
    """
    new = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        remove_empty(*new)
        if error.errno in FULL:
            raise
        why = f"cannot be made ({error.strerror}): choose another folder"
        raise FileError.at(called or folder, why) from error
    place, held, shared = folder.resolve(), _HELD.get(), bool(shard) or reading
    mark = _shard_mark(place, shard) if shard else place
    with ExitStack() as stack:
        # A command that is refused leaves no folder, but to whoever holds it by now.
        stack.callback(lambda: remove_empty(*new))
        if held.isdisjoint((mark, place, *place.parents)):
            alone = None
            with suppress(FileNotFoundError):
                for one in place.parents[1::-1]:
                    _hold(one, True, one, stack)
                mine, new = new, []
                alone = _hold(place, shared, called or folder, stack) and not shared
            if alone is None:
                # Another that had made it was refused, and removed it.
                stack.close()
                stack.enter_context(sole_use(folder, shard, reading, called))
                yield
                return
            stack.callback(remove_empty, *mine)  # while it is held
            if alone:
                _sweep(place)
            if shard:
                try:
                    stack.enter_context(in_turn(mark, wait=False))
                except BlockingIOError:
                    cure = "give each process another --shard"
                    message = f"is being written by another asot with --shard {shard}: {cure}"
                    raise FileError.at(folder, message) from None
            if not reading:
                stack.callback(_HELD.reset, _HELD.set(held | {mark}))
        yield


def _shard_mark(folder: Path, shard: str) -> Path:
    return folder / f"shard-{shard.replace('/', '-of-')}"


def has_other_shards(folder: Path, shard: str) -> bool:
    """Tell whether other shards than this one use a folder; see :func:`sole_use`."""
    for path in folder.resolve().glob(f".shard-*{_TURN}"):
        mark = path.with_name(path.name[1:].removesuffix(_TURN))
        if mark.name != _shard_mark(folder, shard).name:
            try:
                with in_turn(mark, wait=False):
                    pass  # it was left by one that was killed
            except BlockingIOError:
                return True
    return False


def remove_empty(*folders: Path) -> None:
    """Remove folders, in this order, up to the first that holds something."""
    with suppress(OSError):
        for folder in folders:
            with suppress(FileNotFoundError):
                folder.rmdir()


def _hold(folder: Path, shared: bool, called: Path, stack: ExitStack) -> bool:
    """Hold a folder until the stack ends, if the system can; tell whether it does.

    It is a FileNotFoundError where the folder was removed meanwhile.
    """
    try:
        descriptor = open_folder(folder)
    except FileNotFoundError:
        raise
    except OSError as error:
        logger.debug("%s cannot be held: %s", folder, error)
        return False
    stack.callback(os.close, descriptor)
    held = lock(descriptor, shared=shared)
    if held is False:
        cure = "wait until it has ended, or choose another folder"
        raise FileError.at(called, f"is in use by another asot: {cure}")
    there = folder.stat()
    if HAS_FLOCK and not os.path.samestat(os.fstat(descriptor), there):
        raise FileNotFoundError(folder)
    return bool(held)


@contextmanager
def in_turn(path: Path, wait: bool = True) -> Iterator[None]:
    """Let processes that read ``path`` and write it anew do so one after the other.

    Its folder must be there. Where the system cannot lock its files, nothing is waited for. Without
    ``wait``, it is a BlockingIOError if it is another's turn.
    """
    # A file of its own, as ``path`` is replaced; named so that it is swept like others.
    turn, mine = path.with_name(f".{path.name}{_TURN}"), False
    while not mine:
        descriptor = os.open(turn, os.O_RDWR | os.O_CREAT)
        held = lock(descriptor, wait=wait)
        if held is False:
            os.close(descriptor)
            raise BlockingIOError(f"{path} is being written by another process")
        mine = held is None or not HAS_FLOCK  # Windows removes no open file
        # Whoever had it before may have removed it meanwhile.
        with suppress(FileNotFoundError):
            mine = mine or os.path.samestat(os.fstat(descriptor), turn.stat())
        if not mine:
            os.close(descriptor)
    try:
        yield
    finally:
        if not HAS_FLOCK:  # else removed before others can have it
            os.close(descriptor)
        with suppress(PermissionError):  # on Windows, where others have it open
            turn.unlink(missing_ok=True)
        if HAS_FLOCK:
            os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove what a killed process left half-written."""
    for path in folder.rglob(".*"):
        if _TEMPORARY.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)
        elif _SCRATCH.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            _put_back(path)
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def scratch_beside(target: Path, keep: bool = False) -> Iterator[Path]:
    """Yield a folder beside ``target``, on the same disk, of this process alone.

    It is empty, and is removed when the block ends. With ``keep`` it stays where the block raises
    or is killed, and the next block for the same target finds in it what was finished.

    Raises
    ------
    FileError
        If another process makes the same target.
    """
    scratch = target.absolute().with_name(f".{target.name}.{'part' if keep else 'asot'}")
    with sole_use(scratch, called=target):
        _put_back(scratch)
        if not keep:
            empty(scratch)
        try:
            yield scratch
        except BaseException:
            if not keep:
                shutil.rmtree(scratch, ignore_errors=True)
            raise
        shutil.rmtree(scratch)


def _put_back(scratch: Path) -> None:
    """Give a folder its name back, where a kill came before ``put_folder`` had replaced it."""
    earlier = scratch / "earlier"
    target = scratch.with_name(scratch.name.removeprefix(".").rpartition(".")[0])
    if os.path.lexists(earlier) and not os.path.lexists(target):
        earlier.rename(target)
        sync_folder(target.parent)


def put_folder(made: Path, path: Path) -> None:
    """Give a folder of finished files its name; one that had that name before is removed.

    Both ``made`` and what is removed lie in a scratch folder, see ``scratch_beside``.
    """
    for folder in (made, *(one for one in made.rglob("*") if one.is_dir())):
        sync_folder(folder)
    earlier = made.with_name("earlier")
    before = [one.relative_to(path) for one in files_below(path)]
    new = dict.fromkeys(one.relative_to(made) for one in files_below(made))
    if os.path.lexists(path):
        shutil.rmtree(earlier, ignore_errors=True)  # where a kill came after it was replaced
        path.rename(earlier)
    try:
        made.rename(path)
    except OSError:
        if os.path.lexists(earlier):
            earlier.rename(path)
        raise
    sync_folder(path.parent)
    for name in new:
        store(path / name)
    for name in before:
        if name not in new:
            removed(path / name)


def move_folder(folder: Path, to: Path) -> None:
    """Rename a folder; its files in a store get their new names before they lose the old ones."""
    paths = files_below(folder)
    for path in paths:
        fetch(path)  # what stands in for a file is none under another name
    folder.rename(to)
    for path in paths:
        store(to / path.relative_to(folder))
    for path in paths:
        removed(path)


def remove_folder(folder: Path) -> None:
    """Remove a folder with its files, if it is there; those that lie in a store there as well."""
    for path in files_below(folder):
        removed(path)
    shutil.rmtree(folder, ignore_errors=True)


def empty(folder: Path) -> None:
    """Remove all that a folder holds."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def files_below(folder: Path) -> list[Path]:
    """List the files in a folder and in its folders, in order; none where there is no folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
