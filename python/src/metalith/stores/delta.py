"""Stores on Delta Lake, in a folder or in object storage."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from metalith import _metalith
from metalith.keys import CoercibleToFeatureKey, coerce_to_feature_key
from metalith.stores.base import MetadataStore


class DeltaMetadataStore(MetadataStore):
    """One Delta table a feature, below a folder or a bucket. Any number of processes may write.

    `root_path` is a folder or an address such as `s3://bucket/prefix`; `storage_options` are those
    of the object storage. With `layout="nested"` feature `a/b` is at `a/b.delta`, with `"flat"` at
    `a__b.delta`. A store records how it hashes when it is made; `hash_algorithm` is needed only
    for one that another system wrote.
    """

    def __init__(
        self,
        root_path: str | PathLike[str],
        *,
        storage_options: Mapping[str, str] | None = None,
        layout: Literal["nested", "flat"] = "nested",
        name: str | None = None,
        hash_algorithm: str | None = None,
        materialization_id: str | None = None,
        actor: str | None = None,
        fallback_stores: Sequence[MetadataStore] = (),
    ) -> None:
        super().__init__(
            name=name,
            hash_algorithm=hash_algorithm,
            materialization_id=materialization_id,
            actor=actor,
            fallback_stores=fallback_stores,
        )
        text = str(root_path)
        self._root = text if "://" in text else str(Path(text).expanduser().absolute())
        self._options = {key: str(value) for key, value in (storage_options or {}).items()}
        self._layout = layout

    @property
    def root_path(self) -> str:
        """The folder or address."""
        return self._root

    def get_store_info(self, feature_key: CoercibleToFeatureKey) -> dict[str, Any]:
        """What there is to say about where a feature is; `uri` is that of its table."""
        return {**super().get_store_info(feature_key), "uri": self._table(feature_key)}

    def _table(self, feature: CoercibleToFeatureKey) -> str:
        between = "/" if self._layout == "nested" else "__"
        name = between.join(coerce_to_feature_key(feature).parts)
        return f"{self._root.rstrip('/')}/{name}.delta"

    def _place(self) -> _metalith.Place:
        return _metalith.Place.delta(self._root, self._options, self._layout)

    def _identity(self) -> object:
        return (self._root, self._layout)

    def _object_options(self) -> dict[str, dict[str, str]]:
        scheme, separator, rest = self._root.partition("://")
        if not separator:
            return {}
        # Objects in the store's own bucket need no options of their own.
        return {f"{scheme}://{rest.partition('/')[0]}": self._options}

    def display(self) -> str:
        return f"{type(self).__name__}(path={self._root}, layout={self._layout})"
