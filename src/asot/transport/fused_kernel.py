"""Compiled code of the fused solver: one recording's mirror descent, tile by tile.

Arrays are laid out (K, N'), frames last, N' a multiple of the vector width: all loops run over
frames, so that sums over the actions are plain vector operations, whatever K is. A tile is a fixed
number of frames. Its sums are kept apart and added up in the tiles' order, so that results do not
depend on how many threads there are. An iteration has two phases, each one visit to the arrays:

- ``_step``: scores, one exp an element, sums over the actions, the coupling, its parts of J;
- ``_window``: moving sums over each frame's neighbours, and the temporal part of J.

W is the coupling in units of 1/N: ``W = omega A``, with ``omega = N p`` where the frame side is
hard and 1 where it is relaxed. Scores are log A but for one constant a frame, kept in ``SHIFT``.

All compiled functions are in this one file, because Numba's cache on disk looks at no other.
"""

# Compiled functions are typed by their arguments.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, ignore-errors=True
from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from asot.transport.mirror_descent import GROWTH, LEAST_INITIAL, MAX_HALVINGS

TILE = 512
LANES = 16
# One value a frame: rows of ``frames``.
TOTAL, FACTOR, SHIFT, OTHER_SHIFT, OMEGA, LOG_WEIGHT, LOG_P, PULL, FRAME_ROWS = range(9)
# One value a tile: columns of ``sums``.
LINEAR, ENTROPY, CHANGE, ALIKE, UNLIKE, FRAME_PENALTY, STEEPEST, SUMS = range(8)
# One value a recording: columns of ``report``, after the five parts of J.
OUTCOME, ITERATIONS, STEP_SIZE, MOVED, REPORTED = range(5, 10)
CONVERGED, ITERATION_LIMIT, STALLED, NOT_FINITE = range(4)
# What ``options`` holds; NaN where the argument is None.
(EPSILON, ALPHA, LAMBDA_FRAMES, LAMBDA_ACTIONS, TOLERANCE, FIRST_STEP, MAX_ITERATIONS, OPTIONS) = (
    range(8)
)
# In place of isfinite, which subtracts: not to be trusted with any order of sums.
LARGEST = np.finfo(np.float64).max
# Spins at the gate before the processor is offered to others.
PATIENCE = 300

# Sums in any order; infinities and NaN keep their meaning.
_ANY_ORDER = {"reassoc", "contract", "nsz", "arcp"}
_U = np.uint64
_ZERO, _ONE, _TILE = _U(0), _U(1), _U(TILE)


def _compile(function: Callable[..., Any]) -> Any:
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": _ANY_ORDER}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # no folder can be written to
        return njit(**options)(function)


if os.name == "posix":
    _yield_processor = types.ExternalFunction("sched_yield", types.int32())
else:

    @_compile
    def _yield_processor():
        return 0


def _exp(x: Any) -> Any:
    raise NotImplementedError("compiled code only")


def _log(x: Any) -> Any:
    raise NotImplementedError("compiled code only")


_F32, _I32, _F64, _I64 = np.float32, np.int32, np.float64, np.int64
_C2, _C3, _C4, _C5, _C6, _C7 = (_F32(1 / math.factorial(k)) for k in range(2, 8))
_D2, _D3, _D4, _D5, _D6, _D7, _D8, _D9, _D10, _D11, _D12, _D13 = (
    1 / math.factorial(k) for k in range(2, 14)
)
# ln 2 in two pieces; the first has so few digits that its product with an exponent is exact.
_LN2_HIGH32, _LN2_LOW32 = _F32(0.693359375), _F32(-2.12194440e-4)
_LN2_HIGH64, _LN2_LOW64 = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_LOG2E32, _LOG2E64 = _F32(math.log2(math.e)), math.log2(math.e)
# Adding it rounds to a whole number, found in the low bits of the sum.
_MAGIC32, _MAGIC64 = _F32(1.5 * 2**23), 1.5 * 2.0**52
# The largest is where the torch solver clamps too.
_MOST32, _MOST64 = (kind(0.9 * math.log(np.finfo(kind).max)) for kind in (np.float32, np.float64))
_ONE32, _LN2_32 = _F32(1), _F32(math.log(2.0))
_SHIFT32, _SHIFT64 = _I32(23), _I64(52)
# The bits of 2/3: mantissas are taken from [2/3, 4/3).
_SPLIT32 = _F32(2 / 3).view(_I32)


