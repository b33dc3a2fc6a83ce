"""Drawings, where Metaxy has them."""

from metaxy.graph.diff.rendering import GraphvizRenderer

__all__ = ["GraphvizRenderer"]
