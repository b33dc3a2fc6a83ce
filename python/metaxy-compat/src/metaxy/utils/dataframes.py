"""Frames in memory."""

from metalith.frames import collect_to_arrow, collect_to_polars

__all__ = ["collect_to_arrow", "collect_to_polars"]
