"""Stores that are not there."""

from metaxy.ext._absent import absent

BigQueryMetadataStore = absent("BigQueryMetadataStore")

__all__ = ["BigQueryMetadataStore"]
