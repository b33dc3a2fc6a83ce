"""Packages that only some need."""

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def needed(module: str, package: str, extra: str) -> "Iterator[None]":
    """Says which package is missing, where it is that one which cannot be imported."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        hint = f"`{module}` needs the package `{package}`\n\nhint: pip install 'metaxy[{extra}]'"
        raise ModuleNotFoundError(hint, name=error.name, path=error.path) from error
