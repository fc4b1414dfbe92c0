"""The training loop: its promises on seeds, epochs, interruptions and odd recordings."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from asot.data import Recordings
from asot.discover.number import NumberEvidence
from asot.errors import AsotError, ConfigurationError, DataError
from asot.model import training
from asot.model.automatic import settle
from asot.model.checkpoint import load_model
from asot.model.devices import find_devices
from asot.model.features import Batches, PreparedFeatures, prepare
from asot.model.network import ActionModel, decode
from asot.model.parts import Parts
from asot.model.recipe import Recipe
from asot.model.training import draw_model, start_at_kmeans
from asot.simulation import make_recordings

MakeRecipe = Callable[..., Recipe]


class StoppedError(Exception):
    """What a test stops a training with."""


def weights(model: ActionModel) -> list[np.ndarray]:
    return [one.detach().numpy() for one in model.parameters()]


def assert_same(one: ActionModel, two: ActionModel) -> None:
    for first, second in zip(weights(one), weights(two), strict=True):
        np.testing.assert_array_equal(first, second)


def differs(one: ActionModel, two: ActionModel) -> bool:
    pairs = zip(weights(one), weights(two), strict=True)
    return any(not np.array_equal(first, second) for first, second in pairs)


@pytest.fixture
def train(recordings: Recordings, recipe: Recipe, seed: int) -> Callable[..., ActionModel]:
    def train(recipe: Recipe = recipe, features: Any = None, **options: Any) -> ActionModel:
        raw = recordings.features if features is None else features
        prepared = PreparedFeatures(raw, recipe.dataset.standardise)
        options = {"seed": seed, "device": "cpu", **options}
        return training.train(prepared, recipe, options.pop("n_actions", 3), **options)

    return train


Train = Callable[..., ActionModel]


def test_the_same_seed_gives_the_same_weights(train: Train, seed: int) -> None:
    assert_same(train(), train())
    assert differs(train(), train(seed=seed + 1))


def test_global_generators_are_left_alone(train: Train, tmp_path: Path) -> None:
    path = tmp_path / "one.ckpt"
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    train(validate=True, checkpoint=path)
    load_model(path)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert str(np.random.get_state()) == str(states[1])  # noqa: NPY002
    assert random.getstate() == states[2]


def test_global_generators_do_not_matter(train: Train) -> None:
    torch.manual_seed(1)
    first = train()
    torch.manual_seed(2)
    assert_same(first, train())


def test_validation_changes_nothing(train: Train, recordings: Recordings) -> None:
    assert_same(train(), train(validate=True, ground_truth=recordings.ground_truth))


@pytest.fixture
def many_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Eight of them, however many cores there are."""
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    torch.set_num_threads(8)
    yield
    torch.set_num_threads(before)


def test_any_number_of_threads_learns_the_same(
    make_recipe: MakeRecipe, rng: np.random.Generator
) -> None:
    """So wide that every library would share its products out over threads."""
    recipe = make_recipe(
        transport_train={"radius": "auto"},
        training={"epochs": 1, "frames_per_recording": 256},
        encoder={"hidden": [128]},
    )
    features = [rng.normal(size=(256, 1280)).astype(np.float32) for _ in range(2)]
    found = []
    for threads in (1, 3):
        with threadpool_limits(threads):
            prepared = PreparedFeatures(features, True)
            settled, evidence = settle(recipe, prepared, 3)
            assert evidence.radius is not None
            assert evidence.radius.fixed == "decoding"  # whose radius the recipe gives
            model = training.train(prepared, settled, 3, device="cpu")
            parts = [*weights(model), *decode(model, prepared[0])]
        found.append((str(evidence), [one.tobytes() for one in parts]))
    assert found[0] == found[1]


def test_the_time_scale_lies_near_that_at_which_actions_were_counted(
    make_recipe: MakeRecipe, rng: np.random.Generator
) -> None:
    recipe = make_recipe(transport_eval={"radius": "auto"})
    features = [rng.normal(size=(400, 3)).astype(np.float32) for _ in range(3)]
    prepared = PreparedFeatures(features, True)
    number = NumberEvidence(3, [], [3], [0.0], [0.0], [0.0], radius=7)
    _, evidence = settle(recipe, prepared, 3, number=number)
    assert evidence.radius is not None
    assert evidence.radius.radii == [4, 6, 8, 12, 16, 24]  # 10, but for a factor of three


