"""A page for somebody else: with copies of its videos, and nothing that tells of this machine."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from asot.errors import AsotError
from asot.files import atomic_path
from asot.page.media import Studio
from asot.remote import fetch
from asot.text import file_stems

# A folder, from the root of a disk on; not within an address of the web.
_FOLDER = re.compile(r"""(?<![^\s'"(=,;])(?:[A-Za-z]:)?[\\/](?:[^\s'"\\/]+[\\/])+""")


@dataclass(frozen=True)
class Sharing:
    """How a page is made for somebody else.

    Parameters
    ----------
    folder : Path
        Where copies of videos are made and kept, for the next time.
    longest : int
        Pixels of the longer side of a copy, at most.
    bits_a_second : float, optional
        Of a copy, at most.
    name, address : str
        Whom the page asks to be sent what people name and correct, and the e-mail address; empty
        for nobody.
    private : tuple of str
        Folders of this machine, of which no text of the page may tell.
    """

    folder: Path
    longest: int = 960
    bits_a_second: float | None = None
    name: str = ""
    address: str = ""
    private: tuple[str, ...] = ()

    def cleaned(self, values: Any) -> Any:
        """Take the folders of this machine out of all texts among plain values.

        Examples
        --------
        >>> here = Sharing(Path(), private=("/my lab/data",))
        >>> here.cleaned(["/my lab/data/a.csv: 1", "/b/c.csv"])
        ['a.csv: 1', 'c.csv']
        """
        if isinstance(values, dict):
            return {key: self.cleaned(value) for key, value in values.items()}
        if isinstance(values, list | tuple):
            return [self.cleaned(value) for value in values]
        if not isinstance(values, str):
            return values
        for place in sorted(self.private, key=len, reverse=True):
            values = values.replace(place + os.sep, "").replace(place, "")
        return _FOLDER.sub("", values)


class Copies(Studio):
    """A maker of copies that play everywhere, which are called after their recordings."""

    def __init__(self, root: Path, sharing: Sharing, *, embed: bool) -> None:
        super().__init__(root, sharing.folder, embed=embed)
        self.sharing = sharing
        self._named: dict[str, Path] = {}

    def copy(
        self, source: Path, direct: bool, tell: Callable[[float], None] = lambda seconds: None
    ) -> tuple[Path, float, bool]:
        """Find or make the copy of a video: its file, its time 0 in the source, and if it is mute.

        A video that browsers play (``direct``) goes as it is, if it is small and says nothing of
        where it was made. ``tell`` is called with the seconds that are written.
        """
        most = {"longest": self.sharing.longest, "bits_a_second": self.sharing.bits_a_second}
        if direct and self._tools.may_go_as_it_is(source, **most):
            return source, 0.0, False
        name, start_s = self._preview(source, **most, max_frame_rate=None, fine=True, tell=tell)
        for path in (self.folder / name, (self.folder / name).with_suffix(".json")):
            os.utime(path)  # it is in use
        return self.folder / name, start_s, True

    def prepare(self, source: Path, starts: bool, tell: Callable[[float], None]) -> None:
        """Make a copy ahead of the page, which says of each that fails why it did."""
        with suppress(AsotError, OSError):
            self.copy(source, starts and self._tools.browser_plays(source), tell)

    def path(self, name: str) -> Path:
        """Return the file of what was made, by its name in the page."""
        return self._named.get(name, self.folder / name)

    def deliver(self) -> None:
        """Bring what was made to the page in a folder."""
        (self.root / "media").mkdir(parents=True, exist_ok=True)
        for name in sorted(self.made):
            source, target = self.path(name), self.root / "media" / name
            fetch(source)
            try:
                # What is ours takes no more room; an original is left alone, whoever alters this.
                if source.parent == self.folder:
                    os.link(source, target)
            except OSError:
                pass
            if not target.exists():
                with atomic_path(target) as temporary:
                    shutil.copyfile(source, temporary)

    def clip(self, source: Path, start_s: float, end_s: float) -> tuple[str, str | None] | None:
        """Make a clip and its still as :meth:`Studio.clip`, and keep them."""
        made = super().clip(source, start_s, end_s)
        for link in filter(None, made or ()):
            os.utime(self.folder / link.removeprefix("media/"))
        return made

    def _playable(self, recording: str, source: Path, direct: bool) -> tuple[str, float, bool]:
        path, start_s, mute = self.copy(source, direct)
        [stem] = file_stems([recording])
        taken = {name.casefold() for name in self._named}
        name = next(one for one in _numbered(stem, path.suffix) if one.casefold() not in taken)
        self._named[name] = path
        self.made.add(name)
        return f"media/{name if self.embed else quote(name)}", start_s, mute


def _numbered(stem: str, suffix: str) -> Iterable[str]:
    yield f"{stem}{suffix}"
    number = 2
    while True:
        yield f"{stem} {number}{suffix}"
        number += 1
