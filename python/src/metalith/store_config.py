"""Where a configuration says that a store is."""

import importlib
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

from metalith._settings import InvalidConfigError


class StoreConfig(BaseModel):
    """Where a store is: a `type` with `path` or `address`, or a class with what it takes.

    >>> StoreConfig(path="store").type
    'delta'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str = "delta"
    path: str | None = None
    address: str | None = None
    layout: str | None = None
    options: dict[str, str] = Field(default_factory=lambda: cast("dict[str, str]", {}))
    config: dict[str, Any] = Field(default_factory=lambda: cast("dict[str, Any]", {}))

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.path is not None and self.address is not None:
            raise ValueError("a store has a `path` or an `address`, not both")
        if "." in self.type and (self.path or self.address or self.layout or self.options):
            raise ValueError(f"`{self.type}` is a class: what it takes belongs under `config`")
        if "." not in self.type and self.type not in STORE_TYPES:
            known = ", ".join(f"`{name}`" for name in STORE_TYPES)
            raise ValueError(
                f"`{self.type}` is no type of store: choose one of {known}, or the import path "
                f"of a class"
            )
        return self


# A new type of store is a line here.
STORE_TYPES: dict[str, str] = {
    "delta": "metalith.stores.delta.DeltaMetadataStore",
    "memory": "metalith.stores.memory.InMemoryMetadataStore",
}


def store_class(name: str, path: str) -> type[Any]:
    """The class of a store's type, imported."""
    module, _, cls = STORE_TYPES.get(path, path).rpartition(".")
    try:
        found: object = getattr(importlib.import_module(module), cls)
    except (ImportError, AttributeError, ValueError) as problem:
        raise InvalidConfigError(
            f"the class `{path}` of store `{name}` cannot be imported: {problem}"
        ) from problem
    if not isinstance(found, type) or not hasattr(found, "from_config"):
        raise InvalidConfigError(f"`{path}`, the type of store `{name}`, is no class of a store")
    return found
