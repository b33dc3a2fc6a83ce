"""The settings of `metaxy.toml`."""

from metaxy.config.models.metaxy_config import InvalidConfigError, MetaxyConfig
from metaxy.config.models.plugin_config import PluginConfig
from metaxy.config.models.store_config import StoreConfig

__all__ = ["InvalidConfigError", "MetaxyConfig", "PluginConfig", "StoreConfig"]
