"""Stores in databases."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, TypedDict

from typing_extensions import Self, Unpack

from metalith.keys import CoercibleToFeatureKey, coerce_to_feature_key
from metalith.stores.base import MetadataStore, settings_of
from metalith.stores.configured import ConfiguredMetadataStore


class StoreOptions(TypedDict, total=False):
    """What stores have in common."""

    folder: str | PathLike[str]
    """What relative paths are relative to, by default the working folder."""
    space: str | None
    """Which of several spaces in it the store is."""
    name: str | None
    hash_algorithm: str | None
    materialization_id: str | None
    actor: str | None
    fallback_stores: Sequence[MetadataStore]


class DatabaseOptions(StoreOptions, total=False):
    """What stores in databases have in common."""

    driver: str | PathLike[str] | None
    """An ADBC driver: a library, or the name of a manifest. By default the one that a package in
    this environment has."""
    options: Mapping[str, object] | None
    """Options of the database."""
    prefer_native: bool | None
    """Whether the database finds increments itself, where that gives the same. Yes by default."""
    table_prefix: str | None
    """What the names of all tables of the store begin with: several stores have room in a database.
    Up to 32 lower-case letters, digits and `_`."""


class DatabaseMetadataStore(ConfiguredMetadataStore):
    """A store in a database, one table a feature. Subclasses say in which."""

    database_kind: ClassVar[str]
    """The `type` of such stores in `metalith.toml`."""

    def __init__(
        self,
        where: Mapping[str, Any],
        /,
        *,
        driver: str | PathLike[str] | None = None,
        options: Mapping[str, object] | None = None,
        prefer_native: bool | None = None,
        table_prefix: str | None = None,
        **given: Unpack[StoreOptions],
    ) -> None:
        settings: dict[str, Any] = {"type": self.database_kind, **where}
        if settings["type"] == self.database_kind:
            settings["prefer_native"] = prefer_native
            settings["driver"] = None if driver is None else str(driver)
            settings["options"] = {key: str(value) for key, value in (options or {}).items()}
            settings["table_prefix"] = table_prefix or None
        super().__init__(settings, **given)
        self._table_prefix = table_prefix or ""

    @classmethod
    def from_config(cls, config: Any, **options: Any) -> Self:
        """A store from what its constructor takes, or from the `settings` of `metalith.toml`."""
        given: dict[str, Any] = {**settings_of(config), **options}
        if "settings" not in given:
            made: type[Any] = cls
            return made(**given)
        store = cls.__new__(cls)
        # Where a store is that does not say so, the engine decides.
        ConfiguredMetadataStore.__init__(store, **given)
        store._table_prefix = str(store._settings.get("table_prefix") or "")
        return store

    def get_store_info(self, feature_key: CoercibleToFeatureKey) -> dict[str, Any]:
        """What there is to say about where a feature is; `table_name` is its table."""
        table = self.get_table_name(feature_key)
        return {**super().get_store_info(feature_key), "table_name": table}

    def get_table_name(self, key: CoercibleToFeatureKey) -> str:
        """The table of a feature."""
        return f"{self._table_prefix}{coerce_to_feature_key(key).table_name}"

    def display(self) -> str:
        return f"{type(self).__name__}({super().display()})"


class DuckDBMetadataStore(DatabaseMetadataStore):
    """A store in a file of DuckDB, which one process writes or any number read; or in `:memory:`.

    Also one that Metaxy made: say how that hashes. `pip install duckdb` brings the driver.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with DuckDBMetadataStore(f"{folder}/metadata.duckdb").open("write") as store:
    ...         store.list_features()
    []
    """

    database_kind = "duckdb"

    def __init__(self, database: str | PathLike[str], **given: Unpack[DatabaseOptions]) -> None:
        super().__init__(_file(database), **given)


class SQLiteMetadataStore(DatabaseMetadataStore):
    """A store in a file of SQLite, or in `:memory:`. Many processes read it, one at a time writes.

    `pip install adbc-driver-sqlite` brings the driver.
    """

    database_kind = "sqlite"

    def __init__(self, database: str | PathLike[str], **given: Unpack[DatabaseOptions]) -> None:
        super().__init__(_file(database), **given)


class PostgreSQLMetadataStore(DatabaseMetadataStore):
    """A store in PostgreSQL: `address` is such as `postgresql://anna@host/database`.

    Option `schema` says in which schema, `username` and `password` need not stand in the address.
    `pip install adbc-driver-postgresql` brings the driver.
    """

    database_kind = "postgresql"

    def __init__(self, address: str, **given: Unpack[DatabaseOptions]) -> None:
        super().__init__({"address": address}, **given)


def _file(database: str | PathLike[str]) -> dict[str, str]:
    text = str(database)
    # What is in memory nobody but the store ever sees: the engine keeps it itself.
    return {"type": "memory"} if text == ":memory:" else {"path": str(Path(text).expanduser())}
