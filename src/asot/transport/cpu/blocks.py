"""A block of frames at once: the innermost loops of the CPU solver, in LLVM's own language.

Arrays of scores and costs are ``(blocks, K, LANES)``, couplings ``(K, frames)``. What compilers
make of plain loops over short rows takes twice as long.
"""

# Compiled functions are typed by their arguments.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, ignore-errors=True
from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# Frames of a block; frames whose moving sums are taken before their scores.
LANES = 16
CHUNK = 64
# Couplings that are held at once: the last accepted, one to be judged, one in the making.
PLACES = 3
# One value a frame: rows of ``frames``. The first are the shifts of the places.
OMEGA, LOG_WEIGHT, LOG_P, PULL, LEAST, FRAME_ROWS = range(PLACES, PLACES + 6)
# One value a tile: columns of ``sums``.
LINEAR, ENTROPY, CHANGE, ALIKE, UNLIKE, FRAME_PENALTY, SUMS = range(7)


LN2 = math.log(2.0)
LOG2E = 1.0 / LN2
# The largest is where the torch solver clamps too.
MOST = {bits: 0.9 * math.log2(np.finfo(f"f{bits // 8}").max) for bits in (32, 64)}


def _exp2_coefficients(degree: int) -> list[float]:
    """Fit a polynomial to 2^r for r within a half."""
    fit = np.polynomial.Chebyshev.interpolate(np.exp2, degree, domain=[-0.5, 0.5])
    return [float(c) for c in fit.convert(kind=np.polynomial.Polynomial).coef]


EXP2 = {32: _exp2_coefficients(5), 64: [LN2**j / math.factorial(j) for j in range(15)]}
# In place of minus infinity, times which a step of zero would be NaN.
LOW = -1e30


