"""The transport: problem, structure terms, prior, solvers and solution. Arrays in, arrays out."""

from asot.transport.costs import append_background, temporal_prior
from asot.transport.solution import Ending, Objective, Solution, Status
from asot.transport.solve import solve
from asot.transport.streaming import FrameLabels, StreamingDecoder
from asot.transport.structure import (
    Band,
    Complement,
    Dense,
    FeatureBand,
    Joined,
    Structure,
)

__all__ = [
    "Band",
    "Complement",
    "Dense",
    "Ending",
    "FeatureBand",
    "FrameLabels",
    "Joined",
    "Objective",
    "Solution",
    "Status",
    "StreamingDecoder",
    "Structure",
    "append_background",
    "solve",
    "temporal_prior",
]
