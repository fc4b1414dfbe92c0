"""Decisions of the compiled CPU solver: one recording's mirror descent, visit by visit.

docs/compiled-solver.md says how it works. ``visit`` has a visit to one tile, ``blocks`` its
innermost loops, ``layout`` what lies where and whose turn it is; here steps are judged, and threads
have the tiles done.
"""

# Compiled functions are typed by their arguments.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, ignore-errors=True
from __future__ import annotations

import functools
import hashlib
import logging
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numba import cfunc, types
from numba.core import event

from asot.transport import mirror_descent, solution
from asot.transport import step as steps
from asot.transport.cpu import blocks, layout, visit
from asot.transport.cpu.blocks import CHUNK, LEAST, LN2, LOG2E, OMEGA, PLACES
from asot.transport.cpu.layout import apart, array_at, arrive, compile_apart, compile_inline, look
from asot.transport.cpu.visit import FINISH, JUDGE, READ, START, STEP, blank, do
from asot.transport.solution import Ending

logger = logging.getLogger(__name__)

# Typed, because a plain constant has each function compiled anew for it.
_FIRST, _LAST = np.int64(0), np.int64(PLACES - 1)
CONVERGED, ITERATION_LIMIT, STALLED, NOT_FINITE, _ = range(len(Ending))
# In place of isfinite, which subtracts: not to be trusted with any order of sums.
LARGEST = np.finfo(np.float64).max


@compile_apart
def _help(r, own, thread, n_threads):
    """Do tiles of each visit that is ordered, until all is over."""
    seen, spins = 0, 0
    while True:
        turn = look(r.gates, layout.CLAIMS + layout.CLAIM * thread) >> layout.TURN
        if turn == layout.OVER:
            return
        if turn == seen:
            spins += 1
            if spins > layout.PATIENCE:
                layout.yield_processor()
            continue
        seen, spins = turn, 0
        tile = layout.claim(r, thread, n_threads)
        while tile >= 0:
            do(r, own, tile)
            arrive(r.gates, layout.DONE)
            tile = layout.claim(r, thread, n_threads)


@compile_apart
def _lead(r, own, n_threads, turn, phase, source, target, step, keep, by_cost, by_near):
    """Have all tiles done: by this thread, and by those that have come to help.

    Nobody waits for a thread that has not come, or that another program keeps from running, but
    for the tile that it has begun.
    """
    apart()
    orders = r.orders
    orders[layout.PHASE], orders[layout.SOURCE], orders[layout.TARGET] = phase, source, target
    orders[layout.LENGTH], orders[layout.KEEP] = step, keep
    orders[layout.BY_COST], orders[layout.BY_NEAR] = by_cost, by_near
    if n_threads == 1:
        for tile in range(r.n_tiles):
            do(r, own, tile)
        return
    layout.publish(r.gates, layout.DONE, np.int64(0))
    layout.open_tiles(r, turn, n_threads)
    tile = layout.claim(r, _FIRST, n_threads)
    while tile >= 0:
        do(r, own, tile)
        arrive(r.gates, layout.DONE)
        tile = layout.claim(r, _FIRST, n_threads)
    spins = 0
    while look(r.gates, layout.DONE) < r.n_tiles:
        spins += 1
        if spins > layout.PATIENCE:
            layout.yield_processor()


@compile_inline
def _add_up(r, place, tiny, weight_entropy):
    """Add up a visit's parts of J at its target, the mass before each tile, and the slope."""
    before, parts = r.before[place], r.parts[place]
    linear, entropy, mass = 0.0, 0.0, 0.0
    for tile in range(r.n_tiles):
        linear += r.sums[tile, blocks.LINEAR]
        entropy += r.sums[tile, blocks.ENTROPY]
    action_penalty = 0.0
    for k in range(r.q.shape[0]):
        total = 0.0
        for tile in range(r.n_tiles):
            before[tile, k] = total
            total += r.masses[tile, k]
        before[r.n_tiles, k] = total
        mass += total
        share = total / r.length
        ratio = math.log(max(share, tiny)) - r.log_q[k]
        r.slopes[place, k] = r.on_actions * ratio
        action_penalty += share * ratio - share + r.q[k]
    # What of the entropy the weights alone make.
    by_weight = weight_entropy if r.hard else -mass * (math.log(np.float64(r.length)) + 1.0)
    parts[0] = (1.0 - r.alpha) / r.length * linear
    parts[3] = r.on_actions * action_penalty
    parts[4] = r.epsilon / r.length * (LN2 * entropy + by_weight)


