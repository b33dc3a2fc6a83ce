"""Stores in memory."""

from metalith.stores import InMemoryMetadataStore

__all__ = ["InMemoryMetadataStore"]
