"""Write a page: a folder, or one file with everything in it."""

from __future__ import annotations

import base64
import hashlib
import json
import mimetypes
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import Any

from asot.errors import MissingExtraError
from asot.files import atomic_path, remove, write_text
from asot.folders import scratch_beside
from asot.page.book import Book, Clip
from asot.page.content import Page
from asot.page.media import Studio
from asot.page.sharing import Copies, Sharing
from asot.progress import Progress, silent

# The values of the index that hold sentences.
_TOLD = ("verdict", "findings", "settings", "versions", "remarks", "groups")
# In this order: the last script starts the page.
_SCRIPTS = (
    *("core", "names", "edits", "corrections", "share", "index", "timeline", "recording"),
    *("editing", "pose", "actions", "alike", "map", "evidence", "overview", "groups", "main"),
)


def render_page(
    page: Page,
    out: Path,
    *,
    embed: bool = False,
    clips: bool = True,
    sharing: Sharing | None = None,
    progress: Progress = silent,
) -> Path:
    """Write the interactive page, and return the path of its ``index.html``.

    Parameters
    ----------
    page : Page
        The content. Its recordings are read once.
    out : Path
        A folder, made if it is missing. An earlier page in it is replaced.
    embed : bool
        Write one file that holds everything, videos too (as small previews), instead of a folder
        of files beside a page that opens the original videos where a browser can play them.
    clips : bool
        Make a clip of each example of an action in a video.
    sharing : Sharing, optional
        Make the page for somebody else, in a new folder: with copies of the videos that play in
        every browser, and without a word of where the files were.
    progress : callable, optional
        Called with the stage ("Page: recordings", "Page: clips"), the number done, and the total.

    Raises
    ------
    ArgumentError
        If the page's parts do not fit each other.
    MissingExtraError
        If Jinja2 is not installed.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from asot.page import ActionView, Page, RecordingView
    >>> tea = RecordingView("tea", labels=np.array([0, 0, 1]), times=np.arange(4.0))
    >>> page = Page("Tea", [ActionView(0, "boil"), ActionView(1)], [tea])
    >>> render_page(page, Path(tempfile.mkdtemp())).name
    'index.html'
    """
    template = _template()
    with ExitStack() as stack:
        folder = out / "media"
        if embed:
            folder = stack.enter_context(scratch_beside(out / "media"))
        studio = Studio(out, folder, embed=embed)
        if sharing is not None:
            studio = Copies(out, sharing, embed=embed)
        book = Book(page)
        parts = _parts(page, book, studio, clips, sharing, progress)
        # A number that no text in the page can hold, whoever wrote its names.
        if embed:
            scripts, nonce = _embedded(parts, studio), secrets.token_hex(16)
        else:
            scripts = iter(())
            _write_data(parts, out / "data")
            studio.deliver()
            write_text(out / "assets" / "page.js", _script())
            write_text(out / "assets" / "page.css", _asset("page.css"))
            nonce = hashlib.sha256(_json(_index(book, sharing)).encode()).hexdigest()[:32]
        stream = template.stream(
            title=page.title,
            nonce=nonce,
            hosts=sorted(studio.hosts),
            embed=embed,
            style=_asset("page.css") if embed else "",
            script=_script() if embed else "",
            scripts=scripts,
            index=lambda: _json(_index(book, sharing)),
        )
        path = stack.enter_context(atomic_path(out / "index.html"))
        # Names of files may hold what UTF-8 cannot; in the title that becomes a question mark.
        with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
            file.writelines(stream)
    return out / "index.html"


def _index(book: Book, sharing: Sharing | None) -> dict[str, Any]:
    """Return the values of the index, for whomever it is."""
    values = book.values()
    if sharing is None:
        return values
    told = {key: sharing.cleaned(values[key]) for key in _TOLD if key in values}
    return {**values, **told, "shared": {"name": sharing.name, "address": sharing.address}}


def _parts(
    page: Page,
    book: Book,
    studio: Studio,
    clips: bool,
    sharing: Sharing | None,
    progress: Progress,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the values of each recording, and make all clips, if any, at the end."""
    total = len(page.recordings)
    wanted: list[tuple[Clip, Path, float]] = []
    progress("Page: recordings", 0, total)
    for place, recording in enumerate(page.recordings):
        source, fault = recording.media, studio.fault(recording)
        values, examples = book.add(recording, studio.player(recording, fault))
        if clips and source is not None and not fault:
            wanted += [(clip, source, recording.media_shift_s) for clip in examples]
        if sharing is not None:
            original = None if source is None else source.name
            told = {key: sharing.cleaned(values[key]) for key in ("media", "remarks")}
            values = {**values, **told, "original": original}
        yield place, values
        progress("Page: recordings", place + 1, total)
    if wanted:
        progress("Page: clips", 0, len(wanted))
    for done, (clip, source, shift) in enumerate(wanted, start=1):
        made = studio.clip(source, clip.start + shift, clip.end + shift)
        if made is not None:
            clip.src, clip.still = made
        progress("Page: clips", done, len(wanted))


def _write_data(parts: Iterator[tuple[int, dict[str, Any]]], folder: Path) -> None:
    """Write a script for each recording, and remove those of an earlier page."""
    written = set()
    for place, values in parts:
        path = folder / f"{place}.js"
        write_text(path, f"asotReceive({place},{_json(values)});\n")
        written.add(path)
    for path in folder.glob("*.js"):
        if path.stem.isdigit() and path not in written:
            remove(path)


def _embedded(
    parts: Iterator[tuple[int, dict[str, Any]]], studio: Studio
) -> Iterator[tuple[str, str]]:
    """Yield the id and the content of each script element that holds data."""
    given: set[str] = set()

    def media() -> Iterator[tuple[str, str]]:
        for name in sorted(studio.made - given):
            given.add(name)
            kind = mimetypes.guess_type(name)[0]
            content = base64.b64encode(studio.path(name).read_bytes()).decode("ascii")
            yield f"media/{name}", f"data:{kind};base64,{content}"

    for place, values in parts:
        yield f"recording-{place}", _json(values)
        yield from media()
    yield from media()


def _json(values: Any) -> str:
    """Write JSON that may stand inside a script element, whatever its strings hold."""
    text = json.dumps(values, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _script() -> str:
    """Join all scripts, in a scope of their own."""
    parts = [_asset(f"{name}.js") for name in _SCRIPTS]
    return "(() => {\n'use strict';\n" + "\n".join(parts) + "})();\n"


def _asset(name: str) -> str:
    return (files("asot.page") / "assets" / name).read_text(encoding="utf-8")


def _template() -> Any:
    try:
        import jinja2
    except ModuleNotFoundError as error:
        raise MissingExtraError("jinja2", "report", "The page") from error
    source = (files("asot.page") / "templates" / "index.html.j2").read_text(encoding="utf-8")
    return jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
