"""Stores on Delta Lake."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal

from metalith import stores
from metalith.keys import CoercibleToFeatureKey, FeatureKey, coerce_to_feature_key
from metalith.stores import MetadataStore

from metaxy._hashing import HashAlgorithm
from metaxy.metadata_store.fallback import WithFallbacks


class DeltaMetadataStore(WithFallbacks, stores.DeltaMetadataStore):
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
        self._named_fallbacks = tuple(fallback_stores or ())

    @property
    def _is_open(self) -> bool:
        return self.is_open

    @property
    def _mode_stack(self) -> list[str]:
        return [mode[0] for mode, _ in self._opened]

    @property
    def _access_mode(self) -> str | None:
        return self._mode_stack[-1] if self._opened else None

    def _resolve_feature_key(self, feature: CoercibleToFeatureKey) -> FeatureKey:
        return coerce_to_feature_key(feature)

    @property
    def _root_uri(self) -> str:
        return self.root_path

    def _feature_uri(self, feature_key: FeatureKey) -> str:
        between = "/" if self._layout == "nested" else "__"
        return f"{self.root_path}/{between.join(feature_key.parts)}.delta"
