"""Embeddings as scikit-learn's transformers give them: as arrays, or tables with names."""

from __future__ import annotations

from typing import Any

from asot.errors import ArgumentError, MissingExtraError
from asot.model.given import GivenRecordings, Names

try:
    from sklearn import get_config
    from sklearn.base import ClassNamePrefixFeaturesOutMixin
except ImportError as error:
    raise MissingExtraError("scikit-learn", "learn", "A segmenter") from error

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
        return [_table(kind, one, names, X[place]) for place, one in enumerate(answer)]


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
