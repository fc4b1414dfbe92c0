"""The methods of a benchmark, by name: how each is made from a recipe, and the parts of ASOT.

A method is an estimator (``asot.model.interface.Segmenter``) made from a recipe, a number of
actions and a seed. It sees the features alone, never the ground truth.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
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
        Makes the estimator from a recipe, K, a seed, and whether to keep epochs.
    seeded : bool
        Whether the seed makes a difference; if not, a single seed is run.
    library : (str, str) or None
        A library that it needs, and the extra that brings it.
    """

    title: str
    make: Callable[[Recipe, int, int, bool], Any]
    seeded: bool = True
    library: tuple[str, str] | None = None

    @property
    def available(self) -> bool:
        """Tell whether its library is installed."""
        return self.library is None or find_spec(self.library[0]) is not None


def _asot(recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    from asot.model.segmenter import RecipeSegmenter

    return RecipeSegmenter(recipe, n_actions, keep_epochs=keep_epochs, random_state=seed)


def _network(kind: str, recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    """Make a baseline that trains the recipe's network, which is a single one."""
    from asot import baselines

    alone = replace(recipe, team=0, background=False)
    make = getattr(baselines, kind)
    return make(alone, n_actions, keep_epochs=keep_epochs, random_state=seed)


def _baseline(kind: str, recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    """Make a baseline from those settings of the recipe that it has."""
    from asot import baselines

    # Settings that a recipe leaves open are the paper's here: a baseline does not search for any.
    order_prior, radius = recipe.order_prior, recipe.transport_eval.radius
    settings = {
        "standardise": recipe.dataset.standardise,
        "frames_per_recording": recipe.training.frames_per_recording,
        "order_prior": 0.15 if isinstance(order_prior, str) else order_prior,
        "epsilon": recipe.transport_eval.epsilon,
        "alpha": recipe.transport_eval.alpha,
        "radius": 0.04 if isinstance(radius, str) else radius,
        "lambda_actions": recipe.transport_eval.lambda_actions,
        "random_state": seed,
    }
    made = getattr(baselines, kind)(n_actions)
    known = made.get_params()
    return made.set_params(**{name: one for name, one in settings.items() if name in known})


METHODS: dict[str, Method] = {
    "asot": Method("ASOT", _asot),
    "sela": Method("SeLA", partial(_network, "SeLASegmenter")),
    "tot": Method("TOT", partial(_network, "TOTSegmenter")),
    "kmeans_asot": Method("k-means + ASOT", partial(_baseline, "KMeansTransportSegmenter")),
    "kmeans": Method("k-means", partial(_baseline, "KMeansSegmenter")),
    "cte": Method("CTE decoding", partial(_baseline, "CTESegmenter")),
    "hmm": Method("Gaussian HMM", partial(_baseline, "HMMSegmenter"), library=("hmmlearn", "hmm")),
    "twfinch": Method("TW-FINCH", partial(_baseline, "TWFINCHSegmenter"), seeded=False),
    "uniform": Method("Uniform split", partial(_baseline, "UniformSegmenter"), seeded=False),
}

# The parts of ASOT that can be switched off: the title in tables, and the settings that change.
ABLATIONS: dict[str, tuple[str, dict[str, float | None]]] = {
    "temporal": (
        "ASOT, no temporal term",
        {"transport_train.alpha": 0.0, "transport_eval.alpha": 0.0},
    ),
    "prior": ("ASOT, no order prior", {"order_prior": 0.0}),
    "unbalanced": (
        "ASOT, balanced",
        {"transport_train.lambda_actions": None, "transport_eval.lambda_actions": None},
    ),
    "training": ("ASOT, no training", {"training.epochs": 0}),
    "kmeans": ("ASOT, random start", {"training.kmeans_restarts": 0}),
}
ABLATED = "asot-no-"


def ablate(recipe: Recipe, part: str) -> Recipe:
    """Copy the recipe with a part of ASOT, of ``ABLATIONS``, switched off.

    Examples
    --------
    >>> ablate(Recipe(), "prior").order_prior
    0.0
    """
    changed = copy.deepcopy(recipe)
    for place, value in ABLATIONS[part][1].items():
        group, _, name = place.rpartition(".")
        setattr(getattr(changed, group) if group else changed, name, value)
    return changed


def _ablated(part: str, recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    return _asot(ablate(recipe, part), n_actions, seed, keep_epochs)


def all_methods() -> dict[str, Method]:
    """List all methods in the order of tables: ASOT, ASOT without each part, the others."""
    parts = {
        ABLATED + part: Method(title, partial(_ablated, part))
        for part, (title, _) in ABLATIONS.items()
    }
    return {"asot": METHODS["asot"], **parts, **METHODS}


def find_method(name: str) -> Method:
    """Find a method by its name in results.

    Raises
    ------
    ConfigurationError
        If there is no such method.

    Examples
    --------
    >>> find_method("asot-no-prior").title
    'ASOT, no order prior'
    """
    methods = all_methods()
    if name not in methods:
        raise ConfigurationError(
            f"There is no method {name!r}: choose of {', '.join(METHODS)}, or a part of "
            f"{', '.join(ABLATIONS)} to --ablate.",
            setting="methods",
        )
    return methods[name]


def ordered(methods: Iterable[str]) -> list[str]:
    """Sort names of methods into the order of tables.

    Examples
    --------
    >>> ordered(["kmeans", "asot-no-prior", "asot"])
    ['asot', 'asot-no-prior', 'kmeans']
    """
    return sorted(methods, key=list(all_methods()).index)


def choose_methods(names: Sequence[str] | None, parts: Sequence[str] | None) -> list[str]:
    """Choose the methods to run.

    Parameters
    ----------
    names : sequence of str or None
        Of ``METHODS``, or "all"; None stands for all that are installed, or for ASOT alone where
        parts are switched off, beside which ASOT always stands.
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
            known = ", ".join(ABLATIONS)
            rule = f"--ablate must be of {known}, or all, but is {part!r}."
            raise ConfigurationError(rule, setting="ablate")
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
