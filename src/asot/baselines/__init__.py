"""Other methods to compare with, all behind the estimator's interface."""

from asot.baselines.base import UniformSegmenter
from asot.baselines.closed_loop import ClosedLoopSegmenter
from asot.baselines.cte import CTESegmenter
from asot.baselines.cte_decoding import CTEDecodingSegmenter, estimated_order, ordered_viterbi
from asot.baselines.hierarchy import HierarchySegmenter
from asot.baselines.hmm import HMMSegmenter
from asot.baselines.kmeans import KMeansSegmenter, KMeansTransportSegmenter
from asot.baselines.own_order import OwnOrderSegmenter
from asot.baselines.prototypes import PrototypeSegmenter
from asot.baselines.sela import SeLASegmenter
from asot.baselines.tot import TOTSegmenter
from asot.baselines.twfinch import TWFINCHSegmenter
from asot.baselines.uncertain import UncertainSegmenter
from asot.baselines.vasot import VASOTSegmenter
from asot.baselines.views import ViewsSegmenter

__all__ = [
    "CTEDecodingSegmenter",
    "CTESegmenter",
    "ClosedLoopSegmenter",
    "HMMSegmenter",
    "HierarchySegmenter",
    "KMeansSegmenter",
    "KMeansTransportSegmenter",
    "OwnOrderSegmenter",
    "PrototypeSegmenter",
    "SeLASegmenter",
    "TOTSegmenter",
    "TWFINCHSegmenter",
    "UncertainSegmenter",
    "UniformSegmenter",
    "VASOTSegmenter",
    "ViewsSegmenter",
    "estimated_order",
    "ordered_viterbi",
]
