"""Stores that are not there yet."""

from metaxy.ext._absent import absent

PostgreSQLMetadataStore = absent("PostgreSQLMetadataStore")

__all__ = ["PostgreSQLMetadataStore"]