# No reassociation: rounding by the magic number lives on the order of its operations.
@overload(_exp, jit_options={"fastmath": {"contract"}})
def _overload_exp(x: Any) -> Any:
    if x == types.float32:

        def exp32(x: Any) -> Any:
            y = min(max(x, -_MOST32), _MOST32)
            z = y * _LOG2E32 + _MAGIC32
            n = z - _MAGIC32
            r = y - n * _LN2_HIGH32
            r = r - n * _LN2_LOW32
            p = ((((_C7 * r + _C6) * r + _C5) * r + _C4) * r + _C3) * r + _C2
            p = p * (r * r) + (r + _ONE32)
            return _I32(_F32(p).view(_I32) + (_F32(z).view(_I32) << _SHIFT32)).view(_F32)

        return exp32

    def exp64(x: Any) -> Any:
        y = min(max(x, -_MOST64), _MOST64)
        z = y * _LOG2E64 + _MAGIC64
        n = z - _MAGIC64
        r = y - n * _LN2_HIGH64
        r = r - n * _LN2_LOW64
        p = ((((_D13 * r + _D12) * r + _D11) * r + _D10) * r + _D9) * r + _D8
        p = ((((((p * r + _D7) * r + _D6) * r + _D5) * r + _D4) * r + _D3) * r + _D2) * r
        p = (p + 1.0) * r + 1.0
        return _I64(_F64(p).view(_I64) + (_F64(z).view(_I64) << _SHIFT64)).view(_F64)

    return exp64


# A polynomial through log(1 + f) / f; f + 1 is what is left of x without its exponent.
def _log_coefficients() -> list[np.float32]:
    fit = np.polynomial.Chebyshev.interpolate(lambda f: np.log1p(f) / f, 7, domain=[-1 / 3, 1 / 3])
    return [_F32(c) for c in fit.convert(kind=np.polynomial.Polynomial).coef]


_G0, _G1, _G2, _G3, _G4, _G5, _G6, _G7 = _log_coefficients()


@overload(_log, jit_options={"fastmath": {"contract"}})
def _overload_log(x: Any) -> Any:
    if x == types.float32:

        def log32(x: Any) -> Any:
            bits = _F32(x).view(_I32)
            exponent = (bits - _SPLIT32) >> _SHIFT32
            f = _I32(bits - (exponent << _SHIFT32)).view(_F32) - _ONE32
            p = (((_G7 * f + _G6) * f + _G5) * f + _G4) * f + _G3
            p = ((p * f + _G2) * f + _G1) * f + _G0
            return _F32(exponent) * _LN2_32 + f * p

        return log32

    def log64(x: Any) -> Any:
        return math.log(x)

    return log64


@intrinsic
def _arrive(typing_context: Any, gate: Any) -> Any:
    """Add one to ``gate[0]`` atomically; what it was before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = context.make_array(gate)(context, builder, arguments[0]).data
        return builder.atomic_rmw("add", pointer, ir.Constant(ir.IntType(64), 1), "seq_cst")

    return types.int64(gate), generate


@intrinsic
def _look(typing_context: Any, gate: Any) -> Any:
    """``gate[0]``, read anew each time."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = context.make_array(gate)(context, builder, arguments[0]).data
        return builder.load_atomic(pointer, "seq_cst", align=8)

    return types.int64(gate), generate


