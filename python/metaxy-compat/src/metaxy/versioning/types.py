"""Increments."""

from metalith.increment import (
    Increment,
    LazyIncrement,
    PolarsIncrement,
    PolarsLazyIncrement,
)

from metaxy._hashing import HashAlgorithm

__all__ = [
    "HashAlgorithm",
    "Increment",
    "LazyIncrement",
    "PolarsIncrement",
    "PolarsLazyIncrement",
]
