"""Align two recordings of the same thing, each at its own pace and with a part the other lacks."""

import numpy as np

import asot

rng = np.random.default_rng(0)
happened = np.cumsum(rng.normal(size=(100, 12)), axis=0)  # 100 moments of what was recorded
slow, fast = np.arange(0, 80, 0.5).astype(int), np.arange(20, 100)  # the moment of each frame
x, y = (happened[when] + rng.normal(size=(len(when), 12)) for when in (slow, fast))
middle = np.concatenate([x, y]).mean(axis=0)  # without it, unlike frames cost about 1
x, y = x - middle, y - middle
x, y = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (x, y))

far = asot.Complement(0.04, [len(y)])  # neighbours in x pay for partners far apart in y
solution = asot.solve(1 - x @ y.T, action_structure=far, border=0.5, lambda_actions=None)
partner = solution.labels  # a frame of y for each of x, or -1

print(f"{np.mean(partner[slow < 20] < 0):.0%} of what y lacks is left without a partner")
near = np.abs(fast[partner] - slow) <= 4
print(f"{np.mean(near & (partner >= 0), where=slow >= 20):.0%} of the rest have theirs nearby")
