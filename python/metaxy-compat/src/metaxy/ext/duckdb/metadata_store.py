"""Stores in DuckDB."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from metalith import stores
from metalith.stores import MetadataStore
from pydantic import ConfigDict

from metaxy._hashing import HashAlgorithm
from metaxy.ext.ibis.metadata_store import (
    IbisMetadataStore,
    IbisMetadataStoreConfig,
    refuse,
)

__all__ = ["DuckDBMetadataStore", "DuckDBMetadataStoreConfig", "ExtensionSpec"]


class ExtensionSpec(NamedTuple):
    """An extension of DuckDB, which Metalith does not need."""

    name: str
    repository: str = "core"
    init_sql: Sequence[str] = ()


class DuckDBMetadataStoreConfig(IbisMetadataStoreConfig):
    """What a store in DuckDB is made of in `metaxy.toml`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    database: str | Path
    config: dict[str, str] | None = None
    extensions: Sequence[str | dict[str, Any] | ExtensionSpec] | None = None
    ducklake: dict[str, Any] | None = None


class DuckDBMetadataStore(IbisMetadataStore, stores.DuckDBMetadataStore):
    """A store in a file of DuckDB, or in `:memory:`; `config` are settings of DuckDB.

    `extensions` are not loaded: versions are computed outside of the database.
    """

    backend = "duckdb"

    def __init__(
        self,
        database: str | PathLike[str],
        *,
        config: Mapping[str, object] | None = None,
        extensions: Sequence[str | Mapping[str, Any] | ExtensionSpec] | None = None,
        fallback_stores: Sequence[MetadataStore | str] | None = None,
        ducklake: object = None,
        name: str | None = None,
        hash_algorithm: HashAlgorithm | str | None = None,
        versioning_engine: str = "auto",
        auto_create_tables: bool | None = None,
        table_prefix: str | None = None,
        materialization_id: str | None = None,
        actor: str | None = None,
        driver: str | PathLike[str] | None = None,
    ) -> None:
        del auto_create_tables
        here = "keep metadata in a file, or in a `DeltaMetadataStore`"
        if ducklake is not None:
            refuse("DuckLake", here)
        if str(database).startswith(("md:", "motherduck:")):
            refuse("MotherDuck", here)
        super().__init__(
            database or ":memory:",
            options=config,
            driver=driver,
            table_prefix=table_prefix,
            prefer_native=versioning_engine != "polars",
            name=name,
            hash_algorithm=str(hash_algorithm or HashAlgorithm.XXHASH32),
            materialization_id=materialization_id,
            actor=actor,
        )
        self.database = str(database)
        self.connection_params: dict[str, Any] = {**(config or {}), "database": self.database}
        """What the database is opened with."""
        self.extensions = _specified(extensions or ())
        """What Metaxy would load."""
        self._versioning_engine = versioning_engine
        self._fall_back_to(fallback_stores)

    def _open(self, mode: str) -> None:
        is_remote = "://" in self.database or self.database.startswith(("md:", "motherduck:"))
        is_there = is_remote or (self.database != "" and Path(self.database).is_file())
        self.connection_params.pop("read_only", None)
        if mode == "r" and is_there:
            self.connection_params["read_only"] = True
        super()._open(mode)

    def _load_extensions(self) -> None:
        """Nothing: versions are computed outside of the database."""

    @classmethod
    def config_model(cls) -> type[DuckDBMetadataStoreConfig]:
        """What `from_config` takes."""
        return DuckDBMetadataStoreConfig

    @property
    def sqlalchemy_url(self) -> str:
        """The database as SQLAlchemy calls it."""
        return f"duckdb:///{self.database}"


def _specified(given: Sequence[str | Mapping[str, Any] | ExtensionSpec]) -> list[ExtensionSpec]:
    """Extensions in one form, with the one that hashes."""
    found = [
        ExtensionSpec(it)
        if isinstance(it, str)
        else it
        if isinstance(it, ExtensionSpec)
        else ExtensionSpec(**it)
        for it in given
    ]
    if all(it.name != "hashfuncs" for it in found):
        found.append(ExtensionSpec("hashfuncs", "community"))
    return found
