"""Stores that are not there."""

from metaxy.ext._absent import absent

LanceDBMetadataStore = absent("LanceDBMetadataStore")

__all__ = ["LanceDBMetadataStore"]
