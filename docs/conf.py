"""The site's settings: make docs builds it, and runs its notebooks, without network."""

import re
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

DEMO = Path(__file__).resolve().parents[1] / "demo" / "watch" / "page"
# On the site the page is live; in the Markdown, as a code host shows it, this mark is not seen.
MARK = "<!-- the demo's page -->"
LIVE = """<p><a href="demo/index.html">Open it by itself</a></p>
<iframe src="demo/index.html" title="The page of the demo" loading="lazy"
  style="width:100%;height:42rem;border:1px solid #8886;border-radius:6px"></iframe>"""

project = "asot"
author = "the asot developers"
release = metadata.version("asot")
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "asot"
html_copy_source = False
html_show_sourcelink = False
myst_heading_anchors = 4
# Shell commands and folders are shown in indented blocks.
highlight_language = "none"

nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_output_stderr = "remove"

napoleon_use_rtype = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_default_options = {"members": True, "show-inheritance": False}


def put_in_demo(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put the demo's page in its place."""
    source[0] = source[0].replace(MARK, LIVE)


def copy_demo(app: Sphinx, failure: Any) -> None:
    """Copy the demo's page beside the document that shows it."""
    if failure is None:
        if not DEMO.is_dir():
            raise ExtensionError(f"{DEMO} is missing: make it with asot demo --out demo/watch.")
        shutil.copytree(DEMO, Path(app.outdir) / "demo", dirs_exist_ok=True)


def skip_requests(
    app: Sphinx, what: str, name: str, thing: Any, skip: bool, options: Any
) -> bool | None:
    """Leave out what scikit-learn adds to route its own arguments, with links into its own site."""
    return True if re.fullmatch(r"set_\w+_request|get_metadata_routing", name) else None


def setup(app: Sphinx) -> None:
    """Join them to the build."""
    app.connect("autodoc-skip-member", skip_requests)
    app.connect("source-read", put_in_demo)
    app.connect("build-finished", copy_demo)
