"""From files to segments in one go: extract, train or apply a model, decode.

::

    OUT/segment.json    what was asked for
    OUT/data/           the features, a data set like any other
    OUT/run/            the training, as asot train leaves it, or what a given model learnt from
                        corrections; none where a model was applied as it is
    OUT/predictions/    the segments
    OUT/page/           the page
    OUT/earlier/<n>/    features of other settings, from before anything was learnt
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from asot.data import DatasetFolder
from asot.data.folder import is_folder
from asot.data.origin import origin_path
from asot.errors import AsotError, ConfigurationError, FileError, require_extra
from asot.files import remove, write_json
from asot.folders import has_other_shards, in_turn, move_folder, remove_empty, sole_use
from asot.inputs.companions import find_companions, note_companions
from asot.inputs.extract import Extraction, extract
from asot.inputs.find import DESCRIPTION, Input, find_inputs, is_ours, take_shard
from asot.inputs.kinds import ARRAYS, Kind, ending
from asot.inputs.settings import SeriesSettings, VideoSettings
from asot.inputs.taken import unread
from asot.model.recipe import Recipe
from asot.progress import Progress
from asot.runs.learn import learn_run, read_said
from asot.runs.lone import LoneModel
from asot.runs.predict import load_models, predict_run, predict_share
from asot.runs.predictions import PredictionFolder, fingerprints
from asot.runs.run import RUN_FILE, Run, SegmentRequest, refuse_to_fill
from asot.runs.train import train_run, train_share
from asot.schema import convert, first_difference
from asot.shards import Shard, ShardResult
from asot.text import listing

logger = logging.getLogger(__name__)

# Parts of a request that decide the features, and parts that decide the actions.
EXTRACTION = ("inputs", "data", "video", "series")
LEARNING = ("model", "recipe", "seed", "corrected")
# Settings that decide nothing but the speed of extraction.
SPEED = ("device", "batch_size")


@dataclass(frozen=True)
class Segmented:
    """The segments, and the outcome of the extraction; None where features were given.

    Of a shard there is its ``share``, and as a rule no segments yet.
    """

    folder: PredictionFolder
    outcome: Extraction | None
    share: ShardResult | None = None


def segment(
    named: Sequence[str | Path],
    out: Path,
    recipe: Recipe,
    features: tuple[VideoSettings, SeriesSettings],
    *,
    seed: int,
    kind: Kind | None = None,
    model: Path | None = None,
    corrected: Sequence[Path] = (),
    videos: Path | None = None,
    skeleton: Path | None = None,
    progress: Progress,
    told: Callable[[Extraction], None] = lambda outcome: None,
    first: Callable[[PredictionFolder, int], None] | None = None,
    shard: Shard | None = None,
) -> Segmented:
    """Segment recordings, going on where an earlier call with the same arguments stopped.

    ``named`` are videos, tables or arrays, or folders of them; or one data folder, which holds
    features. ``model`` is a folder of an earlier segmentation or training, to apply in place of
    training ``recipe`` with ``seed``, or for arrays a file that ``ActionSegmenter`` saved; first it
    learns from the files ``corrected``, as for :func:`asot.runs.learn.read_said`. Of recordings of
    several kinds, ``kind`` chooses one. ``videos``, a folder, and ``skeleton``, a file, go with
    poses and signals; see :mod:`asot.inputs.companions`. ``told`` is called with the outcome of the
    extraction before learning begins, and ``first`` when the first learner is trained; see
    :func:`asot.runs.train.train_run`. Recordings that were added since are segmented into the
    actions that were learnt. Wrong arguments are refused before any long work begins.

    A ``shard`` makes its share of the features or, where all are there, trains its share of the
    learners, or segments its share of the recordings with a given model; the rest is for the call
    without one.
    """
    video, series = features
    trained = None if model is None else find_run(model)
    said = read_said(model, corrected) if model is not None and corrected else None
    if trained is None or said is not None:
        require_extra("learn", "Learning actions", "sklearn")
    data = data_folder(named)
    if data is not None and series.transposed:
        recipe = replace(recipe, dataset=replace(recipe.dataset, transposed=True))
    if trained is not None and data is None:
        # What is wrong with it is said before hours of work on videos.
        load_models(trained, trained.models())
    inputs = [] if data is not None else find_inputs(named, kind)
    sound = [one for one in inputs if not one.defect]
    if isinstance(trained, LoneModel):
        _refuse_all_but_arrays(trained, sound)
    companions = find_companions(videos, skeleton, inputs, series, data)
    in_video = {key: value for key, value in asdict(video).items() if key not in SPEED}
    request = SegmentRequest(
        inputs={one.name: str(one.path) for one in sound},
        data=None if data is None else str(data),
        video=in_video if sound and sound[0].is_video else None,
        series=asdict(series) if sound and not sound[0].is_video else None,
        model=None if trained is None else str(trained.root.resolve()),
        recipe=recipe.to_dict() if trained is None else None,
        seed=seed if trained is None else None,
        corrected=None if said is None else said.digest,
    )
    with sole_use(out, str(shard or "")), ExitStack() as stack:
        with in_turn(out / DESCRIPTION):
            # Known in turn alone: another shard may have asked first.
            new = not (out / DESCRIPTION).is_file()
            grown = _begin(out, msgspec.to_builtins(request), shard is None)
            stack.enter_context(_withdrawn_if_refused(out, new, shard))
        learnt = trained or (Run(out / "run") if grown else None)
        outcome = None
        if data is None:
            data = out / "data"
            expected = None if learnt is None else learnt.description().extractor
            own = take_shard(inputs, shard)
            shared = shard is not None and bool(unread(inputs, data))
            if own and (shard is None or shared):
                outcome = extract(own, data, video, series, progress, expected, inputs)
                names = [one.name for one in own]
                for name, sentence in note_companions(companions, data, names).items():
                    outcome.remarks[name] = [*outcome.remarks.get(name, ()), sentence]
                told(outcome)
            if shared:
                share = ShardResult("recordings", len(own), len(unread(inputs, data)), len(inputs))
                return Segmented(PredictionFolder(out / "predictions"), outcome, share)
        else:
            for name, sentence in note_companions(companions, data).items():
                logger.warning("%s: %s", name, sentence)
        folder = PredictionFolder(out / "predictions")
        if shard is not None:
            if trained is None:
                where = recipe, data, out / "run", shard
                share = train_share(*where, seed=seed, progress=progress)
            else:
                options: Any = {"keep_names": True, "progress": progress}
                share = predict_share(trained, data, folder.root, shard, **options)
            return Segmented(folder, None, share)
        if trained is None:
            return Segmented(_train(recipe, data, out / "run", seed, first, progress), outcome)
        if not folder.covers(DatasetFolder(data).recordings()):
            known = {}
            if said is not None:
                before, trained = trained, Run(out / "run")
                known = learn_run(before, said, data, trained, progress)
            predict_run(trained, data, folder.root, keep_names=True, known=known, progress=progress)
        return Segmented(folder, outcome)


def _refuse_all_but_arrays(model: LoneModel, inputs: Sequence[Input]) -> None:
    """Refuse recordings whose features a model's file cannot tell how to make."""
    others = [one.path.name for one in inputs if ending(one.path) not in ARRAYS]
    if others:
        raise FileError.at(
            model.root,
            f"segments arrays alone, as it does not say how features are made, but {others[0]} is "
            "none: make features as for its training with asot extract RECORDINGS --out DATA, and "
            "name DATA in place of the recordings",
        )


