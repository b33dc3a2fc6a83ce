"""Stores in PostgreSQL."""

from metaxy.ext.postgresql.metadata_store import (
    PostgreSQLMetadataStore,
    PostgreSQLMetadataStoreConfig,
)

__all__ = ["PostgreSQLMetadataStore", "PostgreSQLMetadataStoreConfig"]
