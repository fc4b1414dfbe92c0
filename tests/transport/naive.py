"""The compiled CPU solver as a plain Numba loop: its readable twin, which tests compare it with.

One recording, in double precision, with the quantities of ``asot.transport.problem``: the coupling
is ``T = w A``, with w = p where the frame side is hard and 1/N where it is relaxed; the action side
is relaxed. ``lambda_frames`` is NaN where the frame side is hard. A step is tried, J is taken
there, and the step is halved where J rose. Where the frame side is hard each frame's cost is taken
less its least. docs/compiled-solver.md says what the fast one does otherwise: the same numbers, in
one visit to memory an iteration.
"""

# Compiled functions are typed by their arguments.
# mypy: ignore-errors=True
from __future__ import annotations

import math

import numpy as np
from numba import njit

from asot.transport.mirror_descent import GROWTH, MAX_HALVINGS


@njit
def solve_naively(
    cost, p, q, half_width, fraction, epsilon, alpha, lambda_frames, lambda_actions, max_iterations
):
    """Return the assignment (N, K), and the trace of J up to the last accepted step."""
    n_frames = cost.shape[0]
    hard = math.isnan(lambda_frames)
    w = p if hard else np.full(n_frames, 1.0 / n_frames)
    weights = (epsilon, alpha / fraction, 1.0 - alpha, lambda_frames, lambda_actions)
    constant = 0.0
    if hard:
        least = np.array([row.min() for row in cost])
        cost = cost - least.reshape(-1, 1)
        constant = (1.0 - alpha) * (w * least).sum()
    log_a, a = project(np.log(q) + np.zeros_like(cost), hard)
    value, size, gradient = evaluate(log_a, a, cost, w, p, q, half_width, weights)
    trace = [value]
    bound = min((2.0 * half_width + 4.0) / 3.0, n_frames - 1.0)
    curvature = alpha * bound / (2.0 * fraction * n_frames)
    penalties = lambda_actions if hard else lambda_actions + lambda_frames
    step = full_step = 1.0 / (epsilon + penalties + curvature)
    halvings = 0
    while len(trace) <= max_iterations and halvings <= MAX_HALVINGS:
        new_log_a, new_a = project(log_a - step * gradient, hard)
        new_value, new_size, new_gradient = evaluate(
            new_log_a, new_a, cost, w, p, q, half_width, weights
        )
        if new_value <= value + 17 * np.finfo(np.float64).eps * size:
            log_a, a, gradient, value, size = new_log_a, new_a, new_gradient, new_value, new_size
            trace.append(value)
            halvings = 0
            step = min(GROWTH * step, full_step)
        else:
            halvings += 1
            step *= 0.5
    return a, np.array(trace) + constant


@njit
def project(scores, hard):
    """Return log A and A; where the frame side is hard each row of A is brought to sum to 1."""
    log_a = scores.copy()
    if hard:
        for i in range(len(scores)):
            most = scores[i].max()
            log_a[i] -= most + math.log(np.exp(scores[i] - most).sum())
    return log_a, np.exp(log_a)


@njit
def evaluate(log_a, a, cost, w, p, q, half_width, weights):
    """Return J, the sum of its parts' sizes, and dJ/dT."""
    epsilon, near, by_cost, lambda_frames, lambda_actions = weights
    n_frames, n_actions = cost.shape
    linear = temporal = entropy = frame_penalty = action_penalty = 0.0
    gradient = np.empty_like(cost)
    coupling = np.empty_like(cost)
    # running[i, k] is the coupling of all frames before i.
    running = np.zeros((n_frames + 1, n_actions))
    for i in range(n_frames):
        log_w = math.log(w[i])
        for k in range(n_actions):
            log_t = log_a[i, k] + log_w
            coupling[i, k] = w[i] * a[i, k]
            running[i + 1, k] = running[i, k] + coupling[i, k]
            linear += by_cost * cost[i, k] * coupling[i, k]
            entropy += epsilon * coupling[i, k] * (log_t - 1.0)
            gradient[i, k] = by_cost * cost[i, k] + epsilon * log_t
    for i in range(n_frames):
        # (Cv T)[i, k]: frames j with 0 < |i - j| <= b; then what other actions have of it.
        window = running[min(i + half_width + 1, n_frames)] - running[max(i - half_width, 0)]
        alike = near * (window - coupling[i])
        for k in range(n_actions):
            unlike = max(alike.sum() - alike[k], 0.0)
            temporal += 0.5 * unlike * coupling[i, k]
            gradient[i, k] += unlike
        if not math.isnan(lambda_frames):
            mass = coupling[i].sum()
            ratio = math.log(mass / p[i])
            frame_penalty += lambda_frames * (mass * ratio - mass + p[i])
            gradient[i] += lambda_frames * ratio
    for k in range(n_actions):
        mass = running[n_frames, k]
        ratio = math.log(mass / q[k])
        action_penalty += lambda_actions * (mass * ratio - mass + q[k])
        gradient[:, k] += lambda_actions * ratio
    value = linear + temporal + frame_penalty + action_penalty + entropy
    size = abs(linear) + abs(temporal) + abs(frame_penalty) + abs(action_penalty) + abs(entropy)
    return value, size, gradient