@contextmanager
def _withdrawn_if_refused(out: Path, new: bool, shard: Shard | None) -> Iterator[None]:
    """Remove a request that is ``new`` in its folder, if it is refused before anything is made.

    Of shards with the same request, the last that is at work does so.
    """
    try:
        yield
    except AsotError:
        # A disk that is full or may only be read must not hide why the command was refused.
        with suppress(OSError):
            remove_empty(out / "data")
        with suppress(OSError), in_turn(out / DESCRIPTION):
            mine = new if shard is None else not has_other_shards(out, str(shard))
            if mine and {one.name for one in out.glob("[!.]*")} == {DESCRIPTION}:
                remove(out / DESCRIPTION)
        raise


def find_run(root: Path) -> Run:
    """Find the finished training in a folder of asot segment, or of the model it applied.

    A file is a model that ``ActionSegmenter`` saved.
    """
    if root.is_file():
        return LoneModel(root)
    applied = SegmentRequest.of(root).applies if (root / DESCRIPTION).is_file() else None
    below = [one.parent for one in root.glob(f"run-*/{RUN_FILE}")]
    trained = [
        Path(applied) if applied else root / "run",
        root,
        *(below if len(below) == 1 else []),
    ]
    for place in trained:
        if place.is_file():
            return LoneModel(place)
        if (place / RUN_FILE).is_file():
            run = Run(place)
            if not run.finished:
                raise FileError.at(place, "is not finished: give its command again first")
            return run
    raise FileError.at(root, "holds no trained model: name a folder of asot segment or asot train")


def earlier_settings(
    root: Path, backbone: str | None = None
) -> tuple[VideoSettings | None, SeriesSettings | None]:
    """Read the settings that extracted the videos, and the series, of an earlier segmentation.

    The folder may be a stranger's: a network that runs code or is downloaded is refused unless
    ``backbone``, which the user typed, names it too.
    """
    path = root / DESCRIPTION
    if not path.is_file():
        return None, None
    request = SegmentRequest.of(root)
    video, series = request.video, request.series
    of_video = None if video is None else convert(path, video, VideoSettings)
    name = VideoSettings.backbone if of_video is None else of_video.backbone
    file = name.endswith(".onnx") and not name.startswith("hf:")
    if name != VideoSettings.backbone and not file and backbone is None:
        raise ConfigurationError(
            f"{path}: its features are of the backbone {name!r}, which runs code or is downloaded: "
            f"say --backbone {name} if you trust it.",
            file=path,
        )
    return of_video, None if series is None else convert(path, series, SeriesSettings)


