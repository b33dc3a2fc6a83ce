"""Stores that are not there yet."""

from metaxy.ext._absent import absent

DuckDBMetadataStore = absent("DuckDBMetadataStore")

__all__ = ["DuckDBMetadataStore"]
