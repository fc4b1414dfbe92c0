"""asot data describe: what makes the actions in features easy or hard to find."""

from __future__ import annotations

from collections.abc import Sequence

from asot.cli.parsing import Parser

USAGE = "DIR [OTHER] [--activity NAME] [--activity_pattern REGEX] [--kmeans K]"
SUMMARY = (
    "Measure the features of a labelled data set: lengths of frames, correlation in time, shares "
    "of the variance, accuracy of the nearest class mean. With OTHER, both side by side, such as "
    "real beside simulated."
)
# The figures as they are named in print, and how many decimals they have.
TITLES = {
    "recordings": "recordings",
    "frames": "frames",
    "columns": "columns",
    "zero_frames": "share of frames that are all zero",
    "norm_mean": "length of a frame, mean",
    "norm_sd": "length of a frame, standard deviation",
    **{f"lag_{lag}": f"correlation at lag {lag}" for lag in (1, 2, 5, 10, 20, 50)},
    **{f"within_lag_{lag}": f"  within actions, at lag {lag}" for lag in (1, 2, 5, 10, 20, 50)},
    "between_recordings": "variance between recordings",
    "between_classes": "  between classes",
    "recording_and_class": "  of recording and class together",
    "within": "  within",
    **{f"axes_{n}": f"variance along the first axes, {n}" for n in (1, 5, 10, 20)},
    "ncm": "nearest class mean, all frames known",
    "ncm_left_out": "  recording left out",
    "ncm_standardised": "  standardised, all frames known",
    "ncm_left_out_standardised": "  standardised, recording left out",
    "kmeans_mof": "k-means, standardised, MoF",
    "kmeans_miou": "k-means, standardised, mIoU",
}


def run(words: Sequence[str]) -> None:
    """Run the command."""
    parser = Parser("data describe", SUMMARY, USAGE)
    parser.add_argument("dir", type=str, help="A data-set folder with ground truth.")
    parser.add_argument("other", type=str, nargs="?", help="One to set beside it.")
    parser.add_argument("--mapping", type=str, help="Mapping file in mapping/ to use.")
    parser.add_argument("--activity", type=str, help="Only the recordings of this activity.")
    parser.add_argument(
        "--activity_pattern",
        type=str,
        help="Regular expression whose one group is the activity in a recording's name.",
    )
    parser.add_argument("--kmeans", type=int, help="Cluster with so many centres as well.")
    parser.add_argument("--seed", type=int, default=0, help="Decides the k-means.")
    values = parser.parse(words)
    from asot.cli.console import console, new_table
    from asot.data import DatasetFolder, find_dataset
    from asot.simulation import describe_features
    from asot.text import printable

    columns: list[dict[str, float]] = []
    roots = [find_dataset(one) for one in (values.dir, values.other) if one is not None]
    for root in roots:
        folder = DatasetFolder(root, values.mapping, values.activity_pattern)
        recordings = folder.recordings(values.activity)
        found: dict[str, float] = {
            "recordings": len(recordings),
            "frames": sum(one.n_frames for one in recordings),
            "columns": recordings[0].width,
        }
        found |= describe_features(recordings)
        if values.kmeans is not None:
            from asot.baselines import KMeansSegmenter
            from asot.metrics import evaluate

            model = KMeansSegmenter(values.kmeans, random_state=values.seed)
            labels = model.fit_predict(recordings.features)
            scores = evaluate(labels, recordings.ground_truth)
            found |= {"kmeans_mof": scores["mof"], "kmeans_miou": scores["miou"]}
        columns.append(found)
    headings = [printable(root) for root in roots]
    table = new_table("", *headings, right=headings)
    for key, title in TITLES.items():
        if any(key in found for found in columns):
            table.add_row(title, *(_shown(found.get(key)) for found in columns))
    console().print(table)


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
