"""The methods of a benchmark by name, and the parts of ASOT that it can switch off.

A method is an estimator (``asot.model.segmenter.Segmenter``) made from a recipe, a number of
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
    """A method to compare."""

    title: str  # its name in tables
    make: Callable[[Recipe, int, int, bool], Any]  # from a recipe, K, a seed, "keep epochs"
    seeded: bool = True  # whether the seed makes a difference; if not, a single seed is run
    library: tuple[str, str] | None = None  # that it needs, and the extra that brings it

    @property
    def available(self) -> bool:
        """Tell whether its library is installed."""
        return self.library is None or find_spec(self.library[0]) is not None


def _asot(part: str | None, recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    """Make ASOT, or ASOT without a part."""
    from asot.model.segmenter import RecipeSegmenter

    recipe = recipe if part is None else ablate(recipe, part)
    return RecipeSegmenter(recipe, n_actions, keep_epochs=keep_epochs, random_state=seed)


def _network(kind: str, recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    """Make a baseline that trains the recipe's network, which is a single one."""
    from asot import baselines

    alone = replace(recipe, team=0, background=False)
    return getattr(baselines, kind)(alone, n_actions, keep_epochs=keep_epochs, random_state=seed)


def _baseline(kind: str, recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    """Make a baseline with those settings of the recipe that it has parameters for."""
    from asot import baselines

    # A baseline does not search for settings that a recipe leaves open: it takes the paper's.
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
    "asot": Method("ASOT", partial(_asot, None)),
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
_USES = ("transport_train", "transport_eval")
ABLATIONS: dict[str, tuple[str, dict[str, float | None]]] = {
    "temporal": ("ASOT, no temporal term", {f"{use}.alpha": 0.0 for use in _USES}),
    "prior": ("ASOT, no order prior", {"order_prior": 0.0}),
    "unbalanced": ("ASOT, balanced", {f"{use}.lambda_actions": None for use in _USES}),
    "training": ("ASOT, no training", {"training.epochs": 0}),
    "kmeans": ("ASOT, random start", {"training.kmeans_restarts": 0}),
}
ABLATED = "asot-no-"


def ablate(recipe: Recipe, part: str) -> Recipe:
    """Copy the recipe with a part of ASOT, of ``ABLATIONS``, switched off."""
    changed = copy.deepcopy(recipe)
    for place, value in ABLATIONS[part][1].items():
        group, _, name = place.rpartition(".")
        setattr(getattr(changed, group) if group else changed, name, value)
    return changed


def all_methods() -> dict[str, Method]:
    """List all methods in the order of tables: ASOT, ASOT without each part, the others."""
    titles = {part: title for part, (title, _) in ABLATIONS.items()}
    parts = {ABLATED + part: Method(one, partial(_asot, part)) for part, one in titles.items()}
    return {"asot": METHODS["asot"], **parts, **METHODS}


def find_method(name: str) -> Method:
    """Find a method by its name in results."""
    methods = all_methods()
    if name not in methods:
        raise ConfigurationError(
            f"There is no method {name!r}: choose of {', '.join(METHODS)}, or a part of "
            f"{', '.join(ABLATIONS)} to --ablate.",
            setting="methods",
        )
    return methods[name]


def ordered(methods: Iterable[str]) -> list[str]:
    """Sort names of methods into the order of tables."""
    return sorted(methods, key=list(all_methods()).index)


def choose_methods(names: Sequence[str] | None, parts: Sequence[str] | None) -> list[str]:
    """Choose the methods to run, of ``METHODS``, and the parts of ASOT to switch off.

    ``None`` stands for all methods that are installed, or for ASOT alone where parts are switched
    off: ASOT always stands beside itself without a part.
    """
    parts = list(ABLATIONS) if list(parts or []) == ["all"] else list(parts or [])
    for part in parts:
        if part not in ABLATIONS:
            rule = f"--ablate must be of {', '.join(ABLATIONS)}, or all, but is {part!r}."
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
