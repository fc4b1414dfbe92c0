"""A solve as one operation for torch: implicit derivatives, and ``torch.func.vmap``.

Steps are chosen by values, so ``vmap`` can trace neither a solve nor its derivative: under it
they are run for one slice after the other.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from asot.errors import SolverError
from asot.transport.arguments import refused
from asot.transport.implicit import INSTEAD, respond
from asot.transport.request import Request
from asot.transport.solution import Answer, Ending, Status
from asot.transport.structure import Structure

INSTEAD_OF_VMAP = 'take gradient="unrolled", and a batch.'


def is_mapped(cost: Tensor) -> bool:
    """Tell whether a cost is one of those over which ``torch.func.vmap`` maps."""
    return any(torch._C._functorch.is_batchedtensor(one) for one in _layers(cost))


def _layers(values: Tensor) -> list[Tensor]:
    """Return a tensor as each transform of ``torch.func`` around it has it, the plain one last."""
    layers = [values]
    while torch._C._functorch.is_functorch_wrapped_tensor(layers[-1]):
        layers.append(torch._C._functorch.get_unwrapped(layers[-1]))
    return layers


def solve_as_one(request: Request, run: Callable[[Request], Answer]) -> Answer:
    """Solve a request without a graph; its assignment has a derivative by the cost even so."""
    # The implicit derivative is computed in double precision.
    exact = torch.float64 if request.gradient == "implicit" else request.cost.dtype
    like = torch.zeros(request.cost.shape, dtype=exact, device=request.cost.device)
    for name, probe in (("structure", like), ("action_structure", like.mT)):
        if (structure := getattr(request, name)) is not None:
            _require_fixed(name, structure, probe)
    plain = copy.copy(request)
    for each in fields(request):
        value = getattr(request, each.name)
        if each.name != "cost" and isinstance(value, Tensor):
            setattr(plain, each.name, _layers(value)[-1])
    job = _Job(plain, run)
    arrays = _Solve.apply(request.cost, job)
    whole, labels, weight, trace, parts, _ = arrays
    _, n_frames, n_actions = request.cost.shape
    assignment = whole[:, :n_frames, :n_actions]  # without a border
    return Answer(assignment, labels, weight, trace, parts, tuple(job.status))


def _require_fixed(name: str, structure: Structure, probe: Tensor) -> None:
    """Refuse a structure that asks for gradients, or that does not take double precision."""
    try:
        asks = structure.apply(probe).requires_grad
    except RuntimeError as error:
        raise refused(
            f"{name}.apply",
            f'must take float64 for gradient="implicit", but fails on it: {error}',
        ) from error
    if asks:
        raise refused(
            name,
            'asks for gradients, but gradient="implicit" and torch.func.vmap give them to the cost '
            f"alone: detach it, or {INSTEAD_OF_VMAP}",
        )


@dataclass(eq=False)
class _Job:
    """A request, but for its cost, and what solves it."""

    request: Request
    run: Callable[[Request], Answer]
    status: list[Status] = field(default_factory=list)  # of one slice after the other

    def of(self, cost: Tensor) -> Request:
        request = copy.copy(self.request)
        request.cost = cost
        return request


class _Solve(Function):
    """Cost to the arrays of an answer, and which recordings converged."""

    @staticmethod
    def forward(cost: Tensor, job: _Job) -> tuple[Tensor, ...]:
        answer = job.run(job.of(cost.detach()))
        job.status.extend(answer.status)
        arrays = (_whole(answer), answer.labels, answer.frame_weight, answer.trace, answer.parts)
        ended = torch.tensor([one.ending is Ending.CONVERGED for one in answer.status])
        return *(torch.as_tensor(array) for array in arrays), ended

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, _Job], output: tuple[Tensor, ...]) -> None:
        cost, ctx.job = inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(cost, output[0], output[-1])
        ctx.save_for_forward(cost, output[0], output[-1])

    @staticmethod
    def backward(ctx: Any, slope: Tensor, *_: Any) -> tuple[Tensor, None]:
        return _Respond.apply(*ctx.saved_tensors, slope, ctx.job, False), None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, _: Any) -> tuple[Tensor | None, ...]:
        return _Respond.apply(*ctx.saved_tensors, tangent, ctx.job, True), *[None] * 5

    @staticmethod
    def vmap(info: Any, dims: Any, *inputs: Any) -> Any:
        each = zip(*_slices(_Solve, info, dims, inputs), strict=True)
        outputs = tuple(torch.stack(values) for values in each)
        return outputs, (0,) * len(outputs)


class _Respond(Function):
    """A vector times the derivative of a solve, or times its transpose."""

    @staticmethod
    def forward(
        cost: Tensor, assignment: Tensor, converged: Tensor, vector: Tensor, job: _Job, ahead: bool
    ) -> Tensor:
        if job.request.gradient == "unrolled":
            return _unroll(job, cost, vector, ahead)
        for b, row in enumerate(vector):
            if not converged[b] and bool(row.any()):
                raise SolverError(
                    f"The plan of recording {b} did not converge, so it has no implicit gradient: "
                    f"its status says why; raise max_iterations or tolerance, or {INSTEAD}"
                )
        return respond(job.request, assignment, vector, forwards=ahead)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        """Keep nothing: there is no derivative of this one."""

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        raise refused(
            'gradient="implicit", or a solve under torch.func.vmap,',
            f"has no second derivative: {INSTEAD_OF_VMAP}",
        )

    @staticmethod
    def vmap(info: Any, dims: Any, *inputs: Any) -> tuple[Tensor, int]:
        return torch.stack(_slices(_Respond, info, dims, inputs)), 0


def _whole(answer: Answer) -> Any:
    return answer.assignment if answer.whole is None else answer.whole


def _unroll(job: _Job, cost: Tensor, vector: Tensor, ahead: bool) -> Tensor:
    """Solve once more, with a graph."""
    with torch.enable_grad():
        cost = cost.detach().requires_grad_()
        assignment = _whole(job.run(job.of(cost)))
        if not ahead:
            return torch.autograd.grad(assignment, cost, vector)[0]
        # The transpose of the transpose, which is linear in ``probe``.
        probe = torch.zeros_like(assignment, requires_grad=True)
        (back,) = torch.autograd.grad(assignment, cost, probe, create_graph=True)
        return torch.autograd.grad(back, probe, vector)[0]


def _slices(
    function: Any, info: Any, dims: Sequence[int | None], inputs: Sequence[Any]
) -> list[Any]:
    """Apply a function to each slice along the axis that is mapped over."""
    return [
        function.apply(
            *(
                value if dim is None else value.select(dim, one)
                for value, dim in zip(inputs, dims, strict=True)
            )
        )
        for one in range(info.batch_size)
    ]