def test_kmeans_starts_alike_with_many_threads(
    many_threads: None, make_recipe: MakeRecipe, rng: np.random.Generator
) -> None:
    """Threads that add up their shares as they end would round otherwise each time."""
    recipe = make_recipe(training={"frames_per_recording": 4000, "kmeans_restarts": 1})
    features = PreparedFeatures([rng.normal(size=(4000, 8)).astype(np.float32)], False)
    torch.manual_seed(0)
    model = ActionModel(recipe, 8, 12)
    found = set()
    for _ in range(6):
        start_at_kmeans(model, features, 0)
        found.add(model.actions.detach().numpy().tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("epochs", [0, 1, 3])
def test_as_many_epochs_as_asked(train: Train, make_recipe: MakeRecipe, epochs: int) -> None:
    heard: list[Any] = []
    losses: list[float] = []
    train(
        make_recipe(training={"epochs": epochs}),
        progress=lambda *news: heard.append(news),
        parts=Parts(callbacks=[lambda one: losses.append(one.loss)]),
    )
    expected = [("Training", i + 1, epochs, f"loss {loss:.3f}") for i, loss in enumerate(losses)]
    assert (heard, len(losses)) == (expected, epochs)
    assert np.isfinite(losses).all()


def test_without_epochs_the_model_is_the_kmeans_start(
    train: Train, make_recipe: MakeRecipe, recordings: Recordings, seed: int
) -> None:
    recipe = make_recipe(training={"epochs": 0})
    torch.manual_seed(seed)
    model = ActionModel(recipe, 5, 3)
    start_at_kmeans(model, PreparedFeatures(recordings.features, True), seed)
    assert_same(train(recipe), model)


def test_kmeans_sees_the_frames_that_exist_and_no_others(
    recordings: Recordings, make_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []

    class Watched(training.KMeans):
        def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
            seen.append(X.copy())
            return super().fit(X)

    monkeypatch.setattr(training, "KMeans", Watched)
    model = ActionModel(make_recipe(), 5, 3)
    start_at_kmeans(model, PreparedFeatures(recordings.features, True), 0)
    (frames,) = seen
    assert len(frames) == 32 + 20 + 32 + 32 + 5
    everything = np.concatenate([prepare(one.features, True) for one in recordings])
    with torch.no_grad():
        embedded = model.embed(torch.from_numpy(everything)).numpy()
    distances = np.abs(frames[:, None] - embedded[None]).max(axis=2).min(axis=1)
    assert distances.max() < 1e-6
    # Each centre is the mean direction of its frames.
    assert model.actions.norm(dim=1).tolist() == pytest.approx([1, 1, 1], abs=1e-6)
    nearest = ((frames[:, None] - model.actions.detach().numpy()[None]) ** 2).sum(axis=2).argmin(1)
    assert sorted(set(nearest.tolist())) == [0, 1, 2]


def test_embeddings_have_unit_length_at_every_step_and_evaluation(
    train: Train, recordings: Recordings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lengths: list[tuple[str, float]] = []

    def watch(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def watched(self: Any, *arguments: Any, **options: Any) -> Any:
            actions = self.actions.detach()
            lengths.append((name, float((actions.norm(dim=1) - 1).abs().max())))
            return original(self, *arguments, **options)

        monkeypatch.setattr(owner, name, watched)

    watch(ActionModel, "targets")
    watch(ActionModel, "loss_of")
    watch(ActionModel, "transport")
    watch(ActionModel, "log_probabilities")
    model = train(
        validate=True,
        ground_truth=recordings.ground_truth,
        recipe=Recipe.from_dict(
            {
                **{"team": 0, "order_prior": 0.15, "transport_train": {"radius": 0.04}},
                **{"encoder": {"hidden": [8], "width": 6}, "transport_eval": {"radius": 0.04}},
                # Steps so large that embeddings would leave the sphere by far.
                "training": {"epochs": 4, "learning_rate": 0.3, "validate_every": 2},
            }
        ),
    )
    decode(model, prepare(recordings[0].features, True))
    counted = {name: sum(one == name for one, _ in lengths) for name, _ in lengths}
    # Three batches in each of four epochs, and of three validations, whose loss has targets, too.
    assert (counted["targets"], counted["loss_of"]) == (12 + 9, 9)
    assert max(deviation for _, deviation in lengths) < 1e-6


def test_steps_are_those_of_adam(train: Train, recordings: Recordings, seed: int) -> None:
    """The whole of training beside a loop of thirty lines."""
    recipe = Recipe.from_dict(
        {
            **{"team": 0, "order_prior": 0.1, "transport_train": {"radius": 0.04}},
            "encoder": {"hidden": [8], "width": 6},
            "training": {
                **{"epochs": 3, "frames_per_recording": 32, "kmeans_restarts": 2},
                **{"learning_rate": 0.01, "weight_decay": 0.1, "batch_size": 2},
            },
        }
    )
    features = PreparedFeatures(recordings.features, True)
    torch.manual_seed(seed)
    model = ActionModel(recipe, 5, 3)
    start_at_kmeans(model, features, seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=0.1)
    for number in range(3):
        for batch in Batches(features, 32, 2, seed).epoch(number):
            model.actions.data = torch.nn.functional.normalize(model.actions.data, dim=1)
            optimizer.zero_grad()
            model.loss(batch.features, batch.lengths).backward()
            optimizer.step()
    model.actions.data = torch.nn.functional.normalize(model.actions.data, dim=1)
    for one, two in zip(weights(train(recipe)), weights(model), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.parametrize("validate", [False, True])
@pytest.mark.parametrize("stop", [1, 3])
def test_an_interrupted_training_goes_on_as_it_would_have(
    train: Train, make_recipe: MakeRecipe, tmp_path: Path, stop: int, validate: bool
) -> None:
    recipe = make_recipe(training={"epochs": 5, "validate_every": 2})
    whole = train(recipe, validate=validate)
    path = tmp_path / "a name with spaces é.ckpt"

    def interrupt(stage: str, done: int, total: int, note: str = "") -> None:
        if done == stop:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(recipe, checkpoint=path, validate=validate, progress=interrupt)
    heard: list[int] = []
    found = train(
        recipe,
        checkpoint=path,
        validate=validate,
        progress=lambda stage, done, total, note="": heard.append(done),
    )
    assert heard == list(range(stop + 1, 6))
    assert_same(found, whole)
    assert_same(load_model(path), whole)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_finished_training_is_not_repeated(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one.ckpt"
    whole = train(checkpoint=path)
    written = path.stat().st_mtime_ns
    monkeypatch.setattr(training, "find_devices", None)
    assert_same(train(checkpoint=path), whole)
    assert path.stat().st_mtime_ns == written


def test_a_finished_training_without_epochs_is_not_repeated(
    train: Train, make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, path = make_recipe(training={"epochs": 0}), tmp_path / "one.ckpt"
    whole = train(recipe, checkpoint=path)
    assert_same(load_model(path), whole)
    monkeypatch.setattr(training, "find_devices", None)
    assert_same(train(recipe, checkpoint=path), whole)


def test_a_checkpoint_carries_its_recipe_and_no_code(
    train: Train, recipe: Recipe, tmp_path: Path
) -> None:
    path = tmp_path / "one.ckpt"
    model = train(checkpoint=path)
    stored = torch.load(path, weights_only=True)["network"]
    assert {name: value for name, value in stored.items() if name != "weights"} == {
        "recipe": recipe.to_dict(),
        "n_features": 5,
        "n_actions": 3,
    }
    loaded = load_model(path)
    assert isinstance(loaded, ActionModel)
    assert_same(loaded, model)
    assert loaded.recipe == recipe
    assert not loaded.training


def test_a_checkpoint_of_another_training_is_refused(
    train: Train, make_recipe: MakeRecipe, recordings: Recordings, tmp_path: Path
) -> None:
    path = tmp_path / "one.ckpt"
    train(checkpoint=path)
    narrow = [one.features[:, :3] for one in recordings]
    others: dict[str, dict[str, Any]] = {
        "recipe": {"recipe": make_recipe(order_prior=0.9)},
        "n_actions": {"n_actions": 4},
        "n_features": {"features": narrow},
        "seed": {"seed": 7},
    }
    for name, other in others.items():
        with pytest.raises(ConfigurationError, match=r"one\.ckpt was trained with") as caught:
            train(checkpoint=path, **other)
        assert (caught.value.setting, caught.value.file) == (name, path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"\x80\x04."])
def test_a_damaged_checkpoint_is_named(train: Train, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "one.ckpt"
    path.write_bytes(content)
    for use in (lambda: load_model(path), lambda: train(checkpoint=path)):
        with pytest.raises(DataError, match="cannot be read as a checkpoint") as caught:
            use()
        assert caught.value.file == path


def test_a_file_of_another_kind_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(3)}, tmp_path / "other.ckpt")
    with pytest.raises(DataError) as caught:
        load_model(tmp_path / "other.ckpt")
    assert caught.value.file == tmp_path / "other.ckpt"


def test_a_checkpoint_that_would_run_code_is_not_run(tmp_path: Path) -> None:
    class Malice:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "owned",)

    torch.save({"format": Malice()}, tmp_path / "bad.ckpt")
    with pytest.raises(DataError):
        load_model(tmp_path / "bad.ckpt")
    assert not (tmp_path / "owned").exists()


@pytest.fixture
def listening() -> Iterator[Any]:
    """Python's own answer to Ctrl-C; a process in the background may have been started without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_raises_and_leaves_the_checkpoint(
    train: Train, tmp_path: Path, listening: Any
) -> None:
    path = tmp_path / "one.ckpt"

    def interrupt(stage: str, done: int, total: int, note: str = "") -> None:
        if done == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(checkpoint=path, progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is listening
    assert_same(train(checkpoint=path), train())


def test_nothing_is_written_but_the_checkpoint(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    train(validate=True, checkpoint=tmp_path / "one.ckpt")
    assert [one.name for one in tmp_path.iterdir()] == ["one.ckpt"]
    assert capfd.readouterr() == ("", "")


def test_auto_is_never_a_device_without_double_precision(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_devices("auto").device.type == "cpu"
    train(device="auto")


@pytest.mark.parametrize("words", [["abacus"], ["gpu"], ["cpu", "many"], ["cpu", 0]])
def test_a_device_that_is_not_there_is_named(words: list[Any]) -> None:
    if words == ["gpu"] and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigurationError, match="cannot be used here") as caught:
        find_devices(*words)
    assert caught.value.setting == "device"


@pytest.mark.parametrize(
    "lengths", [[1], [1, 1, 300], [2, 31, 32, 33], [256, 257], [5000, 3]], ids=str
)
@pytest.mark.parametrize("standardise", [True, False])
def test_odd_lengths(
    train: Train,
    make_recipe: MakeRecipe,
    lengths: list[int],
    standardise: bool,
    rng: np.random.Generator,
) -> None:
    features = [rng.normal(size=(n, 4)).astype(np.float32) for n in lengths]
    recipe = make_recipe(training={"epochs": 2}, dataset={"standardise": standardise})
    model = train(recipe, features=features)
    assert all(np.isfinite(one).all() for one in weights(model))
    for one in features:
        labels, assignment = decode(model, prepare(one, standardise))
        assert labels.shape == (len(one),)
        assert labels.dtype == np.int64
        assert assignment.shape == (len(one), 3)
        assert assignment.dtype == np.float32
        np.testing.assert_allclose(assignment.sum(axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(labels, assignment.argmax(axis=1))


@pytest.mark.parametrize("n_actions", [1, 2, 40])
def test_any_number_of_actions(
    train: Train, n_actions: int, rng: np.random.Generator, make_recipe: MakeRecipe
) -> None:
    features = [rng.normal(size=(n, 4)).astype(np.float32) for n in (12, 7)]
    model = train(make_recipe(n_actions=n_actions), features=features, n_actions=n_actions)
    labels, assignment = decode(model, prepare(features[0], True))
    assert assignment.shape == (12, n_actions)
    assert set(labels.tolist()) <= set(range(n_actions))


@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_features_that_never_change(
    train: Train, make_recipe: MakeRecipe, standardise: bool, value: float
) -> None:
    features = [np.full((n, 4), value, dtype=np.float32) for n in (50, 20)]
    model = train(make_recipe(dataset={"standardise": standardise}), features=features)
    assert all(np.isfinite(one).all() for one in weights(model))
    assert len(decode(model, prepare(features[0], standardise))[0]) == 50


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int16])
@pytest.mark.parametrize("standardise", [True, False])
def test_types_of_features(
    train: Train, make_recipe: MakeRecipe, dtype: type, standardise: bool, rng: np.random.Generator
) -> None:
    features = [(10 * rng.normal(size=(n, 4))).astype(dtype) for n in (50, 20)]
    recipe = make_recipe(dataset={"standardise": standardise}, training={"epochs": 2})
    exact = [one.astype(np.float32) for one in features]
    for one, two in zip(
        weights(train(recipe, features=features)),
        weights(train(recipe, features=exact)),
        strict=True,
    ):
        np.testing.assert_allclose(one, two, atol=1e-5)


def test_read_only_and_strided_features_are_decoded(train: Train, recordings: Recordings) -> None:
    model = train()
    prepared = prepare(recordings[0].features, True)
    expected, _ = decode(model, prepared)
    frozen = prepared.copy()
    frozen.flags.writeable = False
    for odd in (frozen, np.asfortranarray(prepared), prepared[::-1].copy()[::-1]):
        np.testing.assert_array_equal(decode(model, odd)[0], expected)


def test_a_width_that_differs_is_named(train: Train, recordings: Recordings) -> None:
    features = [one.features for one in recordings]
    features[3] = features[3][:, :2]
    with pytest.raises(DataError, match="Recording 3 has 2 feature columns, but 5 are expected"):
        train(features=features)


def test_decoding_depends_on_nothing_but_the_recording_and_the_weights(
    train: Train, recordings: Recordings
) -> None:
    model = train()
    alone = decode(model, prepare(recordings[2].features, True))
    for one in recordings:
        decode(model, prepare(one.features, True))
    again = decode(model, prepare(recordings[2].features, True))
    for first, second in zip(alone, again, strict=True):
        np.testing.assert_array_equal(first, second)


def test_training_finds_plain_actions(train: Train, make_recipe: MakeRecipe, seed: int) -> None:
    from asot.metrics import evaluate

    plain = make_recordings(6, 3, (150, 250), width=5, noise=0.1, random_state=seed)
    losses: list[float] = []
    model = train(
        make_recipe(training={"epochs": 12, "kmeans_restarts": 10}, encoder={"hidden": [32]}),
        features=plain.features,
        parts=Parts(callbacks=[lambda one: losses.append(one.loss)]),
    )
    # The targets move with the model, so that the loss need not fall.
    assert len(losses) == 12
    assert np.isfinite(losses).all()
    labels = [decode(model, prepare(one.features, True))[0] for one in plain]
    assert evaluate(labels, plain.ground_truth)["mof"] > 0.6


def test_not_finite_features_are_refused_with_a_sentence(train: Train) -> None:
    features = [np.full((9, 2), np.nan, dtype=np.float32)]
    with pytest.raises(AsotError, match="finite"):
        train(features=features)


def test_the_estimator_needs_no_torchmetrics(tmp_path: Path) -> None:
    code = """
import sys
from asot import ActionSegmenter
from asot.simulation import make_recordings
X = make_recordings(3, 2, (20, 30), random_state=0).features
ActionSegmenter(2, team=1, epochs=1, n_init=1, random_state=0).fit(X)
print([name for name in ("torchmetrics",) if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_many_frames_choose_the_restart_on_some_of_them(
    monkeypatch: pytest.MonkeyPatch, recordings: Recordings, recipe: Recipe
) -> None:
    fitted: list[int] = []

    class Watched(training.KMeans):  # type: ignore[misc, name-defined]
        def fit(self, X, y=None, sample_weight=None):  # type: ignore[no-untyped-def]
            fitted.append(len(X))
            return super().fit(X)

    monkeypatch.setattr(training, "KMeans", Watched)
    features = PreparedFeatures(recordings.features, True)
    start_at_kmeans(draw_model(recipe, 5, 3, 0), features, 0)
    monkeypatch.setattr(training, "RESTART_FRAMES", 20)
    start_at_kmeans(draw_model(recipe, 5, 3, 0), features, 0)
    n_frames = 32 + 20 + 32 + 32 + 5
    assert fitted == [n_frames, 20, n_frames]


def test_the_restart_is_chosen_on_frames_of_all_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "RESTART_FRAMES", 40)
    # Every fourth frame is of the first kind: a stride would see no other.
    kinds = np.eye(4, dtype=np.float32)[np.arange(400) % 4]
    centres = training._centres(kinds, 4, 10, 0)
    np.testing.assert_allclose(np.sort(centres.argmax(axis=1)), [0, 1, 2, 3])
