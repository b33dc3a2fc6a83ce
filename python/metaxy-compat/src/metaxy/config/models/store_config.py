"""Settings, where Metaxy has them."""

from metaxy.config import StoreConfig

__all__ = ["StoreConfig"]
