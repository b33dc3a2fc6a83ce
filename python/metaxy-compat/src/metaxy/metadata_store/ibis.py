"""Stores in databases, where they were before 2026."""

from metaxy.ext.ibis.metadata_store import IbisMetadataStore

__all__ = ["IbisMetadataStore"]
