"""What stores in databases have in common."""

from typing import Any, ClassVar, NoReturn

from metalith.errors import InvalidError, StoreNotOpenError, UnsupportedError
from metalith.recorded import recorded_rows
from metalith.stores import DatabaseMetadataStore

from metaxy.metadata_store._calls import MetaxyStore
from metaxy.metadata_store.base import MetadataStoreConfig
from metaxy.metadata_store.system import FEATURE_VERSIONS_KEY


class IbisMetadataStoreConfig(MetadataStoreConfig):
    """What a store in a database is made of in `metaxy.toml`."""

    connection_string: str | None = None
    backend: str | None = None
    connection_params: dict[str, Any] | None = None
    table_prefix: str | None = None


class Connection:
    """What can be asked of the database of an open store.

    Metaxy has a connection of Ibis here. Metalith has none, and answers what does not need one.
    """

    def __init__(self, store: "IbisMetadataStore") -> None:
        self._store = store

    @property
    def name(self) -> str:
        """What Ibis calls the database."""
        return self._store.backend

    def list_tables(self) -> list[str]:
        """The tables of features, and that of what was recorded about them."""
        names = [self._store.get_table_name(key) for key in self._store.list_features()]
        if recorded_rows(self._store):
            names.append(self._store.get_table_name(FEATURE_VERSIONS_KEY))
        return sorted(names)


class IbisMetadataStore(MetaxyStore, DatabaseMetadataStore):
    """Metalith's stores in databases with the defaults of Metaxy's: they hash with `xxhash32`.

    Metalith speaks to databases through drivers of ADBC: there is no connection of Ibis.
    `versioning_engine="polars"` computes outside of the database. `auto_create_tables` means
    nothing here: tables are made when they are needed.
    """

    backend: ClassVar[str]
    """What Ibis calls the database."""

    def _open(self, mode: str) -> None:
        """A hook: what is done before the database is opened."""

    def _open_chain(self, mode: str) -> Any:
        self._open(mode[0])
        return super()._open_chain(mode)

    @property
    def conn(self) -> Connection:
        """The database, while the store is open."""
        if not self.is_open:
            raise StoreNotOpenError(
                f"Ibis connection is not open: {self.display()} is closed",
                code="store.not-open",
                hint="use `with store:`",
            )
        return Connection(self)

    @property
    def _conn(self) -> Connection | None:
        return Connection(self) if self.is_open else None

    @property
    def sqlalchemy_url(self) -> str:
        """The database as SQLAlchemy calls it."""
        raise InvalidError(
            "SQLAlchemy URL not available: the store was made from `connection_params`",
            hint="give it a `connection_string`",
        )

    @classmethod
    def config_model(cls) -> type[IbisMetadataStoreConfig]:
        """What `from_config` takes."""
        return IbisMetadataStoreConfig

    @property
    def _sql_dialect(self) -> str:
        return self.backend

    def _get_filtered_ibis_lazy(self, feature: Any, **options: Any) -> Any:
        return self._read_feature(feature, **options)


def refuse(what: str, hint: str) -> NoReturn:
    """Says that something of Metaxy's is not there."""
    raise UnsupportedError(f"{what} is not there", code="metaxy.store", hint=hint)
