"""The methods of a benchmark, by name: how each is made from a recipe, and what it can do.

A method is an estimator (``model.segmenter.Segmenter``) made from a recipe, a number of actions
and a seed. It sees the features alone, never the ground truth.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Any

from asot.errors import ConfigurationError, MissingExtraError
from asot.model.recipe import Recipe


@dataclass(frozen=True)
class Method:
    """A method to compare.

    Attributes
    ----------
    title : str
        Its name in tables.
    make : callable
        From a recipe, K and a seed, the estimator; the fourth argument asks it to keep epochs.
    seeded : bool
        Whether the seed makes a difference; if not, one seed is run.
    library : (str, str) or None
        A library that it needs, and the extra that brings it.
    """

    title: str
    make: Callable[[Recipe, int, int, bool], Any]
    seeded: bool = True
    library: tuple[str, str] | None = None

    @property
    def available(self) -> bool:
        """Whether its library is installed."""
        return self.library is None or find_spec(self.library[0]) is not None


def _asot(recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    from asot.model.segmenter import RecipeSegmenter

    return RecipeSegmenter(recipe, n_actions, keep_epochs=keep_epochs, random_state=seed)


def _alone(recipe: Recipe) -> Recipe:
    """The recipe for one network."""
    return replace(recipe, team=0, background=False)


def _sela(recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    from asot.baselines.sela import SeLASegmenter

    return SeLASegmenter(_alone(recipe), n_actions, keep_epochs=keep_epochs, random_state=seed)


def _tot(recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    from asot.baselines.tot import TOTSegmenter

    return TOTSegmenter(_alone(recipe), n_actions, keep_epochs=keep_epochs, random_state=seed)


def _kmeans(recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    from asot.baselines import KMeansSegmenter

    return KMeansSegmenter(
        n_actions,
        standardise=recipe.dataset.standardise,
        frames_per_recording=recipe.training.frames_per_recording,
        random_state=seed,
    )


def _kmeans_asot(recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    from asot.baselines import KMeansTransportSegmenter

    # Settings that a recipe leaves open are the paper's here: a baseline searches for none.
    order_prior, radius = recipe.order_prior, recipe.transport_eval.radius
    return KMeansTransportSegmenter(
        n_actions,
        standardise=recipe.dataset.standardise,
        frames_per_recording=recipe.training.frames_per_recording,
        order_prior=0.15 if isinstance(order_prior, str) else order_prior,
        epsilon=recipe.transport_eval.epsilon,
        alpha=recipe.transport_eval.alpha,
        radius=0.04 if isinstance(radius, str) else radius,
        lambda_actions=recipe.transport_eval.lambda_actions,
        random_state=seed,
    )


def _cte(recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    from asot.baselines import CTESegmenter

    return CTESegmenter(
        n_actions,
        standardise=recipe.dataset.standardise,
        frames_per_recording=recipe.training.frames_per_recording,
        random_state=seed,
    )


def _hmm(recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    from asot.baselines import HMMSegmenter

    return HMMSegmenter(
        n_actions,
        standardise=recipe.dataset.standardise,
        frames_per_recording=recipe.training.frames_per_recording,
        random_state=seed,
    )


def _twfinch(recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    from asot.baselines import TWFINCHSegmenter

    return TWFINCHSegmenter(n_actions, standardise=recipe.dataset.standardise)


def _uniform(recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    from asot.baselines import UniformSegmenter

    return UniformSegmenter(n_actions)


METHODS: dict[str, Method] = {
    "asot": Method("ASOT", _asot),
    "sela": Method("SeLA", _sela),
    "tot": Method("TOT", _tot),
    "kmeans_asot": Method("k-means + ASOT", _kmeans_asot),
    "kmeans": Method("k-means", _kmeans),
    "cte": Method("CTE decoding", _cte),
    "hmm": Method("Gaussian HMM", _hmm, library=("hmmlearn", "hmm")),
    "twfinch": Method("TW-FINCH", _twfinch, seeded=False),
    "uniform": Method("Uniform split", _uniform, seeded=False),
}


def _without_temporal(recipe: Recipe) -> None:
    recipe.transport_train.alpha = recipe.transport_eval.alpha = 0.0


def _without_prior(recipe: Recipe) -> None:
    recipe.order_prior = 0.0


def _without_unbalanced(recipe: Recipe) -> None:
    recipe.transport_train.lambda_actions = recipe.transport_eval.lambda_actions = None


def _without_training(recipe: Recipe) -> None:
    recipe.training.epochs = 0


def _without_kmeans(recipe: Recipe) -> None:
    recipe.training.kmeans_restarts = 0


# What can be switched off, what the row is called, and how a recipe is changed in place.
ABLATIONS: dict[str, tuple[str, Callable[[Recipe], None]]] = {
    "temporal": ("ASOT, no temporal term", _without_temporal),
    "prior": ("ASOT, no order prior", _without_prior),
    "unbalanced": ("ASOT, balanced", _without_unbalanced),
    "training": ("ASOT, no training", _without_training),
    "kmeans": ("ASOT, random start", _without_kmeans),
}
ABLATED = "asot-no-"


def ablate(recipe: Recipe, part: str) -> Recipe:
    """The recipe with a part of ASOT switched off.

    Parameters
    ----------
    recipe : Recipe
        Stays as it is.
    part : {"temporal", "prior", "unbalanced", "training", "kmeans"}
        The temporal term in training and decoding; the order prior; the slack of the action
        marginal, in both; the training; the k-means start.

    Examples
    --------
    >>> ablate(Recipe(), "prior").order_prior
    0.0
    """
    changed = copy.deepcopy(recipe)
    ABLATIONS[part][1](changed)
    return changed


def _ablated(part: str, recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    return _asot(ablate(recipe, part), n_actions, seed, keep_epochs)


def find_method(name: str) -> Method:
    """A method by its name in results: one of ``METHODS``, or ASOT without a part.

    Examples
    --------
    >>> find_method("asot-no-prior").title
    'ASOT, no order prior'
    """
    if name in METHODS:
        return METHODS[name]
    part = name.removeprefix(ABLATED)
    if not is_method(name):
        raise ConfigurationError(
            f"There is no method {name!r}: choose of {', '.join(METHODS)}, or a part of "
            f"{', '.join(ABLATIONS)} to --ablate."
        )
    return Method(ABLATIONS[part][0], partial(_ablated, part))


def is_method(name: str) -> bool:
    """Whether there is such a method, or ASOT without such a part."""
    return name in METHODS or name in {ABLATED + part for part in ABLATIONS}


def choose_methods(names: Sequence[str] | None, parts: Sequence[str] | None) -> list[str]:
    """Names of the methods to run, checked.

    Parameters
    ----------
    names : sequence of str or None
        Of ``METHODS``, or "all"; all that are installed unless given, or ASOT alone where parts
        are to be switched off, beside which it always stands.
    parts : sequence of str or None
        Of ``ABLATIONS``, or "all".

    Raises
    ------
    ConfigurationError, MissingExtraError
        If a name is unknown, or a method that was asked for is not installed.

    Examples
    --------
    >>> choose_methods(None, ["prior"])
    ['asot', 'asot-no-prior']
    """
    parts = list(ABLATIONS) if list(parts or []) == ["all"] else list(parts or [])
    for part in parts:
        if part not in ABLATIONS:
            raise ConfigurationError(
                f"--ablate must be of {', '.join(ABLATIONS)}, or all, but is {part!r}."
            )
    if names is None and parts:
        chosen = ["asot"]
    elif names is None or list(names) == ["all"]:
        chosen = [name for name, method in METHODS.items() if method.available]
    else:
        chosen = list(names)
        for name in chosen:
            method = find_method(name)
            if not method.available and method.library is not None:
                raise MissingExtraError(*method.library, f"The method {name!r}")
    beside = ["asot"] if parts else []
    return list(dict.fromkeys([*beside, *chosen, *(ABLATED + part for part in parts)]))
