"""The version."""

from metalith import __version__

__all__ = ["__version__"]
