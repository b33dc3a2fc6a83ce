"""Stores, where they were before."""

from metaxy._warnings import warn_moved
from metaxy.ext.duckdb import DuckDBMetadataStore

warn_moved(__name__, "metaxy.ext.duckdb")

__all__ = ["DuckDBMetadataStore"]
