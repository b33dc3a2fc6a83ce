"""What runs report about features."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias, cast

import dagster as dg

from metalith._metalith import __version__
from metalith.config import active_config
from metalith.errors import FeatureNotFoundError, InvalidError
from metalith.ext.dagster.constants import (
    FEATURE_CODE_VERSION_TAG_KEY,
    FEATURE_METADATA_KEY,
    FEATURE_VERSION_TAG_KEY,
    INFO_METADATA_KEY,
    LONGEST_TAG,
    MATERIALIZED_IN_RUN_METADATA_KEY,
    PARTITION_ROW_COUNT_METADATA_KEY,
    PROJECT_TAG_KEY,
    ROW_COUNT_METADATA_KEY,
    STORE_METADATA_KEY,
    TABLE_NAME_METADATA_KEY,
    URI_METADATA_KEY,
)
from metalith.ext.dagster.partitions import (
    build_metaxy_partition_filter,
    build_partition_filter,
    own_part,
    partition_column,
    partition_key,
    plain,
)
from metalith.ext.dagster.resources import MetalithStoreFromConfigResource, store_of
from metalith.ext.dagster.stats import FeatureStats, compute_stats_from_lazy_frame
from metalith.ext.dagster.tables import definition_of
from metalith.graph import FeatureGraph
from metalith.keys import CoercibleToFeatureKey, FeatureKey, coerce_to_feature_key
from metalith.stores import MetadataStore

AnyStore: TypeAlias = MetadataStore | MetalithStoreFromConfigResource
AnyContext: TypeAlias = dg.AssetExecutionContext | dg.OpExecutionContext


def build_feature_info_metadata(feature: CoercibleToFeatureKey) -> dict[str, Any]:
    """What there is to know about a feature and this package, as JSON values."""
    definition = definition_of(feature)
    return {
        "feature": {
            "project": definition.project,
            "spec": definition.spec.to_wire(),
            "version": FeatureGraph.get_active().get_feature_version(definition.key),
            "type": definition.feature_class_path,
        },
        "metaxy": {
            "version": __version__,
            "plugins": list(getattr(active_config(), "plugins", [])),
        },
    }


def build_feature_event_tags(feature: CoercibleToFeatureKey) -> dict[str, str]:
    """The tags of events about a feature."""
    definition = definition_of(feature)
    return {
        PROJECT_TAG_KEY: definition.project,
        FEATURE_VERSION_TAG_KEY: tag_value(
            FeatureGraph.get_active().get_feature_version(definition.key)
        ),
        FEATURE_CODE_VERSION_TAG_KEY: tag_value(definition.spec.code_version),
    }


def tag_value(version: str) -> str:
    """A version as the value of a tag, which Dagster wants shorter than a whole hash."""
    return version[:LONGEST_TAG]


def build_runtime_feature_metadata(
    feature_key: FeatureKey,
    store: AnyStore,
    context: Any,
    *,
    partition_col: str | Mapping[str, str] | None = None,
    metaxy_partition: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], FeatureStats]:
    """What is in the store of a feature, for an event. The store is open.

    `dagster/row_count` is of all partitions, within the part that is the asset's own.
    """
    store = store_of(store)
    own = build_metaxy_partition_filter(metaxy_partition)
    ids = definition_of(feature_key).id_columns
    columns = [*ids, "metaxy_data_version", "metaxy_materialization_id"]
    rows = store.read(feature_key, filters=own, columns=columns).collect()
    total = compute_stats_from_lazy_frame(rows.lazy())
    metadata: dict[str, Any] = {
        FEATURE_METADATA_KEY: feature_key.to_string(),
        INFO_METADATA_KEY: build_feature_info_metadata(feature_key),
        ROW_COUNT_METADATA_KEY: total.row_count,
        **described_place(store, feature_key),
    }
    if store.materialization_id is not None:
        runs = rows["metaxy_materialization_id"].to_list()
        metadata[MATERIALIZED_IN_RUN_METADATA_KEY] = runs.count(store.materialization_id)
    key = partition_key(context)
    within = build_partition_filter(partition_col, key)
    if not within:
        return metadata, total
    part = store.read(feature_key, filters=[*own, *within], columns=columns)
    stats = compute_stats_from_lazy_frame(part)
    metadata[PARTITION_ROW_COUNT_METADATA_KEY] = stats.row_count
    return metadata, stats


def described_place(store: MetadataStore, feature: FeatureKey) -> dict[str, Any]:
    """Where a feature is, for an event."""
    described = store_metadata(store, feature)
    found = cast("dict[str, Any]", described.get("resolved_from", {}))
    return {STORE_METADATA_KEY: described, **_as_dagster_calls_it(found)}


def described_source(store: MetadataStore, feature: FeatureKey) -> dict[str, Any]:
    """Where a feature was read from, for an event: perhaps a store behind this one."""
    source = store.find_store_for_feature(feature) or store
    found = source.get_store_info(feature)
    described = {"name": store.name, STORE_METADATA_KEY: source.display(), "resolved_from": found}
    return {**described, **_as_dagster_calls_it(found)}


def _as_dagster_calls_it(found: Mapping[str, Any]) -> dict[str, Any]:
    uri, table = found.get("uri"), found.get("table_name")
    place = {} if uri is None else {URI_METADATA_KEY: dg.PathMetadataValue(uri)}
    return place if table is None else {**place, TABLE_NAME_METADATA_KEY: table}


def store_metadata(store: MetadataStore, feature: FeatureKey) -> dict[str, Any]:
    """Which store it is, and which one has the feature."""
    described = dict(store.get_store_metadata(feature))
    described["type"] = f"{type(store).__module__}.{type(store).__qualname__}"
    engine = getattr(store, "_versioning_engine", None)
    return described if engine is None else {**described, "versioning_engine": engine}


def generate_materialize_results(
    context: AnyContext, store: AnyStore, specs: Iterable[dg.AssetSpec] | None = None
) -> "Iterator[dg.MaterializeResult[None]]":
    """A result per asset of a feature, upstreams first, with what the store has of it.

    Without `specs` those of the running asset. A feature that the store does not have is left out,
    and the log says so.
    """
    for spec, metadata, stats in _described(context, store, specs):
        tags = build_feature_event_tags(_feature(spec))
        result: Any = dg.MaterializeResult(
            asset_key=spec.key, metadata=metadata, data_version=stats.data_version, tags=tags
        )
        yield cast("dg.MaterializeResult[None]", result)


def generate_observe_results(
    context: AnyContext, store: AnyStore, specs: Iterable[dg.AssetSpec] | None = None
) -> Iterator[dg.ObserveResult]:
    """Like `generate_materialize_results`, for assets that are only looked at."""
    for spec, metadata, stats in _described(context, store, specs):
        tags = build_feature_event_tags(_feature(spec))
        yield dg.ObserveResult(
            asset_key=spec.key, metadata=metadata, data_version=stats.data_version, tags=tags
        )


def _described(
    context: AnyContext, given: AnyStore, specs: Iterable[dg.AssetSpec] | None
) -> Iterator[tuple[dg.AssetSpec, dict[str, Any], FeatureStats]]:
    store = store_of(given)
    for spec in in_order(_specs_of(context) if specs is None else specs):
        key = _feature(spec)
        try:
            metadata, stats = described(context, store, key, spec)
        except FeatureNotFoundError as error:
            context.log.warning(f"nothing to report about `{key}`: {error}")
            continue
        yield spec, metadata, stats


def described(
    context: Any, store: MetadataStore, key: FeatureKey, spec: dg.AssetSpec
) -> tuple[dict[str, Any], FeatureStats]:
    """What is in the store of an asset's feature, within the asset's part. Opens the store."""
    with store:
        return build_runtime_feature_metadata(
            key,
            store,
            context,
            partition_col=partition_column(spec.metadata),
            metaxy_partition=own_part(spec.metadata),
        )


def _specs_of(context: AnyContext) -> Iterable[dg.AssetSpec]:
    if not isinstance(context, dg.AssetExecutionContext):
        raise InvalidError("specs must be provided outside of assets", hint="pass `specs=`")
    selected = context.selected_asset_keys
    return [spec for spec in context.assets_def.specs if spec.key in selected]


def in_order(specs: Iterable[dg.AssetSpec]) -> list[dg.AssetSpec]:
    """The assets that are of features, upstreams first."""
    named = [spec for spec in specs if FEATURE_METADATA_KEY in spec.metadata]
    order = FeatureGraph.get_active().topological_sort_features([_feature(it) for it in named])
    position = {key: index for index, key in enumerate(order)}
    return sorted(named, key=lambda spec: position[_feature(spec)])


def _feature(spec: dg.AssetSpec) -> FeatureKey:
    given = plain(spec.metadata[FEATURE_METADATA_KEY])
    return coerce_to_feature_key(cast("CoercibleToFeatureKey", given))
