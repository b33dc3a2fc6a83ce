"""Increments and hashes."""

from metaxy._hashing import HashAlgorithm
from metaxy.versioning.types import (
    Increment,
    LazyIncrement,
    PolarsIncrement,
    PolarsLazyIncrement,
)

__all__ = [
    "HashAlgorithm",
    "Increment",
    "LazyIncrement",
    "PolarsIncrement",
    "PolarsLazyIncrement",
]
