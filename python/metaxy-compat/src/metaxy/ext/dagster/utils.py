"""What runs report about features."""

from typing import Any

import narwhals as nw
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
from metalith.ext.dagster.partitions import build_metaxy_partition_filter, input_filter
from metalith.ext.dagster.results import build_feature_event_tags, build_runtime_feature_metadata
from metalith.ext.dagster.stats import compute_row_count
from metalith.ext.dagster.tables import asset_key_of as get_asset_key_for_metaxy_feature_spec

__all__ = [
    "FeatureStats",
    "build_feature_event_tags",
    "build_feature_info_metadata",
    "build_metaxy_partition_filter",
    "build_partition_filter",
    "build_partition_filter_from_input_context",
    "build_runtime_feature_metadata",
    "compute_feature_stats",
    "compute_row_count",
    "compute_stats_from_lazy_frame",
    "generate_materialize_results",
    "generate_observe_results",
    "get_asset_key_for_metaxy_feature_spec",
    "get_partition_filter",
]


def build_partition_filter_from_input_context(context: Any) -> list[nw.Expr]:
    """The filters for what an asset takes of its upstream."""
    upstream = context.upstream_output
    return input_filter(context, {} if upstream is None else upstream.definition_metadata)
