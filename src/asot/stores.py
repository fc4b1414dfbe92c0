"""Stores of files, such as ``s3://`` and ``https://``, by fsspec: what goes wrong, in sentences."""

from __future__ import annotations

import errno
import logging
import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from asot.errors import (
    AsotError,
    ConfigurationError,
    Defect,
    FileError,
    MissingExtraError,
    UnfinishedError,
    line_of_ours,
)

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
# The bytes of a file, or -1, and its time of change in nanoseconds of whole seconds, or 0.
Version = tuple[int, int]

WAITS = (1, 2, 4, 8, 16, 32, 60, 60, 60)  # seconds between tries: some four minutes
SILENT = 3  # tries that fail before a word is said of it
WEB = ("http", "https")
AT_ONCE = 8  # files asked for together
_DATES = ("LastModified", "mtime", "updated", "last_modified", "Last-Modified", "created")
_REASONS: dict[type[Exception], str] = {
    PermissionError: "the store forbids it: check your credentials and rights",
    FileNotFoundError: "there is no such bucket or file",
    NotImplementedError: "its store cannot do that",
}
# Defects of asot, where it raises them itself.
_DEFECTS = (TypeError, AttributeError, NameError, AssertionError)
# What does not pass.
_REFUSALS = (*_REASONS, IsADirectoryError, NotADirectoryError, ImportError, ValueError, TypeError)


def split_url(url: str) -> tuple[str, str]:
    """Return the store of a URL, in small letters, and what follows the strokes."""
    scheme, strokes, rest = url.partition("://")
    if not (strokes and rest and re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]*", scheme)):
        raise ConfigurationError(f"{shown(url)!r} is no URL, such as s3://bucket/folder.")
    return scheme.lower(), rest


def open_store(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, which fsspec keeps by process, and the URL's name there.

    Raises
    ------
    ConfigurationError
        If there is no such store.
    MissingExtraError
        If the library for the store is not installed.
    """
    scheme, _ = split_url(url)
    purpose = f"A path of {scheme}://"
    try:
        from fsspec.core import url_to_fs
        from fsspec.registry import known_implementations
    except ModuleNotFoundError as error:
        raise MissingExtraError("fsspec", "remote", purpose) from error
    try:
        system, name = url_to_fs(url)
    except ImportError as error:
        library = known_implementations[scheme]["class"].partition(".")[0]
        raise MissingExtraError(library, None, purpose) from error
    except ValueError as error:
        known = "s3://, gs://, https:// or another that fsspec knows"
        raise ConfigurationError(f"There is no store {scheme}://: use {known}.") from error
    return system, name


def list_files(url: str, called: str) -> dict[str, Version]:
    """List the files of a folder by their names in it, or the file that a URL names, as ``""``."""
    system, base = open_store(url)
    base, web, place = base.rstrip("/"), split_url(url)[0] in WEB, url.partition("?")[0]
    page = web and (place.endswith("/") or not PurePosixPath(place).suffix)

    def find() -> dict[str, dict[str, Any]]:
        system.invalidate_cache()
        try:
            if not page:
                info = system.info(base)
                if info["type"] == "file":
                    return {base: info}
            found: dict[str, dict[str, Any]] = system.find(base + "/" * web, detail=True)
        except FileNotFoundError:
            return {}
        if not page:
            return found
        from concurrent.futures import ThreadPoolExecutor

        # A page lists names alone.
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(found, pool.map(system.info, found), strict=True))

    files = {}
    for name, info in tried(find, called, "read").items():
        inner = name[len(base) :].strip("/")
        inner = unquote(inner) if web else inner
        # Keys that end in a stroke, or climb, are files nowhere.
        climbs = bool(inner) and not all(part.strip(".") for part in inner.split("/"))
        if info["type"] == "file" and not name.endswith("/") and not climbs:
            files[inner] = version_of(info)
    return files


def version_of(info: dict[str, Any]) -> Version:
    """Return the version of a file from what its store tells of it."""
    from email.utils import parsedate_to_datetime

    size = -1 if info.get("size") is None else int(info["size"])
    for value in (info.get(key) for key in _DATES):
        with suppress(ValueError, TypeError):
            if isinstance(value, str) and value[:4].isdigit():
                value = datetime.fromisoformat(value.replace("Z", "+00:00"))
            elif isinstance(value, str):
                value = parsedate_to_datetime(value)
            if isinstance(value, datetime):
                aware = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
                value = aware.timestamp()
            if isinstance(value, int | float):
                return size, int(value) * 10**9
    return size, 0


def tried(action: Callable[[], Result], called: str, what: str) -> Result:
    """Do ``what`` with a file, ``called`` by its URL; again later where a failure may pass.

    Raises
    ------
    FileError
        If the store refuses to have it "read".
    ConfigurationError
        If it refuses anything else, so that no further work is done in vain.
    UnfinishedError
        If it fails for some minutes.
    """
    for count, wait in enumerate((*WAITS, None), 1):
        try:
            return action()
        except AsotError:
            raise
        except Exception as error:  # libraries of stores raise what they like
            status, number = getattr(error, "status", 0), getattr(error, "errno", None)
            refused = isinstance(status, int) and 400 <= status < 500 and status not in (408, 429)
            refused = refused or number == errno.EINVAL or "Credential" in type(error).__name__
            if isinstance(error, _DEFECTS) and line_of_ours(error):
                raise
            if refused or isinstance(error, _REFUSALS):
                said = f"cannot be {what}: {_reason(error)}"
                problem = Defect(Path(called), None, said)
                if what != "read":
                    raise ConfigurationError(f"{called}: {said}.", file=called) from error
                raise FileError(f"{called}: {said}.", [problem]) from error
            if number in (errno.ENOSPC, errno.EDQUOT):
                raise
            if wait is None:
                tries = f"cannot be {what}, after {len(WAITS) + 1} tries"
                cure = "the same command goes on from here"
                raise UnfinishedError(f"{called} {tries} ({_reason(error)}): {cure}.") from error
            if count == SILENT:
                message = "%s cannot be %s for now (%s), and is tried again."
                logger.warning(message, called, what, _reason(error))
            time.sleep(wait)
    raise AssertionError


def _reason(error: Exception) -> str:
    """Say why in a few words."""
    for kind, reason in _REASONS.items():
        if isinstance(error, kind):
            return reason
    said = " ".join(str(error).split()) or type(error).__name__
    return shown(said)[:300].rstrip(". ")


def shown(text: str) -> str:
    """Take user names, passwords and queries out of the URLs in a text.

    Examples
    --------
    >>> shown("no https://ada:secret@host/a.mp4?key=secret")
    'no https://host/a.mp4'
    """

    def bare(found: re.Match[str]) -> str:
        parts = urlsplit(found[0])
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    return re.sub(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"]+", bare, text)
