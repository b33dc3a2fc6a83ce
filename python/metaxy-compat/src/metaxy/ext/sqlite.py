"""Stores in SQLite, as they were before November 2025."""

from collections.abc import Sequence
from os import PathLike

from metalith import stores
from metalith.stores import MetadataStore

from metaxy._hashing import HashAlgorithm
from metaxy.ext.ibis.metadata_store import IbisMetadataStore

__all__ = ["SQLiteMetadataStore"]


class SQLiteMetadataStore(IbisMetadataStore, stores.SQLiteMetadataStore):
    """A store in a file of SQLite, or in `:memory:`."""

    backend = "sqlite"

    def __init__(
        self,
        database: str | PathLike[str],
        *,
        fallback_stores: Sequence[MetadataStore | str] | None = None,
        name: str | None = None,
        hash_algorithm: HashAlgorithm | str | None = None,
        auto_create_tables: bool | None = None,
        table_prefix: str | None = None,
        materialization_id: str | None = None,
        actor: str | None = None,
        driver: str | PathLike[str] | None = None,
    ) -> None:
        del auto_create_tables
        super().__init__(
            database,
            driver=driver,
            table_prefix=table_prefix,
            name=name,
            hash_algorithm=str(hash_algorithm or HashAlgorithm.XXHASH32),
            materialization_id=materialization_id,
            actor=actor,
        )
        self.database = str(database)
        self._fall_back_to(fallback_stores)

    @property
    def sqlalchemy_url(self) -> str:
        """The database as SQLAlchemy calls it."""
        return f"sqlite:///{self.database}"
