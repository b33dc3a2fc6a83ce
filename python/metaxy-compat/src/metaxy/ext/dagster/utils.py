"""What runs report about features."""

from metalith.ext.dagster import (
    FeatureStats,
    build_feature_info_metadata,
    build_partition_filter,
    compute_feature_stats,
    compute_stats_from_lazy_frame,
    generate_materialize_results,
    generate_observe_results,
    get_partition_filter,
)

__all__ = [
    "FeatureStats",
    "build_feature_info_metadata",
    "build_partition_filter",
    "compute_feature_stats",
    "compute_stats_from_lazy_frame",
    "generate_materialize_results",
    "generate_observe_results",
    "get_partition_filter",
]
