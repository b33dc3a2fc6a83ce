"""Drawings, where Metaxy has them."""

from metaxy.graph.diff.rendering import CardsRenderer

__all__ = ["CardsRenderer"]
