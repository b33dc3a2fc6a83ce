"""Drawings, where Metaxy has them."""

from metaxy.graph.diff.rendering import TerminalRenderer

__all__ = ["TerminalRenderer"]
