"""Graphs, compared and drawn."""

from metaxy.graph.diff.differ import GraphDiffer
from metaxy.graph.diff.models import EdgeData, FieldNode, GraphData, GraphNode, NodeStatus
from metaxy.graph.diff.traversal import GraphWalker

__all__ = [
    "EdgeData",
    "FieldNode",
    "GraphData",
    "GraphDiffer",
    "GraphNode",
    "GraphWalker",
    "NodeStatus",
]
