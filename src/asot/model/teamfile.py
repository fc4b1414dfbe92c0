"""Teams, and learners of a team that are done, as files that torch reads with weights only."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from asot.discover.background import Background, BackgroundEvidence
from asot.discover.prototypes import Prototypes
from asot.errors import DataError
from asot.files import atomic_path
from asot.model.network import ActionModel
from asot.model.recipe import Recipe
from asot.model.team import Learner, TeamModel
from asot.model.views import View
from asot.model.vote import Vote


def save_team(path: Path, team: TeamModel) -> None:
    """Write a team, atomically."""
    write(
        path,
        {
            "hyper_parameters": {
                "recipe": team.recipe.to_dict(),
                "n_features": team.n_features,
                "n_actions": team.n_actions,
            },
            "state_dict": {},
            "epoch": team.recipe.training.epochs,
            "team": [learner_state(one) for one in team.learners],
            "background": _background_state(team.background),
            "vote": {
                name: torch.from_numpy(value)
                for name, value in (
                    ("columns", team.vote.columns),
                    ("weights", team.vote.weights),
                    ("agreement", team.vote.agreement),
                )
            },
        },
    )


def team_of(stored: dict[str, Any]) -> TeamModel:
    """The team of what ``save_team`` wrote."""
    arguments = stored["hyper_parameters"]
    vote = Vote(**{name: value.numpy() for name, value in stored["vote"].items()})
    return TeamModel(
        Recipe.from_dict(arguments["recipe"]),
        arguments["n_features"],
        arguments["n_actions"],
        [learner_of(one) for one in stored["team"]],
        vote,
        _background_of(stored["background"]),
    )


def _background_state(background: Background | None) -> dict[str, Any] | None:
    if background is None:
        return None
    return {
        "evidence": background.evidence.to_dict(),
        "references": [torch.from_numpy(one) for one in background.references],
        "radius": background.radius,
    }


def _background_of(state: dict[str, Any] | None) -> Background | None:
    if state is None:
        return None
    references = [one.numpy() for one in state["references"]]
    return Background(BackgroundEvidence(**state["evidence"]), references, state["radius"])


def learner_state(learner: Learner) -> dict[str, Any]:
    """A learner as tensors, numbers and text."""
    model, view = learner.model, learner.view
    state: dict[str, Any] = {"title": learner.title, "view": None}
    if view is not None:
        state["view"] = {
            "kind": view.kind,
            "half": view.half,
            "centre": torch.from_numpy(view.centre),
            "spread": torch.from_numpy(view.spread),
        }
    if isinstance(model, Prototypes):
        state["prototypes"] = {
            "centres": torch.from_numpy(model.centres),
            "radius": model.radius,
            "order": None if model.order is None else torch.from_numpy(model.order),
            "order_weight": model.order_weight,
        }
    else:
        state["network"] = {
            "recipe": model.recipe.to_dict(),
            "n_features": model.n_features,
            "n_actions": model.n_actions,
            "weights": model.state_dict(),
        }
    return state


def learner_of(state: dict[str, Any]) -> Learner:
    """The inverse of ``learner_state``."""
    view = state["view"]
    if view is not None:
        arrays = {name: view[name].numpy() for name in ("centre", "spread")}
        view = View(view["kind"], view["half"], **arrays)
    if "prototypes" in state:
        kept = dict(state["prototypes"])
        kept["centres"] = kept["centres"].numpy()
        kept["order"] = None if kept["order"] is None else kept["order"].numpy()
        return Learner(state["title"], view, Prototypes(**kept))
    network = state["network"]
    with torch.random.fork_rng(devices=[]):
        model = ActionModel(
            Recipe.from_dict(network["recipe"]), network["n_features"], network["n_actions"]
        )
    model.load_state_dict(network["weights"])
    return Learner(state["title"], view, model.eval())


def write(path: Path, values: dict[str, Any]) -> None:
    """Write values for ``torch.load``, atomically."""
    # In memory first: of a full disk torch says no more than "unexpected pos".
    stream = io.BytesIO()
    torch.save(values, stream)
    with atomic_path(path) as part:
        part.write_bytes(stream.getbuffer())


def read_learner(path: Path) -> Learner | None:
    """A learner that was kept; None where there is none.

    Raises
    ------
    DataError
        If the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        return learner_of(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # a damaged file can lead the reader anywhere
        raise DataError(f"{path} is no learner that can be read: remove it.") from error
