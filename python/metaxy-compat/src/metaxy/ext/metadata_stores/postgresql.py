"""Stores, where they were before."""

from metaxy._warnings import warn_moved
from metaxy.ext.postgresql import PostgreSQLMetadataStore

warn_moved(__name__, "metaxy.ext.postgresql")

__all__ = ["PostgreSQLMetadataStore"]
