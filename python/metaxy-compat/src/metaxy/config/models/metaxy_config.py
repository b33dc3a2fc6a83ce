"""Settings, where Metaxy has them."""

from metaxy.config import InvalidConfigError, MetaxyConfig

__all__ = ["InvalidConfigError", "MetaxyConfig"]
