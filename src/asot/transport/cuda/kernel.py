"""Triton code of the GPU solver: one program solves one recording from start to end.

The steps are those of ``mirror_descent``, with the same quantities (see ``problem`` for A and w). A
visit to a candidate takes it from its scores to A, the parts of J and the gradient; the start is a
visit with a step of length 0. All decisions are taken in the program: nothing waits for the host.

Two variants share all that is decided (``_judge``) and every formula; they differ in where a
recording lies between visits:

- ``descend_held`` keeps log A, the gradient and the cost on chip, as one block.
- ``descend_tiled``, for what has no room there, keeps them in memory and goes through a recording a
  tile of frames at a time, twice a visit: scores, A and running sums over time; then, once the
  actions' masses are known, window sums and the gradient.

Window sums are differences of running sums, which are in double precision: single precision would
lose digits over a long recording. They pass through memory, because a window's ends are with other
threads; barriers keep what is written and what is read apart. What enters J is summed over the
actions in the cost's precision, and over frames in double precision.
"""

# Compiled functions are typed by their arguments.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, ignore-errors=True
from __future__ import annotations

import sys

import triton
import triton.language as tl

from asot.transport import mirror_descent, solution
from asot.transport.solution import Ending
from asot.transport.step import MOST_COST

_RUNNING = tl.constexpr(-1)
_CONVERGED, _ITERATION_LIMIT, _STALLED, _NOT_FINITE, _ = map(tl.constexpr, range(len(Ending)))
_ENDING, _ITERATIONS = tl.constexpr(solution.ENDING), tl.constexpr(solution.ITERATIONS)
_STEP_SIZE, _MOVED = tl.constexpr(solution.STEP_SIZE), tl.constexpr(solution.MOVED)
_REPORTED = tl.constexpr(solution.REPORTED)
# Rows of ``bands``, after the recordings' lengths.
_HALF_WIDTH, _WEIGHT, _STEP = tl.constexpr(1), tl.constexpr(2), tl.constexpr(3)
_MAX_HALVINGS = tl.constexpr(mirror_descent.MAX_HALVINGS)
_LEAST_INITIAL = tl.constexpr(mirror_descent.LEAST_INITIAL)
_GROWTH = tl.constexpr(mirror_descent.GROWTH)
# Below any score, and far enough from overflow.
_LOW = tl.constexpr(-1e30)
_LARGEST, _LARGEST_SINGLE = tl.constexpr(sys.float_info.max), tl.constexpr(3.4028234663852886e38)
_MOST_COST = tl.constexpr(MOST_COST)
_MOST_MASS = tl.constexpr(solution.MOST_MASS)


@triton.jit
def _scalar(value, dtype: tl.constexpr):
    """Make a number of a type that stays the same through a loop."""
    return tl.full((), value, dtype)


@triton.jit
def _weights(epsilon, alpha, on_frames, on_actions):
    """Bring the weights of J to double precision."""
    epsilon, alpha = _scalar(epsilon, tl.float64), _scalar(alpha, tl.float64)
    on_frames, on_actions = _scalar(on_frames, tl.float64), _scalar(on_actions, tl.float64)
    return epsilon, alpha, on_frames, on_actions


@triton.jit
def _unsolved(full_step, real: tl.constexpr):
    """Begin: no step and no J yet, and the start, iteration 0, still to be visited."""
    step, nothing = _scalar(0.0, real), _scalar(0.0, tl.float64)
    iterations, halvings = _scalar(-1, tl.int32), _scalar(0, tl.int32)
    ending, moved = _scalar(_RUNNING, tl.int32), _scalar(float("inf"), real)
    return step, full_step.to(real), moved, nothing, nothing, iterations, halvings, ending


@triton.jit
def _log_or_zero(values):
    """Take the logarithm where there is mass, and 0 where there never is."""
    return tl.where(values > 0, tl.log(tl.where(values > 0, values, 1.0)), 0.0)


@triton.jit
def _total(terms):
    return tl.sum(tl.sum(terms, axis=1).to(tl.float64), axis=0)


