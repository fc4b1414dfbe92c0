"""Python objects by the names that people type on their own command line: ``module:object``.

An import runs code, so no name that was read from a file comes here: SECURITY.md says why.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from asot.errors import ConfigurationError

PATTERN = r"[^\W\d][\w.]*:[^\W\d][\w.]*"


def import_named(name: str, what: str, setting: str) -> tuple[Any, Any]:
    """Import ``module:object`` from Python's path or the current folder: the module, the object.

    Raises ConfigurationError, which says ``what`` was to be imported, if that fails.
    """
    module_name, _, path = name.partition(":")
    # `python -m` searches the current folder; a console script does not.
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = found = import_module(module_name)
        for part in path.split("."):
            found = getattr(found, part)
    except Exception as error:  # an import runs other people's code
        message = f"The {what} {name} cannot be imported: {brief(error)}."
        raise ConfigurationError(message, setting=setting) from error
    return module, found


def brief(error: Exception) -> str:
    """Shorten an error of other people's code to one line: its type and text."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300].rstrip(".")