@_compile
def _meet(gate, n_threads):
    """Wait until all threads are here."""
    if n_threads == 1:
        return
    goal = (_arrive(gate) // n_threads + 1) * n_threads
    spins = 0
    while _look(gate) < goal:
        spins += 1
        if spins > PATIENCE:
            _yield_processor()


@intrinsic
def _moving_sums(
    typing_context, w, y, k, first, n, enter, k_enter, i_enter, leave, k_leave, i_leave, base
):
    """Sums over the neighbours of n frames of one action, from what enters and what leaves.

    ``y[k, first + i] = base + sum_{j <= i} (enter[j] - leave[j]) - w[k, first + i]``, and the sum
    of ``w y`` is returned. A vector at a time: the differences are summed over the last LANES
    frames by doubling, and the sum of LANES frames ago is added. Compilers do not find this.
    """
    signature = types.float64(
        w, y, k, first, n, enter, k_enter, i_enter, leave, k_leave, i_leave, base
    )

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        real = context.get_value_type(w.dtype)
        wide, index = ir.DoubleType(), ir.IntType(32)
        vector, lanes = ir.VectorType(real, LANES), ir.VectorType(index, LANES)
        align = w.dtype.bitwidth // 8
        undefined, zero = ir.Constant(vector, ir.Undefined), ir.Constant(vector, None)

        def row(which: Any, values: Any, k: Any, i: Any) -> Any:
            array = context.make_array(which)(context, builder, values)
            width = cgutils.unpack_tuple(builder, array.shape)[1]
            return builder.gep(array.data, [builder.add(builder.mul(k, width), i)])

        def at(pointer: Any, i: Any) -> Any:
            return builder.bitcast(builder.gep(pointer, [i]), vector.as_pointer())

        def load(pointer: Any, i: Any) -> Any:
            return builder.load(at(pointer, i), align=align)

        def widen(value: Any) -> Any:
            return value if w.dtype == types.float64 else builder.fpext(value, wide)

        w_, y_, k_, first_, n_, enter_, ke_, ie_, leave_, kl_, il_, base_ = arguments
        own, out = row(w, w_, k_, first_), row(y, y_, k_, first_)
        entering, leaving = row(enter, enter_, ke_, ie_), row(leave, leave_, kl_, il_)
        start = base_ if w.dtype == types.float64 else builder.fptrunc(base_, real)
        start = builder.insert_element(undefined, start, ir.Constant(index, 0))
        start = builder.shuffle_vector(start, undefined, ir.Constant(lanes, [0] * LANES))
        sums = cgutils.alloca_once_value(builder, start)
        dots = cgutils.alloca_once_value(builder, zero)
        shifts = [1 << power for power in range(LANES.bit_length() - 1)]
        before = [cgutils.alloca_once_value(builder, zero) for _ in shifts]
        steps = (
            context.get_constant(types.uint64, 0),
            n_,
            context.get_constant(types.uint64, LANES),
        )
        with cgutils.for_range_slice(builder, *steps, intp=ir.IntType(64)) as (i, _):
            change = builder.fsub(load(entering, i), load(leaving, i))
            for shift, last in zip(shifts, before, strict=True):
                mask = ir.Constant(lanes, [LANES - shift + lane for lane in range(LANES)])
                shifted = builder.shuffle_vector(builder.load(last), change, mask)
                builder.store(change, last)
                change = builder.fadd(change, shifted)
            total = builder.fadd(builder.load(sums), change)
            builder.store(total, sums)
            itself = load(own, i)
            near = builder.fsub(total, itself)
            builder.store(near, at(out, i), align=align)
            builder.store(builder.fadd(builder.load(dots), builder.fmul(near, itself)), dots)
        result = ir.Constant(wide, 0.0)
        for lane in range(LANES):
            one = builder.extract_element(builder.load(dots), ir.Constant(index, lane))
            result = builder.fadd(result, widen(one))
        return result

    return signature, generate


@_compile
def _scale(frames, next_shift, start, stop):
    """Factors that give rows their weight; the logs of their sums; how many are out of range."""
    real = frames.dtype.type
    none, one = real(0), real(1)
    logs, strange = none, none
    for i in range(start, stop):
        total, omega = frames[TOTAL, i], frames[OMEGA, i]
        strange += none if total > real(1e-9) and total < real(1e9) else one
        log_total = _log(total)
        frames[next_shift, i] = log_total
        frames[FACTOR, i] = omega / total
        logs += omega * log_total
    return logs, strange


@_compile
def _step(
    U, V, W, old, Y, C, allowed, masked, hard, compare, frames, shift, next_shift,
    slope, keep, by_cost, by_near, step, away, tile, start, stop, mass, sums,
):  # fmt: skip
    """Scores ``V = keep (U - shift) - by_cost C + by_near Y - slope``, and what follows."""
    real = W.dtype.type
    K = _U(W.shape[0])
    nothing, low = real(0), real(-1e30)
    keep, by_cost, by_near, step = real(keep), real(by_cost), real(by_near), real(step)
    for i in range(start, stop):
        frames[TOTAL, i] = nothing
    for k in range(K):
        own = real(slope[k])
        if masked:
            for i in range(start, stop):
                x = (
                    keep * (U[k, i] - frames[shift, i])
                    - by_cost * C[k, i - away]
                    + by_near * Y[k, i - away]
                )
                x = x - own if hard else x - own - step * frames[PULL, i]
                x = x if allowed[k, i] else low
                V[k, i] = x
                e = _exp(x) if allowed[k, i] else nothing
                W[k, i] = e
                frames[TOTAL, i] += e
        elif hard:
            for i in range(start, stop):
                x = (
                    keep * (U[k, i] - frames[shift, i])
                    - by_cost * C[k, i - away]
                    + by_near * Y[k, i - away]
                )
                x = x - own
                V[k, i] = x
                e = _exp(x)
                W[k, i] = e
                frames[TOTAL, i] += e
        else:
            for i in range(start, stop):
                x = keep * U[k, i] - by_cost * C[k, i - away] + by_near * Y[k, i - away] - own
                x = x - step * frames[PULL, i]
                V[k, i] = x
                W[k, i] = _exp(x)
    logs = nothing
    if hard:
        logs, strange = _scale(frames, next_shift, start, stop)
        if strange > 0:
            _normalise(V, W, allowed, masked, frames, start, stop)
            logs, strange = _scale(frames, next_shift, start, stop)
    factor = FACTOR if hard else OMEGA
    linear, entropy, most = 0.0, -np.float64(logs), nothing
    for k in range(K):
        m, c, h = nothing, nothing, nothing
        for i in range(start, stop):
            w = W[k, i] * frames[factor, i]
            W[k, i] = w
            m += w
            c += w * C[k, i - away]
            h += w * V[k, i]
        mass[tile, k] = m
        linear += np.float64(c)
        entropy += np.float64(h)
        if compare:
            for i in range(start, stop):
                moved = abs(W[k, i] - old[k, i])
                most = max(
                    most, moved / frames[OMEGA, i] if frames[OMEGA, i] > nothing else nothing
                )
    sums[tile, LINEAR], sums[tile, ENTROPY], sums[tile, CHANGE] = linear, entropy, most


@_compile
def _normalise(V, W, allowed, masked, frames, start, stop):
    """Take each row's maximum from its scores, where their exp may have left the range."""
    real = W.dtype.type
    K = _U(W.shape[0])
    for i in range(start, stop):
        top = real(-np.inf)
        for k in range(K):
            top = max(top, V[k, i])
        total = real(0)
        for k in range(K):
            V[k, i] -= top
            e = real(0) if masked and not allowed[k, i] else _exp(V[k, i])
            W[k, i] = e
            total += e
        frames[TOTAL, i] = total


@_compile
def _sum_between(W, k, start, stop):
    total = W.dtype.type(0)
    for i in range(start, stop):
        total += W[k, i]
    return np.float64(total)


@_compile
def _sum_before(W, prefix, k, frame):
    """Sum of the frames before ``frame``: whole tiles, and what is left of them."""
    tile = frame // _TILE
    return prefix[tile, k] + _sum_between(W, k, tile * _TILE, frame)


@_compile
def _window(W, Y, edges, prefix, length, half_width, tile, start, stop, sums):
    """``Y[k, i] = sum of W[k, j] over 0 < |i - j| <= half_width``."""
    real = W.dtype.type
    K = _U(W.shape[0])
    n = stop - start
    # Of this tile's frames, the first `entering` have a frame that enters their window, and all
    # but the first `staying` one that leaves it.
    entering = min(n, length - half_width - start) if start + half_width < length else _ZERO
    staying = min(n, half_width + _ONE - start) if half_width + _ONE > start else _ZERO
    # The window of the frame before this tile.
    lo = start - _ONE - half_width if start > half_width else _ZERO
    hi = min(start + half_width, length)
    alike = 0.0
    for k in range(K):
        base = 0.0
        if hi - lo <= _TILE:
            base = _sum_between(W, k, lo, hi)
        else:
            base = _sum_before(W, prefix, k, hi) - _sum_before(W, prefix, k, lo)
        if entering == n and staying == _ZERO:
            first_in, first_out = start + half_width, start - half_width - _ONE
            alike += _moving_sums(
                W, Y, k, start, n, W, k, first_in, W, k, first_out, base
            )  # fmt: skip
        else:
            for i in range(entering):
                edges[0, i] = W[k, start + half_width + i]
            for i in range(entering, n):
                edges[0, i] = real(0)
            for i in range(staying):
                edges[1, i] = real(0)
            for i in range(staying, n):
                edges[1, i] = W[k, start + i - half_width - _ONE]
            alike += _moving_sums(
                W, Y, k, start, n, edges, _ZERO, _ZERO, edges, _ONE, _ZERO, base
            )  # fmt: skip
    sums[tile, ALIKE] = alike


@_compile
def _window_in_place(X, k, ring, length, half_width):
    """``_window`` for one action over a whole recording, its result in the coupling's place.

    The ring keeps what was overwritten until it has left the window.
    """
    kept = half_width + _ONE
    total, alike = _sum_between(X, k, _ZERO, min(half_width, length)), 0.0
    slot = _ZERO
    for i in range(length):
        if i + half_width < length:
            total += np.float64(X[k, i + half_width])
        if i >= kept:
            total -= np.float64(ring[slot])
        own = X[k, i]
        ring[slot] = own
        slot = slot + _ONE if slot + _ONE < kept else _ZERO
        near = np.float64(X.dtype.type(total - own))
        alike += near * np.float64(own)
        X[k, i] = near
    return alike


@_compile
def _frame_side(W, Y, frames, near, epsilon, penalty, hard, length, tile, start, stop, sums):
    """What is constant along a row of the gradient, and what it adds to J; after ``_window``."""
    real = W.dtype.type
    K = _U(W.shape[0])
    scale = real(1.0 / length)
    tiny = np.finfo(W.dtype).tiny
    near, epsilon, penalty = real(near), real(epsilon), real(penalty)
    for i in range(start, stop):
        frames[TOTAL, i] = real(0)
        frames[PULL, i] = real(0)
    for k in range(K):
        for i in range(start, stop):
            frames[PULL, i] += Y[k, i]
            if not hard:
                frames[TOTAL, i] += W[k, i]
    temporal, fine = 0.0, 0.0
    if hard:
        # All pairs of neighbours, alike or not.
        for i in range(start, stop):
            temporal += np.float64(frames[OMEGA, i]) * np.float64(frames[PULL, i])
    else:
        # Apart by action, and never negative: differences of large sums would drown a small one,
        # and a coupling that explodes would look like a fall of J.
        for k in range(K):
            unlike = real(0)
            for i in range(start, stop):
                unlike += W[k, i] * max(frames[PULL, i] - Y[k, i], real(0))
            temporal += np.float64(unlike)
    for i in range(start, min(stop, _U(length))):
        pull = near * frames[PULL, i] + epsilon * frames[LOG_WEIGHT, i]
        if not hard:
            mass = frames[TOTAL, i] * scale
            ratio = math.log(max(mass, tiny)) - frames[LOG_P, i]
            pull += penalty * real(ratio)
            fine += np.float64(mass) * (ratio - 1.0)
        frames[PULL, i] = pull
    sums[tile, UNLIKE], sums[tile, FRAME_PENALTY] = temporal, fine


@_compile
def _steepest(
    V, Y, C, allowed, masked, frames, shift, by_cost, near, epsilon, slope, length, away, tile,
    start, stop, sums,
):  # fmt: skip
    """The largest entry of the gradient, on frames that exist."""
    real = V.dtype.type
    most = real(-np.inf)
    for k in range(_U(V.shape[0])):
        for i in range(start, min(stop, _U(length))):
            if not masked or allowed[k, i]:
                log_a = V[k, i] - frames[shift, i]
                gradient = (
                    real(by_cost) * C[k, i - away] + real(epsilon) * log_a - real(near) * Y[k, i]
                )
                most = max(most, gradient + frames[PULL, i] + real(slope[k]))
    sums[tile, STEEPEST] = most


@_compile
def _lay_out(cost, C, length, away, start, stop):
    """A tile of the cost as the kernel has it; zero where there is no frame."""
    for k in range(_U(C.shape[0])):
        for i in range(start, min(stop, length)):
            C[k, i - away] = cost[i, k]
        for i in range(max(start, length), stop):
            C[k, i - away] = C.dtype.type(0)


@_compile
def _read(
    allowed_in, initial, warm, p, log_q, length, hard, U, allowed, masked, frames, start, stop
):
    """Lay a tile's frames out as the kernel has them; harmless where there is no frame."""
    real = U.dtype.type
    K = _U(U.shape[0])
    end = min(stop, length)
    log_share = -math.log(np.float64(length))
    for i in range(start, stop):
        weight = real(1) if i < length else real(0)
        frames[SHIFT, i] = real(0)
        frames[OTHER_SHIFT, i] = real(0)
        log_p = log_weight = log_share
        if p.shape[0] > 1 and i < length:
            log_p = math.log(p[i]) if p[i] > 0 else 0.0
            if hard:
                weight = real(np.float64(p[i]) * length)
                log_weight = log_p
        frames[LOG_P, i] = log_p
        frames[LOG_WEIGHT, i] = log_weight
        frames[OMEGA, i] = weight
    for k in range(K):
        for i in range(start, stop):
            U[k, i] = log_q[k]
        if warm:
            for i in range(start, end):
                U[k, i] = math.log(max(np.float64(initial[i, k]), LEAST_INITIAL))
        if masked:
            for i in range(start, end):
                allowed[k, i] = allowed_in[i, k]
            for i in range(end, stop):
                allowed[k, i] = True


@_compile
def _finish(V, W, allowed, masked, frames, length, assignment, labels, start, stop):
    """Hand back a tile's assignment and labels; nothing where there is no frame."""
    real = W.dtype.type
    K = _U(W.shape[0])
    for i in range(start, min(stop, length)):
        weight = frames[OMEGA, i]
        best, label = real(-np.inf), -1
        for k in range(K):
            assignment[i, k] = W[k, i] / weight
            if V[k, i] > best and not (masked and not allowed[k, i]):
                best, label = V[k, i], np.int64(k)
        labels[i] = label
    for i in range(max(start, length), min(stop, _U(labels.shape[0]))):
        labels[i] = -1
        for k in range(K):
            assignment[i, k] = real(0)


@_compile
def _parts(
    mass,
    sums,
    unlike,
    frame_penalty,
    n_tiles,
    penalty,
    length,
    log_q,
    q,
    tiny,
    scales,
    slope,
    parts,
):
    """The parts of J from the tiles' sums, and the slope of the penalty on the actions."""
    linear, entropy, total = 0.0, 0.0, 0.0
    for tile in range(n_tiles):
        linear += sums[tile, LINEAR]
        entropy += sums[tile, ENTROPY]
    action_penalty = 0.0
    for k in range(log_q.shape[0]):
        share = mass[n_tiles, k] / length
        total += mass[n_tiles, k]
        ratio = math.log(max(share, tiny)) - log_q[k]
        slope[k] = penalty * ratio
        action_penalty += share * ratio - share + q[k]
    parts[0] = scales[0] * linear
    parts[1] = scales[1] * unlike
    parts[2] = scales[2] * (frame_penalty + 1.0)
    parts[3] = penalty * action_penalty
    parts[4] = scales[3] * (entropy + scales[4] * total + scales[5])


@_compile
def _clear(Y, frames, away, start, stop):
    """Forget what a step of length 0 would multiply by 0: it may be infinite."""
    for k in range(_U(Y.shape[0])):
        for i in range(start, stop):
            Y[k, i - away] = Y.dtype.type(0)
    for i in range(start, stop):
        frames[PULL, i] = Y.dtype.type(0)


@_compile
def _descend(
    thread, n_threads, gate, cost, allowed_in, initial, warm, p, q, length, half_width, radius,
    options, lean, first, work, ring, part, frames, allowed, masked, edges, prefix, mass,
    both_sums, slope, assignment, labels, trace, report,
):  # fmt: skip
    """Solve one recording; all threads run this, each on its own tiles, and agree at the gate."""
    real = cost.dtype.type
    K = cost.shape[1]
    size = _U((length + LANES - 1) // LANES * LANES)
    n_tiles = (size + _TILE - _ONE) // _TILE
    n_frames, reach = _U(length), _U(half_width)
    mine, others = _U(thread), _U(n_threads)
    epsilon, alpha = options[EPSILON], options[ALPHA]
    hard = math.isnan(options[LAMBDA_FRAMES])
    on_frames = 0.0 if hard else options[LAMBDA_FRAMES]
    on_actions = options[LAMBDA_ACTIONS]
    tolerance = options[TOLERANCE]
    compare = not math.isnan(tolerance)
    near = alpha / (radius * length)
    tiny = np.float64(np.finfo(cost.dtype).tiny)
    # Lean: the window is taken in place, the cost is laid out anew each time, and the assignment
    # is written over what is no longer needed.
    U, V, W = first, work[0], work[1]
    Y, C = (part[0], part[1]) if lean else (work[2], work[3])
    W2 = work[4] if compare else W
    log_q = np.empty(K)
    for k in range(K):
        log_q[k] = math.log(q[k]) if q[k] > 0.0 else 0.0
    # J's parts: their factors, and what of the entropy the weights alone make.
    scales = np.zeros(6)
    scales[0] = (1.0 - alpha) / length
    scales[1] = 0.5 * near / length
    scales[2] = on_frames
    scales[3] = epsilon / length
    scales[4] = 0.0 if hard else -math.log(np.float64(length)) - 1.0
    parts, old_parts = np.empty(5), np.empty(5)

    for tile in range(mine, n_tiles, others):
        start, stop = tile * _TILE, min(size, (tile + _ONE) * _TILE)
        _read(
            allowed_in, initial, warm, p, log_q, n_frames, hard, U, allowed, masked, frames,
            start, stop,
        )  # fmt: skip
        if not lean:
            _lay_out(cost, C, n_frames, _ZERO, start, stop)
    _meet(gate, n_threads)
    if hard:
        for i in range(n_frames):
            scales[5] += np.float64(frames[OMEGA, i]) * (frames[LOG_WEIGHT, i] - 1.0)

    shift, other_shift = SHIFT, OTHER_SHIFT
    step, full_step, objective, moved = 0.0, 0.0, 0.0, np.inf
    iterations, halvings, outcome = 0, 0, -1
    # The start is a step of length 0: projected like any other.
    starting, going_back = True, False
    eps = np.float64(np.finfo(cost.dtype).eps) + 16.0 * np.finfo(np.float64).eps
    whole, unlike, frame_penalty, turn = 0.0, 0.0, 0.0, 0
    over, swapped = False, False
    while True:
        still = starting or going_back or over
        s = 0.0 if still else step
        for k in range(K):
            slope[k] = 0.0 if still else s * slope[k]
        # In turn, because a thread may be a phase behind.
        sums = both_sums[turn]
        turn = 1 - turn
        for tile in range(mine, n_tiles, others):
            start, stop = tile * _TILE, min(size, (tile + _ONE) * _TILE)
            away = start if lean else _ZERO
            if lean:
                _lay_out(cost, C, n_frames, start, start, stop)
            if still:
                _clear(Y, frames, away, start, stop)
            elif lean:
                for k in range(K):
                    for i in range(stop - start):
                        Y[k, i] = W[k, start + i]
            _step(
                U, V, W2, W, Y, C, allowed, masked, hard, compare and not still, frames, shift,
                other_shift, slope, 1.0 - s * epsilon, s * (1.0 - alpha), s * near, s, away, tile,
                start, stop, mass, sums,
            )  # fmt: skip
        _meet(gate, n_threads)
        if over:
            U, V = V, U
            swapped = not swapped
            if swapped:
                break
            continue
        change = 0.0
        for k in range(K):
            total = 0.0
            for tile in range(n_tiles):
                prefix[tile, k] = total
                total += mass[tile, k]
            prefix[n_tiles, k] = total
        for tile in range(n_tiles):
            change = max(change, sums[tile, CHANGE])
        for tile in range(mine, n_tiles, others):
            start, stop = tile * _TILE, min(size, (tile + _ONE) * _TILE)
            if not lean:
                _window(W2, Y, edges, prefix, n_frames, reach, tile, start, stop, sums)
            elif tile >= _U(K):
                sums[tile, ALIKE] = 0.0
        if lean:
            for k in range(mine, _U(K), others):
                sums[k, ALIKE] = _window_in_place(W, k, ring, n_frames, reach)
            if starting:
                _meet(gate, n_threads)
        for tile in range(mine, n_tiles, others):
            start, stop = tile * _TILE, min(size, (tile + _ONE) * _TILE)
            if starting or not hard:
                _frame_side(
                    W2,
                    W if lean else Y,
                    frames,
                    near,
                    epsilon,
                    on_frames,
                    hard,
                    n_frames,
                    tile,
                    start,
                    stop,
                    sums,
                )
        _meet(gate, n_threads)
        alike = 0.0
        for tile in range(n_tiles):
            alike += sums[tile, ALIKE]
        if starting or not hard:
            whole, frame_penalty = 0.0, 0.0
            for tile in range(n_tiles):
                whole += sums[tile, UNLIKE]
                frame_penalty += sums[tile, FRAME_PENALTY]
        unlike = whole - alike if hard else whole
        _parts(
            prefix, sums, unlike, frame_penalty, n_tiles, on_actions, length, log_q, q, tiny,
            scales, slope, parts,
        )  # fmt: skip
        value = parts.sum()
        if starting:
            objective, trace[0] = value, value
            if not abs(value) <= LARGEST:
                outcome = NOT_FINITE
            step = options[FIRST_STEP]
            if math.isnan(step):
                for tile in range(mine, n_tiles, others):
                    start, stop = tile * _TILE, min(size, (tile + _ONE) * _TILE)
                    away = start if lean else _ZERO
                    if lean:
                        _lay_out(cost, C, n_frames, start, start, stop)
                    _steepest(
                        V, W if lean else Y, C, allowed, masked, frames, other_shift, 1.0 - alpha,
                        near, epsilon, slope, n_frames, away, tile, start, stop, sums,
                    )  # fmt: skip
                _meet(gate, n_threads)
                most = 4.0 * epsilon
                for tile in range(n_tiles):
                    most = max(most, sums[tile, STEEPEST])
                step = 4.0 / most
            step = np.float64(real(step))
            full_step = step
        accepted = still
        if not still:
            # With hard frames the temporal part is a difference of sums as large as `whole`.
            rounding = 0.0
            for j in range(5):
                rounding += abs(old_parts[j])
            if hard:
                rounding += scales[1] * abs(whole)
            rounding *= eps
            accepted = abs(value) <= LARGEST and value <= objective + rounding
            if accepted:
                iterations += 1
                halvings = 0
                moved = change * (full_step / step)
                step = np.float64(real(min(GROWTH * step, full_step)))
                objective, trace[iterations] = value, value
                if compare and moved <= tolerance:
                    outcome = CONVERGED
            else:
                halvings += 1
                step = np.float64(real(0.5 * step))
        if accepted:
            U, V = V, U
            swapped = not swapped
            W, W2 = W2, W
            shift, other_shift = other_shift, shift
            for j in range(5):
                old_parts[j] = parts[j]
            if outcome < 0 and halvings > MAX_HALVINGS:
                outcome = STALLED
            if outcome < 0 and iterations >= options[MAX_ITERATIONS]:
                outcome = ITERATION_LIMIT
            if outcome >= 0:
                if not lean:
                    break
                # The coupling is to be had again from the scores, and those are to leave the place
                # that the assignment takes.
                over = True
        starting, going_back = False, not accepted

    for tile in range(mine, n_tiles, others):
        start, stop = tile * _TILE, min(size, (tile + _ONE) * _TILE)
        stop = _U(cost.shape[0]) if tile == n_tiles - _ONE else stop
        _finish(U, W, allowed, masked, frames, n_frames, assignment, labels, start, stop)
    if thread == 0:
        for j in range(5):
            report[j] = old_parts[j]
        report[OUTCOME], report[ITERATIONS] = outcome, iterations
        report[STEP_SIZE], report[MOVED] = step, moved
    _meet(gate, n_threads)


@_compile
def descend(
    thread, n_threads, together, gates, costs, allowed_in, initial, warm, p, q, lengths,
    half_widths, radii, options, lean, first, work, rings, parts, frames, allowed, masked, edges,
    prefix, mass, sums, slopes, assignments, labels, traces, reports,
):  # fmt: skip
    """Solve a batch as one of ``n_threads``: recordings in turn, together or each by itself."""
    own = 0 if together else thread
    while True:
        counter = 1 + thread if together else 1
        b = _arrive(gates[counter : counter + 1])
        if b >= costs.shape[0]:
            return
        some = b if p.shape[0] > 1 else 0
        _descend(
            thread if together else 0, n_threads if together else 1, gates[0:1],
            costs[b], allowed_in[b if masked else 0], initial[b if warm else 0], warm, p[some],
            q[b], lengths[b], half_widths[b], radii[b], options, lean, first[own], work[own],
            rings[thread], parts[thread], frames[own], allowed[own], masked, edges[thread],
            prefix[thread], mass[own], sums[own], slopes[thread], assignments[b], labels[b],
            traces[b], reports[b],
        )  # fmt: skip