@triton.jit
def _band(bands, b):
    """Read a recording's length, its band's half-width, in frames, and weight, and its step."""
    batch = tl.num_programs(0)
    length = tl.load(bands + b).to(tl.int32)
    half_width = tl.load(bands + _HALF_WIDTH * batch + b).to(tl.int32)
    weight, full_step = tl.load(bands + _WEIGHT * batch + b), tl.load(bands + _STEP * batch + b)
    return length, half_width, weight, full_step


@triton.jit
def _frames(p, b, n, n_frames, length, real: tl.constexpr, HARD: tl.constexpr):
    """Read the frames' marginals, and their weights in the coupling; 0 past the recording's end."""
    exists = n < length
    share = (1.0 / length.to(tl.float64)).to(real)
    weight = tl.where(exists, share, 0.0).to(real)
    target = weight
    if p is not None:
        target = tl.load(p + b * n_frames + n, mask=exists, other=0.0)
        if HARD:
            weight = target
    return target, weight


@triton.jit
def _actions(q, b, k, n_actions, real: tl.constexpr):
    """Read the marginals of the actions; 0 where there is no action."""
    exists = k < n_actions
    if q is None:
        share = 1.0 / _scalar(n_actions, tl.float64)
        values = tl.where(exists, share, 0.0).to(real)
    else:
        values = tl.load(q + b * n_actions + k, mask=exists, other=0.0)
    return values


@triton.jit
def _tile(first, k, length, n_actions, BLOCK_N: tl.constexpr):
    """Number the frames of a tile; tell its entries that exist, and where they lie."""
    n = first + tl.arange(0, BLOCK_N)
    inside = (n < length)[:, None] & (k < n_actions)[None, :]
    return n, inside, n.to(tl.int64)[:, None] * n_actions + k[None, :]


@triton.jit
def _support(allowed, b, n, k, n_frames, n_actions, length):
    """Tell which entries may carry mass."""
    support = (n < length)[:, None] & (k < n_actions)[None, :]
    if allowed is not None:
        at = (b * n_frames + n.to(tl.int64)[:, None]) * n_actions + k[None, :]
        support = support & (tl.load(allowed + at, mask=support, other=0) != 0)
    return support


@triton.jit
def _costs(
    cost, recording_stride, frame_stride, action_stride, b, n, k, support, HARD: tl.constexpr
):
    """Read a block of the cost, 0 off the support; strides go up to 64 bits.

    Where the frame side is hard it is taken less each frame's least, which comes second.
    """
    rows = b * recording_stride + n.to(tl.int64) * frame_stride
    columns = k.to(tl.int64) * action_stride
    given = tl.load(cost + (rows[:, None] + columns[None, :]), mask=support, other=0.0)
    values = given
    least = tl.zeros_like(tl.min(values, axis=1))
    if HARD:
        least = tl.min(tl.where(support, values, float("inf")), axis=1)
        least = tl.where(least < float("inf"), least, 0.0)
        values = tl.where(support, values - least[:, None], 0.0)
    largest: tl.constexpr = _LARGEST if given.dtype == tl.float64 else _LARGEST_SINGLE
    most = tl.full((), _MOST_COST * largest, given.dtype)
    # What is not finite stays so.
    too_much = (values > most) & (given <= tl.full((), largest, given.dtype))
    return tl.where(too_much, most, values), least


@triton.jit
def _start(initial, b, n, k, q, n_frames, n_actions, inside):
    """Read the scores to start from: p q', or a given assignment."""
    if initial is None:
        values = tl.where(inside, q[None, :], 1.0)
    else:
        at = (b * n_frames + n.to(tl.int64)[:, None]) * n_actions + k[None, :]
        values = tl.load(initial + at, mask=inside, other=1.0)
    # A bare number among tensors would have been rounded to single precision.
    return tl.log(tl.maximum(values, _scalar(_LEAST_INITIAL, values.dtype)))


@triton.jit
def _assignment(log_a, MOST: tl.constexpr):
    """Return A of log A, clamped so that a step that is far too long stays finite."""
    return tl.exp(tl.minimum(log_a, MOST))


