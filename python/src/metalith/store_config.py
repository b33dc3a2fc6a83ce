"""Where a configuration says that a store is."""

import importlib
from typing import Annotated, Any, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from typing_extensions import Self

from metalith._settings import InvalidConfigError


def _listed(given: Any) -> Any:
    """A list as variables of the environment have it: with commas."""
    return (
        [it.strip() for it in given.split(",") if it.strip()] if isinstance(given, str) else given
    )


Texts = Annotated[list[str], BeforeValidator(_listed)]


class StoreConfig(BaseModel):
    """Where a store is: a `type` with `path` or `address`, or a class with what it takes.

    Which types there are beside those with a class of their own, and what they take, the engine
    knows.

    >>> StoreConfig(path="store").type
    'delta'
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str = "delta"
    path: str | None = None
    address: str | None = None
    layout: str | None = None
    fallback_stores: Texts = Field(default_factory=lambda: cast("list[str]", []))
    options: dict[str, str] = Field(default_factory=lambda: cast("dict[str, str]", {}))
    config: dict[str, Any] = Field(default_factory=lambda: cast("dict[str, Any]", {}))

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.path is not None and self.address is not None:
            raise ValueError("a store has a `path` or an `address`, not both")
        if "." in self.type and (self.path or self.address or self.layout or self.options):
            raise ValueError(f"`{self.type}` is a class: what it takes belongs under `config`")
        if self.model_extra and ("." in self.type or self.type in STORE_TYPES):
            names = ", ".join(f"`{name}`" for name in self.model_extra)
            raise ValueError(f"a store of type `{self.type}` has no {names}")
        return self

    @property
    def is_of_the_engine(self) -> bool:
        """Whether the engine alone knows what this type of store takes."""
        return "." not in self.type and self.type not in STORE_TYPES


# Types that have a class of their own. Others are the engine's.
STORE_TYPES: dict[str, str] = {
    "delta": "metalith.stores.delta.DeltaMetadataStore",
    "memory": "metalith.stores.memory.InMemoryMetadataStore",
}


# Types of which the engine knows what they take, and which have a class of their own too.
_CLASSES: dict[str, str] = {
    **STORE_TYPES,
    "duckdb": "metalith.stores.databases.DuckDBMetadataStore",
    "sqlite": "metalith.stores.databases.SQLiteMetadataStore",
    "postgresql": "metalith.stores.databases.PostgreSQLMetadataStore",
}
CONFIGURED = "metalith.stores.configured.ConfiguredMetadataStore"


def store_class(name: str, path: str) -> type[Any]:
    """The class of a store's type, imported."""
    known = _CLASSES.get(path, path if "." in path else CONFIGURED)
    module, _, cls = known.rpartition(".")
    try:
        found: object = getattr(importlib.import_module(module), cls)
    except (ImportError, AttributeError, ValueError) as problem:
        raise InvalidConfigError(
            f"the class `{path}` of store `{name}` cannot be imported: {problem}"
        ) from problem
    if not isinstance(found, type) or not hasattr(found, "from_config"):
        raise InvalidConfigError(f"`{path}`, the type of store `{name}`, is no class of a store")
    return found
