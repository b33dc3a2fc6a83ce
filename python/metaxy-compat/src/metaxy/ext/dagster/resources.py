"""Stores as resources."""

from metalith.ext.dagster import MetaxyStoreFromConfigResource

__all__ = ["MetaxyStoreFromConfigResource"]