@triton.jit
def _project(scores, support, HARD: tl.constexpr, MOST: tl.constexpr):
    """Return log A and A: rows are normalised where the frame side is hard.

    Off the support log A is so low that A is 0, but finite, so that no sum needs a mask. Rows
    without any support weigh nothing where the frame side is hard, whatever they hold.
    """
    scores = tl.where(support, scores, _LOW)
    if HARD:
        shifted = scores - tl.max(scores, axis=1)[:, None]
        weights = tl.exp(shifted)
        total = tl.sum(weights, axis=1)
        log_a = shifted - tl.log(total)[:, None]
        a = weights / total[:, None]
    else:
        log_a = scores
        a = _assignment(log_a, MOST)
    return log_a, a


@triton.jit
def _moved_by(log_a, old_log_a, MOST: tl.constexpr):
    """Return the largest change of an assignment."""
    change = tl.abs(_assignment(log_a, MOST) - _assignment(old_log_a, MOST))
    return tl.max(tl.max(change, axis=1), axis=0)


@triton.jit
def _penalty(mass, target, weight, TINY: tl.constexpr):
    """Return the slope of ``weight * KL(mass || target)``, and its sum."""
    log_ratio = tl.log(tl.maximum(mass, TINY)) - _log_or_zero(target)
    terms = (mass * log_ratio - mass + target).to(tl.float64)
    return weight.to(mass.dtype) * log_ratio, weight * tl.sum(terms, axis=0)


@triton.jit
def _window(running, width, n, k, half_width, length):
    """Sum over each frame's window, itself included, from running sums of ``width`` a row."""
    column = k[None, :]
    final = (length - 1).to(n.dtype)
    last = tl.minimum(n + half_width, final)[:, None]
    before = tl.minimum(n - half_width - 1, final)[:, None]
    inside = column < width
    sums = tl.load(running + last * width + column, mask=inside, other=0.0)
    left = tl.load(running + before * width + column, mask=(before >= 0) & inside, other=0.0)
    return sums - left


@triton.jit
def _unlike(window, coupling, weight):
    """Return what each entry pays for its frame's neighbours in other actions: ``Cv T Ca``."""
    # A window holds its own frame, which is no neighbour of itself.
    alike = ((window - coupling.to(tl.float64)) * weight).to(coupling.dtype)
    # Where one action dwarfs the others, rounding could turn their sum negative.
    return tl.maximum(tl.sum(alike, axis=1)[:, None] - alike, 0.0)


@triton.jit
def _judge(
    parts, constant, mass, change, step, full_step, moved, objective, size, iterations, halvings,
    tolerance, max_iterations, report, trace, COMPARE: tl.constexpr, EPS: tl.constexpr,
):  # fmt: skip
    """Decide whether a candidate is taken, note its parts of J, and go on from there.

    ``constant`` belongs to the linear part; ``mass`` is the coupling's where frames are relaxed.
    """
    linear, temporal, of_frames, of_actions, entropy = parts
    value = linear + temporal + of_frames + of_actions + entropy
    starting = iterations < 0
    finite = tl.abs(value + constant) <= _LARGEST
    fits = (value <= objective + EPS * size) & (mass <= _MOST_MASS)
    accepted = starting | (finite & fits)
    iterations += accepted.to(tl.int32)
    halvings = tl.where(accepted, 0, halvings + 1)
    ending = tl.where(iterations >= max_iterations, _ITERATION_LIMIT, _RUNNING)
    ending = tl.where(halvings > _MAX_HALVINGS, _STALLED, ending)
    if COMPARE:
        # A backtracked step moves less without being closer to the end.
        moved = tl.where(accepted & (iterations > 0), change * (full_step / step), moved)
        ending = tl.where(accepted & (moved <= tolerance), _CONVERGED, ending)
    ending = tl.where(starting & (finite == 0), _NOT_FINITE, ending)
    longer = tl.minimum(step * _GROWTH, full_step)
    step = tl.where(starting, full_step, tl.where(accepted, longer, step * 0.5))
    tl.store(report, linear + constant, mask=accepted)
    tl.store(report + 1, temporal, mask=accepted)
    tl.store(report + 2, of_frames, mask=accepted)
    tl.store(report + 3, of_actions, mask=accepted)
    tl.store(report + 4, entropy, mask=accepted)
    tl.store(trace + iterations, value + constant, mask=accepted)
    own_size = tl.abs(linear) + tl.abs(temporal) + tl.abs(of_frames) + tl.abs(of_actions)
    size = tl.where(accepted, own_size + tl.abs(entropy), size)
    objective = tl.where(accepted, value, objective)
    return accepted, step, moved, objective, size, iterations, halvings, ending


