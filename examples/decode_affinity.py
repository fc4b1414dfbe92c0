"""Decode a frame-by-action affinity into segments, with the picture to show for it.

    python examples/decode_affinity.py                 # a generated noisy affinity
    python examples/decode_affinity.py affinity.npy    # your own: (frames, actions), high is a fit

The picture, and the labels beside it, go to decoded_affinity.png and .txt.
"""

import sys

import numpy as np

import asot
from asot.figures import plot_matrix, save_figure
from asot.simulation import make_affinity

if len(sys.argv) > 1:
    affinity, truth = np.load(sys.argv[1], allow_pickle=False), None
else:
    affinity, truth = make_affinity(n_frames=800, n_actions=6, noise=0.5, random_state=0)

solution = asot.solve(1.0 - affinity, epsilon=0.04, alpha=0.6, radius=0.04, lambda_actions=0.05)

frame_by_frame = affinity.argmax(axis=1)
changes = {
    "frame by frame": int((np.diff(frame_by_frame) != 0).sum()),
    "asot": int((np.diff(solution.labels) != 0).sum()),
}
for name, count in changes.items():
    print(f"{name:15} {count + 1:4} segments")
if truth is not None:
    for name, labels in {"frame by frame": frame_by_frame, "asot": solution.labels}.items():
        scores = asot.evaluate([labels], [truth])
        print(f"{name:15} {scores['mof']:6.1%} of the frames right, F1@50 {scores['f1@50']:.1%}")
print(solution.status[0])

np.savetxt("decoded_affinity.txt", solution.labels, fmt="%d")
figure = plot_matrix(affinity, ground_truth=truth, labels=solution.labels, kind="affinity")
save_figure(figure, "decoded_affinity.png")
print("See decoded_affinity.png and decoded_affinity.txt")
