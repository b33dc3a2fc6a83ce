"""Graphs, compared and drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metalith.graph import FeatureGraph
from typing_extensions import Self

from metaxy.graph.diff.differ import GraphDiffer

__all__ = ["GraphData", "GraphDiffer"]


@dataclass(frozen=True)
class GraphData:
    """A graph to draw."""

    graph: FeatureGraph

    @classmethod
    def from_feature_graph(cls, graph: FeatureGraph) -> Self:
        """The graph itself."""
        return cls(graph)

    @classmethod
    def from_snapshot(cls, snapshot_data: Mapping[str, Any]) -> Self:
        """The graph of what `FeatureGraph.to_snapshot` gives."""
        return cls(FeatureGraph.from_snapshot(snapshot_data))