@triton.jit
def _close(report, ending, iterations, step, moved):
    tl.store(report + _ENDING, ending.to(tl.float64))
    tl.store(report + _ITERATIONS, iterations.to(tl.float64))
    tl.store(report + _STEP_SIZE, step.to(tl.float64))
    tl.store(report + _MOVED, moved.to(tl.float64))


@triton.jit
def _hand_back(
    log_a, support, weight, b, n, k, n_frames, n_actions, assignment, labels, frame_weight,
    HARD: tl.constexpr, MOST: tl.constexpr,
):  # fmt: skip
    """Write a block's assignment, labels and weights; 0, -1 and 0 past the recording's end."""
    log_a, a = _project(log_a, support, HARD, MOST)
    row = b * n_frames + n.to(tl.int64)
    is_row = n < n_frames
    inside = is_row[:, None] & (k < n_actions)[None, :]
    a = tl.where(support, a, 0.0)
    tl.store(assignment + (row[:, None] * n_actions + k[None, :]), a, mask=inside)
    best = tl.argmax(tl.where(support, log_a, float("-inf")), axis=1)
    some = tl.max(support.to(tl.int32), axis=1) > 0
    tl.store(labels + row, tl.where(some, best, -1).to(tl.int64), mask=is_row)
    tl.store(frame_weight + row, weight, mask=is_row)


