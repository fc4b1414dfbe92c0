"""Teams: the same of the same seed, kept and read again to the last bit, and no collapse."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from asot import ActionSegmenter, evaluate
from asot.discover.prototypes import Prototypes
from asot.discover.views import View
from asot.errors import UnfinishedError
from asot.model import learners as room
from asot.model.checkpoint import load_learner, load_model, save
from asot.model.features import PreparedFeatures
from asot.model.learners import TeamTraining, team_training, train_team
from asot.model.network import decode
from asot.model.recipe import Recipe, TrainingSettings
from asot.model.team import (
    KINDS,
    PAPER,
    SCALES,
    SIMPLE,
    SINGLE,
    SIZED,
    TEAM,
    LastDecoding,
    TeamModel,
    Voters,
    label_by_each,
)
from asot.model.training import no_logger
from asot.processes import Died
from asot.simulation import make_recordings
from asot.workers import Workers

MakeRecipe = Callable[..., Recipe]


TITLES = [kind.title for kind in KINDS]
SIMPLE_TITLES = ["nearest centre"] + ["prototypes with size"] * len(SCALES)
PROTOTYPES = next(kind.title for kind in KINDS if kind.encoder is None)
# All that is trained with a team of one: its learners, the paper's network, frames alone.
TRAINED = [*TITLES * len(SCALES), PAPER.title, *SIMPLE_TITLES]


class PowerCutError(Exception):
    """What a test stops a training with."""


@pytest.fixture
def features(seed: int) -> PreparedFeatures:
    recordings = make_recordings(4, 3, (40, 80), width=5, random_state=seed)
    return PreparedFeatures(list(recordings.features), True)


@pytest.fixture
def open_recipe(make_recipe: MakeRecipe) -> MakeRecipe:
    """A recipe whose order prior and radius are settled."""

    def make(**groups: Any) -> Recipe:
        settled = {
            **{"team": 1, "order_prior": 0.15, "training": {"epochs": 2}},
            **{"transport_train": {"radius": 0.08}, "transport_eval": {"radius": 5}},
        }
        return make_recipe(**{**settled, **groups})

    return make


@pytest.fixture
def team(features: PreparedFeatures, open_recipe: MakeRecipe, seed: int) -> TeamModel:
    return train_team(features, open_recipe(), 3, seed=seed, device="cpu")


def outcome(team: TeamModel, features: PreparedFeatures) -> list[bytes]:
    """All that a team says of recordings, to the last bit."""
    said = [team.actions.numpy().tobytes()]
    for one in features:
        labels, assignment = decode(team, one)
        said += [labels.tobytes(), assignment.tobytes()]
        said.append(team.embed(torch.from_numpy(one)).numpy().tobytes())
    return said


def test_the_same_seed_gives_the_same_team(
    team: TeamModel, features: PreparedFeatures, open_recipe: MakeRecipe, seed: int
) -> None:
    again = train_team(features, open_recipe(), 3, seed=seed, device="cpu")
    assert outcome(again, features) == outcome(team, features)
    other = train_team(features, open_recipe(), 3, seed=seed + 1, device="cpu")
    assert outcome(other, features) != outcome(team, features)


def test_learners_are_the_same_in_other_processes(
    features: PreparedFeatures, open_recipe: MakeRecipe, seed: int
) -> None:
    filters = list(warnings.filters)
    training = TeamTraining(features, open_recipe(), 3, seed, "cpu", None, no_logger)
    jobs = [0, TITLES.index(PROTOTYPES), len(training.plan) - 1]
    there = dict(Workers(1).run(training.learn, jobs, apart=True))
    here = dict(Workers(1).run(training.learn, jobs))
    for job, (learner, labels) in here.items():
        other, others = there[job]
        assert [one.tobytes() for one in labels] == [one.tobytes() for one in others]
        assert learner.title == other.title
        for one in training.compared:
            assert learner.embedding(one).tobytes() == other.embedding(one).tobytes()
    assert warnings.filters == filters


def test_learners_of_other_recordings_are_not_taken(
    features: PreparedFeatures, open_recipe: MakeRecipe, seed: int, tmp_path: Path
) -> None:
    def labels(kept: Path | None, given: PreparedFeatures) -> list[bytes]:
        made = TeamTraining(given, open_recipe(), 3, seed, "cpu", kept, no_logger)
        return [one.tobytes() for one in made.learn(TITLES.index(PROTOTYPES))[1]]

    others = PreparedFeatures([one[::-1].copy() for one in features], False)
    before = labels(tmp_path, features)
    assert labels(tmp_path, others) == labels(None, others) != before
    assert labels(tmp_path, features) == before
    assert len(list(tmp_path.rglob("*.ckpt"))) == 2


def test_a_learner_whose_process_dies_twice_is_named(
    features: PreparedFeatures, open_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        room.Workers, "run", lambda self, function, jobs, *rest, **kw: iter([(4, Died(-9))])
    )
    with pytest.raises(UnfinishedError, match=r"Learner 5 is missing, as its process was killed"):
        train_team(features, open_recipe(), 3, device="cpu")


@pytest.fixture
def candidates(monkeypatch: pytest.MonkeyPatch) -> dict[str, Voters]:
    """The candidates of the last training, whichever was chosen."""
    heard: dict[str, Voters] = {}
    original = room.choose_candidate

    def choose(offered: Any, *arguments: Any) -> Any:
        heard.update({one.name: one for one in offered})
        return original(offered, *arguments)

    monkeypatch.setattr(room, "choose_candidate", choose)
    return heard


def test_learners_of_a_team_differ_in_their_draws(
    features: PreparedFeatures,
    open_recipe: MakeRecipe,
    seed: int,
    candidates: dict[str, Voters],
) -> None:
    train_team(features, open_recipe(team=2), 3, seed=seed, device="cpu")
    titles = {name: [learner.title for learner in one.learners] for name, one in candidates.items()}
    count = len(KINDS) * len(SCALES)
    assert titles == {
        TEAM: [*TITLES * 2 * len(SCALES), PAPER.title, *SIMPLE_TITLES[1:] * 2],
        SIMPLE: [*SIMPLE_TITLES, *SIMPLE_TITLES[1:]],
        SINGLE: [PAPER.title],
    }
    team = candidates[TEAM].learners
    kinds = range(len(KINDS))
    for index in kinds:
        if KINDS[index].encoder is None:
            continue
        same = [team[at + index].centres for at in range(0, 2 * count, len(KINDS))]
        for i, one in enumerate(same):
            assert not any(np.array_equal(one, other) for other in same[:i])
    for one in candidates.values():
        for learner, labels in zip(one.learners, one.labels, strict=True):
            for frames, own in zip(features, labels, strict=True):
                np.testing.assert_array_equal(learner.labels(frames), own)


def test_learners_see_the_recordings_at_two_scales(
    features: PreparedFeatures, open_recipe: MakeRecipe, seed: int, candidates: dict[str, Voters]
) -> None:
    recipe = open_recipe(transport_eval={"radius": 10})
    train_team(features, recipe, 3, seed=seed, device="cpu")
    mean = np.mean([len(one) for one in features])
    radii = []
    for learner in candidates[TEAM].learners:
        if isinstance(learner.model, Prototypes):
            radii.append(learner.model.radius)
            continue
        own = learner.model.recipe
        radii.append(own.transport_eval.radius)
        if learner.title != PAPER.title:
            assert own.transport_train.radius == pytest.approx(radii[-1] / mean)
    assert radii == [10] * len(KINDS) + [6] * len(KINDS) + [0.04, 10, 6]
    paper = candidates[SINGLE].learners[0]
    assert paper is candidates[TEAM].learners[-3]
    assert candidates[TEAM].learners[-2:] == candidates[SIMPLE].learners[1:]
    assert candidates[TEAM].worth.tolist() == [1.0] * (2 * len(KINDS) + 1) + [SIZED] * 2
    assert paper.model.recipe.order_prior == 0.15
    assert [one.model.radius for one in candidates[SIMPLE].learners] == [0, 10, 6]
    assert all(one.model.scale is not None for one in candidates[SIMPLE].learners)


def test_the_second_round_is_at_other_scales(
    features: PreparedFeatures, open_recipe: MakeRecipe, seed: int, candidates: dict[str, Voters]
) -> None:
    for radius, expected in ((10, [0, 10, 6, 8, 4]), (1, [0, 1, 1, 1, 1])):
        recipe = open_recipe(team=2, transport_eval={"radius": radius}, training={"epochs": 1})
        train_team(features, recipe, 3, seed=seed, device="cpu")
        assert [one.model.radius for one in candidates[SIMPLE].learners] == expected


def test_without_an_order_there_are_no_prototypes(
    features: PreparedFeatures, open_recipe: MakeRecipe, seed: int, candidates: dict[str, Voters]
) -> None:
    train_team(features, open_recipe(order_prior=0.0), 3, seed=seed, device="cpu")
    team = candidates[TEAM].learners
    assert len(team) == len(KINDS) * len(SCALES) + 1
    prototypes = [one.model for one in team if isinstance(one.model, Prototypes)]
    assert len(prototypes) == len(SCALES)
    assert all(one.scale is not None for one in prototypes), "with size, and in no order"


def test_the_recipe_and_the_generators_are_left_alone(
    features: PreparedFeatures, open_recipe: MakeRecipe, seed: int, tmp_path: Path
) -> None:
    recipe = open_recipe()
    before = copy.deepcopy(recipe), torch.get_rng_state(), str(np.random.get_state())  # noqa: NPY002
    team = train_team(features, recipe, 3, seed=seed, device="cpu")
    save(tmp_path / "all.ckpt", team=team)
    load_model(tmp_path / "all.ckpt")
    assert recipe == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert str(np.random.get_state()) == before[2]  # noqa: NPY002


@pytest.mark.parametrize("order_prior", [0.0, 0.15])
@pytest.mark.parametrize("radius", [5, 0.07])
def test_a_team_is_read_again_to_the_last_bit(
    features: PreparedFeatures,
    open_recipe: MakeRecipe,
    seed: int,
    tmp_path: Path,
    order_prior: float,
    radius: float,
) -> None:
    recipe = open_recipe(order_prior=order_prior, transport_eval={"radius": radius})
    team = train_team(features, recipe, 3, seed=seed, device="cpu")
    path = tmp_path / "models" / "all.ckpt"
    save(path, team=team)
    assert isinstance(torch.load(path, weights_only=True), dict)
    read = load_model(path)
    assert isinstance(read, TeamModel)
    assert read.recipe == recipe
    assert (read.n_features, read.n_actions) == (5, 3)
    assert (read.decoding, read.choice, read.trust) == (team.decoding, team.choice, team.trust)
    assert read.choice is not None
    assert read.trust is not None
    assert outcome(read, features) == outcome(team, features)


def test_the_last_decoding_is_kept(
    team: TeamModel, features: PreparedFeatures, tmp_path: Path
) -> None:
    path = tmp_path / "all.ckpt"
    for decoding in (LastDecoding(0.25, 0.005), LastDecoding(1.0, 0.05)):
        team.decoding = decoding
        save(path, team=team)
        read = load_model(path)
        assert isinstance(read, TeamModel)
        assert read.decoding == decoding
        assert outcome(read, features) == outcome(team, features)


def test_a_team_of_an_earlier_version_is_decoded_as_it_was(team: TeamModel, tmp_path: Path) -> None:
    path = tmp_path / "all.ckpt"
    save(path, team=team)
    values = torch.load(path, weights_only=True)
    for name in ("decoding", "choice", "trust"):
        del values["team"][name]
    torch.save(values, path)
    read = load_model(path)
    assert isinstance(read, TeamModel)
    assert (read.decoding, read.choice, read.trust) == (LastDecoding(0.7, 0.05), None, None)


def test_each_learner_is_read_again_to_the_last_bit(
    team: TeamModel, features: PreparedFeatures, tmp_path: Path
) -> None:
    for index, learner in enumerate(team.learners):
        path = tmp_path / f"{index}.ckpt"
        save(path, learner=learner)
        read = load_learner(path, 5, 3)
        assert read.title == learner.title
        np.testing.assert_array_equal(read.centres, learner.centres)
        for one in features:
            np.testing.assert_array_equal(read.labels(one), learner.labels(one))
            np.testing.assert_array_equal(read.embedding(one), learner.embedding(one))


def test_the_assignment_is_the_calibrated_vote(team: TeamModel, features: PreparedFeatures) -> None:
    assert team.vote.weights.sum() == pytest.approx(1)
    for one in features:
        labels, assignment = decode(team, one)
        assert (labels.shape, labels.dtype) == ((len(one),), np.int64)
        assert assignment.shape == (len(one), 3)
        np.testing.assert_allclose(assignment.sum(axis=1), 1, atol=1e-6)
        expected = np.zeros((len(one), 3))
        for learner, columns, weight in zip(
            team.learners, team.vote.columns, team.vote.weights, strict=True
        ):
            for frame, label in enumerate(learner.labels(one)):
                expected[frame, columns[label]] += weight
        assert team.trust is not None
        for frame, label in enumerate(labels):
            sure = float(team.trust.confidence(expected[frame, label]))
            assert assignment[frame, label] == pytest.approx(sure, abs=1e-4)
            others = np.delete(expected[frame], label)
            # Far more than the millionth that each action gets, so that none is impossible.
            if others.sum() > 0.01:
                shared = np.delete(assignment[frame], label)
                np.testing.assert_allclose(shared / shared.sum(), others / others.sum(), atol=1e-3)


def test_learners_in_a_row_share_what_one_view_shows(
    team: TeamModel, features: PreparedFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where each brought a copy of its own, as those that are read from files do."""
    alone = [one.labels(features[0]) for one in team.learners]
    copies = [copy.deepcopy(one) for one in team.learners]
    applied: list[str] = []
    apply = View.apply

    def counted(view: View, rows: np.ndarray) -> np.ndarray:
        applied.append(view.kind)
        return apply(view, rows)

    monkeypatch.setattr(View, "apply", counted)
    for own, expected in zip(label_by_each(copies, features[0]), alone, strict=True):
        np.testing.assert_array_equal(own, expected)
    moving = [one for one in copies if one.view is not None and one.view.kind == "motion"]
    assert len(moving) == 2 * applied.count("motion") == 2 * len(SCALES)


