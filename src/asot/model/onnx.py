"""A network, or a team of them, as an ONNX graph: all that comes before the transport.

The input is one recording as it is, ``features`` (N, D) float32; preparing it and the windows of
views are in the graph, in float64 as in Python. The outputs are those of ``transform``,
``embedding`` (N, d), and the cosine similarity to each action, ``similarity`` (N, K). A team's is
the mean of its learners', weighed as they vote.

The metadata ``solve`` holds the arguments for :func:`asot.solve` as JSON, and ``order_prior`` the
strength for :func:`asot.temporal_prior`, which is added to ``1 - similarity``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from asot.data.frames import LEAP
from asot.discover.prototypes import Prototypes
from asot.discover.views import View
from asot.errors import ArgumentError, MissingExtraError
from asot.files import atomic_path
from asot.graphs import GraphWriter
from asot.model.network import ActionModel
from asot.model.team import Learner, TeamModel

ALL = int(np.iinfo(np.int64).max)  # an end of a slice


def write_onnx(path: Path, model: ActionModel | TeamModel) -> None:
    """Write the graph of a model into a file.

    Raises
    ------
    ArgumentError
        If the model has learnt from known frames, which acts after the transport.
    MissingExtraError
        Without onnx, which the extra ``onnx`` brings.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("onnx", "onnx", "ActionSegmenter.to_onnx") from error
    if isinstance(model, TeamModel) and model.lessons is not None:
        raise ArgumentError(
            "to_onnx writes what comes before the transport, but what this segmenter learnt from "
            "known frames acts after it: fit it without y.",
            setting="y",
        )
    if isinstance(model, ActionModel) and {"encoder", "cost"} & set(model.parts.given):
        raise ArgumentError(
            "to_onnx writes asot's own encoder and cost, but this segmenter has one of yours: "
            "export model_.encoder with torch.onnx.export.",
            setting="encoder",
        )
    writer = _ModelWriter()
    features = "features"
    if model.recipe.dataset.standardise:
        features = writer.standardise(features, model.n_features)
    if model.recipe.preparation == "despiked":
        features = writer.standardise(writer.without_spikes(features), model.n_features)
    if isinstance(model, TeamModel):
        voters = zip(model.learners, np.sqrt(model.vote.weights), strict=True)
        parts = [
            writer.add("Mul", writer.learner(features, one), writer.constant(np.float32(weight)))
            for one, weight in voters
        ]
        embedding = writer.add("Concat", *parts, axis=1)
    else:
        embedding = writer.network(features, model)
    actions = model.actions.detach().numpy().T
    writer.name(embedding, "embedding")
    writer.name(writer.add("MatMul", embedding, writer.constant(actions)), "similarity")
    width, n_actions = actions.shape
    kind = onnx.TensorProto.FLOAT
    graph = writer.model(
        "asot",
        {"features": (kind, ["N", model.n_features])},
        {"embedding": (kind, ["N", width]), "similarity": (kind, ["N", n_actions])},
    )
    onnx.helper.set_model_props(graph, _settings(model))
    with atomic_path(path) as part:
        part.write_bytes(graph.SerializeToString())


def _settings(model: ActionModel | TeamModel) -> dict[str, str]:
    """Return the settings of the transport that follows, as JSON."""
    solve: dict[str, Any] = dict(vars(model.recipe.transport_eval))
    order_prior: Any = model.recipe.order_prior
    if isinstance(model, TeamModel):
        # The learners' own priors are in their votes, not in these similarities.
        order_prior = 0.0
        solve["lambda_actions"] = model.decoding.penalty
        solve["radius"] *= model.decoding.band
        if isinstance(model.recipe.transport_eval.radius, int):
            solve["radius"] = max(1, round(solve["radius"]))
    return {"solve": json.dumps(solve), "order_prior": json.dumps(order_prior)}


