"""Other methods, one a file, all behind the estimator's interface: to compare with."""

from asot.baselines.cte import CTESegmenter
from asot.baselines.hmm import HMMSegmenter
from asot.baselines.kmeans import KMeansSegmenter
from asot.baselines.kmeans_transport import KMeansTransportSegmenter
from asot.baselines.sela import SeLASegmenter
from asot.baselines.tot import TOTSegmenter
from asot.baselines.twfinch import TWFINCHSegmenter
from asot.baselines.uniform import UniformSegmenter
from asot.baselines.viterbi import estimated_order, ordered_viterbi

__all__ = [
    "CTESegmenter",
    "HMMSegmenter",
    "KMeansSegmenter",
    "KMeansTransportSegmenter",
    "SeLASegmenter",
    "TOTSegmenter",
    "TWFINCHSegmenter",
    "UniformSegmenter",
    "estimated_order",
    "ordered_viterbi",
]
