"""Provenance of frames of Polars without a store."""

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
from metalith.feature import BaseFeature
from metalith.graph import FeatureGraph
from metalith.keys import FeatureKey
from metalith.plan import FeaturePlan
from metalith.spec import FeatureSpec
from metalith.stores import InMemoryMetadataStore

from metaxy._hashing import HashAlgorithm

Frame = Any
"""A lazy frame of Narwhals."""
_ROW = "row_of_the_frame"


class PolarsVersioningEngine:
    """Computes provenance of a feature's samples, as a store in memory does."""

    def __init__(self, plan: FeaturePlan) -> None:
        self.plan = plan

    @classmethod
    def supported_hash_algorithms(cls) -> frozenset[HashAlgorithm]:
        """How samples can be hashed."""
        return frozenset(HashAlgorithm) - {HashAlgorithm.FARMHASH}

    def hash_struct_version_column(
        self,
        df: Frame,
        hash_algorithm: HashAlgorithm,
        struct_column: str = "metaxy_provenance_by_field",
        hash_column: str = "metaxy_provenance",
    ) -> Frame:
        """Adds the hash over all fields."""
        import polars as pl

        rows: pl.DataFrame = nw.to_native(df.collect() if _is_lazy(df) else df)
        numbered = rows.with_row_index(_ROW)
        fields = rows.schema[struct_column]
        names = [field.name for field in fields.fields] if isinstance(fields, pl.Struct) else []
        store = InMemoryMetadataStore(hash_algorithm=str(hash_algorithm))
        with FeatureGraph().use(), store.open("write"):
            feature = _hashed(names)
            given = numbered.select(
                pl.col(_ROW).cast(pl.Int64),
                pl.col(struct_column).alias("metaxy_provenance_by_field"),
            )
            store.write(feature, given)
            hashed = store.read(feature).collect().to_polars().sort(_ROW)
        column = hashed["metaxy_provenance"].alias(hash_column)
        found = nw.from_native(rows.with_columns(column))
        return found.lazy() if _is_lazy(df) else found

    @staticmethod
    def keep_latest_by_group(
        df: Frame, group_columns: Sequence[str], timestamp_columns: Sequence[str]
    ) -> Frame:
        """Of each group the row with the latest time; of several times the first that is there."""
        times = nw.coalesce(*(nw.col(name) for name in timestamp_columns))
        rows = df.with_columns(times.alias(_ROW)).sort(_ROW)
        kept = rows.unique(list(group_columns), keep="last", **_in_order(rows))
        return kept.drop(_ROW)

    def load_upstream_with_provenance(
        self,
        upstream: Mapping[FeatureKey, Frame],
        hash_algo: HashAlgorithm,
        filters: Mapping[FeatureKey, Sequence[nw.Expr]] | None = None,
    ) -> Frame:
        """Joins upstream rows, with the provenance that follows from them."""
        found = self.resolve_increment_with_provenance(
            None, upstream, hash_algo, filters or {}, None
        )
        return found[0]

    def resolve_increment_with_provenance(  # noqa: PLR0917 - as others call it
        self,
        current: Frame | None,
        upstream: Mapping[FeatureKey, Frame],
        hash_algorithm: HashAlgorithm,
        filters: Mapping[FeatureKey, Sequence[nw.Expr]],
        sample: Frame | None,
        staleness_predicates: Sequence[nw.Expr] = (),
    ) -> tuple[Frame, Frame | None, Frame | None, Frame | None]:
        """New, stale and orphaned samples, and nothing for the input."""
        store = InMemoryMetadataStore(hash_algorithm=str(hash_algorithm))
        key = self.plan.feature.key
        with store.open("write"):
            for upstream_key, rows in upstream.items():
                store.write(upstream_key, rows)
            if current is not None:
                store.write(key, current)
            found = store.resolve_update(
                key,
                samples=sample,
                filters={name: list(given) for name, given in filters.items()},
                staleness_predicates=list(staleness_predicates),
                lazy=True,
            )
        if current is None:
            return found.new, None, None, None
        return found.new, found.stale, found.orphaned, None


def _in_order(rows: Frame) -> dict[str, Any]:
    """Frames without an order of their own are told one."""
    return {"order_by": _ROW} if _is_lazy(rows) else {"maintain_order": True}


def _is_lazy(df: Frame) -> bool:
    return isinstance(df, nw.LazyFrame)


def _hashed(fields: Sequence[str]) -> type[BaseFeature]:
    """A feature with these fields, of which only the hashes count."""
    spec = FeatureSpec(key="compat/hashed", id_columns=[_ROW], fields=list(fields))

    class Hashed(BaseFeature, spec=spec):
        pass

    return Hashed
