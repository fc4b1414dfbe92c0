"""What a segmenter gives: embeddings as scikit-learn's transformers do, segments and figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError, MissingExtraError
from asot.model.given import GivenRecordings, Names
from asot.timeline.segments import UNLABELLED, SegmentRow, even_times, segment_table
from asot.timeline.tree import step_rows

try:
    from sklearn import get_config
    from sklearn.base import ClassNamePrefixFeaturesOutMixin
except ImportError as error:
    raise MissingExtraError("scikit-learn", "learn", "A segmenter") from error

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

# Labels, how likely they are right, and the steps within actions, as far as they are known.
Segmentation = tuple[NDArray[np.int64], NDArray[np.float32] | None, NDArray[np.int64] | None]
CONTAINERS = "default", "pandas", "polars"


class EmbeddingOutput(ClassNamePrefixFeaturesOutMixin):
    """The face of a transformer of several recordings; scikit-learn's own wraps a single table."""

    cluster_centers_: Any

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import TransformerTags

        tags = super().__sklearn_tags__()
        tags.transformer_tags = TransformerTags(preserves_dtype=[])
        return tags

    @property
    def _n_features_out(self) -> int:
        return int(self.cluster_centers_.shape[1])

    def fit_transform(self, X: Any, y: Any = None, **options: Any) -> Any:
        """Fit, and return the embeddings of the same recordings; see ``fit`` and ``transform``."""
        self.fit(X, y, **options)
        return self.transform(X, lengths=options.get("lengths"))

    def set_output(self, *, transform: str | None = None) -> Any:
        """Choose what ``transform`` gives, and return the segmenter.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, optional
            Arrays, or a table for each recording whose columns are ``get_feature_names_out()``
            and which keeps the index of a table of pandas. None changes nothing.
        """
        if transform is None:
            return self
        if transform not in CONTAINERS:
            text = f"transform must be one of {CONTAINERS}, but is {transform!r}."
            raise ArgumentError(text, setting="transform")
        self._sklearn_output_config = {"transform": transform}
        return self

    def _contained(self, X: Any, given: GivenRecordings, answer: Any) -> Any:
        """Return embeddings, in the form of ``X``, in the container that was asked for."""
        asked = getattr(self, "_sklearn_output_config", {})
        kind = asked.get("transform", get_config()["transform_output"])
        if kind == "default":
            return answer
        names: Names = self.get_feature_names_out()
        if given.one or given.rows is not None:
            return _table(kind, answer, names, X)
        if isinstance(answer, dict):
            return {name: _table(kind, one, names, X[name]) for name, one in answer.items()}
        return [_table(kind, one, names, X[place]) for place, one in enumerate(answer)]


