"""How stores are opened."""

from metalith.stores import AccessMode

__all__ = ["AccessMode"]
