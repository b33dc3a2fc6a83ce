"""Stores with the calls of Metaxy's."""

import warnings
from collections.abc import Sequence
from typing import Any, cast

import narwhals as nw
from metalith.errors import (
    FeatureNotFoundError,
    InvalidError,
    MetadataSchemaError,
    UnknownFeatureError,
    UnsupportedError,
)
from metalith.graph import FeatureGraph
from metalith.keys import CoercibleToFeatureKey, FeatureKey, coerce_to_feature_key
from metalith.plan import FeaturePlan

from metaxy._hashing import HashAlgorithm
from metaxy.config import MetaxyConfig
from metaxy.metadata_store.fallback import WithFallbacks
from metaxy.metadata_store.system import (
    FEATURE_VERSIONS_KEY,
    METAXY_SYSTEM_KEY_PREFIX,
    SystemTableStorage,
)
from metaxy.metadata_store.warnings import (
    MetaxyColumnMissingWarning,
    PolarsMaterializationWarning,
)
from metaxy.models.constants import (
    METAXY_DATA_VERSION,
    METAXY_DATA_VERSION_BY_FIELD,
    METAXY_FEATURE_VERSION,
    METAXY_PROJECT_VERSION,
    METAXY_PROVENANCE,
    METAXY_PROVENANCE_BY_FIELD,
)
from metaxy.utils.dataframes import last_of_each
from metaxy.utils.maps import with_map_type, without_map_type


class MetaxyStore(WithFallbacks):
    """What Metaxy's stores take and give otherwise than Metalith's."""

    def _arrow(self, rows: Any) -> Any:
        return without_map_type(rows) if _has_maps() else super()._arrow(rows)

    def _frame(self, frame: Any) -> nw.DataFrame[Any]:
        return with_map_type(frame) if _has_maps() else super()._frame(frame)

    def native_implementation(self) -> nw.Implementation:
        """What the frames are of that it gives."""
        return nw.Implementation.POLARS

    def hash_struct_version_column(
        self, plan: FeaturePlan, df: Any, struct_column: str, hash_column: str
    ) -> Any:
        """Adds the hash over all fields."""
        from metaxy.versioning.polars import PolarsVersioningEngine

        engine = PolarsVersioningEngine(plan)
        algorithm = self.hash_algorithm or HashAlgorithm.XXHASH32
        return engine.hash_struct_version_column(df, algorithm, struct_column, hash_column)

    def read(self, feature: Any, **options: Any) -> Any:
        """Reads samples; of `FEATURE_VERSIONS_KEY` what was recorded."""
        if coerce_to_feature_key(feature) != FEATURE_VERSIONS_KEY:
            if options.get("feature_version") and not options.get("with_feature_history"):
                raise InvalidError(
                    "`feature_version` needs `with_feature_history=True`: without it the current "
                    "version is read"
                )
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
        self._warn_of_missing(feature, df)
        if not preserve_feature_version:
            return self._add(feature, df, materialization_id, over_fallback)
        key = coerce_to_feature_key(feature)
        rows = nw.from_native(df, pass_through=False)
        found = rows.lazy().select(METAXY_FEATURE_VERSION).unique().collect()
        versions: list[str] = found[METAXY_FEATURE_VERSION].to_list()
        if len(versions) > 1:
            names = ", ".join(f"`{it}`" for it in sorted(versions))
            raise InvalidError(f"rows of `{key}` are of several versions: {names}")
        graph = self._graph_of(key, *versions) if versions else FeatureGraph.get_active()
        with graph.use():
            return self._add(key, df, materialization_id, over_fallback)

    def _add(self, feature: Any, df: Any, run: str | None, over_fallback: bool) -> int:
        try:
            return super().write(feature, df, run, over_fallback=over_fallback)
        except MetadataSchemaError:
            key, graph, _ = self._resolve(feature)
            kept = last_of_each(df, graph.get_feature_definition(key).spec.id_columns)
            if kept is None:
                raise
            warnings.warn(
                f"rows of `{key}` repeat ids: the last row of each sample is written", stacklevel=3
            )
            return super().write(feature, kept, run, over_fallback=over_fallback)

    def _warn_of_missing(self, feature: Any, df: Any) -> None:
        """Says when rows of a feature with upstreams were not resolved: their provenance is made of
        what they say of their fields."""
        key = coerce_to_feature_key(feature)
        definition = FeatureGraph.get_active().feature_definitions_by_key.get(key)
        rows: Any = nw.from_native(df, pass_through=True)
        if definition is None or not definition.spec.deps or not hasattr(rows, "collect_schema"):
            return
        if METAXY_PROVENANCE not in rows.collect_schema().names():
            warnings.warn(
                f"rows of `{key}` lack the column `{METAXY_PROVENANCE}`, which `resolve_update` "
                f"gives: it is computed of `{METAXY_PROVENANCE_BY_FIELD}`",
                MetaxyColumnMissingWarning,
                stacklevel=3,
            )

    def resolve_update(self, feature: Any, **options: Any) -> Any:
        """Finds what to compute, to recompute, and to consider deleting.

        `target_version` and `project_version` are taken and mean nothing: the graph has them.
        """
        key = coerce_to_feature_key(feature)
        if key.parts[0] == METAXY_SYSTEM_KEY_PREFIX:
            raise UnsupportedError(f"`{key}` is a table of the system: nothing is computed for it")
        for name in ("target_version", "project_version", "snapshot_version"):
            options.pop(name, None)
        self._warn_of_engine(key, options)
        return super().resolve_update(feature, **options)

    def _warn_of_engine(self, key: FeatureKey, options: dict[str, Any]) -> None:
        """Says when a database that could find an increment itself does not have all of it."""
        engine = options.get("versioning_engine") or self._versioning_engine
        definition = FeatureGraph.get_active().feature_definitions_by_key.get(key)
        if engine == "polars" or not hasattr(type(self), "backend") or definition is None:
            return
        of_others = [
            f"upstream feature `{dep.feature}`"
            for dep in definition.spec.deps
            if self._engine.read_from(str(dep.feature)) is not None
        ]
        if options.get("samples") is not None:
            of_others = ["the samples that were given"]
        if of_others:
            warnings.warn(
                f"not everything is in {self.display()}. Using Polars for resolving the increment "
                f"instead, in Metalith; this is because of {of_others[0]}",
                PolarsMaterializationWarning,
                stacklevel=3,
            )

    def _read_feature(self, feature: Any, **options: Any) -> Any:
        """All rows of a table, as they are; `None` without a table."""
        given = {"with_feature_history": True, "with_sample_history": True, **options}
        try:
            return self.read(feature, allow_fallback=False, include_soft_deleted=True, **given)
        except (FeatureNotFoundError, UnknownFeatureError):
            return None

    def get_store_metadata(
        self, feature_key: CoercibleToFeatureKey, *, check_fallback: bool = True
    ) -> dict[str, Any]:
        """What there is to say about the store, and, if one has the feature, which."""
        found = super().get_store_metadata(feature_key, check_fallback=check_fallback)
        return {"name": self.name, "display": self.display(), **found}

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


def _has_maps() -> bool:
    return MetaxyConfig.get().enable_map_datatype
