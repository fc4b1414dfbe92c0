"""Labels of a whole recording at once: lengths, transitions and transcripts that must be kept."""

from asot.decoding.rules import Durations, NegativeBinomial
from asot.decoding.semi_markov import Confidence, decode_segments, segment_confidence
from asot.decoding.transcripts import align, learn_transitions, transcript

__all__ = [
    "Confidence",
    "Durations",
    "NegativeBinomial",
    "align",
    "decode_segments",
    "learn_transitions",
    "segment_confidence",
    "transcript",
]
