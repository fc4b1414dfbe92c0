"""Names that people gave, put to use."""

from __future__ import annotations

import logging
from pathlib import Path

from asot.errors import DataError
from asot.page.content import Identity
from asot.runs.predictions import PredictionFolder
from asot.timeline.names import ActionNames, downloaded_from, read_names

logger = logging.getLogger(__name__)


def relabel(
    folder: PredictionFolder, path: Path, model: str | None = None, data: Path | None = None
) -> ActionNames:
    """Give the actions of a prediction the names of a file, and write the segment table anew.

    Parameters
    ----------
    folder : PredictionFolder
        A finished prediction.
    path : Path
        The names, as the report downloads them.
    model : str, optional
        Whose actions, where recordings were labelled by several models.
    data : Path, optional
        Where the data set is now.

    Raises
    ------
    DataError
        If the file cannot be used, or several models leave open which is meant.
    """
    models = folder.models()
    known = list(dict.fromkeys(models.values()))
    if model is None and len(known) > 1:
        raise DataError(
            f"{folder.root} has several models, each with actions of its own: say which with "
            f"--model, of {', '.join(known)}."
        )
    chosen = model or known[0]
    labelled = [name for name, one in models.items() if one == chosen]
    if not labelled:
        raise DataError(f"{folder.root} has no model {chosen!r}; it has: {', '.join(known)}.")
    n_actions = folder.assignment(labelled[0]).shape[1]
    names = read_names(path, n_actions)
    identity = Identity(range(n_actions))
    for name in labelled:
        identity.add(name, folder.labels(name))
    if downloaded_from(path) not in (None, identity.text):
        logger.warning(
            "%s comes from the page of other results, where the actions may be others: look at "
            "the page, and download names.json there if the names are wrong.",
            path,
        )
    folder.rename(folder.open_data(data).recordings, chosen, names)
    return names
