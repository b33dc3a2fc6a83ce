"""Stores that are not there."""

from metaxy.ext._absent import absent

ClickHouseMetadataStore = absent("ClickHouseMetadataStore")

__all__ = ["ClickHouseMetadataStore"]
