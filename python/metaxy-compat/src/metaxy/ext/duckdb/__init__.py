"""Stores in DuckDB."""

from metaxy.ext.duckdb.metadata_store import (
    DuckDBMetadataStore,
    DuckDBMetadataStoreConfig,
    ExtensionSpec,
)

__all__ = ["DuckDBMetadataStore", "DuckDBMetadataStoreConfig", "ExtensionSpec"]
