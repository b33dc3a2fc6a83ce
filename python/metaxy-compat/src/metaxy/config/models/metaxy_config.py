"""The settings of `metaxy.toml`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, cast

from metalith import _settings
from metalith.config import BaseConfig
from pydantic import ConfigDict, Field
from typing_extensions import Self

from metaxy.config.models.plugin_config import PluginConfig
from metaxy.config.models.store_config import StoreConfig


class InvalidConfigError(_settings.InvalidConfigError):
    """A configuration cannot be used as it is. Says which file it is of.

    >>> InvalidConfigError("no").base_message
    'no'
    """

    def __init__(
        self,
        message: str,
        *,
        config_file: Path | None = None,
        code: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.base_message = message
        self.config_file = config_file
        place = [] if config_file is None else [f"Config file: {config_file}"]
        note = "Note: METAXY_* variables of the environment say what both say"
        super().__init__("\n".join([message, *place, note]), code=code, hint=hint)

    @classmethod
    def from_config(cls, config: "MetaxyConfig", message: str) -> Self:
        """An error about a configuration."""
        return cls(message, config_file=config.config_file)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuilt, (self.base_message, self.config_file, self.code, self.hint))


def _rebuilt(
    message: str, file: Path | None, code: str | None, hint: str | None
) -> InvalidConfigError:
    return InvalidConfigError(message, config_file=file, code=code, hint=hint)


class MetaxyConfig(BaseConfig):
    """The settings of `metaxy.toml`.

    >>> with MetaxyConfig(project="media").use():
    ...     MetaxyConfig.get().hash_length
    8
    """

    model_config = ConfigDict(frozen=True)

    file_name: ClassVar[str] = "metaxy.toml"
    environment_prefix: ClassVar[str] = "METAXY_"
    location_variables: ClassVar[tuple[str, ...]] = ("METAXY_CONFIG",)
    default_hash_length: ClassVar[int | None] = 8
    stores_need_type: ClassVar[bool] = True
    unset_variable: ClassVar[str | None] = ""

    stores: dict[str, StoreConfig] = Field(
        default_factory=lambda: cast("dict[str, StoreConfig]", {})
    )
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

    @classmethod
    def load(
        cls,
        config_file: str | os.PathLike[str] | None = None,
        *,
        search_parents: bool = True,
        auto_discovery_start: Path | None = None,
    ) -> Self:
        """Reads the configuration and makes it the active one."""
        try:
            return super().load(
                config_file,
                search_parents=search_parents,
                auto_discovery_start=auto_discovery_start,
            )
        except _settings.ConfigNotFoundError:
            raise
        except _settings.InvalidConfigError as problem:
            raise InvalidConfigError(problem.message, hint=problem.hint) from problem

    def _store(self, name: str, expected_type: type[Any] | None, options: dict[str, Any]) -> Any:
        try:
            # Stores that it names are found in this configuration, whichever is active later.
            with self.use():
                return super()._store(name, expected_type, options)
        except InvalidConfigError:
            raise
        except _settings.InvalidConfigError as problem:
            # What a constructor does not take.
            unfit = isinstance(problem.__cause__, TypeError)
            told = f"Failed to validate config of store '{name}': {problem.message}"
            raise InvalidConfigError(
                told if unfit else problem.message, config_file=self.config_file, hint=problem.hint
            ) from problem

    def _store_settings(self, name: str) -> StoreConfig:
        found = self.stores.get(name)
        if found is not None:
            return found
        if not self.stores:
            raise InvalidConfigError.from_config(
                self, f"No Metaxy stores available: store '{name}' cannot be opened"
            )
        known = ", ".join(f"'{it}'" for it in sorted(self.stores))
        raise InvalidConfigError.from_config(
            self, f"Store '{name}' not found in config. Available stores: {known}"
        )

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
