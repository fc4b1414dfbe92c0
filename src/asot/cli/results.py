"""What is shown once recordings are segmented: scores where there is truth, pictures, paths."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from asot.cli.console import progress, say, show_files, show_scores
from asot.errors import MissingExtraError
from asot.runs.pictures import draw
from asot.runs.predictions import PredictionFolder, score

if TYPE_CHECKING:
    from asot.runs.run import Run


def show_results(folder: PredictionFolder, figures: int, run: Run | None = None) -> None:
    """Score and draw a prediction, print the scores and say where everything is."""
    opened = folder.open_data()
    scored = None
    if opened.labelled:
        scored = score(folder)
        show_scores(scored)
    else:
        say("There is no ground truth, so there are no scores.")
    pictures = []
    if figures > 0:
        try:
            with progress() as told:
                pictures = draw(folder, scored, figures, told)
        except MissingExtraError as error:
            say(f"No pictures: {error}")
    files: list[tuple[Path, str]] = [
        (folder.root / "segments.csv", f"the segments of {len(opened.recordings)} recordings"),
        (folder.root / "labels", "an action number for each frame"),
        (folder.root / "assignments", "the soft assignments, (frames, actions)"),
    ]
    if scored is not None:
        files.append((folder.root / "scores.json", "all scores, and which action is which class"))
    if pictures:
        files.append((folder.root / "figures", f"{len(pictures)} pictures"))
    if run is not None:
        files.append((run.root / "models", "the trained models, for asot predict"))
    show_files(files)
