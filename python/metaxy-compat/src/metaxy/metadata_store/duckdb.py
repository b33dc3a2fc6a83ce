"""Stores in databases, where they were before 2026."""

from metaxy.ext.duckdb import DuckDBMetadataStore

__all__ = ["DuckDBMetadataStore"]