@compile_inline
def _judge(r, place, all_pairs):
    """Add up a visit's parts of J at its source; return J."""
    parts = r.parts[place]
    alike, unlike, frame_penalty = 0.0, 0.0, 0.0
    for tile in range(r.n_tiles):
        alike += r.sums[tile, blocks.ALIKE]
        unlike += r.sums[tile, blocks.UNLIKE]
        frame_penalty += r.sums[tile, blocks.FRAME_PENALTY]
    temporal = all_pairs - alike if r.hard else unlike
    parts[1] = 0.5 * r.near / r.length * temporal
    parts[2] = 0.0 if r.hard else r.on_frames * (frame_penalty + 1.0)
    value = 0.0
    for j in range(5):
        value += parts[j]
    return value


@compile_apart
def _all_pairs(r):
    """Sum the products of the weights of neighbours: what ALIKE is where all actions are alike."""
    apart()
    omega = r.frames[OMEGA]
    window, total = 0.0, 0.0
    for i in range(min(r.reach, r.length)):
        window += np.float64(omega[i])
    for i in range(r.length):
        if i + r.reach < r.length:
            window += np.float64(omega[i + r.reach])
        if i > r.reach:
            window -= np.float64(omega[i - r.reach - 1])
        total += np.float64(omega[i]) * (window - np.float64(omega[i]))
    return total


@compile_apart
def _descend(n_threads, r, own, settings, trace, report):
    """Solve one recording: decide, and have the tiles done."""
    apart()
    real = r.frames.dtype.type
    K = r.cost.shape[1]
    tiny = np.float64(np.finfo(r.frames.dtype).tiny)
    eps = np.float64(np.finfo(r.frames.dtype).eps) + 16.0 * np.finfo(np.float64).eps
    tolerance, most_iterations = settings[layout.TOLERANCE], settings[layout.MAX_ITERATIONS]

    if not r.lean:
        r.couplings[:, :, :CHUNK] = real(0)
        r.couplings[:, :, CHUNK + r.size :] = real(0)
    r.slope[:] = real(0)
    _lead(r, own, n_threads, np.int64(1), READ, _LAST, _LAST, 0.0, 0.0, 0.0, 0.0)
    weight_entropy, all_pairs, constant = 0.0, 0.0, 0.0
    if r.hard:
        all_pairs = _all_pairs(r)
        for i in range(r.length):
            omega = np.float64(r.frames[OMEGA, i])
            weight_entropy += omega * (r.frames[blocks.LOG_WEIGHT, i] - 1.0)
            constant += (1.0 - r.alpha) * omega / r.length * r.frames[LEAST, i]

    # The start is a step of length 0, projected like any other, and the first to be judged.
    _lead(r, own, n_threads, np.int64(2), START, _LAST, _FIRST, 0.0, 1.0, 0.0, 0.0)
    _add_up(r, _FIRST, tiny, weight_entropy)
    trace[:] = np.nan
    full_step = step = np.float64(real(r.full_step))
    accepted, waiting, turn = _LAST, _FIRST, np.int64(2)
    waiting_step, waiting_change, moved = full_step, 0.0, np.inf
    objective, iterations, halvings, ending = 0.0, -1, 0, -1
    while ending < 0:
        # Go on from what is still to be judged, as if it were accepted.
        source, target, s = accepted, (accepted + 1) % PLACES, step
        if waiting >= 0:
            source, target = waiting, PLACES - accepted - waiting
            s = np.float64(real(min(mirror_descent.GROWTH * waiting_step, full_step)))
        judging = waiting >= 0 and iterations + 1 >= most_iterations
        for k in range(K):
            r.slope[k] = real(s * LOG2E * r.slopes[source, k])
        turn += 1
        _lead(
            r, own, n_threads, turn, JUDGE if judging else STEP, source, target, s,
            1.0 - s * r.epsilon, s * LOG2E * (1.0 - r.alpha), s * LOG2E * r.near,
        )  # fmt: skip
        change = 0.0
        if not judging:
            _add_up(r, target, tiny, weight_entropy)
            for tile in range(r.n_tiles):
                change = max(change, r.sums[tile, blocks.CHANGE])
        if waiting >= 0:
            value = _judge(r, waiting, all_pairs)
            # With hard frames the temporal part is a difference of sums as large as all pairs'.
            rounding = 0.5 * r.near / r.length * abs(all_pairs) if r.hard else 0.0
            mass = 0.0
            for j in range(5):
                rounding += abs(r.parts[accepted, j])
            if not r.hard:
                for k in range(K):
                    mass += r.before[waiting, r.n_tiles, k]
            fits = abs(value) <= LARGEST and value <= objective + eps * rounding
            fits = fits and mass <= solution.MOST_MASS * r.length
            if fits or iterations < 0:
                if iterations >= 0:
                    moved = waiting_change * (full_step / waiting_step)
                iterations += 1
                halvings = 0
                accepted, objective, step = waiting, value, s
                trace[iterations] = value + constant
                if not abs(value + constant) <= LARGEST:
                    ending = NOT_FINITE
                elif r.compare and moved <= tolerance:
                    ending = CONVERGED
                elif iterations >= most_iterations:
                    ending = ITERATION_LIMIT
            else:
                halvings += 1
                step = np.float64(real(0.5 * waiting_step))
                target = np.int64(-1)
                if halvings > mirror_descent.MAX_HALVINGS:
                    ending = STALLED
        waiting, waiting_step, waiting_change = target, s, change

    _lead(r, own, n_threads, turn + 1, FINISH, accepted, accepted, 0.0, 0.0, 0.0, 0.0)
    blank(r)
    if ending == NOT_FINITE:
        arrive(r.gates, layout.FAILURES)
    for j in range(5):
        report[j] = r.parts[accepted, j]
    report[0] += constant
    report[solution.ENDING], report[solution.ITERATIONS] = ending, iterations
    report[solution.STEP_SIZE], report[solution.MOVED] = step, moved


