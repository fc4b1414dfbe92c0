"""The methods of a benchmark by name, and the parts of the paper's method that it can switch off.

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

from asot.benchmark.own import OWN, is_class, make_own, read_settings, set_on, spaced, split_name
from asot.errors import ConfigurationError, MissingExtraError
from asot.model.recipe import AUTO, Recipe, load_recipe

_USES = ("transport_train", "transport_eval")


@dataclass(frozen=True)
class Method:
    """A method to compare."""

    title: str  # its name in tables
    what: str  # what it is, for the legend under a table
    make: Callable[[Recipe, int, int, bool], Any]  # from a recipe, K, a seed, "keep epochs"
    seeded: bool = True  # whether the seed makes a difference; if not, a single seed is run
    library: tuple[str, str] | None = None  # that it needs, and the extra that brings it
    descends: bool = False  # from ASOT: run where it is asked for, by name or among all

    @property
    def available(self) -> bool:
        """Tell whether its library is installed."""
        return self.library is None or find_spec(self.library[0]) is not None


def paper_network(recipe: Recipe) -> Recipe:
    """Return the paper's single network for the data of a recipe.

    A recipe that is one keeps all its settings. In others, one network takes the place of a team,
    and the recipe ``paper``'s numbers that of settings to be found: all their other defaults agree.
    """
    paper = load_recipe("paper")
    alone = replace(copy.deepcopy(recipe), team=0, background=False)
    if alone.order_prior == AUTO:
        alone.order_prior = paper.order_prior
    for use in _USES:
        own = getattr(alone, use)
        if own.radius == AUTO:
            own.radius = getattr(paper, use).radius
    return alone


def default_team(recipe: Recipe) -> Recipe:
    """Return asot's default for the data of a recipe: the recipe itself, unless it is the paper's.

    In place of the paper's network, it is the recipe ``default`` with the recipe's data set and
    numbers of actions; it standardises whatever the data set.
    """
    if paper_network(recipe) != recipe:
        return recipe
    return Recipe(n_actions=recipe.n_actions, dataset=replace(recipe.dataset, standardise=True))


def _paper(part: str | None, recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    """Make the paper's network, or the network without a part of it."""
    from asot.model.segmenter import RecipeSegmenter

    own = paper_network(recipe)
    own = own if part is None else ablate(own, part)
    return RecipeSegmenter(own, n_actions, keep_epochs=keep_epochs, random_state=seed)


