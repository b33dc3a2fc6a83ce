"""Stores that are not there."""

from metaxy.ext._absent import absent

IcebergMetadataStore = absent("IcebergMetadataStore")

__all__ = ["IcebergMetadataStore"]
