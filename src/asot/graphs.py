"""ONNX models, written node by node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

# Old enough for every onnxruntime that runs on the Pythons that asot does.
OPSET, IR = 17, 8

End = tuple[int, list[Any]]  # type of ONNX, shape: numbers, and names of axes of any length


class GraphWriter:
    """The nodes and constants of a graph, as it is written."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any) -> str:
        """Add a constant, and return its name."""
        from onnx import numpy_helper

        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node, and return the name of its output."""
        from onnx import helper

        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def name(self, node: str, name: str) -> None:
        """Name the output of a node."""
        from onnx import helper

        self.nodes.append(helper.make_node("Identity", [node], [name]))

    def model(self, title: str, inputs: Mapping[str, End], outputs: Mapping[str, End]) -> Any:
        """Return the model of named inputs and outputs."""
        from onnx import helper

        ends = [
            [helper.make_tensor_value_info(name, *of) for name, of in some.items()]
            for some in (inputs, outputs)
        ]
        graph = helper.make_graph(self.nodes, title, *ends, self.constants)
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR, producer_name="asot")