class SegmentOutput:
    """What a segmenter labels, as a table of segments and as a figure."""

    labels_: list[NDArray[np.int64]]
    confidence_: list[NDArray[np.float32]]
    recording_names_: list[Any]
    _read_fitted: Callable[..., GivenRecordings]
    _each: Callable[..., Any]
    _sure: Callable[..., Any]

    def segments(
        self,
        X: Any = None,
        *,
        lengths: Any = None,
        frame_rate: float | None = None,
        names: Any = None,
    ) -> pandas.DataFrame:
        """Return the segments as a table, a row each, with the columns of ``segments.csv``.

        Parameters
        ----------
        X, lengths : as for ``fit``, optional
            Recordings to segment; those that were fitted unless given.
        frame_rate : float, optional
            Frames per second, for ``start_s`` and ``end_s``, which are empty without it.
        names : sequence of str or mapping of int to str, optional
            A name for each action, in place of its label.

        Returns
        -------
        pandas.DataFrame
            ``recording`` (its name where ``X`` has names, else its place),
            ``start_frame``, ``end_frame`` (the first frame
            after the segment), ``start_s``, ``end_s``, ``action`` (its label), and ``confidence``,
            the mean probability of the action over the segment's frames. Where sub-actions were
            looked for, those of a segment follow it: ``level`` is 0 for segments of actions and 1
            for steps, and ``sub_action`` the step within the action, from 0, or -1.

        Raises
        ------
        MissingExtraError
            Without pandas, which the extra ``series`` brings.
        """
        pandas = require_pandas(f"{type(self).__name__}.segments")
        rows: list[dict[str, Any]] = []
        columns, levels = [one.name for one in fields(SegmentRow)], list[str]()
        for name, (labels, confidence, steps) in self._segmentation(X, lengths).items():
            own = segment_table(str(name), labels, confidence, frame_rate, names)
            found = [asdict(row) | {"recording": name} for row in own]
            if steps is not None:
                levels = ["level", "sub_action"]
                found = _both_levels(own, found, steps, frame_rate)
            rows += found
        table = pandas.DataFrame(rows, columns=columns + levels)
        kinds: dict[str, type] = dict.fromkeys(("start_s", "end_s", "confidence"), float)
        return table.astype(kinds if names is not None else {**kinds, "action": int})

    def plot(
        self,
        X: Any = None,
        *,
        lengths: Any = None,
        frame_rate: float | None = None,
        names: Any = None,
    ) -> Figure:
        """Draw the recordings on one time axis, a colour an action; the arguments of ``segments``.

        Notebooks show the figure where a cell ends with it.

        Raises
        ------
        MissingExtraError
            Without matplotlib, which the extra ``plot`` brings.
        """
        from asot.figures import plot_corpus

        segmented = self._segmentation(X, lengths)
        found = [labels for labels, *_ in segmented.values()]
        titles = [str(name) for name in segmented]
        return plot_corpus(found, names=names, recordings=titles, frame_rate=frame_rate)

    def _segmentation(self, X: Any, lengths: Any) -> dict[Any, Segmentation]:
        """Return what is known of X, or else of the recordings that were fitted, by their names."""
        if X is None and hasattr(self, "labels_"):
            steps = getattr(self, "sub_actions_", [None] * len(self.labels_))
            found = zip(self.labels_, self.confidence_, steps, strict=True)
            return dict(zip(self.recording_names_, found, strict=True))
        if X is None and hasattr(self, "model_"):
            raise ArgumentError(
                "X must be given to a segmenter that was loaded: its file holds no recordings.",
                setting="X",
            )
        recordings = self._read_fitted(X, lengths)
        return dict(zip(recordings.names, self._each(self._sure, recordings), strict=True))


def _both_levels(
    rows: Sequence[SegmentRow],
    values: list[dict[str, Any]],
    steps: NDArray[np.int64],
    frame_rate: float | None,
) -> list[dict[str, Any]]:
    """Add the steps (N,) within segments to the segments' values, each behind its segment."""
    times = None if frame_rate is None else even_times(len(steps), frame_rate)
    found = [one | {"level": 0, "sub_action": UNLABELLED} for one in values]
    for part in step_rows(rows, steps, times):
        own = asdict(part)
        own["sub_action"] = own.pop("step") - 1
        del own["recording"], own["segment"]
        found.append(values[part.segment - 1] | own | {"confidence": None, "level": 1})
    return sorted(found, key=lambda one: (one["start_frame"], one["level"]))


def require_pandas(caller: str) -> Any:
    """Return pandas, or raise a MissingExtraError that names who needs it."""
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("pandas", "series", caller) from error
    return pandas


def _table(kind: str, rows: Any, names: Names, given: Any) -> Any:
    try:
        if kind == "pandas":
            import pandas

            index = given.index if isinstance(given, pandas.DataFrame) else None
            return pandas.DataFrame(rows, columns=names, index=index)
        import polars
    except ImportError as error:
        extra = "series" if kind == "pandas" else None
        raise MissingExtraError(kind, extra, f'set_output(transform="{kind}")') from error
    return polars.DataFrame(rows, schema=names.tolist(), orient="row")
