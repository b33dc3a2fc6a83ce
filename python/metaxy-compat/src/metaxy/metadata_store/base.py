"""The base of all stores."""

from metalith.stores import MetadataStore

__all__ = ["MetadataStore"]
