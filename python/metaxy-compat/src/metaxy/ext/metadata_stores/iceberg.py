"""Stores, where they were before."""

from metaxy._warnings import warn_moved
from metaxy.ext.polars.handlers.iceberg import IcebergMetadataStore

warn_moved(__name__, "metaxy.ext.polars.handlers.iceberg")

__all__ = ["IcebergMetadataStore"]
