"""The settings of `metaxy.toml`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

from metalith._settings import InvalidConfigError
from metalith.config import BaseConfig
from metalith.store_config import StoreConfig
from pydantic import BaseModel, ConfigDict, Field

__all__ = ["InvalidConfigError", "MetaxyConfig", "PluginConfig", "StoreConfig"]


class PluginConfig(BaseModel):
    """Settings of a plugin."""

    model_config = ConfigDict(extra="allow")

    enable: bool = False


class MetaxyConfig(BaseConfig):
    """The settings of `metaxy.toml`.

    >>> with MetaxyConfig(project="media").use():
    ...     MetaxyConfig.get().hash_length
    8
    """

    file_name: ClassVar[str] = "metaxy.toml"
    environment_prefix: ClassVar[str] = "METAXY_"
    location_variables: ClassVar[tuple[str, ...]] = ("METAXY_CONFIG",)
    default_hash_length: ClassVar[int | None] = 8
    stores_need_type: ClassVar[bool] = True
    unset_variable: ClassVar[str | None] = ""

    theme: str = "default"
    ext: dict[str, PluginConfig] = Field(
        default_factory=lambda: cast("dict[str, PluginConfig]", {})
    )
    enable_map_datatype: bool = False
    auto_create_tables: bool = False
    metaxy_lock_path: str | None = None

    @classmethod
    def _normalized(cls, given: dict[str, Any]) -> dict[str, Any]:
        length: object = given.get("hash_truncation_length")
        return given if length is not None else {**given, "hash_truncation_length": 8}

    def with_project(self, project: str | None) -> "MetaxyConfig":
        """The same settings for another project, or for all."""
        return self.model_copy(update={"project": project})

    @property
    def lock_file(self) -> Path | None:
        """Where the lock file is: beside the configuration, unless it says otherwise."""
        named = Path(self.metaxy_lock_path or "metaxy.lock")
        if named.is_absolute():
            return named
        return None if self.config_file is None else self.config_file.parent / named

    @property
    def plugins(self) -> list[str]:
        """The plugins that are enabled."""
        return [name for name, plugin in self.ext.items() if plugin.enable]

    def get_plugin(self, name: str, plugin_cls: type[PluginConfig] = PluginConfig) -> PluginConfig:
        """The settings of a plugin."""
        found = self.ext.get(name)
        given: Mapping[str, Any] = {} if found is None else found.model_dump()
        return plugin_cls.model_validate(given)