class _Lanes:
    """A block's numbers at once, in LLVM's language.

    Products and sums may be contracted to one rounding and are taken in the order written:
    rounding by a magic number lives on it.
    """

    def __init__(self, context: Any, builder: Any, real: Any) -> None:
        self.context, self.builder = context, builder
        self.bits = real.bitwidth
        self.real = context.get_value_type(real)
        self.type = ir.VectorType(self.real, LANES)
        self.whole = ir.VectorType(ir.IntType(self.bits), LANES)
        self.double = ir.VectorType(ir.DoubleType(), LANES)

    def constant(self, number: float) -> Any:
        """Make the same number in all lanes."""
        number = float(np.float32(number) if self.bits == 32 else number)
        return ir.Constant(self.type, [number] * LANES)

    def integer(self, number: int) -> Any:
        return ir.Constant(self.whole, [int(number)] * LANES)

    def spread(self, scalar: Any) -> Any:
        undefined, index = ir.Constant(self.type, ir.Undefined), ir.IntType(32)
        one = self.builder.insert_element(undefined, scalar, ir.Constant(index, 0))
        lanes = ir.Constant(ir.VectorType(index, LANES), [0] * LANES)
        return self.builder.shuffle_vector(one, undefined, lanes)

    def load(self, pointer: Any) -> Any:
        pointer = self.builder.bitcast(pointer, self.type.as_pointer())
        return self.builder.load(pointer, align=self.bits // 8)

    def store(self, value: Any, pointer: Any) -> None:
        kind = value.type
        pointer = self.builder.bitcast(pointer, kind.as_pointer())
        self.builder.store(value, pointer, align=8 if kind == self.double else self.bits // 8)

    def add(self, a: Any, b: Any) -> Any:
        return self.builder.fadd(a, b, flags=("contract",))

    def subtract(self, a: Any, b: Any) -> Any:
        return self.builder.fsub(a, b, flags=("contract",))

    def multiply(self, a: Any, b: Any) -> Any:
        return self.builder.fmul(a, b, flags=("contract",))

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        return self.add(self.multiply(a, b), c)

    def polynomial(self, x: Any, coefficients: list[float]) -> Any:
        """Sum it up by Horner's rule; coefficients go from the constant up."""
        value = self.constant(coefficients[-1])
        for coefficient in coefficients[-2::-1]:
            value = self.multiply_add(value, x, self.constant(coefficient))
        return value

    def exp2(self, x: Any) -> Any:
        """Return ``2^n p(r)`` with ``x = n + r`` and r within a half; 0 where that is all but 0."""
        single = self.bits == 32
        nothing = self.builder.fcmp_ordered("<", x, self.constant(-MOST[self.bits]))
        # NaN stays NaN.
        for ordered, bound in ((">", MOST[self.bits]), ("<", -MOST[self.bits])):
            limit = self.constant(bound)
            x = self.builder.select(self.builder.fcmp_ordered(ordered, x, limit), limit, x)
        # Adding it rounds to a whole number, found in the low bits of the sum.
        magic = self.constant(1.5 * 2.0 ** (23 if single else 52))
        lifted = self.add(x, magic)
        p = self.polynomial(self.subtract(x, self.subtract(lifted, magic)), EXP2[self.bits])
        lifted, p = (self.builder.bitcast(value, self.whole) for value in (lifted, p))
        raised = self.builder.shl(lifted, self.integer(23 if single else 52))
        power = self.builder.bitcast(self.builder.add(p, raised), self.type)
        return self.builder.select(nothing, self.constant(0.0), power)

    def log2(self, x: Any) -> Any:
        """Return ``e + 2 artanh(f) / ln 2``: mantissa in [2/3, 4/3], ``f = (m - 1) / (m + 1)``."""
        single = self.bits == 32
        kind = np.float32 if single else np.float64
        digits = self.integer(23 if single else 52)
        least = self.integer(kind(2 / 3).view(np.int32 if single else np.int64))
        bits = self.builder.bitcast(x, self.whole)
        exponent = self.builder.ashr(self.builder.sub(bits, least), digits)
        mantissa = self.builder.sub(bits, self.builder.shl(exponent, digits))
        mantissa = self.builder.bitcast(mantissa, self.type)
        one = self.constant(1.0)
        f = self.builder.fdiv(self.subtract(mantissa, one), self.add(mantissa, one))
        terms = [2 / (2 * j + 1) / LN2 for j in range(5 if single else 12)]
        series = self.polynomial(self.multiply(f, f), terms)
        return self.multiply_add(f, series, self.builder.sitofp(exponent, self.type))

    def widen(self, x: Any) -> Any:
        return x if self.bits == 64 else self.builder.fpext(x, self.double)

    def sum(self, x: Any) -> Any:
        """Sum over all lanes, in double precision."""
        x = self.widen(x)
        kind, undefined = ir.IntType(32), ir.Constant(self.double, ir.Undefined)
        half = LANES // 2
        while half:
            mask = [lane + half if lane < half else 0 for lane in range(LANES)]
            mask = ir.Constant(ir.VectorType(kind, LANES), mask)
            x = self.builder.fadd(x, self.builder.shuffle_vector(x, undefined, mask))
            half //= 2
        return self.builder.extract_element(x, ir.Constant(kind, 0))

    def add_to(self, pointer: Any, x: Any) -> None:
        """Add to sums in memory, in double precision."""
        before = self.builder.load(self.builder.bitcast(pointer, self.double.as_pointer()), align=8)
        self.store(self.builder.fadd(before, self.widen(x)), pointer)

    def variable(self, value: Any) -> Any:
        """Make a variable with a first value; ``builder`` loads and stores it."""
        return cgutils.alloca_once_value(self.builder, value)

    def whole_number(self, number: int) -> Any:
        return self.context.get_constant(types.uint64, number)

    def each(self, count: Any) -> Any:
        """Loop from 0: ``with lanes.each(count) as (i, _)``."""
        start, step = self.whole_number(0), self.whole_number(1)
        return cgutils.for_range_slice(self.builder, start, count, step, intp=ir.IntType(64))

    def either(self, condition: Any) -> Any:
        """Branch: ``with lanes.either(condition) as (then, otherwise)``."""
        return self.builder.if_else(cgutils.as_bool_bit(self.builder, condition))


class _Array:
    """A contiguous array of compiled code."""

    def __init__(self, lanes: _Lanes, kind: Any, value: Any) -> None:
        array = lanes.context.make_array(kind)(lanes.context, lanes.builder, value)
        self.builder, self.data = lanes.builder, array.data
        self.shape = cgutils.unpack_tuple(lanes.builder, array.shape)

    def at(self, *indices: Any) -> Any:
        """Return the address of an element; indices left out are 0."""
        offset = indices[0]
        for axis, size in enumerate(self.shape[1:], 1):
            offset = self.builder.mul(offset, size)
            if axis < len(indices):
                offset = self.builder.add(offset, indices[axis])
        return self.builder.gep(self.data, [offset])


def written_in_llvm(returns: Any) -> Callable[[Callable[..., Any]], Any]:
    """Make a compiled function of one that writes its code: ``body(lanes, *arguments)``.

    Arrays come as ``_Array``, numbers as LLVM's values; lanes hold what the first array holds.
    """

    def decorate(body: Callable[..., Any]) -> Any:
        def define(typing_context, *kinds):
            def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
                first = getattr(kinds[0], "dtype", kinds[0]) if kinds else types.float64
                lanes = _Lanes(context, builder, first)
                given = [
                    _Array(lanes, kind, value) if isinstance(kind, types.Array) else value
                    for kind, value in zip(kinds, values, strict=True)
                ]
                made = body(lanes, *given)
                return context.get_dummy_value() if returns is types.void else made

            return returns(*kinds), generate

        define.__signature__ = inspect.signature(body)
        define.__name__ = body.__name__
        return intrinsic(define)

    return decorate


@written_in_llvm(types.void)
def moving_sums(
    lanes, entering, e_k, e_i, leaving, l_k, l_i, own, o_k, o_i, near, k, n_blocks, carry, alike
):
    """Sum over the neighbours of the frames of some blocks, for one action.

    ``near[b, k, lane] = carry + sum_{j <= i} (entering[j] - leaving[j]) - own[i]`` for the frame
    ``i = LANES b + lane``, whose sum with itself is carried on, in ``carry[k]``. ``alike`` takes
    the sum of ``near own``. A block at a time: differences are summed over the last LANES frames
    by doubling, and the sums of a block ago are added.
    """
    builder = lanes.builder
    come, go, itself = entering.at(e_k, e_i), leaving.at(l_k, l_i), own.at(o_k, o_i)
    carried = carry.at(k)
    index, zero = ir.VectorType(ir.IntType(32), LANES), lanes.constant(0.0)
    shifts = [1 << power for power in range(LANES.bit_length() - 1)]
    before = [lanes.variable(zero) for _ in shifts]
    total = lanes.variable(lanes.spread(builder.load(carried)))
    dots = lanes.variable(zero)
    with lanes.each(n_blocks) as (block, _):
        i = builder.mul(block, lanes.whole_number(LANES))
        change = builder.fsub(lanes.load(builder.gep(come, [i])), lanes.load(builder.gep(go, [i])))
        for shift, last in zip(shifts, before, strict=True):
            mask = ir.Constant(index, [LANES - shift + lane for lane in range(LANES)])
            shifted = builder.shuffle_vector(builder.load(last), change, mask)
            builder.store(change, last)
            change = builder.fadd(change, shifted)
        sums = builder.fadd(builder.load(total), change)
        builder.store(sums, total)
        w = lanes.load(builder.gep(itself, [i]))
        y = builder.fsub(sums, w)
        lanes.store(y, near.at(block, k))
        builder.store(lanes.multiply_add(y, w, builder.load(dots)), dots)
    end = ir.Constant(ir.IntType(32), LANES - 1)
    builder.store(builder.extract_element(builder.load(total), end), carried)
    lanes.add_to(alike.at(lanes.whole_number(0)), builder.load(dots))


@written_in_llvm(types.float64)
def sum_row(lanes, row, i, count):
    """Sum ``row[i : i + count]`` in double precision; a block past its end may be read."""
    builder, index = lanes.builder, ir.VectorType(ir.IntType(32), LANES)
    total, width = lanes.variable(lanes.constant(0.0)), lanes.whole_number(LANES)
    whole = builder.udiv(count, width)
    with lanes.each(whole) as (block, _):
        values = lanes.load(row.at(builder.add(i, builder.mul(block, width))))
        builder.store(builder.fadd(builder.load(total), values), total)
    values = lanes.load(row.at(builder.add(i, builder.mul(whole, width))))
    left = builder.trunc(builder.urem(count, width), ir.IntType(32))
    left = builder.insert_element(ir.Constant(index, ir.Undefined), left, left.type(0))
    left = builder.shuffle_vector(left, left, ir.Constant(index, [0] * LANES))
    within = builder.icmp_unsigned("<", ir.Constant(index, list(range(LANES))), left)
    values = builder.select(within, values, lanes.constant(0.0))
    builder.store(builder.fadd(builder.load(total), values), total)
    return lanes.sum(builder.load(total))


@written_in_llvm(types.void)
def advance(
    lanes, U, V, block, C, c_block, near, n_block, W, w_i, exps, masses, slope, frames, i, shift,
    next_shift, sums, keep, by_cost, by_near, by_pull, hard, allowed, masked,
):  # fmt: skip
    """Take one block's scores a step further; make its coupling and parts of J.

    ``V = keep (U - shift) - by_cost C + by_near near - slope - by_pull pull``; 2 to it, brought to
    the frames' weights where they are hard, is W; ``masses`` takes the sums over the frames of W,
    ``sums`` those of ``W C`` and ``W log2 A``.
    """
    builder, n_actions, zero = lanes.builder, U.shape[1], lanes.constant(0.0)
    keep, by_cost, by_near, by_pull = map(lanes.spread, (keep, by_cost, by_near, by_pull))
    omega_at, pull_at = (frames.at(lanes.whole_number(which), i) for which in (OMEGA, PULL))
    old_shift, new_shift = lanes.load(frames.at(shift, i)), frames.at(next_shift, i)
    pulled = lanes.multiply(by_pull, lanes.load(pull_at))
    by_frame = lanes.multiply_add(keep, old_shift, pulled)
    total, with_cost, with_score, top = (lanes.variable(zero) for _ in range(4))

    def take(again: bool, with_mask: bool) -> None:
        """Make scores and their exp; the second time only less their largest."""
        for sum_ in (total, with_cost, with_score):
            builder.store(zero, sum_)
        with lanes.each(n_actions) as (k, _):
            score, cost = V.at(block, k), lanes.load(C.at(c_block, k))
            if again:
                x = builder.fsub(lanes.load(score), builder.load(top))
            else:
                x = lanes.subtract(lanes.multiply(keep, lanes.load(U.at(block, k))), by_frame)
                x = lanes.subtract(x, lanes.multiply(by_cost, cost))
                x = lanes.multiply_add(by_near, lanes.load(near.at(n_block, k)), x)
                x = lanes.subtract(x, lanes.spread(builder.load(slope.at(k))))
            if with_mask:
                kind = ir.VectorType(ir.IntType(8), LANES)
                flags = builder.bitcast(allowed.at(block, k), kind.as_pointer())
                flags = builder.load(flags, align=1)
                may = builder.icmp_unsigned("!=", flags, ir.Constant(kind, [0] * LANES))
                x = builder.select(may, x, lanes.constant(LOW))
            lanes.store(x, score)
            e = lanes.exp2(x)
            if with_mask:
                e = builder.select(may, e, zero)
            lanes.store(e, exps.at(k))
            builder.store(builder.fadd(builder.load(total), e), total)
            builder.store(lanes.multiply_add(e, cost, builder.load(with_cost)), with_cost)
            builder.store(lanes.multiply_add(e, x, builder.load(with_score)), with_score)

    def take_any(again: bool) -> None:
        with lanes.either(masked) as (then, otherwise):
            with then:
                take(again, True)
            with otherwise:
                take(again, False)

    take_any(again=False)
    omega = lanes.load(omega_at)
    factor, entropy = lanes.variable(zero), lanes.variable(zero)
    with lanes.either(hard) as (then, otherwise):
        with then:
            sum_ = builder.load(total)
            usual = builder.and_(
                builder.fcmp_ordered(">", sum_, lanes.constant(1e-9)),
                builder.fcmp_ordered("<", sum_, lanes.constant(1e9)),
            )
            usual = builder.bitcast(usual, ir.IntType(LANES))
            everywhere = ir.Constant(ir.IntType(LANES), -1)
            with builder.if_then(builder.icmp_unsigned("!=", usual, everywhere), likely=False):
                builder.store(lanes.constant(-math.inf), top)
                with lanes.each(n_actions) as (k, _):
                    x, most = lanes.load(V.at(block, k)), builder.load(top)
                    larger = builder.fcmp_ordered(">", x, most)
                    builder.store(builder.select(larger, x, most), top)
                take_any(again=True)
            sum_ = builder.load(total)
            log_total = lanes.log2(sum_)
            lanes.store(log_total, new_shift)
            share = builder.fdiv(omega, sum_)
            builder.store(share, factor)
            heights = lanes.multiply(share, builder.load(with_score))
            builder.store(lanes.subtract(heights, lanes.multiply(omega, log_total)), entropy)
        with otherwise:
            lanes.store(zero, new_shift)
            builder.store(omega, factor)
            builder.store(lanes.multiply(omega, builder.load(with_score)), entropy)
    share = builder.load(factor)
    linear = lanes.multiply(share, builder.load(with_cost))
    for which, part in ((LINEAR, linear), (ENTROPY, builder.load(entropy))):
        lanes.add_to(sums.at(lanes.whole_number(which)), part)
    with lanes.each(n_actions) as (k, _):
        w = builder.fmul(lanes.load(exps.at(k)), share)
        lanes.store(w, W.at(k, w_i))
        lanes.store(builder.fadd(lanes.load(masses.at(k)), w), masses.at(k))


@written_in_llvm(types.void)
def restore(lanes, U, block, k, frames, shift, i, rows, row, position):
    """Make a block of one action's coupling from its scores, into ``rows[row, position:]``."""
    omega = lanes.load(frames.at(lanes.whole_number(OMEGA), i))
    x = lanes.builder.fsub(lanes.load(U.at(block, k)), lanes.load(frames.at(shift, i)))
    w = lanes.builder.fmul(lanes.exp2(x), omega)
    lanes.store(w, rows.at(row, position))
