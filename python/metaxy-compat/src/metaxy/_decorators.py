"""Marks of what is public and what may change."""

from typing import TypeVar

T = TypeVar("T")


def public(marked: T) -> T:
    """Marks what is public."""
    return marked


def experimental(marked: T) -> T:
    """Marks what may change."""
    return marked
