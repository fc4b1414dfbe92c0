"""Reading the checkpoints of a training, without Lightning."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch

from asot.errors import DataError
from asot.model.network import ActionModel
from asot.model.recipe import Recipe
from asot.model.team import TeamModel
from asot.model.teamfile import team_of


def load_model(checkpoint: Path) -> ActionModel | TeamModel:
    """The model of a checkpoint, on the CPU, in evaluation mode: a network or a team of learners.

    Raises
    ------
    DataError
        If the file is no checkpoint of a training.
    """
    stored = read_checkpoint(checkpoint)
    return team_of(stored) if "team" in stored else _network_of(stored)


def load_network(checkpoint: Path) -> ActionModel:
    """The network of a checkpoint of Lightning's, on the CPU, in evaluation mode.

    Raises
    ------
    DataError
        If the file is no checkpoint of a training.
    """
    return _network_of(read_checkpoint(checkpoint))


def _network_of(stored: dict[str, Any]) -> ActionModel:
    arguments = stored["hyper_parameters"]
    with torch.random.fork_rng(devices=[]):
        model = ActionModel(
            Recipe.from_dict(arguments["recipe"]), arguments["n_features"], arguments["n_actions"]
        )
    weights = {
        name.removeprefix("model."): value
        for name, value in stored["state_dict"].items()
        if name.startswith("model.")
    }
    model.load_state_dict(weights)
    return model.eval()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, on the CPU.

    Raises
    ------
    DataError
        If the file is no checkpoint of a training.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can lead the reader anywhere
        raise DataError(f"{path} is no checkpoint that can be read: train again.") from error
    parts = {"hyper_parameters", "state_dict", "epoch"}
    if not isinstance(stored, dict) or not parts <= set(stored):
        raise DataError(f"{path} is no checkpoint of asot: it lacks {', '.join(sorted(parts))}.")
    return stored
