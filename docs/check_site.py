"""Find dead links, and what would be loaded from elsewhere, in a built site.

python docs/check_site.py build/site
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"img", "script", "link", "iframe", "source", "video"}


class Links(HTMLParser):
    """The links, the loaded files and the anchors of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[tuple[str, str]] = []  # of which tag, to where

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what a tag links to, and its anchor."""
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append((tag, value))


def faults(site: Path) -> list[str]:
    """List the links of a site that lead nowhere, and what it loads from other places."""
    pages = {path: Links() for path in sorted(site.resolve().rglob("*.html"))}
    for path, page in pages.items():
        page.feed(path.read_text(encoding="utf-8"))
    found = []
    for path, page in pages.items():
        for tag, link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if tag in LOADED and parts.scheme != "data":
                    found.append(f"{path.name} loads {link}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                found.append(f"{path.name} links to {link}, which does not exist")
            # Views of the demo's page begin with a slash, and are made when they are opened.
            elif parts.fragment.startswith("/") or not parts.fragment or target not in pages:
                continue
            elif unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{path.name} links to {link}, which has no such place")
    return found


if __name__ == "__main__":
    found = faults(Path(sys.argv[1]))
    print("\n".join(found) or "No dead link.")
    sys.exit(bool(found))
