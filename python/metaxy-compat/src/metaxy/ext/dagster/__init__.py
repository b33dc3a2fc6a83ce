"""Features as assets of Dagster."""

from metalith.ext.dagster import (
    DeleteMetadataConfig,
    FeatureStats,
    MetaxyIOManager,
    MetaxyOutput,
    MetaxyStoreFromConfigResource,
    build_column_lineage,
    build_column_schema,
    build_integrity_check,
    build_metaxy_multi_observation_job,
    build_metaxy_observation_job,
    build_partition_filter,
    build_table_preview_metadata,
    compute_feature_stats,
    compute_stats_from_lazy_frame,
    delete_metadata,
    feature_to_dagster_type,
    generate_materialize_results,
    generate_observe_results,
    get_partition_filter,
    observable_metaxy_asset,
    select_metaxy_assets,
)

from metaxy.ext.dagster.cleanup import delete
from metaxy.ext.dagster.constants import (
    DAGSTER_METAXY_FEATURE_METADATA_KEY,
    DAGSTER_METAXY_INFO_METADATA_KEY,
    DAGSTER_METAXY_KIND,
    DAGSTER_METAXY_PARTITION_KEY,
    DAGSTER_METAXY_PROJECT_TAG_KEY,
    METAXY_DAGSTER_METADATA_KEY,
)

# From the module of its name: what is imported of a package first is what the name stays.
from metaxy.ext.dagster.metaxify import metaxify

__all__ = [
    "DAGSTER_METAXY_FEATURE_METADATA_KEY",
    "DAGSTER_METAXY_INFO_METADATA_KEY",
    "DAGSTER_METAXY_KIND",
    "DAGSTER_METAXY_PARTITION_KEY",
    "DAGSTER_METAXY_PROJECT_TAG_KEY",
    "METAXY_DAGSTER_METADATA_KEY",
    "DeleteMetadataConfig",
    "FeatureStats",
    "MetaxyIOManager",
    "MetaxyOutput",
    "MetaxyStoreFromConfigResource",
    "build_column_lineage",
    "build_column_schema",
    "build_integrity_check",
    "build_metaxy_multi_observation_job",
    "build_metaxy_observation_job",
    "build_partition_filter",
    "build_table_preview_metadata",
    "compute_feature_stats",
    "compute_stats_from_lazy_frame",
    "delete",
    "delete_metadata",
    "feature_to_dagster_type",
    "generate_materialize_results",
    "generate_observe_results",
    "get_partition_filter",
    "metaxify",
    "observable_metaxy_asset",
    "select_metaxy_assets",
]
