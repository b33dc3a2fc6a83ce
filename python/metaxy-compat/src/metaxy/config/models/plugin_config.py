"""Settings, where Metaxy has them."""

from metaxy.config import PluginConfig

__all__ = ["PluginConfig"]
