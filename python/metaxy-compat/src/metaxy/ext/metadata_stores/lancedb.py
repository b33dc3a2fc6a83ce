"""Stores, where they were before."""

from metaxy._warnings import warn_moved
from metaxy.ext.lancedb import LanceDBMetadataStore

warn_moved(__name__, "metaxy.ext.lancedb")

__all__ = ["LanceDBMetadataStore"]
