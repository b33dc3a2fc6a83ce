"""Stores that are not there yet."""

from metaxy.ext._absent import absent

BigQueryMetadataStore = absent("BigQueryMetadataStore")

__all__ = ["BigQueryMetadataStore"]
