"""Graphs for people: described and drawn."""

from metaxy.graph.describe import (
    describe_graph,
    get_feature_dependencies,
    get_feature_dependents,
)
from metaxy.graph.diff import GraphData
from metaxy.graph.diff.rendering import (
    BaseRenderer,
    CardsRenderer,
    GraphvizRenderer,
    MermaidRenderer,
    RenderConfig,
    TerminalRenderer,
)

__all__ = [
    "BaseRenderer",
    "CardsRenderer",
    "GraphData",
    "GraphvizRenderer",
    "MermaidRenderer",
    "RenderConfig",
    "TerminalRenderer",
    "describe_graph",
    "get_feature_dependencies",
    "get_feature_dependents",
]
