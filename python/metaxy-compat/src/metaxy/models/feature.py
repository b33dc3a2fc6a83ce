"""Features as classes, and their graph."""

from metalith.definition import FeatureDefinition
from metalith.feature import BaseFeature, FeatureConfig, FeatureMeta
from metalith.graph import FeatureGraph, current_graph
from metalith.snapshot import SerializedFeature
from metalith.spec import FeatureDep, FeatureSpec

Feature = BaseFeature
MetaxyMeta = FeatureMeta
FEATURE_VERSION_COL = "metaxy_feature_version"
FEATURE_TRACKING_VERSION_COL = "metaxy_definition_version"
graph = FeatureGraph.get_active()

__all__ = [
    "FEATURE_TRACKING_VERSION_COL",
    "FEATURE_VERSION_COL",
    "BaseFeature",
    "Feature",
    "FeatureConfig",
    "FeatureDefinition",
    "FeatureDep",
    "FeatureGraph",
    "FeatureSpec",
    "MetaxyMeta",
    "SerializedFeature",
    "current_graph",
    "graph",
]
