"""Other methods to compare with, all behind the estimator's interface."""

from asot.baselines.base import UniformSegmenter
from asot.baselines.cte import CTESegmenter
from asot.baselines.cte_decoding import CTEDecodingSegmenter, estimated_order, ordered_viterbi
from asot.baselines.hierarchy import HierarchySegmenter
from asot.baselines.hmm import HMMSegmenter
from asot.baselines.kmeans import KMeansSegmenter, KMeansTransportSegmenter
from asot.baselines.own_order import OwnOrderSegmenter
from asot.baselines.sela import SeLASegmenter
from asot.baselines.tot import TOTSegmenter
from asot.baselines.twfinch import TWFINCHSegmenter
from asot.baselines.uncertain import UncertainSegmenter

__all__ = [
    "CTEDecodingSegmenter",
    "CTESegmenter",
    "HMMSegmenter",
    "HierarchySegmenter",
    "KMeansSegmenter",
    "KMeansTransportSegmenter",
    "OwnOrderSegmenter",
    "SeLASegmenter",
    "TOTSegmenter",
    "TWFINCHSegmenter",
    "UncertainSegmenter",
    "UniformSegmenter",
    "estimated_order",
    "ordered_viterbi",
]
