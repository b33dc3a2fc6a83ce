"""Features as assets of Dagster, stores as resources, deletions as ops.

>>> import dagster as dg
>>> from metalith.ext.dagster import MetalithStoreFromConfigResource, delete_metadata
>>> @dg.job(resource_defs={"metaxy_store": MetalithStoreFromConfigResource(name="default")})
... def cleanup_job():
...     delete_metadata()
>>> cleanup_job.name
'cleanup_job'

Names that begin with `Metaxy` are other names of the same things, for the sake of code that was
written for Metaxy.
"""

from metalith.ext.dagster.assets import metalithify, metaxify, select_metaxy_assets
from metalith.ext.dagster.checks import build_integrity_check
from metalith.ext.dagster.cleanup import DeleteMetadataConfig, delete_metadata
from metalith.ext.dagster.io_manager import (
    MetalithIOManager,
    MetalithOutput,
    MetaxyIOManager,
    MetaxyOutput,
)
from metalith.ext.dagster.observation import (
    build_metaxy_multi_observation_job,
    build_metaxy_observation_job,
    observable_metaxy_asset,
)
from metalith.ext.dagster.partitions import build_partition_filter, get_partition_filter
from metalith.ext.dagster.resources import (
    MetalithStoreFromConfigResource,
    MetaxyStoreFromConfigResource,
)
from metalith.ext.dagster.results import (
    build_feature_info_metadata,
    generate_materialize_results,
    generate_observe_results,
)
from metalith.ext.dagster.stats import (
    FeatureStats,
    compute_feature_stats,
    compute_stats_from_lazy_frame,
)
from metalith.ext.dagster.tables import (
    build_column_lineage,
    build_column_schema,
    build_table_preview_metadata,
)
from metalith.ext.dagster.types import feature_to_dagster_type

__all__ = [
    "DeleteMetadataConfig",
    "FeatureStats",
    "MetalithIOManager",
    "MetalithOutput",
    "MetalithStoreFromConfigResource",
    "MetaxyIOManager",
    "MetaxyOutput",
    "MetaxyStoreFromConfigResource",
    "build_column_lineage",
    "build_column_schema",
    "build_feature_info_metadata",
    "build_integrity_check",
    "build_metaxy_multi_observation_job",
    "build_metaxy_observation_job",
    "build_partition_filter",
    "build_table_preview_metadata",
    "compute_feature_stats",
    "compute_stats_from_lazy_frame",
    "delete_metadata",
    "feature_to_dagster_type",
    "generate_materialize_results",
    "generate_observe_results",
    "get_partition_filter",
    "metalithify",
    "metaxify",
    "observable_metaxy_asset",
    "select_metaxy_assets",
]
