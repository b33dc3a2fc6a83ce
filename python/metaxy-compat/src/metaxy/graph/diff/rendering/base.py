"""Drawings, where Metaxy has them."""

from metaxy.graph.diff.rendering import BaseRenderer, RenderConfig

__all__ = ["BaseRenderer", "RenderConfig"]