@compile_apart
def _solve(address, kind):
    """Solve a batch as one of its threads: recordings in turn, together or each by itself."""
    job = layout.read_job(address)
    together = job.together != 0
    n_gates = layout.CLAIMS + layout.CLAIM * job.threads
    gates = array_at(job.gates, (n_gates,), np.int64)
    if job.number_of_threads != 0:
        thread, n_threads = layout.ask(job.thread_number), layout.ask(job.number_of_threads)
    else:
        thread, n_threads = arrive(gates, layout.ARRIVALS), job.threads
    settings = array_at(job.settings, (layout.SETTINGS,), np.float64)
    most_iterations = np.int64(settings[layout.MAX_ITERATIONS])
    traces = array_at(job.traces, (job.batch, most_iterations + 1), np.float64)
    reports = array_at(job.reports, (job.batch, solution.REPORTED), np.float64)
    members, group = (n_threads, np.int64(0)) if together else (np.int64(1), thread)
    own = layout.scratch_of(job, thread, kind)
    while True:
        b = np.int64(0) if together else arrive(gates, layout.NEXT_RECORDING)
        if b >= job.batch:
            return
        recording = layout.recording_of(job, b, group, settings, gates, kind)
        if members > 1 and thread > 0:
            _help(recording, own, thread, members)
            return
        _descend(members, recording, own, settings, traces[b], reports[b])
        if together:
            layout.open_tiles(recording, layout.OVER, members)
            return


def _sources() -> str:
    """Digest all that is compiled: Numba itself would look at this file alone."""
    digest = hashlib.sha256()
    for module in (blocks, layout, visit, mirror_descent, solution, steps, sys.modules[__name__]):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()


@functools.cache
def entry(single: bool) -> Any:
    """Compile the solver of one precision, or read it from the cache: C's ``void (int64)``."""
    kind, sources = (np.float32 if single else np.float64), _sources()

    def solve(address):
        # A closure's values are part of its name in the cache.
        if len(sources) > 0:
            _solve(address, kind)

    signature = types.void(types.int64)
    with event.install_listener("numba:compile", _Announcement()):
        try:
            return cfunc(signature, cache=True, _nrt=False)(solve)
        except RuntimeError:  # no folder can be written to
            return cfunc(signature, _nrt=False)(solve)


@functools.cache
def _announce():
    text = "some 15 seconds of a free core for each precision, longer on a busy machine"
    logger.warning("Compiling the solver, the first time alone: %s.", text)


class _Announcement(event.Listener):
    """A notice of why the first call ever takes so long; not for code that is read."""

    def on_start(self, _):
        _announce()

    def on_end(self, _):
        pass
