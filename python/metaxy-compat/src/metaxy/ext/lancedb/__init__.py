"""Stores that are not there yet."""

from metaxy.ext._absent import absent

LanceDBMetadataStore = absent("LanceDBMetadataStore")

__all__ = ["LanceDBMetadataStore"]
