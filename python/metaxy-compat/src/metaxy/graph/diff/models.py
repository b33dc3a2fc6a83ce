"""Graphs to draw, where Metaxy has them."""

from metaxy.graph.diff import GraphData

__all__ = ["GraphData"]