@triton.jit(do_not_specialize=["max_iterations"])
def descend_held(
    cost, recording_stride, frame_stride, action_stride, allowed, initial, p, q, bands, assignment,
    labels, frame_weight, trace, report, running, n_frames, n_actions, max_iterations,
    epsilon: tl.float64, alpha: tl.float64, lambda_frames: tl.float64, lambda_actions: tl.float64,
    tolerance: tl.float64, HARD: tl.constexpr, TEMPORAL: tl.constexpr,
    COMPARE: tl.constexpr, TINY: tl.constexpr, MOST: tl.constexpr, EPS: tl.constexpr,
    BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    """Solve recording ``program_id(0)``, all of it in one block of ``BLOCK_N x BLOCK_K``."""
    real: tl.constexpr = cost.dtype.element_ty
    b = tl.program_id(0).to(tl.int64)
    length, half_width, weight_of_band, full_step = _band(bands, b)
    n, k = tl.arange(0, BLOCK_N), tl.arange(0, BLOCK_K)
    inside = (n < length)[:, None] & (k < n_actions)[None, :]
    support = _support(allowed, b, n, k, n_frames, n_actions, length)
    q_values = _actions(q, b, k, n_actions, real)
    p_values, weight = _frames(p, b, n, n_frames, length, real, HARD)
    log_weight = _log_or_zero(weight)
    epsilon, alpha, on_frames, on_actions = _weights(epsilon, alpha, lambda_frames, lambda_actions)
    by_cost = 1.0 - alpha
    report += b * _REPORTED
    trace += b * (max_iterations + 1)
    running += b * (BLOCK_N * BLOCK_K)
    costs, least = _costs(
        cost, recording_stride, frame_stride, action_stride, b, n, k, support, HARD
    )
    constant = by_cost * tl.sum((weight * least).to(tl.float64), axis=0)
    mass = _scalar(0.0, tl.float64)

    log_a = _start(initial, b, n, k, q_values, n_frames, n_actions, inside).to(real)
    gradient = tl.zeros((BLOCK_N, BLOCK_K), real)
    step, full_step, moved, objective, size, iterations, halvings, ending = _unsolved(
        full_step, real
    )
    change = _scalar(0.0, real)
    while ending == _RUNNING:
        new_log_a, a = _project(log_a - step * gradient, support, HARD, MOST)
        if COMPARE:
            change = _moved_by(new_log_a, log_a, MOST)
        coupling = weight[:, None] * a
        log_coupling = new_log_a + log_weight[:, None]
        entropy = epsilon * _total(coupling * (log_coupling - 1.0))
        linear = by_cost * _total(costs * coupling)
        new_gradient = by_cost.to(real) * costs + epsilon.to(real) * log_coupling
        temporal = _scalar(0.0, tl.float64)
        if TEMPORAL:
            # Other threads have read what was here before, and read what is put here now.
            tl.debug_barrier()
            sums = tl.cumsum(coupling.to(tl.float64), axis=0)
            tl.store(running + n[:, None] * BLOCK_K + k[None, :], sums)
            tl.debug_barrier()
            window = _window(running, BLOCK_K, n, k, half_width, length)
            unlike = _unlike(window, coupling, weight_of_band)
            temporal = 0.5 * alpha * _total(coupling * unlike)
            new_gradient += alpha.to(real) * unlike
        of_frames = _scalar(0.0, tl.float64)
        if not HARD:
            mass = _total(coupling)
            slope, of_frames = _penalty(tl.sum(coupling, axis=1), p_values, on_frames, TINY)
            new_gradient += slope[:, None]
        slope, of_actions = _penalty(tl.sum(coupling, axis=0), q_values, on_actions, TINY)
        new_gradient += slope[None, :]

        accepted, step, moved, objective, size, iterations, halvings, ending = _judge(
            (linear, temporal, of_frames, of_actions, entropy),
            constant, mass, change, step, full_step, moved, objective, size, iterations, halvings,
            tolerance, max_iterations, report, trace, COMPARE, EPS,
        )  # fmt: skip
        log_a = tl.where(accepted, new_log_a, log_a)
        gradient = tl.where(accepted, new_gradient, gradient)
    _close(report, ending, iterations, step, moved)
    _hand_back(
        log_a, support, weight, b, n, k, n_frames, n_actions, assignment, labels, frame_weight,
        HARD, MOST,
    )  # fmt: skip


@triton.jit(do_not_specialize=["max_iterations"])
def descend_tiled(
    cost, recording_stride, frame_stride, action_stride, allowed, initial, p, q, bands, assignment,
    labels, frame_weight, trace, report, scores, gradients, running, n_frames, n_actions,
    max_iterations, epsilon: tl.float64, alpha: tl.float64, lambda_frames: tl.float64,
    lambda_actions: tl.float64, tolerance: tl.float64,
    HARD: tl.constexpr, TEMPORAL: tl.constexpr, COMPARE: tl.constexpr, TINY: tl.constexpr,
    MOST: tl.constexpr, EPS: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    """Solve recording ``program_id(0)``, ``BLOCK_N`` of its frames at a time.

    ``scores`` and ``gradients`` have room for two of (N, K) a recording: what is accepted and what
    is tried; ``running`` has room for one in double precision.
    """
    real: tl.constexpr = cost.dtype.element_ty
    b = tl.program_id(0).to(tl.int64)
    length, half_width, weight_of_band, full_step = _band(bands, b)
    k = tl.arange(0, BLOCK_K)
    q_values = _actions(q, b, k, n_actions, real)
    epsilon, alpha, on_frames, on_actions = _weights(epsilon, alpha, lambda_frames, lambda_actions)
    by_cost = 1.0 - alpha
    report += b * _REPORTED
    trace += b * (max_iterations + 1)
    entries = _scalar(n_frames, tl.int64) * n_actions
    scores += 2 * b * entries
    gradients += 2 * b * entries
    running += b * entries
    for first in range(0, length, BLOCK_N):
        n, inside, at = _tile(first, k, length, n_actions, BLOCK_N)
        log_a = _start(initial, b, n, k, q_values, n_frames, n_actions, inside).to(real)
        tl.store(scores + at, log_a, mask=inside)
        tl.store(gradients + at, tl.zeros((BLOCK_N, BLOCK_K), real), mask=inside)
    tl.debug_barrier()

    turn = _scalar(0, tl.int64)
    step, full_step, moved, objective, size, iterations, halvings, ending = _unsolved(
        full_step, real
    )
    while ending == _RUNNING:
        old, new = turn * entries, (1 - turn) * entries
        mass = tl.zeros((BLOCK_K,), tl.float64)
        linear, entropy = _scalar(0.0, tl.float64), _scalar(0.0, tl.float64)
        constant = _scalar(0.0, tl.float64)
        change = _scalar(0.0, real)
        for first in range(0, length, BLOCK_N):
            n, inside, at = _tile(first, k, length, n_actions, BLOCK_N)
            support = _support(allowed, b, n, k, n_frames, n_actions, length)
            _, weight = _frames(p, b, n, n_frames, length, real, HARD)
            log_a = tl.load(scores + old + at, mask=inside, other=_LOW)
            gradient = tl.load(gradients + old + at, mask=inside, other=0.0)
            new_log_a, a = _project(log_a - step * gradient, support, HARD, MOST)
            tl.store(scores + new + at, new_log_a, mask=inside)
            if COMPARE:
                existing = tl.where(inside, new_log_a, _LOW)
                change = tl.maximum(change, _moved_by(existing, log_a, MOST))
            coupling = weight[:, None] * a
            log_coupling = new_log_a + _log_or_zero(weight)[:, None]
            entropy += _total(coupling * (log_coupling - 1.0))
            costs, least = _costs(
                cost, recording_stride, frame_stride, action_stride, b, n, k, support, HARD
            )
            constant += by_cost * tl.sum((weight * least).to(tl.float64), axis=0)
            linear += _total(costs * coupling)
            exact = coupling.to(tl.float64)
            if TEMPORAL:
                tl.store(running + at, mass[None, :] + tl.cumsum(exact, axis=0), mask=inside)
            mass += tl.sum(exact, axis=0)
        tl.debug_barrier()

        linear, entropy = by_cost * linear, epsilon * entropy
        slope, of_actions = _penalty(mass.to(real), q_values, on_actions, TINY)
        temporal, of_frames = _scalar(0.0, tl.float64), _scalar(0.0, tl.float64)
        for first in range(0, length, BLOCK_N):
            n, inside, at = _tile(first, k, length, n_actions, BLOCK_N)
            support = _support(allowed, b, n, k, n_frames, n_actions, length)
            p_values, weight = _frames(p, b, n, n_frames, length, real, HARD)
            new_log_a = tl.load(scores + new + at, mask=inside, other=_LOW)
            coupling = weight[:, None] * _assignment(new_log_a, MOST)
            log_coupling = new_log_a + _log_or_zero(weight)[:, None]
            costs, _ = _costs(
                cost, recording_stride, frame_stride, action_stride, b, n, k, support, HARD
            )
            gradient = by_cost.to(real) * costs + epsilon.to(real) * log_coupling
            if TEMPORAL:
                window = _window(running, n_actions, n.to(tl.int64), k, half_width, length)
                unlike = _unlike(window, coupling, weight_of_band)
                temporal += 0.5 * alpha * _total(coupling * unlike)
                gradient += alpha.to(real) * unlike
            if not HARD:
                pull, penalty = _penalty(tl.sum(coupling, axis=1), p_values, on_frames, TINY)
                of_frames += penalty
                gradient += pull[:, None]
            gradient += slope[None, :]
            tl.store(gradients + new + at, gradient, mask=inside)
        # What a visit wrote is read by other threads in the next.
        tl.debug_barrier()

        total = _scalar(0.0, tl.float64)
        if not HARD:
            total = tl.sum(mass, axis=0)
        accepted, step, moved, objective, size, iterations, halvings, ending = _judge(
            (linear, temporal, of_frames, of_actions, entropy),
            constant, total, change, step, full_step, moved, objective, size, iterations, halvings,
            tolerance, max_iterations, report, trace, COMPARE, EPS,
        )  # fmt: skip
        turn = tl.where(accepted, 1 - turn, turn)
    _close(report, ending, iterations, step, moved)
    for first in range(0, n_frames, BLOCK_N):
        n, inside, at = _tile(first, k, length, n_actions, BLOCK_N)
        support = _support(allowed, b, n, k, n_frames, n_actions, length)
        _, weight = _frames(p, b, n, n_frames, length, real, HARD)
        log_a = tl.load(scores + turn * entries + at, mask=inside, other=0.0)
        _hand_back(
            log_a, support, weight, b, n, k, n_frames, n_actions, assignment, labels, frame_weight,
            HARD, MOST,
        )  # fmt: skip
