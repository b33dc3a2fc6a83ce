"""Frames in memory."""

from metaxy.utils.dataframes import collect_to_arrow, collect_to_polars

__all__ = ["collect_to_arrow", "collect_to_polars"]
