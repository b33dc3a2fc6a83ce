"""What stores in databases have in common."""

from typing import Any, ClassVar, Literal, NoReturn

from metalith.errors import UnsupportedError
from metalith.keys import CoercibleToFeatureKey, coerce_to_feature_key
from metalith.stores import DatabaseMetadataStore
from pydantic import BaseModel, ConfigDict

from metaxy._hashing import HashAlgorithm
from metaxy.metadata_store.fallback import WithFallbacks


class IbisMetadataStoreConfig(BaseModel):
    """What a store in a database is made of in `metaxy.toml`."""

    model_config = ConfigDict(extra="forbid")

    connection_string: str | None = None
    backend: str | None = None
    connection_params: dict[str, Any] | None = None
    table_prefix: str | None = None
    fallback_stores: list[str] | None = None
    hash_algorithm: HashAlgorithm | None = None
    versioning_engine: Literal["auto", "native", "polars"] = "auto"
    auto_create_tables: bool | None = None


class IbisMetadataStore(WithFallbacks, DatabaseMetadataStore):
    """Metalith's stores in databases with the defaults of Metaxy's: they hash with `xxhash32`.

    Metalith speaks to databases through drivers of ADBC: there is no connection of Ibis.
    `versioning_engine="polars"` computes outside of the database. `auto_create_tables` means
    nothing here: tables are made when they are needed.
    """

    backend: ClassVar[str]
    """What Ibis calls the database."""

    def get_table_name(self, key: CoercibleToFeatureKey) -> str:
        """The table of a feature."""
        return coerce_to_feature_key(key).table_name


def refuse(what: str, hint: str) -> NoReturn:
    """Says that something of Metaxy's is not there."""
    raise UnsupportedError(f"{what} is not there", code="metaxy.store", hint=hint)


def refuse_prefix(table_prefix: str | None) -> None:
    """Tables have the names of their features."""
    if table_prefix:
        refuse("a `table_prefix`", "give each set of tables a database or a schema of its own")
