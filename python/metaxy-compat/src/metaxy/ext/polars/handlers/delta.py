"""Stores on Delta Lake."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from metalith import stores
from metalith.keys import FeatureKey
from metalith.stores import MetadataStore

from metaxy._hashing import HashAlgorithm
from metaxy.metadata_store._calls import MetaxyStore
from metaxy.metadata_store.base import MetadataStoreConfig


class DeltaMetadataStoreConfig(MetadataStoreConfig):
    """What a store on Delta Lake is made of in `metaxy.toml`."""

    root_path: str | Path
    storage_options: dict[str, Any] | None = None
    layout: Literal["nested", "flat"] = "nested"
    delta_write_options: dict[str, Any] | None = None


class DeltaMetadataStore(MetaxyStore, stores.DeltaMetadataStore):
    """Metalith's store with the defaults of Metaxy's: it hashes with `xxhash32`.

    `versioning_engine`, `auto_create_tables` and `delta_write_options` mean nothing here: there is
    one engine, and tables are made when they are needed.
    """

    def __init__(
        self,
        root_path: str | PathLike[str],
        *,
        storage_options: Mapping[str, Any] | None = None,
        layout: Literal["nested", "flat"] = "nested",
        fallback_stores: Sequence[MetadataStore | str] | None = None,
        delta_write_options: Mapping[str, Any] | None = None,
        name: str | None = None,
        hash_algorithm: HashAlgorithm | str | None = None,
        versioning_engine: str = "auto",
        auto_create_tables: bool | None = None,
        materialization_id: str | None = None,
        actor: str | None = None,
    ) -> None:
        del delta_write_options, auto_create_tables
        super().__init__(
            root_path,
            storage_options=storage_options,
            layout=layout,
            name=name,
            hash_algorithm=str(hash_algorithm or HashAlgorithm.XXHASH32),
            materialization_id=materialization_id,
            actor=actor,
        )
        self._versioning_engine = versioning_engine
        self._fall_back_to(fallback_stores)

    @classmethod
    def config_model(cls) -> type[DeltaMetadataStoreConfig]:
        """What `from_config` takes."""
        return DeltaMetadataStoreConfig

    def display(self) -> str:
        """What it is, for people."""
        return f"DeltaMetadataStore(path={self._root_uri})"

    @property
    def settings(self) -> dict[str, Any]:
        """What `metalith.toml` would say of it."""
        place = {"address": self._root, "layout": self._layout}
        return {"type": "delta", **place, "options": self._options}

    @property
    def _root_uri(self) -> str:
        return self.root_path

    def _feature_uri(self, feature_key: FeatureKey) -> str:
        return self._table(feature_key)
