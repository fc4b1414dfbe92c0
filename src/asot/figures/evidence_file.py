"""What ``evidence.json`` holds: how the settings of a run's models were found."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from asot.schema import Count, Positive, read_json

EVIDENCE_FILE = "evidence.json"  # in the folder of a run

Number = Annotated[float, Meta(ge=-1e9, le=1e9)]
Size = Annotated[float, Meta(ge=1e-9, le=1e9)]
Share = Annotated[float, Meta(ge=0, le=1)]


class RadiusCurve(Struct):
    """The time scales that ``asot.discover`` tried, in frames."""

    chosen: Positive
    radii: Annotated[list[Positive], Meta(min_length=1)]
    score: list[Number]
    segment_length: list[Size]
    fixed: Literal["training", "decoding"] | None = None  # by the recipe, whatever was found

    def __post_init__(self) -> None:
        _check_curve(self, "radii", "score", "segment_length")


class OrderTest(Struct):
    """What recordings share along the way, and what they share by chance, signs at random."""

    share: Number
    by_chance: list[Number]
    p_value: Share
    strength: Share
    drift_p_value: Share | None = None  # earlier versions looked for no drift


class NumberCurve(Struct):
    """The numbers of actions that were tried."""

    chosen: Positive
    ties: list[Positive]
    numbers: Annotated[list[Positive], Meta(min_length=1)]
    score: list[Number]
    agreement: list[Number]
    gain: list[Number]
    kinds: Size | None = None  # earlier versions did not count them
    radius: Positive | None = None

    def __post_init__(self) -> None:
        _check_curve(self, "numbers", "score", "agreement", "gain")


class BackgroundTest(Struct):
    """The distances of frames to other recordings, as a histogram; empty without a search."""

    cost: Number | None
    share: Share
    separation: Number
    near: Number
    far: Number
    edges: list[Number]
    counts: list[Count]

    def __post_init__(self) -> None:
        if self.counts and len(self.edges) != len(self.counts) + 1:
            raise ValueError("must have one edge more than counts")


class LearnerWeight(Struct):
    """A learner of a team, and its weight in the vote."""

    name: str
    weight: Annotated[float, Meta(ge=0, le=1e9)]
    agreement: Number | None = None


class CandidateScores(Struct):
    """The candidates for a result, and the nats a segment by which each describes the frames."""

    chosen: str
    names: Annotated[list[str], Meta(min_length=1)]
    gain: list[Number]
    alike: list[tuple[Count, Count]]

    def __post_init__(self) -> None:
        _check_curve(self, "names", "gain")


class TrustEstimate(Struct):
    """How right a result is, as estimated without labels."""

    verdict: Literal["good", "mixed", "weak"]
    estimate: Share
    agreement: Number
    borne_out: Share
    share: Share
    beyond_noise: bool = True


class ModelEvidence(Struct):
    """The evidence of one model; None for parts without a search."""

    radius: RadiusCurve | None = None
    order: OrderTest | None = None
    n_actions: NumberCurve | None = None
    background: BackgroundTest | None = None
    learners: Annotated[list[LearnerWeight], Meta(min_length=1)] | None = None
    choice: CandidateScores | None = None
    trust: TrustEstimate | None = None
    frame_rate: Size | None = None

    def __post_init__(self) -> None:
        if self.learners is not None and sum(one.weight for one in self.learners) <= 0:
            raise ValueError("must have a learner whose weight is above 0")


def _check_curve(
    values: RadiusCurve | NumberCurve | CandidateScores, tried: str, *found: str
) -> None:
    length = len(getattr(values, tried))
    for name in found:
        if (got := len(getattr(values, name))) != length:
            raise ValueError(f"must have as many {name} as {tried}, {length}, not {got}")
    if values.chosen not in getattr(values, tried):
        raise ValueError(f"must have a chosen value that was tried, not {values.chosen}")


def read_evidence(path: str | os.PathLike[str]) -> dict[str, ModelEvidence]:
    """Read the evidence of each model of a run; empty where there is no file."""
    if not Path(path).exists():
        return {}
    return read_json(Path(path), dict[str, ModelEvidence], "remove it, or train again")
