"""Features as classes, and their graph."""

import sys
from types import ModuleType

from metalith.definition import FeatureDefinition
from metalith.feature import BaseFeature, FeatureConfig, FeatureMeta
from metalith.graph import FeatureGraph, current_graph
from metalith.snapshot import SerializedFeature
from metalith.spec import FeatureDep, FeatureSpec

Feature = BaseFeature
MetaxyMeta = FeatureMeta
FEATURE_VERSION_COL = "metaxy_feature_version"
FEATURE_TRACKING_VERSION_COL = "metaxy_definition_version"
graph: FeatureGraph
"""The active graph. Who puts another in its place makes that one active."""


class _WithGraph(ModuleType):
    @property
    def graph(self) -> FeatureGraph:
        return FeatureGraph.get_active()

    @graph.setter
    def graph(self, graph: FeatureGraph) -> None:
        FeatureGraph.set_active(graph)


sys.modules[__name__].__class__ = _WithGraph

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
