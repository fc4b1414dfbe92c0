"""What the authors' release reaches on the same sets, as figures: it takes no part in the command.

Its own ``src/train.py`` with the paper's settings (15 epochs, radius .04, order prior .15, lambda
.11 in training) and the true K, seeds 0 to 2 on a CPU; its labels were scored with
``asot.metrics``, and their MoF compared with its own. Percent, mean and standard deviation over the
seeds, of MoF, mIoU and f1@25.
"""

from __future__ import annotations

Figures = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

STANDARDISED: dict[str, Figures] = {
    "salads": ((63.5, 1.3), (26.9, 3.8), (30.6, 1.3)),
    "coffee": ((47.7, 1.5), (32.0, 1.5), (44.1, 6.3)),
    "watch": ((77.0, 7.0), (68.0, 9.0), (80.4, 6.7)),
    "mocap": ((59.0, 1.2), (37.2, 0.9), (58.7, 3.4)),
    "motions": ((54.3, 8.6), (33.8, 8.4), (54.0, 4.5)),
    "vowels": ((59.0, 5.1), (43.3, 4.2), (62.4, 6.2)),
    "milk": ((61.5, 8.1), (42.8, 8.5), (66.4, 6.9)),
    "pancake": ((70.5, 12.3), (20.8, 4.7), (36.8, 6.5)),
    "mid": ((46.2, 1.4), (16.4, 1.8), (31.9, 1.6)),
}
RAW: dict[str, Figures] = {
    "salads": ((60.2, 1.0), (27.7, 1.0), (30.4, 2.0)),
    "coffee": ((48.4, 2.1), (32.0, 3.7), (43.1, 0.9)),
    "watch": ((72.8, 11.7), (56.8, 13.5), (75.0, 10.0)),
    "mocap": ((60.8, 2.8), (38.6, 2.6), (64.3, 6.7)),
    "motions": ((54.5, 4.8), (38.7, 5.8), (55.7, 7.8)),
    "vowels": ((55.8, 3.0), (36.5, 1.9), (58.6, 2.2)),
    "milk": ((51.5, 8.6), (33.9, 6.3), (54.1, 9.6)),
    "pancake": ((51.5, 3.4), (15.3, 2.1), (30.0, 2.8)),
    "mid": ((52.0, 3.0), (22.7, 2.8), (36.3, 2.5)),
}
