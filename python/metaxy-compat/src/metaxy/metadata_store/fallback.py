"""Stores that read what they do not have from others."""

from collections.abc import Sequence
from typing import Any, cast

import narwhals as nw
from metalith.errors import InvalidError, MetadataSchemaError
from metalith.graph import FeatureGraph
from metalith.keys import CoercibleToFeatureKey, FeatureKey, coerce_to_feature_key
from metalith.stores import MetadataStore
from metalith.stores.session import Session

from metaxy._hashing import get_hash_truncation_length
from metaxy.config import MetaxyConfig
from metaxy.metadata_store.system import FEATURE_VERSIONS_KEY, SystemTableStorage
from metaxy.models.constants import (
    METAXY_DATA_VERSION,
    METAXY_DATA_VERSION_BY_FIELD,
    METAXY_FEATURE_VERSION,
    METAXY_PROJECT_VERSION,
    METAXY_PROVENANCE,
    METAXY_PROVENANCE_BY_FIELD,
)


class WithFallbacks(MetadataStore):
    """A store with others behind it, which may be named as the configuration calls them.

    They are only read. A first write may hide what is behind, other than in Metalith's own stores:
    that is how Metaxy's users make a feature their own.
    """

    _named_fallbacks: tuple[MetadataStore | str, ...] = ()

    @property
    def fallback_stores(self) -> tuple[Session, ...]:
        """The stores behind this one."""
        config = MetaxyConfig.get()
        named = self._named_fallbacks
        return tuple(config.get_store(it) if isinstance(it, str) else it for it in named)

    @property
    def _is_open(self) -> bool:
        return self.is_open

    @property
    def _mode_stack(self) -> list[str]:
        return [mode[0] for mode, _ in self._opened]

    @property
    def _access_mode(self) -> str | None:
        return self._mode_stack[-1] if self._opened else None

    def _resolve_feature_key(self, feature: CoercibleToFeatureKey) -> FeatureKey:
        return coerce_to_feature_key(feature)

    @property
    def hash_truncation_length(self) -> int | None:
        """To how many characters versions are cut."""
        return get_hash_truncation_length()

    @property
    def qualified_class_name(self) -> str:
        """The import path of its class."""
        return f"{type(self).__module__}.{type(self).__qualname__}"

    def read(self, feature: Any, **options: Any) -> Any:
        """Reads samples; of `FEATURE_VERSIONS_KEY` what was recorded."""
        if coerce_to_feature_key(feature) != FEATURE_VERSIONS_KEY:
            return super().read(feature, **options)
        rows = nw.from_native(SystemTableStorage(self)._recorded(None)).lazy()
        conditions = options.get("filters") or []
        for condition in conditions if isinstance(conditions, Sequence) else [conditions]:
            rows = rows.filter(condition)
        columns = options.get("columns")
        return rows if columns is None else rows.select(*columns)

    def write(
        self,
        feature: Any,
        df: Any,
        materialization_id: str | None = None,
        preserve_feature_version: bool = False,
        *,
        over_fallback: bool = True,
    ) -> int:
        """Adds samples in one commit, all or none.

        With `preserve_feature_version` they are of the version that their rows name, of which the
        graph must be on record.
        """
        if not preserve_feature_version:
            return super().write(feature, df, materialization_id, over_fallback=over_fallback)
        key = coerce_to_feature_key(feature)
        rows = nw.from_native(df, pass_through=False)
        found = rows.lazy().select(METAXY_FEATURE_VERSION).unique().collect()
        versions: list[str] = found[METAXY_FEATURE_VERSION].to_list()
        if len(versions) > 1:
            names = ", ".join(f"`{it}`" for it in sorted(versions))
            raise InvalidError(f"rows of `{key}` are of several versions: {names}")
        graph = self._graph_of(key, *versions) if versions else FeatureGraph.get_active()
        with graph.use():
            return super().write(key, df, materialization_id, over_fallback=over_fallback)

    def compute_provenance(self, feature: Any, df: Any) -> Any:
        """Gives upstream rows that were joined by hand their version columns."""
        key = coerce_to_feature_key(feature)
        names = cast("Any", nw.from_native(df)).collect_schema().names()
        deps = self._resolve(feature)[1].get_feature_definition(key).spec.deps
        wanted = [METAXY_DATA_VERSION_BY_FIELD + dep.feature.to_column_suffix() for dep in deps]
        missing = [f"`{it}`" for it in wanted if it not in names]
        if missing:
            raise MetadataSchemaError(
                f"rows for `{key}` are missing required upstream columns: {', '.join(missing)}",
                hint="keep each upstream's data versions, with its name at the end of the column's",
            )
        return super().compute_provenance(feature, df)

    def rebase(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, feature: Any, df: Any, *, to_feature_version: str | None = None
    ) -> Any:
        """Gives samples of one version of a feature the provenance of another, by default today's.

        Columns of users are kept, and so are data versions that they gave. Samples that upstreams
        do not have any more are left out. Write them with `preserve_feature_version=True`.
        """
        key = coerce_to_feature_key(feature)
        graph = FeatureGraph.get_active()
        if not graph.get_feature_definition(key).spec.deps:
            raise InvalidError(
                f"Cannot rebase root feature {key}: its provenance is what was written with it"
            )
        version = graph.get_feature_version(key)
        if to_feature_version is not None:
            graph, version = self._graph_of(key, to_feature_version), to_feature_version
        with graph.use():
            expected = self.resolve_update(key, skip_comparison=True).new
        ids = list(graph.get_feature_definition(key).spec.id_columns)
        rows: Any = nw.from_native(df)
        schema = rows.collect_schema()
        before = [it.name for it in schema[METAXY_DATA_VERSION_BY_FIELD].fields]
        after = [it.name for it in cast("Any", expected.schema[METAXY_PROVENANCE_BY_FIELD]).fields]
        by_field = nw.col(METAXY_DATA_VERSION_BY_FIELD)
        is_own = nw.col(METAXY_DATA_VERSION) != nw.col(METAXY_PROVENANCE)
        # What nobody gave is NULL, and filled when it is written.
        members = [
            nw.when(is_own).then(by_field.struct.field(it)).alias(it)
            if it in before
            else nw.lit(None, dtype=nw.String).alias(it)
            for it in after
        ]
        kept = rows.with_columns(
            nw.when(is_own).then(nw.col(METAXY_DATA_VERSION)).alias(METAXY_DATA_VERSION),
            nw.struct(members).alias(METAXY_DATA_VERSION_BY_FIELD),
        ).drop(
            METAXY_PROVENANCE,
            METAXY_PROVENANCE_BY_FIELD,
            METAXY_FEATURE_VERSION,
            METAXY_PROJECT_VERSION,
            strict=False,
        )
        new = expected.select(*ids, METAXY_PROVENANCE, METAXY_PROVENANCE_BY_FIELD)
        new = new.with_columns(
            nw.lit(version).alias(METAXY_FEATURE_VERSION),
            nw.lit(graph.project_version).alias(METAXY_PROJECT_VERSION),
        )
        joined = kept.join(new.lazy() if isinstance(kept, nw.LazyFrame) else new, on=ids)
        return joined if isinstance(df, (nw.DataFrame, nw.LazyFrame)) else nw.to_native(joined)

    def _graph_of(self, key: FeatureKey, feature_version: str) -> FeatureGraph:
        """The graph in which a feature has a version: the active one, or one on record."""
        active = FeatureGraph.get_active()
        if active.get_feature_version(key) == feature_version:
            return active
        storage = SystemTableStorage(self)
        rows = storage._rows(None)  # pyright: ignore[reportPrivateUsage]
        for row in reversed(rows):
            is_it = row["feature_key"] == str(key)
            if is_it and row[METAXY_FEATURE_VERSION] == feature_version:
                return storage.load_graph_from_snapshot(row[METAXY_PROJECT_VERSION])
        raise InvalidError(
            f"Feature version `{feature_version}` of `{key}` is not found in system storage",
            hint="push the graph that has it",
        )
