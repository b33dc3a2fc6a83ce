"""Frames and writing in the background."""

from metaxy.utils.batched_writer import BufferedMetadataWriter
from metaxy.utils.dataframes import collect_to_arrow, collect_to_polars

__all__ = ["BufferedMetadataWriter", "collect_to_arrow", "collect_to_polars"]
