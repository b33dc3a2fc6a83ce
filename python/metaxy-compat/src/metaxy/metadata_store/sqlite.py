"""Stores in databases, where they were before 2026."""

from metaxy.ext.sqlite import SQLiteMetadataStore

__all__ = ["SQLiteMetadataStore"]
