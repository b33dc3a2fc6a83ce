"""Stores in databases, where they were before 2026."""

from metaxy.ext.postgresql import PostgreSQLMetadataStore

__all__ = ["PostgreSQLMetadataStore"]