def _default(recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    """Make asot's default."""
    from asot.model.segmenter import RecipeSegmenter

    own = default_team(recipe)
    return RecipeSegmenter(own, n_actions, keep_epochs=keep_epochs, random_state=seed)


def _network(
    kind: str, recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool, **settings: Any
) -> Any:
    """Make a baseline that trains the paper's network."""
    from asot import baselines

    settings = {**settings, "keep_epochs": keep_epochs, "random_state": seed}
    return getattr(baselines, kind)(paper_network(recipe), n_actions, **settings)


def _baseline(kind: str, recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool) -> Any:
    """Make a baseline with those settings of the paper's network that it has parameters for."""
    from asot import baselines

    own = paper_network(recipe)
    settings = {
        "standardise": own.dataset.standardise,
        "frames_per_recording": own.training.frames_per_recording,
        "order_prior": own.order_prior,
        "epsilon": own.transport_eval.epsilon,
        "alpha": own.transport_eval.alpha,
        "radius": own.transport_eval.radius,
        "lambda_actions": own.transport_eval.lambda_actions,
        "random_state": seed,
    }
    made = getattr(baselines, kind)(n_actions)
    known = made.get_params()
    return made.set_params(**{name: one for name, one in settings.items() if name in known})


def _class(
    name: str, text: str, recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool
) -> Any:
    """Make a class of the user's own."""
    offered = {"recipe": paper_network(recipe), "n_actions": n_actions, "random_state": seed}
    return make_own(name, offered | {"keep_epochs": keep_epochs}, read_settings(text))


def _other(
    row: str, text: str, recipe: Recipe, n_actions: int, seed: int, keep_epochs: bool
) -> Any:
    """Make a method with other settings."""
    made = all_methods()[row].make(recipe, n_actions, seed, keep_epochs)
    return set_on(made, row, read_settings(text))


METHODS: dict[str, Method] = {
    "paper": Method(
        "ASOT (paper)",
        "the paper's single network and settings (Xu and Gould, CVPR 2024)",
        partial(_paper, None),
    ),
    "default": Method(
        "asot default",
        "the recipe as given; where that is the paper's network, the recipe default: a team of "
        "learners that votes, radius and order prior found",
        _default,
    ),
    "sela": Method(
        "SeLA",
        "the paper's network; pseudo-labels by balanced transport without time; each frame its "
        "most probable action (Asano, Rupprecht and Vedaldi, ICLR 2020)",
        partial(_network, "SeLASegmenter"),
    ),
    "tot": Method(
        "TOT",
        "as SeLA, with a Gaussian prior around one order of the actions; Viterbi in the estimated "
        "order (Kumar et al., CVPR 2022)",
        partial(_network, "TOTSegmenter"),
    ),
    "vasot": Method(
        "VASOT",
        "the paper's network; frames of one recording as targets of another, aligned by the "
        "transport, join its loss (Ali et al., ICCV 2025)",
        partial(_network, "VASOTSegmenter"),
        descends=True,
    ),
    "closed_loop": Method(
        "Closed loop",
        "the paper's network; queries attend to the frames and become segments, which refine the "
        "frames; pseudo-labels of all three (after CLOT: Bueno-Benito and Dimiccoli, ICCV 2025)",
        partial(_network, "ClosedLoopSegmenter"),
        descends=True,
    ),
    "prototypes": Method(
        "Prototypes",
        "the paper's network; actions are the moving average of the frames that the plan gives "
        "them (after D-CLOT, 2026)",
        partial(_network, "PrototypeSegmenter"),
        descends=True,
    ),
    "prototypes_smooth": Method(
        "Prototypes, smooth",
        "as Prototypes, and embeddings are drawn to those of neighbours in features and time",
        partial(_network, "PrototypeSegmenter", smoothness=0.1),
        descends=True,
    ),
    "own_order": Method(
        "ASOT, own orders",
        "the paper's network; the order prior pulls each recording to its own order, estimated "
        "after each epoch (idea of UFSA, Tran et al., WACV 2024)",
        partial(_network, "OwnOrderSegmenter"),
        descends=True,
    ),
    "views": Method(
        "Several views",
        "the paper's network; a cost summed over two halves of the columns, each with an encoder "
        "and action vectors of its own (TASOT, Mohamed et al. 2026)",
        partial(_network, "ViewsSegmenter"),
        descends=True,
    ),
    "uncertain": Method(
        "ASOT, uncertain",
        "the paper's network with a mean and a spread of each frame's embedding; mean plans of "
        "samples (idea of PEOT, Li, Vu and Gall, ECCV 2026)",
        partial(_network, "UncertainSegmenter"),
        descends=True,
    ),
    "hierarchy": Method(
        "ASOT, sub-actions",
        "the paper's network with two sub-actions under each action, whose cost is that of the "
        "nearest (idea of HVQ, Spurio et al., AAAI 2025)",
        partial(_network, "HierarchySegmenter"),
        descends=True,
    ),
    "cte": Method(
        "CTE",
        "an embedding that regresses each frame's relative time, then CTE decoding (Kukleva et "
        "al., CVPR 2019)",
        partial(_baseline, "CTESegmenter"),
    ),
    "cte_decoding": Method(
        "CTE decoding",
        "on the features as they are: k-means, clusters ordered by mean time, Gaussian "
        "likelihoods, Viterbi in that order",
        partial(_baseline, "CTEDecodingSegmenter"),
    ),
    "kmeans_asot": Method(
        "k-means + ASOT",
        "k-means on the features, decoded by ASOT's transport; nothing trained",
        partial(_baseline, "KMeansTransportSegmenter"),
    ),
    "kmeans": Method(
        "k-means",
        "on the features, nearest centre (Lloyd 1982)",
        partial(_baseline, "KMeansSegmenter"),
    ),
    "hmm": Method(
        "Gaussian HMM",
        "a hidden Markov model with diagonal covariances (Rabiner 1989)",
        partial(_baseline, "HMMSegmenter"),
        library=("hmmlearn", "hmm"),
    ),
    "twfinch": Method(
        "TW-FINCH",
        "temporally weighted hierarchical clustering of each recording by itself (Sarfraz et al., "
        "CVPR 2021)",
        partial(_baseline, "TWFINCHSegmenter"),
        seeded=False,
    ),
    "uniform": Method(
        "Uniform split",
        "K equal parts in one order",
        partial(_baseline, "UniformSegmenter"),
        seeded=False,
    ),
}

# The parts of the paper's method that can be switched off: what is lacking, in words and in more
# words, and the settings that change.
ABLATIONS: dict[str, tuple[str, str, dict[str, float | None]]] = {
    "temporal": (
        "no temporal term",
        "alpha 0 in training and decoding",
        {f"{use}.alpha": 0.0 for use in _USES},
    ),
    "prior": ("no order prior", "order_prior 0", {"order_prior": 0.0}),
    "unbalanced": (
        "balanced",
        "no slack in the action marginal: every action equally long in each recording",
        {f"{use}.lambda_actions": None for use in _USES},
    ),
    "training": (
        "no training",
        "0 epochs: the k-means start of the untrained network, decoded",
        {"training.epochs": 0},
    ),
    "kmeans": (
        "random start",
        "no k-means: action embeddings where they were drawn",
        {"training.kmeans_restarts": 0},
    ),
}
ABLATED = "paper-no-"


def ablate(recipe: Recipe, part: str) -> Recipe:
    """Copy the recipe of a network with a part, of ``ABLATIONS``, switched off."""
    changed = copy.deepcopy(recipe)
    for place, value in ABLATIONS[part][2].items():
        group, _, name = place.rpartition(".")
        setattr(getattr(changed, group) if group else changed, name, value)
    return changed


def all_methods() -> dict[str, Method]:
    """List all methods in the order of tables: the paper's, without each part, the others."""
    paper = METHODS["paper"]
    parts = {
        ABLATED + part: Method(f"{paper.title}, {title}", what, partial(_paper, part))
        for part, (title, what, _) in ABLATIONS.items()
    }
    return {"paper": paper, **parts, **METHODS}


def known(name: str) -> Method | None:
    """Return the method of a name in results, None of another name; nothing is imported."""
    base, settings = split_name(name)
    method = all_methods().get(base)
    if method is None:
        return Method(name, OWN, partial(_class, base, settings)) if is_class(base) else None
    if not settings:
        return method if base == name else None
    title = f"{method.title} ({settings})"
    return replace(method, title=title, make=partial(_other, base, settings))


def find_method(name: str) -> Method:
    """Find a method by its name in results."""
    method = known(name)
    if method is None:
        raise ConfigurationError(
            f"There is no method {name!r}: choose of {', '.join(METHODS)}, a part of "
            f"{', '.join(ABLATIONS)} to --ablate, a row with other settings, as "
            "own_order(every=2), or a class of your own, as my_module:MySegmenter.",
            setting="methods",
        )
    return method


def ordered(methods: Iterable[str]) -> list[str]:
    """Sort names of methods into the order of tables; classes of one's own are the last."""
    places = {name: place for place, name in enumerate(all_methods())}
    return sorted(methods, key=lambda name: (places.get(split_name(name)[0], len(places)), name))


def choose_methods(names: Sequence[str] | None, parts: Sequence[str] | None) -> list[str]:
    """Choose the methods to run, of ``METHODS``, and the parts of the paper's to switch off.

    ``None`` stands for the methods that are installed and no descendants of ASOT, or for the
    paper's alone where parts are switched off: it always stands beside itself without a part.
    """
    parts = list(ABLATIONS) if list(parts or []) == ["all"] else list(parts or [])
    for part in parts:
        if part not in ABLATIONS:
            rule = f"--ablate must be of {', '.join(ABLATIONS)}, or all, but is {part!r}."
            raise ConfigurationError(rule, setting="ablate")
    if names is None and parts:
        chosen = ["paper"]
    elif names is None or list(names) == ["all"]:
        given = {
            name: one for name, one in METHODS.items() if names is not None or not one.descends
        }
        chosen = [name for name, method in given.items() if method.available]
    else:
        chosen = [spaced(name) for name in names]
        for name in chosen:
            method = find_method(name)
            if not method.available and method.library is not None:
                raise MissingExtraError(*method.library, f"The method {name!r}")
            if name not in all_methods():
                method.make(Recipe(), 2, 0, False)  # refuses what cannot be, before work
    beside = ["paper"] if parts else []
    return list(dict.fromkeys([*beside, *chosen, *(ABLATED + part for part in parts)]))
