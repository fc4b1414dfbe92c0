"""Segment without training: each action is a vector, such as the embedding of its name.

Frames and texts are to lie in one space, as embeddings by a model of images and texts do (CLIP's,
say). Here the vectors of the actions are the means of generated frames.
"""

import numpy as np

import asot
from asot.simulation import make_recordings

corpus = make_recordings(8, n_actions=6, width=32, noise=3.0, order="varied", random_state=0)
frames, truth = np.concatenate(corpus.features), np.concatenate(corpus.ground_truth)
texts = np.stack([frames[truth == k].mean(axis=0) for k in range(6)])  # (K, d): yours go here

texts /= np.linalg.norm(texts, axis=1, keepdims=True)
units = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in corpus.features]
costs = [1.0 - one @ texts.T for one in units]  # for several views, a weighted sum of such costs
nearest = [cost.argmin(axis=1) for cost in costs]
labels = [asot.solve(cost, epsilon=0.04, alpha=0.6).labels for cost in costs]

for name, found in {"nearest text": nearest, "asot": labels}.items():
    scores = asot.evaluate(found, corpus.ground_truth, matching="name")
    print(f"{name:13} {scores['mof']:.1%} of the frames right, F1@50 {scores['f1@50']:.1%}")