class _ModelWriter(GraphWriter):
    """A graph from one recording's features (N, D) on; all arrays are frames by columns."""

    def learner(self, features: str, learner: Learner) -> str:
        """Add the embedding of a learner of a team, (N, d)."""
        if isinstance(learner.model, Prototypes):
            rows = self.window_mean(self.double(features), round(learner.model.radius / 2))
            return self.single(self.unit_rows(rows, 1e-9))
        assert learner.view is not None
        return self.network(self.view(features, learner.view), learner.model)

    def network(self, x: str, model: ActionModel) -> str:
        """Add a network's embedding (N, d)."""
        for index, layer in enumerate(model.layers):
            x = self.add("Relu", x) if index else x
            parts = (one.detach().numpy() for one in (layer.weight, layer.bias))
            x = self.add("Gemm", x, *map(self.constant, parts), transB=1)
        return self.unit_rows(x, np.float32(1e-12))

    def unit_rows(self, x: str, least: Any) -> str:
        """Scale rows to unit length."""
        length = self.add("ReduceL2", x, axes=[1])
        return self.add("Div", x, self.add("Max", length, self.constant(least)))

    def standardise(self, features: str, width: int) -> str:
        """Add what ``asot.data.standardise`` does."""
        raw = self.double(features)
        zero = self.constant(0.0)
        size = self.add("Abs", raw)
        present = self.add("Greater", self.add("ReduceMax", size, axes=[1]), zero)
        one, none = self.constant(1.0), self.constant(-1.0)
        largest = self.add("ReduceMax", size, axes=[0])
        x = self.add(
            "Div", raw, self.add("Where", self.add("Greater", largest, zero), largest, one)
        )
        # Beyond all values of scaled features, so that frames without any never are the extremes.
        ends = [
            self.add(kind, self.add("Where", present, x, self.constant(beyond)), axes=[0])
            for kind, beyond in (("ReduceMax", -2.0), ("ReduceMin", 2.0))
        ]
        varies = self.add("Greater", *ends)
        count = self.add("ReduceSum", self.double(present), self.constant(np.array([0])))
        count = self.add("Max", count, one)
        mean = self.add("Div", self.add("ReduceSum", x, self.constant(np.array([0]))), count)
        x = self.add("Where", present, self.add("Sub", x, mean), zero)
        squares = self.add("ReduceSumSquare", x, axes=[0])
        length = self.add("Sqrt", self.add("Div", squares, count))
        length = self.add("Mul", length, self.constant(np.sqrt(float(width))))
        length = self.add("Where", varies, length, none)
        return self.single(self.add("Where", varies, self.add("Div", x, length), zero))

    def without_spikes(self, rows: str) -> str:
        """Add what ``asot.data.frames.without_spikes`` does."""
        count, one = self._count(rows), self.constant(np.int64(1))
        last = self.add("Sub", count, one)
        at = self.add("Range", self.constant(np.int64(0)), count, one)
        # The first and the last have but one neighbour; a single frame has itself.
        places = self.add("Abs", self.add("Sub", at, one)), self.add("Add", at, one)
        before, after = (
            self.add("Sub", last, self.add("Abs", self.add("Sub", last, place))) for place in places
        )
        before, after = (self.add("Gather", rows, place, axis=0) for place in (before, after))
        usual = self.add("Max", rows, self.add("Min", before, after))
        usual = self.add("Min", usual, self.add("Max", before, after))
        exact = self.double(usual)
        mean = self.add("ReduceMean", exact, axes=[0])
        squares = self.add("ReduceMean", self.add("Mul", exact, exact), axes=[0])
        variance = self.add("Sub", squares, self.add("Mul", mean, mean))
        deviation = self.add("Sqrt", self.add("Max", variance, self.constant(0.0)))
        moves = self.double(self.add("Not", self.add("Equal", rows, before)))
        moves = self.add("Greater", self.add("ReduceMean", moves, axes=[0]), self.constant(0.5))
        present = self.add("ReduceMax", self.add("Abs", self.double(rows)), axes=[1])
        present = self.add("Greater", present, self.constant(0.0))
        leap = self.add("Abs", self.add("Sub", self.double(rows), exact))
        leaps = self.add("Greater", leap, self.add("Mul", deviation, self.constant(LEAP)))
        leaps = self.add("And", leaps, self.add("And", moves, present))
        return self.add("Where", leaps, usual, rows)

    def view(self, features: str, view: View) -> str:
        """Add what ``View.apply`` does."""
        if view.kind == "frames":
            return features
        frames = self.double(features)
        mean = self.window_mean(frames, view.half)
        parts = [mean]
        if view.kind == "motion":
            before = self._slice(frames, 0, 1), self._slice(frames, 0, -1)
            steps = self.add("Sub", frames, self.add("Concat", *before, axis=0))
            squares = self.window_mean(self.add("Mul", frames, frames), view.half)
            deviation = self.add("Sub", squares, self.add("Mul", mean, mean))
            speed = self.window_mean(self.add("Mul", steps, steps), view.half)
            for one in (deviation, speed):
                size = self.add("Sqrt", self.add("Max", one, self.constant(0.0)))
                usual = self.add("ReduceMean", size, axes=[0])
                floor = self.add("Mul", usual, self.constant(0.1))
                floor = self.add("Add", floor, self.constant(1e-6))
                parts.append(self.add("Log", self.add("Add", size, floor)))
        seen = self.add("Concat", *parts, axis=1)
        seen = self.add("Sub", seen, self.constant(view.centre))
        return self.single(self.add("Div", seen, self.constant(view.spread)))

    def window_mean(self, frames: str, half: int) -> str:
        """Average the frames around each, by differences of sums up to each."""
        if half == 0:
            return frames
        count = self._count(frames)
        width = 2 * half + 1
        end = self.add("Add", count, self.constant(np.int64(half + 1)))
        around = self.add("Range", self.constant(np.int64(-half)), end, self.constant(np.int64(1)))
        last = self.add("Sub", count, self.constant(np.int64(1)))
        around = self.add("Min", self.add("Max", around, self.constant(np.int64(0))), last)
        padded = self.add("Gather", frames, around, axis=0)
        sums = self.add("CumSum", padded, self.constant(np.int64(0)), exclusive=1)
        ends = [self._slice(sums, *bounds) for bounds in ((width, ALL), (0, -width))]
        return self.add("Div", self.add("Sub", *ends), self.constant(float(width)))

    def double(self, x: str) -> str:
        """Take numbers to float64."""
        return self.add("Cast", x, to=11)

    def single(self, x: str) -> str:
        """Take numbers to float32."""
        return self.add("Cast", x, to=1)

    def _count(self, frames: str) -> str:
        """Count frames."""
        return self.add("Squeeze", self._slice(self.add("Shape", frames), 0, 1))

    def _slice(self, frames: str, start: int, end: int) -> str:
        """Take some frames."""
        return self.add("Slice", frames, *map(self._numbers, (start, end, 0)))

    def _numbers(self, value: int) -> str:
        return self.constant(np.array([value], dtype=np.int64))
