"""Stores in PostgreSQL."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any
from urllib.parse import quote

from metalith import stores
from metalith.errors import InvalidError
from metalith.stores import MetadataStore

from metaxy._hashing import HashAlgorithm
from metaxy.ext.ibis.metadata_store import (
    IbisMetadataStore,
    IbisMetadataStoreConfig,
    refuse,
)

__all__ = ["PostgreSQLMetadataStore", "PostgreSQLMetadataStoreConfig"]


class PostgreSQLMetadataStoreConfig(IbisMetadataStoreConfig):
    """What a store in PostgreSQL is made of in `metaxy.toml`."""

    auto_cast_struct_for_jsonb: bool = True


class PostgreSQLMetadataStore(IbisMetadataStore, stores.PostgreSQLMetadataStore):
    """A store in PostgreSQL, at an address or at what `connection_params` say.

    The parameters are `host`, `port`, `database`, `user`, `password` and `schema`.
    """

    backend = "postgres"

    def __init__(
        self,
        connection_string: str | None = None,
        *,
        connection_params: Mapping[str, Any] | None = None,
        fallback_stores: Sequence[MetadataStore | str] | None = None,
        auto_cast_struct_for_jsonb: bool = True,
        name: str | None = None,
        hash_algorithm: HashAlgorithm | str | None = None,
        versioning_engine: str = "auto",
        auto_create_tables: bool | None = None,
        table_prefix: str | None = None,
        materialization_id: str | None = None,
        actor: str | None = None,
        driver: str | PathLike[str] | None = None,
        options: Mapping[str, object] | None = None,
    ) -> None:
        del auto_cast_struct_for_jsonb, auto_create_tables
        address, found = _place(connection_string, connection_params)
        super().__init__(
            address,
            options={**found, **(options or {})},
            driver=driver,
            table_prefix=table_prefix,
            prefer_native=versioning_engine != "polars",
            name=name,
            hash_algorithm=str(hash_algorithm or HashAlgorithm.XXHASH32),
            materialization_id=materialization_id,
            actor=actor,
        )
        self.connection_string = connection_string
        self._versioning_engine = versioning_engine
        self._fall_back_to(fallback_stores)

    @property
    def sqlalchemy_url(self) -> str:
        """The database as SQLAlchemy calls it."""
        return self.connection_string or super().sqlalchemy_url

    @classmethod
    def config_model(cls) -> type[PostgreSQLMetadataStoreConfig]:
        """What `from_config` takes."""
        return PostgreSQLMetadataStoreConfig


def _place(address: str | None, parameters: Mapping[str, Any] | None) -> tuple[str, dict[str, str]]:
    """Where the database is, and options of it: user, password, schema."""
    given = {key: str(it) for key, it in (parameters or {}).items() if it is not None}
    options = {
        option: given.pop(name)
        for name, option in (("user", "username"), ("password", "password"), ("schema", "schema"))
        if name in given
    }
    if address is not None:
        return address, options
    if not parameters:
        raise InvalidError(
            "Must provide either connection_string or connection_params for PostgreSQL"
        )
    host, port = given.pop("host", "localhost"), given.pop("port", "5432")
    database = given.pop("database", "postgres")
    if given:
        names = ", ".join(f"`{name}`" for name in given)
        refuse(f"{names} of `connection_params`", "write them into the `connection_string`")
    return f"postgresql://{host}:{port}/{quote(database, safe='')}", options
