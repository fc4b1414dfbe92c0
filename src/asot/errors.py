"""The errors that asot raises on purpose.

Each message is one sentence that names the file or argument, the rule and the value, and where
possible the cure. The command line prints that sentence alone; a traceback from asot is a bug.
"""

from __future__ import annotations


class AsotError(Exception):
    """Base of every error that asot raises on purpose."""


class ArgumentError(AsotError, ValueError):
    """An argument breaks a rule of the function it was given to."""


class DataError(AsotError):
    """A file or folder does not hold what it should."""


class ConfigurationError(AsotError):
    """A recipe, a setting or a checkpoint cannot be used."""


class MissingExtraError(AsotError, ImportError):
    """A library of an optional extra is not installed.

    Parameters
    ----------
    library : str
        The library that could not be imported.
    extra : str
        The extra that brings it, as in ``pip install "asot[extra]"``.
    purpose : str
        What it is needed for, as the subject of the sentence.
    """

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the library '{library}', which is not installed: "
            f'run pip install "asot[{extra}]".'
        )