def data_folder(named: Sequence[str | Path]) -> Path | None:
    """Return the data folder that was named in place of recordings, if there is one."""
    if len(named) != 1:
        return None
    place = Path(named[0])
    if (place / DESCRIPTION).is_file():
        place = _data_of(place)
    # The features of recordings may lie beside them, in a folder that has this name too.
    if is_folder(place / "features") and not is_ours(place / "features"):
        return place.resolve()
    return None


def _begin(out: Path, asked: dict[str, Any], alone: bool = True) -> bool:
    """Write the request, or check that the results in ``out`` were made by the same request.

    Recordings may be added, unless they are being learnt from. Return whether they are added to
    what was learnt. Features of other settings are set aside by a call that is ``alone`` in the
    folder; shards may be making them.
    """
    grown = False
    if (out / DESCRIPTION).is_file():
        before = msgspec.to_builtins(SegmentRequest.of(out))
        for name in before["inputs"].keys() - asked["inputs"].keys():
            # What could not be used may go.
            if not origin_path(out / "data", name).is_file():
                del before["inputs"][name]
        run, applied = Run(out / "run"), PredictionFolder(out / "predictions")
        learnt = (run.root / RUN_FILE).is_file() or applied.root.is_dir()
        extracted = learnt or not alone or any((out / "data" / "features").glob("[!.]*.npy"))
        # Features of tables are soon made anew, and columns are often chosen on a second look.
        cheap = alone and not learnt and before["video"] is None and asked["video"] is None
        extraction = [key for key in EXTRACTION if not (cheap and key == "series")]
        made = [*(extraction if extracted else ()), *(LEARNING if learnt else ())]
        old, new = ({key: one[key] for key in made} for one in (before, asked))
        finished = not learnt or run.finished or applied.finished
        if made and finished and old["inputs"].items() < new["inputs"].items():
            grown = run.finished and asked["model"] is None
            old["inputs"] = new["inputs"]
        difference = first_difference(old, new)
        if difference is not None:
            difference = _others(old["inputs"], new["inputs"]) or difference
            raise ConfigurationError(
                f"{out} holds the results of something else ({difference}): choose another --out, "
                "or remove it. To segment new recordings with its actions, use --model "
                f"{out}; to use its features again, name {_data_of(out)} in place of the "
                "recordings.",
                file=out,
            )
        difference = first_difference(before["series"], asked["series"])
        if extracted and difference is not None:
            _set_aside(out, difference)
    elif is_folder(out) and any(not one.name.startswith(".") for one in out.iterdir()):
        message = f"{out} holds something else already: choose another --out, or remove it."
        raise ConfigurationError(message, file=out)
    else:
        refuse_to_fill(out)
    write_json(out / DESCRIPTION, asked)
    return grown


def _set_aside(out: Path, difference: str) -> None:
    """Keep the features of earlier settings, and say so."""
    places = (out / "earlier" / str(number) for number in count(1))
    kept = next(one for one in places if not one.exists())
    kept.parent.mkdir(exist_ok=True)
    move_folder(out / "data", kept)
    message = "Features are made anew, with other settings (%s); those of before are kept in %s."
    logger.warning(message, difference, kept)


def _others(old: dict[str, str], new: dict[str, str]) -> str:
    """List the recordings that were added and removed."""
    came, went = ([one for one in a if one not in b] for a, b in ((new, old), (old, new)))
    said = [f"{listing(came)} came"] if came else []
    said += [f"{listing(went)} went"] if went else []
    return " and ".join(said)


def _data_of(out: Path) -> Path:
    """Return the data folder of an earlier segmentation: its own, or the one it was given."""
    given = SegmentRequest.of(out).data
    own = out / "data"
    return own if is_folder(own / "features") or given is None else Path(given)


def _train(
    recipe: Recipe,
    data: Path,
    root: Path,
    seed: int,
    first: Callable[[PredictionFolder, int], None] | None,
    progress: Progress,
) -> PredictionFolder:
    folder = Run(root).predictions
    recordings = DatasetFolder(data).recordings()
    trained = (root / RUN_FILE).is_file()
    if trained and folder.covers(recordings):
        return folder
    if trained and folder.finished:
        before = folder.fingerprints()
        new = [name for name, one in fingerprints(recordings).items() if before.get(name) != one]
        if new:
            logger.warning(
                "%s came or changed since the actions were learnt, and the model stays as it is: "
                "remove %s to learn from all recordings anew.",
                *(listing(new), root),
            )
    train_run(recipe, data, root, seed=seed, first=first, progress=progress)
    return folder