def test_the_common_embedding_has_the_learners_cosines(
    team: TeamModel, features: PreparedFeatures
) -> None:
    centres = team.actions.numpy()
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1, atol=1e-5)
    for one in features:
        embedded = team.embed(torch.from_numpy(one)).numpy()
        np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), 1, atol=1e-5)
        expected = np.zeros((len(one), 3))
        for learner, columns, weight in zip(
            team.learners, team.vote.columns, team.vote.weights, strict=True
        ):
            cosines = learner.embedding(one) @ learner.centres.T
            expected[:, columns] += weight * cosines
        np.testing.assert_allclose(embedded @ centres.T, expected, atol=1e-5)


@pytest.mark.parametrize("stop", [1, 6, 14])
def test_an_interrupted_training_goes_on_from_the_learners_that_are_done(
    features: PreparedFeatures,
    open_recipe: MakeRecipe,
    seed: int,
    stop: int,
    team: TeamModel,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    begun, limit = 0, stop

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            nonlocal begun
            if begun == limit:
                raise PowerCutError
            begun += 1
            return original(*arguments, **options)

        return wrapped

    for name in ("train", "learn_prototypes"):
        monkeypatch.setattr(room, name, counted(getattr(room, name)))
    kept = tmp_path / "kept"
    options: dict[str, Any] = {"seed": seed, "device": "cpu", "kept": kept}
    with pytest.raises(PowerCutError):
        train_team(features, open_recipe(), 3, **options)
    done = len(list(kept.rglob("*.ckpt")))
    assert done == stop
    begun, limit = 0, 100
    again = train_team(features, open_recipe(), 3, **options)
    assert begun == len(TRAINED) - done, "those that were done were not trained again"
    assert outcome(again, features) == outcome(team, features)
    train_team(features, open_recipe(), 3, **options)
    assert begun == len(TRAINED) - done


@pytest.mark.parametrize(
    ("count", "batch_size", "epochs", "rate"),
    [
        (3, 2, 15, 1),
        (10, 2, 15, 1),
        (15, 2, 10, 1.5),
        (40, 2, 4, 2),
        (999, 2, 1, 2),
        (64, 64, 15, 1),
        (128, 64, 8, 15 / 8),
    ],
)
def test_many_recordings_take_fewer_and_longer_steps(
    count: int, batch_size: int, epochs: int, rate: float
) -> None:
    given = TrainingSettings(batch_size=batch_size, learning_rate=0.5)
    found = team_training(count, given)
    assert (found.epochs, found.learning_rate) == (epochs, pytest.approx(rate / 2))
    without = team_training(count, replace(given, epochs=0))
    assert (without.epochs, without.learning_rate) == (0, 0.5), "a rate that a recipe may have"
    assert given == TrainingSettings(batch_size=batch_size, learning_rate=0.5)


def test_progress_counts_the_epochs_of_all_learners(
    features: PreparedFeatures, open_recipe: MakeRecipe, seed: int
) -> None:
    heard: list[Any] = []
    train_team(
        features,
        open_recipe(),
        3,
        seed=seed,
        device="cpu",
        progress=lambda *told: heard.append(told),
    )
    total = len(TRAINED)
    told = [one for one in heard if one[0] == "Training"]
    assert told[0] == ("Training", 0, told[0][2])
    assert [done for _, done, *_ in told] == sorted(done for _, done, *_ in told)
    assert told[-1][1:] == (told[0][2], told[0][2], f"{total} of {total} learners")
    assert heard[-1][0] == "Voting"
    assert heard[-1][1] == heard[-1][2]


def test_fewer_frames_than_actions(make_recipe: MakeRecipe, rng: np.random.Generator) -> None:
    X = [rng.normal(size=(n, 5)) for n in (2, 3, 4)]
    segmenter = ActionSegmenter(
        12, team=1, order_prior=0.15, epochs=1, n_init=1, frames_per_recording=8, device="cpu"
    ).fit(X)
    assert len(segmenter.cluster_centers_) == 12
    assert [one.shape for one in segmenter.predict_proba(X)] == [(2, 12), (3, 12), (4, 12)]


@pytest.fixture
def collapse_prone() -> dict[str, Any]:
    """With so little slack between actions, single networks often leave some of them empty."""
    return {
        **{"lambda_actions_train": 0.03, "team": 1, "epochs": 8, "n_init": 3},
        **{"frames_per_recording": 64, "device": "cpu"},
    }


@pytest.mark.parametrize("order", ["fixed", "varied"])
def test_a_team_does_not_collapse_where_learners_do(
    collapse_prone: dict[str, Any], order: str, seed: int
) -> None:
    recordings = make_recordings(6, 5, (80, 160), order=order, random_state=seed)
    segmenter = ActionSegmenter(5, random_state=seed, **collapse_prone).fit(recordings.features)
    # Of 62 sets, one was left with three; networks that collapse leave one or two.
    assert len(np.unique(np.concatenate(segmenter.labels_))) >= 3
    assert evaluate(segmenter.labels_, recordings.ground_truth)["mof"] > 0.4


def test_learners_that_have_collapsed_are_noticed(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Two networks put all frames into one action, whatever is trained, in the team's vote."""
    # One by one, so that the first and the fourth that are trained are those of the team's list.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    recordings = make_recordings(6, 4, (60, 100), noise=0.5, random_state=seed)
    real, broken = room.train, []

    def train(*arguments: Any, **options: Any) -> Any:
        model = real(*arguments, **options)
        broken.append(len(broken) in (0, 3))
        if broken[-1]:
            monkeypatch.setattr(
                model, "decode", lambda seen: SimpleNamespace(labels=seen[:, 0].long() * 0)
            )
        return model

    monkeypatch.setattr(room, "train", train)
    choose = room.choose_candidate
    # Frames alone might do: here the team is to decide.
    monkeypatch.setattr(room, "choose_candidate", lambda found, *rest: choose(found[:1], *rest))
    segmenter = ActionSegmenter(
        4, team=1, radius=8, order_prior=0.15, epochs=2, n_init=3, frames_per_recording=64,
        device="cpu", random_state=seed,
    ).fit(recordings.features)  # fmt: skip
    team = segmenter.model_
    assert [index for index, one in enumerate(broken) if one] == [0, 3]
    assert len(team.learners) == (len(KINDS) + 1) * len(SCALES) + 1
    assert (team.vote.weights[[0, 3]] < 0.01).all()
    assert (team.vote.agreement[[0, 3]] < 0.1).all()
    assert len(np.unique(np.concatenate(segmenter.labels_))) >= 3


@pytest.fixture
def fitted(seed: int) -> tuple[ActionSegmenter, list[np.ndarray]]:
    """The default, but for its size."""
    X = list(make_recordings(4, 3, (40, 80), width=5, random_state=seed).features)
    segmenter = ActionSegmenter(
        3, team=1, epochs=2, n_init=2, frames_per_recording=32, device="cpu", random_state=seed
    )
    return segmenter.fit(X), X


def test_what_was_fitted_is_predicted_the_same(fitted: Any) -> None:
    segmenter, X = fitted
    for one, two in zip(segmenter.predict(X), segmenter.labels_, strict=True):
        np.testing.assert_array_equal(one, two)
    for one in segmenter.transform(X):
        np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, atol=1e-5)
    assert segmenter.transform(X)[0].shape[1] == segmenter.cluster_centers_.shape[1]
    assert segmenter.evidence_.radius.chosen == segmenter.model_.recipe.transport_eval.radius


def test_a_recordings_labels_do_not_depend_on_its_company(fitted: Any, seed: int) -> None:
    segmenter, X = fitted
    strangers = make_recordings(3, 3, (10, 200), width=5, random_state=seed + 1).features
    mixed = [strangers[0], X[1], strangers[1], X[0], strangers[2]]
    together = segmenter.predict(mixed), segmenter.predict_proba(mixed), segmenter.transform(mixed)
    for i, one in enumerate(mixed):
        alone = segmenter.predict(one), segmenter.predict_proba(one), segmenter.transform(one)
        for all_of_them, own in zip(together, alone, strict=True):
            np.testing.assert_array_equal(all_of_them[i], own)


def test_a_fitted_team_survives_joblib(fitted: Any, tmp_path: Path) -> None:
    import joblib

    segmenter, X = fitted
    joblib.dump(segmenter, tmp_path / "segmenter.joblib")
    loaded = joblib.load(tmp_path / "segmenter.joblib")
    for one, two in zip(loaded.predict_proba(X), segmenter.predict_proba(X), strict=True):
        np.testing.assert_array_equal(one, two)
