"""Where a store is."""

from importlib import import_module
from typing import Any, cast

from metalith import store_config
from metalith._settings import to_toml
from metalith.stores import MetadataStore
from pydantic import field_validator


class StoreConfig(store_config.StoreConfig):
    """A class of stores, or its import path, and what its constructor takes.

    >>> StoreConfig(type="metaxy.ext.duckdb.DuckDBMetadataStore", config={}).type_cls.__name__
    'DuckDBMetadataStore'
    """

    type: str

    @field_validator("type", mode="before")
    @classmethod
    def _is_path(cls, given: object) -> object:
        # Not `type`: that is the field.
        return f"{given.__module__}.{given.__qualname__}" if hasattr(given, "__mro__") else given

    @property
    def type_path(self) -> str:
        """The import path, as it was called once."""
        return self.type

    @property
    def type_cls(self) -> "type[MetadataStore]":
        """The class, which is imported when it is asked for."""
        module, _, name = self.type.rpartition(".")
        try:
            return cast("Any", getattr(import_module(module), name))
        except (ImportError, AttributeError, ValueError) as problem:
            raise ImportError(f"cannot import `{self.type}`: {problem}") from problem

    def to_toml(self) -> str:
        """What `metaxy.toml` would say of it."""
        return to_toml(self.model_dump(mode="json", include={"type", "config"}))
