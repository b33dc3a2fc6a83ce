"""Drawings, where Metaxy has them."""

from metaxy.graph.diff.rendering import MermaidRenderer

__all__ = ["MermaidRenderer"]
