"""Provenance of frames of Polars without a store."""

from metaxy.versioning.polars import PolarsVersioningEngine

__all__ = ["PolarsVersioningEngine"]
